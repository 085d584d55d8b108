// Wraps a payload into a frame (PROTOCOL.md): header, payload, checksum.
//
// i_start (while o_idle) begins a frame; i_type, i_sequence and i_length hold until o_idle is back. The payload's bytes are
// asked for with o_payload_ready; o_in_payload says that at least one is still wanted. A byte a cycle.
`default_nettype none
`include "protocol.vh"

module frame_sender (
    input  wire        i_clk,
    input  wire        i_reset,
    // Frame
    input  wire        i_start,
    output wire        o_idle,
    input  wire [7:0]  i_type,
    input  wire [7:0]  i_sequence,
    input  wire [10:0] i_length,
    // Payload
    output wire        o_in_payload,
    input  wire        i_payload_valid,
    output wire        o_payload_ready,
    input  wire [7:0]  i_payload_data,
    // Link
    output wire        o_tx_valid,
    input  wire        i_tx_ready,
    output wire [7:0]  o_tx_data
);
    localparam [1:0] IDLE    = 2'd0,
                     HEADER  = 2'd1,
                     PAYLOAD = 2'd2,
                     TRAILER = 2'd3;   // the checksum

    localparam [10:0] HEADER_BYTES  = `ESPALIER_HEADER_BYTES;
    localparam [10:0] TRAILER_BYTES = `ESPALIER_TRAILER_BYTES;
    localparam [7:0]  VERSION       = `ESPALIER_VERSION;

    reg  [1:0]  state;
    reg  [10:0] left;                  // bytes to go in this part of the frame
    wire [7:0]  crc;
    wire        given = o_tx_valid && i_tx_ready;
    wire        last  = left == 11'd1;
    wire        empty = i_length == 11'd0;

    assign o_idle          = state == IDLE;
    assign o_in_payload    = state == PAYLOAD;
    assign o_payload_ready = state == PAYLOAD && i_tx_ready;
    assign o_tx_valid      = state == PAYLOAD ? i_payload_valid : state != IDLE;

    // A byte, or how it differs from crc: checksum and header check, the latter's high byte by what crc32 says
    wire check = state == HEADER ? left[2:0] == 3'd2 || left[2:0] == 3'd1 : state != PAYLOAD;

    reg [7:0] data;

    always @(*)
        case (state)
            HEADER:  case (left[2:0])
                         3'd0:    data = `ESPALIER_SYNC;
                         3'd7:    data = i_type;
                         3'd6:    data = i_sequence;
                         3'd5:    data = VERSION;
                         3'd4:    data = i_length[7:0];
                         3'd3:    data = {5'd0, i_length[10:8]};
                         3'd2:    data = 8'hFF;
                         default: data = 8'hFF ^ 8'h8D;
                     endcase
            PAYLOAD: data = i_payload_data;
            default: data = 8'hFF;
        endcase

    assign o_tx_data = data ^ (crc & {8{check}});

    crc32 crc_unit (
        .i_clk(i_clk), .i_clear(state == IDLE), .i_shift(given && state == TRAILER), .i_feed(given),
        .i_data(data), .i_relative(check), .o_low(crc)
    );

    always @(posedge i_clk)
        if (i_reset) state <= IDLE;
        else case (state)
            IDLE:    if (i_start)       state <= HEADER;
            HEADER:  if (given && last) state <= empty ? TRAILER : PAYLOAD;
            PAYLOAD: if (given && last) state <= TRAILER;
            default: if (given && last) state <= IDLE;
        endcase

    always @(posedge i_clk)
        if (state == IDLE) left <= HEADER_BYTES;
        else if (given)    left <= !last ? left - 11'd1 : state == HEADER && !empty ? i_length : TRAILER_BYTES;
endmodule

`default_nettype wire
