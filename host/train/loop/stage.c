#include "stage.h"

uint32_t espalier_fit_images(const struct espalier_dataset *data, const struct espalier_train_options *options)
{
    return options->use != 0 ? options->use : data->count - options->held_out;
}
