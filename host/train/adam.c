#include "adam.h"

#include <math.h>
#include <string.h>

static const float MEAN_DECAY = 0.9F, VARIANCE_DECAY = 0.999F, TINY = 1e-8F;

enum espalier_status espalier_adam_create(const struct espalier_network *network, struct espalier_adam *out,
                                          struct espalier_error *error)
{
    memset(out, 0, sizeof *out);
    enum espalier_status status = espalier_gradients_create(network, &out->mean, error);
    if (status != ESPALIER_OK)
        return status;
    status = espalier_gradients_create(network, &out->variance, error);
    if (status != ESPALIER_OK)
        espalier_adam_free(out);
    return status;
}

void espalier_adam_free(struct espalier_adam *adam)
{
    espalier_gradients_free(&adam->mean);
    espalier_gradients_free(&adam->variance);
}

void espalier_adam_update(float *restrict values, const uint8_t *restrict mask, const float *restrict gradient,
                          float *restrict mean, float *restrict variance, size_t count, float rate)
{
    for (size_t i = 0; i < count; i++) {
        mean[i] = MEAN_DECAY * mean[i] + (1.0F - MEAN_DECAY) * gradient[i];
        variance[i] = VARIANCE_DECAY * variance[i] + (1.0F - VARIANCE_DECAY) * gradient[i] * gradient[i];
        values[i] -= rate * mean[i] / (sqrtf(variance[i]) + TINY);
    }
    if (mask != NULL)
        for (size_t i = 0; i < count; i++)
            values[i] = mask[i] ? values[i] : 0.0F;
}

float espalier_adam_rate(uint32_t step, float learning_rate)
{
    double variance = pow((double)VARIANCE_DECAY, step), mean = pow((double)MEAN_DECAY, step);

    return learning_rate * (float)(sqrt(1.0 - variance) / (1.0 - mean));
}

void espalier_adam_step(struct espalier_adam *adam, struct espalier_network *network,
                        const struct espalier_gradients *gradients, float learning_rate)
{
    float rate = espalier_adam_rate(++adam->steps, learning_rate);

    for (uint32_t i = 0; i < network->layer_count; i++) {
        struct espalier_float_layer *layer = &network->layers[i];
        espalier_adam_update(layer->weights, layer->mask, gradients->weights[i], adam->mean.weights[i],
                             adam->variance.weights[i], layer->shape.rows * espalier_shape_columns(&layer->shape),
                             rate);
        espalier_adam_update(layer->bias, NULL, gradients->bias[i], adam->mean.bias[i], adam->variance.bias[i],
                             layer->shape.rows, rate);
    }
}
