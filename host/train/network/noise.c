#include "noise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Keeps the slope of a square root finite. */
static const float VARIANCE_MIN = 1e-12F;

enum espalier_status espalier_noise_create(struct espalier_noise *noise, const struct espalier_shape *shape,
                                           const uint8_t *mask, size_t batch, size_t input_size,
                                           struct espalier_error *error)
{
    memset(noise, 0, sizeof *noise);
    enum espalier_status status = espalier_convolve_create(&noise->convolve, shape, mask, batch, error);
    if (status != ESPALIER_OK)
        return status;
    noise->input_size = input_size;
    noise->sum_size = shape->rows * noise->convolve.out_height * noise->convolve.out_width * batch;
    noise->squares = malloc(input_size * sizeof *noise->squares);
    noise->variances = malloc(noise->sum_size * sizeof *noise->variances);
    noise->slopes = malloc(noise->sum_size * sizeof *noise->slopes);
    noise->zeros = calloc(shape->rows, sizeof *noise->zeros);
    noise->unused = calloc(shape->rows, sizeof *noise->unused);
    if (noise->squares == NULL || noise->variances == NULL || noise->slopes == NULL || noise->zeros == NULL ||
        noise->unused == NULL) {
        espalier_noise_free(noise);
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for the noise of a layer");
    }
    return ESPALIER_OK;
}

void espalier_noise_free(struct espalier_noise *noise)
{
    espalier_convolve_free(&noise->convolve);
    free(noise->squares);
    free(noise->variances);
    free(noise->slopes);
    free(noise->zeros);
    free(noise->unused);
    memset(noise, 0, sizeof *noise);
}

/* Scrambles the bits of a number (the finalizer of MurmurHash3): from a key and a count, so that draws do not wait for
 * each other. */
static inline uint32_t scramble(uint32_t bits)
{
    bits = (bits ^ bits >> 16) * 0x85EBCA6BU;
    bits = (bits ^ bits >> 13) * 0xC2B2AE35U;
    return bits ^ bits >> 16;
}

void espalier_noise_draw(struct espalier_random *random, float *draws, size_t count)
{
    const float mean = 4.0F * 127.5F,
                scale = 1.0F / 147.8005F; /* of four numbers from 0 to 255: sqrt(4 * 65535 / 12) */
    uint64_t bits = espalier_random_bits(random);
    uint32_t key = (uint32_t)bits, step = (uint32_t)(bits >> 32) | 1U;

    for (size_t i = 0; i < count; i++) {
        uint32_t four = scramble(key + step * (uint32_t)i);
        uint32_t sum = (four & 0xFF) + (four >> 8 & 0xFF) + (four >> 16 & 0xFF) + (four >> 24);
        draws[i] = ((float)sum - mean) * scale;
    }
}

void espalier_noise_add(struct espalier_noise *noise, const float *variance, const float *input, float *sums,
                        struct espalier_random *random)
{
    for (size_t i = 0; i < noise->input_size; i++)
        noise->squares[i] = input[i] * input[i];
    espalier_convolve_forward(&noise->convolve, variance, noise->zeros, noise->squares, noise->variances);
    espalier_noise_draw(random, noise->slopes, noise->sum_size);
    for (size_t i = 0; i < noise->sum_size; i++) {
        float deviation = sqrtf(noise->variances[i] + VARIANCE_MIN), draw = noise->slopes[i];
        sums[i] += deviation * draw;
        noise->slopes[i] = 0.5F * draw / deviation;
    }
}

void espalier_noise_backward(struct espalier_noise *noise, const float *variance, const float *input,
                             const float *sum_gradient, float *variance_gradient, float *input_gradient)
{
    for (size_t i = 0; i < noise->sum_size; i++)
        noise->variances[i] = noise->slopes[i] * sum_gradient[i];
    espalier_convolve_backward(&noise->convolve, noise->squares, noise->variances, variance_gradient, noise->unused);
    if (input_gradient == NULL)
        return;
    memset(noise->squares, 0, noise->input_size * sizeof *noise->squares);
    espalier_convolve_backward_input(&noise->convolve, variance, noise->variances, noise->squares);
    for (size_t i = 0; i < noise->input_size; i++)
        input_gradient[i] += 2.0F * input[i] * noise->squares[i];
}
