/** The bitstream as it lies in the flash of the microcontroller: a header of STORED_HEADER_BYTES, then the bytes that
 * icepack wrote.
 *
 *     offset  size  meaning, little-endian
 *     0       8     "ESPBITS1"
 *     8       4     size of the bitstream in bytes, at least 1
 *     12      4     CRC-32 of the bitstream (IEEE 802.3, as zlib's) */
#ifndef ESPALIER_BRIDGE_STORED_H
#define ESPALIER_BRIDGE_STORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STORED_HEADER_BYTES = 16 };

/** Writes the header that belongs before a bitstream. */
void stored_header(const uint8_t *bitstream, size_t size, uint8_t header[STORED_HEADER_BYTES]);

/** Finds the bitstream in an area of flash, whatever is there.
 *  @param area  [area_size] bytes
 *  @return whether there is a whole and undamaged one: *bitstream and *size tell where, and are untouched if not */
bool stored_find(const uint8_t *area, size_t area_size, const uint8_t **bitstream, size_t *size);

#endif
