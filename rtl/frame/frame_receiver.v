// Finds frames in a byte stream and checks them (PROTOCOL.md). Stores no payload: its bytes go on as they arrive and
// the verdict follows behind the last one, so whoever takes them must be able to take back what they did.
//
// o_active rises when a header has passed its check; type, sequence and length then hold until i_release. The payload's
// bytes follow under valid / ready, then o_end with the verdict o_good: the checksum was right. A frame of another protocol
// version ends at its header (o_foreign, o_end). Nothing more is taken from the link between o_end and i_release.
// Silence of TIMEOUT cycles ends a frame (o_end without o_good) or drops an unfinished header.
// A byte a cycle. Legal: TIMEOUT a power of two, 2 to 2^31.
`default_nettype none
`include "protocol.vh"

module frame_receiver #(
    parameter TIMEOUT = 4194304
) (
    input  wire        i_clk,
    input  wire        i_reset,
    // Link
    input  wire        i_rx_valid,
    output wire        o_rx_ready,
    input  wire [7:0]  i_rx_data,
    // Header
    output wire        o_active,
    output reg         o_foreign,
    output reg  [7:0]  o_type,
    output reg  [7:0]  o_sequence,
    output wire [10:0] o_length,
    // Payload
    output wire        o_payload_valid,
    input  wire        i_payload_ready,
    output wire [7:0]  o_payload_data,
    // Verdict
    output wire        o_end,
    output wire        o_good,
    input  wire        i_release       // the frame has been dealt with: on to the next
);
    localparam [2:0] HUNT    = 3'd0,   // waits for SYNC
                     HEADER  = 3'd1,   // the seven bytes behind SYNC
                     PAYLOAD = 3'd2,
                     TRAILER = 3'd3,   // the checksum
                     END     = 3'd4;   // the verdict stands, waits for i_release

    localparam [15:0] PAYLOAD_MAX   = `ESPALIER_PAYLOAD_MAX;
    localparam [10:0] HEADER_BYTES  = `ESPALIER_HEADER_BYTES - 1;  // behind SYNC
    localparam [10:0] TRAILER_BYTES = `ESPALIER_TRAILER_BYTES;
    localparam [7:0]  VERSION       = `ESPALIER_VERSION;

    localparam SILENCE_BITS = $clog2(TIMEOUT);

    reg  [2:0]              state;
    reg  [10:0]             left;      // bytes to come in this part of the frame
    reg  [15:0]             length;
    reg                     intact;    // every check byte so far was right
    reg  [SILENCE_BITS:0]   silence;   // cycles, the top bit is TIMEOUT

    wire [7:0]  crc;
    wire taken    = i_rx_valid && o_rx_ready;
    wire last     = left == 11'd1;
    wire in_frame = state == HEADER || state == PAYLOAD || state == TRAILER;
    wire silent   = silence[SILENCE_BITS];

    assign o_rx_ready      = state == PAYLOAD ? i_payload_ready : state != END;
    assign o_payload_valid = state == PAYLOAD && i_rx_valid;
    assign o_payload_data  = i_rx_data;
    assign o_active        = state == PAYLOAD || state == TRAILER || state == END;
    assign o_length        = length[10:0];
    assign o_end           = state == END;
    assign o_good          = intact;

    // The header check's second byte meets a state that the first one has been fed to: see crc32
    wire check_high  = state == HEADER && left[2:0] == 3'd1;
    wire check_low   = state == HEADER && left[2:0] == 3'd2;
    wire check_right = (i_rx_data ^ crc) == (check_high ? 8'hFF ^ 8'h8D : 8'hFF);

    reg  too_long;                     // decided while the check bytes arrive
    always @(posedge i_clk) too_long <= length > PAYLOAD_MAX;

    crc32 crc_unit (
        .i_clk(i_clk), .i_clear(state == END || (state == HUNT && !(taken && i_rx_data == `ESPALIER_SYNC))),
        .i_shift(taken && state == TRAILER), .i_feed(taken), .i_data(i_rx_data), .i_relative(1'b0), .o_low(crc)
    );

    always @(posedge i_clk)
        if (i_reset) state <= HUNT;
        else case (state)
            HUNT:    if (taken && i_rx_data == `ESPALIER_SYNC) state <= HEADER;
            HEADER:  if (taken && last) begin
                         if (!(intact && check_right)) state <= HUNT;
                         else if (o_foreign)           state <= END;
                         else if (too_long)            state <= HUNT;
                         else                          state <= length == 16'd0 ? TRAILER : PAYLOAD;
                     end else if (silent) state <= HUNT;
            PAYLOAD: if (taken && last) state <= TRAILER;
                     else if (silent)   state <= END;
            TRAILER: if ((taken && last) || silent) state <= END;
            END:     if (i_release) state <= HUNT;
            default: state <= HUNT;
        endcase

    always @(posedge i_clk)
        if (state == HUNT)
            left <= HEADER_BYTES;
        else if (taken)
            left <= !last                                    ? left - 11'd1
                  : state == HEADER && length[10:0] != 11'd0 ? length[10:0] : TRAILER_BYTES;

    always @(posedge i_clk)
        if (state == HUNT)
            intact <= 1'b1;
        else if (silent && !taken)
            intact <= 1'b0;
        else if (taken && (check_low || check_high || state == TRAILER) && !check_right)
            intact <= 1'b0;

    always @(posedge i_clk)
        if (taken && state == HEADER) begin
            if (left[2:0] == 3'd7) o_type       <= i_rx_data;
            if (left[2:0] == 3'd6) o_sequence   <= i_rx_data;
            if (left[2:0] == 3'd5) o_foreign    <= i_rx_data != VERSION;
            if (left[2:0] == 3'd4) length[7:0]  <= i_rx_data;
            if (left[2:0] == 3'd3) length[15:8] <= i_rx_data;
        end

    // Silence counts only while the link could go on; a byte held back by the payload's taker is none
    always @(posedge i_clk)
        if (!in_frame || taken || !o_rx_ready) silence <= {SILENCE_BITS+1{1'b0}};
        else if (!silent)                      silence <= silence + 1'b1;
endmodule

`default_nettype wire
