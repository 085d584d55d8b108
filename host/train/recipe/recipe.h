/* The recipe of a compression: which phase follows which, for how long, towards which budgets. */
#ifndef ESPALIER_RECIPE_H
#define ESPALIER_RECIPE_H

#include <espalier/compress.h>

#include "loop/state.h"
#include "quantize/size.h"

/* A job under way. Zeroed but for what the caller gives; freed by espalier_job_free. */
struct espalier_job {
    const struct espalier_compress_options *options; /* checked */
    const struct espalier_dataset *data;
    const struct espalier_network *origin; /* what is compressed */
    struct espalier_network *network;      /* own copy, shrinking */
    bool is_pruned;                        /* when it begins */
    struct espalier_random random;
    struct espalier_budget target[ESPALIER_LAYERS_MAX],
        first[ESPALIER_LAYERS_MAX];      /* after the last step, before the first */
    struct espalier_quantizer quantizer; /* no layers: none yet */
    struct espalier_size size;           /* how progress measures it */
    struct espalier_model *model;        /* what comes of it in the end */
    struct espalier_state state;
    uint32_t phase;            /* the one at hand */
    double done_from, done_to; /* shares of the whole job done before and after it */
};

/* Which phases are run: pruning is all before the levels. */
enum espalier_phases { ESPALIER_PHASES_PRUNE, ESPALIER_PHASES_QUANTIZE, ESPALIER_PHASES_ALL };

/* Runs the phases on the job's network, or those that are left if its state's file is there. */
enum espalier_status espalier_job_run(struct espalier_job *job, enum espalier_phases phases,
                                      struct espalier_error *error);
void espalier_job_free(struct espalier_job *job);

/* Whether pruning can have made a network of another, as far as shapes tell. */
bool espalier_can_come_of(const struct espalier_network *network, const struct espalier_network *origin);

#endif
