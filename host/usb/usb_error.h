/* What libusb says, as the library says it; private to host/usb. */
#ifndef ESPALIER_USB_ERROR_H
#define ESPALIER_USB_ERROR_H

#include <espalier/status.h>

/* ESPALIER_ERR_IO, or ESPALIER_ERR_MEMORY: libusb failed with @p code while @p doing something. */
enum espalier_status usb_failed(int code, const char *doing, struct espalier_error *error);

#endif
