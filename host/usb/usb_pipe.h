/* One bulk pipe with several transfers under way; private to host/usb.
 *
 * A pipe is a ring of slots, each with one libusb transfer, submitted in the order of the ring and completed in that
 * order. slots[next] is the oldest: the first to have come back. IN: it is read, then submitted again. OUT: it is
 * filled and submitted as soon as it is back. An IN transfer is one packet, so that a short packet, a full one with
 * nothing behind it, and an empty one are all the same: a transfer that is over. */
#ifndef ESPALIER_USB_PIPE_H
#define ESPALIER_USB_PIPE_H

#include <espalier/status.h>

#include <libusb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { USB_SLOT_BYTES = 2048 /* a frame of any size in one transfer */, USB_SLOTS_MAX = 32 };

struct usb_slot {
    struct libusb_transfer *transfer;
    struct usb_pipe *pipe;
    bool flying;
    size_t taken, size; /* IN: what has come, and how much of it has been read */
    uint8_t bytes[USB_SLOT_BYTES];
};

struct usb_pipe {
    libusb_context *context;
    libusb_device_handle *handle;
    uint8_t endpoint;
    size_t header; /* IN: bytes of a packet that are no data */
    size_t count, next;
    bool halted;       /* the endpoint answered STALL */
    bool troubled;     /* transfers failed, and nothing has been done about it yet */
    bool gone;         /* the device is unplugged */
    unsigned troubles; /* repairs since a transfer brought bytes across */
    struct usb_slot slots[USB_SLOTS_MAX];
};

/* Allocates the transfers of a pipe, @p count of them. usb_pipe_free is due also after a failure. */
enum espalier_status usb_pipe_open(struct usb_pipe *pipe, libusb_context *context, libusb_device_handle *handle,
                                   uint8_t endpoint, size_t count, size_t header, struct espalier_error *error);

/* Cancels what is under way; usb_pipe_free can follow when usb_pipe_quiet, or the handle is closed. */
void usb_pipe_cancel(struct usb_pipe *pipe);
bool usb_pipe_quiet(const struct usb_pipe *pipe);
void usb_pipe_free(struct usb_pipe *pipe);

/* Submits slots[next] with room for, or with, @p size bytes, and goes to the slot behind it. @return whether it flies;
 * else the pipe is troubled or gone */
bool usb_pipe_submit(struct usb_pipe *pipe, size_t size);

/* Deals with transfers that failed: waits a moment, and ends a halt. The bytes of failed transfers are lost.
 * @return ESPALIER_OK, ESPALIER_ERR_NO_DEVICE, or ESPALIER_ERR_IO: it has failed too often */
enum espalier_status usb_pipe_repair(struct usb_pipe *pipe);

/* Lets events happen for @p milliseconds at the most, until one has. */
void usb_handle_events(libusb_context *context, int64_t milliseconds);

/* Of the monotonic clock. */
int64_t usb_now(void);

#endif
