#include "device.h"

#include "interrupt.h"

#include <espalier/usb.h>

enum espalier_status device_open(const char *which, struct espalier_transport *out, struct espalier_error *error)
{
    enum espalier_status status = espalier_usb_open(which, ESPALIER_USB_PATIENCE, out, error);
    return status == ESPALIER_OK ? interrupt_cancels(out, error) : status;
}

static enum espalier_status open_device(const char *which, const char *trace, struct espalier_transport *out,
                                        struct espalier_error *error)
{
    (void)trace; /* device_choose refuses it */
    return device_open(which, out, error);
}

const char *device_choose(struct evaluation_options *options, const char *which)
{
    if (options->rtl || options->board || options->trace)
        return "--device takes the place of --engine rtl, --board and --trace";
    options->rtl = true;
    options->board = which;
    options->open_board = open_device;
    options->threads = 1;
    return NULL;
}

const char *device_engine(const struct evaluation_options *options)
{
    if (!options->rtl)
        return "ref";
    return options->open_board == open_device ? "device" : "rtl";
}
