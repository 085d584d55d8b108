// TinyFPGA BX: iCE40LP8K, an oscillator of 16 MHz, USB on bare pins. One clock of 48 MHz for USB and core.
//
// Not driven, with the chip's weak pull-ups: the SPI flash (its chip select among them) and all pins of the headers.
`default_nettype none
`include "board_build.vh"
module tinyfpga_bx (
    input  wire clk16,
    inout  wire usb_dp,
    inout  wire usb_dn,
    output wire usb_pull_up,           // 1.5 kOhm (R1) to D+
    output wire led                    // high: lit; lit during a run
);
    localparam DIVF      = 47;
    localparam DIVQ      = 4;
    localparam CLOCK_KHZ = 16000 * (DIVF + 1) / (1 << DIVQ);
    wire clk, locked, reset, busy, rx_dp, rx_dn, tx_dp, tx_dn, tx_oe, pull_up;
    wire usb_clk = clk, usb_reset = reset;

    // The oscillator's pin (B2) is not the PLL's own
    pll_ice40 #(.DIVF(DIVF), .DIVQ(DIVQ), .PAD(0)) pll (.i_reference(clk16), .o_clk(clk), .o_locked(locked));
    power_up start (.i_clk(clk), .i_locked(locked), .o_reset(reset));

    usb_pads pads (
        .i_ready(locked && !usb_reset), .o_dp(rx_dp), .o_dn(rx_dn), .i_dp(tx_dp), .i_dn(tx_dn), .i_oe(tx_oe), .i_pull_up(pull_up),
        .io_dp(usb_dp), .io_dn(usb_dn), .o_pull_up(usb_pull_up)
    );

    /* verilator lint_off PINCONNECTEMPTY */ // no light for these
    espalier_usb #(`ESPALIER_BUILD, .CLOCK_KHZ(CLOCK_KHZ), .SERIAL(`ESPALIER_SERIAL)) device (
        .i_usb_clk(usb_clk), .i_usb_reset(usb_reset), .i_dp(rx_dp), .i_dn(rx_dn), .o_dp(tx_dp), .o_dn(tx_dn), .o_oe(tx_oe),
        .o_pull_up(pull_up), .o_suspended(), .o_configured(), .i_clk(clk), .i_reset(reset), .o_run_busy(busy)
    );
    /* verilator lint_on PINCONNECTEMPTY */

    assign led = locked && !reset && busy ? 1'b1 : 1'bz;
endmodule
`default_nettype wire
