/* Checkpoints of float networks. All integers and floats are little-endian, floats IEEE 754 binary32:
 *
 *   magic "ESPF", version (4), layers (4), bytes of made_by (4), dense weights (8)
 *   made_by, not terminated
 *   a layer: in_channels, in_height, in_width, rows (2 each), kernel_height, kernel_width, stride, pad, pool, relu (1
 * each) weights (4 each), biases (4 each), mask (1 each), in the order of struct espalier_float_layer CRC-32 of
 * everything before it (4)
 *
 * The reader trusts nothing: the CRC is checked first, then every size against the bytes that are there. */
#include "file.h"

#include <espalier/model.h>
#include <espalier/network.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { VERSION = 1, HEADER_BYTES = 24, SHAPE_BYTES = 14, CRC_BYTES = 4, MADE_BY_MAX = 1023 };
static const char MAGIC[4] = {'E', 'S', 'P', 'F'};
static const size_t FILE_MAX = (size_t)1 << 30;

/* A cursor over bytes; sizes are checked before it moves. */
struct cursor {
    uint8_t *at;
    size_t left;
};

static void put(struct cursor *cursor, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *cursor->at++ = (uint8_t)(value >> (8 * i));
    cursor->left -= bytes;
}

static uint64_t get(struct cursor *cursor, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)*cursor->at++ << (8 * i);
    cursor->left -= bytes;
    return value;
}

static void put_floats(struct cursor *cursor, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        put(cursor, bits, sizeof bits);
    }
}

/* False if one is not finite. */
static bool get_floats(struct cursor *cursor, float *values, size_t count)
{
    bool finite = true;

    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)get(cursor, sizeof bits);
        memcpy(&values[i], &bits, sizeof bits);
        finite = finite && isfinite(values[i]);
    }
    return finite;
}

static size_t layer_bytes(const struct espalier_shape *shape)
{
    return shape->rows * espalier_shape_columns(shape) * (sizeof(float) + 1) + shape->rows * sizeof(float);
}

/* ---- Writing */

static void put_layer(struct cursor *cursor, const struct espalier_float_layer *layer)
{
    const struct espalier_shape *shape = &layer->shape;
    size_t weights = shape->rows * espalier_shape_columns(shape);
    const uint16_t sizes[] = {shape->in_channels, shape->in_height, shape->in_width, shape->rows};
    const uint8_t details[] = {shape->kernel_height, shape->kernel_width, shape->stride,
                               shape->pad,           shape->pool,         shape->relu};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        put(cursor, sizes[i], 2);
    for (size_t i = 0; i < sizeof details; i++)
        put(cursor, details[i], 1);
    put_floats(cursor, layer->weights, weights);
    put_floats(cursor, layer->bias, shape->rows);
    for (size_t i = 0; i < weights; i++)
        put(cursor, layer->mask[i], 1);
}

static void put_network(struct cursor *cursor, const struct espalier_network *network, const char *made_by,
                        size_t made_by_bytes)
{
    uint8_t *start = cursor->at;

    for (size_t i = 0; i < sizeof MAGIC; i++)
        put(cursor, (uint8_t)MAGIC[i], 1);
    put(cursor, VERSION, 4);
    put(cursor, network->layer_count, 4);
    put(cursor, made_by_bytes, 4);
    put(cursor, network->dense_weights, 8);
    for (size_t i = 0; i < made_by_bytes; i++)
        put(cursor, (uint8_t)made_by[i], 1);
    for (uint32_t i = 0; i < network->layer_count; i++)
        put_layer(cursor, &network->layers[i]);
    put(cursor, crc32_z(0, start, (size_t)(cursor->at - start)), CRC_BYTES);
}

enum espalier_status espalier_network_save(const struct espalier_network *network, const char *made_by,
                                           const char *path, struct espalier_error *error)
{
    size_t made_by_bytes = strlen(made_by), size = HEADER_BYTES + made_by_bytes + CRC_BYTES;

    if (made_by_bytes > MADE_BY_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "%s: made_by has %zu bytes, at most %d can be", path,
                             made_by_bytes, MADE_BY_MAX);
    for (uint32_t i = 0; i < network->layer_count; i++)
        size += SHAPE_BYTES + layer_bytes(&network->layers[i].shape);
    uint8_t *bytes = malloc(size);
    if (bytes == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "%s: out of memory for %zu bytes", path, size);
    put_network(&(struct cursor){bytes, size}, network, made_by, made_by_bytes);
    enum espalier_status status = espalier_file_write(path, bytes, size, error);
    free(bytes);
    return status;
}

/* ---- Reading */

struct header {
    uint32_t layer_count;
    size_t made_by_bytes;
    uint64_t dense_weights;
};

/* Checks magic, CRC and version; leaves the cursor behind the header, without the CRC's bytes. */
static enum espalier_status get_header(struct cursor *cursor, struct header *header, const char *path,
                                       struct espalier_error *error)
{
    if (cursor->left < HEADER_BYTES + CRC_BYTES || memcmp(cursor->at, MAGIC, sizeof MAGIC) != 0)
        return espalier_fail(error, ESPALIER_ERR_FORMAT, "%s: not a checkpoint of a float network", path);
    struct cursor trailer = {cursor->at + cursor->left - CRC_BYTES, CRC_BYTES};
    if (crc32_z(0, cursor->at, cursor->left - CRC_BYTES) != get(&trailer, CRC_BYTES))
        return espalier_fail(error, ESPALIER_ERR_FORMAT, "%s: damaged: the checksum is wrong", path);
    cursor->left -= CRC_BYTES;
    (void)get(cursor, sizeof MAGIC);
    uint64_t version = get(cursor, 4);
    if (version != VERSION)
        return espalier_fail(error, ESPALIER_ERR_FORMAT, "%s: version %u, this program reads %d", path,
                             (unsigned)version, VERSION);
    header->layer_count = (uint32_t)get(cursor, 4);
    header->made_by_bytes = (size_t)get(cursor, 4);
    header->dense_weights = get(cursor, 8);
    if (header->layer_count == 0 || header->layer_count > ESPALIER_LAYERS_MAX || header->made_by_bytes > MADE_BY_MAX ||
        header->made_by_bytes > cursor->left)
        return espalier_fail(error, ESPALIER_ERR_FORMAT, "%s: %u layers and %zu bytes of made_by cannot be", path,
                             header->layer_count, header->made_by_bytes);
    return ESPALIER_OK;
}

static void get_shape(struct cursor *cursor, struct espalier_shape *shape)
{
    shape->in_channels = (uint16_t)get(cursor, 2);
    shape->in_height = (uint16_t)get(cursor, 2);
    shape->in_width = (uint16_t)get(cursor, 2);
    shape->rows = (uint16_t)get(cursor, 2);
    shape->kernel_height = (uint8_t)get(cursor, 1);
    shape->kernel_width = (uint8_t)get(cursor, 1);
    shape->stride = (uint8_t)get(cursor, 1);
    shape->pad = (uint8_t)get(cursor, 1);
    shape->pool = (uint8_t)get(cursor, 1);
    shape->relu = get(cursor, 1) != 0;
}

/* Reads all shapes, stepping over the arrays between them. */
static enum espalier_status get_shapes(struct cursor cursor, uint32_t count, struct espalier_shape *shapes,
                                       const char *path, struct espalier_error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        if (cursor.left < SHAPE_BYTES)
            return espalier_fail(error, ESPALIER_ERR_FORMAT, "%s: ends before layer %u", path, i);
        get_shape(&cursor, &shapes[i]);
        if (cursor.left < layer_bytes(&shapes[i]))
            return espalier_fail(error, ESPALIER_ERR_FORMAT, "%s: ends inside layer %u", path, i);
        cursor.at += layer_bytes(&shapes[i]);
        cursor.left -= layer_bytes(&shapes[i]);
    }
    if (cursor.left != 0)
        return espalier_fail(error, ESPALIER_ERR_FORMAT, "%s: %zu bytes too many", path, cursor.left);
    return ESPALIER_OK;
}

static enum espalier_status get_arrays(struct cursor *cursor, struct espalier_network *network, const char *path,
                                       struct espalier_error *error)
{
    for (uint32_t i = 0; i < network->layer_count; i++) {
        struct espalier_float_layer *layer = &network->layers[i];
        size_t weights = layer->shape.rows * espalier_shape_columns(&layer->shape);
        cursor->at += SHAPE_BYTES;
        cursor->left -= SHAPE_BYTES;
        if (!get_floats(cursor, layer->weights, weights) || !get_floats(cursor, layer->bias, layer->shape.rows))
            return espalier_fail(error, ESPALIER_ERR_FORMAT, "%s: layer %u: a weight or bias is not finite", path, i);
        for (size_t k = 0; k < weights; k++) {
            layer->mask[k] = (uint8_t)get(cursor, 1);
            if (layer->mask[k] > 1 || (layer->mask[k] == 0 && layer->weights[k] != 0.0F))
                return espalier_fail(error, ESPALIER_ERR_FORMAT,
                                     "%s: layer %u: weight %zu does not agree with its mask", path, i, k);
        }
    }
    return ESPALIER_OK;
}

/* An impossible shape is a fault of the file. */
static enum espalier_status create_network(const struct espalier_shape *shapes, uint32_t count,
                                           struct espalier_network **out, const char *path,
                                           struct espalier_error *error)
{
    struct espalier_error reason = {0};
    enum espalier_status status = espalier_network_create(shapes, count, 0, out, &reason);

    if (status == ESPALIER_OK)
        return ESPALIER_OK;
    return espalier_fail(error, status == ESPALIER_ERR_RANGE ? ESPALIER_ERR_FORMAT : status, "%s: %.150s", path,
                         reason.message);
}

static char *copy_text(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size + 1);

    if (text != NULL) {
        memcpy(text, bytes, size);
        text[size] = '\0';
    }
    return text;
}

enum espalier_status espalier_network_load(const char *path, struct espalier_network **out, char **made_by,
                                           struct espalier_error *error)
{
    struct espalier_shape shapes[ESPALIER_LAYERS_MAX];
    struct espalier_network *network = NULL;
    struct header header = {0};
    uint8_t *bytes = NULL;
    char *text = NULL;
    size_t size = 0;

    *out = NULL;
    enum espalier_status status = espalier_file_read(path, FILE_MAX, &bytes, &size, error);
    if (status != ESPALIER_OK)
        goto done;
    struct cursor cursor = {bytes, size};
    status = get_header(&cursor, &header, path, error);
    if (status != ESPALIER_OK)
        goto done;
    text = copy_text(cursor.at, header.made_by_bytes);
    if (text == NULL) {
        status = espalier_fail(error, ESPALIER_ERR_MEMORY, "%s: out of memory", path);
        goto done;
    }
    cursor.at += header.made_by_bytes;
    cursor.left -= header.made_by_bytes;
    status = get_shapes(cursor, header.layer_count, shapes, path, error);
    if (status == ESPALIER_OK)
        status = create_network(shapes, header.layer_count, &network, path, error);
    if (status == ESPALIER_OK)
        status = get_arrays(&cursor, network, path, error);
    if (status != ESPALIER_OK)
        goto done;
    network->dense_weights = header.dense_weights;
    *out = network;
    network = NULL;
    if (made_by != NULL) {
        *made_by = text;
        text = NULL;
    }

done:
    espalier_network_free(network);
    free(text);
    free(bytes);
    return status;
}
