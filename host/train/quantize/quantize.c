#include "quantize.h"
#include "network/adam.h"
#include "network/batch.h"
#include "project/cluster.h"
#include "project/levels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_MAX = 127, MULT_MAX = 255, SHIFT_MAX = 31, BIAS_SHIFT_MAX = 15, BIAS_BITS_MAX = 16 };

/* Rule A4's bound, halved to leave room for what training still does to the weights. */
static const double SUM_MAX = 4194304.0;

static const float INPUT_STEP = 1.0F / 127.0F; /* rule A1 */

/* By which the largest level may grow while levels are learned. */
static const float LEVEL_ROOM = 1.5F;

static size_t weights_of(const struct espalier_float_layer *layer)
{
    return layer->shape.rows * espalier_shape_columns(&layer->shape);
}

static void set_range(struct espalier_levels *levels, uint8_t value_bits)
{
    levels->high = (1 << (value_bits - 1)) - 1;
    levels->low = -levels->high - 1;
}

enum espalier_status espalier_quantizer_create(const struct espalier_network *network, const uint8_t *value_bits,
                                               uint8_t bias_bits, struct espalier_quantizer *out,
                                               struct espalier_error *error)
{
    memset(out, 0, sizeof *out);
    out->bias_bits = bias_bits;
    out->layers = calloc(network->layer_count, sizeof *out->layers);
    out->views = calloc(network->layer_count, sizeof *out->views);
    if (out->layers == NULL || out->views == NULL)
        goto no_memory;
    out->layer_count = network->layer_count;
    for (uint32_t i = 0; i < network->layer_count; i++) {
        struct espalier_quantized_layer *layer = &out->layers[i];
        layer->value_bits = value_bits[i];
        layer->weights = calloc(weights_of(&network->layers[i]), sizeof *layer->weights);
        layer->bias = calloc(network->layers[i].shape.rows, sizeof *layer->bias);
        layer->entry = calloc(weights_of(&network->layers[i]), sizeof *layer->entry);
        layer->fixed = calloc(weights_of(&network->layers[i]), sizeof *layer->fixed);
        if (layer->weights == NULL || layer->bias == NULL || layer->entry == NULL || layer->fixed == NULL)
            goto no_memory;
    }
    return ESPALIER_OK;

no_memory:
    espalier_quantizer_free(out);
    return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for quantized weights");
}

void espalier_quantizer_free(struct espalier_quantizer *quantizer)
{
    for (uint32_t i = 0; i < quantizer->layer_count; i++) {
        free(quantizer->layers[i].weights);
        free(quantizer->layers[i].bias);
        free(quantizer->layers[i].entry);
        free(quantizer->layers[i].fixed);
    }
    free(quantizer->layers);
    free(quantizer->views);
    memset(quantizer, 0, sizeof *quantizer);
}

static void visit_levels(struct espalier_archive *archive, const struct espalier_quantized_layer *layer,
                         struct espalier_levels *levels)
{
    espalier_archive_u32(archive, &levels->count, 1);
    espalier_archive_expect(archive, levels->count == espalier_codebook_entries(layer->value_bits),
                            "%u levels cannot be", levels->count);
    espalier_archive_i8(archive, levels->codebook, ESPALIER_CODEBOOK_MAX);
    espalier_archive_floats(archive, &levels->unit, 1);
    espalier_archive_expect(archive, levels->unit > 0.0F, "a unit of %g cannot be", (double)levels->unit);
    set_range(levels, layer->value_bits);
}

static void visit_learned(struct espalier_archive *archive, struct espalier_learned_levels *learned)
{
    espalier_archive_u32(archive, &learned->steps, 1);
    espalier_archive_floats(archive, learned->centre, ESPALIER_CODEBOOK_MAX);
    espalier_archive_floats(archive, learned->momentum, ESPALIER_CODEBOOK_MAX);
    espalier_archive_squares(archive, learned->squares, ESPALIER_CODEBOOK_MAX);
}

static void visit_steps(struct espalier_archive *archive, struct espalier_quantized_layer *layer)
{
    espalier_archive_squares(archive, &layer->input_step, 1);
    espalier_archive_squares(archive, &layer->output_step, 1);
    espalier_archive_u8(archive, &layer->mult, 1);
    espalier_archive_u8(archive, &layer->shift, 1);
    espalier_archive_u8(archive, &layer->bias_bits, 1);
    espalier_archive_u8(archive, &layer->bias_shift, 1);
    espalier_archive_expect(archive, layer->input_step > 0.0F && layer->shift <= SHIFT_MAX, "steps that cannot be");
    espalier_archive_expect(archive, layer->bias_bits <= BIAS_BITS_MAX && layer->bias_shift <= BIAS_SHIFT_MAX,
                            "biases that cannot be");
}

static void visit_entries(struct espalier_archive *archive, struct espalier_quantized_layer *layer, size_t weights)
{
    bool good = true;

    espalier_archive_u8(archive, layer->entry, weights);
    espalier_archive_u8(archive, layer->fixed, weights);
    for (size_t k = 0; k < weights; k++)
        good =
            good && layer->entry[k] <= (layer->levels.count > 0 ? layer->levels.count - 1 : 0) && layer->fixed[k] <= 1;
    espalier_archive_expect(archive, good, "a weight has a level that is not there");
}

void espalier_quantizer_visit(struct espalier_archive *archive, struct espalier_quantizer *quantizer,
                              const struct espalier_network *network)
{
    for (uint32_t i = 0; i < quantizer->layer_count; i++) {
        visit_levels(archive, &quantizer->layers[i], &quantizer->layers[i].levels);
        visit_learned(archive, &quantizer->layers[i].learned);
        visit_steps(archive, &quantizer->layers[i]);
        visit_entries(archive, &quantizer->layers[i], weights_of(&network->layers[i]));
    }
}

/* ---- Steps of activations */

static float clamp(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value;
}

float espalier_best_step(const float *values, size_t size, int32_t low, int32_t high)
{
    enum { CANDIDATES = 64 };
    float needed = 0.0F, best_step;
    double best_error = HUGE_VAL;

    for (size_t i = 0; i < size; i++)
        needed = fmaxf(needed, values[i] > 0.0F ? values[i] / (float)high : low < 0 ? values[i] / (float)low : 0.0F);
    best_step = needed > 0.0F ? needed : 1.0F;
    for (int32_t c = CANDIDATES; c > CANDIDATES / 8 && needed > 0.0F; c--) {
        float step = needed * (float)c / CANDIDATES, inverse = 1.0F / step;
        double error = 0.0;
        for (size_t i = 0; i < size; i++) {
            float code = clamp(floorf(values[i] * inverse + 0.5F), (float)low, (float)high);
            float apart = values[i] - code * step;
            error += (double)(apart * apart);
        }
        if (error < best_error) {
            best_error = error;
            best_step = step;
        }
    }
    return best_step;
}

/* Chooses every hidden layer's wanted output step from the float network's activations. */
static enum espalier_status choose_steps(struct espalier_quantizer *quantizer, const struct espalier_network *network,
                                         const struct espalier_dataset *data, uint32_t images,
                                         struct espalier_error *error)
{
    struct espalier_view views[ESPALIER_LAYERS_MAX];
    struct espalier_pass *pass = NULL;
    uint32_t last = network->layer_count - 1;
    enum espalier_status status = espalier_pass_create(network, images, &pass, error);

    if (status != ESPALIER_OK)
        return status;
    espalier_views_of(network, views);
    for (uint32_t n = 0; n < images; n++)
        espalier_batch_fill(data, &n, 1, images, 0.0F, NULL, espalier_pass_input(pass) + n);
    (void)espalier_pass_forward(pass, views, 0.0F, NULL);
    for (uint32_t i = 0; i < last; i++) {
        size_t size = 0;
        const float *output = espalier_pass_output(pass, i, &size);
        quantizer->layers[i].output_step =
            espalier_best_step(output, size, network->layers[i].shape.relu ? 0 : -128, 127);
    }
    quantizer->layers[last].output_step = 0.0F;
    espalier_pass_free(pass);
    return ESPALIER_OK;
}

/* ---- Levels of weights */

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

    for (size_t i = 0; i < weights_of(layer); i++)
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
            (int8_t)lrintf(clamp(layer->learned.centre[i] / layer->levels.unit, -CODE_MAX, CODE_MAX));
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
        espalier_adam_update(layer->learned.centre, &all, gradient, layer->learned.momentum, layer->learned.squares,
                             espalier_adam_rate(++layer->learned.steps, learning_rate));
        round_centres(layer);
    }
}

/* Codes of a kind times the scale that suits them best: the scale is the unit, if it is not too small for rule A4. */
static enum espalier_status choose_codes(const struct espalier_float_layer *layer,
                                         const struct espalier_quantized_layer *quantized, const float *kept,
                                         size_t count, struct espalier_levels *levels, struct espalier_error *error)
{
    struct espalier_codes codes = espalier_codes_of(quantized->kind, quantized->value_bits);
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

static enum espalier_status choose_levels(const struct espalier_float_layer *layer,
                                          struct espalier_quantized_layer *quantized, struct espalier_error *error)
{
    struct espalier_levels *levels = &quantized->levels;
    uint8_t value_bits = quantized->value_bits;
    float *kept = malloc((weights_of(layer) + 1) * sizeof *kept);
    enum espalier_status status = ESPALIER_OK;

    if (kept == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for the levels of %zu weights",
                             weights_of(layer));
    size_t count = copy_kept(layer, kept);
    set_range(levels, value_bits);
    levels->count = espalier_codebook_entries(value_bits);
    if (quantized->kind != ESPALIER_LEVELS_CLUSTERED)
        status = choose_codes(layer, quantized, kept, count, levels, error);
    else if (levels->count > 0)
        status = choose_codebook(layer, quantized, kept, count, error);
    else
        levels->unit = fmaxf(espalier_best_step(kept, count, levels->low, levels->high),
                             choose_unit(layer, 0.0F, quantized->input_step));
    free(kept);
    return status;
}

/* The codebook entry nearest to a weight in units. */
static uint8_t nearest_entry(const struct espalier_levels *levels, float wanted)
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

    return levels->count == 0 ? (int32_t)clamp(ceilf(wanted - 0.5F), (float)levels->low, (float)levels->high)
                              : levels->codebook[nearest_entry(levels, wanted)];
}

/* ---- Requantization and biases */

/* The pair with mult / 2^shift nearest to `factor`, and the output step that it makes exact. */
static void choose_requantization(struct espalier_quantized_layer *layer, float sum_step)
{
    double factor = (double)sum_step / (double)layer->output_step;
    int shift = 0;

    while (shift < SHIFT_MAX && factor * 2.0 * ldexp(1.0, shift) <= MULT_MAX)
        shift++;
    double mult = fmin(MULT_MAX, fmax(1.0, rint(ldexp(factor, shift))));
    layer->mult = (uint8_t)mult;
    layer->shift = (uint8_t)shift;
    layer->output_step = (float)((double)sum_step * ldexp(1.0, shift) / mult);
}

/* The smallest shift with which every bias fits its bits; 0 bits if all round to 0. */
static void choose_bias(struct espalier_quantized_layer *layer, const struct espalier_float_layer *from, uint8_t bits,
                        float sum_step)
{
    double largest = 0.0, limit = ldexp(1.0, bits - 1) - 1.0;

    for (size_t row = 0; row < from->shape.rows; row++)
        largest = fmax(largest, fabs((double)from->bias[row]) / (double)sum_step);
    layer->bias_shift = 0;
    while (layer->bias_shift < BIAS_SHIFT_MAX && largest / ldexp(1.0, layer->bias_shift) > limit)
        layer->bias_shift++;
    layer->bias_bits = largest >= 0.5 ? bits : 0;
}

static float round_bias(const struct espalier_quantized_layer *layer, float bias, float sum_step)
{
    float step = ldexpf(sum_step, layer->bias_shift), limit = ldexpf(1.0F, layer->bias_bits - 1) - 1.0F;

    return layer->bias_bits == 0 ? 0.0F : step * clamp(rintf(bias / step), -limit, limit);
}

/* What follows from a layer's levels and input step. */
static void settle_layer(struct espalier_quantized_layer *layer, const struct espalier_float_layer *from,
                         uint8_t bias_bits, bool last)
{
    float sum_step = layer->levels.unit * layer->input_step;

    if (!last)
        choose_requantization(layer, sum_step);
    choose_bias(layer, from, bias_bits, sum_step);
}

enum espalier_status espalier_quantizer_refresh(struct espalier_quantizer *quantizer,
                                                const struct espalier_network *network,
                                                const struct espalier_dataset *data, uint32_t images,
                                                struct espalier_error *error)
{
    enum espalier_status status = choose_steps(quantizer, network, data, images, error);
    float input_step = INPUT_STEP;

    for (uint32_t i = 0; i < quantizer->layer_count && status == ESPALIER_OK; i++) {
        struct espalier_quantized_layer *layer = &quantizer->layers[i];
        layer->input_step = input_step;
        status = choose_levels(&network->layers[i], layer, error);
        settle_layer(layer, &network->layers[i], quantizer->bias_bits, i + 1 == quantizer->layer_count);
        input_step = layer->output_step;
    }
    return status;
}

void espalier_quantizer_rescale(struct espalier_quantizer *quantizer, uint32_t layer, float factor)
{
    struct espalier_quantized_layer *quantized = &quantizer->layers[layer];

    quantized->levels.unit *= factor;
    for (uint32_t i = 0; i < ESPALIER_CODEBOOK_MAX; i++)
        quantized->learned.centre[i] *= factor;
}

void espalier_quantizer_settle(struct espalier_quantizer *quantizer, const struct espalier_network *network)
{
    float input_step = INPUT_STEP;

    for (uint32_t i = 0; i < quantizer->layer_count; i++) {
        quantizer->layers[i].input_step = input_step;
        settle_layer(&quantizer->layers[i], &network->layers[i], quantizer->bias_bits, i + 1 == quantizer->layer_count);
        input_step = quantizer->layers[i].output_step;
    }
}

static void apply_levels(struct espalier_quantized_layer *layer, const struct espalier_float_layer *from)
{
    const struct espalier_levels *levels = &layer->levels;

    for (size_t k = 0; k < weights_of(from); k++) {
        if (!from->mask[k])
            continue; /* 0 from the beginning */
        if (levels->count > 0 && !layer->fixed[k])
            layer->entry[k] = nearest_entry(levels, from->weights[k] / levels->unit);
        layer->weights[k] = levels->unit * (float)(levels->count > 0 ? levels->codebook[layer->entry[k]]
                                                                     : espalier_levels_code(levels, from->weights[k]));
    }
}

void espalier_quantizer_apply(struct espalier_quantizer *quantizer, const struct espalier_network *network)
{
    for (uint32_t i = 0; i < quantizer->layer_count; i++) {
        struct espalier_quantized_layer *layer = &quantizer->layers[i];
        const struct espalier_float_layer *from = &network->layers[i];
        apply_levels(layer, from);
        for (size_t row = 0; row < from->shape.rows; row++)
            layer->bias[row] = round_bias(layer, from->bias[row], layer->levels.unit * layer->input_step);
        quantizer->views[i] =
            (struct espalier_view){.weights = layer->weights, .bias = layer->bias, .step = layer->output_step};
    }
}
