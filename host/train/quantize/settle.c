#include "codebook.h"
#include "quantize.h"

#include <math.h>
#include <stdlib.h>

/* A weight, and how much farther its second nearest level is than its nearest: 0 where the two meet. */
struct margin {
    double apart;
    size_t weight;
};

static int rising(const void *left, const void *right)
{
    const struct margin *a = left, *b = right;

    return a->apart != b->apart ? (a->apart > b->apart) - (a->apart < b->apart)
                                : (a->weight > b->weight) - (a->weight < b->weight);
}

static double apart(const struct espalier_levels *levels, float weight)
{
    int32_t own = espalier_levels_code(levels, weight);
    double wanted = (double)weight / (double)levels->unit, second = HUGE_VAL;

    for (uint32_t i = 0; i < levels->count; i++)
        if (levels->codebook[i] != own) /* some kinds have the last level twice */
            second = fmin(second, fabs(wanted - levels->codebook[i]));
    return second - fabs(wanted - own);
}

/* Fixes so many more weights of a layer. margins has room for all of them. */
static void fix_layer(struct espalier_quantized_layer *layer, const struct espalier_float_layer *from, double share,
                      struct margin *margins)
{
    size_t weights = espalier_shape_weights(&from->shape), kept = 0, movable = 0;

    for (size_t k = 0; k < weights; k++) {
        kept += from->mask[k];
        if (from->mask[k] && !layer->fixed[k])
            margins[movable++] = (struct margin){apart(&layer->levels, from->weights[k]), k};
    }
    size_t wanted = (size_t)ceil(share * (double)kept), fixed = kept - movable;
    qsort(margins, movable, sizeof *margins, rising);
    for (size_t n = 0; n < movable && fixed + n < wanted; n++)
        layer->fixed[margins[n].weight] = 1;
}

enum espalier_status espalier_quantizer_fix(struct espalier_quantizer *quantizer,
                                            const struct espalier_network *network, double share,
                                            struct espalier_error *error)
{
    for (uint32_t i = 0; i < quantizer->layer_count; i++) {
        const struct espalier_float_layer *from = &network->layers[i];
        size_t weights = espalier_shape_weights(&from->shape);
        if (quantizer->layers[i].levels.count == 0)
            continue; /* linear codes: a step away is no other weight */
        struct margin *margins = malloc(weights * sizeof *margins);
        if (margins == NULL)
            return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for %zu weights", weights);
        fix_layer(&quantizer->layers[i], from, share, margins);
        free(margins);
    }
    return ESPALIER_OK;
}
