#include "rescale.h"

/* A run of `count` weights that begins with weight `first`. */
static void rescale(struct espalier_float_layer *layer, size_t first, size_t count, float factor)
{
    for (size_t k = first; k < first + count; k++)
        layer->weights[k] *= factor;
}

void espalier_rescale_row(struct espalier_float_layer *layer, uint32_t row, float factor)
{
    size_t columns = espalier_shape_columns(&layer->shape);

    rescale(layer, row * columns, columns, factor);
}

void espalier_rescale_channel(struct espalier_float_layer *layer, uint32_t channel, float factor)
{
    size_t columns = espalier_shape_columns(&layer->shape), run = columns / layer->shape.in_channels;

    for (size_t row = 0; row < layer->shape.rows; row++)
        rescale(layer, row * columns + channel * run, run, factor);
}
