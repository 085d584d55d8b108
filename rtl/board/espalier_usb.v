// The accelerator on a USB cable: usb_link in its clock of 48 MHz, espalier_core in its own. What a board adds is clocks, resets and pins.
//
//     i_dp, i_dn, o_dp, o_dn, o_oe --> usb_link --> espalier_core --> usb_link
//
// Both resets must be asserted together (clock_crossing). The tristate belongs to the board: usb_device says how.
// rtl/README.md lists the core's parameters, usb_link and usb_descriptors the others.
`default_nettype none
`include "usb.vh"

module espalier_usb #(
    parameter LANES                = 2,
    parameter POSITIONS            = 8,
    parameter PORTS                = 1,
    parameter ACT_SINGLE_PORT      = 1,
    parameter ACT_WORDS            = 16384,
    parameter WEIGHT_WORDS         = 2048,
    parameter LAYERS               = 8,
    parameter TABLE_DEPTH          = 1024,
    parameter LIST_DEPTH           = 1024,
    parameter PRIVATE_DEPTH        = 512,
    parameter FORMATS              = 7,
    parameter ACC_BITS             = 24,
    parameter DRAIN                = 1,
    parameter VENDOR               = 0,
    parameter TIMEOUT              = 4194304,
    parameter CLOCK_KHZ            = 0,
    parameter BUFFER_BITS          = 8,
    parameter [15:0] VENDOR_ID     = `ESPALIER_USB_VENDOR,
    parameter [15:0] PRODUCT_ID    = `ESPALIER_USB_PRODUCT,
    parameter [8*40-1:0] SERIAL    = "1",
    parameter MILLIAMPERES         = 250
) (
    // USB
    input  wire i_usb_clk,             // 48 MHz
    input  wire i_usb_reset,
    input  wire i_dp,
    input  wire i_dn,
    output wire o_dp,
    output wire o_dn,
    output wire o_oe,
    output wire o_pull_up,
    output wire o_suspended,
    output wire o_configured,
    // Core
    input  wire i_clk,
    input  wire i_reset,
    output wire o_run_busy
);
    wire       rx_valid, rx_ready, tx_valid, tx_ready;
    wire [7:0] rx_data, tx_data;

    usb_link #(
        .BUFFER_BITS(BUFFER_BITS), .VENDOR(VENDOR_ID), .PRODUCT(PRODUCT_ID), .SERIAL(SERIAL), .MILLIAMPERES(MILLIAMPERES),
        .LUT_RAM(VENDOR == 2)
    ) link (
        .i_usb_clk(i_usb_clk), .i_usb_reset(i_usb_reset), .i_dp(i_dp), .i_dn(i_dn), .o_dp(o_dp), .o_dn(o_dn), .o_oe(o_oe),
        .o_pull_up(o_pull_up), .o_suspended(o_suspended), .o_configured(o_configured),
        .i_clk(i_clk), .i_reset(i_reset), .o_valid(rx_valid), .i_ready(rx_ready), .o_data(rx_data),
        .i_valid(tx_valid), .o_ready(tx_ready), .i_data(tx_data)
    );

    espalier_core #(
        .LANES(LANES), .POSITIONS(POSITIONS), .PORTS(PORTS), .ACT_SINGLE_PORT(ACT_SINGLE_PORT), .ACT_WORDS(ACT_WORDS),
        .WEIGHT_WORDS(WEIGHT_WORDS), .LAYERS(LAYERS), .TABLE_DEPTH(TABLE_DEPTH), .LIST_DEPTH(LIST_DEPTH),
        .PRIVATE_DEPTH(PRIVATE_DEPTH), .FORMATS(FORMATS), .ACC_BITS(ACC_BITS), .DRAIN(DRAIN), .VENDOR(VENDOR),
        .TIMEOUT(TIMEOUT), .CLOCK_KHZ(CLOCK_KHZ)
    ) core (
        .i_clk(i_clk), .i_reset(i_reset), .i_rx_valid(rx_valid), .o_rx_ready(rx_ready), .i_rx_data(rx_data),
        .o_tx_valid(tx_valid), .i_tx_ready(tx_ready), .o_tx_data(tx_data), .o_run_busy(o_run_busy)
    );
endmodule

`default_nettype wire
