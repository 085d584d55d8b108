/* Forward and backward pass of a network over a batch: every array is [channel][y][x][image] (see convolve.h). */
#ifndef ESPALIER_PASS_H
#define ESPALIER_PASS_H

#include "norm.h"

#include <espalier/network.h>
#include <espalier/random.h>

/* What a layer computes with: the weights themselves, or what quantization makes of them. */
struct espalier_view {
    const float *weights; /* [rows][columns], 0 where the mask is 0 */
    const float *bias;    /* [rows] */
    float
        step; /* activations become multiples of this, saturated at 127 (and -128) of them; 0: they stay as they are */
    const float *variance; /* [rows][columns] of the weights, 0 where the mask is 0; NULL: they are what they are */
    const float *gain;     /* [rows] of batch normalization (norm.h), bias is then added behind it; NULL: none */
};

/* What a float network computes with: its own weights, no steps, no noise. views receives [layer_count]. */
void espalier_views_of(const struct espalier_network *network, struct espalier_view *views);

/* Derivatives of the loss. Where a mask is 0, a weight's is of no meaning. */
struct espalier_gradients {
    uint32_t layer_count;
    float **weights;  /* [layer_count] of [rows][columns] */
    float **bias;     /* [layer_count] of [rows] */
    float **gain;     /* [layer_count] of [rows], where a view has a gain */
    float **variance; /* [layer_count] of [rows][columns]: by the weights' variances; NULL without noise */
};

enum espalier_status espalier_gradients_create(const struct espalier_network *network, struct espalier_gradients *out,
                                               struct espalier_error *error);
/* Makes room for derivatives by variances, too. */
enum espalier_status espalier_gradients_add_variance(const struct espalier_network *network,
                                                     struct espalier_gradients *gradients,
                                                     struct espalier_error *error);
void espalier_gradients_free(struct espalier_gradients *gradients);

/* The buffers of a network and a batch size. */
struct espalier_pass;

/* Prepares for the shapes and masks of @p network; a changed mask needs a new pass. */
enum espalier_status espalier_pass_create(const struct espalier_network *network, uint32_t batch,
                                          struct espalier_pass **out, struct espalier_error *error);
/* Makes a pass ready for views with variances (noise.h). */
enum espalier_status espalier_pass_add_noise(struct espalier_pass *pass, const struct espalier_network *network,
                                             struct espalier_error *error);
/* Makes a pass ready for views with gains (norm.h; shared: all rows of a layer have one deviation). */
enum espalier_status espalier_pass_add_norm(struct espalier_pass *pass, bool shared, struct espalier_error *error);
void espalier_pass_free(struct espalier_pass *pass);

/* Where the caller puts a batch: [in_channels][in_height][in_width][batch]. */
float *espalier_pass_input(struct espalier_pass *pass);

/* What is left to chance in a forward pass, besides the noise of layers whose view has a variance. */
struct espalier_chance {
    float dropout; /* share of hidden fully connected activations that are dropped */
    float noise;   /* every input of a layer is multiplied by a normal number of mean 1 and this variance (Gaussian
                      dropout: Srivastava et al. 2014, section 10) */
    struct espalier_random *random;
};

/* Runs the batch; @p chance NULL: nothing is random. Noise changes the input that the caller has put there. Returns the
 * logits, [rows of the last layer][batch] (times its output positions, if it has any). */
const float *espalier_pass_forward(struct espalier_pass *pass, const struct espalier_view *views,
                                   const struct espalier_chance *chance);

/* After a forward pass: the output of a layer, [rows][out_height][out_width][batch]; *size receives its floats. */
const float *espalier_pass_output(const struct espalier_pass *pass, uint32_t layer, size_t *size);

/* After a forward pass: the sums of a layer, [rows][positions and images]; *size receives the floats of a row. */
const float *espalier_pass_sums(const struct espalier_pass *pass, uint32_t layer, size_t *size);

/* After a forward pass: what normalization found in a layer's sums. */
const struct espalier_normalizer *espalier_pass_normalizer(const struct espalier_pass *pass, uint32_t layer);

/* After a forward pass: derivatives for given derivatives by the logits. Rounding to steps passes the derivative
 * through where it did not saturate (straight-through estimator: Bengio, Leonard and Courville 2013). */
void espalier_pass_backward(struct espalier_pass *pass, const struct espalier_view *views, const float *logit_gradients,
                            struct espalier_gradients *gradients);

#endif
