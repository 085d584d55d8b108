/* Finding a device and opening it; private to host/usb. */
#ifndef ESPALIER_USB_DISCOVER_H
#define ESPALIER_USB_DISCOVER_H

#include "usb_ftdi.h"
#include "usb_which.h"

#include <espalier/usb.h>
#include <libusb.h>

/* What of a device carries the bytes: an interface with a bulk pipe each way. */
struct usb_function {
    const struct usb_ftdi_chip *chip; /* NULL: not a serial adapter */
    uint8_t interface, in, out;       /* out and in: addresses of endpoints */
    uint16_t packet;                  /* bytes of an IN packet at the most; */
    size_t header;                    /* the first ones of each are the chip's own */
};

/* A context of its own, to be left with libusb_exit. */
enum espalier_status usb_context(libusb_context **out, struct espalier_error *error);

/* Opens the device that is meant, and claims the interface of its function. A driver of the kernel that serves a serial
 * adapter gives it up, and has it back when it is released. */
enum espalier_status usb_claim(libusb_context *context, const struct usb_which *which, libusb_device_handle **out,
                               struct usb_function *function, struct espalier_error *error);

/* Gives back what usb_claim took. */
void usb_release(libusb_device_handle *handle, const struct usb_function *function);

#endif
