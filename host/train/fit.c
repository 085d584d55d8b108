#include "fit.h"
#include "adam.h"
#include "admm.h"
#include "batch.h"
#include "judge.h"
#include "quantize.h"
#include "variational.h"

#include <espalier/model.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_MAX = 1024,
    WARM_UP_STEPS = 200 /* the learning rate rises over these, or over a tenth of the stage if that is less */
};

static const double PRIOR_RISE = 0.4;

/* The state of one stage. */
struct run {
    const struct espalier_fit *fit;
    uint32_t images, steps; /* trained on in an epoch, and the batches that makes */
    uint32_t *order;
    uint8_t *labels; /* of a batch */
    float *logit_gradients;
    struct espalier_view *views;
    struct espalier_pass *pass;
    struct espalier_gradients gradients;
    struct espalier_adam adam;
};

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
    return ESPALIER_OK;
}

double espalier_cross_entropy(const float *logits, const uint8_t *labels, uint32_t classes, uint32_t batch,
                              float *gradients)
{
    double loss = 0.0;

    for (uint32_t n = 0; n < batch; n++) {
        float largest = logits[n];
        for (uint32_t c = 1; c < classes; c++)
            largest = fmaxf(largest, logits[c * batch + n]);
        double total = 0.0;
        for (uint32_t c = 0; c < classes; c++)
            total += exp((double)(logits[c * batch + n] - largest));
        loss += log(total) - (double)(logits[labels[n] * batch + n] - largest);
        for (uint32_t c = 0; c < classes; c++) {
            double probability = exp((double)(logits[c * batch + n] - largest)) / total;
            gradients[c * batch + n] = (float)((probability - (c == labels[n] ? 1.0 : 0.0)) / batch);
        }
    }
    return loss / batch;
}

static enum espalier_status create_run(struct run *run, const struct espalier_fit *fit, struct espalier_error *error)
{
    const struct espalier_network *network = fit->network;
    const struct espalier_train_options *options = fit->options;
    uint32_t classes = network->layers[network->layer_count - 1].shape.rows;

    memset(run, 0, sizeof *run);
    run->fit = fit;
    run->images = options->use != 0 ? options->use : fit->data->count - options->held_out;
    run->steps = run->images / options->batch;
    run->order = malloc(run->images * sizeof *run->order);
    run->labels = malloc(options->batch);
    run->logit_gradients = malloc((size_t)classes * options->batch * sizeof *run->logit_gradients);
    run->views = calloc(network->layer_count, sizeof *run->views);
    if (run->order == NULL || run->labels == NULL || run->logit_gradients == NULL || run->views == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for training on %u images", run->images);
    for (uint32_t i = 0; i < run->images; i++)
        run->order[i] = i;
    espalier_views_of(network, run->views);
    enum espalier_status status = espalier_pass_create(network, options->batch, &run->pass, error);
    if (status == ESPALIER_OK)
        status = espalier_gradients_create(network, &run->gradients, error);
    if (status == ESPALIER_OK)
        status = espalier_adam_create(network, &run->adam, error);
    if (status == ESPALIER_OK && fit->variational != NULL)
        status = espalier_pass_add_noise(run->pass, network, error);
    if (status == ESPALIER_OK && fit->variational != NULL)
        status = espalier_gradients_add_variance(network, &run->gradients, error);
    return status;
}

static void free_run(struct run *run)
{
    free(run->order);
    free(run->labels);
    free(run->logit_gradients);
    free(run->views);
    espalier_pass_free(run->pass);
    espalier_gradients_free(&run->gradients);
    espalier_adam_free(&run->adam);
}

/* What the forward pass computes with now. */
static const struct espalier_view *current_views(const struct run *run)
{
    struct espalier_quantizer *quantizer = run->fit->quantizer;

    if (run->fit->variational != NULL)
        espalier_variational_apply(run->fit->variational, run->fit->network, run->views);
    if (quantizer == NULL)
        return run->views;
    espalier_quantizer_apply(quantizer, run->fit->network);
    return quantizer->views;
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
    espalier_variational_step(fit->variational, fit->network, &run->gradients, learning_rate(run, epoch, step));
}

/* Forward, backward, one step of Adam. *loss receives the batch's loss. */
static enum espalier_status train_batch(struct run *run, uint32_t epoch, uint32_t step, double *loss,
                                        struct espalier_error *error)
{
    const struct espalier_fit *fit = run->fit;
    struct espalier_network *network = fit->network;
    uint32_t batch = fit->options->batch, classes = network->layers[network->layer_count - 1].shape.rows;
    const uint32_t *images = run->order + (size_t)step * batch;

    espalier_batch_fill(fit->data, images, batch, batch, fit->options->augment, fit->random,
                        espalier_pass_input(run->pass));
    for (uint32_t n = 0; n < batch; n++)
        run->labels[n] = fit->data->labels[images[n]];

    const struct espalier_view *views = current_views(run);
    const float *logits = espalier_pass_forward(run->pass, views, fit->options->dropout, fit->random);
    *loss = espalier_cross_entropy(logits, run->labels, classes, batch, run->logit_gradients);
    if (!isfinite(*loss))
        return espalier_fail(error, ESPALIER_ERR_DIVERGED,
                             "%s, epoch %u, batch %u: the loss is not finite; a lower learning rate may help",
                             fit->stage, epoch + 1, step + 1);
    espalier_pass_backward(run->pass, views, run->logit_gradients, &run->gradients);
    if (fit->admm != NULL)
        espalier_admm_penalize(fit->admm, network, &run->gradients);
    if (fit->variational != NULL)
        step_variational(run, epoch, step);
    espalier_adam_step(&run->adam, network, &run->gradients, learning_rate(run, epoch, step));
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
    uint32_t held_out = fit->options->held_out,
             classes = fit->network->layers[fit->network->layer_count - 1].shape.rows;
    uint32_t correct = espalier_count_correct(run->pass, current_views(run), classes, fit->data,
                                              fit->data->count - held_out, held_out, fit->options->batch);

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
    free_run(&run);
    return status;
}
