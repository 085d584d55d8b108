#include "recipe.h"
#include "admm.h"
#include "budget.h"
#include "checkpoint.h"
#include "choose.h"
#include "constrain.h"
#include "export.h"
#include "fit.h"
#include "purify.h"
#include "search.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Learning rate of the last training with levels, as a share of the one with normalization. */
static const float SETTLE_RATE = 0.1F;

enum { UPDATES_A_EPOCH = 4, PHASES_MAX = 64 };

/* A part of a job that begins with nothing but what the job has, so that it can be entered without those before. */
struct phase {
    enum espalier_status (*run)(struct espalier_job *job, const struct phase *phase, struct espalier_error *error);
    uint32_t epochs; /* or trials, that it takes */
    uint32_t step;   /* of progressive pruning */
};

/* ---- Stages of training */

/* Completes a stage that takes a whole phase. */
static struct espalier_fit whole_stage(struct espalier_job *job, const struct phase *phase, struct espalier_fit stage)
{
    stage.network = job->network;
    stage.data = job->data;
    stage.options = &job->options->train;
    stage.epochs = phase->epochs;
    stage.random = &job->random;
    stage.state = &job->state;
    stage.recipe = job->options;
    stage.done_from = job->done_from;
    stage.done_to = job->done_to;
    return stage;
}

static enum espalier_status run_stage(struct espalier_job *job, const struct phase *phase, struct espalier_fit stage,
                                      struct espalier_error *error)
{
    stage = whole_stage(job, phase, stage);
    return stage.epochs > 0 ? espalier_fit_run(&stage, error) : ESPALIER_OK;
}

/* A stage of ADMM towards the constraints, then the hard projection. */
static enum espalier_status run_admm(struct espalier_job *job, const struct phase *phase,
                                     const struct espalier_constraint *constraints, size_t count,
                                     struct espalier_fit stage, struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    struct espalier_admm admm;
    enum espalier_status status = espalier_admm_create(job->network, constraints, count, &admm, error);

    if (status != ESPALIER_OK)
        return status;
    admm.updates = UPDATES_A_EPOCH;
    admm.rho = options->rho_first;
    admm.growth = powf(options->rho_last / options->rho_first, 1.0F / (float)(UPDATES_A_EPOCH * phase->epochs));
    stage.admm = &admm;
    status = run_stage(job, phase, stage, error);
    if (status == ESPALIER_OK)
        status = espalier_admm_prune(&admm, job->network, error);
    espalier_admm_free(&admm);
    return status;
}

/* ---- Pruning */

static uint64_t wanted_weights(const struct espalier_job *job)
{
    return (uint64_t)((double)job->network->dense_weights / job->options->ratio);
}

static void note_budgets(struct espalier_job *job)
{
    for (uint32_t i = 0; i < job->network->layer_count; i++)
        job->first[i] = espalier_budget_of(&job->network->layers[i]);
}

/* Variational dropout: down to the total, or to ADMM's start and budgets. */
static enum espalier_status choose(struct espalier_job *job, const struct phase *phase, struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    struct espalier_fit stage = whole_stage(
        job, phase,
        (struct espalier_fit){.stage = "choose", .learning_rate = options->choose_rate, .prior = options->prior});
    enum espalier_noise_kind kind = options->format == ESPALIER_GAP ? ESPALIER_NOISE_ELEMENTS : ESPALIER_NOISE_GROUPS;
    enum espalier_status status =
        espalier_choose(&stage, kind, wanted_weights(job), options->steps > 0 ? job->target : NULL, error);

    if (status == ESPALIER_OK)
        status = espalier_purify(job->network, error);
    note_budgets(job);
    return status;
}

/* What shall be left. */
static enum espalier_status choose_budgets(struct espalier_job *job, const struct phase *phase,
                                           struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    uint64_t total = wanted_weights(job);

    (void)phase;
    note_budgets(job);
    if (options->budget_count != 0) {
        memcpy(job->target, options->budgets, options->budget_count * sizeof *job->target);
        return ESPALIER_OK;
    }
    return options->format == ESPALIER_GAP
               ? espalier_budget_gap(job->network, total, job->target, error)
               : espalier_budget_structured(job->network, options->families, total, job->target, error);
}

static enum espalier_status search(struct espalier_job *job, const struct phase *phase, struct espalier_error *error)
{
    (void)phase;
    return espalier_search_budgets(&(struct espalier_search){.network = job->network,
                                                             .data = job->data,
                                                             .options = job->options,
                                                             .total = wanted_weights(job),
                                                             .done_from = job->done_from,
                                                             .done_to = job->done_to,
                                                             .state = &job->state},
                                   job->target, error);
}

/* Whether rows and columns must stay where they are. */
static bool is_aligned(const struct espalier_job *job)
{
    bool aligned = false;

    for (uint32_t i = 0; i < job->options->family_count; i++)
        aligned = aligned || espalier_family_is_aligned(job->options->families[i].kind);
    return aligned;
}

/* Removes what is of no use: from the masks only, if rows and columns must stay where they are. */
static enum espalier_status remove_unused(struct espalier_job *job, struct espalier_error *error)
{
    if (!is_aligned(job))
        return espalier_purify(job->network, error);
    espalier_cut_unused(job->network);
    return ESPALIER_OK;
}

/* ADMM towards the budgets of one step. */
static enum espalier_status prune(struct espalier_job *job, const struct phase *phase, struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    struct espalier_constraint constraints[ESPALIER_CONSTRAINTS_MAX];
    size_t count = espalier_constrain(&(struct espalier_step){.options = options,
                                                              .network = job->network,
                                                              .first = job->first,
                                                              .target = job->target,
                                                              .part = (double)(phase->step + 1) / options->steps},
                                      constraints);
    char name[32];

    snprintf(name, sizeof name, "prune %u/%u", phase->step + 1, options->steps);
    enum espalier_status status =
        run_admm(job, phase, constraints, count,
                 (struct espalier_fit){.stage = name, .learning_rate = options->prune_rate}, error);
    return status == ESPALIER_OK ? remove_unused(job, error) : status;
}

static enum espalier_status retrain(struct espalier_job *job, const struct phase *phase, struct espalier_error *error)
{
    return run_stage(job, phase,
                     (struct espalier_fit){.stage = "retrain",
                                           .normalized = job->options->train.normalize,
                                           .learning_rate = job->options->retrain_rate},
                     error);
}

static enum espalier_status end_pruning(struct espalier_job *job, const struct phase *phase,
                                        struct espalier_error *error)
{
    (void)phase;
    return job->options->format == ESPALIER_GAP && !is_aligned(job) ? espalier_sort_rows(job->network, error)
                                                                    : ESPALIER_OK;
}

/* ---- Quantization */

static enum espalier_status hand_over(struct espalier_job *job, const struct phase *phase, struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;

    (void)phase;
    return options->keep != NULL ? options->keep(options->keep_context, job->network, error) : ESPALIER_OK;
}

/* Scales all layers to sums of deviation 1, so that one learning rate suits them: normalization, begun and folded. */
static enum espalier_status balance(struct espalier_job *job, const struct phase *phase, struct espalier_error *error)
{
    espalier_random_seed(&job->random, ~job->options->train.seed); /* not what pruning drew */
    struct espalier_fit stage =
        whole_stage(job, phase, (struct espalier_fit){.stage = "balance", .normalized = true, .learning_rate = 1.0F});

    return espalier_fit_run(&stage, error);
}

/* ADMM towards levels, of every layer that has a codebook or levels that are not free. */
static enum espalier_status approach_levels(struct espalier_job *job, const struct phase *phase,
                                            struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    struct espalier_constraint constraints[ESPALIER_CONSTRAINTS_MAX];
    size_t count = 0;

    for (uint32_t i = 0; i < job->network->layer_count; i++)
        if (options->levels[i] != ESPALIER_LEVELS_CLUSTERED || options->value_bits[i] <= ESPALIER_CODEBOOK_BITS_MAX)
            constraints[count++] = (struct espalier_constraint){
                .first = i, .layers = 1, .levels = options->levels[i], .value_bits = options->value_bits[i]};
    if (count == 0)
        return ESPALIER_OK;
    return run_admm(job, phase, constraints, count,
                    (struct espalier_fit){.stage = "levels", .learning_rate = options->quantize_rate}, error);
}

/* Makes room for levels, unless there is. */
static enum espalier_status create_quantizer(struct espalier_job *job, struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    enum espalier_status status = ESPALIER_OK;

    if (job->quantizer.layer_count == 0)
        status =
            espalier_quantizer_create(job->network, options->value_bits, options->bias_bits, &job->quantizer, error);
    for (uint32_t i = 0; i < job->quantizer.layer_count; i++)
        job->quantizer.layers[i].kind = options->levels[i];
    return status;
}

static enum espalier_status choose_levels(struct espalier_job *job, const struct phase *phase,
                                          struct espalier_error *error)
{
    uint32_t images = job->data->count - job->options->train.held_out;
    enum espalier_status status = create_quantizer(job, error);

    (void)phase;
    return status == ESPALIER_OK
               ? espalier_quantizer_refresh(&job->quantizer, job->network, job->data,
                                            images < ESPALIER_CALIBRATION_IMAGES ? images : ESPALIER_CALIBRATION_IMAGES,
                                            error)
               : status;
}

/* Training with levels that have been chosen; if it is taken up, they are in its state. */
static enum espalier_status train_levels(struct espalier_job *job, const struct phase *phase, struct espalier_fit stage,
                                         struct espalier_error *error)
{
    enum espalier_status status = create_quantizer(job, error);

    stage.stage = "quantize";
    stage.quantizer = &job->quantizer;
    return status == ESPALIER_OK ? run_stage(job, phase, stage, error) : status;
}

static enum espalier_status quantize(struct espalier_job *job, const struct phase *phase, struct espalier_error *error)
{
    return train_levels(job, phase,
                        (struct espalier_fit){.normalized = true, .learning_rate = job->options->quantize_rate}, error);
}

/* As the hardware computes, weight after weight keeping the level that it has. */
static enum espalier_status settle(struct espalier_job *job, const struct phase *phase, struct espalier_error *error)
{
    return train_levels(
        job, phase, (struct espalier_fit){.settling = true, .learning_rate = job->options->quantize_rate * SETTLE_RATE},
        error);
}

static enum espalier_status export_model(struct espalier_job *job, const struct phase *phase,
                                         struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;

    (void)phase;
    espalier_quantizer_apply(&job->quantizer, job->network);
    return espalier_export(job->network, &job->quantizer, options->format, options->made_by, &job->model, error);
}

/* ---- All of it */

struct plan {
    uint32_t count;
    struct phase phases[PHASES_MAX];
    uint32_t pruned; /* the phase that hands over what pruning left */
};

static void add(struct plan *plan, struct phase phase)
{
    plan->phases[plan->count++] = phase;
}

/* Which budgets, then ADMM in steps, each with retraining: a third of it between the steps, the rest after the last. */
static void plan_pruning(struct plan *plan, const struct espalier_compress_options *options)
{
    uint32_t between_steps = options->retrain_epochs / 3, steps = options->steps;

    if (options->choose_epochs > 0)
        add(plan, (struct phase){.run = choose, .epochs = options->choose_epochs});
    else
        add(plan, (struct phase){.run = choose_budgets});
    if (options->search_trials > 0)
        add(plan, (struct phase){.run = search, .epochs = options->search_trials});
    if (steps == 0)
        add(plan, (struct phase){.run = retrain, .epochs = options->retrain_epochs});
    for (uint32_t step = 0; step < steps; step++) {
        bool last = step + 1 == steps;
        uint32_t after = last ? options->retrain_epochs - (steps > 1 ? between_steps : 0)
                              : espalier_part_of(between_steps, step, steps - 1);
        add(plan,
            (struct phase){.run = prune, .step = step, .epochs = espalier_part_of(options->prune_epochs, step, steps)});
        add(plan, (struct phase){.run = retrain, .epochs = after});
    }
    add(plan, (struct phase){.run = end_pruning});
}

/* Levels, normalized and then, for the last quarter, as the hardware computes. */
static void plan_quantization(struct plan *plan, const struct espalier_compress_options *options)
{
    uint32_t plain = (options->quantize_epochs + 3) / 4;

    add(plan, (struct phase){.run = balance});
    if (options->level_epochs > 0)
        add(plan, (struct phase){.run = approach_levels, .epochs = options->level_epochs});
    add(plan, (struct phase){.run = choose_levels});
    add(plan, (struct phase){.run = quantize, .epochs = options->quantize_epochs - plain});
    add(plan, (struct phase){.run = settle, .epochs = plain});
    add(plan, (struct phase){.run = export_model});
}

static struct plan plan_all(const struct espalier_compress_options *options)
{
    struct plan plan = {0};

    if (options->format != ESPALIER_DENSE)
        plan_pruning(&plan, options);
    plan.pruned = plan.count;
    add(&plan, (struct phase){.run = hand_over});
    plan_quantization(&plan, options);
    return plan;
}

/* A job and which phases of the plan it is to run. */
struct course {
    struct espalier_job *job;
    struct plan plan;
    uint32_t begin, end;
};

bool espalier_can_come_of(const struct espalier_network *network, const struct espalier_network *origin)
{
    uint32_t last = origin->layer_count - 1;

    if (network->layer_count != origin->layer_count)
        return false;
    bool can = network->layers[0].shape.in_channels == origin->layers[0].shape.in_channels &&
               network->layers[last].shape.rows == origin->layers[last].shape.rows;

    for (uint32_t i = 0; i <= last; i++) {
        const struct espalier_shape *now = &network->layers[i].shape, *then = &origin->layers[i].shape;
        can = can && now->rows <= then->rows && now->in_height == then->in_height && now->in_width == then->in_width &&
              now->kernel_height == then->kernel_height && now->kernel_width == then->kernel_width &&
              now->stride == then->stride && now->pad == then->pad && now->pool == then->pool &&
              now->relu == then->relu;
    }
    return can;
}

/* Makes the job's network one of the shapes that are read next. */
static void reshape(struct espalier_archive *archive, struct espalier_job *job)
{
    struct espalier_network *network = NULL;

    espalier_archive_create(archive, job->network->layer_count, &network);
    if (network == NULL)
        return;
    espalier_archive_expect(archive, espalier_can_come_of(network, job->origin), "its network is not one of this job");
    if (!espalier_archive_good(archive)) {
        espalier_network_free(network);
        return;
    }
    network->dense_weights = job->network->dense_weights;
    espalier_network_free(job->network);
    job->network = network;
}

static void visit_course(struct espalier_archive *archive, void *context)
{
    struct course *course = context;
    struct espalier_job *job = course->job;
    uint32_t layers = job->network->layer_count, phase = job->phase;

    espalier_archive_u32(archive, &phase, 1);
    espalier_archive_expect(archive,
                            phase >= course->begin && phase < course->end && course->plan.phases[phase].epochs > 0,
                            "phase %u cannot be", phase);
    if (!espalier_archive_good(archive))
        return;
    job->phase = phase;
    espalier_archive_budgets(archive, job->target, layers);
    espalier_archive_budgets(archive, job->first, layers);
    if (archive->reading)
        reshape(archive, job);
    espalier_archive_layers(archive, job->network);
}

/* Shares of the whole job, in epochs, before and after the phase at hand. */
static void note_progress(struct espalier_job *job, const struct plan *plan)
{
    double before = 0.0, all = 0.0;

    for (uint32_t i = 0; i < plan->count; i++) {
        before += i < job->phase ? plan->phases[i].epochs : 0;
        all += plan->phases[i].epochs;
    }
    all = fmax(1.0, all);
    job->done_from = before / all;
    job->done_to = (before + plan->phases[job->phase].epochs) / all;
}

static enum espalier_status run_course(struct course *course, struct espalier_error *error)
{
    struct espalier_job *job = course->job;
    enum espalier_status status = espalier_state_enter(&job->state, "course", visit_course, course, error);

    for (; job->phase < course->end && status == ESPALIER_OK; job->phase++) {
        const struct phase *phase = &course->plan.phases[job->phase];
        note_progress(job, &course->plan);
        status = phase->run(job, phase, error);
    }
    espalier_state_leave(&job->state);
    return status;
}

enum espalier_status espalier_job_run(struct espalier_job *job, enum espalier_phases phases,
                                      struct espalier_error *error)
{
    struct course course = {.job = job, .plan = plan_all(job->options)};

    course.begin = phases == ESPALIER_PHASES_QUANTIZE ? course.plan.pruned + 1 : 0;
    course.end = phases == ESPALIER_PHASES_PRUNE ? course.plan.pruned : course.plan.count;
    job->phase = phases == ESPALIER_PHASES_ALL && job->is_pruned ? course.plan.pruned + 1 : course.begin;
    espalier_random_seed(&job->random, job->options->train.seed);
    enum espalier_status status = espalier_state_open(&job->state, error);
    if (status == ESPALIER_OK)
        status = run_course(&course, error);
    return espalier_state_close(&job->state, status, error);
}

void espalier_job_free(struct espalier_job *job)
{
    espalier_network_free(job->network);
    espalier_quantizer_free(&job->quantizer);
    espalier_model_free(job->model);
}
