/* Checkpoints of float networks. All integers and floats are little-endian, floats IEEE 754 binary32:
 *
 *   magic "ESPF", version (4), layers (4), bytes of made_by (4), dense weights (8)
 *   made_by, not terminated
 *   a layer: in_channels, in_height, in_width, rows (2 each), kernel_height, kernel_width, stride, pad, pool, relu (1
 * each) weights (4 each), biases (4 each), mask (1 each), in the order of struct espalier_float_layer CRC-32 of
 * everything before it (4)
 *
 * The reader trusts nothing: the CRC is checked first, then every size against the bytes that are there. */
#include "checkpoint.h"
#include "file.h"

#include <espalier/model.h>

#include <stdlib.h>
#include <string.h>

enum { MADE_BY_MAX = 1023 };
static const struct espalier_archive_kind KIND = {
    .magic = {'E', 'S', 'P', 'F'}, .version = 1, .name = "a checkpoint of a float network"};
static const size_t FILE_MAX = (size_t)1 << 30;

/* ---- Layers */

static void visit_shape(struct espalier_archive *archive, struct espalier_shape *shape)
{
    uint8_t relu = shape->relu;

    espalier_archive_u16(archive, &shape->in_channels, 1);
    espalier_archive_u16(archive, &shape->in_height, 1);
    espalier_archive_u16(archive, &shape->in_width, 1);
    espalier_archive_u16(archive, &shape->rows, 1);
    espalier_archive_u8(archive, &shape->kernel_height, 1);
    espalier_archive_u8(archive, &shape->kernel_width, 1);
    espalier_archive_u8(archive, &shape->stride, 1);
    espalier_archive_u8(archive, &shape->pad, 1);
    espalier_archive_u8(archive, &shape->pool, 1);
    espalier_archive_u8(archive, &relu, 1);
    shape->relu = relu != 0;
}

static bool same_shape(const struct espalier_shape *a, const struct espalier_shape *b)
{
    return a->in_channels == b->in_channels && a->in_height == b->in_height && a->in_width == b->in_width &&
           a->rows == b->rows && a->kernel_height == b->kernel_height && a->kernel_width == b->kernel_width &&
           a->stride == b->stride && a->pad == b->pad && a->pool == b->pool && a->relu == b->relu;
}

static void check_masks(struct espalier_archive *archive, const struct espalier_float_layer *layer, uint32_t number)
{
    for (size_t k = 0; k < espalier_shape_weights(&layer->shape) && espalier_archive_good(archive); k++)
        espalier_archive_expect(archive, layer->mask[k] == 1 || (layer->mask[k] == 0 && layer->weights[k] == 0.0F),
                                "layer %u: weight %zu does not agree with its mask", number, k);
}

void espalier_archive_layers(struct espalier_archive *archive, struct espalier_network *network)
{
    for (uint32_t i = 0; i < network->layer_count && espalier_archive_good(archive); i++) {
        struct espalier_float_layer *layer = &network->layers[i];
        struct espalier_shape shape = layer->shape;
        visit_shape(archive, &shape);
        espalier_archive_expect(archive, same_shape(&shape, &layer->shape), "layer %u has another shape", i + 1);
        if (!espalier_archive_good(archive))
            return;
        espalier_archive_floats(archive, layer->weights, espalier_shape_weights(&shape));
        espalier_archive_floats(archive, layer->bias, shape.rows);
        espalier_archive_u8(archive, layer->mask, espalier_shape_weights(&shape));
        if (archive->reading)
            check_masks(archive, layer, i + 1);
    }
}

void espalier_archive_create(struct espalier_archive *archive, uint32_t layer_count, struct espalier_network **out)
{
    struct espalier_shape shapes[ESPALIER_LAYERS_MAX] = {{0}};
    struct espalier_error reason = {0};
    size_t begin = archive->at;

    *out = NULL;
    espalier_archive_expect(archive, layer_count > 0 && layer_count <= ESPALIER_LAYERS_MAX, "%u layers cannot be",
                            layer_count);
    for (uint32_t i = 0; i < layer_count && espalier_archive_good(archive); i++) {
        visit_shape(archive, &shapes[i]);
        if (espalier_archive_good(archive))
            espalier_archive_skip(archive, espalier_shape_weights(&shapes[i]) * (sizeof(float) + 1) +
                                               shapes[i].rows * sizeof(float));
    }
    if (!espalier_archive_good(archive))
        return;
    archive->at = begin;
    enum espalier_status status = espalier_network_create(shapes, layer_count, 0, out, &reason);
    if (status == ESPALIER_ERR_MEMORY)
        archive->status = espalier_fail(archive->error, status, "%s: %.150s", archive->path, reason.message);
    espalier_archive_expect(archive, status == ESPALIER_OK, "%.150s", reason.message);
}

/* ---- The file */

struct header {
    uint32_t layer_count, made_by_bytes;
    uint64_t dense_weights;
};

static void visit_header(struct espalier_archive *archive, struct header *header)
{
    espalier_archive_begin(archive, &KIND);
    espalier_archive_u32(archive, &header->layer_count, 1);
    espalier_archive_u32(archive, &header->made_by_bytes, 1);
    espalier_archive_u64(archive, &header->dense_weights, 1);
    espalier_archive_expect(archive, header->made_by_bytes <= MADE_BY_MAX, "%u bytes of made_by cannot be",
                            header->made_by_bytes);
}

enum espalier_status espalier_network_save(const struct espalier_network *network, const char *made_by,
                                           const char *path, struct espalier_error *error)
{
    struct espalier_archive archive = {.path = path, .error = error};
    struct header header = {.layer_count = network->layer_count, .dense_weights = network->dense_weights};
    struct espalier_network written = *network; /* only read, but a visit may also fill it */

    if (strlen(made_by) > MADE_BY_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "%s: made_by has %zu bytes, at most %d can be", path,
                             strlen(made_by), MADE_BY_MAX);
    header.made_by_bytes = (uint32_t)strlen(made_by);
    visit_header(&archive, &header);
    for (uint32_t i = 0; i < header.made_by_bytes; i++)
        espalier_archive_u8(&archive, &(uint8_t){(uint8_t)made_by[i]}, 1);
    espalier_archive_layers(&archive, &written);
    espalier_archive_seal(&archive);
    if (espalier_archive_good(&archive))
        archive.status = espalier_file_write(path, archive.bytes, archive.at, error);
    free(archive.bytes);
    return archive.status;
}

/* Reads all that a file holds; *text and *network are the caller's, and may be there without the other. */
static void read_all(struct espalier_archive *archive, char **text, struct espalier_network **network)
{
    struct header header = {0};

    visit_header(archive, &header);
    if (!espalier_archive_good(archive))
        return;
    *text = calloc(header.made_by_bytes + 1, 1);
    if (*text == NULL)
        archive->status = espalier_fail(archive->error, ESPALIER_ERR_MEMORY, "%s: out of memory", archive->path);
    espalier_archive_u8(archive, (uint8_t *)*text, header.made_by_bytes);
    espalier_archive_create(archive, header.layer_count, network);
    if (!espalier_archive_good(archive))
        return;
    espalier_archive_layers(archive, *network);
    espalier_archive_expect(archive, archive->at == archive->size, "%zu bytes too many", archive->size - archive->at);
    (*network)->dense_weights = header.dense_weights;
}

enum espalier_status espalier_network_load(const char *path, struct espalier_network **out, char **made_by,
                                           struct espalier_error *error)
{
    struct espalier_archive archive = {.reading = true, .path = path, .error = error};
    struct espalier_network *network = NULL;
    char *text = NULL;

    *out = NULL;
    archive.status = espalier_file_read(path, FILE_MAX, &archive.bytes, &archive.size, error);
    read_all(&archive, &text, &network);
    if (espalier_archive_good(&archive)) {
        *out = network;
        network = NULL;
        if (made_by != NULL) {
            *made_by = text;
            text = NULL;
        }
    }
    espalier_network_free(network);
    free(text);
    free(archive.bytes);
    return archive.status;
}
