/** USB packets as bits on the wire and back (USB 2.0, chapters 7 and 8), written from the specification and apart from
 * the RTL: checks by polynomial division of the whole message, and a receiver that measures times between edges. */
#ifndef ESPALIER_USB_WIRE_H
#define ESPALIER_USB_WIRE_H

#include "usb_bus.h"

enum {
    USB_OUT = 0xE1,
    USB_IN = 0x69,
    USB_SOF = 0xA5,
    USB_SETUP = 0x2D,
    USB_DATA0 = 0xC3,
    USB_DATA1 = 0x4B,
    USB_ACK = 0xD2,
    USB_NAK = 0x5A,
    USB_STALL = 0x1E, /* identifiers with their check nibble */

    USB_PACKET_BYTES = 1200, /* more than any packet here, with identifier and check */
    USB_PACKET_BITS = 16 * USB_PACKET_BYTES
};

/** The check of @p count bits, each a byte of 0 or 1 in the order of the wire, in the order of the wire.
 *  @param check  [width] bits
 *  @param polynomial  without its top bit, as in 8.3.5: 0x05 with 5 bits for tokens, 0x8005 with 16 for data */
void usb_crc_bits(const uint8_t *bits, size_t count, uint32_t polynomial, unsigned width, uint8_t *check);

/** A whole token or start of frame: 11 bits behind the identifier. @return its bytes, 3 */
size_t usb_token(uint8_t pid, unsigned field, uint8_t packet[3]);
/** A whole data packet. @return its bytes, size + 3 */
size_t usb_data(uint8_t pid, const uint8_t *bytes, size_t size, uint8_t *packet);

/** Symbols on the wire: one enum usb_wires a bit time. */
struct usb_symbols {
    size_t count;
    uint8_t wires[USB_PACKET_BITS];
};

/** SYNC, the packet's bits stuffed and NRZI-coded, SE0 for two bits and J for one.
 *  @param flip  number of a stuffed bit to send inverted, SYNC's being 0 to 7; SIZE_MAX for none
 *  @return number of stuffed bits */
size_t usb_encode(const uint8_t *packet, size_t size, size_t flip, struct usb_symbols *symbols);

/** What the device drove, decoded. */
struct usb_heard {
    size_t size;
    uint8_t packet[USB_PACKET_BYTES];
    usb_time begin, end; /**< first edge, and when it let go */
    const char *mistake; /**< what was wrong with it, or NULL */
};

/** @param period  of a quarter bit of the sender; every edge must be a whole number of bits from the one before */
void usb_decode(const struct usb_edge *edges, size_t count, usb_time period, struct usb_heard *heard);

#endif
