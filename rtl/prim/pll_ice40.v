// The PLL of an iCE40: o_clk is i_reference times (DIVF + 1) / ((DIVR + 1) * 2^DIVQ). `icepll -i MHZ -o MHZ` finds the numbers.
//
// With SYNTHESIS an SB_PLL40; its twin models no frequency: o_clk is i_reference, and o_locked comes after 16 cycles of it.
// DIVR, DIVF, DIVQ, FILTER_RANGE   as icepll says
// PAD                              1: i_reference is the pin that belongs to the PLL; 0: any other pin
`default_nettype none
module pll_ice40 #(
    /* verilator lint_off UNUSEDPARAM */ // used when SYNTHESIS is defined
    parameter [3:0] DIVR         = 4'd0,
    parameter [6:0] DIVF         = 7'd0,
    parameter [2:0] DIVQ         = 3'd0,
    parameter [2:0] FILTER_RANGE = 3'd1,
    parameter       PAD          = 1
    /* verilator lint_on UNUSEDPARAM */
) (
    input  wire i_reference,
    output wire o_clk,
    output wire o_locked               // asynchronous
);
`ifdef SYNTHESIS
    generate
        if (PAD != 0) begin : g_pad
            SB_PLL40_PAD #(
                .FEEDBACK_PATH("SIMPLE"), .DIVR(DIVR), .DIVF(DIVF), .DIVQ(DIVQ), .FILTER_RANGE(FILTER_RANGE)
            ) block (.PACKAGEPIN(i_reference), .PLLOUTGLOBAL(o_clk), .LOCK(o_locked), .RESETB(1'b1), .BYPASS(1'b0));
        end else begin : g_core
            SB_PLL40_CORE #(
                .FEEDBACK_PATH("SIMPLE"), .DIVR(DIVR), .DIVF(DIVF), .DIVQ(DIVQ), .FILTER_RANGE(FILTER_RANGE)
            ) block (.REFERENCECLK(i_reference), .PLLOUTGLOBAL(o_clk), .LOCK(o_locked), .RESETB(1'b1), .BYPASS(1'b0));
        end
    endgenerate
`else
    reg [4:0] cycles = 5'd0;
    always @(posedge i_reference) if (!cycles[4]) cycles <= cycles + 5'd1;
    assign o_clk    = i_reference;
    assign o_locked = cycles[4];
`endif
endmodule
`default_nettype wire
