/* The training loop that every stage shares: plain training, ADMM, masked retraining, training with quantization. */
#ifndef ESPALIER_FIT_H
#define ESPALIER_FIT_H

#include "stage.h"

/* Refuses images, network or options that do not suit one another. */
enum espalier_status espalier_fit_check(const struct espalier_network *network, const struct espalier_dataset *data,
                                        const struct espalier_train_options *options, struct espalier_error *error);

enum espalier_status espalier_fit_run(const struct espalier_fit *fit, struct espalier_error *error);

#endif
