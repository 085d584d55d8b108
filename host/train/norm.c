#include "norm.h"
#include "convolve.h"
#include "rescale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float VARIANCE_MIN = 1e-5F;
static const double DEAD_VARIANCE = 1e-8; /* a layer of no more says nothing that could be scaled */

/* ---- One layer of a pass */

enum espalier_status espalier_normalizer_create(struct espalier_normalizer *normalizer, size_t rows, size_t size,
                                                struct espalier_error *error)
{
    *normalizer = (struct espalier_normalizer){.rows = rows, .size = size};
    normalizer->normalized = malloc(rows * size * sizeof *normalizer->normalized);
    normalizer->mean = calloc(rows, sizeof *normalizer->mean);
    normalizer->variance = calloc(rows, sizeof *normalizer->variance);
    if (normalizer->normalized != NULL && normalizer->mean != NULL && normalizer->variance != NULL)
        return ESPALIER_OK;
    espalier_normalizer_free(normalizer);
    return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for the normalization of a layer");
}

void espalier_normalizer_free(struct espalier_normalizer *normalizer)
{
    free(normalizer->normalized);
    free(normalizer->mean);
    free(normalizer->variance);
    memset(normalizer, 0, sizeof *normalizer);
}

void espalier_normalize(struct espalier_normalizer *normalizer, const float *gain, const float *bias, float *sums)
{
    size_t size = normalizer->size;

    for (size_t row = 0; row < normalizer->rows; row++, sums += size) {
        float *restrict normalized = normalizer->normalized + row * size, *restrict out = sums;
        float mean = espalier_sum(out, size) / (float)size;
        for (size_t i = 0; i < size; i++)
            normalized[i] = out[i] - mean;
        float variance = espalier_sum_products(normalized, normalized, size) / (float)size;
        float inverse = 1.0F / sqrtf(variance + VARIANCE_MIN);
        for (size_t i = 0; i < size; i++) {
            normalized[i] *= inverse;
            out[i] = gain[row] * normalized[i] + bias[row];
        }
        normalizer->mean[row] = mean;
        normalizer->variance[row] = variance;
    }
}

void espalier_normalize_backward(const struct espalier_normalizer *normalizer, const float *gain, float *gradient,
                                 float *gain_gradient, float *bias_gradient)
{
    size_t size = normalizer->size;

    for (size_t row = 0; row < normalizer->rows; row++, gradient += size) {
        const float *restrict normalized = normalizer->normalized + row * size;
        float *restrict by_sum = gradient;
        float along = espalier_sum_products(by_sum, normalized, size), total = espalier_sum(by_sum, size);
        float factor = gain[row] / sqrtf(normalizer->variance[row] + VARIANCE_MIN);
        float mean_along = along / (float)size, mean = total / (float)size;
        for (size_t i = 0; i < size; i++)
            by_sum[i] = factor * (by_sum[i] - mean - normalized[i] * mean_along);
        gain_gradient[row] = along;
        bias_gradient[row] = total;
    }
}

/* ---- All layers of a stage */

static bool allocate_layer(struct espalier_normed_layer *layer, uint32_t rows)
{
    layer->rows = rows;
    layer->gain = calloc(rows, sizeof *layer->gain);
    layer->mean = calloc(rows, sizeof *layer->mean);
    layer->variance = calloc(rows, sizeof *layer->variance);
    layer->momentum = calloc(rows, sizeof *layer->momentum);
    layer->squares = calloc(rows, sizeof *layer->squares);
    return layer->gain != NULL && layer->mean != NULL && layer->variance != NULL && layer->momentum != NULL &&
           layer->squares != NULL;
}

enum espalier_status espalier_norm_create(const struct espalier_network *network, struct espalier_norm *out,
                                          struct espalier_error *error)
{
    memset(out, 0, sizeof *out);
    out->layers = calloc(network->layer_count, sizeof *out->layers);
    bool enough = out->layers != NULL;
    for (uint32_t i = 0; i + 1 < network->layer_count && enough; i++) {
        out->layer_count = i + 1;
        enough = allocate_layer(&out->layers[i], network->layers[i].shape.rows);
    }
    if (enough)
        return ESPALIER_OK;
    espalier_norm_free(out);
    return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for the normalization of %u layers",
                         network->layer_count);
}

void espalier_norm_free(struct espalier_norm *norm)
{
    for (uint32_t i = 0; i < norm->layer_count; i++) {
        struct espalier_normed_layer *layer = &norm->layers[i];
        free(layer->gain);
        free(layer->mean);
        free(layer->variance);
        free(layer->momentum);
        free(layer->squares);
    }
    free(norm->layers);
    memset(norm, 0, sizeof *norm);
}

/* The deviation of a layer's sums about their row's mean. */
static double layer_deviation(const double *variance, uint32_t rows)
{
    double total = 0.0;

    for (uint32_t row = 0; row < rows; row++)
        total += variance[row] / rows;
    return total > DEAD_VARIANCE ? sqrt(total) : 1.0;
}

void espalier_norm_begin(struct espalier_norm *norm, struct espalier_network *network,
                         struct espalier_variational *variational, uint32_t layer, const double *mean,
                         const double *variance)
{
    struct espalier_normed_layer *normed = &norm->layers[layer];
    double deviation = layer_deviation(variance, normed->rows);
    float *bias = network->layers[layer].bias;

    for (uint32_t row = 0; row < normed->rows; row++) {
        espalier_rescale_row(network, variational, layer, row, (float)(1.0 / deviation));
        espalier_rescale_channel(network, variational, layer + 1, row, (float)deviation);
        normed->mean[row] = (float)((mean[row] - (double)bias[row]) / deviation);
        normed->variance[row] = (float)(variance[row] / (deviation * deviation));
        normed->gain[row] = sqrtf(normed->variance[row] + VARIANCE_MIN);
        bias[row] = (float)(mean[row] / deviation);
    }
}

void espalier_norm_follow(struct espalier_norm *norm, uint32_t layer, const struct espalier_normalizer *batch,
                          float share)
{
    struct espalier_normed_layer *normed = &norm->layers[layer];

    for (uint32_t row = 0; row < normed->rows; row++) {
        normed->mean[row] += share * (batch->mean[row] - normed->mean[row]);
        normed->variance[row] += share * (batch->variance[row] - normed->variance[row]);
    }
}

void espalier_norm_fold(const struct espalier_norm *norm, struct espalier_network *network,
                        struct espalier_variational *variational)
{
    for (uint32_t i = 0; i < norm->layer_count; i++) {
        const struct espalier_normed_layer *layer = &norm->layers[i];
        for (uint32_t row = 0; row < layer->rows; row++) {
            float factor = layer->gain[row] / sqrtf(layer->variance[row] + VARIANCE_MIN);
            espalier_rescale_row(network, variational, i, row, factor);
            network->layers[i].bias[row] -= factor * layer->mean[row];
        }
    }
}
