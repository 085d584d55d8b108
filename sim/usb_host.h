/** A USB host at bus level, for tests and for the simulated board: it drives D+ and D- bit by bit at its own rate, with
 * jitter and skew if wanted, keeps frames of a millisecond, does transactions and transfers with their retries, and can
 * do all of it wrong on purpose. */
#ifndef ESPALIER_USB_HOST_H
#define ESPALIER_USB_HOST_H

#include "usb_wire.h"

#include <espalier/random.h>

/** What may be wrong with a packet that the host sends. */
enum usb_fault {
    USB_FAULT_NONE,
    USB_FAULT_FLIP,   /**< one bit arrives inverted: any but the first, without which SYNC is still one */
    USB_FAULT_CUT,    /**< it ends early, with an end of packet */
    USB_FAULT_NO_END, /**< it ends early, without one */
    USB_FAULT_LOST,   /**< it does not arrive */
    USB_FAULT_GLITCH, /**< a short pulse before it */
    USB_FAULT_BABBLE, /**< right check and all, but more data than a packet may have */
    USB_FAULTS
};

/** What came back. */
enum usb_reply {
    USB_REPLY_SILENCE,
    USB_REPLY_GARBLED, /**< something, but not a good packet: host->heard.mistake */
    USB_REPLY_ACK,
    USB_REPLY_NAK,
    USB_REPLY_STALL,
    USB_REPLY_DATA0,
    USB_REPLY_DATA1
};

struct usb_host {
    struct usb_bus *bus;
    struct espalier_random random;
    double jitter;                /**< of each edge, either way, in bits: uniform */
    double skew;                  /**< D- against D+, either way, in bits: another one each edge */
    unsigned gap_least, gap_most; /**< idle bits between packets of the host */
    bool frames;                  /**< send starts of frame, and keep clear of the end of a frame */
    double fault_rate;            /**< of every packet sent, a random fault, */
    enum usb_fault fault;         /**< or this one if it is not USB_FAULT_NONE */
    double deafness;              /**< of every packet of the device, that the host does not get it right */
    double stalls;                /**< of every transaction, that the streams' clock stands still for milliseconds */
    uint64_t faults;              /**< injected so far, all kinds */
    uint64_t naks;                /**< heard so far */

    uint8_t address;
    bool toggle_out, toggle_in; /**< the next packet of endpoint 1 is DATA1 */
    usb_time frame_begin;
    unsigned frame;
    usb_time sent_end; /**< J behind the host's last packet */
    struct usb_heard heard;
    double turn_least, turn_most; /**< bits from the host's packet to the device's answer, seen so far */
    const char *violation;        /**< the first thing the device did that it must not do, or NULL */
    struct usb_symbols symbols;
};

void usb_host_open(struct usb_host *host, struct usb_bus *bus, uint64_t seed);

/** Lets bit times pass. */
void usb_host_idle(struct usb_host *host, double bits);
/** Lets time pass to the next frame, and sends its start. Needs host->frames. */
void usb_host_next_frame(struct usb_host *host);
/** Holds SE0. */
void usb_host_reset(struct usb_host *host, double microseconds);

/** Sends one packet (identifier first), after the gap. */
void usb_host_send(struct usb_host *host, const uint8_t *packet, size_t size, enum usb_fault fault);
/** Waits for what the device says, 18 bit times at the most for its beginning. */
enum usb_reply usb_host_listen(struct usb_host *host);

/** ---- Transactions. @p size bytes at the most */
/** @param token  USB_OUT or USB_SETUP  @param data  USB_DATA0 or USB_DATA1 */
enum usb_reply usb_host_out(struct usb_host *host, uint8_t token, unsigned endpoint, uint8_t data, const uint8_t *bytes,
                            size_t size);
/** Data are then in host->heard.packet + 1, heard.size - 3 of them.
 *  @param confirm  whether the host sends ACK for data */
enum usb_reply usb_host_in(struct usb_host *host, unsigned endpoint, bool confirm);

/** ---- Transfers. They try a transaction again after silence and garbled answers, at most USB_TRIES times. */
enum { USB_TRIES = 3, USB_FAILED = -1, USB_STALLED = -2, USB_OVERFLOW = -3 };

struct usb_setup {
    uint8_t type, request;
    uint16_t value, index, length;
};

/** @param data  [setup.length] received if type has bit 7, else sent  @return bytes, USB_FAILED or USB_STALLED */
int usb_host_control(struct usb_host *host, struct usb_setup setup, uint8_t *data);

/** One packet to endpoint 1. @return true if it has been confirmed, else it must be sent again */
bool usb_host_bulk_out(struct usb_host *host, const uint8_t *bytes, size_t size, enum usb_reply *reply);
/** One packet from endpoint 1. @return bytes that are new, or USB_FAILED if there are none: *reply tells why */
int usb_host_bulk_in(struct usb_host *host, uint8_t bytes[64], enum usb_reply *reply);
/** The same with room for fewer bytes. @return USB_OVERFLOW if a packet has more: it is not confirmed, so it stays */
int usb_host_bulk_in_within(struct usb_host *host, uint8_t *bytes, size_t room, enum usb_reply *reply);

/** Reset, address, descriptors, configuration: what an operating system does. @return true if all of it went well */
bool usb_host_enumerate(struct usb_host *host, uint8_t address);

#endif
