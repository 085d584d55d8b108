#include "usb_error.h"

#include <libusb.h>

enum espalier_status usb_failed(int code, const char *doing, struct espalier_error *error)
{
    if (code == LIBUSB_ERROR_NO_MEM)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "USB: no memory for %s", doing);
    return espalier_fail(error, ESPALIER_ERR_IO, "USB: %s failed: %s", doing, libusb_strerror(code));
}
