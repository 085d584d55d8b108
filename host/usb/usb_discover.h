/* Finding a device and opening it; private to host/usb. */
#ifndef ESPALIER_USB_DISCOVER_H
#define ESPALIER_USB_DISCOVER_H

#include <espalier/usb.h>
#include <libusb.h>

/* ESPALIER_ERR_IO, or ESPALIER_ERR_MEMORY: libusb failed while @p doing something. */
enum espalier_status usb_failed(int code, const char *doing, struct espalier_error *error);

/* A context of its own, to be left with libusb_exit. */
enum espalier_status usb_context(libusb_context **out, struct espalier_error *error);

/* Opens the device that espalier_usb_open's @p which names, and claims its interface. */
enum espalier_status usb_claim(libusb_context *context, const char *which, libusb_device_handle **out,
                               struct espalier_error *error);

/* Gives back what usb_claim took. */
void usb_release(libusb_device_handle *handle);

#endif
