/* An FTDI chip for mock_usb.h, from what its makers and the Linux driver tell of it, with the lines of one port wired
 * to a Verilated board, bit by bit. It comes up in whatever state the last program left it in. */
#ifndef ESPALIER_TEST_MOCK_FTDI_H
#define ESPALIER_TEST_MOCK_FTDI_H

#include "umockdev/mock_usb.h"

#include <uart_model.h>

enum mock_ftdi_kind {
    MOCK_FT2232H, /* two ports, high speed; the second one is wired */
    MOCK_FT231X   /* one port, full speed */
};

/* What may happen to a byte on the line, either way. */
enum mock_ftdi_fault {
    MOCK_BYTE_FLIPPED,
    MOCK_BYTE_LOST,
    MOCK_BYTE_REPEATED,
    MOCK_BYTE_BROKEN,  /* no stop bit: whoever hears it drops it */
    MOCK_BYTE_OVERRUN, /* to the host: the chip had no room for it and some behind it */
    MOCK_BYTE_FAULTS
};

struct mock_ftdi_spec {
    enum mock_ftdi_kind kind;
    const struct uart_model *board; /* NULL: nothing is wired to the port, and the line is idle */
    double off;                     /* the chip's rate against the one that it was told, 0.02: 2 % faster */
    double phase;                   /* of the board's clock, 0 to 1 */
    bool wired;                     /* RTS and CTS, both ways */
    bool broken;                    /* it refuses to set a baud rate */
    uint64_t seed;                  /* of its first state, and of the faults */
    double rate;                    /* of faults, a byte */
    unsigned kinds;                 /* bit n: fault n happens */
};

struct mock_ftdi_tally {
    uint64_t faults[MOCK_BYTE_FAULTS];
    uint64_t overruns;  /* bytes that the board had no room for */
    uint64_t full;      /* bytes that the chip had no room for, faults apart */
    uint64_t bad;       /* bytes without a stop bit that the board has heard */
    uint64_t empty;     /* packets of status alone */
    uint64_t status[2]; /* IN packets, and bits 1 and 3 of their second byte: lost and broken bytes told */
    double baud;        /* as told */
    unsigned latency;   /* milliseconds */
    unsigned refused;   /* requests that it answered with STALL */
    uint64_t cycles;    /* of the board */
};

struct mock_ftdi;

struct mock_ftdi *mock_ftdi_open(const struct mock_ftdi_spec *spec);
void mock_ftdi_close(struct mock_ftdi *ftdi);

/* For mock_spec. */
const struct mock_body *mock_ftdi_body(enum mock_ftdi_kind kind);
struct espalier_transport mock_ftdi_transport(struct mock_ftdi *ftdi);

struct mock_ftdi_tally mock_ftdi_tally(const struct mock_ftdi *ftdi);

#endif
