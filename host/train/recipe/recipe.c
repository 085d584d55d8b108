#include "recipe.h"
#include "network/checkpoint.h"
#include "phase.h"
#include "prune/budget.h"
#include "quantize/quantize.h"

#include <math.h>
#include <string.h>

enum { PHASES_MAX = 64 };

struct plan {
    uint32_t count;
    struct espalier_phase phases[PHASES_MAX];
    uint32_t pruned; /* the phase that hands over what pruning left */
};

static void add(struct plan *plan, struct espalier_phase phase)
{
    plan->phases[plan->count++] = phase;
}

/* The n-th of `parts` nearly equal parts of so many epochs. */
static uint32_t part_of(uint32_t epochs, uint32_t n, uint32_t parts)
{
    return epochs * (n + 1) / parts - epochs * n / parts;
}

/* Which budgets, then ADMM in steps, each with retraining: a third of it between the steps, the rest after the last. */
static void plan_pruning(struct plan *plan, const struct espalier_compress_options *options)
{
    uint32_t between_steps = options->retrain_epochs / 3, steps = options->steps;

    if (options->choose_epochs > 0)
        add(plan, (struct espalier_phase){.run = espalier_phase_choose, .epochs = options->choose_epochs});
    else
        add(plan, (struct espalier_phase){.run = espalier_phase_choose_budgets});
    if (options->search_trials > 0)
        add(plan, (struct espalier_phase){.run = espalier_phase_search, .epochs = options->search_trials});
    if (steps == 0)
        add(plan, (struct espalier_phase){.run = espalier_phase_retrain, .epochs = options->retrain_epochs});
    for (uint32_t step = 0; step < steps; step++) {
        bool last = step + 1 == steps;
        uint32_t after =
            last ? options->retrain_epochs - (steps > 1 ? between_steps : 0) : part_of(between_steps, step, steps - 1);
        add(plan, (struct espalier_phase){.run = espalier_phase_prune,
                                          .step = step,
                                          .epochs = part_of(options->prune_epochs, step, steps)});
        add(plan, (struct espalier_phase){.run = espalier_phase_retrain, .epochs = after});
    }
    add(plan, (struct espalier_phase){.run = espalier_phase_end_pruning});
}

/* Levels, normalized and then, for the last quarter, as the hardware computes. */
static void plan_quantization(struct plan *plan, const struct espalier_compress_options *options)
{
    uint32_t plain = (options->quantize_epochs + 3) / 4;

    add(plan, (struct espalier_phase){.run = espalier_phase_balance});
    if (options->level_epochs > 0)
        add(plan, (struct espalier_phase){.run = espalier_phase_approach_levels, .epochs = options->level_epochs});
    add(plan, (struct espalier_phase){.run = espalier_phase_choose_levels});
    add(plan, (struct espalier_phase){.run = espalier_phase_quantize, .epochs = options->quantize_epochs - plain});
    add(plan, (struct espalier_phase){.run = espalier_phase_settle, .epochs = plain});
    add(plan, (struct espalier_phase){.run = espalier_phase_export_model});
}

static struct plan plan_all(const struct espalier_compress_options *options)
{
    struct plan plan = {0};

    if (options->format != ESPALIER_DENSE)
        plan_pruning(&plan, options);
    plan.pruned = plan.count;
    add(&plan, (struct espalier_phase){.run = espalier_phase_hand_over});
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
        const struct espalier_phase *phase = &course->plan.phases[job->phase];
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
