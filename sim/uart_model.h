/** What C sees of a Verilated board on a serial line (rtl/board/espalier_uart.v): its pins at a rising edge of its
 * clock. sim/uart_shim.cpp is compiled once a model. */
#ifndef ESPALIER_UART_MODEL_H
#define ESPALIER_UART_MODEL_H

#include <stdbool.h>
#include <stdint.h>

/** What the board drives; and what it tells of the cycle. */
struct uart_pins {
    bool tx, rts_n;
    bool run_busy, overrun, broken;
};

struct uart_model {
    uint32_t hertz, baud; /**< parameters: Hz, bits a second */
    /** Makes a board whose registers and memories come up at random, drawn from @p seed, and resets it.
     *  @return NULL if out of memory */
    void *(*power_up)(uint32_t seed);
    /** A clock cycle. @p rx and @p cts_n are the levels just before its rising edge */
    void (*clock)(void *model, bool rx, bool cts_n, struct uart_pins *pins);
    void (*power_down)(void *model);
};

/** The boards of sim/uart.mk. */
extern const struct uart_model uart_model_tiny, uart_model_up5k;

#endif
