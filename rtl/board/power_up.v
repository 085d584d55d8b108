// The reset of one clock from power-up on: asserted until i_locked has been high for 1,024 cycles, and again when it falls.
//
// Longer than the few microseconds that block RAMs of an iCE40 are known to need after configuration. The initial values are those that a bitstream gives the flip-flops of
// an iCE40 and of an ECP5; it is they that make the reset asserted before the clock's first edge.
`default_nettype none
module power_up (
    input  wire i_clk,
    input  wire i_locked,              // asynchronous; the clock may stand still or be wrong without it
    output wire o_reset
);
    reg [1:0]  locked = 2'b00;
    reg [10:0] cycles = 11'd0;
    always @(posedge i_clk) locked <= {locked[0], i_locked};
    always @(posedge i_clk)
        if (!locked[1])       cycles <= 11'd0;
        else if (!cycles[10]) cycles <= cycles + 11'd1;
    assign o_reset = !cycles[10];
endmodule
`default_nettype wire
