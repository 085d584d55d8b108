#include "quantize.h"
#include "codebook.h"
#include "steps.h"

#include <stdlib.h>
#include <string.h>

enum { BIAS_BITS_MAX = 16 };

static const float INPUT_STEP = 1.0F / 127.0F; /* rule A1 */

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
        size_t weights = espalier_shape_weights(&network->layers[i].shape);
        layer->value_bits = value_bits[i];
        layer->weights = calloc(weights, sizeof *layer->weights);
        layer->bias = calloc(network->layers[i].shape.rows, sizeof *layer->bias);
        layer->entry = calloc(weights, sizeof *layer->entry);
        if (layer->weights == NULL || layer->bias == NULL || layer->entry == NULL)
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
    espalier_levels_range(levels, layer->value_bits);
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
    espalier_archive_expect(archive, layer->input_step > 0.0F && layer->shift <= ESPALIER_SHIFT_MAX,
                            "steps that cannot be");
    espalier_archive_expect(archive, layer->bias_bits <= BIAS_BITS_MAX && layer->bias_shift <= ESPALIER_BIAS_SHIFT_MAX,
                            "biases that cannot be");
}

static void visit_entries(struct espalier_archive *archive, struct espalier_quantized_layer *layer, size_t weights)
{
    bool good = true;

    espalier_archive_u8(archive, layer->entry, weights);
    for (size_t k = 0; k < weights; k++)
        good = good && layer->entry[k] <= (layer->levels.count > 0 ? layer->levels.count - 1 : 0);
    espalier_archive_expect(archive, good, "a weight has a level that is not there");
}

void espalier_quantizer_visit(struct espalier_archive *archive, struct espalier_quantizer *quantizer,
                              const struct espalier_network *network)
{
    uint8_t fixed = quantizer->fixed;

    espalier_archive_u8(archive, &fixed, 1);
    espalier_archive_expect(archive, fixed <= 1, "levels are neither fixed nor free");
    quantizer->fixed = fixed == 1;
    for (uint32_t i = 0; i < quantizer->layer_count; i++) {
        visit_levels(archive, &quantizer->layers[i], &quantizer->layers[i].levels);
        visit_learned(archive, &quantizer->layers[i].learned);
        visit_steps(archive, &quantizer->layers[i]);
        visit_entries(archive, &quantizer->layers[i], espalier_shape_weights(&network->layers[i].shape));
    }
}

/* What follows from a layer's levels and input step. */
static void settle_layer(struct espalier_quantized_layer *layer, const struct espalier_float_layer *from,
                         uint8_t bias_bits, bool last)
{
    float sum_step = layer->levels.unit * layer->input_step;

    if (!last)
        espalier_choose_requantization(layer, sum_step);
    espalier_choose_bias(layer, from, bias_bits, sum_step);
}

enum espalier_status espalier_quantizer_refresh(struct espalier_quantizer *quantizer,
                                                const struct espalier_network *network,
                                                const struct espalier_dataset *data, uint32_t images,
                                                struct espalier_error *error)
{
    enum espalier_status status = espalier_choose_steps(quantizer, network, data, images, error);
    float input_step = INPUT_STEP;

    for (uint32_t i = 0; i < quantizer->layer_count && status == ESPALIER_OK; i++) {
        struct espalier_quantized_layer *layer = &quantizer->layers[i];
        layer->input_step = input_step;
        status = espalier_choose_levels(&network->layers[i], layer, error);
        settle_layer(layer, &network->layers[i], quantizer->bias_bits, i + 1 == quantizer->layer_count);
        input_step = layer->output_step;
    }
    return status;
}

void espalier_quantizer_rescale(struct espalier_quantizer *quantizer, uint32_t layer, float factor)
{
    struct espalier_quantized_layer *quantized = &quantizer->layers[layer];

    quantized->levels.unit *= factor;
    for (uint32_t i = 0; i < ESPALIER_CODEBOOK_MAX; i++) {
        quantized->learned.centre[i] *= factor;
        quantized->learned.momentum[i] /= factor; /* derivatives by what is larger are smaller */
        quantized->learned.squares[i] /= factor * factor;
    }
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

void espalier_quantizer_hold(const struct espalier_quantizer *quantizer, const struct espalier_live *live,
                             struct espalier_network *network)
{
    for (uint32_t i = 0; i < quantizer->layer_count; i++) {
        const struct espalier_quantized_layer *layer = &quantizer->layers[i];
        float limit = espalier_bias_limit(layer, layer->levels.unit * layer->input_step);
        float *bias = network->layers[i].bias;
        espalier_levels_pull(layer, &live->layers[i], quantizer->pull, network->layers[i].weights);
        espalier_levels_clip(layer, &live->layers[i], network->layers[i].weights);
        for (size_t row = 0; row < network->layers[i].shape.rows && !quantizer->normalized; row++)
            bias[row] = espalier_clamp(bias[row], -limit, limit);
    }
}

void espalier_quantizer_make_room(struct espalier_quantizer *quantizer, const struct espalier_network *network)
{
    bool made = false;

    for (uint32_t i = 0; i < quantizer->layer_count; i++)
        made |= espalier_levels_make_room(&quantizer->layers[i], &network->layers[i]);
    if (made)
        espalier_quantizer_settle(quantizer, network);
}

static void apply_levels(struct espalier_quantized_layer *layer, const struct espalier_float_layer *from, bool fixed)
{
    const struct espalier_levels *levels = &layer->levels;
    size_t weights = espalier_shape_weights(&from->shape);

    for (size_t k = 0; k < weights; k++) {
        if (!from->mask[k])
            continue; /* 0 from the beginning */
        if (levels->count > 0 && !fixed)
            layer->entry[k] = espalier_nearest_entry(levels, from->weights[k] / levels->unit);
        layer->weights[k] = levels->unit * (float)(levels->count > 0 ? levels->codebook[layer->entry[k]]
                                                                     : espalier_levels_code(levels, from->weights[k]));
    }
}

void espalier_quantizer_apply(struct espalier_quantizer *quantizer, const struct espalier_network *network)
{
    for (uint32_t i = 0; i < quantizer->layer_count; i++) {
        struct espalier_quantized_layer *layer = &quantizer->layers[i];
        const struct espalier_float_layer *from = &network->layers[i];
        apply_levels(layer, from, quantizer->fixed);
        for (size_t row = 0; row < from->shape.rows; row++)
            layer->bias[row] = quantizer->normalized ? from->bias[row]
                                                     : espalier_round_bias(layer, from->bias[row],
                                                                           layer->levels.unit * layer->input_step);
        quantizer->views[i] =
            (struct espalier_view){.weights = layer->weights, .bias = layer->bias, .step = layer->output_step};
    }
}
