#include "shard.h"
#include "network/batch.h"
#include "network/loss.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t classes_of(const struct espalier_network *network)
{
    return network->layers[network->layer_count - 1].shape.rows;
}

static size_t input_size(const struct espalier_network *network, uint32_t batch)
{
    const struct espalier_shape *shape = &network->layers[0].shape;

    return (size_t)shape->in_channels * shape->in_height * shape->in_width * batch;
}

static enum espalier_status add_teacher(struct espalier_shard *shard, const struct espalier_network *teacher,
                                        struct espalier_error *error)
{
    size_t logits = (size_t)classes_of(teacher) * shard->batch;

    shard->teacher_gradients = malloc(logits * sizeof *shard->teacher_gradients);
    if (shard->teacher_gradients == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for %u images", shard->batch);
    espalier_views_of(teacher, shard->teacher_views);
    return espalier_pass_create(teacher, shard->batch, &shard->teacher, error);
}

enum espalier_status espalier_shard_create(const struct espalier_fit *fit, uint32_t batch, uint64_t seed,
                                           struct espalier_shard *out, struct espalier_error *error)
{
    const struct espalier_network *network = fit->network;
    bool noisy = fit->hooks != NULL && fit->hooks->noisy, shared_norm = fit->hooks != NULL && fit->hooks->shared_norm;

    *out = (struct espalier_shard){.fit = fit, .batch = batch};
    espalier_random_seed(&out->random, seed);
    out->labels = malloc(batch);
    out->logit_gradients = malloc((size_t)classes_of(network) * batch * sizeof *out->logit_gradients);
    if (out->labels == NULL || out->logit_gradients == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for %u images", batch);
    enum espalier_status status = espalier_pass_create(network, batch, &out->pass, error);
    if (status == ESPALIER_OK)
        status = espalier_gradients_create(network, &out->gradients, error);
    if (status == ESPALIER_OK && noisy)
        status = espalier_pass_add_noise(out->pass, network, error);
    if (status == ESPALIER_OK && noisy)
        status = espalier_gradients_add_variance(network, &out->gradients, error);
    if (status == ESPALIER_OK)
        status = espalier_pass_add_norm(out->pass, shared_norm, error);
    if (status == ESPALIER_OK && fit->options->teacher != NULL && !noisy)
        status = add_teacher(out, fit->options->teacher, error);
    return status;
}

void espalier_shard_free(struct espalier_shard *shard)
{
    free(shard->labels);
    free(shard->logit_gradients);
    free(shard->teacher_gradients);
    espalier_pass_free(shard->pass);
    espalier_pass_free(shard->teacher);
    espalier_gradients_free(&shard->gradients);
    memset(shard, 0, sizeof *shard);
}

static const float *forward(struct espalier_shard *shard, const struct espalier_view *views, const uint32_t *images)
{
    const struct espalier_train_options *options = shard->fit->options;
    struct espalier_chance chance = {.dropout = options->dropout, .noise = options->noise, .random = &shard->random};

    espalier_batch_fill(shard->fit->data, images, shard->batch, shard->batch, options->augment, &shard->random,
                        espalier_pass_input(shard->pass));
    if (shard->teacher != NULL)
        memcpy(espalier_pass_input(shard->teacher), espalier_pass_input(shard->pass),
               input_size(options->teacher, shard->batch) * sizeof(float));
    return espalier_pass_forward(shard->pass, views, &chance);
}

void espalier_shard_forward(struct espalier_shard *shard, const struct espalier_view *views, const uint32_t *images)
{
    (void)forward(shard, views, images);
}

/* Mixes what the teacher says of the batch at hand into the loss and its derivatives. */
static void ask_teacher(struct espalier_shard *shard, const float *logits)
{
    const struct espalier_train_options *options = shard->fit->options;
    uint32_t classes = classes_of(options->teacher);
    float share = options->distill;

    const float *said = espalier_pass_forward(shard->teacher, shard->teacher_views, NULL);
    double loss =
        espalier_distillation(logits, said, classes, shard->batch, options->temperature, shard->teacher_gradients);
    shard->loss += (double)share * (loss - shard->loss);
    for (size_t i = 0; i < (size_t)classes * shard->batch; i++)
        shard->logit_gradients[i] += share * (shard->teacher_gradients[i] - shard->logit_gradients[i]);
}

void espalier_shard_train(struct espalier_shard *shard, const struct espalier_view *views, const uint32_t *images)
{
    const float *logits = forward(shard, views, images);

    for (uint32_t n = 0; n < shard->batch; n++)
        shard->labels[n] = shard->fit->data->labels[images[n]];
    shard->loss = espalier_cross_entropy(logits, shard->labels, classes_of(shard->fit->network), shard->batch,
                                         shard->logit_gradients);
    if (shard->teacher != NULL)
        ask_teacher(shard, logits);
    if (isfinite(shard->loss))
        espalier_pass_backward(shard->pass, views, shard->logit_gradients, &shard->gradients);
}

/* In the first shard: (its array + those of all others) / count, at live's places.
 * field  of struct espalier_gradients, as an offset */
static void reduce(struct espalier_shard *shards, uint32_t count, size_t field, uint32_t layer,
                   const struct espalier_live_layer *live)
{
    float *to = NULL, share = 1.0F / (float)count;

    for (uint32_t s = 0; s < count; s++) {
        float **arrays = *(float ***)((char *)&shards[s].gradients + field), *from = arrays[layer];
        to = s == 0 ? from : to;
        for (size_t i = 0; i < live->count && s > 0; i++)
            to[espalier_live_at(live, i)] += from[espalier_live_at(live, i)];
    }
    for (size_t i = 0; i < live->count; i++)
        to[espalier_live_at(live, i)] *= share;
}

void espalier_shards_reduce(struct espalier_shard *shards, uint32_t count, const struct espalier_network *network,
                            const struct espalier_live *live)
{
    if (count == 1)
        return;
    for (uint32_t i = 0; i < network->layer_count; i++) {
        const struct espalier_live_layer rows = {.count = network->layers[i].shape.rows};
        reduce(shards, count, offsetof(struct espalier_gradients, weights), i, &live->layers[i]);
        reduce(shards, count, offsetof(struct espalier_gradients, bias), i, &rows);
        reduce(shards, count, offsetof(struct espalier_gradients, gain), i, &rows);
        if (shards[0].gradients.variance != NULL)
            reduce(shards, count, offsetof(struct espalier_gradients, variance), i, &live->layers[i]);
    }
}
