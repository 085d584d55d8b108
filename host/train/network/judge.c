#include "judge.h"
#include "batch.h"
#include "loss.h"

#include <espalier/model.h>
#include <stdlib.h>

enum { JUDGE_BATCH = 64 };

static uint32_t best_class(const float *logits, uint32_t classes, uint32_t batch)
{
    uint32_t best = 0;

    for (uint32_t c = 1; c < classes; c++)
        if (logits[c * batch] > logits[best * batch])
            best = c;
    return best;
}

struct espalier_judgement espalier_judge(struct espalier_pass *pass, const struct espalier_view *views,
                                         uint32_t classes, const struct espalier_dataset *data, uint32_t first,
                                         uint32_t count, uint32_t batch)
{
    struct espalier_judgement judgement = {.images = count};

    for (uint32_t done = 0; done < count; done += batch) {
        uint32_t images = count - done < batch ? count - done : batch;
        for (uint32_t n = 0; n < images; n++)
            espalier_batch_fill(data, &(uint32_t){first + done + n}, 1, batch, 0.0F, NULL,
                                espalier_pass_input(pass) + n);
        const float *logits = espalier_pass_forward(pass, views, NULL);
        for (uint32_t n = 0; n < images; n++) {
            uint8_t label = data->labels[first + done + n];
            judgement.correct += best_class(logits + n, classes, batch) == label;
            judgement.loss += espalier_image_loss(logits + n, label, classes, batch) / count;
        }
    }
    return judgement;
}

enum espalier_status espalier_check_labels(const struct espalier_dataset *data, uint32_t first, uint32_t count,
                                           uint32_t classes, struct espalier_error *error)
{
    if (data->labels == NULL)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "the images have no labels");
    for (uint32_t i = first; i < first + count; i++)
        if (data->labels[i] >= classes)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "image %u has label %u, the network knows 0 to %u", i,
                                 data->labels[i], classes - 1);
    return ESPALIER_OK;
}

enum espalier_status espalier_network_judge(const struct espalier_network *network, const struct espalier_dataset *data,
                                            uint32_t first, uint32_t count, struct espalier_judgement *out,
                                            struct espalier_error *error)
{
    struct espalier_view views[ESPALIER_LAYERS_MAX];
    const struct espalier_shape *input = &network->layers[0].shape;
    uint32_t classes = network->layers[network->layer_count - 1].shape.rows;
    struct espalier_pass *pass = NULL;

    if (input->in_channels != 1 || input->in_height != data->height || input->in_width != data->width)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "images are 1 x %u x %u, the network takes %u x %u x %u",
                             data->height, data->width, input->in_channels, input->in_height, input->in_width);
    if (first > data->count || count > data->count - first)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "there are %u images, not %u from %u", data->count, count,
                             first);
    enum espalier_status status = espalier_check_labels(data, first, count, classes, error);
    if (status == ESPALIER_OK)
        status = espalier_pass_create(network, JUDGE_BATCH, &pass, error);
    if (status != ESPALIER_OK)
        return status;
    espalier_views_of(network, views);
    *out = espalier_judge(pass, views, classes, data, first, count, JUDGE_BATCH);
    espalier_pass_free(pass);
    return ESPALIER_OK;
}

enum espalier_status espalier_network_logits(const struct espalier_network *network, const uint8_t *pixels,
                                             uint32_t count, float *logits, struct espalier_error *error)
{
    struct espalier_view views[ESPALIER_LAYERS_MAX];
    const struct espalier_shape *input = &network->layers[0].shape;
    size_t size = (size_t)input->in_channels * input->in_height * input->in_width, outputs = 0;
    struct espalier_pass *pass = NULL;

    enum espalier_status status = espalier_pass_create(network, 1, &pass, error);
    if (status != ESPALIER_OK)
        return status;
    espalier_views_of(network, views);
    for (uint32_t n = 0; n < count; n++) {
        float *to = espalier_pass_input(pass);
        for (size_t i = 0; i < size; i++)
            to[i] = (float)(pixels[n * size + i] >> 1) / 127.0F;
        const float *result = espalier_pass_forward(pass, views, NULL);
        (void)espalier_pass_output(pass, network->layer_count - 1, &outputs);
        for (size_t i = 0; i < outputs; i++)
            logits[n * outputs + i] = result[i];
    }
    espalier_pass_free(pass);
    return ESPALIER_OK;
}
