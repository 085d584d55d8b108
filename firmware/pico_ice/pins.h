/** What the RP2040 of the pico-ice is wired to. Read from two sources that agree: the nets of the board file
 * (github.com/tinyvision-ai-inc/pico-ice, Board/Rev3/pico-ice.kicad_pcb, U3 the RP2040, U6 the UP5K in SG48; Rev2 has
 * the same nets) and the SDK of its makers (github.com/tinyvision-ai-inc/pico-ice-sdk, include/boards/ice40up5k.h,
 * include/boards/pico_ice.h, src/ice_fpga_data.c).
 */
#ifndef ESPALIER_PICO_ICE_PINS_H
#define ESPALIER_PICO_ICE_PINS_H

/* The link: SPI0, on lines that nothing else is on but the connector PMOD2 (constraints/pico_ice.pcf has the FPGA's
 * end) */
#define PIN_LINK_MISO 0 /* net ICE_27 */
#define PIN_LINK_CS 1   /* net ICE_25 */
#define PIN_LINK_SCK 2  /* net ICE_21 */
#define PIN_LINK_MOSI 3 /* net ICE_19 */

/* Configuration, shared with the FPGA's flash (U8) and RAM (U5). As a slave the UP5K takes its bitstream at SPI_SI,
 * which is what a flash would drive: the RP2040's SPI1 has its input on that pin, so the bits are clocked out by
 * software. */
#define PIN_CONFIG_SI 8     /* net ICE_SI, UP5K 17; the flash's output */
#define PIN_CONFIG_SS 9     /* net ICE_SSN, UP5K 16; the flash's CS too; 10 kOhm up (R8) */
#define PIN_CONFIG_SCK 10   /* net ICE_SCK, UP5K 15, by 27 Ohm (R9) */
#define PIN_CONFIG_SO 11    /* net ICE_SO, UP5K 14; the flash's input */
#define PIN_CONFIG_DONE 26  /* net ICE_DONE, UP5K 7, by 27 Ohm (R25); 2.2 kOhm up (R14) */
#define PIN_CONFIG_RESET 27 /* net ICE_RST, UP5K 8; 10 kOhm down (R7): the FPGA stays in reset until it is told */

/* The light, on when low; the FPGA's RGB pins are on the same lines, so they are pulled down and never driven up */
#define PIN_LIGHT_GREEN 12
#define PIN_LIGHT_RED 13
#define PIN_LIGHT_BLUE 15

#endif
