/* Evaluating on a device on USB instead of a simulated board. */
#ifndef ESPALIER_TOOL_DEVICE_H
#define ESPALIER_TOOL_DEVICE_H

#include "evaluate.h"

/* What --device takes, for the help of every command that has it. */
#define DEVICE_HELP                                                                                                    \
    "WHICH of --device is a serial number or a path (see \"espalier devices\"), or any; for a board behind an FTDI "   \
    "chip,\n"                                                                                                          \
    "ftdi: and the same, then settings if needed: ,baud=N (if not told: 1000000) ,port=A (of a chip with several; if " \
    "not\n"                                                                                                            \
    "told: the one that boards use) ,flow=rts (if RTS and CTS are wired). Ctrl-C gives the device back (exit code "    \
    "130).\n"

/* Opens the link to a device so that Ctrl-C gives it back (interrupt.h). */
enum espalier_status device_open(const char *which, struct espalier_transport *out, struct espalier_error *error);

/* Takes --device into @p options: @p which is what espalier_usb_open takes, and outlives them. Nothing is opened
 * yet. @return what is wrong, or NULL: a device takes the place of an engine, a board and threads */
const char *device_choose(struct evaluation_options *options, const char *which);

/* "ref", "rtl" or "device". */
const char *device_engine(const struct evaluation_options *options);

#endif
