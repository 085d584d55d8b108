/* Float networks: shapes, creation, copies. */
#include <espalier/model.h>
#include <espalier/network.h>
#include <espalier/random.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 65535 }; /* what a layer descriptor can say */

size_t espalier_shape_columns(const struct espalier_shape *shape)
{
    return (size_t)shape->in_channels * shape->kernel_height * shape->kernel_width;
}

size_t espalier_shape_weights(const struct espalier_shape *shape)
{
    return shape->rows * espalier_shape_columns(shape);
}

static uint32_t conv_size(uint32_t in, uint32_t kernel, uint32_t pad, uint32_t stride)
{
    return (in + 2 * pad - kernel) / stride + 1;
}

uint32_t espalier_shape_conv_height(const struct espalier_shape *shape)
{
    return conv_size(shape->in_height, shape->kernel_height, shape->pad, shape->stride);
}

uint32_t espalier_shape_conv_width(const struct espalier_shape *shape)
{
    return conv_size(shape->in_width, shape->kernel_width, shape->pad, shape->stride);
}

uint32_t espalier_shape_out_height(const struct espalier_shape *shape)
{
    return espalier_shape_conv_height(shape) / shape->pool;
}

uint32_t espalier_shape_out_width(const struct espalier_shape *shape)
{
    return espalier_shape_conv_width(shape) / shape->pool;
}

const struct espalier_shape *espalier_lenet5_shapes(uint32_t *count)
{
    static const struct espalier_shape shapes[] = {
        {.in_channels = 1,
         .in_height = 28,
         .in_width = 28,
         .kernel_height = 5,
         .kernel_width = 5,
         .stride = 1,
         .pool = 2,
         .relu = true,
         .rows = 20},
        {.in_channels = 20,
         .in_height = 12,
         .in_width = 12,
         .kernel_height = 5,
         .kernel_width = 5,
         .stride = 1,
         .pool = 2,
         .relu = true,
         .rows = 50},
        {.in_channels = 50,
         .in_height = 4,
         .in_width = 4,
         .kernel_height = 4,
         .kernel_width = 4,
         .stride = 1,
         .pool = 1,
         .relu = true,
         .rows = 500},
        {.in_channels = 500,
         .in_height = 1,
         .in_width = 1,
         .kernel_height = 1,
         .kernel_width = 1,
         .stride = 1,
         .pool = 1,
         .relu = false,
         .rows = 10},
    };
    *count = sizeof shapes / sizeof shapes[0];
    return shapes;
}

/* Refuses a layer that has no output or that a layer descriptor cannot describe. @param layer  counted from 1 */
static enum espalier_status check_shape(const struct espalier_shape *shape, uint32_t layer,
                                        struct espalier_error *error)
{
    if (shape->rows == 0 || shape->in_channels == 0 || shape->kernel_height == 0 || shape->kernel_width == 0 ||
        shape->stride == 0 || shape->pool == 0 || shape->pool > 4)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: a size is zero, or pooling is over 4", layer);
    if (shape->kernel_height > shape->in_height + 2 * shape->pad ||
        shape->kernel_width > shape->in_width + 2 * shape->pad)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: the kernel is larger than its padded input", layer);
    if (espalier_shape_columns(shape) > COLUMNS_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: %zu columns, at most %d can be", layer,
                             espalier_shape_columns(shape), COLUMNS_MAX);
    if (espalier_shape_out_height(shape) == 0 || espalier_shape_out_width(shape) == 0)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: pooling leaves no output", layer);
    return ESPALIER_OK;
}

static enum espalier_status check_shapes(const struct espalier_shape *shapes, uint32_t count,
                                         struct espalier_error *error)
{
    if (count == 0 || count > ESPALIER_LAYERS_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "%u layers; 1 to %d can be", count, ESPALIER_LAYERS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        enum espalier_status status = check_shape(&shapes[i], i + 1, error);
        if (status != ESPALIER_OK)
            return status;
        if (i > 0 && (shapes[i].in_channels != shapes[i - 1].rows ||
                      shapes[i].in_height != espalier_shape_out_height(&shapes[i - 1]) ||
                      shapes[i].in_width != espalier_shape_out_width(&shapes[i - 1])))
            return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: its input is not the output of layer %u", i + 1,
                                 i);
    }
    return ESPALIER_OK;
}

static bool allocate_layer(struct espalier_float_layer *layer)
{
    size_t weights = espalier_shape_weights(&layer->shape);

    layer->weights = calloc(weights, sizeof *layer->weights);
    layer->bias = calloc(layer->shape.rows, sizeof *layer->bias);
    layer->mask = malloc(weights);
    if (layer->mask != NULL)
        memset(layer->mask, 1, weights);
    return layer->weights != NULL && layer->bias != NULL && layer->mask != NULL;
}

static void initialize_weights(struct espalier_float_layer *layer, struct espalier_random *random)
{
    size_t columns = espalier_shape_columns(&layer->shape);
    double deviation = sqrt(2.0 / (double)columns);

    for (size_t i = 0; i < layer->shape.rows * columns; i++)
        layer->weights[i] = (float)(deviation * espalier_random_normal(random));
}

enum espalier_status espalier_network_create(const struct espalier_shape *shapes, uint32_t count, uint64_t seed,
                                             struct espalier_network **out, struct espalier_error *error)
{
    *out = NULL;
    enum espalier_status status = check_shapes(shapes, count, error);
    if (status != ESPALIER_OK)
        return status;

    struct espalier_network *network = calloc(1, sizeof *network);
    struct espalier_random random;
    if (network == NULL)
        goto no_memory;
    network->layers = calloc(count, sizeof *network->layers);
    if (network->layers == NULL)
        goto no_memory;
    network->layer_count = count;
    espalier_random_seed(&random, seed);
    for (uint32_t i = 0; i < count; i++) {
        struct espalier_float_layer *layer = &network->layers[i];
        layer->shape = shapes[i];
        if (!allocate_layer(layer))
            goto no_memory;
        initialize_weights(layer, &random);
        network->dense_weights += espalier_shape_weights(&shapes[i]);
    }
    *out = network;
    return ESPALIER_OK;

no_memory:
    espalier_network_free(network);
    return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for a network of %u layers", count);
}

enum espalier_status espalier_network_clone(const struct espalier_network *network, struct espalier_network **out,
                                            struct espalier_error *error)
{
    struct espalier_shape shapes[ESPALIER_LAYERS_MAX];

    for (uint32_t i = 0; i < network->layer_count; i++)
        shapes[i] = network->layers[i].shape;
    enum espalier_status status = espalier_network_create(shapes, network->layer_count, 0, out, error);
    if (status != ESPALIER_OK)
        return status;
    (*out)->dense_weights = network->dense_weights;
    for (uint32_t i = 0; i < network->layer_count; i++) {
        const struct espalier_float_layer *from = &network->layers[i];
        struct espalier_float_layer *to = &(*out)->layers[i];
        size_t weights = espalier_shape_weights(&from->shape);
        memcpy(to->weights, from->weights, weights * sizeof *to->weights);
        memcpy(to->bias, from->bias, from->shape.rows * sizeof *to->bias);
        memcpy(to->mask, from->mask, weights);
    }
    return ESPALIER_OK;
}

void espalier_network_free(struct espalier_network *network)
{
    if (network == NULL)
        return;
    for (uint32_t i = 0; i < network->layer_count; i++) {
        free(network->layers[i].weights);
        free(network->layers[i].bias);
        free(network->layers[i].mask);
    }
    free(network->layers);
    free(network);
}

uint64_t espalier_network_kept(const struct espalier_network *network)
{
    uint64_t kept = 0;

    for (uint32_t i = 0; i < network->layer_count; i++) {
        const struct espalier_float_layer *layer = &network->layers[i];
        size_t weights = espalier_shape_weights(&layer->shape);
        for (size_t k = 0; k < weights; k++)
            kept += layer->mask[k];
    }
    return kept;
}
