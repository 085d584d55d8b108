/* Draws layer after layer: shape, format and widths, then the mask, then weights that have codes, then scales. A shape
 * that breaks a limit is drawn again; after too many tries the whole model is. */
#include "support/random_model.h"

#include "support/support.h"

#include "layer_fields.h"

#include <espalier/pack.h>
#include <espalier/protocol.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 200, ACC_MAX = 1 << 23 };

struct random_model_limits random_model_defaults(void)
{
    return (struct random_model_limits){.layers = 4,
                                        .rows = 40,
                                        .columns = 300,
                                        .edge = 16,
                                        .activations = 4000,
                                        .stored = 12000,
                                        .formats = 7,
                                        .raw_only = false};
}

static uint32_t between(struct espalier_random *random, uint32_t low, uint32_t high)
{
    return low + espalier_random_below(random, high - low + 1);
}

static bool chance(struct espalier_random *random, double probability)
{
    return espalier_random_uniform(random) < probability;
}

static uint32_t at_most(uint32_t value, uint32_t limit)
{
    return value < limit ? value : limit;
}

/* ---- shapes ---- */

/* The kernel and how it moves; one in four layers is fully connected. */
static void draw_window(struct espalier_random *random, struct espalier_layer *layer)
{
    if (chance(random, 0.25)) {
        layer->kernel_height = (uint8_t)at_most(layer->in_height, 255);
        layer->kernel_width = (uint8_t)at_most(layer->in_width, 255);
        layer->stride = 1;
        layer->pad = 0;
        layer->pool = 1;
        return;
    }
    layer->kernel_height = (uint8_t)between(random, 1, 6);
    layer->kernel_width = chance(random, 0.5) ? layer->kernel_height : (uint8_t)between(random, 1, 6);
    layer->stride = (uint8_t)(chance(random, 0.7) ? 1 : between(random, 2, 3));
    layer->pad = (uint8_t)(chance(random, 0.6) ? 0 : between(random, 1, 3));
    layer->pool = (uint8_t)(chance(random, 0.5) ? 1 : between(random, 2, 4));
}

/* A raw layer's outputs take ESPALIER_RAW_BYTES words each. */
static bool shape_fits(const struct espalier_layer *layer, const struct random_model_limits *limits)
{
    uint64_t padded =
        (uint64_t)layer->in_channels * (layer->in_height + 2u * layer->pad) * (layer->in_width + 2u * layer->pad);
    uint64_t out = (uint64_t)layer->rows * espalier_layer_out_height(layer) * espalier_layer_out_width(layer);
    uint64_t words = layer->raw ? ESPALIER_RAW_BYTES * out : out;
    return espalier_layer_columns(layer) <= limits->columns && out > 0 && words <= limits->activations &&
           padded <= limits->activations;
}

static bool draw_shape(struct espalier_random *random, const struct random_model_limits *limits,
                       struct espalier_layer *layer)
{
    for (int i = 0; i < TRIES; i++) {
        layer->rows = (uint16_t)(chance(random, 0.1) ? 1 : between(random, 1, limits->rows));
        draw_window(random, layer);
        if (layer->raw)
            layer->pool = 1;
        if (shape_fits(layer, limits))
            return true;
    }
    return false;
}

static void draw_input(struct espalier_random *random, const struct random_model_limits *limits,
                       struct espalier_layer *layer)
{
    if (limits->digits) {
        layer->in_channels = 1;
        layer->in_height = layer->in_width = (uint16_t)limits->digits;
        return;
    }
    layer->in_channels = (uint16_t)(chance(random, 0.5) ? 1 : between(random, 1, 4));
    layer->in_height = (uint16_t)between(random, 1, limits->edge);
    layer->in_width = (uint16_t)(chance(random, 0.5) ? layer->in_height : between(random, 1, limits->edge));
}

static void follow(const struct espalier_layer *before, struct espalier_layer *layer)
{
    layer->in_channels = before->rows;
    layer->in_height = (uint16_t)espalier_layer_out_height(before);
    layer->in_width = (uint16_t)espalier_layer_out_width(before);
}

/* ---- what is stored ---- */

static void draw_format(struct espalier_random *random, const struct random_model_limits *limits,
                        struct espalier_layer *layer)
{
    bool dense_is_possible =
        (limits->formats & ~1u) == 0 || layer->rows * espalier_layer_columns(layer) <= limits->stored;
    do
        layer->format = (enum espalier_format)espalier_random_below(random, 3);
    while (!(limits->formats >> layer->format & 1) || (layer->format == ESPALIER_DENSE && !dense_is_possible));
    layer->value_bits = (uint8_t)between(random, 1, 8);
    layer->has_codebook = layer->value_bits <= 4 && chance(random, 0.6);
    for (int i = 0; layer->has_codebook && i < 1 << layer->value_bits; i++)
        layer->codebook[i] = (int8_t)((int)espalier_random_below(random, 256) - 128);
}

/* Densities from a thousandth to all, of the columns or of the weights, and now and then nothing at all. */
static void draw_mask(struct espalier_random *random, const struct random_model_limits *limits,
                      struct espalier_layer *layer)
{
    size_t columns = espalier_layer_columns(layer), positions = layer->rows * columns;
    double density = chance(random, 0.1) ? chance(random, 0.5) : pow(10.0, -3.0 * espalier_random_uniform(random));
    if (density * (double)positions > 0.8 * limits->stored)
        density = 0.8 * limits->stored / (double)positions;
    if (layer->format == ESPALIER_STRUCTURED) {
        for (size_t column = 0; column < columns; column++)
            layer->keep[column] = chance(random, density);
        for (size_t i = 0; i < positions; i++)
            layer->mask[i] = layer->keep[i % columns];
    }
    double empty_rows = chance(random, 0.3) ? 0.5 : 0;
    for (uint32_t row = 0; layer->format == ESPALIER_GAP && row < layer->rows; row++) {
        bool empty = chance(random, empty_rows);
        for (size_t column = 0; column < columns; column++)
            layer->mask[row * columns + column] = !empty && chance(random, density);
        if (!empty && chance(random, 0.1)) /* the longest gap there can be */
            layer->mask[row * columns + columns - 1] = 1;
    }
}

static void draw_gap_widths(struct espalier_random *random, struct espalier_layer *layer)
{
    espalier_best_gap(layer->mask, layer->rows, espalier_layer_columns(layer), &layer->gap_bits, &layer->count_bits);
    if (chance(random, 0.5))
        layer->gap_bits = (uint8_t)between(random, 1, 12);
    layer->count_bits = (uint8_t)between(random, layer->count_bits, at_most(layer->count_bits + 2u, 15));
}

static void draw_weights(struct espalier_random *random, struct espalier_layer *layer)
{
    size_t positions = layer->rows * espalier_layer_columns(layer);
    uint32_t codes = UINT32_C(1) << layer->value_bits;
    for (size_t i = 0; i < positions; i++) {
        uint32_t code = espalier_random_below(random, codes);
        int value = layer->has_codebook ? layer->codebook[code] : (int)code - (int)codes / 2;
        layer->weights[i] = layer->mask[i] ? (int8_t)value : 0;
    }
}

/* Biases from the whole range that their field and the accumulator (rule A4) leave; extremes among them. */
static void draw_biases(struct espalier_random *random, struct espalier_layer *layer)
{
    size_t columns = espalier_layer_columns(layer);
    layer->bias_bits = (uint8_t)(chance(random, 0.15) ? 0 : between(random, 1, 16));
    layer->bias_shift = (uint8_t)between(random, 0, 15);
    for (uint32_t row = 0; layer->bias_bits > 0 && row < layer->rows; row++) {
        int64_t sum = 0;
        for (size_t column = 0; column < columns; column++)
            sum += abs(layer->weights[row * columns + column]);
        int64_t room = (ACC_MAX - 1 - 128 * sum) / (INT64_C(1) << layer->bias_shift);
        int64_t reach = INT64_C(1) << (layer->bias_bits - 1);
        int64_t low = -reach > -room ? -reach : -room, high = reach - 1 < room ? reach - 1 : room;
        int64_t drawn = low + espalier_random_below(random, (uint32_t)(high - low + 1));
        if (chance(random, 0.1))
            drawn = chance(random, 0.5) ? low : high;
        layer->bias[row] = (int32_t)(drawn * (INT64_C(1) << layer->bias_shift));
    }
}

/* A scale that brings typical accumulators into int8, and now and then any scale at all. */
static void draw_scale(struct espalier_random *random, struct espalier_layer *layer)
{
    layer->mult = (uint8_t)between(random, 0, 255);
    layer->shift = (uint8_t)between(random, 0, 31);
    if (chance(random, 0.1))
        return;
    size_t positions = layer->rows * espalier_layer_columns(layer);
    double squares = 1;
    for (size_t i = 0; i < positions; i++)
        squares += (double)layer->weights[i] * layer->weights[i];
    double largest_bias = 0;
    for (uint32_t row = 0; row < layer->rows; row++)
        largest_bias = fmax(largest_bias, fabs((double)layer->bias[row]));
    double spread = 64 * sqrt(squares / layer->rows) + 0.5 * largest_bias;
    layer->mult = (uint8_t)between(random, 128, 255);
    double shift = log2(layer->mult * spread / 64);
    layer->shift = (uint8_t)(shift < 0 ? 0 : shift > 31 ? 31 : shift);
}

static bool accumulators_fit(const struct espalier_layer *layer)
{
    size_t columns = espalier_layer_columns(layer);
    for (uint32_t row = 0; row < layer->rows; row++) {
        int64_t sum = 0;
        for (size_t column = 0; column < columns; column++)
            sum += abs(layer->weights[row * columns + column]);
        if (128 * sum >= ACC_MAX)
            return false;
    }
    return true;
}

/* Weights and codebook alike, so that every weight keeps its code. */
static void halve_weights(struct espalier_layer *layer)
{
    size_t positions = layer->rows * espalier_layer_columns(layer);
    for (size_t i = 0; i < positions; i++)
        layer->weights[i] /= 2;
    for (size_t i = 0; i < ESPALIER_CODEBOOK_MAX; i++)
        layer->codebook[i] /= 2;
}

static void draw_content(struct espalier_random *random, const struct random_model_limits *limits,
                         struct espalier_layer *layer)
{
    struct espalier_error error = {0};
    draw_format(random, limits, layer);
    test_ok(espalier_layer_allocate(layer, &error));
    draw_mask(random, limits, layer);
    if (layer->format == ESPALIER_GAP)
        draw_gap_widths(random, layer);
    draw_weights(random, layer);
    while (!accumulators_fit(layer))
        halve_weights(layer);
    draw_biases(random, layer);
    draw_scale(random, layer);
}

static bool draw_layer(struct espalier_random *random, const struct random_model_limits *limits,
                       struct espalier_layer *layer, bool first)
{
    if (first)
        draw_input(random, limits, layer);
    else
        follow(layer - 1, layer);
    if (!draw_shape(random, limits, layer))
        return false;
    layer->relu = !layer->raw && chance(random, 0.6);
    draw_content(random, limits, layer);
    return true;
}

struct espalier_model *random_model(struct espalier_random *random, const struct random_model_limits *limits)
{
    struct espalier_error error = {0};
    for (int i = 0; i < TRIES; i++) {
        struct espalier_model *model;
        uint32_t wanted = between(random, 1, limits->layers), drawn = 0;
        test_ok(espalier_model_create(wanted, &model, &error));
        model->layers[wanted - 1].raw = limits->raw_only || chance(random, 0.67);
        while (drawn < wanted && draw_layer(random, limits, &model->layers[drawn], drawn == 0)) {
            model->dense_weights += model->layers[drawn].rows * espalier_layer_columns(&model->layers[drawn]);
            drawn++;
        }
        if (drawn == wanted) {
            model->made_by = strdup("tests/support/random_model.c");
            test_ok(espalier_model_check(model, &error));
            return model;
        }
        espalier_model_free(model);
    }
    ck_abort_msg("no model fits the limits");
}

uint8_t *random_image(struct espalier_random *random, const struct espalier_model *model)
{
    const struct espalier_layer *first = &model->layers[0];
    size_t count = (size_t)first->in_channels * first->in_height * first->in_width;
    uint8_t *pixels = malloc(count);
    ck_assert(pixels != NULL);
    double black = chance(random, 0.1) ? chance(random, 0.5) : espalier_random_uniform(random);
    double white = chance(random, 0.1) ? 1 : 0.1;
    for (size_t i = 0; i < count; i++)
        pixels[i] = (uint8_t)(chance(random, black)   ? 0
                              : chance(random, white) ? 255
                                                      : espalier_random_below(random, 256));
    return pixels;
}

/* ---- comparing ---- */

static bool layers_equal(const struct espalier_layer *one, const struct espalier_layer *other)
{
    size_t count, columns = espalier_layer_columns(one), positions = one->rows * columns;
    const struct espalier_layer_field *fields = espalier_layer_fields(&count);
    for (size_t i = 0; i < count; i++)
        if (espalier_layer_field_get(one, &fields[i]) != espalier_layer_field_get(other, &fields[i]))
            return false;
    size_t entries = one->has_codebook ? (size_t)1 << one->value_bits : 0;
    return one->mult == other->mult && one->shift == other->shift &&
           memcmp(one->codebook, other->codebook, entries) == 0 && memcmp(one->keep, other->keep, columns) == 0 &&
           memcmp(one->mask, other->mask, positions) == 0 && memcmp(one->weights, other->weights, positions) == 0 &&
           memcmp(one->bias, other->bias, one->rows * sizeof *one->bias) == 0;
}

bool models_equal(const struct espalier_model *one, const struct espalier_model *other)
{
    bool equal = one->layer_count == other->layer_count && one->dense_weights == other->dense_weights &&
                 strcmp(one->made_by ? one->made_by : "", other->made_by ? other->made_by : "") == 0;
    for (uint32_t i = 0; equal && i < one->layer_count; i++)
        equal = layers_equal(&one->layers[i], &other->layers[i]);
    return equal;
}
