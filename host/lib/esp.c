/* The .esp model file. ESP.md beside this file specifies it: header, layer records, made_by, weight stream, CRC-32.
 * Layer records are written and read by one table of fields (layer_fields.c).
 *
 * A file is hostile until proven otherwise: no length is used before it is checked against the bytes that are there,
 * and no array is allocated before the shapes are checked and the positions are in proportion to the stream. */
#include <espalier/pack.h>

#include "file.h"
#include "layer_fields.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const uint8_t magic[8] = {'E', 'S', 'P', 'A', 'L', 'I', 'E', 'R'};
enum {
    VERSION = 1,
    MADE_BY_MAX = 1023,
    CRC_BYTES = 4,
    FILE_MAX = 1 << 29, /* all weights of the largest model, dense, are half of it */
};

/* The header behind the magic, field by field; reserved is 0. */
enum header_field {
    FIELD_VERSION,
    FIELD_LAYERS,
    FIELD_MADE_BY,
    FIELD_RESERVED,
    FIELD_DENSE,
    FIELD_STREAM,
    HEADER_FIELDS
};
static const uint8_t header_field_bytes[HEADER_FIELDS] = {
    [FIELD_VERSION] = 2,  [FIELD_LAYERS] = 2, [FIELD_MADE_BY] = 2,
    [FIELD_RESERVED] = 2, [FIELD_DENSE] = 8,  [FIELD_STREAM] = 4,
};
enum { HEADER_BYTES = 8 + 2 + 2 + 2 + 2 + 8 + 4 };

static uint8_t *put_little_endian(uint8_t *place, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *place++ = (uint8_t)(value >> 8 * i);
    return place;
}

static uint64_t get_little_endian(const uint8_t *place, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;)
        value = value << 8 | place[i];
    return value;
}

static uint32_t checksum(const uint8_t *bytes, size_t size)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, size);
}

static size_t record_bytes(void)
{
    size_t count, bytes = 0;
    const struct espalier_layer_field *fields = espalier_layer_fields(&count);
    for (size_t i = 0; i < count; i++)
        bytes += fields[i].file_bytes;
    return bytes;
}

/* ---- writing ---- */

static uint8_t *write_record(uint8_t *place, const struct espalier_layer *layer)
{
    size_t count;
    const struct espalier_layer_field *fields = espalier_layer_fields(&count);
    for (size_t i = 0; i < count; i++)
        place = put_little_endian(place, espalier_layer_field_get(layer, &fields[i]), fields[i].file_bytes);
    return place;
}

static void write_file_image(const struct espalier_model *model, const struct espalier_packed *packed,
                             const char *made_by, uint8_t *place)
{
    const uint8_t *begin = place;
    const uint64_t header[HEADER_FIELDS] = {
        [FIELD_VERSION] = VERSION,         [FIELD_LAYERS] = model->layer_count,
        [FIELD_MADE_BY] = strlen(made_by), [FIELD_DENSE] = model->dense_weights,
        [FIELD_STREAM] = packed->size,
    };
    memcpy(place, magic, sizeof magic);
    place += sizeof magic;
    for (size_t i = 0; i < HEADER_FIELDS; i++)
        place = put_little_endian(place, header[i], header_field_bytes[i]);
    for (uint32_t i = 0; i < model->layer_count; i++)
        place = write_record(place, &model->layers[i]);
    memcpy(place, made_by, strlen(made_by));
    place += strlen(made_by);
    memcpy(place, packed->bytes, packed->size);
    place += packed->size;
    put_little_endian(place, checksum(begin, (size_t)(place - begin)), CRC_BYTES);
}

/* Whether a reader would allocate the model's arrays for a stream of @p stream_bytes. */
static bool positions_in_proportion(const struct espalier_model *model, uint64_t stream_bytes)
{
    uint64_t positions = 0;
    for (uint32_t i = 0; i < model->layer_count; i++)
        positions += (uint64_t)model->layers[i].rows * espalier_layer_columns(&model->layers[i]);
    return positions / ESPALIER_POSITIONS_A_BYTE <= stream_bytes;
}

enum espalier_status espalier_model_save(const struct espalier_model *model, const char *path,
                                         struct espalier_error *error)
{
    struct espalier_packed packed;
    uint8_t *image = NULL;
    const char *made_by = model->made_by ? model->made_by : "";
    enum espalier_status status = espalier_pack(model, &packed, error);
    if (status != ESPALIER_OK)
        return status;
    size_t size = HEADER_BYTES + model->layer_count * record_bytes() + strlen(made_by) + packed.size + CRC_BYTES;
    if (size > FILE_MAX || !positions_in_proportion(model, packed.size)) {
        status = espalier_fail(error, ESPALIER_ERR_RANGE, "%s: the model is too large, or too empty, for an .esp file",
                               path);
        goto done;
    }
    image = malloc(size);
    if (!image) {
        status = espalier_fail(error, ESPALIER_ERR_MEMORY, "%s: no memory for %zu bytes", path, size);
        goto done;
    }
    write_file_image(model, &packed, made_by, image);
    status = espalier_file_write(path, image, size, error);
done:
    free(image);
    espalier_packed_free(&packed);
    return status;
}

/* ---- reading ---- */

struct source {
    const char *name;
    const uint8_t *bytes;
    size_t size;
    uint64_t header[HEADER_FIELDS];
    struct espalier_error *error;
};

#define DAMAGED(source, ...) espalier_fail((source)->error, ESPALIER_ERR_FORMAT, __VA_ARGS__)

/* Magic, length, checksum and version: after this all parts lie within the bytes. */
static enum espalier_status read_header(struct source *source)
{
    const char *name = source->name;
    if (source->size < sizeof magic || memcmp(source->bytes, magic, sizeof magic) != 0)
        return DAMAGED(source, "%s: not an .esp model file", name);
    if (source->size < HEADER_BYTES + CRC_BYTES || source->size > FILE_MAX)
        return DAMAGED(source, "%s: %zu bytes are %s for an .esp file", name, source->size,
                       source->size > FILE_MAX ? "too many" : "too few");
    const uint8_t *place = source->bytes + sizeof magic;
    for (size_t i = 0; i < HEADER_FIELDS; i++) {
        source->header[i] = get_little_endian(place, header_field_bytes[i]);
        place += header_field_bytes[i];
    }
    const uint64_t *header = source->header;
    if (header[FIELD_VERSION] != VERSION)
        return DAMAGED(source, "%s: version %u, but only version %d is known", name, (unsigned)header[FIELD_VERSION],
                       VERSION);
    uint64_t size =
        HEADER_BYTES + header[FIELD_LAYERS] * record_bytes() + header[FIELD_MADE_BY] + header[FIELD_STREAM] + CRC_BYTES;
    if (size != source->size)
        return DAMAGED(source, "%s: %zu bytes long, but its header says %llu", name, source->size,
                       (unsigned long long)size);
    size_t covered = source->size - CRC_BYTES;
    if (checksum(source->bytes, covered) != get_little_endian(source->bytes + covered, CRC_BYTES))
        return DAMAGED(source, "%s: the checksum is wrong: the file is damaged", name);
    if (header[FIELD_LAYERS] == 0 || header[FIELD_LAYERS] > ESPALIER_LAYERS_MAX)
        return DAMAGED(source, "%s: %u layers, not 1 to %d", name, (unsigned)header[FIELD_LAYERS], ESPALIER_LAYERS_MAX);
    if (header[FIELD_MADE_BY] > MADE_BY_MAX || header[FIELD_RESERVED] != 0)
        return DAMAGED(source, "%s: made_by of %u bytes or a reserved field that is not 0", name,
                       (unsigned)header[FIELD_MADE_BY]);
    return ESPALIER_OK;
}

/* A number out of its range is refused before it is stored: a bool must never hold a 2. */
static enum espalier_status read_record(const struct source *source, uint32_t number, const uint8_t *place,
                                        struct espalier_layer *layer)
{
    size_t count;
    const struct espalier_layer_field *fields = espalier_layer_fields(&count);
    for (size_t i = 0; i < count; i++) {
        uint32_t value = (uint32_t)get_little_endian(place, fields[i].file_bytes);
        if (value < fields[i].low || value > fields[i].high)
            return DAMAGED(source, "%s: layer %u: %s is %u, not %u to %u", source->name, number, fields[i].name, value,
                           fields[i].low, fields[i].high);
        espalier_layer_field_set(layer, &fields[i], value);
        place += fields[i].file_bytes;
    }
    return ESPALIER_OK;
}

static enum espalier_status read_made_by(const struct source *source, const uint8_t *place,
                                         struct espalier_model *model)
{
    size_t size = (size_t)source->header[FIELD_MADE_BY];
    model->made_by = malloc(size + 1);
    if (!model->made_by)
        return espalier_fail(source->error, ESPALIER_ERR_MEMORY, "%s: no memory for made_by", source->name);
    memcpy(model->made_by, place, size);
    model->made_by[size] = '\0';
    if (strlen(model->made_by) != size)
        return DAMAGED(source, "%s: made_by holds a zero byte", source->name);
    return ESPALIER_OK;
}

/* Everything behind the header, into a model of the right number of layers. */
static enum espalier_status read_body(const struct source *source, struct espalier_model *model)
{
    struct espalier_error reason = {0};
    const uint8_t *place = source->bytes + HEADER_BYTES;
    uint64_t stream_bytes = source->header[FIELD_STREAM];
    enum espalier_status status = ESPALIER_OK;
    for (uint32_t i = 0; i < model->layer_count; i++, place += record_bytes()) {
        status = read_record(source, i + 1, place, &model->layers[i]);
        if (status != ESPALIER_OK)
            return status;
    }
    model->dense_weights = source->header[FIELD_DENSE];
    status = read_made_by(source, place, model);
    if (status != ESPALIER_OK)
        return status;
    place += source->header[FIELD_MADE_BY];
    status = espalier_model_check_shapes(model, &reason);
    if (status == ESPALIER_OK && !positions_in_proportion(model, stream_bytes))
        return DAMAGED(source, "%s: too many weights for a stream of %llu bytes", source->name,
                       (unsigned long long)stream_bytes);
    for (uint32_t i = 0; i < model->layer_count && status == ESPALIER_OK; i++)
        status = espalier_layer_allocate(&model->layers[i], &reason);
    if (status == ESPALIER_OK)
        status = espalier_unpack(place, (size_t)stream_bytes, model, &reason);
    if (status == ESPALIER_ERR_RANGE)
        status = ESPALIER_ERR_FORMAT; /* in a file, a number out of range is a fault of the file */
    return status == ESPALIER_OK ? status
                                 : espalier_fail(source->error, status, "%s: %s", source->name, reason.message);
}

enum espalier_status espalier_model_parse(const uint8_t *bytes, size_t size, const char *name,
                                          struct espalier_model **out, struct espalier_error *error)
{
    struct source source = {.name = name, .bytes = bytes, .size = size, .error = error};
    *out = NULL;
    enum espalier_status status = read_header(&source);
    if (status != ESPALIER_OK)
        return status;
    struct espalier_model *model;
    status = espalier_model_create((uint32_t)source.header[FIELD_LAYERS], &model, error);
    if (status != ESPALIER_OK)
        return status;
    status = read_body(&source, model);
    if (status == ESPALIER_OK)
        *out = model;
    else
        espalier_model_free(model);
    return status;
}

enum espalier_status espalier_model_load(const char *path, struct espalier_model **out, struct espalier_error *error)
{
    uint8_t *bytes;
    size_t size;
    *out = NULL;
    enum espalier_status status = espalier_file_read(path, FILE_MAX, &bytes, &size, error);
    if (status != ESPALIER_OK)
        return status;
    status = espalier_model_parse(bytes, size, path, out, error);
    free(bytes);
    return status;
}
