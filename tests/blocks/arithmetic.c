#include "blocks/arithmetic.h"

int64_t signed_of(uint64_t value, unsigned bits)
{
    uint64_t sign = UINT64_C(1) << (bits - 1), kept = value & (2 * sign - 1);
    return (int64_t)kept - (kept & sign ? (int64_t)(2 * sign) : 0);
}

/* Rounds toward minus infinity. */
static int64_t shift_right(int64_t value, unsigned shift)
{
    int64_t divisor = INT64_C(1) << shift, quotient = value / divisor;
    return quotient - (value % divisor < 0);
}

uint8_t requantized(int64_t acc, struct scale scale)
{
    if (scale.raw)
        return (uint8_t)((uint64_t)acc >> scale.shift);
    int64_t half = scale.shift > 0 ? INT64_C(1) << (scale.shift - 1) : 0;
    int64_t y = shift_right(acc * (int64_t)scale.mult + half, scale.shift), low = scale.relu ? 0 : -128;
    return (uint8_t)(y > 127 ? 127 : y < low ? low : y);
}

int64_t draw_acc(struct block *block)
{
    int64_t acc = signed_of(espalier_random_bits(&block->random), ACC_BITS);
    return shift_right(acc, block_below(block, ACC_BITS));
}
