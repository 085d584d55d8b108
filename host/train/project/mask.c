#include "mask.h"

#include <espalier/random.h>

/* Draws `wanted` of a row's columns. */
static void draw_row(struct espalier_random *random, size_t wanted, size_t columns, uint8_t *mask)
{
    for (size_t column = 0; column < columns; column++) {
        mask[column] = espalier_random_below(random, (uint32_t)(columns - column)) < wanted;
        wanted -= mask[column];
    }
}

void espalier_draw_mask(uint64_t seed, size_t keep, size_t rows, size_t columns, uint8_t *mask)
{
    struct espalier_random random;

    espalier_random_seed(&random, seed);
    for (size_t row = 0; row < rows; row++)
        draw_row(&random, keep / rows + (row < keep % rows), columns, mask + row * columns);
}
