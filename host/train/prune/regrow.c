#include "regrow.h"
#include "network/batch.h"
#include "network/loss.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 40, LAST_EXCHANGE = 30, DERIVATIVE_BATCHES = 60 };

static const double FIRST_SHARE = 0.2;

/* ---- An exchange */

struct candidate {
    float size;
    size_t weight;
};

static int rising(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;

    return a->size != b->size ? (a->size > b->size) - (a->size < b->size)
                              : (a->weight > b->weight) - (a->weight < b->weight);
}

/* candidates: room for all of the layer's weights. Those that are there come first, the others from the end. */
static void exchange_layer(struct espalier_float_layer *layer, const float *derivatives, double share,
                           struct candidate *candidates)
{
    size_t weights = espalier_shape_weights(&layer->shape), kept = 0;

    for (size_t k = 0; k < weights; k++)
        kept += layer->mask[k];
    struct candidate *there = candidates, *absent = candidates + kept;
    for (size_t k = 0; k < weights; k++)
        *(layer->mask[k] ? there++ : absent++) =
            (struct candidate){layer->mask[k] ? fabsf(layer->weights[k]) : -fabsf(derivatives[k]), k};
    there = candidates;
    absent = candidates + kept;
    qsort(there, kept, sizeof *there, rising);
    qsort(absent, weights - kept, sizeof *absent, rising);
    size_t wanted = (size_t)(share * (double)kept), count = wanted < weights - kept ? wanted : weights - kept;
    for (size_t n = 0; n < count; n++) {
        layer->mask[there[n].weight] = 0;
        layer->weights[there[n].weight] = 0.0F;
        layer->mask[absent[n].weight] = 1;
    }
}

enum espalier_status espalier_exchange(struct espalier_network *network, float *const *derivatives, double share,
                                       struct espalier_error *error)
{
    for (uint32_t i = 0; i < network->layer_count; i++) {
        size_t weights = espalier_shape_weights(&network->layers[i].shape);
        struct candidate *candidates = malloc(weights * sizeof *candidates);
        if (candidates == NULL)
            return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for %zu weights", weights);
        exchange_layer(&network->layers[i], derivatives[i], share, candidates);
        free(candidates);
    }
    return ESPALIER_OK;
}

/* ---- Derivatives by weights that are not there */

/* What it takes to find them: a copy of the network with all masks 1. */
struct prospect {
    struct espalier_network *network;
    struct espalier_pass *pass;
    struct espalier_gradients batch, sum;
    struct espalier_view views[ESPALIER_LAYERS_MAX];
    uint32_t *images;
    uint8_t *labels;
    float *logit_gradients;
};

static enum espalier_status open_prospect(const struct espalier_fit *stage, struct prospect *prospect,
                                          struct espalier_error *error)
{
    uint32_t batch = stage->options->batch, last = stage->network->layer_count - 1;
    enum espalier_status status = espalier_network_clone(stage->network, &prospect->network, error);

    for (uint32_t i = 0; i <= last && status == ESPALIER_OK; i++)
        memset(prospect->network->layers[i].mask, 1, espalier_shape_weights(&prospect->network->layers[i].shape));
    if (status == ESPALIER_OK)
        status = espalier_pass_create(prospect->network, batch, &prospect->pass, error);
    if (status == ESPALIER_OK)
        status = espalier_gradients_create(prospect->network, &prospect->batch, error);
    if (status == ESPALIER_OK)
        status = espalier_gradients_create(prospect->network, &prospect->sum, error);
    if (status != ESPALIER_OK)
        return status;
    espalier_views_of(prospect->network, prospect->views);
    prospect->images = malloc(batch * sizeof *prospect->images);
    prospect->labels = malloc(batch);
    prospect->logit_gradients = malloc((size_t)stage->network->layers[last].shape.rows * batch * sizeof(float));
    return prospect->images != NULL && prospect->labels != NULL && prospect->logit_gradients != NULL
               ? ESPALIER_OK
               : espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for %u images", batch);
}

static void close_prospect(struct prospect *prospect)
{
    free(prospect->images);
    free(prospect->labels);
    free(prospect->logit_gradients);
    espalier_gradients_free(&prospect->batch);
    espalier_gradients_free(&prospect->sum);
    espalier_pass_free(prospect->pass);
    espalier_network_free(prospect->network);
}

/* Adds the derivatives of one batch, drawn from the images of training, to the sum. */
static void add_batch(const struct espalier_fit *stage, struct prospect *prospect)
{
    const struct espalier_train_options *options = stage->options;
    uint32_t images = options->use != 0 ? options->use : stage->data->count - options->held_out;
    uint32_t batch = options->batch, classes = stage->network->layers[stage->network->layer_count - 1].shape.rows;

    for (uint32_t n = 0; n < batch; n++) {
        prospect->images[n] = espalier_random_below(stage->random, images);
        prospect->labels[n] = stage->data->labels[prospect->images[n]];
    }
    espalier_batch_fill(stage->data, prospect->images, batch, batch, options->augment, stage->random,
                        espalier_pass_input(prospect->pass));
    const float *logits = espalier_pass_forward(prospect->pass, prospect->views, 0.0F, NULL);
    (void)espalier_cross_entropy(logits, prospect->labels, classes, batch, prospect->logit_gradients);
    espalier_pass_backward(prospect->pass, prospect->views, prospect->logit_gradients, &prospect->batch);
    for (uint32_t i = 0; i < stage->network->layer_count; i++) {
        size_t weights = espalier_shape_weights(&stage->network->layers[i].shape);
        for (size_t k = 0; k < weights; k++)
            prospect->sum.weights[i][k] += prospect->batch.weights[i][k];
    }
}

static enum espalier_status move_weights(const struct espalier_fit *stage, double share, struct espalier_error *error)
{
    struct prospect prospect = {0};
    enum espalier_status status = open_prospect(stage, &prospect, error);

    for (uint32_t n = 0; n < DERIVATIVE_BATCHES && status == ESPALIER_OK; n++)
        add_batch(stage, &prospect);
    if (status == ESPALIER_OK)
        status = espalier_exchange(stage->network, prospect.sum.weights, share, error);
    close_prospect(&prospect);
    return status;
}

/* ---- Parts */

static void visit_part(struct espalier_archive *archive, void *context)
{
    uint32_t *part = context;

    espalier_archive_u32(archive, part, 1);
    espalier_archive_expect(archive, *part < PARTS, "part %u of %d cannot be", *part, PARTS);
}

enum espalier_status espalier_regrow(const struct espalier_fit *stage, struct espalier_error *error)
{
    const double pi = 3.14159265358979323846;
    uint32_t part = 0;
    enum espalier_status status = espalier_state_enter(stage->state, "regrow", visit_part, &part, error);

    for (; part < PARTS && status == ESPALIER_OK; part++) {
        bool trained = espalier_part_of(stage->epochs, part, PARTS) > 0;
        status = espalier_fit_part(stage, part, PARTS, error);
        if (status == ESPALIER_OK && trained && part < LAST_EXCHANGE)
            status = move_weights(stage, FIRST_SHARE * 0.5 * (1.0 + cos(pi * part / LAST_EXCHANGE)), error);
    }
    espalier_state_leave(stage->state);
    return status;
}
