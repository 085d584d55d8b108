/* Training and judging of float networks: the public face of the training loop. */
#include <espalier/train.h>

#include "fit.h"
#include "network/checkpoint.h"

struct espalier_train_options espalier_train_defaults(void)
{
    return (struct espalier_train_options){.epochs = 20,
                                           .batch = 64,
                                           .held_out = 5000,
                                           .seed = 1,
                                           .learning_rate = 1.5e-3F,
                                           .dropout = 0.4F,
                                           .augment = 1.0F,
                                           .temperature = 4.0F,
                                           .threads = 1};
}

static void visit_network(struct espalier_archive *archive, void *network)
{
    espalier_archive_layers(archive, network);
}

/* The job's only stage, and around it the network. */
static enum espalier_status run(const struct espalier_fit *fit, struct espalier_error *error)
{
    enum espalier_status status = espalier_state_open(fit->state, error);

    if (status == ESPALIER_OK) {
        status = espalier_state_enter(fit->state, "network", visit_network, fit->network, error);
        if (status == ESPALIER_OK)
            status = espalier_fit_run(fit, error);
        espalier_state_leave(fit->state);
    }
    return espalier_state_close(fit->state, status, error);
}

enum espalier_status espalier_train(struct espalier_network *network, const struct espalier_dataset *data,
                                    const struct espalier_train_options *options, struct espalier_error *error)
{
    enum espalier_status status = espalier_fit_check(network, data, options, error);
    if (status != ESPALIER_OK)
        return status;
    if (options->epochs == 0)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "0 epochs; train at least one");

    struct espalier_random random;
    struct espalier_state state = {.path = options->state};
    espalier_random_seed(&random, options->seed);
    struct espalier_fit fit = {.stage = "train",
                               .network = network,
                               .data = data,
                               .options = options,
                               .epochs = options->epochs,
                               .normalized = options->normalize,
                               .learning_rate = options->learning_rate,
                               .done_to = 1.0,
                               .random = &random,
                               .state = &state};
    if (state.path != NULL)
        espalier_fingerprint_train(&state.fingerprint, "train", options, network, data);
    return run(&fit, error);
}
