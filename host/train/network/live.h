/* Which weights are there: lists of the masks, so that a pruned network costs what is left of it. */
#ifndef ESPALIER_LIVE_H
#define ESPALIER_LIVE_H

#include <espalier/network.h>

struct espalier_live_layer {
    size_t count;
    uint32_t *at; /* [count] rising; NULL: all of them, 0 to count - 1 */
};

struct espalier_live {
    uint32_t layer_count;
    struct espalier_live_layer *layers;
};

/* For the masks of @p network as they are now. */
enum espalier_status espalier_live_create(const struct espalier_network *network, struct espalier_live *out,
                                          struct espalier_error *error);
void espalier_live_free(struct espalier_live *live);

/* The i-th weight that is there. */
static inline size_t espalier_live_at(const struct espalier_live_layer *layer, size_t i)
{
    return layer->at == NULL ? i : layer->at[i];
}

#endif
