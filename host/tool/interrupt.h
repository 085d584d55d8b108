/* Ctrl-C while a device is in use: what is under way is cancelled and the device given back, instead of the program
 * being ended on the spot. */
#ifndef ESPALIER_TOOL_INTERRUPT_H
#define ESPALIER_TOOL_INTERRUPT_H

#include <espalier/device.h>

/* Lets SIGINT and SIGTERM cancel an open USB transport, which is replaced by one that ends this when it is closed. One
 * transport at a time in a program. A second signal ends the program as usual.
 * @return ESPALIER_ERR_MEMORY; the transport is closed then */
enum espalier_status interrupt_cancels(struct espalier_transport *transport, struct espalier_error *error);

#endif
