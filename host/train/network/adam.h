/* Adam (Kingma and Ba 2015, algorithm 1) over the weights that are there and the biases. */
#ifndef ESPALIER_ADAM_H
#define ESPALIER_ADAM_H

#include "archive.h"
#include "live.h"
#include "pass.h"

struct espalier_adam {
    uint32_t steps;                           /* taken so far */
    struct espalier_gradients mean, variance; /* running moments of the derivatives */
};

enum espalier_status espalier_adam_create(const struct espalier_network *network, struct espalier_adam *out,
                                          struct espalier_error *error);
void espalier_adam_free(struct espalier_adam *adam);

/* @param network  the one that it was made for */
void espalier_adam_visit(struct espalier_archive *archive, struct espalier_adam *adam,
                         const struct espalier_network *network);

/* The factor of step number @p step (1 is the first): the learning rate with both bias corrections folded in. */
float espalier_adam_rate(uint32_t step, float learning_rate);

/* One step of the numbers at live's places, with moments of their own. */
void espalier_adam_update(float *restrict values, const struct espalier_live_layer *live,
                          const float *restrict gradient, float *restrict mean, float *restrict variance, float rate);

/* One step along the gradients, of the weights that are there and of all biases.
 * weight_rates: [layers] by which the learning rate of a layer's weights is multiplied */
void espalier_adam_step(struct espalier_adam *adam, struct espalier_network *network, const struct espalier_live *live,
                        const struct espalier_gradients *gradients, float learning_rate, const float *weight_rates);

#endif
