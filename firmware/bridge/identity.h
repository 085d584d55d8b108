/** Who the device says it is on USB: the descriptors of rtl/link/usb_descriptors.v, so that the host's driver cannot
 * tell the bridge from an FPGA with USB of its own. Two things differ: the serial number is the microcontroller's, and
 * the product string tells of a fault. */
#ifndef ESPALIER_BRIDGE_IDENTITY_H
#define ESPALIER_BRIDGE_IDENTITY_H

#include "supervisor.h"

enum { IDENTITY_STRING_BYTES = 126 };

/** @return the descriptor, whose length is where USB has it */
const uint8_t *identity_device(void);
const uint8_t *identity_configuration(void);
const uint8_t *identity_bos(void);

/** A string descriptor: languages, manufacturer, product, serial number.
 *  @param serial  ASCII, at most 40 characters
 *  @param out     receives the descriptor
 *  @return its length; 0 if there is no such string */
size_t identity_string(uint8_t index, enum condition condition, const char *serial, uint8_t out[IDENTITY_STRING_BYTES]);

/** A vendor's request, its fields as in the setup packet.
 *  @param bytes  receives what is to be sent, [return value]
 *  @return 0 if the request must be refused */
size_t identity_request(uint8_t request_type, uint8_t request, uint16_t value, uint16_t index, const uint8_t **bytes);

#endif
