/** What C sees of a Verilated accelerator behind SPI (rtl/board/espalier_spi.v): its pins at rising edges of its clock.
 */
#ifndef ESPALIER_SPI_MODEL_H
#define ESPALIER_SPI_MODEL_H

#include <stdbool.h>
#include <stdint.h>

struct spi_pins {
    bool cs_n, sck, mosi; /**< from the master */
    bool miso, miso_oe;   /**< from the device */
};

struct spi_model {
    /** Registers and memories come up at random, drawn from @p seed; the reset is asserted. @return NULL if out of
     * memory */
    void *(*power_up)(uint32_t seed);
    void (*reset)(void *model, bool asserted);
    void (*clock)(void *model, struct spi_pins *pins);
    void (*power_down)(void *model);
};

/** With the parameters of the board up5k. */
extern const struct spi_model spi_model_board;

#endif
