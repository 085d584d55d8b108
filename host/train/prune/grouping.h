/* What shares a noise while sparse variational dropout (variational.h) chooses: what the layer's family removes as one.
 *
 *     family                            one noise for each
 *     elements, global                  weight
 *     filters                           row; the last layer has no noise, its rows being classes
 *     channels, columns, blocks:RxC     tile of the projection (project.h)
 *     filters+columns                   row and column: two noises meet in a weight; in the last layer column
 *     N:M, banks, patterns, mask, and   weight, and nothing goes for good: how much a line keeps is for a projection to
 *     whatever is balanced              say, which needs all there is
 *
 * Without families: as elements (gap), as filters+columns (structured). */
#ifndef ESPALIER_GROUPING_H
#define ESPALIER_GROUPING_H

#include <espalier/compress.h>

#include "project/project.h"

enum { ESPALIER_TILINGS_MAX = 2 };

struct espalier_grouping {
    bool tiled;                                        /* else: a variance a weight */
    uint32_t tilings;                                  /* if tiled; 0: no noise, and all is kept */
    struct espalier_extent tile[ESPALIER_TILINGS_MAX]; /* of each tiling; smaller where the layer ends */
    bool stays; /* noise says how much the layer may keep, and takes nothing from it */
};

/* The family of a layer, if none is given that which is written above. */
struct espalier_family espalier_family_of(const struct espalier_compress_options *options, uint32_t layer);

/* Fills the groupings [layers] of a network's noise. */
void espalier_group(const struct espalier_compress_options *options, const struct espalier_network *network,
                    struct espalier_grouping *groupings);

#endif
