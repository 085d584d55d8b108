/* Euclidean projections onto sets of sparse matrices: each gives a nearest matrix of its set, but for the one that says
 * otherwise.
 *
 * Nearly all families are counted ones, and share one algorithm. The matrix is cut into tiles (what stands or falls
 * together), the tiles lie in strands, the strands in groups: all are rectangles. A group's k-th unit is the k-th
 * largest tile of each of its strands. The set: every strand of group g has at most c(g) tiles that are not 0, and the
 * sum of c(g) over the groups is at most `keep` (N:M: each c(g) is).
 *
 *     family             tile               strand        group
 *     elements           1 x 1              the matrix    the matrix
 *     filters            1 x columns        the matrix    the matrix
 *     channels           rows x kernel      the matrix    the matrix
 *     columns            rows x 1           the matrix    the matrix
 *     blocks:RxC         R x C              the matrix    the matrix
 *     N:M                1 x 1              1 x M         1 x M
 *     banks:B            1 x 1              1 x bank      a row
 *     patterns           1 x kernel         the matrix    the matrix   after each kernel went to its nearest pattern
 *     with lanes L       as above           a tile high   L rows
 *
 * So balance is part of the set: with lanes, sum of c(g) is the sum over groups of L rows of the longest row's length,
 * which is how many steps an array of L lanes takes.
 *
 * Why it is exact. The squared distance is the squared norm of what becomes 0. For given c, what is best kept of a
 * strand is its c(g) largest tiles, so the norm kept is the sum over g of the first c(g) units' scores, a unit's score
 * being the squared norm of its tiles. A group's scores never rise with k: the gains are concave in c(g). Taking the
 * `keep` units of the largest scores of all groups therefore takes each group's units from the first on (among equals
 * the first goes first), and no other choice of as many units can have a larger sum. With `least`, the first so many
 * units of each matrix, in this order, are taken before: an exchange of units shows that this is the best under that
 * bound as well. */
#ifndef ESPALIER_PROJECT_H
#define ESPALIER_PROJECT_H

#include <espalier/family.h>

/* One layer's weights. */
struct espalier_matrix {
    size_t rows, columns, kernel; /* kernel: columns that read one channel */
    float *values;                /* [rows][columns] */
};

struct espalier_extent {
    size_t rows, columns;
};

struct espalier_set {
    struct espalier_family family;
    size_t keep;                              /* units; filters+columns: rows; N:M: of each M; mask: weights */
    size_t keep_columns;                      /* filters+columns */
    size_t least;                             /* units that each matrix keeps at least, if several share `keep` */
    uint32_t pattern_count;                   /* 0: kernels keep the patterns that they have, or go */
    uint16_t patterns[ESPALIER_PATTERNS_MAX]; /* bit ky * 3 + kx is 1: this weight may be there */
};

/* Moves matrices to the nearest ones that are together in the set: what is kept stays as it is, the rest becomes 0.
 * Several matrices share one budget. Filters+columns is a heuristic (project.c tells how good).
 * @param matrices  [count]; their values are changed in place
 * @param masks     [count] of [rows][columns], receive 1 = kept (a kept value may be 0 itself) */
enum espalier_status espalier_project(const struct espalier_set *set, const struct espalier_matrix *matrices,
                                      uint8_t *const *masks, size_t count, struct espalier_error *error);

/* What such a matrix is cut into: the table's tile. */
struct espalier_extent espalier_tile(const struct espalier_family *family, const struct espalier_matrix *matrix);

/* Units of a counted family in such a matrix (masks: weights), and the weights that one of them is. */
size_t espalier_units(const struct espalier_family *family, const struct espalier_matrix *matrix);
size_t espalier_unit_weights(const struct espalier_family *family, const struct espalier_matrix *matrix);

#endif
