/* One layer's sum of products and its derivatives, for a batch of images.
 *
 * Layout: every activation array is [channel][y][x][image]. The images of a batch are innermost, so the inputs that one
 * weight meets along an output row are one contiguous run, and neither im2col nor its inverse ever moves a single
 * float. Two ways to compute, chosen by the density of the mask: matrix product over the columns that any row still
 * reads (im2col and sgemm), or weight by weight (saxpy and sdot on runs) when few are left. */
#ifndef ESPALIER_CONVOLVE_H
#define ESPALIER_CONVOLVE_H

#include <espalier/network.h>

struct espalier_convolve {
    size_t rows, columns;         /* M and K of the GEMM view */
    size_t out_height, out_width; /* of the convolution, before pooling */
    size_t batch;
    size_t run, runs; /* floats of a contiguous run, and how many make an output row */
    size_t run_step;  /* floats from one run of the input to the next */
    size_t row_step;  /* floats of the input from one output row to the next */
    size_t *offset;   /* [columns] first float of the (padded) input that a column reads */
    bool sparse;
    bool whole; /* matrix product on the input as it lies: the kernel covers it and all columns are active */
    size_t active_count;
    uint32_t *active;    /* [active_count] columns that some row reads */
    uint32_t *row_start; /* [rows + 1] sparse: where a row begins in entry */
    uint32_t *entry;     /* [row_start[rows]] sparse: columns of the weights that are there */
    float *matrix;       /* [active_count][out_width][batch] im2col of an output row */
    float *gradient;     /* the same for the derivative */
    float *packed;       /* [rows][active_count] the weights of active columns, unless all are active */
    float *packed_gradient;
};

/* Prepares for a layer's shape and mask; a changed mask needs a new one. The input is [channels][height + 2 pad][width
 * + 2 pad][batch]. */
enum espalier_status espalier_convolve_create(struct espalier_convolve *convolve, const struct espalier_shape *shape,
                                              const uint8_t *mask, size_t batch, struct espalier_error *error);
void espalier_convolve_free(struct espalier_convolve *convolve);

/* output [rows][out_height][out_width][batch] = weights * input + bias. */
void espalier_convolve_forward(struct espalier_convolve *convolve, const float *weights, const float *bias,
                               const float *input, float *output);

/* Derivatives of the loss by weights and biases, for the input and weights of the last forward call.
 * weight_gradient [rows][columns] is written where the mask is 1 and is of no meaning elsewhere; bias_gradient may be
 * NULL. */
void espalier_convolve_backward(struct espalier_convolve *convolve, const float *input, const float *output_gradient,
                                float *weight_gradient, float *bias_gradient);

/* Adds the derivative by the input to input_gradient. */
void espalier_convolve_backward_input(struct espalier_convolve *convolve, const float *weights,
                                      const float *output_gradient, float *input_gradient);

/* Sum of n floats, and of their products, in partial sums, for speed and for precision. */
float espalier_sum(const float *values, size_t n);
float espalier_sum_products(const float *left, const float *right, size_t n);

#endif
