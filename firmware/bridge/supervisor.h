/** What the bridge is doing, what is wrong, and how it gets well again.
 *
 *                    +------------------------------- a second later -------------------------------+
 *                    v                                                                              |
 *     start --> CONDITION_LOADING --> configured, and a device answers --> CONDITION_RUNNING --> a fault
 *                    +------------------------- it does not configure, or nothing answers ----------^
 *
 * Every fault ends in the FPGA being configured again: that resets the device. What was under way is lost then and
 * forgotten on this side too, and the host is told by its endpoints (pipes.h); the product string says which fault it
 * is. */
#ifndef ESPALIER_BRIDGE_SUPERVISOR_H
#define ESPALIER_BRIDGE_SUPERVISOR_H

#include "bridge.h"
#include "loader.h"

enum condition {
    CONDITION_LOADING,      /**< the FPGA is being configured, or has not answered yet */
    CONDITION_RUNNING,      /**< bytes are moved */
    CONDITION_NO_BITSTREAM, /**< faults from here on: there is no whole bitstream in the flash */
    CONDITION_NOT_RESET,    /**< LOADER_NOT_RESET */
    CONDITION_NOT_DONE,     /**< LOADER_NOT_DONE */
    CONDITION_LOST,         /**< CDONE fell: the FPGA has lost its configuration */
    CONDITION_NO_DEVICE,    /**< what answers on SPI is not a device */
    CONDITION_HUNG,         /**< the device has taken no byte for longer than any run lasts */
    CONDITIONS
};

struct supervisor_ports {
    struct spi_port spi;
    struct config_port config;
    struct clock_port clock;
};

struct supervisor {
    const struct supervisor_ports *ports;
    const uint8_t *area; /**< flash, [area_size]: where the bitstream is (stored.h) */
    size_t area_size;
    struct bridge bridge;
    struct loader loader;
    enum condition condition;
    uint32_t since, moved; /**< microseconds: when the condition began; when the device last took what the host sends */
    uint32_t held_milliseconds; /**< since the device last took a byte, counted so that no wrap of the clock matters */
    unsigned distrust;          /**< grows with answers that make no sense, falls with those that do */
};

/** Begins to configure the FPGA. The ports must outlive the supervisor. */
void supervisor_start(struct supervisor *supervisor, const struct supervisor_ports *ports, const uint8_t *area,
                      size_t area_size);

/** Goes on: call it again and again. It returns within the time of a transfer on SPI or of some hundred bytes of
 * configuration.
 *  @param asleep  the USB is suspended: the FPGA is watched, but no bytes are moved */
void supervisor_step(struct supervisor *supervisor, bool asleep);

/** @return whether the condition is a fault */
bool supervisor_faulty(const struct supervisor *supervisor);

/** A condition in a few words for a person; "" while all is well. */
const char *condition_text(enum condition condition);

#endif
