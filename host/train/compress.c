/* The recipe: which stage follows which, for how long, towards which budgets. */
#include <espalier/compress.h>

#include "admm.h"
#include "budget.h"
#include "choose.h"
#include "constrain.h"
#include "export.h"
#include "fit.h"
#include "purify.h"
#include "quantize.h"
#include "search.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Learning rate of the last training with levels, as a share of the one with normalization. */
static const float SETTLE_RATE = 0.1F;

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
                                                .quantize_epochs = 30,
                                                .prune_rate = 1e-3F,
                                                .retrain_rate = 3e-3F,
                                                .quantize_rate = 5e-3F,
                                                .rho_first = 1e-2F,
                                                .rho_last = 1.0F,
                                                .made_by = ""};

    memset(options.value_bits, format == ESPALIER_DENSE ? 8 : 4, sizeof options.value_bits);
    options.train.dropout = 0.0F;
    options.train.normalize = true;
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

/* Bits of a weight, and which can be for its levels. */
static enum espalier_status check_levels(const struct espalier_network *network,
                                         const struct espalier_compress_options *options, struct espalier_error *error)
{
    static const struct {
        uint8_t low, high;
    } bits_of[] = {[ESPALIER_LEVELS_CLUSTERED] = {1, 8},
                   [ESPALIER_LEVELS_UNIFORM] = {1, 8},
                   [ESPALIER_LEVELS_NO_ZERO] = {1, 4},
                   [ESPALIER_LEVELS_BINARY] = {1, 1},
                   [ESPALIER_LEVELS_TERNARY] = {2, 2}};

    for (uint32_t i = 0; i < network->layer_count; i++) {
        uint8_t bits = options->value_bits[i], low = bits_of[options->levels[i]].low,
                high = bits_of[options->levels[i]].high;
        if (bits < low || bits > high)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: values of %u bits: %u to %u can be%s", i + 1,
                                 bits, low, high,
                                 options->levels[i] == ESPALIER_LEVELS_CLUSTERED ? "" : " with such levels");
    }
    return ESPALIER_OK;
}

static enum espalier_status check_options(const struct espalier_network *network,
                                          const struct espalier_compress_options *options, struct espalier_error *error)
{
    enum espalier_status status = check_levels(network, options, error);

    if (status != ESPALIER_OK)
        return status;
    if (options->bias_bits < 2 || options->bias_bits > 16)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "biases of %u bits: 2 to 16 can be", options->bias_bits);
    if (options->choose_epochs > EPOCHS_MAX || options->prune_epochs > EPOCHS_MAX ||
        options->retrain_epochs > EPOCHS_MAX || options->level_epochs > EPOCHS_MAX ||
        options->quantize_epochs > EPOCHS_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "at most %d epochs a stage can be", EPOCHS_MAX);
    if (options->format == ESPALIER_DENSE)
        return ESPALIER_OK;
    status = espalier_check_families(options, network, error);
    if (status == ESPALIER_OK)
        status = espalier_check_search(options, error);
    if (status != ESPALIER_OK)
        return status;
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
    enum espalier_status status = ESPALIER_OK;

    if (options->budget_count != 0)
        memcpy(job->target, options->budgets, options->budget_count * sizeof *job->target);
    else if (options->format == ESPALIER_GAP)
        status = espalier_budget_gap(job->network, total, job->target, error);
    else
        status = espalier_budget_structured(job->network, options->families, total, job->target, error);
    if (options->search_trials == 0 || status != ESPALIER_OK)
        return status;
    double done_from = job->images_done / job->images_all;
    job->images_done += options->search_trials;
    return espalier_search_budgets(job->network, job->data, options, total, done_from,
                                   job->images_done / job->images_all, job->target, error);
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

/* A stage of ADMM towards the constraints, then the hard projection. */
static enum espalier_status run_admm(struct job *job, const struct espalier_constraint *constraints, size_t count,
                                     struct espalier_fit stage, struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    struct espalier_admm admm;
    enum espalier_status status = espalier_admm_create(job->network, constraints, count, &admm, error);

    if (status != ESPALIER_OK)
        return status;
    admm.updates = UPDATES_A_EPOCH;
    admm.rho = options->rho_first;
    admm.growth = powf(options->rho_last / options->rho_first, 1.0F / (float)(UPDATES_A_EPOCH * stage.epochs));
    stage.admm = &admm;
    status = run_stage(job, stage, error);
    if (status == ESPALIER_OK)
        status = espalier_admm_prune(&admm, job->network, error);
    espalier_admm_free(&admm);
    return status;
}

/* ADMM towards the budgets of one step. */
static enum espalier_status run_step(struct job *job, uint32_t step, uint32_t epochs, struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    struct espalier_constraint constraints[ESPALIER_CONSTRAINTS_MAX];
    size_t count = espalier_constrain(&(struct espalier_step){.options = options,
                                                              .network = job->network,
                                                              .first = job->first,
                                                              .target = job->target,
                                                              .part = (double)(step + 1) / options->steps},
                                      constraints);
    char name[32];

    snprintf(name, sizeof name, "prune %u/%u", step + 1, options->steps);
    return run_admm(job, constraints, count,
                    (struct espalier_fit){.stage = name, .epochs = epochs, .learning_rate = options->prune_rate},
                    error);
}

static enum espalier_status retrain(struct job *job, uint32_t epochs, struct espalier_error *error)
{
    return run_stage(job,
                     (struct espalier_fit){.stage = "retrain",
                                           .epochs = epochs,
                                           .normalized = job->options->train.normalize,
                                           .learning_rate = job->options->retrain_rate},
                     error);
}

/* Whether rows and columns must stay where they are. */
static bool is_aligned(const struct job *job)
{
    bool aligned = false;

    for (uint32_t i = 0; i < job->options->family_count; i++)
        aligned = aligned || espalier_family_is_aligned(job->options->families[i].kind);
    return aligned;
}

/* Removes what is of no use: from the masks only, if rows and columns must stay where they are. */
static enum espalier_status remove_unused(struct job *job, struct espalier_error *error)
{
    if (!is_aligned(job))
        return espalier_purify(job->network, error);
    espalier_cut_unused(job->network);
    return ESPALIER_OK;
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
        status = run_step(job, step, espalier_part_of(options->prune_epochs, step, steps), error);
        if (status == ESPALIER_OK)
            status = remove_unused(job, error);
        if (status == ESPALIER_OK)
            status = retrain(job, epochs, error);
    }
    if (status == ESPALIER_OK && options->format == ESPALIER_GAP && !is_aligned(job))
        status = espalier_sort_rows(job->network, error);
    return status;
}

/* ADMM towards levels, of every layer that has a codebook or levels that are not free. */
static enum espalier_status run_levels(struct job *job, struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    struct espalier_constraint constraints[ESPALIER_CONSTRAINTS_MAX];
    size_t count = 0;

    for (uint32_t i = 0; i < job->network->layer_count && options->level_epochs > 0; i++)
        if (options->levels[i] != ESPALIER_LEVELS_CLUSTERED || options->value_bits[i] <= ESPALIER_CODEBOOK_BITS_MAX)
            constraints[count++] = (struct espalier_constraint){
                .first = i, .layers = 1, .levels = options->levels[i], .value_bits = options->value_bits[i]};
    if (count == 0)
        return ESPALIER_OK;
    return run_admm(job, constraints, count,
                    (struct espalier_fit){
                        .stage = "levels", .epochs = options->level_epochs, .learning_rate = options->quantize_rate},
                    error);
}

/* Training with levels: normalized, then, for the last quarter, as the hardware computes, weight after weight keeping
 * the level that it has. */
static enum espalier_status train_quantized(struct job *job, struct espalier_quantizer *quantizer,
                                            struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    uint32_t plain = (options->quantize_epochs + 3) / 4;
    struct espalier_fit stage = {.stage = "quantize",
                                 .epochs = options->quantize_epochs - plain,
                                 .normalized = true,
                                 .learning_rate = options->quantize_rate,
                                 .quantizer = quantizer};
    enum espalier_status status = run_stage(job, stage, error);

    stage.epochs = plain;
    stage.normalized = false;
    stage.settling = true;
    stage.learning_rate *= SETTLE_RATE;
    return status == ESPALIER_OK ? run_stage(job, stage, error) : status;
}

/* Scales all layers to sums of deviation 1, so that one learning rate suits them: normalization, begun and folded. */
static enum espalier_status balance(struct job *job, struct espalier_error *error)
{
    struct espalier_fit stage =
        next_stage(job, (struct espalier_fit){.stage = "balance", .normalized = true, .learning_rate = 1.0F});

    return espalier_fit_run(&stage, error);
}

static enum espalier_status quantize(struct job *job, struct espalier_model **out, struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    uint32_t images = job->data->count - options->train.held_out;
    struct espalier_quantizer quantizer;
    enum espalier_status status = balance(job, error);

    if (status == ESPALIER_OK)
        status = run_levels(job, error);
    if (status == ESPALIER_OK)
        status = espalier_quantizer_create(job->network, options->value_bits, options->bias_bits, &quantizer, error);
    if (status != ESPALIER_OK)
        return status;
    for (uint32_t i = 0; i < job->network->layer_count; i++)
        quantizer.layers[i].kind = options->levels[i];
    status =
        espalier_quantizer_refresh(&quantizer, job->network, job->data,
                                   images < ESPALIER_CALIBRATION_IMAGES ? images : ESPALIER_CALIBRATION_IMAGES, error);
    if (status == ESPALIER_OK)
        status = train_quantized(job, &quantizer, error);
    if (status == ESPALIER_OK) {
        espalier_quantizer_apply(&quantizer, job->network);
        status = espalier_export(job->network, &quantizer, options->format, options->made_by, out, error);
    }
    espalier_quantizer_free(&quantizer);
    return status;
}

/* Epochs, and trials, of all that comes before quantization. */
static double pruning_epochs(const struct espalier_compress_options *options)
{
    return (double)options->search_trials + options->choose_epochs + options->prune_epochs + options->retrain_epochs;
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
    job->images_all = fmax(1.0, pruning_epochs(options) + options->level_epochs + options->quantize_epochs);
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
    enum espalier_status status = begin(&job, network, pruning_epochs(options), error);

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
