/* Training and judging of float networks: the public face of the training loop. */
#include <espalier/train.h>

#include "fit.h"

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

enum espalier_status espalier_train(struct espalier_network *network, const struct espalier_dataset *data,
                                    const struct espalier_train_options *options, struct espalier_error *error)
{
    enum espalier_status status = espalier_fit_check(network, data, options, error);
    if (status != ESPALIER_OK)
        return status;
    if (options->epochs == 0)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "0 epochs; train at least one");

    struct espalier_random random;
    espalier_random_seed(&random, options->seed);
    struct espalier_fit fit = {.stage = "train",
                               .network = network,
                               .data = data,
                               .options = options,
                               .epochs = options->epochs,
                               .normalized = options->normalize,
                               .learning_rate = options->learning_rate,
                               .done_to = 1.0,
                               .random = &random};
    return espalier_fit_run(&fit, error);
}
