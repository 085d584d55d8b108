#include "rescale.h"

/* A run of `count` weights that begins with weight `first` of the layer. */
static void rescale(struct espalier_network *network, struct espalier_variational *variational, uint32_t layer,
                    size_t first, size_t count, float factor)
{
    for (size_t k = first; k < first + count; k++)
        network->layers[layer].weights[k] *= factor;
    if (variational != NULL)
        espalier_variational_rescale(variational, layer, first, count, factor);
}

void espalier_rescale_row(struct espalier_network *network, struct espalier_variational *variational, uint32_t layer,
                          uint32_t row, float factor)
{
    size_t columns = espalier_shape_columns(&network->layers[layer].shape);

    rescale(network, variational, layer, row * columns, columns, factor);
}

void espalier_rescale_channel(struct espalier_network *network, struct espalier_variational *variational,
                              uint32_t layer, uint32_t channel, float factor)
{
    const struct espalier_shape *shape = &network->layers[layer].shape;
    size_t columns = espalier_shape_columns(shape), run = columns / shape->in_channels;

    for (size_t row = 0; row < shape->rows; row++)
        rescale(network, variational, layer, row * columns + channel * run, run, factor);
}
