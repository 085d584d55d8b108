/** A device on SPI, written from the header of rtl/link/spi_slave.v: two queues and a transfer, byte by byte. */
#ifndef ESPALIER_TEST_SLAVE_H
#define ESPALIER_TEST_SLAVE_H

#include "ports.h"

#include <espalier/random.h>

/** What a line does to a byte on its way to the master. */
enum slave_fault { SLAVE_GOOD, SLAVE_STUCK_LOW, SLAVE_STUCK_HIGH, SLAVE_BABBLE, SLAVE_FAULTS };

struct slave {
    struct espalier_random *random;
    size_t depth;      /* of each queue */
    double take, give; /* chances that the design behind it takes or gives a byte, each time one is clocked */
    enum slave_fault fault;
    double noise; /* chance that one header is damaged */
    /* streams: bytes that the design took and gave; the caller's */
    uint8_t *taken, *given;
    size_t taken_size, given_size; /* so far; of given, what has entered the queue */
    size_t given_most;
    /* queues */
    size_t in_held, out_held;
    uint8_t in[4096];
    /* transfer */
    bool selected, damaged;
    size_t place, room, there, count, moved_in, moved_out;
    uint64_t transfers;
};

/** @param taken  receives the bytes, [enough]; @param given  [given_size] bytes to give */
void slave_power_up(struct slave *slave, struct espalier_random *random, size_t depth, uint8_t *taken, uint8_t *given,
                    size_t given_size);

/** Ports whose context is the slave. */
struct spi_port slave_port(struct slave *slave);

/** Lets the design behind it run for a while. */
void slave_run(struct slave *slave, unsigned steps);

#endif
