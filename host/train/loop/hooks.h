/* What else takes part in a stage's loop: constraints (ADMM), noise that chooses, levels. The loop (fit.h) knows no
 * more of them than this. A function that is NULL has nothing to do; every one is called with `context`. */
#ifndef ESPALIER_HOOKS_H
#define ESPALIER_HOOKS_H

#include "network/archive.h"
#include "network/live.h"
#include "network/norm.h"
#include "network/pass.h"

/* A batch whose derivatives are there, before the optimizer's step. */
struct espalier_batch_end {
    const struct espalier_network *network;
    const struct espalier_live *live;
    struct espalier_gradients *gradients; /* of the batch's mean loss; may be added to */
    float learning_rate;
    double schedule; /* how much of it is over, 0 to 1 */
    uint32_t images; /* trained on in an epoch */
};

struct espalier_hooks {
    void *context;
    bool noisy;       /* views have variances, and no teacher is asked */
    bool shared_norm; /* normalization: all rows of a layer must have one deviation */
    uint32_t updates; /* calls of `update` in an epoch, the last at its end */
    uint32_t resets;  /* calls of `update` after which the learning rate begins anew; 0: it does not */

    /* Brings the views up to date with the network. */
    void (*refresh)(void *context, const struct espalier_network *network, const struct espalier_live *live,
                    struct espalier_view *views);
    /* Before each epoch, @p epoch from 0. */
    enum espalier_status (*begin_epoch)(void *context, const struct espalier_network *network, uint32_t epoch,
                                        uint32_t epochs, struct espalier_error *error);
    void (*end_batch)(void *context, const struct espalier_batch_end *batch);
    /* By which the learning rate of a layer's weights is multiplied. */
    float (*weight_rate)(const void *context, uint32_t layer);
    /* After the optimizer's step. */
    void (*end_step)(void *context, struct espalier_network *network, const struct espalier_live *live);
    enum espalier_status (*update)(void *context, const struct espalier_network *network, struct espalier_error *error);
    /* How far the network is from what it shall become, as progress shows it. */
    double (*residual)(const void *context, const struct espalier_network *network);
    /* Normalization was folded into the network. */
    void (*folded)(void *context, const struct espalier_norm *norm, const struct espalier_network *network);
    /* What an epoch leaves to the next. */
    void (*visit)(struct espalier_archive *archive, void *context, const struct espalier_network *network);
};

#endif
