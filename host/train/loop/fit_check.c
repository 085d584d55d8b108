/* What training refuses before it begins. */
#include "fit.h"
#include "network/judge.h"

enum { BATCH_MAX = 1024, THREADS_MAX = 64 };

/* Whether the teacher, if there is one, is asked what the network is asked. */
static enum espalier_status check_teacher(const struct espalier_network *network,
                                          const struct espalier_train_options *options, struct espalier_error *error)
{
    const struct espalier_network *teacher = options->teacher;

    if (teacher == NULL)
        return ESPALIER_OK;
    const struct espalier_shape *own = &network->layers[0].shape, *first = &teacher->layers[0].shape,
                                *last = &teacher->layers[teacher->layer_count - 1].shape;
    uint32_t classes = network->layers[network->layer_count - 1].shape.rows;
    if (first->in_channels != own->in_channels || first->in_height != own->in_height ||
        first->in_width != own->in_width || last->rows != classes || espalier_shape_out_height(last) != 1 ||
        espalier_shape_out_width(last) != 1)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "the teacher takes other images, or knows other classes, than the network");
    if (!(options->distill >= 0.0F && options->distill <= 1.0F) || !(options->temperature > 0.0F))
        return espalier_fail(error, ESPALIER_ERR_RANGE, "distill is 0 to 1, and the temperature over 0");
    return ESPALIER_OK;
}

enum espalier_status espalier_fit_check(const struct espalier_network *network, const struct espalier_dataset *data,
                                        const struct espalier_train_options *options, struct espalier_error *error)
{
    const struct espalier_shape *first = &network->layers[0].shape,
                                *last = &network->layers[network->layer_count - 1].shape;

    if (first->in_channels != 1 || first->in_height != data->height || first->in_width != data->width)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "images are 1 x %u x %u, the network takes %u x %u x %u",
                             data->height, data->width, first->in_channels, first->in_height, first->in_width);
    if (espalier_shape_out_height(last) != 1 || espalier_shape_out_width(last) != 1)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "the last layer gives more than one position: not a classifier");
    enum espalier_status status = espalier_check_labels(data, 0, data->count, last->rows, error);
    if (status != ESPALIER_OK)
        return status;
    if (options->batch == 0 || options->batch > BATCH_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "a batch of %u images; 1 to %d can be", options->batch,
                             BATCH_MAX);
    if (options->threads == 0 || options->threads > THREADS_MAX || options->batch % options->threads != 0)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "%u threads for a batch of %u images: 1 to %d that divide it can be", options->threads,
                             options->batch, THREADS_MAX);
    if (options->held_out >= data->count || data->count - options->held_out < options->batch)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "%u images with %u held out leave less than a batch of %u",
                             data->count, options->held_out, options->batch);
    if (options->use != 0 && (options->use < options->batch || options->use > data->count - options->held_out))
        return espalier_fail(error, ESPALIER_ERR_RANGE, "cannot use %u of the %u images that are not held out",
                             options->use, data->count - options->held_out);
    if (!(options->noise >= 0.0F && options->noise <= 1.0F))
        return espalier_fail(error, ESPALIER_ERR_RANGE, "noise is 0 to 1");
    if (!(options->dropout >= 0.0F && options->dropout <= 0.9F) || !(options->augment >= 0.0F))
        return espalier_fail(error, ESPALIER_ERR_RANGE, "dropout is 0 to 0.9, and augment 0 or more");
    if (!(options->learning_rate > 0.0F))
        return espalier_fail(error, ESPALIER_ERR_RANGE, "the learning rate must be over 0");
    return check_teacher(network, options, error);
}
