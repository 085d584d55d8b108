#include "live.h"

#include <stdlib.h>
#include <string.h>

static bool list_layer(const struct espalier_float_layer *from, struct espalier_live_layer *layer)
{
    size_t weights = espalier_shape_weights(&from->shape), filled = 0;

    layer->at = NULL;
    layer->count = 0;
    for (size_t k = 0; k < weights; k++)
        layer->count += from->mask[k];
    if (layer->count == weights)
        return true;
    layer->at = malloc((layer->count + 1) * sizeof *layer->at);
    for (size_t k = 0; k < weights && layer->at != NULL; k++)
        if (from->mask[k])
            layer->at[filled++] = (uint32_t)k;
    return layer->at != NULL;
}

enum espalier_status espalier_live_create(const struct espalier_network *network, struct espalier_live *out,
                                          struct espalier_error *error)
{
    memset(out, 0, sizeof *out);
    out->layers = calloc(network->layer_count, sizeof *out->layers);
    bool enough = out->layers != NULL;
    for (uint32_t i = 0; i < network->layer_count && enough; i++) {
        out->layer_count = i + 1;
        enough = list_layer(&network->layers[i], &out->layers[i]);
    }
    if (enough)
        return ESPALIER_OK;
    espalier_live_free(out);
    return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for the lists of weights");
}

void espalier_live_free(struct espalier_live *live)
{
    for (uint32_t i = 0; i < live->layer_count; i++)
        free(live->layers[i].at);
    free(live->layers);
    memset(live, 0, sizeof *live);
}
