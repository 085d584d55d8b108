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

void espalier_adam_visit(struct espalier_archive *archive, struct espalier_adam *adam,
                         const struct espalier_network *network)
{
    espalier_archive_u32(archive, &adam->steps, 1);
    for (uint32_t i = 0; i < network->layer_count; i++) {
        const struct espalier_shape *shape = &network->layers[i].shape;
        size_t weights = espalier_shape_weights(shape);
        espalier_archive_floats(archive, adam->mean.weights[i], weights);
        espalier_archive_floats(archive, adam->mean.bias[i], shape->rows);
        espalier_archive_squares(archive, adam->variance.weights[i], weights);
        espalier_archive_squares(archive, adam->variance.bias[i], shape->rows);
    }
}

/* Inlined twice: with all of them there the loop is contiguous. */
static inline void update(float *restrict value, float gradient, float *restrict mean, float *restrict variance,
                          float rate)
{
    *mean = MEAN_DECAY * *mean + (1.0F - MEAN_DECAY) * gradient;
    *variance = VARIANCE_DECAY * *variance + (1.0F - VARIANCE_DECAY) * gradient * gradient;
    *value -= rate * *mean / (sqrtf(*variance) + TINY);
}

void espalier_adam_update(float *restrict values, const struct espalier_live_layer *live,
                          const float *restrict gradient, float *restrict mean, float *restrict variance, float rate)
{
    if (live->at == NULL)
        for (size_t i = 0; i < live->count; i++)
            update(&values[i], gradient[i], &mean[i], &variance[i], rate);
    else
        for (size_t i = 0; i < live->count; i++)
            update(&values[live->at[i]], gradient[live->at[i]], &mean[live->at[i]], &variance[live->at[i]], rate);
}

float espalier_adam_rate(uint32_t step, float learning_rate)
{
    double variance = pow((double)VARIANCE_DECAY, step), mean = pow((double)MEAN_DECAY, step);

    return learning_rate * (float)(sqrt(1.0 - variance) / (1.0 - mean));
}

void espalier_adam_step(struct espalier_adam *adam, struct espalier_network *network, const struct espalier_live *live,
                        const struct espalier_gradients *gradients, float learning_rate, const float *weight_rates)
{
    float rate = espalier_adam_rate(++adam->steps, learning_rate);

    for (uint32_t i = 0; i < network->layer_count; i++) {
        struct espalier_float_layer *layer = &network->layers[i];
        espalier_adam_update(layer->weights, &live->layers[i], gradients->weights[i], adam->mean.weights[i],
                             adam->variance.weights[i], rate * weight_rates[i]);
        espalier_adam_update(layer->bias, &(struct espalier_live_layer){.count = layer->shape.rows}, gradients->bias[i],
                             adam->mean.bias[i], adam->variance.bias[i], rate);
    }
}
