/** What C sees of a Verilated board: power, and clock cycles in which bytes move. sim/shim.cpp is compiled once a
 * board. */
#ifndef ESPALIER_SHIM_H
#define ESPALIER_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A stretch of clock cycles. It ends when there were bytes to send and all are sent; or there were none and some
 *  have been received (a run of bytes in successive cycles is taken whole); or for as many cycles in a row as patience
 *  allows no byte has moved. */
struct espalier_shim_burst {
    const uint8_t *send; /**< bytes for the device, offered one a cycle */
    size_t send_size, sent;
    uint8_t *receive; /**< room for bytes from the device, which is held back when there is none left */
    size_t receive_size, received;
    uint64_t patience;      /**< quiet cycles in a row while the device is not running */
    uint64_t patience_busy; /**< the same while a run is under way */
    uint64_t cycles;        /**< receives the number of cycles */
};

struct espalier_shim {
    /** Makes a board and resets it. Waves go to @p trace_path (FST) unless it is NULL. @return NULL if out of memory */
    void *(*power_up)(const char *trace_path);
    void (*clock)(void *model, struct espalier_shim_burst *burst);
    void (*power_down)(void *model);
};

#endif
