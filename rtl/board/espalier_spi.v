// The accelerator behind a microcontroller: spi_slave and espalier_core in one clock. What a board adds is a clock, a reset and pins.
//
//     i_cs_n, i_sck, i_mosi, o_miso --> spi_slave --> espalier_core --> spi_slave
//
// The tristate of o_miso belongs to the board: drive the pin while o_miso_oe. How fast SCK may be follows from i_clk (spi_slave.v).
// rtl/README.md lists the core's parameters, spi_slave SPI_DEPTH (its DEPTH).
`default_nettype none

module espalier_spi #(
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
    parameter SPI_DEPTH            = 512
) (
    input  wire i_clk,
    input  wire i_reset,
    // SPI, asynchronous
    input  wire i_cs_n,
    input  wire i_sck,
    input  wire i_mosi,
    output wire o_miso,
    output wire o_miso_oe,
    // Core
    output wire o_run_busy
);
    wire       rx_valid, rx_ready, tx_valid, tx_ready;
    wire [7:0] rx_data, tx_data;

    spi_slave #(.DEPTH(SPI_DEPTH)) link (
        .i_clk(i_clk), .i_reset(i_reset), .i_cs_n(i_cs_n), .i_sck(i_sck), .i_mosi(i_mosi), .o_miso(o_miso), .o_miso_oe(o_miso_oe),
        .o_valid(rx_valid), .i_ready(rx_ready), .o_data(rx_data), .i_valid(tx_valid), .o_ready(tx_ready), .i_data(tx_data)
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
