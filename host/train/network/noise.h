/* Gaussian noise on a layer's weights, drawn where it shows: in the layer's sums (local reparametrization: Kingma,
 * Salimans and Welling 2015). Weights of mean W and variance V give sums of mean W x and variance V x^2, for every
 * image its own draw. */
#ifndef ESPALIER_NOISE_H
#define ESPALIER_NOISE_H

#include "convolve.h"

#include <espalier/random.h>

/* Draws of mean 0 and deviation 1, each the sum of four uniform numbers of 8 bits: near enough to a normal number for
 * noise of which only the first two moments have a meaning, and cheap. */
void espalier_noise_draw(struct espalier_random *random, float *draws, size_t count);

struct espalier_noise {
    struct espalier_convolve convolve; /* of variances and squares */
    size_t input_size, sum_size;       /* floats */
    float *squares;                    /* [input_size] of the input; backward: the derivative by them */
    float *variances;                  /* [sum_size] of the sums; backward: the derivative by them */
    float *slopes;                     /* [sum_size] of a sum by its variance */
    float *zeros, *unused;             /* [rows] no bias, and the derivative by it */
};

/* Prepares for a layer's shape and mask.
 * @param input_size  floats of the layer's (padded) input */
enum espalier_status espalier_noise_create(struct espalier_noise *noise, const struct espalier_shape *shape,
                                           const uint8_t *mask, size_t batch, size_t input_size,
                                           struct espalier_error *error);
void espalier_noise_free(struct espalier_noise *noise);

/* Adds a draw to sums [sum_size].
 * @param variance  [rows][columns], 0 where the mask is 0 */
void espalier_noise_add(struct espalier_noise *noise, const float *variance, const float *input, float *sums,
                        struct espalier_random *random);

/* Derivatives for the draw of the last call.
 * @param variance_gradient  [rows][columns], written where the mask is 1
 * @param input_gradient     [input_size], added to; may be NULL */
void espalier_noise_backward(struct espalier_noise *noise, const float *variance, const float *input,
                             const float *sum_gradient, float *variance_gradient, float *input_gradient);

#endif
