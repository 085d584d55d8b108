/* Euclidean projections onto sets of sparse matrices. */
#ifndef ESPALIER_PROJECT_H
#define ESPALIER_PROJECT_H

#include <espalier/status.h>
#include <stddef.h>
#include <stdint.h>

/* What is kept or removed as one. */
enum espalier_group {
    ESPALIER_ELEMENTS, /* single weights: non-structured */
    ESPALIER_ROWS,     /* filters or neurons */
    ESPALIER_COLUMNS   /* one (channel, ky, kx) position in all filters */
};

/* Moves a matrix to the nearest one with at most `keep` non-zero groups: the groups of largest norm stay as they are,
 * the first among equals, and all others become 0.
 * @param values  [rows][columns], changed in place
 * @param mask    receives [rows][columns], 1 = in a group that stays */
enum espalier_status espalier_project(enum espalier_group group, size_t keep, size_t rows, size_t columns,
                                      float *values, uint8_t *mask, struct espalier_error *error);

#endif
