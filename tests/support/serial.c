#include "support/serial.h"

#include <math.h>

struct serial serial_idle(double bit)
{
    return (struct serial){.bit = bit, .sending = SERIAL_NOTHING, .stop = true, .last = true};
}

bool serial_send(struct serial *serial, double now, int next, bool *began)
{
    *began = false;
    if (serial->sending >= 0 && now >= serial->at + 10 * serial->bit)
        serial->sending = SERIAL_NOTHING;
    if (serial->sending < 0 && next >= 0) {
        serial->sending = next;
        serial->at = now;
        *began = true;
    }
    if (serial->sending < 0)
        return true;
    const int bit = (int)floor((now - serial->at) / serial->bit);
    return bit == 0 ? false : bit >= 9 ? serial->stop : serial->sending >> (bit - 1) & 1;
}

int serial_hear(struct serial *serial, double now, bool level)
{
    if (!serial->hearing && serial->last && !level) {
        serial->hearing = true;
        serial->heard_at = now;
        serial->heard_bits = serial->heard = 0;
    }
    serial->last = level;
    if (!serial->hearing || now < serial->heard_at + (serial->heard_bits + 0.5) * serial->bit)
        return SERIAL_NOTHING;
    if (serial->heard_bits == 0 && level) {
        serial->hearing = false;
        return SERIAL_NOISE;
    }
    if (serial->heard_bits == 9) {
        serial->hearing = false;
        return level ? (int)serial->heard : SERIAL_BROKEN;
    }
    if (serial->heard_bits > 0)
        serial->heard |= (unsigned)level << (serial->heard_bits - 1);
    serial->heard_bits++;
    return SERIAL_NOTHING;
}
