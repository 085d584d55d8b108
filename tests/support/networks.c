#include "support/networks.h"
#include "support/support.h"

#include <stdlib.h>

void network_chain(struct espalier_shape *shapes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct espalier_shape *s = &shapes[i];
        if (i > 0) {
            s->in_channels = s[-1].rows;
            s->in_height = (uint16_t)espalier_shape_out_height(&s[-1]);
            s->in_width = (uint16_t)espalier_shape_out_width(&s[-1]);
        }
        s->kernel_height = s->kernel_height ? s->kernel_height : (uint8_t)s->in_height;
        s->kernel_width = s->kernel_width ? s->kernel_width : (uint8_t)s->in_width;
        s->stride = s->stride ? s->stride : 1;
        s->pool = s->pool ? s->pool : 1;
    }
}

struct espalier_network *network_of(struct espalier_shape *shapes, uint32_t count, uint64_t seed)
{
    struct espalier_error error = {0};
    struct espalier_network *network = NULL;
    network_chain(shapes, count);
    test_ok(espalier_network_create(shapes, count, seed, &network, &error));
    return network;
}

void network_settle(struct espalier_random *random, struct espalier_float_layer *layer)
{
    for (size_t k = 0; k < layer->shape.rows * espalier_shape_columns(&layer->shape); k++)
        layer->weights[k] *= layer->mask[k];
    for (size_t row = 0; row < layer->shape.rows; row++)
        layer->bias[row] = (float)(0.3 * espalier_random_normal(random));
}

static struct espalier_network *three_layers(uint16_t edge, uint8_t pad, uint16_t filters, uint16_t hidden,
                                             uint16_t classes, uint64_t seed)
{
    struct espalier_shape shapes[] = {{.in_channels = 1,
                                       .in_height = edge,
                                       .in_width = edge,
                                       .kernel_height = 3,
                                       .kernel_width = 3,
                                       .pad = pad,
                                       .pool = 2,
                                       .relu = true,
                                       .rows = filters},
                                      {.relu = true, .rows = hidden},
                                      {.rows = classes}};
    return network_of(shapes, 3, seed);
}

struct espalier_network *network_drawn(struct espalier_random *random, uint16_t edge, uint16_t classes, double kept)
{
    const uint8_t pad = (uint8_t)espalier_random_below(random, 2);
    struct espalier_network *network = three_layers(edge, pad, 3, 5, classes, espalier_random_bits(random));
    for (uint32_t i = 0; i < network->layer_count; i++) {
        struct espalier_float_layer *layer = &network->layers[i];
        for (size_t k = 0; k < layer->shape.rows * espalier_shape_columns(&layer->shape); k++)
            layer->mask[k] = espalier_random_uniform(random) < kept;
        network_settle(random, layer);
    }
    return network;
}

struct espalier_network *network_for_task(uint16_t edge, uint16_t classes, uint64_t seed)
{
    return three_layers(edge, 0, 6, 16, classes, seed);
}

struct espalier_dataset network_task(uint64_t seed, uint32_t images, uint16_t edge, uint32_t contrast)
{
    struct espalier_random random;
    struct espalier_dataset data = {.count = images, .height = edge, .width = edge};
    const size_t size = (size_t)edge * edge, half = edge / 2u;
    data.pixels = malloc(images * size);
    data.labels = malloc(images);
    espalier_random_seed(&random, seed);
    ck_assert(data.pixels != NULL && data.labels != NULL);
    for (size_t n = 0; n < images; n++) {
        data.labels[n] = (uint8_t)espalier_random_below(&random, 4);
        for (size_t i = 0; i < size; i++) {
            size_t quarter = i / edge / half * 2 + i % edge / half;
            data.pixels[n * size + i] =
                (uint8_t)(espalier_random_below(&random, 128) + (quarter == data.labels[n] ? contrast : 0));
        }
    }
    return data;
}
