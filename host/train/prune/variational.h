/* Sparse variational dropout (Molchanov, Ashukha and Vetrov 2017): every weight is noisy, with a variance that is
 * learned; a prior prefers noise, the loss only tolerates it where it does not matter. alpha = variance / weight^2 says
 * how much a weight matters: one whose log alpha is large may go. It chooses positions and budgets; ADMM, or a plain
 * cut, does the hard projection.
 *
 * With one noise a row and one a column, a weight's alpha is the sum of its row's and its column's, so that whole rows
 * and columns come to matter or not. */
#ifndef ESPALIER_VARIATIONAL_H
#define ESPALIER_VARIATIONAL_H

#include "loop/hooks.h"
#include "network/archive.h"
#include "network/live.h"

enum espalier_noise_kind {
    ESPALIER_NOISE_ELEMENTS, /* a variance a weight */
    ESPALIER_NOISE_GROUPS    /* an alpha a row and an alpha a column */
};

struct espalier_noisy_layer {
    size_t rows, columns, parameters;
    float *parameter;                /* [parameters] elements: log variance; groups: log alpha of rows, then columns */
    float *gradient, *mean, *moment; /* [parameters] derivative of the objective, and Adam's moments of it */
    float *power;                    /* [parameters] groups: e to the parameter */
    float *variance;                 /* [rows][columns] of the weights, for the pass */
};

struct espalier_variational {
    enum espalier_noise_kind kind;
    uint32_t layer_count;
    struct espalier_noisy_layer *layers;
    uint32_t steps; /* of Adam */
    float prior;    /* weight of the divergence from the prior, for one training image: 1 / images is Bayes' */
    float strength; /* of the prior when the schedule has risen it: 1 is Bayes' */
};

/* Starts with hardly any noise. */
enum espalier_status espalier_variational_create(const struct espalier_network *network, enum espalier_noise_kind kind,
                                                 struct espalier_variational *out, struct espalier_error *error);
void espalier_variational_free(struct espalier_variational *variational);
void espalier_variational_visit(struct espalier_archive *archive, struct espalier_variational *variational);

/* Sets the variances of the views from the network's weights as they are now; live: its masks. */
void espalier_variational_apply(struct espalier_variational *variational, const struct espalier_network *network,
                                const struct espalier_live *live, struct espalier_view *views);

/* After a backward pass: adds what prior and variances mean for the weights to their gradients, and takes a step of
 * Adam along the derivatives by the noise. */
void espalier_variational_step(struct espalier_variational *variational, const struct espalier_network *network,
                               const struct espalier_live *live, struct espalier_gradients *gradients,
                               float learning_rate);

/* Lets it take part in a stage, which it must outlive: the prior rises linearly to its strength over the first 0.4 of
 * the schedule. */
struct espalier_hooks espalier_variational_hooks(struct espalier_variational *variational);

/* Forgets the noise of weights whose mask has become 0. */
void espalier_variational_forget(struct espalier_variational *variational, const struct espalier_network *network);

/* The divergence of a weight's posterior from the log-uniform prior, up to a constant (their eq. 14), and its
 * derivative by log alpha. */
double espalier_divergence(double log_alpha, double *slope);

/* Removes every weight whose log alpha (groups: its row's or its column's) is over @p most. */
void espalier_variational_prune(const struct espalier_variational *variational, struct espalier_network *network,
                                float most);

/* The log alpha over which to prune, so that at most @p total weights are left. */
enum espalier_status espalier_variational_threshold(const struct espalier_variational *variational,
                                                    const struct espalier_network *network, uint64_t total, float *most,
                                                    struct espalier_error *error);

#endif
