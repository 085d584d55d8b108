/* A stage of training: what is trained, on what, how long, and who else takes part. */
#ifndef ESPALIER_STAGE_H
#define ESPALIER_STAGE_H

#include <espalier/train.h>

#include "hooks.h"
#include "state.h"

/* Measures the bits that a network would pack to as it is now. */
struct espalier_measure {
    enum espalier_status (*bits)(const void *context, const struct espalier_network *network, uint64_t *bits,
                                 struct espalier_error *error); /* NULL: they are not asked for */
    const void *context;
};

/* One stage. */
struct espalier_fit {
    const char *stage;
    struct espalier_network *network;
    const struct espalier_dataset *data;
    const struct espalier_train_options *options; /* all but epochs and learning_rate, which are the stage's own */
    uint32_t epochs;
    bool normalized;     /* with batch normalization (norm.h); never with constraints or noise */
    float learning_rate; /* at the start; falls to 0 along half a cosine, after a short linear rise; see hooks.h: resets
                          */
    double part_from, part_to; /* of a longer schedule, 0 to 1, that this stage is a part of; both 0: all of it */
    double done_from, done_to; /* shares of the whole job done before and after this stage */
    struct espalier_random *random;
    struct espalier_state *state; /* of the job, in which the network is kept by whoever has it */
    struct espalier_measure measure;
    const struct espalier_hooks *hooks; /* NULL: none */
};

/* How many images an epoch trains on: the first ones of the data. */
uint32_t espalier_fit_images(const struct espalier_dataset *data, const struct espalier_train_options *options);

#endif
