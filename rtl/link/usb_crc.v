// A cyclic redundancy check of USB (8.3.5), bit by bit in the order of the wire.
//
// o_right says that the bits fed since i_clear end in their own check. o_top is the top bit of the register; the check itself is
// sent by sending its inverse and feeding o_top, which only shifts the register, WIDTH times.
// WIDTH, POLYNOMIAL, RESIDUAL   5, 5'h05, 5'h0C for tokens; 16, 16'h8005, 16'h800D for data
`default_nettype none

module usb_crc #(
    parameter             WIDTH      = 16,
    parameter [WIDTH-1:0] POLYNOMIAL = 16'h8005,
    parameter [WIDTH-1:0] RESIDUAL   = 16'h800D   // what remains of a message and its check
) (
    input  wire i_clk,
    input  wire i_clear,               // goes before i_feed
    input  wire i_feed,
    input  wire i_bit,
    output wire o_top,
    output wire o_right
);
    reg [WIDTH-1:0] state;
    always @(posedge i_clk)
        if (i_clear)     state <= {WIDTH{1'b1}};
        else if (i_feed) state <= {state[WIDTH-2:0], 1'b0} ^ (POLYNOMIAL & {WIDTH{i_bit ^ state[WIDTH-1]}});

    assign o_top   = state[WIDTH-1];
    assign o_right = state == RESIDUAL;
endmodule

`default_nettype wire
