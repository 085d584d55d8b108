// The accelerator on a serial line: uart and espalier_core, all in one clock. What a board adds is the clock, the reset and pins.
//
//     i_rx, o_rts_n --> uart --> espalier_core --> uart --> o_tx, i_cts_n
//
// A board that has no RTS and CTS leaves o_rts_n open and ties i_cts_n to 0: the host then keeps to ESPALIER_UART_DEPTH (uart.vh).
// rtl/README.md lists the core's parameters (CLOCK_KHZ follows from CLOCK), and
//   CLOCK   of i_clk, in Hz
//   BAUD    bits a second. CLOCK / BAUD rounded is at least 4 and within 1 % of the truth; the host's end may then be off by 2 %
`default_nettype none
`include "uart.vh"

module espalier_uart #(
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
    parameter CLOCK                = 12000000,
    parameter BAUD                 = `ESPALIER_UART_BAUD
) (
    input  wire i_clk,
    input  wire i_reset,
    // Pins
    input  wire i_rx,
    output wire o_tx,
    output wire o_rts_n,               // low: send
    input  wire i_cts_n,               // low: the host's end takes bytes
    // For lights
    output wire o_run_busy,
    output wire o_overrun,             // one cycle a byte lost for want of room
    output wire o_broken               // one cycle a byte lost for want of a stop bit
);
    localparam DIVIDER = (CLOCK + BAUD / 2) / BAUD;
    localparam ERROR   = DIVIDER * BAUD > CLOCK ? DIVIDER * BAUD - CLOCK : CLOCK - DIVIDER * BAUD;
    generate
        if (ERROR > CLOCK / 100) begin : check_BAUD
            illegal_BAUD_is_not_a_part_of_CLOCK stop ();
        end
    endgenerate

    wire       rx_valid, rx_ready, tx_valid, tx_ready;
    wire [7:0] rx_data, tx_data;

    uart #(.DIVIDER(DIVIDER), .DEPTH(`ESPALIER_UART_DEPTH)) link (
        .i_clk(i_clk), .i_reset(i_reset), .i_rx(i_rx), .o_tx(o_tx), .o_rts_n(o_rts_n), .i_cts_n(i_cts_n),
        .o_valid(rx_valid), .i_ready(rx_ready), .o_data(rx_data), .i_valid(tx_valid), .o_ready(tx_ready), .i_data(tx_data),
        .o_overrun(o_overrun), .o_broken(o_broken)
    );

    espalier_core #(
        .LANES(LANES), .POSITIONS(POSITIONS), .PORTS(PORTS), .ACT_SINGLE_PORT(ACT_SINGLE_PORT), .ACT_WORDS(ACT_WORDS),
        .WEIGHT_WORDS(WEIGHT_WORDS), .LAYERS(LAYERS), .TABLE_DEPTH(TABLE_DEPTH), .LIST_DEPTH(LIST_DEPTH),
        .PRIVATE_DEPTH(PRIVATE_DEPTH), .FORMATS(FORMATS), .ACC_BITS(ACC_BITS), .DRAIN(DRAIN), .VENDOR(VENDOR),
        .TIMEOUT(TIMEOUT), .CLOCK_KHZ(CLOCK / 1000)
    ) core (
        .i_clk(i_clk), .i_reset(i_reset), .i_rx_valid(rx_valid), .o_rx_ready(rx_ready), .i_rx_data(rx_data),
        .o_tx_valid(tx_valid), .i_tx_ready(tx_ready), .o_tx_data(tx_data), .o_run_busy(o_run_busy)
    );
endmodule

`default_nettype wire
