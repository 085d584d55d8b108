/** The rules of rtl/array/ARITHMETIC.md in plain C, for the blocks that follow them. */
#ifndef ESPALIER_BLOCK_ARITHMETIC_H
#define ESPALIER_BLOCK_ARITHMETIC_H

#include "blocks/block.h"

enum { ACC_BITS = 24 };

/** The two's complement number in the lowest @p bits (1 to 32) of @p value. */
int64_t signed_of(uint64_t value, unsigned bits);

struct scale {
    unsigned mult, shift;
    bool relu, raw;
};

/** Rules A5 and A6; A8 if raw: then the byte of the sum from bit `shift` on. */
uint8_t requantized(int64_t acc, struct scale scale);

/** Any sum of ACC_BITS bits; all magnitudes are about as likely. */
int64_t draw_acc(struct block *block);

#endif
