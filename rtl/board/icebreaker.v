// iCEBreaker: iCE40UP5K, an oscillator of 12 MHz, USB through an FT2232H whose second channel is a UART. The core runs at 30 MHz.
//
// RTS and CTS are not wired to the FPGA: the host keeps to ESPALIER_UART_DEPTH. Not driven, with the chip's weak pull-ups: the SPI
// flash (the FT2232H's first channel writes it), the RGB LED, the button, and all PMODs.
`default_nettype none
`include "board_build.vh"
module icebreaker (
    input  wire clk12,
    input  wire uart_rx,               // from the FT2232H
    output wire uart_tx,               // to it
    output wire led_green_n            // low: lit; lit during a run
);
    localparam DIVF  = 79;
    localparam DIVQ  = 5;
    localparam CLOCK = 12000000 / (1 << DIVQ) * (DIVF + 1);
    wire clk, locked, reset, busy, tx;
    wire ready = locked && !reset;

    pll_ice40 #(.DIVF(DIVF), .DIVQ(DIVQ)) pll (.i_reference(clk12), .o_clk(clk), .o_locked(locked));
    power_up start (.i_clk(clk), .i_locked(locked), .o_reset(reset));

    /* verilator lint_off PINCONNECTEMPTY */ // not wired; no light for these
    espalier_uart #(`ESPALIER_BUILD, .CLOCK(CLOCK)) device (
        .i_clk(clk), .i_reset(reset), .i_rx(uart_rx), .o_tx(tx), .o_rts_n(), .i_cts_n(1'b0),
        .o_run_busy(busy), .o_overrun(), .o_broken()
    );
    /* verilator lint_on PINCONNECTEMPTY */

    assign uart_tx     = ready ? tx : 1'bz;
    assign led_green_n = ready && busy ? 1'b0 : 1'bz;
endmodule
`default_nettype wire
