/* Adam (Kingma and Ba 2015, algorithm 1) over the weights that are there and the biases. */
#ifndef ESPALIER_ADAM_H
#define ESPALIER_ADAM_H

#include "pass.h"

struct espalier_adam {
    uint32_t steps;                           /* taken so far */
    struct espalier_gradients mean, variance; /* running moments of the derivatives */
};

enum espalier_status espalier_adam_create(const struct espalier_network *network, struct espalier_adam *out,
                                          struct espalier_error *error);
void espalier_adam_free(struct espalier_adam *adam);

/* The factor of step number @p step (1 is the first): the learning rate with both bias corrections folded in. */
float espalier_adam_rate(uint32_t step, float learning_rate);

/* One step of an array with moments of its own; mask may be NULL. */
void espalier_adam_update(float *restrict values, const uint8_t *restrict mask, const float *restrict gradient,
                          float *restrict mean, float *restrict variance, size_t count, float rate);

/* One step along the gradients. Weights whose mask is 0 become 0. */
void espalier_adam_step(struct espalier_adam *adam, struct espalier_network *network,
                        const struct espalier_gradients *gradients, float learning_rate);

#endif
