/* What a device says of itself in answer to HELLO. Private to the library. */
#ifndef ESPALIER_CAPABILITIES_H
#define ESPALIER_CAPABILITIES_H

#include "frame.h"

#include <espalier/device.h>

/** Reads the answer to HELLO and checks what the client relies on.
 *  @return ESPALIER_ERR_DEVICE: whoever answered is no Espalier accelerator, or one that this client cannot use */
enum espalier_status espalier_capabilities_read(const struct espalier_frame *answer, struct espalier_capabilities *out,
                                                struct espalier_error *error);

#endif
