// Bytes to an asynchronous line: a start bit (0), eight bits, least significant first, a stop bit (1). Back to back if there are more.
//
// No byte begins while i_hold is high (the other side is not ready); one that has begun is sent.
// DIVIDER   cycles a bit, 2 or more
`default_nettype none

module uart_transmitter #(
    parameter DIVIDER = 10
) (
    input  wire       i_clk,
    input  wire       i_reset,
    input  wire       i_valid,
    output wire       o_ready,
    input  wire [7:0] i_data,
    input  wire       i_hold,
    output reg        o_tx
);
    localparam BITS = $clog2(DIVIDER);
    localparam [31:0] WHOLE = DIVIDER - 1;

    reg [BITS-1:0] left;               // cycles of the bit on the line
    reg [3:0]      count;              // bits to come behind it
    reg [8:0]      shift;              // next one at the bottom; filled with stop bits
    wire           bit_end = left == {BITS{1'b0}};
    wire           idle    = bit_end && count == 4'd0;
    wire           start   = i_valid && o_ready;

    assign o_ready = idle && !i_hold;

    always @(posedge i_clk)
        if (i_reset)                left <= {BITS{1'b0}};
        else if (start || !idle)    left <= bit_end ? WHOLE[BITS-1:0] : left - 1'b1;

    always @(posedge i_clk)
        if (i_reset)               count <= 4'd0;
        else if (start)            count <= 4'd9;
        else if (bit_end && !idle) count <= count - 4'd1;

    always @(posedge i_clk)
        if (start)        shift <= {1'b1, i_data};
        else if (bit_end) shift <= {1'b1, shift[8:1]};

    always @(posedge i_clk)
        if (i_reset)                o_tx <= 1'b1;
        else if (start)             o_tx <= 1'b0;
        else if (bit_end && !idle) o_tx <= shift[0];
endmodule

`default_nettype wire
