/** The other end of an asynchronous line (8N1), for tests: sends and hears at its own rate. Time is in any unit. */
#ifndef ESPALIER_TEST_SERIAL_H
#define ESPALIER_TEST_SERIAL_H

#include <stdbool.h>

enum {
    SERIAL_NOTHING = -1,
    SERIAL_NOISE = -2, /**< a start bit that is gone by its middle */
    SERIAL_BROKEN = -3 /**< a byte without a stop bit */
};

struct serial {
    double bit;      /**< time that a bit takes */
    double at;       /**< where the byte that is being sent began */
    int sending;     /**< it; SERIAL_NOTHING: none */
    bool stop;       /**< the level of its stop bit: 0 breaks it */
    double heard_at; /**< the same of the byte that is being heard */
    bool hearing, last;
    unsigned heard_bits, heard;
};

/** An idle line. */
struct serial serial_idle(double bit);

/** @param next  the byte to send if none is being sent, or SERIAL_NOTHING  @param began  receives whether it begins
 *  @return the level that the line has now */
bool serial_send(struct serial *serial, double now, int next, bool *began);

/** Called again and again with the level that the other side drives.
 *  @return a byte that is whole now, or one of SERIAL_* */
int serial_hear(struct serial *serial, double now, bool level);

#endif
