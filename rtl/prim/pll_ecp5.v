// The PLL of an ECP5 with two outputs. With V = i_reference / REFERENCE_DIV * FEEDBACK_DIV * CORE_DIV (400 to 800 MHz),
// o_clk is V / CORE_DIV and o_usb_clk V / USB_DIV. `ecppll -i MHZ -o MHZ --clkout1 MHZ` finds such numbers.
//
// With SYNTHESIS an EHXPLLL; its twin models no frequency: both clocks are i_reference, and o_locked comes after 16 cycles of it.
`default_nettype none
module pll_ecp5 #(
    /* verilator lint_off UNUSEDPARAM */ // used when SYNTHESIS is defined
    parameter REFERENCE_DIV = 1,
    parameter FEEDBACK_DIV  = 1,
    parameter CORE_DIV      = 8,
    parameter USB_DIV       = 8
    /* verilator lint_on UNUSEDPARAM */
) (
    input  wire i_reference,
    output wire o_clk,
    output wire o_usb_clk,
    output wire o_locked               // asynchronous
);
`ifdef SYNTHESIS
    // The loop filter's attributes are those that ecppll writes
    (* ICP_CURRENT = "12", LPF_RESISTOR = "8", MFG_ENABLE_FILTEROPAMP = "1", MFG_GMCREF_SEL = "2" *)
    EHXPLLL #(
        .CLKI_DIV(REFERENCE_DIV), .CLKFB_DIV(FEEDBACK_DIV), .FEEDBK_PATH("CLKOP"),
        .CLKOP_ENABLE("ENABLED"), .CLKOP_DIV(CORE_DIV), .CLKOP_CPHASE(CORE_DIV / 2 - 1), .CLKOP_FPHASE(0),
        .CLKOS_ENABLE("ENABLED"), .CLKOS_DIV(USB_DIV), .CLKOS_CPHASE(CORE_DIV / 2 - 1), .CLKOS_FPHASE(0)
    ) block (
        .CLKI(i_reference), .CLKFB(o_clk), .CLKOP(o_clk), .CLKOS(o_usb_clk), .LOCK(o_locked),
        .RST(1'b0), .STDBY(1'b0), .PLLWAKESYNC(1'b0), .ENCLKOP(1'b0), .ENCLKOS(1'b0), .ENCLKOS2(1'b0), .ENCLKOS3(1'b0),
        .PHASESEL0(1'b0), .PHASESEL1(1'b0), .PHASEDIR(1'b1), .PHASESTEP(1'b1), .PHASELOADREG(1'b1),
        .CLKOS2(), .CLKOS3(), .INTLOCK(), .REFCLK(), .CLKINTFB()
    );
`else
    reg [4:0] cycles = 5'd0;
    always @(posedge i_reference) if (!cycles[4]) cycles <= cycles + 5'd1;
    assign o_clk     = i_reference;
    assign o_usb_clk = i_reference;
    assign o_locked  = cycles[4];
`endif
endmodule
`default_nettype wire
