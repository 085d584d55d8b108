#include "fit.h"
#include "adam.h"
#include "admm.h"
#include "convolve.h"
#include "crew.h"
#include "judge.h"
#include "quantize.h"
#include "shard.h"
#include "variational.h"

#include <espalier/model.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_MAX = 1024,
    THREADS_MAX = 64,
    WARM_UP_STEPS = 200 /* the learning rate rises over these, or over a tenth of the stage if that is less */
};

static const double PRIOR_RISE = 0.4, SETTLED = 0.75;

/* Images from which normalization begins, and the share of a batch in its running averages. */
enum { NORM_IMAGES = 1024 };
static const float NORM_FOLLOW = 0.01F, GAIN_MIN = 1e-3F;

/* The state of one stage. */
struct run {
    const struct espalier_fit *fit;
    uint32_t images, steps; /* trained on in an epoch, and the batches that makes */
    uint32_t *order;
    const uint32_t *batch; /* images of the batch at hand */
    struct espalier_view *views;
    struct espalier_crew *crew;
    uint32_t shard_count;
    struct espalier_shard *shards; /* [shard_count] one a thread */
    struct espalier_live live;
    struct espalier_norm norm; /* no layers: none */
    bool norm_begun;
    struct espalier_adam adam;
};

/* Whether the teacher, if there is one, is asked what the network is asked. */
static enum espalier_status check_teacher(const struct espalier_network *network,
                                          const struct espalier_train_options *options, struct espalier_error *error)
{
    const struct espalier_network *teacher = options->teacher;

    if (teacher == NULL)
        return ESPALIER_OK;
    const struct espalier_shape *own = &network->layers[0].shape, *first = &teacher->layers[0].shape,
                                *last = &teacher->layers[teacher->layer_count - 1].shape;
    uint32_t classes = network->layers[network->layer_count - 1].shape.rows;
    if (first->in_channels != own->in_channels || first->in_height != own->in_height ||
        first->in_width != own->in_width || last->rows != classes || espalier_shape_out_height(last) != 1 ||
        espalier_shape_out_width(last) != 1)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "the teacher takes other images, or knows other classes, than the network");
    if (!(options->distill >= 0.0F && options->distill <= 1.0F) || !(options->temperature > 0.0F))
        return espalier_fail(error, ESPALIER_ERR_RANGE, "distill is 0 to 1, and the temperature over 0");
    return ESPALIER_OK;
}

enum espalier_status espalier_fit_check(const struct espalier_network *network, const struct espalier_dataset *data,
                                        const struct espalier_train_options *options, struct espalier_error *error)
{
    const struct espalier_shape *first = &network->layers[0].shape,
                                *last = &network->layers[network->layer_count - 1].shape;

    if (first->in_channels != 1 || first->in_height != data->height || first->in_width != data->width)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "images are 1 x %u x %u, the network takes %u x %u x %u",
                             data->height, data->width, first->in_channels, first->in_height, first->in_width);
    if (espalier_shape_out_height(last) != 1 || espalier_shape_out_width(last) != 1)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "the last layer gives more than one position: not a classifier");
    for (uint32_t i = 0; i < data->count; i++)
        if (data->labels[i] >= last->rows)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "image %u has label %u, the network knows 0 to %u", i,
                                 data->labels[i], last->rows - 1U);
    if (options->batch == 0 || options->batch > BATCH_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "a batch of %u images; 1 to %d can be", options->batch,
                             BATCH_MAX);
    if (options->threads == 0 || options->threads > THREADS_MAX || options->batch % options->threads != 0)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "%u threads for a batch of %u images: 1 to %d that divide it can be", options->threads,
                             options->batch, THREADS_MAX);
    if (options->held_out >= data->count || data->count - options->held_out < options->batch)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "%u images with %u held out leave less than a batch of %u",
                             data->count, options->held_out, options->batch);
    if (options->use != 0 && (options->use < options->batch || options->use > data->count - options->held_out))
        return espalier_fail(error, ESPALIER_ERR_RANGE, "cannot use %u of the %u images that are not held out",
                             options->use, data->count - options->held_out);
    if (!(options->dropout >= 0.0F && options->dropout <= 0.9F) || !(options->augment >= 0.0F))
        return espalier_fail(error, ESPALIER_ERR_RANGE, "dropout is 0 to 0.9, and augment 0 or more");
    if (!(options->learning_rate > 0.0F))
        return espalier_fail(error, ESPALIER_ERR_RANGE, "the learning rate must be over 0");
    return check_teacher(network, options, error);
}

/* What the forward pass computes with. */
static struct espalier_view *views_of(const struct run *run)
{
    return run->fit->quantizer != NULL ? run->fit->quantizer->views : run->views;
}

/* Brings the views up to date with the network. Biases behind normalization are not rounded: folding changes them. */
static void refresh_views(const struct run *run)
{
    const struct espalier_fit *fit = run->fit;

    if (fit->variational != NULL)
        espalier_variational_apply(fit->variational, fit->network, &run->live, run->views);
    if (fit->quantizer != NULL)
        espalier_quantizer_apply(fit->quantizer, fit->network);
    for (uint32_t i = 0; i < run->norm.layer_count && run->norm_begun; i++) {
        views_of(run)[i].gain = run->norm.layers[i].gain;
        views_of(run)[i].bias = fit->network->layers[i].bias;
    }
}

static void forward_shard(void *context, uint32_t part)
{
    struct run *run = context;

    espalier_shard_forward(&run->shards[part], views_of(run), run->batch + (size_t)part * run->shards[part].batch);
}

/* Means and variances of sums, all layers' rows one behind another. */
struct moments {
    uint32_t rows;
    double *mean, *variance; /* [rows] */
};

/* Adds a shard's last batch to the means, and the squares to the variances. */
static void add_moments(const struct run *run, const struct espalier_shard *shard, struct moments *moments)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < run->norm.layer_count; i++) {
        size_t size = 0;
        const float *sums = espalier_pass_sums(shard->pass, i, &size);
        for (uint32_t row = 0; row < run->norm.layers[i].rows; row++, sums += size, at++) {
            moments->mean[at] += (double)espalier_sum(sums, size) / (double)size;
            moments->variance[at] += (double)espalier_sum_products(sums, sums, size) / (double)size;
        }
    }
}

/* What the network's sums are for the first images of the order. */
static void measure_moments(struct run *run, struct moments *moments)
{
    uint32_t batch = run->fit->options->batch, batches = (NORM_IMAGES + batch - 1) / batch;

    batches = batches < run->steps ? batches : run->steps;
    for (uint32_t b = 0; b < batches; b++) {
        run->batch = run->order + (size_t)b * batch;
        refresh_views(run);
        espalier_crew_run(run->crew, forward_shard, run);
        for (uint32_t s = 0; s < run->shard_count; s++)
            add_moments(run, &run->shards[s], moments);
    }
    for (uint32_t r = 0; r < moments->rows; r++) {
        double mean = moments->mean[r] / ((double)batches * run->shard_count);
        double square = moments->variance[r] / ((double)batches * run->shard_count);
        moments->mean[r] = mean;
        moments->variance[r] = fmax(0.0, square - mean * mean);
    }
}

static enum espalier_status begin_norm(struct run *run, struct espalier_error *error)
{
    struct moments moments = {0};
    enum espalier_status status =
        espalier_norm_create(run->fit->network, run->fit->quantizer != NULL, &run->norm, error);
    uint32_t at = 0;

    for (uint32_t i = 0; i < run->norm.layer_count; i++)
        moments.rows += run->norm.layers[i].rows;
    moments.mean = calloc(moments.rows + 1, sizeof *moments.mean);
    moments.variance = calloc(moments.rows + 1, sizeof *moments.variance);
    if (status == ESPALIER_OK && (moments.mean == NULL || moments.variance == NULL))
        status = espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for the means of %u rows", moments.rows);
    if (status == ESPALIER_OK)
        measure_moments(run, &moments);
    for (uint32_t i = 0; i < run->norm.layer_count && status == ESPALIER_OK; at += run->norm.layers[i++].rows) {
        espalier_norm_begin(&run->norm, run->fit->network, i, moments.mean + at, moments.variance + at);
    }
    run->norm_begun = status == ESPALIER_OK;
    free(moments.mean);
    free(moments.variance);
    return status;
}

/* Folds normalization away; levels follow. */
static void end_norm(struct run *run)
{
    const struct espalier_fit *fit = run->fit;

    espalier_norm_fold(&run->norm, fit->network);
    if (fit->quantizer == NULL || run->norm.layer_count == 0)
        return;
    for (uint32_t i = 0; i < run->norm.layer_count; i++)
        espalier_quantizer_rescale(fit->quantizer, i, espalier_norm_factor(&run->norm, i, 0));
    espalier_quantizer_settle(fit->quantizer, fit->network);
}

static enum espalier_status create_shards(struct run *run, struct espalier_error *error)
{
    const struct espalier_train_options *options = run->fit->options;
    enum espalier_status status = espalier_crew_create(options->threads, &run->crew, error);

    run->shards = calloc(options->threads, sizeof *run->shards);
    if (status == ESPALIER_OK && run->shards == NULL)
        status = espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for %u threads", options->threads);
    for (uint32_t s = 0; s < options->threads && status == ESPALIER_OK; s++) {
        run->shard_count = s + 1;
        status = espalier_shard_create(run->fit, options->batch / options->threads,
                                       espalier_random_bits(run->fit->random), &run->shards[s], error);
    }
    return status;
}

static enum espalier_status create_run(struct run *run, const struct espalier_fit *fit, struct espalier_error *error)
{
    const struct espalier_network *network = fit->network;
    const struct espalier_train_options *options = fit->options;

    memset(run, 0, sizeof *run);
    run->fit = fit;
    run->images = options->use != 0 ? options->use : fit->data->count - options->held_out;
    run->steps = run->images / options->batch;
    run->order = malloc(run->images * sizeof *run->order);
    run->views = calloc(network->layer_count, sizeof *run->views);
    if (run->order == NULL || run->views == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for training on %u images", run->images);
    for (uint32_t i = 0; i < run->images; i++)
        run->order[i] = i;
    espalier_random_shuffle(fit->random, run->order, run->images);
    espalier_views_of(network, run->views);
    enum espalier_status status = create_shards(run, error);
    if (status == ESPALIER_OK)
        status = espalier_live_create(network, &run->live, error);
    if (status == ESPALIER_OK)
        status = espalier_adam_create(network, &run->adam, error);
    if (status == ESPALIER_OK && fit->normalized)
        status = begin_norm(run, error);
    return status;
}

static void free_run(struct run *run)
{
    for (uint32_t s = 0; s < run->shard_count; s++)
        espalier_shard_free(&run->shards[s]);
    free(run->shards);
    espalier_crew_free(run->crew);
    free(run->order);
    free(run->views);
    espalier_live_free(&run->live);
    espalier_norm_free(&run->norm);
    espalier_adam_free(&run->adam);
}

/* Where the schedule is, 0 to 1. */
static double schedule(const struct run *run, double steps)
{
    const struct espalier_fit *fit = run->fit;
    double to = fit->part_to > 0.0 ? fit->part_to : 1.0;

    return fit->part_from + (to - fit->part_from) * steps / ((double)fit->epochs * run->steps);
}

static float learning_rate(const struct run *run, uint32_t epoch, uint32_t step)
{
    double total = (double)run->fit->epochs * run->steps, at = (double)epoch * run->steps + step;
    double warm_up = fmin(WARM_UP_STEPS, 0.1 * total);
    const double pi = 3.14159265358979323846;

    return run->fit->learning_rate *
           (float)(0.5 * (1.0 + cos(pi * schedule(run, at))) * fmin(1.0, (at + 1.0) / (warm_up + 1.0)));
}

/* Weights and their noise, a step on under the prior. */
static void step_variational(struct run *run, uint32_t epoch, uint32_t step)
{
    const struct espalier_fit *fit = run->fit;
    double risen = fmin(1.0, schedule(run, (double)epoch * run->steps + step) / PRIOR_RISE);

    fit->variational->prior = fit->prior * (float)risen / (float)run->images;
    espalier_variational_step(fit->variational, fit->network, &run->live, &run->shards[0].gradients,
                              learning_rate(run, epoch, step));
}

/* Gains and running averages of normalization, a step on. */
static void step_norm(struct run *run, float rate)
{
    for (uint32_t i = 0; i < run->norm.layer_count; i++) {
        struct espalier_normed_layer *layer = &run->norm.layers[i];
        espalier_adam_update(layer->gain, &(struct espalier_live_layer){.count = layer->rows},
                             run->shards[0].gradients.gain[i], layer->momentum, layer->squares, rate);
        for (uint32_t row = 0; row < layer->rows && run->norm.shared; row++)
            layer->gain[row] = fmaxf(layer->gain[row], GAIN_MIN); /* levels keep their signs */
        for (uint32_t s = 0; s < run->shard_count; s++)
            espalier_norm_follow(&run->norm, i, espalier_pass_normalizer(run->shards[s].pass, i),
                                 NORM_FOLLOW / (float)run->shard_count);
    }
}

static void train_shard(void *context, uint32_t part)
{
    struct run *run = context;

    espalier_shard_train(&run->shards[part], views_of(run), run->batch + (size_t)part * run->shards[part].batch);
}

/* Forward, backward, one step of Adam. *loss receives the batch's loss. */
static enum espalier_status train_batch(struct run *run, uint32_t epoch, uint32_t step, double *loss,
                                        struct espalier_error *error)
{
    const struct espalier_fit *fit = run->fit;
    struct espalier_network *network = fit->network;
    float rate = learning_rate(run, epoch, step);

    run->batch = run->order + (size_t)step * fit->options->batch;
    refresh_views(run);
    espalier_crew_run(run->crew, train_shard, run);
    *loss = 0.0;
    for (uint32_t s = 0; s < run->shard_count; s++)
        *loss += run->shards[s].loss / run->shard_count;
    if (!isfinite(*loss))
        return espalier_fail(error, ESPALIER_ERR_DIVERGED,
                             "%s, epoch %u, batch %u: the loss is not finite; a lower learning rate may help",
                             fit->stage, epoch + 1, step + 1);
    espalier_shards_reduce(run->shards, run->shard_count, network, &run->live);
    if (fit->admm != NULL)
        espalier_admm_penalize(fit->admm, network, &run->shards[0].gradients);
    if (fit->variational != NULL)
        step_variational(run, epoch, step);
    if (fit->quantizer != NULL)
        espalier_quantizer_step(fit->quantizer, &run->live, &run->shards[0].gradients, rate);
    espalier_adam_step(&run->adam, network, &run->live, &run->shards[0].gradients, rate);
    step_norm(run, espalier_adam_rate(run->adam.steps, rate));
    return ESPALIER_OK;
}

/* Counts the held-out images that are right, normalization folded. */
static enum espalier_status judge(struct run *run, uint32_t *correct, struct espalier_error *error)
{
    const struct espalier_fit *fit = run->fit;
    const struct espalier_view *now = views_of(run);
    struct espalier_view views[ESPALIER_LAYERS_MAX];
    struct espalier_network *folded = NULL;
    uint32_t held_out = fit->options->held_out, layers = fit->network->layer_count;
    enum espalier_status status = espalier_network_clone(fit->network, &folded, error);

    if (status != ESPALIER_OK)
        return status;
    refresh_views(run);
    for (uint32_t i = 0; i < layers; i++) {
        struct espalier_float_layer *layer = &folded->layers[i];
        size_t weights = layer->shape.rows * espalier_shape_columns(&layer->shape);
        memcpy(layer->weights, now[i].weights, weights * sizeof *layer->weights);
        memcpy(layer->bias, now[i].bias, layer->shape.rows * sizeof *layer->bias);
    }
    espalier_norm_fold(&run->norm, folded);
    espalier_views_of(folded, views);
    for (uint32_t i = 0; i < layers; i++)
        views[i].step = now[i].step;
    *correct = espalier_count_correct(run->shards[0].pass, views, folded->layers[layers - 1].shape.rows, fit->data,
                                      fit->data->count - held_out, held_out, run->shards[0].batch);
    espalier_network_free(folded);
    return ESPALIER_OK;
}

static enum espalier_status report(const struct run *run, struct espalier_progress *progress,
                                   struct espalier_error *error)
{
    const struct espalier_fit *fit = run->fit;
    double share = ((double)(progress->epoch - 1) * run->steps + progress->step) / ((double)fit->epochs * run->steps);

    progress->done = fit->done_from + (fit->done_to - fit->done_from) * share;
    if (fit->options->progress != NULL && !fit->options->progress(fit->options->context, progress))
        return espalier_fail(error, ESPALIER_ERR_IO, "%s: stopped in epoch %u", fit->stage, progress->epoch);
    return ESPALIER_OK;
}

/* Fills the fields of an epoch's end, and reports it. */
static enum espalier_status finish_epoch(struct run *run, struct espalier_progress *progress,
                                         struct espalier_error *error)
{
    const struct espalier_fit *fit = run->fit;
    uint32_t held_out = fit->options->held_out, correct = 0;
    enum espalier_status status = judge(run, &correct, error);

    if (status != ESPALIER_OK)
        return status;
    progress->epoch_end = true;
    progress->residual = fit->admm != NULL ? espalier_admm_residual(fit->admm, fit->network) : 0.0;
    progress->accuracy = held_out > 0 ? (double)correct / held_out : 0.0;
    progress->kept_weights = espalier_network_kept(fit->network);
    return report(run, progress, error);
}

static enum espalier_status train_epoch(struct run *run, uint32_t epoch, struct espalier_error *error)
{
    const struct espalier_fit *fit = run->fit;
    struct espalier_progress progress = {
        .stage = fit->stage, .epoch = epoch + 1, .epochs = fit->epochs, .steps = run->steps};
    uint32_t update_every = fit->admm != NULL ? (run->steps + fit->admm->updates - 1) / fit->admm->updates : 0;
    double total = 0.0;

    if (fit->settling) {
        double share = fmin(1.0, (epoch + 1.0) / (SETTLED * fit->epochs));
        enum espalier_status status = espalier_quantizer_fix(fit->quantizer, fit->network, share, error);
        if (status != ESPALIER_OK)
            return status;
    }
    espalier_random_shuffle(fit->random, run->order, run->images);
    for (uint32_t step = 0; step < run->steps; step++) {
        double loss = 0.0;
        enum espalier_status status = train_batch(run, epoch, step, &loss, error);
        if (status == ESPALIER_OK && fit->admm != NULL && ((step + 1) % update_every == 0 || step + 1 == run->steps))
            status = espalier_admm_update(fit->admm, fit->network, error);
        if (status != ESPALIER_OK)
            return status;
        total += loss;
        progress.step = step + 1;
        progress.loss = total / (step + 1);
        status = report(run, &progress, error);
        if (status != ESPALIER_OK)
            return status;
    }
    return finish_epoch(run, &progress, error);
}

uint32_t espalier_part_of(uint32_t epochs, uint32_t n, uint32_t parts)
{
    return epochs * (n + 1) / parts - epochs * n / parts;
}

enum espalier_status espalier_fit_run(const struct espalier_fit *fit, struct espalier_error *error)
{
    struct run run;
    enum espalier_status status = create_run(&run, fit, error);

    for (uint32_t epoch = 0; epoch < fit->epochs && status == ESPALIER_OK; epoch++)
        status = train_epoch(&run, epoch, error);
    if (status == ESPALIER_OK)
        end_norm(&run);
    free_run(&run);
    return status;
}
