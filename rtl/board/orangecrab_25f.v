// OrangeCrab r0.2 and r0.2.1 with an ECP5-25F: an oscillator of 48 MHz, USB on bare pins. The core runs at 120 MHz.
//
// Not driven: DDR memory and its supply pins, SD card, ADC, flash (its chip select is pulled up), PROGRAMN (V17), headers.
`default_nettype none
`include "board_build.vh"
module orangecrab_25f (
    input  wire clk48,
    inout  wire usb_dp,
    inout  wire usb_dn,
    output wire usb_pull_up,           // 1.5 kOhm (R20) to D+
    output wire led_green_n,           // low: lit; lit during a run
    input  wire flash_cs_n             // not used: here for the pull-up in the constraints
);
    localparam REFERENCE_DIV = 2;
    localparam FEEDBACK_DIV  = 5;
    localparam CLOCK_KHZ     = 48000 / REFERENCE_DIV * FEEDBACK_DIV;
    wire clk, usb_clk, locked, reset, usb_reset, busy, rx_dp, rx_dn, tx_dp, tx_dn, tx_oe, pull_up;

    pll_ecp5 #(.REFERENCE_DIV(REFERENCE_DIV), .FEEDBACK_DIV(FEEDBACK_DIV), .CORE_DIV(4), .USB_DIV(10)) pll (
        .i_reference(clk48), .o_clk(clk), .o_usb_clk(usb_clk), .o_locked(locked)
    );
    power_up start (.i_clk(clk), .i_locked(locked), .o_reset(reset));
    power_up usb_start (.i_clk(usb_clk), .i_locked(locked), .o_reset(usb_reset));

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

    assign led_green_n = locked && !reset && busy ? 1'b0 : 1'bz;
    wire unused = flash_cs_n;
endmodule
`default_nettype wire
