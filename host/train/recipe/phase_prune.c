/* What is kept: which budgets, dropout that chooses, ADMM, retraining. */
#include "phase.h"
#include "prune/budget.h"
#include "prune/choose.h"
#include "prune/constrain.h"
#include "prune/dead.h"
#include "prune/purify.h"
#include "prune/search.h"

#include <stdio.h>
#include <string.h>

static uint64_t wanted_weights(const struct espalier_job *job)
{
    return (uint64_t)((double)job->network->dense_weights / job->options->ratio);
}

/* Whether rows and columns must stay where they are. */
static bool is_aligned(const struct espalier_job *job)
{
    bool aligned = false;

    for (uint32_t i = 0; i < job->options->family_count; i++)
        aligned = aligned || espalier_family_is_aligned(job->options->families[i].kind);
    return aligned;
}

/* A layer without weights lets nothing through, and what is pruned never comes back. */
static enum espalier_status check_connected(const struct espalier_network *network, const char *phase,
                                            struct espalier_error *error)
{
    uint32_t layer = espalier_cut_off(network);

    if (layer == 0)
        return ESPALIER_OK;
    return espalier_fail(error, ESPALIER_ERR_RANGE,
                         "%s: layer %u has no weights left, so that nothing joins input and output any more; a "
                         "smaller ratio or larger budgets may help",
                         phase, layer);
}

/* Removes what is of no use: from the masks only, if rows and columns must stay where they are. */
static enum espalier_status remove_unused(struct espalier_job *job, const char *phase, struct espalier_error *error)
{
    enum espalier_status status =
        espalier_cut_dead(job->network, job->data, espalier_fit_images(job->data, &job->options->train), error);

    if (status == ESPALIER_OK)
        status = check_connected(job->network, phase, error);
    return status == ESPALIER_OK && !is_aligned(job) ? espalier_purify(job->network, error) : status;
}

static void note_budgets(struct espalier_job *job)
{
    for (uint32_t i = 0; i < job->network->layer_count; i++)
        job->first[i] = espalier_budget_of(&job->network->layers[i]);
}

enum espalier_status espalier_phase_choose(struct espalier_job *job, const struct espalier_phase *phase,
                                           struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    struct espalier_fit stage = espalier_whole_stage(
        job, phase, (struct espalier_fit){.stage = "choose", .learning_rate = options->choose_rate});
    enum espalier_status status =
        espalier_choose(&stage, options, wanted_weights(job), options->steps > 0 ? job->target : NULL, error);

    if (status == ESPALIER_OK)
        status = remove_unused(job, stage.stage, error);
    note_budgets(job);
    return status;
}

enum espalier_status espalier_phase_choose_budgets(struct espalier_job *job, const struct espalier_phase *phase,
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

enum espalier_status espalier_phase_search(struct espalier_job *job, const struct espalier_phase *phase,
                                           struct espalier_error *error)
{
    (void)phase;
    return espalier_search_budgets(&(struct espalier_search){.network = job->network,
                                                             .data = job->data,
                                                             .options = job->options,
                                                             .total = wanted_weights(job),
                                                             .done_from = job->done_from,
                                                             .done_to = job->done_to,
                                                             .state = &job->state,
                                                             .measure = espalier_size_measure(&job->size)},
                                   job->target, error);
}

enum espalier_status espalier_phase_prune(struct espalier_job *job, const struct espalier_phase *phase,
                                          struct espalier_error *error)
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
        espalier_run_admm(job, phase, constraints, count,
                          (struct espalier_fit){.stage = name, .learning_rate = options->prune_rate}, error);
    return status == ESPALIER_OK ? remove_unused(job, name, error) : status;
}

enum espalier_status espalier_phase_retrain(struct espalier_job *job, const struct espalier_phase *phase,
                                            struct espalier_error *error)
{
    return espalier_run_stage(job, phase,
                              (struct espalier_fit){.stage = "retrain",
                                                    .normalized = job->options->train.normalize,
                                                    .learning_rate = job->options->retrain_rate},
                              error);
}

enum espalier_status espalier_phase_end_pruning(struct espalier_job *job, const struct espalier_phase *phase,
                                                struct espalier_error *error)
{
    enum espalier_status status = remove_unused(job, "retrain", error);

    (void)phase;
    return status == ESPALIER_OK && job->options->format == ESPALIER_GAP && !is_aligned(job)
               ? espalier_sort_rows(job->network, error)
               : status;
}
