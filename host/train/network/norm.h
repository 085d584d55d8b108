/* Batch normalization (Ioffe and Szegedy 2015, algorithm 1) of a layer's sums, row by row, while a network is trained.
 * It does not outlive a stage: it begins as what changes nothing, and in the end it is folded into weights and biases,
 * so that checkpoints, pruning and the hardware know nothing of it. The last layer has none: its sums are logits. */
#ifndef ESPALIER_NORM_H
#define ESPALIER_NORM_H

#include "archive.h"

#include <espalier/network.h>

/* ---- What a pass needs for one layer */

struct espalier_normalizer {
    bool shared;            /* one deviation for all rows, and so one factor when it is folded: what levels allow */
    size_t rows, size;      /* size: sums of a row, over positions and images */
    float *normalized;      /* [rows][size] of the last forward call */
    float *mean, *variance; /* [rows] of the sums of the last forward call */
};

enum espalier_status espalier_normalizer_create(struct espalier_normalizer *normalizer, bool shared, size_t rows,
                                                size_t size, struct espalier_error *error);
void espalier_normalizer_free(struct espalier_normalizer *normalizer);

/* sums [rows][size] become gain * (sums - their row's mean) / their row's deviation + bias. */
void espalier_normalize(struct espalier_normalizer *normalizer, const float *gain, const float *bias, float *sums);

/* For the last forward call: turns derivatives by its results into those by its sums, in place.
 * gain_gradient, bias_gradient: receive [rows] */
void espalier_normalize_backward(const struct espalier_normalizer *normalizer, const float *gain, float *gradient,
                                 float *gain_gradient, float *bias_gradient);

/* ---- What training needs for all layers */

struct espalier_normed_layer {
    uint32_t rows;
    float *gain;
    float *mean, *variance;    /* [rows] of the sums without bias: running averages */
    float *momentum, *squares; /* [rows] Adam's moments of the gain */
};

struct espalier_norm {
    bool shared;          /* as in struct espalier_normalizer */
    uint32_t layer_count; /* of the network, but the last */
    struct espalier_normed_layer *layers;
};

enum espalier_status espalier_norm_create(const struct espalier_network *network, bool shared,
                                          struct espalier_norm *out, struct espalier_error *error);
void espalier_norm_free(struct espalier_norm *norm);
void espalier_norm_visit(struct espalier_archive *archive, struct espalier_norm *norm);

/* Begins a layer with what changes nothing; biases take over the means. Unless rows share a deviation, the layer is
 * scaled to sums of deviation 1, so that one learning rate suits all layers, and the next one by the inverse.
 * mean, variance: [rows] of the sums with bias */
void espalier_norm_begin(struct espalier_norm *norm, struct espalier_network *network, uint32_t layer,
                         const double *mean, const double *variance);

/* Moves the running averages of a layer towards what a batch gave, by @p share of the way. */
void espalier_norm_follow(struct espalier_norm *norm, uint32_t layer, const struct espalier_normalizer *batch,
                          float share);

/* By which folding multiplies a row's weights; the same for all rows that share a deviation. */
float espalier_norm_factor(const struct espalier_norm *norm, uint32_t layer, uint32_t row);

/* Folds into the weights and biases of @p network, which then computes without it what it computed with it. */
void espalier_norm_fold(const struct espalier_norm *norm, struct espalier_network *network);

#endif
