#include "size.h"
#include "export.h"
#include "quantize.h"

#include <espalier/pack.h>

/* Levels of a size, not of a value: all weights have the same code. */
static void choose_any_levels(struct espalier_quantizer *quantizer)
{
    for (uint32_t i = 0; i < quantizer->layer_count; i++) {
        struct espalier_quantized_layer *layer = &quantizer->layers[i];
        layer->levels.count = espalier_codebook_entries(layer->value_bits);
        layer->levels.unit = 1e30F;
        layer->input_step = 1.0F;
        layer->mult = 1;
        layer->bias_bits = quantizer->bias_bits;
    }
}

static enum espalier_status measure(const struct espalier_network *network, const struct espalier_quantizer *quantizer,
                                    enum espalier_format format, uint64_t *bits, struct espalier_error *error)
{
    struct espalier_model *model = NULL;
    struct espalier_packed packed;
    enum espalier_status status = espalier_export(network, quantizer, format, "", &model, error);

    if (status == ESPALIER_OK)
        status = espalier_pack(model, &packed, error);
    if (status == ESPALIER_OK) {
        *bits = packed.ledger.total_bits;
        espalier_packed_free(&packed);
    }
    espalier_model_free(model);
    return status;
}

enum espalier_status espalier_packed_bits(const struct espalier_size *size, const struct espalier_network *network,
                                          uint64_t *bits, struct espalier_error *error)
{
    const struct espalier_compress_options *recipe = size->recipe;
    struct espalier_quantizer any = {0};
    enum espalier_status status = ESPALIER_OK;

    *bits = 0;
    if (size->quantizer == NULL) {
        status = espalier_quantizer_create(network, recipe->value_bits, recipe->bias_bits, &any, error);
        if (status != ESPALIER_OK)
            return status;
        choose_any_levels(&any);
    }
    status = measure(network, size->quantizer != NULL ? size->quantizer : &any, recipe->format, bits, error);
    espalier_quantizer_free(&any);
    return status == ESPALIER_ERR_RANGE ? ESPALIER_OK : status; /* what no model can hold yet has no size yet */
}

static enum espalier_status bits_now(const void *context, const struct espalier_network *network, uint64_t *bits,
                                     struct espalier_error *error)
{
    return espalier_packed_bits(context, network, bits, error);
}

struct espalier_measure espalier_size_measure(const struct espalier_size *size)
{
    return (struct espalier_measure){.bits = bits_now, .context = size};
}
