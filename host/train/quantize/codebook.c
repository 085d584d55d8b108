#include "codebook.h"
#include "network/adam.h"
#include "project/cluster.h"
#include "project/levels.h"
#include "steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_MAX = 127 };

/* Rule A4's bound, halved to leave room for what training still does to the weights. */
static const double SUM_MAX = 4194304.0;

/* By which the largest level may grow while levels are learned. */
static const float LEVEL_ROOM = 1.5F;

/* How many widths of a level a learning rate of 1 is for a weight, and what share of that for a level that is learned.
 */
static const float WEIGHT_RATE = 10.0F, CENTRE_SHARE = 0.1F;

void espalier_levels_range(struct espalier_levels *levels, uint8_t value_bits)
{
    levels->high = (1 << (value_bits - 1)) - 1;
    levels->low = -levels->high - 1;
}

/* The smallest unit for which no row's sum can pass SUM_MAX (rule A4), given the largest code that is wanted. */
static float choose_unit(const struct espalier_float_layer *layer, float largest, float input_step)
{
    size_t columns = espalier_shape_columns(&layer->shape);
    double unit = (double)largest / CODE_MAX;

    for (size_t row = 0; row < layer->shape.rows; row++) {
        double sum = fabs((double)layer->bias[row]) / (double)input_step;
        for (size_t column = 0; column < columns; column++)
            sum += 128.0 * fabs((double)layer->weights[row * columns + column]);
        unit = fmax(unit, sum / SUM_MAX);
    }
    return unit > 0.0 ? (float)unit : 1.0F;
}

/* Copies the weights that are there; returns how many. */
static size_t copy_kept(const struct espalier_float_layer *layer, float *kept)
{
    size_t count = 0;

    for (size_t i = 0; i < espalier_shape_weights(&layer->shape); i++)
        if (layer->mask[i])
            kept[count++] = layer->weights[i];
    return count;
}

static bool is_learned(const struct espalier_quantized_layer *layer)
{
    return layer->kind == ESPALIER_LEVELS_CLUSTERED && layer->levels.count > 0;
}

static void round_centres(struct espalier_quantized_layer *layer)
{
    for (uint32_t i = 0; i < layer->levels.count; i++)
        layer->levels.codebook[i] =
            (int8_t)lrintf(espalier_clamp(layer->learned.centre[i] / layer->levels.unit, -CODE_MAX, CODE_MAX));
}

static enum espalier_status choose_codebook(const struct espalier_float_layer *layer,
                                            struct espalier_quantized_layer *quantized, float *kept, size_t count,
                                            struct espalier_error *error)
{
    float *centre = quantized->learned.centre;
    uint32_t last = quantized->levels.count - 1;

    memset(&quantized->learned, 0, sizeof quantized->learned);
    if (count > 0) {
        enum espalier_status status = espalier_cluster(kept, count, quantized->levels.count, centre, error);
        if (status != ESPALIER_OK)
            return status;
    }
    quantized->levels.unit =
        choose_unit(layer, LEVEL_ROOM * fmaxf(fabsf(centre[0]), fabsf(centre[last])), quantized->input_step);
    round_centres(quantized);
    return ESPALIER_OK;
}

static float level_of(const struct espalier_quantized_layer *layer, uint32_t entry)
{
    return is_learned(layer) ? layer->learned.centre[entry] : (float)layer->levels.codebook[entry] * layer->levels.unit;
}

struct espalier_span espalier_levels_span(const struct espalier_quantized_layer *layer)
{
    const struct espalier_levels *levels = &layer->levels;
    struct espalier_span span = {(float)levels->low * levels->unit, (float)levels->high * levels->unit};

    for (uint32_t i = 0; i < levels->count; i++) {
        float level = level_of(layer, i);
        span.low = i == 0 || level < span.low ? level : span.low;
        span.high = i == 0 || level > span.high ? level : span.high;
    }
    return span;
}

/* About how far apart levels are; levels that are all alike are as far apart as they are from 0. */
static float level_width(const struct espalier_quantized_layer *layer, struct espalier_span span)
{
    return fmaxf(span.high - span.low, fmaxf(-span.low, span.high)) / (float)layer->levels.count;
}

float espalier_levels_rate(const struct espalier_quantized_layer *layer)
{
    return layer->levels.count > 0 ? WEIGHT_RATE * level_width(layer, espalier_levels_span(layer)) : 1.0F;
}

void espalier_levels_clip(const struct espalier_quantized_layer *layer, const struct espalier_live_layer *live,
                          float *weights)
{
    struct espalier_span span = espalier_levels_span(layer);
    float margin = layer->levels.count > 0 ? 0.5F * level_width(layer, span) : 0.0F;

    for (size_t n = 0; n < live->count && margin > 0.0F; n++) {
        float *weight = &weights[espalier_live_at(live, n)];
        *weight = espalier_clamp(*weight, span.low - margin, span.high + margin);
    }
}

float espalier_levels_pull_share(float dampen, float learning_rate)
{
    return fminf(2.0F * WEIGHT_RATE * learning_rate * dampen, 1.0F);
}

void espalier_levels_pull(const struct espalier_quantized_layer *layer, const struct espalier_live_layer *live,
                          float share, float *weights)
{
    for (size_t n = 0; n < live->count && layer->levels.count > 0; n++) {
        size_t k = espalier_live_at(live, n);
        weights[k] += share * (level_of(layer, layer->entry[k]) - weights[k]);
    }
}

bool espalier_levels_make_room(struct espalier_quantized_layer *layer, const struct espalier_float_layer *from)
{
    struct espalier_span span = espalier_levels_span(layer);
    float largest = fmaxf(-span.low, span.high);

    if (!is_learned(layer) || largest <= CODE_MAX * layer->levels.unit)
        return false;
    layer->levels.unit = choose_unit(from, LEVEL_ROOM * largest, layer->input_step);
    round_centres(layer);
    return true;
}

void espalier_quantizer_step(struct espalier_quantizer *quantizer, const struct espalier_live *live,
                             const struct espalier_gradients *gradients, float learning_rate)
{
    for (uint32_t i = 0; i < quantizer->layer_count; i++) {
        struct espalier_quantized_layer *layer = &quantizer->layers[i];
        const struct espalier_live_layer all = {.count = layer->levels.count};
        float gradient[ESPALIER_CODEBOOK_MAX] = {0};
        if (!is_learned(layer))
            continue;
        for (size_t n = 0; n < live->layers[i].count; n++) {
            size_t k = espalier_live_at(&live->layers[i], n);
            gradient[layer->entry[k]] += gradients->weights[i][k];
        }
        espalier_adam_update(
            layer->learned.centre, &all, gradient, layer->learned.momentum, layer->learned.squares,
            espalier_adam_rate(++layer->learned.steps, learning_rate * CENTRE_SHARE * espalier_levels_rate(layer)));
        round_centres(layer);
    }
}

/* Codes of a kind (linear ones of clustered levels that no codebook holds) times the scale that suits them best: it is
 * the unit, if it is not too small for rule A4. */
static enum espalier_status choose_codes(const struct espalier_float_layer *layer,
                                         const struct espalier_quantized_layer *quantized, const float *kept,
                                         size_t count, struct espalier_levels *levels, struct espalier_error *error)
{
    struct espalier_codes codes = quantized->kind == ESPALIER_LEVELS_CLUSTERED
                                      ? (struct espalier_codes){.low = levels->low, .high = levels->high}
                                      : espalier_codes_of(quantized->kind, quantized->value_bits);
    float scale = 0.0F;
    double gain;
    enum espalier_status status = levels->count > 0 ? espalier_solve_codes(quantized->kind, quantized->value_bits, kept,
                                                                           count, &codes, &scale, error)
                                                    : espalier_solve_scale(&codes, kept, count, &scale, &gain, error);

    levels->unit = fmaxf(scale, choose_unit(layer, 0.0F, quantized->input_step));
    for (int32_t i = 0, code = codes.low; i < (int32_t)levels->count; i++) {
        levels->codebook[i] = (int8_t)code; /* the last one is repeated if there are fewer */
        code += code < codes.high ? code == -1 && codes.no_zero ? 2 : 1 : 0;
    }
    return status;
}

enum espalier_status espalier_choose_levels(const struct espalier_float_layer *layer,
                                            struct espalier_quantized_layer *quantized, struct espalier_error *error)
{
    struct espalier_levels *levels = &quantized->levels;
    uint8_t value_bits = quantized->value_bits;
    float *kept = malloc((espalier_shape_weights(&layer->shape) + 1) * sizeof *kept);
    enum espalier_status status = ESPALIER_OK;

    if (kept == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for the levels of %zu weights",
                             espalier_shape_weights(&layer->shape));
    size_t count = copy_kept(layer, kept);
    espalier_levels_range(levels, value_bits);
    levels->count = espalier_codebook_entries(value_bits);
    if (is_learned(quantized))
        status = choose_codebook(layer, quantized, kept, count, error);
    else
        status = choose_codes(layer, quantized, kept, count, levels, error);
    free(kept);
    return status;
}

uint8_t espalier_nearest_entry(const struct espalier_levels *levels, float wanted)
{
    uint8_t best = 0;

    for (uint8_t i = 1; i < levels->count; i++)
        if (fabsf(wanted - (float)levels->codebook[i]) < fabsf(wanted - (float)levels->codebook[best]))
            best = i;
    return best;
}

int32_t espalier_levels_code(const struct espalier_levels *levels, float weight)
{
    float wanted = weight / levels->unit;

    return levels->count == 0 ? (int32_t)espalier_clamp(ceilf(wanted - 0.5F), (float)levels->low, (float)levels->high)
                              : levels->codebook[espalier_nearest_entry(levels, wanted)];
}
