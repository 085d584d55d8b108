#include "dead.h"
#include "network/batch.h"
#include "network/pass.h"
#include "purify.h"

#include <espalier/model.h>
#include <stdlib.h>

enum { DEAD_BATCH = 64 };

/* Rows that were not active yet, layer by layer. */
struct silent {
    uint32_t count;                     /* of all layers */
    uint8_t *rows[ESPALIER_LAYERS_MAX]; /* [rows] 1: silent; NULL: the layer is not asked */
};

static enum espalier_status create_silent(const struct espalier_network *network, struct silent *silent,
                                          struct espalier_error *error)
{
    for (uint32_t i = 0; i + 1 < network->layer_count; i++) {
        const struct espalier_float_layer *layer = &network->layers[i];
        if (!layer->shape.relu)
            continue;
        silent->rows[i] = malloc(layer->shape.rows);
        if (silent->rows[i] == NULL)
            return espalier_fail(error, ESPALIER_ERR_MEMORY, "layer %u: out of memory", i);
        for (size_t row = 0; row < layer->shape.rows; row++)
            silent->count += silent->rows[i][row] = espalier_row_weights(layer, row) > 0;
    }
    return ESPALIER_OK;
}

/* Strikes out the rows of a layer that the last batch made active. */
static void hear(struct silent *silent, const struct espalier_pass *pass, uint32_t layer, uint32_t rows)
{
    size_t size = 0;
    const float *output = espalier_pass_output(pass, layer, &size);

    size /= rows;
    for (uint32_t row = 0; row < rows; row++, output += size)
        for (size_t i = 0; i < size && silent->rows[layer][row]; i++)
            if (output[i] > 0.0F) {
                silent->rows[layer][row] = 0;
                silent->count--;
            }
}

/* Listens until no row is silent, or there are no more images. */
static enum espalier_status listen(const struct espalier_network *network, const struct espalier_dataset *data,
                                   uint32_t images, struct silent *silent, struct espalier_error *error)
{
    struct espalier_view views[ESPALIER_LAYERS_MAX];
    struct espalier_pass *pass = NULL;
    enum espalier_status status = espalier_pass_create(network, DEAD_BATCH, &pass, error);

    if (status != ESPALIER_OK)
        return status;
    espalier_views_of(network, views);
    for (uint32_t first = 0; first < images && silent->count > 0; first += DEAD_BATCH) {
        uint32_t order[DEAD_BATCH]; /* the last batch is filled up with the last image */
        for (uint32_t n = 0; n < DEAD_BATCH; n++)
            order[n] = first + n < images ? first + n : images - 1;
        espalier_batch_fill(data, order, DEAD_BATCH, DEAD_BATCH, 0.0F, NULL, espalier_pass_input(pass));
        (void)espalier_pass_forward(pass, views, NULL);
        for (uint32_t i = 0; i + 1 < network->layer_count; i++)
            if (silent->rows[i] != NULL)
                hear(silent, pass, i, network->layers[i].shape.rows);
    }
    espalier_pass_free(pass);
    return ESPALIER_OK;
}

static void clear_silent(struct espalier_float_layer *layer, const uint8_t *silent)
{
    size_t active = 0;

    for (size_t row = 0; row < layer->shape.rows; row++)
        active += espalier_row_weights(layer, row) > 0 && !silent[row];
    for (size_t row = 0; row < layer->shape.rows && active > 0; row++)
        if (silent[row]) {
            espalier_clear_row(layer, row);
            layer->bias[row] = 0.0F;
        }
}

enum espalier_status espalier_cut_dead(struct espalier_network *network, const struct espalier_dataset *data,
                                       uint32_t images, struct espalier_error *error)
{
    struct silent silent = {0};
    enum espalier_status status = create_silent(network, &silent, error);

    if (status == ESPALIER_OK && images > 0)
        status = listen(network, data, images, &silent, error);
    for (uint32_t i = 0; i + 1 < network->layer_count; i++) {
        if (status == ESPALIER_OK && images > 0 && silent.rows[i] != NULL)
            clear_silent(&network->layers[i], silent.rows[i]);
        free(silent.rows[i]);
    }
    if (status == ESPALIER_OK)
        espalier_cut_unused(network);
    return status;
}
