/* Sparse variational dropout (Molchanov, Ashukha and Vetrov 2017): every weight is noisy, with a variance that is
 * learned; a prior prefers noise, the loss only tolerates it where it does not matter. alpha = variance / weight^2 says
 * how much a weight matters: one whose log alpha is large may go. It chooses positions and budgets; ADMM, or a plain
 * cut, does the hard projection.
 *
 * Where tiles of a layer go as one (grouping.h), they have an alpha each. A weight's is that of its tile, or the sum of
 * those of its two tiles if the layer is tiled twice, into rows and into columns. */
#ifndef ESPALIER_VARIATIONAL_H
#define ESPALIER_VARIATIONAL_H

#include "grouping.h"
#include "loop/hooks.h"
#include "network/archive.h"
#include "network/live.h"

struct espalier_noisy_layer {
    struct espalier_grouping grouping;
    uint32_t rows, columns;
    size_t parameters;
    size_t first[ESPALIER_TILINGS_MAX], across[ESPALIER_TILINGS_MAX]; /* a tiling's first parameter; its tiles a row */
    float *parameter;                /* [parameters] log variance of weights; tiled: log alpha of tiles */
    float *gradient, *mean, *moment; /* [parameters] derivative of the objective, and Adam's moments of it */
    float *power;                    /* [parameters] tiled: e to the parameter */
    uint8_t *safe;                   /* [parameters] tiled: 1 if no cut takes the tile */
    uint8_t *read;                   /* [rows] 1 if what is safe behind reads it */
    float *variance;                 /* [rows][columns] of the weights, for the pass */
};

struct espalier_variational {
    uint32_t layer_count;
    struct espalier_noisy_layer *layers;
    uint32_t steps; /* of Adam */
    float prior;    /* weight of the divergence from the prior, for one training image: 1 / images is Bayes' */
    float strength; /* of the prior when the schedule has risen it: 1 is Bayes' */
};

/* Starts with hardly any noise.
 * @param groupings  [layers] */
enum espalier_status espalier_variational_create(const struct espalier_network *network,
                                                 const struct espalier_grouping *groupings,
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

/* What the weights that are there are judged by: their log alpha, that of the noisier one of two tiles. Tiles that must
 * stay so that there is a path through the network count as if they had no noise: from the last layer to the first the
 * least noisy one of each tiling, among those that what stays behind reads. They stay until this is asked again.
 * @param judged  receives [espalier_network_kept] in rising order, to be freed */
enum espalier_status espalier_variational_judge(struct espalier_variational *variational,
                                                const struct espalier_network *network, float **judged,
                                                struct espalier_error *error);

/* The log alpha over which to prune, so that of @p kept weights at most @p total are left, or those that must stay. */
float espalier_variational_threshold(const float *judged, uint64_t kept, uint64_t total);

/* Removes every weight that is judged by more than @p most.
 * @param network  the one that was judged, or a copy
 * @param all      of layers that stay (grouping.h), too */
void espalier_variational_prune(const struct espalier_variational *variational, struct espalier_network *network,
                                float most, bool all);

#endif
