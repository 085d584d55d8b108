/* FTDI's USB-to-serial chips by their own vendor requests; private to host/usb. */
#ifndef ESPALIER_USB_FTDI_H
#define ESPALIER_USB_FTDI_H

#include "usb_which.h"

#include <libusb.h>

/* Bytes at the beginning of every IN packet that tell the state of the line and are nobody's data. */
enum { USB_FTDI_STATUS_BYTES = 2 };

struct usb_ftdi_chip;

/* The kind of chip that a device is, by its descriptor; NULL if it is none that is known here. */
const struct usb_ftdi_chip *usb_ftdi_recognize(const struct libusb_device_descriptor *descriptor);

const char *usb_ftdi_name(const struct usb_ftdi_chip *chip);
/* The interface of a port; @p port 0: the one that boards use for a UART.
 * @return false if the chip has no such port */
bool usb_ftdi_interface(const struct usb_ftdi_chip *chip, char port, uint8_t *interface);

/* Puts a port, whose interface is claimed, into the state that espalier_uart needs: a UART, 8N1, nothing left in the
 * chip's buffers.
 * @return ESPALIER_ERR_RANGE for a rate that the chip cannot come near, or ESPALIER_ERR_IO */
enum espalier_status usb_ftdi_configure(libusb_device_handle *handle, const struct usb_ftdi_chip *chip,
                                        uint8_t interface, const struct usb_line *line, struct espalier_error *error);

#endif
