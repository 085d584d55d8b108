// ULX3S with an ECP5-85F: an oscillator of 25 MHz, USB on bare pins at the connector US2. The core runs at 80 MHz.
//
// Not driven: SDRAM, SD card, ADC, video, audio, FTDI, headers. usb_fpga_pu_dn (C12) must stay undriven: high, it would pull up
// D-, and the host would take this for a low-speed device. Flash and ESP32: see the pulled up inputs.
`default_nettype none
`include "board_build.vh"
module ulx3s_85f (
    input  wire clk25,
    inout  wire usb_dp,
    inout  wire usb_dn,
    output wire usb_pull_up,           // through diodes and a resistor to D+
    output wire led,                   // high: lit; lit during a run
    input  wire flash_cs_n,            // not used: here for the pull-ups in the constraints
    input  wire wifi_gpio0             // the same; low at its reset, the ESP32 would wait for a program
);
    localparam REFERENCE_DIV = 5;
    localparam FEEDBACK_DIV  = 16;
    localparam CLOCK_KHZ     = 25000 / REFERENCE_DIV * FEEDBACK_DIV;
    wire clk, usb_clk, locked, reset, usb_reset, busy, rx_dp, rx_dn, tx_dp, tx_dn, tx_oe, pull_up;

    pll_ecp5 #(.REFERENCE_DIV(REFERENCE_DIV), .FEEDBACK_DIV(FEEDBACK_DIV), .CORE_DIV(6), .USB_DIV(10)) pll (
        .i_reference(clk25), .o_clk(clk), .o_usb_clk(usb_clk), .o_locked(locked)
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

    assign led = locked && !reset && busy ? 1'b1 : 1'bz;
    wire unused = flash_cs_n ^ wifi_gpio0;
endmodule
`default_nettype wire
