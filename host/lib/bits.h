/* Bit fields, least significant bit first: the packed weight stream's alphabet (rtl/decode/STREAM.md). Private to the
 * library. */
#ifndef ESPALIER_BITS_H
#define ESPALIER_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Writes fields into memory that grows. A failed allocation is remembered: write on and look at `failed` once, at the
 * end. */
struct espalier_bit_writer {
    uint8_t *bytes; /**< whole bytes written so far; the owner frees it */
    size_t size, capacity;
    uint32_t held; /**< bits of the byte being filled */
    unsigned held_bits;
    bool failed;
};

/** Appends the low @p width bits (0 to 24) of @p value. */
void espalier_bits_put(struct espalier_bit_writer *writer, uint32_t value, unsigned width);
/** Bits written so far. */
uint64_t espalier_bits_written(const struct espalier_bit_writer *writer);
/** Appends zero bits up to a multiple of 32. */
void espalier_bits_pad(struct espalier_bit_writer *writer);

/** Reads fields from memory that it does not own. */
struct espalier_bit_reader {
    const uint8_t *bytes;
    uint64_t position, end; /**< in bits */
};

/** Takes @p width bits (0 to 24). @return false, taking nothing, if fewer are left */
bool espalier_bits_take(struct espalier_bit_reader *reader, unsigned width, uint32_t *value);

/** The low @p width bits (0 to 24) of @p field as a two's complement number. */
int32_t espalier_bits_signed(uint32_t field, unsigned width);

#endif
