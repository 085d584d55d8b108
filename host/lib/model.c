/* Models in memory: shapes, allocation, and the check that the rest of the library relies on.
 *
 * A check goes from the outside in: first shapes and widths (so that sizes may be computed and memory allocated), then
 * what the arrays hold. A reader of hostile files stops between the two. */
#include "layer_fields.h"

#include <stdlib.h>
#include <string.h>

enum {
    ACTIVATIONS_MAX = 1 << 24, /* of a layer's input or output */
    MADE_BY_MAX = 1023,
    ACC_MAX = 1 << 23, /* rule A4: accumulators of 24 bits */
};

const char *espalier_format_name(enum espalier_format format)
{
    static const char *const names[] = {
        [ESPALIER_DENSE] = "dense", [ESPALIER_STRUCTURED] = "structured", [ESPALIER_GAP] = "gap"};

    return names[format];
}

size_t espalier_layer_columns(const struct espalier_layer *layer)
{
    return (size_t)layer->in_channels * layer->kernel_height * layer->kernel_width;
}

static uint32_t positions_along(uint32_t in, uint32_t pad, uint32_t kernel, uint32_t stride)
{
    return in + 2 * pad < kernel ? 0 : (in + 2 * pad - kernel) / stride + 1;
}

uint32_t espalier_layer_conv_height(const struct espalier_layer *layer)
{
    return positions_along(layer->in_height, layer->pad, layer->kernel_height, layer->stride);
}

uint32_t espalier_layer_conv_width(const struct espalier_layer *layer)
{
    return positions_along(layer->in_width, layer->pad, layer->kernel_width, layer->stride);
}

uint32_t espalier_layer_out_height(const struct espalier_layer *layer)
{
    return espalier_layer_conv_height(layer) / layer->pool;
}

uint32_t espalier_layer_out_width(const struct espalier_layer *layer)
{
    return espalier_layer_conv_width(layer) / layer->pool;
}

enum espalier_status espalier_model_create(uint32_t layer_count, struct espalier_model **out,
                                           struct espalier_error *error)
{
    *out = NULL;
    if (layer_count == 0 || layer_count > ESPALIER_LAYERS_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "a model has 1 to %d layers, not %u", ESPALIER_LAYERS_MAX,
                             layer_count);
    struct espalier_model *model = calloc(1, sizeof *model);
    struct espalier_layer *layers = calloc(layer_count, sizeof *layers);
    if (!model || !layers) {
        free(model);
        free(layers);
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for a model of %u layers", layer_count);
    }
    model->layer_count = layer_count;
    model->layers = layers;
    *out = model;
    return ESPALIER_OK;
}

enum espalier_status espalier_layer_allocate(struct espalier_layer *layer, struct espalier_error *error)
{
    size_t columns = espalier_layer_columns(layer);
    if (columns == 0 || columns > ESPALIER_COLUMNS_MAX || layer->rows == 0)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "a layer of %u rows and %zu columns is not possible",
                             layer->rows, columns);
    size_t positions = layer->rows * columns;
    layer->keep = malloc(columns);
    layer->mask = malloc(positions);
    layer->weights = calloc(positions, sizeof *layer->weights);
    layer->bias = calloc(layer->rows, sizeof *layer->bias);
    if (!layer->keep || !layer->mask || !layer->weights || !layer->bias) {
        free(layer->keep);
        free(layer->mask);
        free(layer->weights);
        free(layer->bias);
        layer->keep = layer->mask = NULL;
        layer->weights = NULL;
        layer->bias = NULL;
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for a layer of %u rows and %zu columns",
                             layer->rows, columns);
    }
    memset(layer->keep, 1, columns);
    memset(layer->mask, 1, positions);
    return ESPALIER_OK;
}

void espalier_model_free(struct espalier_model *model)
{
    if (!model)
        return;
    for (uint32_t i = 0; i < model->layer_count; i++) {
        free(model->layers[i].keep);
        free(model->layers[i].mask);
        free(model->layers[i].weights);
        free(model->layers[i].bias);
    }
    free(model->layers);
    free(model->made_by);
    free(model);
}

/* Where a check is, for its messages. */
struct place {
    uint32_t layer; /* counted from 1 */
    struct espalier_error *error;
};

#define REFUSE(place, ...) espalier_fail((place)->error, ESPALIER_ERR_RANGE, __VA_ARGS__)

static enum espalier_status check_fields(const struct espalier_layer *layer, const struct place *place)
{
    size_t count;
    const struct espalier_layer_field *fields = espalier_layer_fields(&count);
    for (size_t i = 0; i < count; i++) {
        uint32_t value = espalier_layer_field_get(layer, &fields[i]);
        if (value < fields[i].low || value > fields[i].high)
            return REFUSE(place, "layer %u: %s is %u, not %u to %u", place->layer, fields[i].name, value, fields[i].low,
                          fields[i].high);
    }
    return ESPALIER_OK;
}

/* Fields that depend on one another. */
static enum espalier_status check_widths(const struct espalier_layer *layer, const struct place *place)
{
    bool gap = layer->format == ESPALIER_GAP;
    if (gap != (layer->gap_bits > 0) || gap != (layer->count_bits > 0))
        return REFUSE(place, "layer %u: gap_bits %u and count_bits %u do not suit format %d", place->layer,
                      layer->gap_bits, layer->count_bits, (int)layer->format);
    if (layer->has_codebook && layer->value_bits > 4)
        return REFUSE(place, "layer %u: a codebook goes with value_bits up to 4, not %u", place->layer,
                      layer->value_bits);
    if (layer->raw && (layer->relu || layer->pool != 1))
        return REFUSE(place, "layer %u: a raw layer has neither ReLU nor pooling", place->layer);
    return ESPALIER_OK;
}

static enum espalier_status check_geometry(const struct espalier_layer *layer, const struct place *place)
{
    size_t columns = espalier_layer_columns(layer);
    if (columns > ESPALIER_COLUMNS_MAX)
        return REFUSE(place, "layer %u: %zu columns are over %d", place->layer, columns, ESPALIER_COLUMNS_MAX);
    uint64_t out_height = espalier_layer_out_height(layer), out_width = espalier_layer_out_width(layer);
    if (out_height == 0 || out_width == 0)
        return REFUSE(place, "layer %u: kernel %ux%u with pooling %u does not fit input %ux%u with padding %u",
                      place->layer, layer->kernel_height, layer->kernel_width, layer->pool, layer->in_height,
                      layer->in_width, layer->pad);
    /* Heights and widths are below 2^17: the products stay below 2^50. */
    uint64_t inputs = (uint64_t)layer->in_channels * layer->in_height * layer->in_width;
    uint64_t outputs = (uint64_t)layer->rows * out_height * out_width;
    if (inputs > ACTIVATIONS_MAX || outputs > ACTIVATIONS_MAX)
        return REFUSE(place, "layer %u: %llu inputs and %llu outputs: the limit is %d", place->layer,
                      (unsigned long long)inputs, (unsigned long long)outputs, ACTIVATIONS_MAX);
    return ESPALIER_OK;
}

/* The layer's input is what the layer before it gives. */
static enum espalier_status check_chain(const struct espalier_layer *layer, const struct place *place)
{
    const struct espalier_layer *before = layer - 1;
    uint32_t height = espalier_layer_out_height(before), width = espalier_layer_out_width(before);
    if (layer->in_channels != before->rows || layer->in_height != height || layer->in_width != width)
        return REFUSE(place, "layer %u: its input is %ux%ux%u, but layer %u gives %ux%ux%u", place->layer,
                      layer->in_channels, layer->in_height, layer->in_width, place->layer - 1, before->rows, height,
                      width);
    if (before->raw)
        return REFUSE(place, "layer %u is raw, but not the last", place->layer - 1);
    return ESPALIER_OK;
}

enum espalier_status espalier_model_check_shapes(const struct espalier_model *model, struct espalier_error *error)
{
    if (model->layer_count == 0 || model->layer_count > ESPALIER_LAYERS_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "a model has 1 to %d layers, not %u", ESPALIER_LAYERS_MAX,
                             model->layer_count);
    uint64_t positions = 0;
    for (uint32_t i = 0; i < model->layer_count; i++) {
        const struct espalier_layer *layer = &model->layers[i];
        const struct place place = {i + 1, error};
        enum espalier_status status = check_fields(layer, &place);
        if (status == ESPALIER_OK)
            status = check_widths(layer, &place);
        if (status == ESPALIER_OK)
            status = check_geometry(layer, &place);
        if (status == ESPALIER_OK && i > 0)
            status = check_chain(layer, &place);
        if (status != ESPALIER_OK)
            return status;
        positions += (uint64_t)layer->rows * espalier_layer_columns(layer);
    }
    if (positions > ESPALIER_POSITIONS_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "%llu weight positions are over the limit of %llu",
                             (unsigned long long)positions, (unsigned long long)ESPALIER_POSITIONS_MAX);
    return ESPALIER_OK;
}

/* The int8 values that have a code. */
static void representable(const struct espalier_layer *layer, bool has_code[256])
{
    memset(has_code, 0, 256 * sizeof *has_code);
    int codes = 1 << layer->value_bits;
    for (int code = 0; code < codes; code++) {
        int value = layer->has_codebook ? layer->codebook[code] : code - codes / 2;
        has_code[value + 128] = true;
    }
}

/* What a mask flag must be in each format, given its column's keep flag; -1 = either. */
static int required_mask(const struct espalier_layer *layer, uint8_t keep)
{
    static const int by_format[][2] = {
        [ESPALIER_DENSE] = {1, 1},
        [ESPALIER_STRUCTURED] = {0, 1},
        [ESPALIER_GAP] = {-1, -1},
    };
    return by_format[layer->format][keep];
}

static enum espalier_status check_bias(const struct espalier_layer *layer, uint32_t row, const struct place *place)
{
    int32_t unit = INT32_C(1) << layer->bias_shift, bias = layer->bias[row];
    int32_t reach = layer->bias_bits ? INT32_C(1) << (layer->bias_bits - 1) : 0;
    if (bias % unit != 0)
        return REFUSE(place, "layer %u, row %u: bias %d is not a multiple of %d", place->layer, row, bias, unit);
    if (bias / unit < -reach || bias / unit > (reach ? reach - 1 : 0))
        return REFUSE(place, "layer %u, row %u: bias %d does not fit a field of %u bits shifted by %u", place->layer,
                      row, bias, layer->bias_bits, layer->bias_shift);
    return ESPALIER_OK;
}

static enum espalier_status check_row(const struct espalier_layer *layer, uint32_t row, const bool has_code[256],
                                      const struct place *place)
{
    size_t columns = espalier_layer_columns(layer);
    const uint8_t *mask = layer->mask + row * columns;
    const int8_t *weights = layer->weights + row * columns;
    int64_t sum = 0;
    uint32_t stored = 0;
    for (size_t column = 0; column < columns; column++) {
        int required = required_mask(layer, layer->keep[column]);
        if (mask[column] > 1 || (required >= 0 && mask[column] != required))
            return REFUSE(place, "layer %u, row %u, column %zu: the mask does not agree with the format", place->layer,
                          row, column);
        if (mask[column] ? !has_code[weights[column] + 128] : weights[column] != 0)
            return REFUSE(place, "layer %u, row %u, column %zu: weight %d has no code%s", place->layer, row, column,
                          weights[column], mask[column] ? "" : ", for it is not stored");
        sum += abs(weights[column]);
        stored += mask[column];
    }
    if (layer->format == ESPALIER_GAP && stored >> layer->count_bits != 0)
        return REFUSE(place, "layer %u, row %u: count field of %u bits cannot hold %u", place->layer, row,
                      layer->count_bits, stored);
    enum espalier_status status = check_bias(layer, row, place);
    if (status == ESPALIER_OK && llabs(layer->bias[row]) + 128 * sum >= ACC_MAX)
        status = REFUSE(
            place, "layer %u, row %u: bias %d and weights of magnitude %lld together could overflow the accumulator",
            place->layer, row, layer->bias[row], (long long)sum);
    return status;
}

static enum espalier_status check_arrays(const struct espalier_layer *layer, const struct place *place)
{
    bool has_code[256];
    if (!layer->keep || !layer->mask || !layer->weights || !layer->bias)
        return REFUSE(place, "layer %u: its arrays are not allocated", place->layer);
    if (layer->shift > 31)
        return REFUSE(place, "layer %u: shift is %u, not 0 to 31", place->layer, layer->shift);
    size_t columns = espalier_layer_columns(layer);
    for (size_t column = 0; column < columns; column++)
        if (layer->keep[column] > 1 || (layer->format != ESPALIER_STRUCTURED && layer->keep[column] != 1))
            return REFUSE(place, "layer %u, column %zu: keep flag %u does not suit the format", place->layer, column,
                          layer->keep[column]);
    representable(layer, has_code);
    enum espalier_status status = ESPALIER_OK;
    for (uint32_t row = 0; row < layer->rows && status == ESPALIER_OK; row++)
        status = check_row(layer, row, has_code, place);
    return status;
}

/* Length of the well-formed UTF-8 sequence at @p text, 0 if there is none (Unicode 15, table 3-7). */
static size_t utf8_length(const unsigned char *text)
{
    static const struct {
        unsigned char first, last, second_low, second_high, length;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    if (text[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (text[0] < forms[i].first || text[0] > forms[i].last)
            continue;
        if (text[1] < forms[i].second_low || text[1] > forms[i].second_high)
            return 0;
        for (size_t k = 2; k < forms[i].length; k++)
            if (text[k] < 0x80 || text[k] > 0xbf)
                return 0;
        return forms[i].length;
    }
    return 0;
}

/* Text that may be shown in a terminal: UTF-8 without control characters (C0, DEL, C1). */
static enum espalier_status check_made_by(const char *made_by, struct espalier_error *error)
{
    const unsigned char *text = (const unsigned char *)(made_by ? made_by : "");
    if (strlen((const char *)text) > MADE_BY_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "made_by is longer than %d bytes", MADE_BY_MAX);
    for (size_t step; *text; text += step) {
        step = utf8_length(text);
        bool control = *text < 0x20 || *text == 0x7f || (text[0] == 0xc2 && text[1] < 0xa0);
        if (step == 0 || control)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "made_by is not printable UTF-8 at byte %zu",
                                 (size_t)(text - (const unsigned char *)made_by));
    }
    return ESPALIER_OK;
}

enum espalier_status espalier_model_check(const struct espalier_model *model, struct espalier_error *error)
{
    enum espalier_status status = espalier_model_check_shapes(model, error);
    for (uint32_t i = 0; status == ESPALIER_OK && i < model->layer_count; i++) {
        const struct place place = {i + 1, error};
        status = check_arrays(&model->layers[i], &place);
    }
    if (status == ESPALIER_OK && model->dense_weights == 0)
        status = espalier_fail(error, ESPALIER_ERR_RANGE, "dense_weights is 0");
    if (status == ESPALIER_OK)
        status = check_made_by(model->made_by, error);
    return status;
}
