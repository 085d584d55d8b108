/* The public face of compression: defaults, what is refused, and jobs from their beginning to their end. */
#include <espalier/compress.h>

#include "loop/fit.h"
#include "prune/constrain.h"
#include "prune/search.h"
#include "recipe.h"

#include <string.h>

enum { STEPS_MAX = 16, EPOCHS_MAX = 10000 };

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
                                                .dampen = 0.05F,
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
    if (!(options->dampen >= 0.0F && options->dampen <= 1.0F))
        return espalier_fail(error, ESPALIER_ERR_RANGE, "dampen is 0 to 1");
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
    if (options->steps < 1 || options->steps > STEPS_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "%u pruning steps: 1 to %d can be", options->steps, STEPS_MAX);
    if (options->prune_epochs < options->steps)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "%u pruning steps in %u epochs of pruning: each takes one or more; raise the epochs "
                             "(--epochs) or have fewer steps",
                             options->steps, options->prune_epochs);
    if (!(options->rho_first > 0.0F) || !(options->rho_last >= options->rho_first))
        return espalier_fail(error, ESPALIER_ERR_RANGE, "rho must be over 0 and must not fall");
    if (options->budget_count != 0 && options->budget_count != network->layer_count)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "%u budgets for %u layers", options->budget_count,
                             network->layer_count);
    for (uint32_t i = 0; i < options->budget_count; i++)
        if (options->format == ESPALIER_GAP ? options->budgets[i].weights == 0
                                            : options->budgets[i].rows == 0 || options->budgets[i].columns == 0)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "the budget of layer %u keeps nothing", i + 1);
    return ESPALIER_OK;
}

/* Checks all that is given, and begins a job on a copy of the network. */
static enum espalier_status begin(struct espalier_job *job, const char *name, const struct espalier_network *network,
                                  struct espalier_error *error)
{
    const struct espalier_compress_options *options = job->options;
    enum espalier_status status = espalier_fit_check(network, job->data, &options->train, error);

    if (status == ESPALIER_OK)
        status = check_options(network, options, error);
    if (status == ESPALIER_OK && job->is_pruned && !espalier_can_come_of(options->pruned, network))
        status = espalier_fail(error, ESPALIER_ERR_RANGE, "the pruned network was not made of the one that is given");
    if (status != ESPALIER_OK)
        return status;
    job->origin = network;
    job->size.recipe = options;
    job->state.path = options->train.state;
    if (job->state.path != NULL)
        espalier_fingerprint_compress(&job->state.fingerprint, name, options, network, job->data);
    return espalier_network_clone(job->is_pruned ? options->pruned : network, &job->network, error);
}

enum espalier_status espalier_prune(const struct espalier_network *network, const struct espalier_dataset *data,
                                    const struct espalier_compress_options *options, struct espalier_network **out,
                                    struct espalier_error *error)
{
    struct espalier_job job = {.options = options, .data = data};
    enum espalier_status status = begin(&job, "prune", network, error);

    *out = NULL;
    if (status == ESPALIER_OK)
        status = espalier_job_run(&job, ESPALIER_PHASES_PRUNE, error);
    if (status == ESPALIER_OK) {
        *out = job.network;
        job.network = NULL;
    }
    espalier_job_free(&job);
    return status;
}

/* Runs a job that ends with a model. */
static enum espalier_status make_model(struct espalier_job *job, const char *name, enum espalier_phases phases,
                                       const struct espalier_network *network, struct espalier_model **out,
                                       struct espalier_error *error)
{
    enum espalier_status status = begin(job, name, network, error);

    *out = NULL;
    if (status == ESPALIER_OK)
        status = espalier_job_run(job, phases, error);
    if (status == ESPALIER_OK) {
        *out = job->model;
        job->model = NULL;
    }
    espalier_job_free(job);
    return status;
}

enum espalier_status espalier_quantize(const struct espalier_network *network, const struct espalier_dataset *data,
                                       const struct espalier_compress_options *options, struct espalier_model **out,
                                       struct espalier_error *error)
{
    struct espalier_job job = {.options = options, .data = data};

    return make_model(&job, "quantize", ESPALIER_PHASES_QUANTIZE, network, out, error);
}

enum espalier_status espalier_compress(const struct espalier_network *network, const struct espalier_dataset *data,
                                       const struct espalier_compress_options *options, struct espalier_model **out,
                                       struct espalier_error *error)
{
    struct espalier_job job = {.options = options, .data = data, .is_pruned = options->pruned != NULL};

    return make_model(&job, "compress", ESPALIER_PHASES_ALL, network, out, error);
}
