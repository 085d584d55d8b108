/** What C sees of a Verilated USB device: its pins at a rising edge of one clock, its byte streams at one of the other.
 * sim/usb_shim.cpp is compiled once a model. */
#ifndef ESPALIER_USB_MODEL_H
#define ESPALIER_USB_MODEL_H

#include <stdbool.h>
#include <stdint.h>

struct usb_pins {
    bool dp, dn, oe; /**< what the device drives, if oe */
    bool pull_up, suspended, configured;
};

/** The streams of rtl/link/usb_link.v, from the side of whoever uses them, in one cycle. */
struct usb_stream {
    bool give, given; /**< a byte is offered; and has been taken */
    uint8_t give_byte;
    bool take, taken; /**< a byte would be taken; and has been */
    uint8_t taken_byte;
};

struct usb_model {
    /** Registers and memories come up at random, drawn from @p seed; both resets are asserted.
     *  @return NULL if out of memory */
    void *(*power_up)(uint32_t seed);
    void (*reset)(void *model, bool asserted);
    /** A cycle of the 48 MHz clock: D+ and D- as they are just before its rising edge. */
    void (*usb_clock)(void *model, bool dp, bool dn, struct usb_pins *pins);
    /** A cycle of the other clock. A model without streams (espalier_usb) leaves @p stream alone.
     * @return false while nothing is going on: no run is under way */
    bool (*clock)(void *model, struct usb_stream *stream);
    /** Writes another serial number over the one in the descriptors' memory, as can be done to the block RAM in a
     * finished bitstream. @return false unless it is printable ASCII and has as many characters as the one of the build
     */
    bool (*set_serial)(void *model, const char *serial);
    void (*power_down)(void *model);
};

/** rtl/link/usb_link.v alone, and with the core of the board up5k behind it. */
extern const struct usb_model usb_model_link, usb_model_board;

#endif
