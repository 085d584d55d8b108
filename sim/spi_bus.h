/** The master's end of the SPI link to a Verilated accelerator, in cycles of the accelerator's clock. */
#ifndef ESPALIER_SPI_BUS_H
#define ESPALIER_SPI_BUS_H

#include "spi_model.h"

#include <espalier/random.h>
#include <stddef.h>

/** A line that does not do what it should. */
enum spi_fault { SPI_GOOD, SPI_STUCK_LOW, SPI_STUCK_HIGH, SPI_BABBLE, SPI_FAULTS };

struct spi_bus {
    const struct spi_model *model;
    void *device;
    struct spi_pins pins;
    struct espalier_random random;
    enum spi_fault miso;
    double noise;    /**< chance that a bit is turned on its way, either way */
    uint64_t turned; /**< how many have been */
    uint64_t cycles;
};

/** Powers a device up, and resets it. @return false if out of memory */
bool spi_bus_open(struct spi_bus *bus, const struct spi_model *model, uint64_t seed);
void spi_bus_close(struct spi_bus *bus);

/** Lets time pass. */
void spi_bus_wait(struct spi_bus *bus, unsigned cycles);

/** As the functions of a `struct spi_port` (firmware/bridge/ports.h), whose context is the bus. SCK is as fast as
 * spi_slave.v allows, or up to a half slower. */
void spi_bus_select(void *bus, bool selected);
void spi_bus_exchange(void *bus, const uint8_t *out, uint8_t *in, size_t size);

#endif
