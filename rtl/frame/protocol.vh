// The numbers of the frame protocol, the layer descriptor, the capability
// descriptor and the event counters. This file is their one home: the host's
// <espalier/protocol.h> is made from it (scripts/protocol-header), so every line
// is `define NAME literal // meaning`, with decimal or 8'h literals only.
// PROTOCOL.md beside this file says how they are used.

// ---- Frame: SYNC TYPE SEQUENCE VERSION LENGTH(2) HEADER_CHECK(2) payload[LENGTH] CRC32(4)
`define ESPALIER_SYNC                 8'hE5 // first byte of every frame
`define ESPALIER_VERSION              1     // protocol version, carried by every frame
`define ESPALIER_HEADER_BYTES         8     // bytes before the payload
`define ESPALIER_TRAILER_BYTES        4     // CRC-32 after the payload
`define ESPALIER_PAYLOAD_MAX          1024  // longest payload, bytes

// ---- Requests (host to device)
`define ESPALIER_REQ_HELLO            8'h01 // no payload; takes over this frame's sequence number; answered DATA: capability descriptor
`define ESPALIER_REQ_RESET            8'h02 // no payload; aborts a run, forgets weights and layers; takes over this frame's sequence number
`define ESPALIER_REQ_LAYERS           8'h03 // first layer index (1), zero (1), then whole layer descriptors
`define ESPALIER_REQ_ACTIVATIONS      8'h04 // word address (2), slot (1), zero (1), then one byte a word
`define ESPALIER_REQ_WEIGHTS_REWIND   8'h05 // no payload; forgets the resident weight stream
`define ESPALIER_REQ_WEIGHTS          8'h06 // the next bytes of the weight stream, a multiple of 4
`define ESPALIER_REQ_RUN              8'h07 // layers (1), slots in use (1), streamed (1: 0 resident, 1 streamed), zero (1)
`define ESPALIER_REQ_READ             8'h08 // word address (2), words (2); answered DATA: POSITIONS bytes a word
`define ESPALIER_REQ_COUNTERS         8'h09 // no payload; answered DATA: the event counters, 4 bytes each

// ---- Responses (device to host), sequence number of the request they answer
`define ESPALIER_RSP_ACK              8'h81 // no payload: done (RUN: started)
`define ESPALIER_RSP_NAK              8'h82 // error (1), sequence number expected next (1)
`define ESPALIER_RSP_DATA             8'h83 // the answer of a request that reads
`define ESPALIER_RSP_DONE             8'h84 // run status (1): a run has ended; sequence number of its RUN

// ---- Errors of a NAK
`define ESPALIER_NAK_CRC              1     // payload damaged, or broken off (device saw silence inside a frame)
`define ESPALIER_NAK_SEQUENCE         2     // not the sequence number expected: nothing was done
`define ESPALIER_NAK_TYPE             3     // unknown request or wrong protocol version
`define ESPALIER_NAK_LENGTH           4     // payload length does not suit the request
`define ESPALIER_NAK_RANGE            5     // address, layer or slot count out of range
`define ESPALIER_NAK_BUSY             6     // a run is under way and this request cannot be served beside it
`define ESPALIER_NAK_SPACE            7     // no room for these weights, and no run that would make room

// ---- Run status of a DONE
`define ESPALIER_RUN_OK               0     // all layers computed
`define ESPALIER_RUN_UNDERRUN         1     // the resident weight stream ended inside a layer
`define ESPALIER_RUN_BAD_STREAM       2     // a column index or entry count left its layer
`define ESPALIER_RUN_BAD_LAYER        3     // a layer descriptor that this build cannot run

// ---- Layer descriptor: ESPALIER_LAYER_WORDS words of 16 bits, little-endian
`define ESPALIER_LAYER_WORDS          20
`define ESPALIER_LAYER_FORMAT         0     // [1:0] format, [4] relu, [5] raw accumulators out, [7] codebook present, [11:8] value bits
`define ESPALIER_LAYER_WIDTHS         1     // [3:0] gap bits, [7:4] count bits, [12:8] bias bits (0 to 16)
`define ESPALIER_LAYER_POOL           2     // [4:0] bias shift, [10:8] pool edge (1 to 4)
`define ESPALIER_LAYER_ROWS           3     // rows M, 1 to 65535
`define ESPALIER_LAYER_COLUMNS        4     // columns K before the keep list, 1 to table depth
`define ESPALIER_LAYER_KERNEL         5     // [7:0] kernel width, [15:8] kernel height
`define ESPALIER_LAYER_IN_ROW         6     // input row pitch, words
`define ESPALIER_LAYER_IN_CHANNEL     7     // input channel pitch, words
`define ESPALIER_LAYER_IN_BASE        8     // word address of the first window's first activation
`define ESPALIER_LAYER_STEP_X         9     // words from a position to the next in x
`define ESPALIER_LAYER_STEP_Y         10    // words from a position to the next in y
`define ESPALIER_LAYER_POOL_STEP_X    11    // STEP_X times the pool edge
`define ESPALIER_LAYER_POOL_STEP_Y    12    // STEP_Y times the pool edge
`define ESPALIER_LAYER_OUT_SIZE       13    // [7:0] pooled output width, [15:8] pooled output height
`define ESPALIER_LAYER_OUT_BASE       14    // word address of row 0's first output
`define ESPALIER_LAYER_OUT_ROW        15    // output row pitch, words
`define ESPALIER_LAYER_OUT_CHANNEL    16    // output channel pitch, words (raw: ESPALIER_RAW_BYTES)
`define ESPALIER_LAYER_CLEAR_BASE     17    // first word to zero before the layer (halo of the output)
`define ESPALIER_LAYER_CLEAR_WORDS    18    // words to zero, 0 for none
`define ESPALIER_LAYER_KEPT           19    // columns kept, K' (dense and gap: K)
`define ESPALIER_RAW_BYTES            3     // words that one raw accumulator takes, least significant byte first

// ---- Sparsity formats
`define ESPALIER_FORMAT_DENSE         0
`define ESPALIER_FORMAT_STRUCTURED    1
`define ESPALIER_FORMAT_GAP           2

// ---- Capability descriptor: ESPALIER_CAPS_WORDS words of 32 bits, little-endian
`define ESPALIER_CAPS_WORDS           16
`define ESPALIER_CAPS_MAGIC           0     // the bytes "ESPL"
`define ESPALIER_CAPS_LANES           1     // output rows computed at once
`define ESPALIER_CAPS_POSITIONS       2     // slots of an activation word
`define ESPALIER_CAPS_PORTS           3     // activation reads a cycle: 1, or LANES
`define ESPALIER_CAPS_ACT_WORDS       4     // activation memory, words of POSITIONS bytes
`define ESPALIER_CAPS_WEIGHT_BYTES    5     // weight memory, bytes
`define ESPALIER_CAPS_LAYERS          6     // layer descriptors held
`define ESPALIER_CAPS_TABLE_DEPTH     7     // columns of a layer at the most
`define ESPALIER_CAPS_LIST_DEPTH      8     // steps a row group may have, shared-index formats
`define ESPALIER_CAPS_PRIVATE_DEPTH   9     // steps a row group may have in each port, private-index formats
`define ESPALIER_CAPS_FORMATS         10    // bit n: format n is built
`define ESPALIER_CAPS_ACC_BITS        11    // accumulator width
`define ESPALIER_CAPS_DRAIN           12    // results requantized a cycle
`define ESPALIER_CAPS_CLOCK_KHZ       13    // core clock as built, 0 if simulated
`define ESPALIER_CAPS_PAYLOAD_MAX     14    // longest payload the device takes
`define ESPALIER_CAPS_COUNTERS        15    // event counters it has

// ---- Event counters, 32 bits each; all but the link's count during runs and are zeroed by RUN
`define ESPALIER_COUNTERS             18
`define ESPALIER_COUNT_CYCLES         0     // cycles from the start of the run to its end
`define ESPALIER_COUNT_BUSY           1     // cycles in which the array took a step
`define ESPALIER_COUNT_STALL_SETUP    2     // array idle: layer prologue, column table, clearing, last drain of a layer
`define ESPALIER_COUNT_STALL_DECODE   3     // array idle: waits for a row group being decoded
`define ESPALIER_COUNT_STALL_STREAM   4     // array idle: waits for a row group whose weights have not arrived
`define ESPALIER_COUNT_STALL_DRAIN    5     // array idle: waits for the drain
`define ESPALIER_COUNT_STALL_PORT     6     // array idle: the activation memory's port is writing
`define ESPALIER_COUNT_MULTIPLIES     7     // multiplications of slots in use with a stored weight
`define ESPALIER_COUNT_FILLERS        8     // fillers decoded
`define ESPALIER_COUNT_ACT_READS      9     // activation words read by the array
`define ESPALIER_COUNT_ACT_WRITES     10    // activation words written by the drain and by clearing
`define ESPALIER_COUNT_VALUE_BITS     11    // weight stream bits taken as values
`define ESPALIER_COUNT_INDEX_BITS     12    // weight stream bits taken as gaps (fillers included)
`define ESPALIER_COUNT_OTHER_BITS     13    // weight stream bits taken as anything else
`define ESPALIER_COUNT_ACC_UPDATES    14    // accumulator updates of slots in use
`define ESPALIER_COUNT_LIST_READS     15    // step-list entries read (one a lane and step)
`define ESPALIER_COUNT_LINK_IN        16    // bytes taken from the link since HELLO or RESET
`define ESPALIER_COUNT_LINK_OUT       17    // bytes given to the link since HELLO or RESET
