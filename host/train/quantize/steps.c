#include "steps.h"
#include "network/batch.h"

#include <math.h>

enum { MULT_MAX = 255 };

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
            float code = espalier_clamp(floorf(values[i] * inverse + 0.5F), (float)low, (float)high);
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

enum espalier_status espalier_choose_steps(struct espalier_quantizer *quantizer, const struct espalier_network *network,
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
    (void)espalier_pass_forward(pass, views, NULL);
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

/* ---- Requantization and biases */

void espalier_choose_requantization(struct espalier_quantized_layer *layer, float sum_step)
{
    double factor = (double)sum_step / (double)layer->output_step;
    int shift = 0;

    while (shift < ESPALIER_SHIFT_MAX && factor * 2.0 * ldexp(1.0, shift) <= MULT_MAX)
        shift++;
    double mult = fmin(MULT_MAX, fmax(1.0, rint(ldexp(factor, shift))));
    layer->mult = (uint8_t)mult;
    layer->shift = (uint8_t)shift;
    layer->output_step = (float)((double)sum_step * ldexp(1.0, shift) / mult);
}

void espalier_choose_bias(struct espalier_quantized_layer *layer, const struct espalier_float_layer *from, uint8_t bits,
                          float sum_step)
{
    double largest = 0.0, limit = ldexp(1.0, bits - 1) - 1.0;

    for (size_t row = 0; row < from->shape.rows; row++)
        largest = fmax(largest, fabs((double)from->bias[row]) / (double)sum_step);
    layer->bias_shift = 0;
    while (layer->bias_shift < ESPALIER_BIAS_SHIFT_MAX && largest / ldexp(1.0, layer->bias_shift) > limit)
        layer->bias_shift++;
    layer->bias_bits = largest >= 0.5 ? bits : 0;
}

float espalier_bias_limit(const struct espalier_quantized_layer *layer, float sum_step)
{
    return layer->bias_bits == 0 ? 0.0F
                                 : ldexpf(sum_step, layer->bias_shift) * (ldexpf(1.0F, layer->bias_bits - 1) - 1.0F);
}

float espalier_round_bias(const struct espalier_quantized_layer *layer, float bias, float sum_step)
{
    float step = ldexpf(sum_step, layer->bias_shift), limit = espalier_bias_limit(layer, sum_step);

    return layer->bias_bits == 0 ? 0.0F : step * rintf(espalier_clamp(bias, -limit, limit) / step);
}
