/** A port of a host controller with a simulated board plugged in: transfers are queued for the board's endpoints, and
 * carried out on the bus transaction by transaction, the endpoints taking turns. What an operating system's controller
 * does between its drivers and the wire; the device's own USB core gives every answer.
 *
 * One thread a port. Time on the bus passes only in usb_port_reset and usb_port_advance. */
#ifndef ESPALIER_USB_PORT_H
#define ESPALIER_USB_PORT_H

#include "usb_host.h"

/** A transfer (a USB request block, as Linux says). It belongs to the port from its submission until it comes back. */
struct usb_urb {
    struct usb_urb *next; /**< the port's */
    uint32_t id;          /**< the submitter's, to cancel it by */
    unsigned endpoint;    /**< without the direction */
    bool in;              /**< bytes are asked for */
    uint8_t setup[8];     /**< endpoint 0: the request */
    bool empty_end;       /**< OUT: an empty packet follows if the last one is full */
    bool whole;           /**< IN: fewer bytes than asked for are a failure */
    int status;           /**< 0 or a negative errno, as Linux has them for transfers */
    size_t packets;       /**< carried so far: the port's */
    size_t length, done;  /**< bytes asked for; carried so far */
    uint8_t data[];       /**< [length] */
};

/** A transfer of nothing yet. @return NULL if out of memory */
struct usb_urb *usb_urb_create(size_t length);

enum usb_pipe { USB_PIPE_CONTROL, USB_PIPE_OUT, USB_PIPE_IN, USB_PIPES };

struct usb_urb_queue {
    struct usb_urb *first, **last;
};

struct usb_port {
    struct usb_bus bus;
    struct usb_host host;
    struct usb_urb_queue queues[USB_PIPES], finished;
    size_t count, bytes;       /**< of the transfers it has, finished ones included, and of their data */
    unsigned tries[USB_PIPES]; /**< times in a row that the transaction at hand has got no answer */
    bool waits[USB_PIPES];     /**< the device has put the transaction at hand off, with NAK */
    usb_time moved;            /**< when endpoint 1 last carried a packet, or the core computed */
};

/** Powers the board up and resets it as usb_port_reset does.
 *  @param seed    of its power-up state
 *  @param serial  its serial number, see usb_model.h; NULL for the one it was built with
 *  @return false if out of memory, or if the serial number or the device is none (nothing is left to close) */
bool usb_port_open(struct usb_port *port, const struct usb_model *model, uint64_t seed, double core_megahertz,
                   const char *serial);
void usb_port_close(struct usb_port *port);

/** Frees all transfers. */
void usb_port_forget(struct usb_port *port);

/** Forgets all transfers, resets the bus, and gives the device an address; it is not configured then.
 *  @return false if the device does not answer */
bool usb_port_reset(struct usb_port *port);

/** A control transfer at once, past the queue, with what the host must note of it (toggles, address).
 *  @return as usb_host_control */
int usb_port_control(struct usb_port *port, struct usb_setup setup, uint8_t *data);

/** Queues a transfer for its endpoint. It is taken over, and comes back by usb_port_finished; one that cannot be, at
 * once. SET_FEATURE(PORT_RESET) to a hub's port, which no device knows, resets this port and configures the device as
 * it was. */
void usb_port_submit(struct usb_port *port, struct usb_urb *urb);
/** Ends a transfer that is queued. If it has carried bytes it comes back finished, with -ECONNRESET.
 *  @return whether it was there and has vanished without a trace */
bool usb_port_cancel(struct usb_port *port, uint32_t id);
/** The next transfer that is at its end, to be freed with free(), or NULL. */
struct usb_urb *usb_port_finished(struct usb_port *port);

/** Whether anything can still happen without another transfer being queued. When not, no time need pass. */
bool usb_port_awake(const struct usb_port *port);
/** Lets time pass on the bus, until a transfer is at its end or @p span is over. */
void usb_port_advance(struct usb_port *port, usb_time span);

#endif
