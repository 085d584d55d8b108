#include "grouping.h"
#include "admm.h"

/* Families whose tiles have a noise each. */
static const struct {
    uint32_t tilings;
    enum espalier_family_kind kinds[ESPALIER_TILINGS_MAX];
} tiled[] = {
    [ESPALIER_FILTERS] = {1, {ESPALIER_FILTERS}},
    [ESPALIER_CHANNELS] = {1, {ESPALIER_CHANNELS}},
    [ESPALIER_COLUMNS] = {1, {ESPALIER_COLUMNS}},
    [ESPALIER_FILTERS_COLUMNS] = {2, {ESPALIER_FILTERS, ESPALIER_COLUMNS}},
    [ESPALIER_BLOCKS] = {1, {ESPALIER_BLOCKS}},
    [ESPALIER_MASK] = {0}, /* the last kind */
};

struct espalier_family espalier_family_of(const struct espalier_compress_options *options, uint32_t layer)
{
    if (options->families != NULL)
        return options->families[layer];
    return (struct espalier_family){.kind = options->format == ESPALIER_STRUCTURED ? ESPALIER_FILTERS_COLUMNS
                                                                                   : ESPALIER_ELEMENTS};
}

static struct espalier_grouping grouping_of(const struct espalier_family *family, const struct espalier_matrix *matrix,
                                            bool last)
{
    bool stays = espalier_family_needs_projection(family);
    struct espalier_grouping grouping = {.tiled = !stays && tiled[family->kind].tilings > 0, .stays = stays};

    for (uint32_t t = 0; grouping.tiled && t < tiled[family->kind].tilings; t++) {
        struct espalier_family tiles = *family;
        tiles.kind = tiled[family->kind].kinds[t];
        if (!last || tiles.kind != ESPALIER_FILTERS)
            grouping.tile[grouping.tilings++] = espalier_tile(&tiles, matrix);
    }
    return grouping;
}

void espalier_group(const struct espalier_compress_options *options, const struct espalier_network *network,
                    struct espalier_grouping *groupings)
{
    for (uint32_t i = 0; i < network->layer_count; i++) {
        struct espalier_family family = espalier_family_of(options, i);
        struct espalier_matrix matrix = espalier_matrix_of(&network->layers[i]);
        groupings[i] = grouping_of(&family, &matrix, i + 1 == network->layer_count);
    }
}
