/* The recipe: which stage follows which, for how long, towards which budgets. */
#include <espalier/compress.h>

#include "admm.h"
#include "budget.h"
#include "choose.h"
#include "export.h"
#include "fit.h"
#include "purify.h"
#include "quantize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 16, EPOCHS_MAX = 10000, UPDATES_A_EPOCH = 4 };

/* A job under way. */
struct job {
    const struct espalier_compress_options *options;
    const struct espalier_dataset *data;
    struct espalier_network *network; /* own copy, shrinking */
    struct espalier_random random;
    struct espalier_budget target[ESPALIER_LAYERS_MAX],
        first[ESPALIER_LAYERS_MAX]; /* after the last step, before the first */
    double images_done, images_all; /* trained on so far, and in the whole job; counted in epochs */
};

struct espalier_compress_options espalier_compress_defaults(enum espalier_format format)
{
    struct espalier_compress_options options = {.train = espalier_train_defaults(),
                                                .format = format,
                                                .ratio = 100.0,
                                                .bias_bits = 8,
                                                .choose_rate = 2e-3F,
                                                .prior = 1.0F,
                                                .steps = 3,
                                                .prune_epochs = 12,
                                                .retrain_epochs = 24,
                                                .quantize_epochs = 15,
                                                .prune_rate = 1e-3F,
                                                .retrain_rate = 3e-3F,
                                                .quantize_rate = 1e-3F,
                                                .rho_first = 1e-2F,
                                                .rho_last = 1.0F,
                                                .made_by = ""};

    memset(options.value_bits, format == ESPALIER_DENSE ? 8 : 4, sizeof options.value_bits);
    options.train.dropout = 0.0F;
    options.train.augment = 0.7F;
    if (format == ESPALIER_STRUCTURED)
        options.ratio = 60.0;
    if (format == ESPALIER_GAP) { /* single weights take longer to choose than rows and columns */
        options.prune_epochs = 15;
        options.rho_last = 0.5F;
    }
    if (format == ESPALIER_DENSE) {
        options.quantize_epochs = 2;
        options.quantize_rate = 2e-4F;
        options.prune_epochs = options.retrain_epochs = options.steps = 0;
    }
    return options;
}

static enum espalier_status check_options(const struct espalier_network *network,
                                          const struct espalier_compress_options *options, struct espalier_error *error)
{
    for (uint32_t i = 0; i < network->layer_count; i++)
        if (options->value_bits[i] < 1 || options->value_bits[i] > 8)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: values of %u bits: 1 to 8 can be", i + 1,
                                 options->value_bits[i]);
    if (options->bias_bits < 2 || options->bias_bits > 16)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "biases of %u bits: 2 to 16 can be", options->bias_bits);
    if (options->choose_epochs > EPOCHS_MAX || options->prune_epochs > EPOCHS_MAX ||
        options->retrain_epochs > EPOCHS_MAX || options->quantize_epochs > EPOCHS_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "at most %d epochs a stage can be", EPOCHS_MAX);
    if (options->format == ESPALIER_DENSE)
        return ESPALIER_OK;
    if (options->budget_count == 0 && !(options->ratio > 1.0))
        return espalier_fail(error, ESPALIER_ERR_RANGE, "the ratio must be over 1");
    if (options->choose_epochs > 0 && options->budget_count > 0)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "budgets are given, and dropout shall choose them: one can be");
    if (options->choose_epochs > 0 && (!(options->choose_rate > 0.0F) || !(options->prior > 0.0F)))
        return espalier_fail(error, ESPALIER_ERR_RANGE, "rate and prior of dropout must be over 0");
    if (options->choose_epochs > 0 && options->steps == 0)
        return ESPALIER_OK;
    if (options->steps < 1 || options->steps > STEPS_MAX || options->prune_epochs < options->steps)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "%u pruning steps in %u epochs: 1 to %d steps of at least an epoch can be", options->steps,
                             options->prune_epochs, STEPS_MAX);
    if (!(options->rho_first > 0.0F) || !(options->rho_last >= options->rho_first))
        return espalier_fail(error, ESPALIER_ERR_RANGE, "rho must be over 0 and must not fall");
    if (options->budget_count != 0 && options->budget_count != network->layer_count)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "%u budgets for %u layers", options->budget_count,
                             network->layer_count);
    for (uint32_t i = 0; i < options->budget_count; i++)
        if (options->format == ESPALIER_GAP ? options->budgets[i].weights == 0
                                            : options->budgets[i].rows == 0 || options->budgets[i].columns == 0)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "the budget of layer %u keeps nothing", i);
    return ESPALIER_OK;
}

/* ---- Budgets */

static uint64_t wanted_weights(const struct job *job)
{
    return (uint64_t)((double)job->network->dense_weights / job->options->ratio);
}

/* What shall be left. */
static enum espalier_status choose_budgets(struct job *job, struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    uint64_t total = wanted_weights(job);

    if (options->budget_count != 0)
        memcpy(job->target, options->budgets, options->budget_count * sizeof *job->target);
    else if (options->format == ESPALIER_GAP)
        return espalier_budget_gap(job->network, total, job->target, error);
    else
        return espalier_budget_structured(job->network, total, job->target, error);
    return ESPALIER_OK;
}

/* Between `first` and `last` groups, geometrically; `part` is 0 to 1. */
static size_t between(uint32_t first, uint32_t last, double part)
{
    return last >= first ? first : (size_t)lrint(pow(first, 1.0 - part) * pow(last, part));
}

static size_t gap_constraints(const struct job *job, double part, struct espalier_constraint *constraints)
{
    size_t count = 0;

    for (uint32_t i = 0; i < job->network->layer_count; i++) {
        if (i + 1 < job->network->layer_count && job->target[i].rows > 0) /* all classes stay */
            constraints[count++] =
                (struct espalier_constraint){i, ESPALIER_ROWS, between(job->first[i].rows, job->target[i].rows, part)};
        constraints[count++] = (struct espalier_constraint){
            i, ESPALIER_ELEMENTS, between(job->first[i].weights, job->target[i].weights, part)};
    }
    return count;
}

static size_t structured_constraints(const struct job *job, double part, struct espalier_constraint *constraints)
{
    size_t count = 0;

    for (uint32_t i = 0; i < job->network->layer_count; i++) {
        if (i + 1 < job->network->layer_count) /* all classes stay */
            constraints[count++] =
                (struct espalier_constraint){i, ESPALIER_ROWS, between(job->first[i].rows, job->target[i].rows, part)};
        constraints[count++] = (struct espalier_constraint){
            i, ESPALIER_COLUMNS, between(job->first[i].columns, job->target[i].columns, part)};
    }
    return count;
}

/* ---- Stages */

/* Completes a stage that comes next in the job. */
static struct espalier_fit next_stage(struct job *job, struct espalier_fit stage)
{
    stage.network = job->network;
    stage.data = job->data;
    stage.options = &job->options->train;
    stage.random = &job->random;
    stage.done_from = job->images_done / job->images_all;
    job->images_done += stage.epochs;
    stage.done_to = job->images_done / job->images_all;
    return stage;
}

static enum espalier_status run_stage(struct job *job, struct espalier_fit stage, struct espalier_error *error)
{
    stage = next_stage(job, stage);
    return stage.epochs > 0 ? espalier_fit_run(&stage, error) : ESPALIER_OK;
}

/* Variational dropout: down to the total, or to ADMM's start and budgets. */
static enum espalier_status choose(struct job *job, struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    struct espalier_fit stage = next_stage(job, (struct espalier_fit){.stage = "choose",
                                                                      .epochs = options->choose_epochs,
                                                                      .learning_rate = options->choose_rate,
                                                                      .prior = options->prior});
    enum espalier_noise_kind kind = options->format == ESPALIER_GAP ? ESPALIER_NOISE_ELEMENTS : ESPALIER_NOISE_GROUPS;
    enum espalier_status status =
        espalier_choose(&stage, kind, wanted_weights(job), options->steps > 0 ? job->target : NULL, error);

    return status == ESPALIER_OK ? espalier_purify(job->network, error) : status;
}

/* ADMM towards the constraints of one step, then the hard projection. */
static enum espalier_status run_admm(struct job *job, uint32_t step, uint32_t epochs, struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    struct espalier_constraint constraints[2 * ESPALIER_LAYERS_MAX];
    double part = (double)(step + 1) / options->steps;
    size_t count = options->format == ESPALIER_GAP ? gap_constraints(job, part, constraints)
                                                   : structured_constraints(job, part, constraints);
    struct espalier_admm admm;
    char name[32];

    snprintf(name, sizeof name, "prune %u/%u", step + 1, options->steps);
    enum espalier_status status = espalier_admm_create(job->network, constraints, count, &admm, error);
    if (status != ESPALIER_OK)
        return status;
    admm.updates = UPDATES_A_EPOCH;
    admm.rho = options->rho_first;
    admm.growth = powf(options->rho_last / options->rho_first, 1.0F / (float)(UPDATES_A_EPOCH * epochs));
    status = run_stage(
        job,
        (struct espalier_fit){.stage = name, .epochs = epochs, .learning_rate = options->prune_rate, .admm = &admm},
        error);
    if (status == ESPALIER_OK)
        status = espalier_admm_prune(&admm, job->network, error);
    espalier_admm_free(&admm);
    return status;
}

static enum espalier_status retrain(struct job *job, uint32_t epochs, struct espalier_error *error)
{
    return run_stage(
        job, (struct espalier_fit){.stage = "retrain", .epochs = epochs, .learning_rate = job->options->retrain_rate},
        error);
}

static enum espalier_status prune(struct job *job, struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    uint32_t between_steps = options->retrain_epochs / 3, steps = options->steps;
    enum espalier_status status = options->choose_epochs > 0 ? choose(job, error) : choose_budgets(job, error);

    for (uint32_t i = 0; i < job->network->layer_count; i++)
        job->first[i] = espalier_budget_of(&job->network->layers[i]);
    if (steps == 0 && status == ESPALIER_OK)
        status = retrain(job, options->retrain_epochs, error);
    for (uint32_t step = 0; step < steps && status == ESPALIER_OK; step++) {
        bool last = step + 1 == steps;
        uint32_t epochs = last ? options->retrain_epochs - (steps > 1 ? between_steps : 0)
                               : espalier_part_of(between_steps, step, steps - 1);
        status = run_admm(job, step, espalier_part_of(options->prune_epochs, step, steps), error);
        if (status == ESPALIER_OK)
            status = espalier_purify(job->network, error);
        if (status == ESPALIER_OK)
            status = retrain(job, epochs, error);
    }
    if (status == ESPALIER_OK && options->format == ESPALIER_GAP)
        status = espalier_sort_rows(job->network, error);
    return status;
}

static enum espalier_status quantize(struct job *job, struct espalier_model **out, struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    uint32_t images = job->data->count - options->train.held_out;
    struct espalier_quantizer quantizer;
    enum espalier_status status =
        espalier_quantizer_create(job->network, options->value_bits, options->bias_bits, &quantizer, error);

    if (status != ESPALIER_OK)
        return status;
    status =
        espalier_quantizer_refresh(&quantizer, job->network, job->data,
                                   images < ESPALIER_CALIBRATION_IMAGES ? images : ESPALIER_CALIBRATION_IMAGES, error);
    if (status == ESPALIER_OK)
        status = run_stage(job,
                           (struct espalier_fit){.stage = "quantize",
                                                 .epochs = options->quantize_epochs,
                                                 .learning_rate = options->quantize_rate,
                                                 .quantizer = &quantizer},
                           error);
    if (status == ESPALIER_OK) {
        espalier_quantizer_apply(&quantizer, job->network);
        status = espalier_export(job->network, &quantizer, options->format, options->made_by, out, error);
    }
    espalier_quantizer_free(&quantizer);
    return status;
}

/* Checks all that is given, and begins a job on a copy of the network, @p epochs_done of it done before. */
static enum espalier_status begin(struct job *job, const struct espalier_network *network, double epochs_done,
                                  struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    enum espalier_status status = espalier_fit_check(network, job->data, &options->train, error);

    if (status == ESPALIER_OK)
        status = check_options(network, options, error);
    if (status == ESPALIER_OK)
        status = espalier_network_clone(network, &job->network, error);
    job->images_done = epochs_done;
    job->images_all = fmax(1.0, (double)options->choose_epochs + options->prune_epochs + options->retrain_epochs +
                                    options->quantize_epochs);
    return status;
}

enum espalier_status espalier_prune(const struct espalier_network *network, const struct espalier_dataset *data,
                                    const struct espalier_compress_options *options, struct espalier_network **out,
                                    struct espalier_error *error)
{
    struct job job = {.options = options, .data = data};
    enum espalier_status status = begin(&job, network, 0.0, error);

    *out = NULL;
    espalier_random_seed(&job.random, options->train.seed);
    if (status == ESPALIER_OK && options->format != ESPALIER_DENSE)
        status = prune(&job, error);
    if (status == ESPALIER_OK)
        *out = job.network;
    else
        espalier_network_free(job.network);
    return status;
}

enum espalier_status espalier_quantize(const struct espalier_network *network, const struct espalier_dataset *data,
                                       const struct espalier_compress_options *options, struct espalier_model **out,
                                       struct espalier_error *error)
{
    struct job job = {.options = options, .data = data};
    enum espalier_status status =
        begin(&job, network, (double)options->choose_epochs + options->prune_epochs + options->retrain_epochs, error);

    *out = NULL;
    espalier_random_seed(&job.random, ~options->train.seed); /* not what pruning drew */
    if (status == ESPALIER_OK)
        status = quantize(&job, out, error);
    espalier_network_free(job.network);
    return status;
}

enum espalier_status espalier_compress(const struct espalier_network *network, const struct espalier_dataset *data,
                                       const struct espalier_compress_options *options, struct espalier_model **out,
                                       struct espalier_error *error)
{
    struct espalier_network *pruned = NULL;
    enum espalier_status status = espalier_prune(network, data, options, &pruned, error);

    *out = NULL;
    if (status == ESPALIER_OK)
        status = espalier_quantize(pruned, data, options, out, error);
    espalier_network_free(pruned);
    return status;
}
