// pico-ice: iCE40UP5K behind an RP2040, which has the USB and speaks SPI to it. The core runs at 24 MHz of the chip's own oscillator,
// so nothing depends on a clock that the RP2040 would have to give first.
//
// Not driven: the flash and its bus (the RP2040 configures the FPGA over it), the RAM's chip select, the LED (its three pins are wired
// to the RP2040 as well, which drives them), the button, and all other pins. spi_miso is driven only while the RP2040 selects.
`default_nettype none
`include "board_build.vh"
module pico_ice (
    input  wire spi_cs_n,              // RP2040 GPIO1
    input  wire spi_sck,               // RP2040 GPIO2
    input  wire spi_mosi,              // RP2040 GPIO3
    output wire spi_miso               // RP2040 GPIO0
);
    localparam CLOCK_KHZ = 24000;
    wire clk, reset, miso, miso_oe;

    oscillator_up5k oscillator (.o_clk(clk));
    power_up start (.i_clk(clk), .i_locked(1'b1), .o_reset(reset));

    /* verilator lint_off PINCONNECTEMPTY */ // no light for it
    espalier_spi #(`ESPALIER_BUILD, .CLOCK_KHZ(CLOCK_KHZ)) device (
        .i_clk(clk), .i_reset(reset), .i_cs_n(spi_cs_n), .i_sck(spi_sck), .i_mosi(spi_mosi), .o_miso(miso), .o_miso_oe(miso_oe),
        .o_run_busy()
    );
    /* verilator lint_on PINCONNECTEMPTY */

    assign spi_miso = !reset && miso_oe ? miso : 1'bz;
endmodule
`default_nettype wire
