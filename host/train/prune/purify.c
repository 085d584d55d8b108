#include "purify.h"

#include <stdlib.h>
#include <string.h>

/* Columns of a layer that read one channel. */
static size_t kernel_size(const struct espalier_shape *shape)
{
    return (size_t)shape->kernel_height * shape->kernel_width;
}

uint32_t espalier_row_weights(const struct espalier_float_layer *layer, size_t row)
{
    size_t columns = espalier_shape_columns(&layer->shape);
    uint32_t count = 0;

    for (size_t column = 0; column < columns; column++)
        count += layer->mask[row * columns + column];
    return count;
}

static bool is_read(const struct espalier_float_layer *reader, size_t channel)
{
    size_t columns = espalier_shape_columns(&reader->shape), kernel = kernel_size(&reader->shape);

    for (size_t row = 0; row < reader->shape.rows; row++)
        for (size_t k = channel * kernel; k < (channel + 1) * kernel; k++)
            if (reader->mask[row * columns + k])
                return true;
    return false;
}

/* Moves what a channel of constant activation gives into the reader's biases, and cuts the reader off from it. */
static void fold_constant(struct espalier_float_layer *reader, size_t channel, float constant)
{
    size_t columns = espalier_shape_columns(&reader->shape), kernel = kernel_size(&reader->shape);

    for (size_t row = 0; row < reader->shape.rows; row++)
        for (size_t k = channel * kernel; k < (channel + 1) * kernel; k++) {
            reader->bias[row] += reader->weights[row * columns + k] * constant;
            reader->weights[row * columns + k] = 0.0F;
            reader->mask[row * columns + k] = 0;
        }
}

/* Gives a layer the rows order[0..count-1] of its present ones, and its reader the columns to match. */
static enum espalier_status select_rows(struct espalier_network *network, uint32_t index, const uint32_t *order,
                                        uint16_t count, struct espalier_error *error)
{
    struct espalier_shape shapes[2] = {network->layers[index].shape, network->layers[index + 1].shape};
    struct espalier_float_layer *layer = &network->layers[index], *reader = &network->layers[index + 1];
    size_t columns = espalier_shape_columns(&layer->shape), kernel = kernel_size(&reader->shape);
    size_t old_reads = espalier_shape_columns(&reader->shape), new_reads = count * kernel;
    struct espalier_network *chosen = NULL;

    shapes[0].rows = count;
    shapes[1].in_channels = count;
    enum espalier_status status = espalier_network_create(shapes, 2, 0, &chosen, error);
    if (status != ESPALIER_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        memcpy(chosen->layers[0].weights + i * columns, layer->weights + order[i] * columns,
               columns * sizeof *layer->weights);
        memcpy(chosen->layers[0].mask + i * columns, layer->mask + order[i] * columns, columns);
        chosen->layers[0].bias[i] = layer->bias[order[i]];
        for (size_t row = 0; row < reader->shape.rows; row++) {
            size_t to = row * new_reads + i * kernel, from = row * old_reads + order[i] * kernel;
            memcpy(chosen->layers[1].weights + to, reader->weights + from, kernel * sizeof *reader->weights);
            memcpy(chosen->layers[1].mask + to, reader->mask + from, kernel);
        }
    }
    memcpy(chosen->layers[1].bias, reader->bias, reader->shape.rows * sizeof *reader->bias);
    for (uint32_t i = 0; i < 2; i++) { /* swap, so that the old arrays are freed */
        struct espalier_float_layer old = network->layers[index + i];
        network->layers[index + i] = chosen->layers[i];
        chosen->layers[i] = old;
    }
    espalier_network_free(chosen);
    return ESPALIER_OK;
}

void espalier_clear_row(struct espalier_float_layer *layer, size_t row)
{
    size_t columns = espalier_shape_columns(&layer->shape);

    memset(layer->weights + row * columns, 0, columns * sizeof *layer->weights);
    memset(layer->mask + row * columns, 0, columns);
}

/* Cuts what is of no use between a layer and its reader; true if anything was. */
static bool cut_between(struct espalier_float_layer *layer, struct espalier_float_layer *reader)
{
    bool changed = false;

    for (size_t row = 0; row < layer->shape.rows; row++) {
        float constant = layer->shape.relu && layer->bias[row] < 0.0F ? 0.0F : layer->bias[row];
        bool has_weights = espalier_row_weights(layer, row) > 0, read = is_read(reader, row);
        if (!has_weights && read && (reader->shape.pad == 0 || constant == 0.0F))
            fold_constant(reader, row, constant);
        else if (has_weights && !read)
            espalier_clear_row(layer, row);
        else
            continue;
        changed = true;
    }
    return changed;
}

void espalier_cut_unused(struct espalier_network *network)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i + 1 < network->layer_count; i++)
            changed = cut_between(&network->layers[i], &network->layers[i + 1]) || changed;
    }
}

/* Removes the rows that nobody reads. */
static enum espalier_status remove_unread(struct espalier_network *network, uint32_t index,
                                          struct espalier_error *error)
{
    uint16_t rows = network->layers[index].shape.rows, count = 0;
    uint32_t *stay = malloc(rows * sizeof *stay);
    enum espalier_status status = ESPALIER_OK;

    if (stay == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "layer %u: out of memory", index);
    for (uint32_t row = 0; row < rows; row++)
        if (is_read(&network->layers[index + 1], row))
            stay[count++] = row;
    if (count == 0)
        stay[count++] = 0;
    if (count < rows)
        status = select_rows(network, index, stay, count, error);
    free(stay);
    return status;
}

enum espalier_status espalier_purify(struct espalier_network *network, struct espalier_error *error)
{
    enum espalier_status status = ESPALIER_OK;

    espalier_cut_unused(network);
    for (uint32_t i = 0; i + 1 < network->layer_count && status == ESPALIER_OK; i++)
        status = remove_unread(network, i, error);
    return status;
}

struct counted {
    uint32_t weights, row;
};

static int compare(const void *left, const void *right)
{
    const struct counted *a = left, *b = right;

    if (a->weights != b->weights)
        return a->weights > b->weights ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

static enum espalier_status sort_layer(struct espalier_network *network, uint32_t index, struct espalier_error *error)
{
    const struct espalier_float_layer *layer = &network->layers[index];
    uint16_t rows = layer->shape.rows;
    struct counted *counted = malloc(rows * sizeof *counted);
    uint32_t *order = malloc(rows * sizeof *order);
    enum espalier_status status;

    if (counted == NULL || order == NULL) {
        status = espalier_fail(error, ESPALIER_ERR_MEMORY, "layer %u: out of memory", index);
        goto done;
    }
    for (uint32_t row = 0; row < rows; row++)
        counted[row] = (struct counted){espalier_row_weights(layer, row), row};
    qsort(counted, rows, sizeof *counted, compare);
    for (uint32_t row = 0; row < rows; row++)
        order[row] = counted[row].row;
    status = select_rows(network, index, order, rows, error);

done:
    free(counted);
    free(order);
    return status;
}

enum espalier_status espalier_sort_rows(struct espalier_network *network, struct espalier_error *error)
{
    enum espalier_status status = ESPALIER_OK;

    for (uint32_t i = 0; i + 1 < network->layer_count && status == ESPALIER_OK; i++)
        status = sort_layer(network, i, error);
    return status;
}
