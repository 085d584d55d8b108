// What an answer is made of: shared by frame_commands, which orders answers, and frame_answer, which composes them.
localparam [2:0] KIND_ACK   = 3'd0,
                 KIND_NAK   = 3'd1,
                 KIND_DONE  = 3'd2,
                 KIND_CAPS  = 3'd3,   // the capability descriptor
                 KIND_COUNT = 3'd4,   // the event counters
                 KIND_READ  = 3'd5;   // activation words
