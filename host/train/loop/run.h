/* A stage under way: what the loop of fit.c works on. */
#ifndef ESPALIER_RUN_H
#define ESPALIER_RUN_H

#include "crew.h"
#include "network/adam.h"
#include "network/archive.h"
#include "network/live.h"
#include "network/norm.h"
#include "shard.h"
#include "stage.h"

struct espalier_run {
    const struct espalier_fit *fit;
    uint32_t images, steps; /* trained on in an epoch, and the batches that makes */
    uint32_t *order;
    const uint32_t *batch;       /* images of the batch at hand */
    struct espalier_hooks hooks; /* the stage's, or none */
    struct espalier_view *views; /* what the forward pass computes with */
    struct espalier_crew *crew;
    uint32_t shard_count;
    struct espalier_shard *shards; /* [shard_count] one a thread */
    struct espalier_live live;
    struct espalier_norm norm; /* no layers: none */
    bool norm_begun;
    struct espalier_adam adam;
    uint32_t epoch;                /* finished */
    struct espalier_progress last; /* of the last one that is */
};

/* Draws the order of images and the seeds of the shards; normalization is to be begun (norm_stage.h). */
enum espalier_status espalier_run_create(struct espalier_run *run, const struct espalier_fit *fit,
                                         struct espalier_error *error);
void espalier_run_free(struct espalier_run *run);

/* All that an epoch leaves to the next one, but the network. An espalier_visit whose context is the run. */
void espalier_run_visit(struct espalier_archive *archive, void *run);

/* Brings the views up to date with the network. Biases behind normalization are not rounded: folding changes them. */
void espalier_run_refresh(const struct espalier_run *run);

#endif
