/** Families of sparsity: what is kept or removed as one when a layer is pruned.
 *
 *  A layer is its GEMM view W[rows][columns]: a row is a filter (or neuron), a column is one (channel, ky, kx) position
 * in all filters, a channel is a run of kernel_height * kernel_width columns. Where a size does not divide the layer's,
 * the last run, bank or block is the smaller for it. */
#ifndef ESPALIER_FAMILY_H
#define ESPALIER_FAMILY_H

#include <espalier/network.h>

enum espalier_family_kind {
    ESPALIER_ELEMENTS,        /**< single weights: non-structured */
    ESPALIER_FILTERS,         /**< whole rows */
    ESPALIER_CHANNELS,        /**< all columns that read one channel */
    ESPALIER_COLUMNS,         /**< whole columns */
    ESPALIER_FILTERS_COLUMNS, /**< rows and columns under one constraint */
    ESPALIER_BLOCKS,          /**< `first` rows by `second` columns */
    ESPALIER_N_OF_M,          /**< at most `first` of every `second` consecutive columns of a row */
    ESPALIER_BANKS,           /**< every row in `first` banks of equally many columns, the same number kept in each */
    ESPALIER_PATTERNS,        /**< 3x3 kernels: 4 weights in one of `first` patterns, or nothing */
    ESPALIER_MASK /**< positions that a generator makes from `seed` (no format holds the seed: stored as gap) */
};

enum { ESPALIER_PATTERNS_MAX = 126, ESPALIER_PATTERN_ENTRIES = 4 };

/** "elements", "filters" and so on, without what a family of the kind counts. */
const char *espalier_family_kind_name(enum espalier_family_kind kind);

struct espalier_family {
    enum espalier_family_kind kind;
    uint32_t first, second; /**< what the kind says; else 0 */
    uint64_t seed;          /**< ESPALIER_MASK */
    uint32_t lanes;         /**< over 1: in every `lanes` rows from the top, every row keeps the same number (elements,
                               blocks of so many rows or a divisor, banks) */
    bool global;            /**< one budget over all layers (elements) */
};

/** Reads a family from its spelling: elements, global, filters, channels, columns, filters+columns, blocks:RxC, N:M,
 *  banks:B, patterns[:P] (8), mask[:SEED] (1).
 *  @return ESPALIER_ERR_RANGE, with what can be, if it is none */
enum espalier_status espalier_family_read(const char *text, struct espalier_family *family,
                                          struct espalier_error *error);

/** Refuses a family that does not suit a layer.
 *  @param layer  its number for the message, counted from 1
 *  @return ESPALIER_ERR_RANGE with the reason */
enum espalier_status espalier_family_check(const struct espalier_family *family, const struct espalier_shape *shape,
                                           uint32_t layer, struct espalier_error *error);

/** Whether the mask of such a layer is one keep list once its empty rows are gone, as the structured format stores it.
 */
bool espalier_family_is_structured(enum espalier_family_kind kind);

/** Whether the family counts rows and columns from where the layer begins, so that none may be taken out or moved. */
bool espalier_family_is_aligned(enum espalier_family_kind kind);

/** Whether the family says what lines, kernels or banks keep each, so that only a projection finds what it keeps:
 *  removing one after the other what is of least use does not end in it. */
bool espalier_family_needs_projection(const struct espalier_family *family);

#endif
