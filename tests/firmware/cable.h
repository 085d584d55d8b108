/** All of a board behind struct espalier_transport: host - USB - bridge - SPI - accelerator, the last one Verilated. */
#ifndef ESPALIER_TEST_CABLE_H
#define ESPALIER_TEST_CABLE_H

#include "firmware/fpga.h"
#include "firmware/usb_side.h"
#include "stored.h"

#include <espalier/device.h>
#include <spi_bus.h>

enum { CABLE_BITSTREAM = 1000, CABLE_BUFFER = 8192 };

struct cable {
    struct espalier_random random;
    struct spi_bus bus;
    struct fpga fpga;
    uint8_t area[STORED_HEADER_BYTES + CABLE_BITSTREAM];
    struct supervisor_ports ports;
    struct supervisor supervisor;
    struct endpoint_port endpoints;
    struct pipes pipes;
    struct usb_side host;
    uint8_t buffer[CABLE_BUFFER]; /* fetched, and not yet asked for */
    double resets;                /* chance of a reset of the bus at each packet, its confirmation lost half the time */
    double stalls;                /* chance that the host does not look for a while */
    unsigned reset_count;
};

/** Power on. Waits until the accelerator answers. */
void cable_plug_in(struct cable *cable, uint64_t seed);
void cable_unplug(struct cable *cable);

/** A transport whose context is the cable; closing it leaves the cable plugged in. Opening clears halts, as the host's
 * driver does. */
struct espalier_transport cable_open(struct cable *cable);

/** Lets the bridge go on for one turn. */
void cable_step(struct cable *cable);

#endif
