/** The USB side of the bridge: a device controller with one packet a way, and a host that sends and fetches when it
 * likes. */
#ifndef ESPALIER_TEST_USB_SIDE_H
#define ESPALIER_TEST_USB_SIDE_H

#include "pipes.h"

struct usb_side {
    struct pipes *pipes;
    /* the controller: what it was given */
    uint8_t *receiving;
    const uint8_t *sending;
    size_t sending_size;
    bool halted[2];
    /* what the host has sent and fetched; the caller's */
    const uint8_t *to_send;
    size_t sent, to_send_size;
    uint8_t *fetched;
    size_t fetched_size;
    size_t last; /* bytes of the last packet fetched */
};

/** @param fetched  receives what the host fetches, [enough] */
void usb_side_plug_in(struct usb_side *side, struct pipes *pipes, const uint8_t *to_send, size_t to_send_size,
                      uint8_t *fetched);

/** A port whose context is the USB side. */
struct endpoint_port usb_side_port(struct usb_side *side);

/** The host tries to send a packet of up to @p size bytes. @return whether it was taken */
bool usb_side_send(struct usb_side *side, size_t size);
/** The host tries to fetch a packet. @return whether there was one */
bool usb_side_fetch(struct usb_side *side);
/** A reset of the bus, and the same configuration again. */
void usb_side_reset(struct usb_side *side);
/** CLEAR_FEATURE(ENDPOINT_HALT). */
void usb_side_clear_halt(struct usb_side *side, bool in);
/** SET_FEATURE(ENDPOINT_HALT). */
void usb_side_set_halt(struct usb_side *side, bool in);

#endif
