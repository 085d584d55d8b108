// The oscillator inside an iCE40 UltraPlus: 24 MHz, give or take a tenth, from the moment the chip is configured.
//
// With SYNTHESIS an SB_HFOSC; its twin stands still, and a test bench moves `level` by hand.
`default_nettype none
module oscillator_up5k (
    output wire o_clk
);
`ifdef SYNTHESIS
    SB_HFOSC #(.CLKHF_DIV("0b01")) block (.CLKHFPU(1'b1), .CLKHFEN(1'b1), .CLKHF(o_clk));
`else
    reg level = 1'b0;
    assign o_clk = level;
`endif
endmodule
`default_nettype wire
