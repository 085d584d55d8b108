/* Levels: how they are approached, chosen and trained with, and the integer model that comes of it. */
#include "phase.h"
#include "prune/constrain.h"
#include "quantize/export.h"
#include "quantize/quantize.h"

/* Learning rate of the last training with levels, as a share of the one with normalization. */
static const float SETTLE_RATE = 0.1F;

enum espalier_status espalier_phase_hand_over(struct espalier_job *job, const struct espalier_phase *phase,
                                              struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;

    (void)phase;
    return options->keep != NULL ? options->keep(options->keep_context, job->network, error) : ESPALIER_OK;
}

enum espalier_status espalier_phase_balance(struct espalier_job *job, const struct espalier_phase *phase,
                                            struct espalier_error *error)
{
    espalier_random_seed(&job->random, ~job->options->train.seed); /* not what pruning drew */
    struct espalier_fit stage = espalier_whole_stage(
        job, phase, (struct espalier_fit){.stage = "balance", .normalized = true, .learning_rate = 1.0F});

    return espalier_fit_run(&stage, error);
}

enum espalier_status espalier_phase_approach_levels(struct espalier_job *job, const struct espalier_phase *phase,
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
    return espalier_run_admm(job, phase, constraints, count,
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
    job->quantizer.dampen = options->dampen;
    for (uint32_t i = 0; i < job->quantizer.layer_count; i++)
        job->quantizer.layers[i].kind = options->levels[i];
    return status;
}

enum espalier_status espalier_phase_choose_levels(struct espalier_job *job, const struct espalier_phase *phase,
                                                  struct espalier_error *error)
{
    uint32_t images = espalier_fit_images(job->data, &job->options->train);
    enum espalier_status status = create_quantizer(job, error);

    (void)phase;
    return status == ESPALIER_OK
               ? espalier_quantizer_refresh(&job->quantizer, job->network, job->data,
                                            images < ESPALIER_CALIBRATION_IMAGES ? images : ESPALIER_CALIBRATION_IMAGES,
                                            error)
               : status;
}

/* Training with levels that have been chosen; if it is taken up, they are in its state. */
static enum espalier_status train_levels(struct espalier_job *job, const struct espalier_phase *phase, bool settling,
                                         struct espalier_fit stage, struct espalier_error *error)
{
    enum espalier_status status = create_quantizer(job, error);
    struct espalier_hooks hooks = espalier_quantizer_hooks(&job->quantizer, settling);

    stage.stage = settling ? "settle" : "quantize";
    stage.hooks = &hooks;
    job->size.quantizer = &job->quantizer;
    return status == ESPALIER_OK ? espalier_run_stage(job, phase, stage, error) : status;
}

enum espalier_status espalier_phase_quantize(struct espalier_job *job, const struct espalier_phase *phase,
                                             struct espalier_error *error)
{
    return train_levels(job, phase, false,
                        (struct espalier_fit){.normalized = true, .learning_rate = job->options->quantize_rate}, error);
}

enum espalier_status espalier_phase_settle(struct espalier_job *job, const struct espalier_phase *phase,
                                           struct espalier_error *error)
{
    return train_levels(job, phase, true,
                        (struct espalier_fit){.learning_rate = job->options->quantize_rate * SETTLE_RATE}, error);
}

enum espalier_status espalier_phase_export_model(struct espalier_job *job, const struct espalier_phase *phase,
                                                 struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;

    (void)phase;
    espalier_quantizer_apply(&job->quantizer, job->network);
    return espalier_export(job->network, &job->quantizer, options->format, options->made_by, &job->model, error);
}
