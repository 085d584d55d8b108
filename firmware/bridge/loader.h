/** Configures an iCE40 over its pins as an SPI slave, a piece at a time.
 *
 * The sequence is that of Lattice's FPGA-TN-02001, "iCE40 Programming and Configuration", SPI slave configuration:
 * CRESET low with SS low for 200 ns or more, 1,200 us after CRESET for the configuration memory to clear, 8 clocks with
 * SS high, the bitstream with SS low, and with SS high again up to 100 clocks until CDONE rises and 49 more until the
 * pins are the design's. Linux' driver ice40-spi keeps the same times. */
#ifndef ESPALIER_BRIDGE_LOADER_H
#define ESPALIER_BRIDGE_LOADER_H

#include "ports.h"

enum loader_state {
    LOADER_IDLE,      /**< never begun */
    LOADER_RESET,     /**< CRESET is low */
    LOADER_CLEARING,  /**< the configuration memory is being cleared */
    LOADER_SENDING,   /**< the bitstream is on its way */
    LOADER_DONE,      /**< configured */
    LOADER_NOT_RESET, /**< failed: CDONE was high after a reset: CRESET does not reach the FPGA, or CDONE is stuck */
    LOADER_NOT_DONE   /**< failed: CDONE stayed low: a bitstream for another chip, a bad line, no power */
};

struct loader {
    const struct config_port *port;
    const struct clock_port *clock;
    const uint8_t *bitstream; /**< [size] */
    size_t size, sent;
    uint32_t since; /**< when this state was entered, in microseconds */
    enum loader_state state;
};

/** Begins, or begins anew. The ports and the bitstream must outlive the loader. */
void loader_begin(struct loader *loader, const struct config_port *port, const struct clock_port *clock,
                  const uint8_t *bitstream, size_t size);

/** Goes on for at most as long as some hundred bytes take. After a failure the FPGA is held in reset, where it drives
 * nothing.
 * @return the state; the last three do not change any more */
enum loader_state loader_step(struct loader *loader);

#endif
