/* The steps of activations, the requantization between them, and biases in what steps leave. */
#ifndef ESPALIER_STEPS_H
#define ESPALIER_STEPS_H

#include "quantized.h"

#include <espalier/dataset.h>

enum { ESPALIER_SHIFT_MAX = 31, ESPALIER_BIAS_SHIFT_MAX = 15 };

static inline float espalier_clamp(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value;
}

/* The step whose multiples low * step to high * step represent @p values with the least squared error, among 64
 * candidates up to the one that saturates nothing; that of the largest magnitude if all are 0. */
float espalier_best_step(const float *values, size_t size, int32_t low, int32_t high);

/* Chooses every hidden layer's wanted output step from what the network, in float arithmetic, gives for the first
 * images. */
enum espalier_status espalier_choose_steps(struct espalier_quantizer *quantizer, const struct espalier_network *network,
                                           const struct espalier_dataset *data, uint32_t images,
                                           struct espalier_error *error);

/* The pair with mult / 2^shift nearest to what turns sums of step @p sum_step into the layer's wanted output step, and
 * the output step that it makes exact. */
void espalier_choose_requantization(struct espalier_quantized_layer *layer, float sum_step);

/* The smallest shift with which every bias fits its bits; 0 bits if all round to 0. */
void espalier_choose_bias(struct espalier_quantized_layer *layer, const struct espalier_float_layer *from, uint8_t bits,
                          float sum_step);

/* The largest bias that the form that was chosen holds. */
float espalier_bias_limit(const struct espalier_quantized_layer *layer, float sum_step);

/* A bias as that form holds it. */
float espalier_round_bias(const struct espalier_quantized_layer *layer, float bias, float sum_step);

#endif
