#include "export.h"
#include "codebook.h"
#include "steps.h"

#include <espalier/pack.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void copy_shape(const struct espalier_shape *from, struct espalier_layer *to)
{
    to->in_channels = from->in_channels;
    to->in_height = from->in_height;
    to->in_width = from->in_width;
    to->kernel_height = from->kernel_height;
    to->kernel_width = from->kernel_width;
    to->stride = from->stride;
    to->pad = from->pad;
    to->pool = from->pool;
    to->relu = from->relu;
    to->rows = from->rows;
}

/* A column is kept if any row has a weight there; all rows then store it. A layer that keeps all of them needs no list.
 */
static void mask_structured(const struct espalier_float_layer *from, struct espalier_layer *to)
{
    size_t columns = espalier_layer_columns(to);

    memset(to->keep, 0, columns);
    for (size_t i = 0; i < to->rows * columns; i++)
        to->keep[i % columns] |= from->mask[i];
    for (size_t i = 0; i < to->rows * columns; i++)
        to->mask[i] = to->keep[i % columns];
    if (memchr(to->keep, 0, columns) == NULL)
        to->format = ESPALIER_DENSE;
}

static void mask_dense(const struct espalier_float_layer *from, struct espalier_layer *to)
{
    (void)from;
    memset(to->mask, 1, to->rows * espalier_layer_columns(to));
}

static void mask_gap(const struct espalier_float_layer *from, struct espalier_layer *to)
{
    memcpy(to->mask, from->mask, to->rows * espalier_layer_columns(to));
    espalier_best_gap(to->mask, to->rows, espalier_layer_columns(to), &to->gap_bits, &to->count_bits);
}

static void (*const mask_of_format[])(const struct espalier_float_layer *, struct espalier_layer *) = {
    [ESPALIER_DENSE] = mask_dense, [ESPALIER_STRUCTURED] = mask_structured, [ESPALIER_GAP] = mask_gap};

static void copy_scales(const struct espalier_quantized_layer *from, struct espalier_layer *to)
{
    to->value_bits = from->value_bits;
    to->has_codebook = from->levels.count > 0;
    memcpy(to->codebook, from->levels.codebook, from->levels.count);
    to->mult = to->raw ? 1 : from->mult;
    to->shift = to->raw ? 0 : from->shift;
    to->bias_bits = from->bias_bits;
    to->bias_shift = from->bias_bits > 0 ? from->bias_shift : 0;
}

/* The code of weight i; one that is not there, and stored all the same, has the code nearest to 0. */
static int8_t code_of(const struct espalier_float_layer *from, const struct espalier_quantized_layer *quantized,
                      size_t i)
{
    return quantized->levels.count > 0 && from->mask[i]
               ? quantized->levels.codebook[quantized->entry[i]]
               : (int8_t)espalier_levels_code(&quantized->levels, from->weights[i]);
}

static void copy_weights(const struct espalier_float_layer *from, const struct espalier_quantized_layer *quantized,
                         struct espalier_layer *to)
{
    float sum_step = quantized->levels.unit * quantized->input_step;
    size_t weights = to->rows * espalier_layer_columns(to);

    for (size_t i = 0; i < weights; i++)
        to->weights[i] = to->mask[i] ? code_of(from, quantized, i) : 0;
    for (size_t row = 0; row < to->rows; row++)
        to->bias[row] = (int32_t)lrintf(espalier_round_bias(quantized, from->bias[row], sum_step) / sum_step);
}

enum espalier_status espalier_export(const struct espalier_network *network, const struct espalier_quantizer *quantizer,
                                     enum espalier_format format, const char *made_by, struct espalier_model **out,
                                     struct espalier_error *error)
{
    struct espalier_model *model = NULL;
    enum espalier_status status = espalier_model_create(network->layer_count, &model, error);

    *out = NULL;
    if (status != ESPALIER_OK)
        return status;
    for (uint32_t i = 0; i < network->layer_count; i++) {
        struct espalier_layer *layer = &model->layers[i];
        copy_shape(&network->layers[i].shape, layer);
        layer->format = format;
        layer->raw = i + 1 == network->layer_count;
        status = espalier_layer_allocate(layer, error);
        if (status != ESPALIER_OK)
            goto fail;
        mask_of_format[format](&network->layers[i], layer);
        copy_scales(&quantizer->layers[i], layer);
        copy_weights(&network->layers[i], &quantizer->layers[i], layer);
    }
    model->dense_weights = network->dense_weights;
    model->made_by = malloc(strlen(made_by) + 1);
    if (model->made_by == NULL) {
        status = espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for a model");
        goto fail;
    }
    strcpy(model->made_by, made_by);
    status = espalier_model_check(model, error);
    if (status != ESPALIER_OK)
        goto fail;
    *out = model;
    return ESPALIER_OK;

fail:
    espalier_model_free(model);
    return status;
}
