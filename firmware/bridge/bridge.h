/** Two byte streams between packets on USB and transfers on SPI.
 *
 *     USB OUT --> bridge_take --> out --> bridge_move --> SPI
 *     USB IN <-- bridge_offer <-- in <-- bridge_move <-- SPI
 *
 * No byte is lost or doubled: a packet is taken only where there is room for the largest one, a transfer moves only
 * what both sides have room for, and what is offered to the host stays offered until it is confirmed. While the host
 * takes nothing and `in` is full, nothing goes out either, for SPI moves both ways at once. */
#ifndef ESPALIER_BRIDGE_H
#define ESPALIER_BRIDGE_H

#include "ports.h"
#include "ring.h"

#include <espalier/usb_ids.h>

/** All zeros is a bridge that holds nothing. */
struct bridge {
    struct ring out, in;
    uint8_t packet[ESPALIER_USB_PACKET]; /**< the one on offer to the host, [size] */
    size_t size;
    bool offered;
    bool full; /**< the last packet confirmed was a full one: a transfer of the host's may still wait for its end */
};

/** What a transfer on SPI has come to. */
enum bridge_result {
    BRIDGE_FINE,    /**< what could be moved was */
    BRIDGE_HELD,    /**< the same, but the device has no room at all for what the host sends */
    BRIDGE_NONSENSE /**< what answers is not a device; nothing was moved */
};

/** @return whether a packet of any size may come from the host */
bool bridge_ready(const struct bridge *bridge);

/** Takes a packet from the host, of at most ESPALIER_USB_PACKET bytes. Only if bridge_ready. */
void bridge_take(struct bridge *bridge, const uint8_t *packet, size_t size);

/** Puts bridge->packet on offer, unless there is nothing to say: the same one until it is confirmed. An empty packet
 * follows a full one, so that every transfer of the host's ends. @return whether there is one */
bool bridge_offer(struct bridge *bridge);

/** The host has confirmed the packet on offer. */
void bridge_confirmed(struct bridge *bridge);

/** One transfer on SPI. */
enum bridge_result bridge_move(struct bridge *bridge, const struct spi_port *spi);

#endif
