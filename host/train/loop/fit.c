#include "fit.h"
#include "network/judge.h"
#include "norm_stage.h"
#include "rate.h"
#include "run.h"

#include <espalier/model.h>
#include <math.h>
#include <string.h>

/* Of normalization: the share of a batch in the running averages, and the smallest gain before levels. */
static const float NORM_FOLLOW = 0.01F, GAIN_MIN = 1e-3F;

/* Gains and running averages of normalization, a step on. */
static void step_norm(struct espalier_run *run, float rate)
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
    struct espalier_run *run = context;

    espalier_shard_train(&run->shards[part], run->views, run->batch + (size_t)part * run->shards[part].batch);
}

/* Forward, backward, one step of Adam. *loss receives the batch's loss. */
static enum espalier_status train_batch(struct espalier_run *run, uint32_t epoch, uint32_t step, double *loss,
                                        struct espalier_error *error)
{
    const struct espalier_fit *fit = run->fit;
    struct espalier_network *network = fit->network;
    float rate = espalier_rate_of(run, epoch, step), weight_rates[ESPALIER_LAYERS_MAX];

    run->batch = run->order + (size_t)step * fit->options->batch;
    espalier_run_refresh(run);
    espalier_crew_run(run->crew, train_shard, run);
    *loss = 0.0;
    for (uint32_t s = 0; s < run->shard_count; s++)
        *loss += run->shards[s].loss / run->shard_count;
    if (!isfinite(*loss))
        return espalier_fail(error, ESPALIER_ERR_DIVERGED,
                             "%s, epoch %u, batch %u: the loss is not finite; a lower learning rate may help",
                             fit->stage, epoch + 1, step + 1);
    espalier_shards_reduce(run->shards, run->shard_count, network, &run->live);
    if (run->hooks.end_batch != NULL)
        run->hooks.end_batch(
            run->hooks.context,
            &(struct espalier_batch_end){.network = network,
                                         .live = &run->live,
                                         .gradients = &run->shards[0].gradients,
                                         .learning_rate = rate,
                                         .schedule = espalier_schedule(run, (double)epoch * run->steps + step),
                                         .images = run->images});
    for (uint32_t i = 0; i < network->layer_count; i++)
        weight_rates[i] = run->hooks.weight_rate != NULL ? run->hooks.weight_rate(run->hooks.context, i) : 1.0F;
    espalier_adam_step(&run->adam, network, &run->live, &run->shards[0].gradients, rate, weight_rates);
    step_norm(run, espalier_adam_rate(run->adam.steps, rate));
    if (run->hooks.end_step != NULL)
        run->hooks.end_step(run->hooks.context, network, &run->live);
    return ESPALIER_OK;
}

/* Judges by the held-out images, normalization folded. */
static enum espalier_status judge(struct espalier_run *run, struct espalier_judgement *out,
                                  struct espalier_error *error)
{
    const struct espalier_fit *fit = run->fit;
    const struct espalier_view *now = run->views;
    struct espalier_view views[ESPALIER_LAYERS_MAX];
    struct espalier_network *folded = NULL;
    uint32_t held_out = fit->options->held_out, layers = fit->network->layer_count;
    enum espalier_status status = espalier_network_clone(fit->network, &folded, error);

    if (status != ESPALIER_OK)
        return status;
    espalier_run_refresh(run);
    for (uint32_t i = 0; i < layers; i++) {
        struct espalier_float_layer *layer = &folded->layers[i];
        size_t weights = espalier_shape_weights(&layer->shape);
        memcpy(layer->weights, now[i].weights, weights * sizeof *layer->weights);
        memcpy(layer->bias, now[i].bias, layer->shape.rows * sizeof *layer->bias);
    }
    espalier_norm_fold(&run->norm, folded);
    espalier_views_of(folded, views);
    for (uint32_t i = 0; i < layers; i++)
        views[i].step = now[i].step;
    *out = espalier_judge(run->shards[0].pass, views, folded->layers[layers - 1].shape.rows, fit->data,
                          fit->data->count - held_out, held_out, run->shards[0].batch);
    espalier_network_free(folded);
    return ESPALIER_OK;
}

static enum espalier_status report(const struct espalier_run *run, struct espalier_progress *progress,
                                   struct espalier_error *error)
{
    const struct espalier_fit *fit = run->fit;
    double share = ((double)(progress->epoch - 1) * run->steps + progress->step) / ((double)fit->epochs * run->steps);

    progress->done = fit->done_from + (fit->done_to - fit->done_from) * share;
    if (fit->options->progress != NULL && !fit->options->progress(fit->options->context, progress))
        return espalier_fail(error, ESPALIER_ERR_CANCELLED, "%s: stopped in epoch %u", fit->stage, progress->epoch);
    return ESPALIER_OK;
}

static bool all_finite(const float *values, size_t count)
{
    bool finite = true;

    for (size_t i = 0; i < count; i++)
        finite = finite && isfinite(values[i]);
    return finite;
}

/* Weights may be too much where no loss was: behind an epoch's last step, and where normalization was folded away. */
static enum espalier_status check_weights(const struct espalier_run *run, const char *when,
                                          struct espalier_error *error)
{
    const struct espalier_network *network = run->fit->network;

    for (uint32_t i = 0; i < network->layer_count; i++) {
        const struct espalier_float_layer *layer = &network->layers[i];
        if (!all_finite(layer->weights, espalier_shape_weights(&layer->shape)) ||
            !all_finite(layer->bias, layer->shape.rows))
            return espalier_fail(error, ESPALIER_ERR_DIVERGED,
                                 "%s: a weight is not finite %s; a lower learning rate may help", run->fit->stage,
                                 when);
    }
    return ESPALIER_OK;
}

/* Fills what is measured at an epoch's end. */
static enum espalier_status measure(struct espalier_run *run, struct espalier_progress *progress,
                                    struct espalier_error *error)
{
    const struct espalier_fit *fit = run->fit;
    struct espalier_judgement judgement = {0};
    enum espalier_status status = check_weights(run, "at an epoch's end", error);

    if (status == ESPALIER_OK)
        status = judge(run, &judgement, error);
    progress->residual = run->hooks.residual != NULL ? run->hooks.residual(run->hooks.context, fit->network) : 0.0;
    progress->accuracy = judgement.images > 0 ? (double)judgement.correct / judgement.images : 0.0;
    progress->held_out_loss = judgement.loss;
    progress->kept_weights = espalier_network_kept(fit->network);
    if (status == ESPALIER_OK && fit->measure.bits != NULL)
        status = fit->measure.bits(fit->measure.context, fit->network, &progress->bits, error);
    return status;
}

/* Measures, reports and keeps an epoch that is finished; it is kept even if the caller then wants to stop. */
static enum espalier_status finish_epoch(struct espalier_run *run, struct espalier_progress *progress,
                                         struct espalier_error *error)
{
    enum espalier_status measured = measure(run, progress, error);

    if (measured != ESPALIER_OK)
        return measured;
    progress->epoch_end = true;
    progress->finished++;
    run->last = *progress;
    run->epoch++;
    enum espalier_status reported = report(run, progress, error);
    struct espalier_error *unless_stopped = reported == ESPALIER_OK ? error : NULL;
    enum espalier_status kept = espalier_state_save(run->fit->state, unless_stopped);
    return reported != ESPALIER_OK ? reported : kept;
}

static struct espalier_progress begin_progress(const struct espalier_run *run, uint32_t epoch)
{
    return (struct espalier_progress){.stage = run->fit->stage,
                                      .epoch = epoch,
                                      .epochs = run->fit->epochs,
                                      .steps = run->steps,
                                      .finished = run->fit->state->epochs};
}

static enum espalier_status train_epoch(struct espalier_run *run, struct espalier_error *error)
{
    const struct espalier_fit *fit = run->fit;
    struct espalier_progress progress = begin_progress(run, run->epoch + 1);
    uint32_t every = espalier_update_every(run);
    double total = 0.0;

    espalier_random_shuffle(fit->random, run->order, run->images);
    for (uint32_t step = 0; step < run->steps; step++) {
        double loss = 0.0;
        enum espalier_status status = train_batch(run, run->epoch, step, &loss, error);
        if (status == ESPALIER_OK && every > 0 && ((step + 1) % every == 0 || step + 1 == run->steps))
            status = run->hooks.update(run->hooks.context, fit->network, error);
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

/* Tells the caller behind which epoch a run goes on. */
static enum espalier_status report_again(struct espalier_run *run, struct espalier_error *error)
{
    struct espalier_progress progress = begin_progress(run, run->epoch);

    progress.step = run->steps;
    progress.loss = run->last.loss;
    progress.residual = run->last.residual;
    progress.accuracy = run->last.accuracy;
    progress.held_out_loss = run->last.held_out_loss;
    progress.kept_weights = run->last.kept_weights;
    progress.bits = run->last.bits;
    progress.epoch_end = progress.resumed = true;
    return report(run, &progress, error);
}

/* From the beginning, or from behind the epoch that a state was saved at. */
static enum espalier_status train(struct espalier_run *run, struct espalier_error *error)
{
    bool normalized = run->fit->normalized;
    enum espalier_status status = run->epoch > 0 ? report_again(run, error)
                                  : normalized   ? espalier_norm_begin_stage(run, error)
                                                 : ESPALIER_OK;

    run->norm_begun = normalized;
    while (run->epoch < run->fit->epochs && status == ESPALIER_OK) {
        if (run->hooks.begin_epoch != NULL)
            status = run->hooks.begin_epoch(run->hooks.context, run->fit->network, run->epoch, run->fit->epochs, error);
        if (status == ESPALIER_OK)
            status = train_epoch(run, error);
    }
    if (status == ESPALIER_OK) {
        espalier_norm_end_stage(run);
        status = check_weights(run, "once normalization is folded away", error);
    }
    return status;
}

enum espalier_status espalier_fit_run(const struct espalier_fit *fit, struct espalier_error *error)
{
    struct espalier_run run;
    enum espalier_status status = espalier_run_create(&run, fit, error);

    if (status == ESPALIER_OK) {
        status = espalier_state_enter(fit->state, "stage", espalier_run_visit, &run, error);
        if (status == ESPALIER_OK)
            status = train(&run, error);
        espalier_state_leave(fit->state);
    }
    espalier_run_free(&run);
    return status;
}
