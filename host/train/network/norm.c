#include "norm.h"
#include "convolve.h"
#include "rescale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float VARIANCE_MIN = 1e-5F;
static const double DEAD_VARIANCE = 1e-8; /* a layer of no more says nothing that could be scaled */

/* ---- One layer of a pass */

enum espalier_status espalier_normalizer_create(struct espalier_normalizer *normalizer, bool shared, size_t rows,
                                                size_t size, struct espalier_error *error)
{
    *normalizer = (struct espalier_normalizer){.shared = shared, .rows = rows, .size = size};
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

/* All become their mean, if the rows share. */
static void share(const struct espalier_normalizer *normalizer, float *of_rows)
{
    float total = 0.0F;

    for (size_t row = 0; row < normalizer->rows; row++)
        total += of_rows[row];
    for (size_t row = 0; row < normalizer->rows && normalizer->shared; row++)
        of_rows[row] = total / (float)normalizer->rows;
}

void espalier_normalize(struct espalier_normalizer *normalizer, const float *gain, const float *bias, float *sums)
{
    size_t size = normalizer->size;

    for (size_t row = 0; row < normalizer->rows; row++) {
        float *restrict centred = normalizer->normalized + row * size;
        const float *restrict from = sums + row * size;
        float mean = espalier_sum(from, size) / (float)size;
        for (size_t i = 0; i < size; i++)
            centred[i] = from[i] - mean;
        normalizer->mean[row] = mean;
        normalizer->variance[row] = espalier_sum_products(centred, centred, size) / (float)size;
    }
    share(normalizer, normalizer->variance);
    for (size_t row = 0; row < normalizer->rows; row++) {
        float *restrict normalized = normalizer->normalized + row * size, *restrict to = sums + row * size;
        float inverse = 1.0F / sqrtf(normalizer->variance[row] + VARIANCE_MIN);
        for (size_t i = 0; i < size; i++) {
            normalized[i] *= inverse;
            to[i] = gain[row] * normalized[i] + bias[row];
        }
    }
}

void espalier_normalize_backward(const struct espalier_normalizer *normalizer, const float *gain, float *gradient,
                                 float *gain_gradient, float *bias_gradient)
{
    size_t size = normalizer->size;

    for (size_t row = 0; row < normalizer->rows; row++) {
        gain_gradient[row] = espalier_sum_products(gradient + row * size, normalizer->normalized + row * size, size);
        bias_gradient[row] = espalier_sum(gradient + row * size, size);
    }
    share(normalizer, gain_gradient);
    for (size_t row = 0; row < normalizer->rows; row++) {
        const float *restrict normalized = normalizer->normalized + row * size;
        float *restrict by_sum = gradient + row * size;
        float factor = gain[row] / sqrtf(normalizer->variance[row] + VARIANCE_MIN);
        float along = gain_gradient[row] / (float)size, mean = bias_gradient[row] / (float)size;
        for (size_t i = 0; i < size; i++)
            by_sum[i] = factor * (by_sum[i] - mean - normalized[i] * along);
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

enum espalier_status espalier_norm_create(const struct espalier_network *network, bool shared,
                                          struct espalier_norm *out, struct espalier_error *error)
{
    memset(out, 0, sizeof *out);
    out->shared = shared;
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

void espalier_norm_visit(struct espalier_archive *archive, struct espalier_norm *norm)
{
    for (uint32_t i = 0; i < norm->layer_count; i++) {
        struct espalier_normed_layer *layer = &norm->layers[i];
        espalier_archive_floats(archive, layer->gain, layer->rows);
        espalier_archive_floats(archive, layer->mean, layer->rows);
        espalier_archive_squares(archive, layer->variance, layer->rows);
        espalier_archive_floats(archive, layer->momentum, layer->rows);
        espalier_archive_squares(archive, layer->squares, layer->rows);
    }
}

/* Of a layer's sums about their row's mean. */
static double layer_variance(const double *variance, uint32_t rows)
{
    double total = 0.0;

    for (uint32_t row = 0; row < rows; row++)
        total += variance[row] / rows;
    return total;
}

void espalier_norm_begin(struct espalier_norm *norm, struct espalier_network *network, uint32_t layer,
                         const double *mean, const double *variance)
{
    struct espalier_normed_layer *normed = &norm->layers[layer];
    double of_layer = layer_variance(variance, normed->rows);
    double scale = norm->shared || of_layer < DEAD_VARIANCE ? 1.0 : sqrt(of_layer);
    float *bias = network->layers[layer].bias;

    for (uint32_t row = 0; row < normed->rows; row++) {
        if (!norm->shared) {
            espalier_rescale_row(&network->layers[layer], row, (float)(1.0 / scale));
            espalier_rescale_channel(&network->layers[layer + 1], row, (float)scale);
        }
        normed->mean[row] = (float)((mean[row] - (double)bias[row]) / scale);
        normed->variance[row] = (float)((norm->shared ? of_layer : variance[row]) / (scale * scale));
        normed->gain[row] = sqrtf(normed->variance[row] + VARIANCE_MIN);
        bias[row] = (float)(mean[row] / scale);
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

float espalier_norm_factor(const struct espalier_norm *norm, uint32_t layer, uint32_t row)
{
    const struct espalier_normed_layer *normed = &norm->layers[layer];

    return normed->gain[row] / sqrtf(normed->variance[row] + VARIANCE_MIN);
}

void espalier_norm_fold(const struct espalier_norm *norm, struct espalier_network *network)
{
    for (uint32_t i = 0; i < norm->layer_count; i++)
        for (uint32_t row = 0; row < norm->layers[i].rows; row++) {
            float factor = espalier_norm_factor(norm, i, row);
            espalier_rescale_row(&network->layers[i], row, factor);
            network->layers[i].bias[row] -= factor * norm->layers[i].mean[row];
        }
}
