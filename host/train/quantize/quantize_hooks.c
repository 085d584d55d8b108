/* Levels in the training loop. */
#include "codebook.h"
#include "quantize.h"

#include <string.h>

static void refresh(void *context, const struct espalier_network *network, const struct espalier_live *live,
                    struct espalier_view *views)
{
    struct espalier_quantizer *quantizer = context;

    (void)live;
    espalier_quantizer_apply(quantizer, network);
    memcpy(views, quantizer->views, quantizer->layer_count * sizeof *views);
}

static enum espalier_status make_room(void *context, const struct espalier_network *network, uint32_t epoch,
                                      uint32_t epochs, struct espalier_error *error)
{
    (void)epoch;
    (void)epochs;
    (void)error;
    espalier_quantizer_make_room(context, network);
    return ESPALIER_OK;
}

/* Every weight keeps the level that it has at the stage's beginning. */
static enum espalier_status settle(void *context, const struct espalier_network *network, uint32_t epoch,
                                   uint32_t epochs, struct espalier_error *error)
{
    struct espalier_quantizer *quantizer = context;
    enum espalier_status status = make_room(context, network, epoch, epochs, error);

    espalier_quantizer_apply(quantizer, network);
    quantizer->fixed = true;
    return status;
}

static void end_batch(void *context, const struct espalier_batch_end *batch)
{
    struct espalier_quantizer *quantizer = context;

    quantizer->pull = espalier_levels_pull_share(quantizer->dampen * (float)batch->schedule, batch->learning_rate);
    espalier_quantizer_step(quantizer, batch->live, batch->gradients, batch->learning_rate);
}

static float weight_rate(const void *context, uint32_t layer)
{
    const struct espalier_quantizer *quantizer = context;

    return espalier_levels_rate(&quantizer->layers[layer]);
}

static void end_step(void *context, struct espalier_network *network, const struct espalier_live *live)
{
    espalier_quantizer_hold(context, live, network);
}

/* Levels go with the weights, which folding multiplied. */
static void folded(void *context, const struct espalier_norm *norm, const struct espalier_network *network)
{
    for (uint32_t i = 0; i < norm->layer_count; i++)
        espalier_quantizer_rescale(context, i, espalier_norm_factor(norm, i, 0));
    espalier_quantizer_settle(context, network);
}

static void visit(struct espalier_archive *archive, void *context, const struct espalier_network *network)
{
    espalier_quantizer_visit(archive, context, network);
}

struct espalier_hooks espalier_quantizer_hooks(struct espalier_quantizer *quantizer, bool settling)
{
    quantizer->normalized = !settling;
    return (struct espalier_hooks){.context = quantizer,
                                   .shared_norm = true,
                                   .refresh = refresh,
                                   .begin_epoch = settling ? settle : make_room,
                                   .end_batch = end_batch,
                                   .weight_rate = weight_rate,
                                   .end_step = end_step,
                                   .folded = folded,
                                   .visit = visit};
}
