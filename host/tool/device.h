/* Evaluating on a device on USB instead of a simulated board. */
#ifndef ESPALIER_TOOL_DEVICE_H
#define ESPALIER_TOOL_DEVICE_H

#include "evaluate.h"

/* Takes --device into @p options: @p which is a serial number, a path, or "any", and outlives them. Nothing is opened
 * yet. @return what is wrong, or NULL: a device takes the place of an engine, a board and threads */
const char *device_choose(struct evaluation_options *options, const char *which);

/* "ref", "rtl" or "device". */
const char *device_engine(const struct evaluation_options *options);

#endif
