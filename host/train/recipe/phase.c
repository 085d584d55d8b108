#include "phase.h"

#include <math.h>

enum { UPDATES_A_EPOCH = 4 };

struct espalier_fit espalier_whole_stage(struct espalier_job *job, const struct espalier_phase *phase,
                                         struct espalier_fit stage)
{
    stage.network = job->network;
    stage.data = job->data;
    stage.options = &job->options->train;
    stage.epochs = phase->epochs;
    stage.random = &job->random;
    stage.state = &job->state;
    stage.measure = espalier_size_measure(&job->size);
    stage.done_from = job->done_from;
    stage.done_to = job->done_to;
    return stage;
}

enum espalier_status espalier_run_stage(struct espalier_job *job, const struct espalier_phase *phase,
                                        struct espalier_fit stage, struct espalier_error *error)
{
    stage = espalier_whole_stage(job, phase, stage);
    return stage.epochs > 0 ? espalier_fit_run(&stage, error) : ESPALIER_OK;
}

enum espalier_status espalier_run_admm(struct espalier_job *job, const struct espalier_phase *phase,
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

    struct espalier_hooks hooks = espalier_admm_hooks(&admm);
    hooks.resets = options->reset_updates;
    stage.hooks = &hooks;
    status = espalier_run_stage(job, phase, stage, error);
    if (status == ESPALIER_OK)
        status = espalier_admm_prune(&admm, job->network, error);
    espalier_admm_free(&admm);
    return status;
}
