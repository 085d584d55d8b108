/** An iCE40 as the bridge sees it: the pins by which it is configured, with the rules of FPGA-TN-02001 checked at every
 * step, and time. */
#ifndef ESPALIER_TEST_FPGA_H
#define ESPALIER_TEST_FPGA_H

#include "supervisor.h"

enum fpga_fault {
    FPGA_GOOD,
    FPGA_DEAD,      /* CDONE never rises */
    FPGA_DONE_STUCK /* CDONE is always high */
};

struct fpga {
    enum fpga_fault fault;
    const uint8_t *expected; /* [expected_size] bytes */
    size_t expected_size;
    unsigned done_clocks; /* clocks after the bitstream until CDONE rises */
    uint64_t nanoseconds; /* now */
    /* pins */
    bool taken, reset, selected;
    uint64_t reset_since, released_since;
    /* progress since the last reset */
    unsigned before_clocks, after_clocks;
    size_t received;
    bool wrong, slave, done, running;
    unsigned configured; /* times */
};

/** @param fpga  receives an FPGA that has just got its power, and is held in reset by the board */
void fpga_power_up(struct fpga *fpga, const uint8_t *expected, size_t expected_size);

/** Ports whose context is the FPGA. */
struct config_port fpga_config_port(struct fpga *fpga);
/** Every look at it takes a microsecond. */
struct clock_port fpga_clock_port(struct fpga *fpga);

#endif
