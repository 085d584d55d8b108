/* One thread's share of a batch: images in, derivatives of their mean loss out. */
#ifndef ESPALIER_SHARD_H
#define ESPALIER_SHARD_H

#include "network/live.h"
#include "network/pass.h"
#include "stage.h"

#include <espalier/model.h>

struct espalier_shard {
    const struct espalier_fit *fit;
    uint32_t batch; /* images of this share */
    uint8_t *labels;
    float *logit_gradients;
    struct espalier_pass *pass;
    struct espalier_pass *teacher; /* NULL: none */
    struct espalier_view teacher_views[ESPALIER_LAYERS_MAX];
    float *teacher_gradients;
    struct espalier_gradients gradients;
    struct espalier_random random; /* of distortions, dropout and noise */
    double loss;                   /* mean of the share's images */
};

/* @param seed  of what the share draws */
enum espalier_status espalier_shard_create(const struct espalier_fit *fit, uint32_t batch, uint64_t seed,
                                           struct espalier_shard *out, struct espalier_error *error);
void espalier_shard_free(struct espalier_shard *shard);

/* Forward over @p images [batch]. */
void espalier_shard_forward(struct espalier_shard *shard, const struct espalier_view *views, const uint32_t *images);

/* Forward and backward over @p images [batch]. Without a finite loss there are no derivatives. */
void espalier_shard_train(struct espalier_shard *shard, const struct espalier_view *views, const uint32_t *images);

/* Leaves in the first shard the mean of the derivatives of all @p count. */
void espalier_shards_reduce(struct espalier_shard *shards, uint32_t count, const struct espalier_network *network,
                            const struct espalier_live *live);

#endif
