/* IDX files: a big-endian magic number (0, 0, type 8 = unsigned byte, number of dimensions), the dimensions as 32-bit
 * big-endian integers, then the bytes. zlib reads plain and gzip-compressed files alike.
 *
 * The dimensions are not trusted: memory grows with the bytes that really come out of the file. */
#include <espalier/dataset.h>
#include <espalier/random.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    IDX_TYPE_BYTE = 8,
    EDGE_MAX = 4096, /* pixels on a side of an image */
    CHUNK = 1 << 20  /* first allocation, and most bytes a read asks for */
};
static const uint64_t BYTES_MAX = UINT64_C(1) << 30; /* of one file, uncompressed */

static uint32_t big_endian_32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Reads exactly @p size bytes into memory that doubles as they arrive. */
static enum espalier_status read_bytes(gzFile file, const char *path, uint64_t size, uint8_t **out,
                                       struct espalier_error *error)
{
    uint8_t *bytes = NULL;
    uint64_t capacity = 0, filled = 0;
    enum espalier_status status = ESPALIER_OK;
    while (filled < size) {
        if (filled == capacity) {
            capacity = capacity ? 2 * capacity : CHUNK;
            if (capacity > size)
                capacity = size;
            uint8_t *grown = realloc(bytes, (size_t)capacity);
            if (!grown) {
                status = espalier_fail(error, ESPALIER_ERR_MEMORY, "%s: no memory for %llu bytes", path,
                                       (unsigned long long)capacity);
                goto fail;
            }
            bytes = grown;
        }
        uint64_t wanted = capacity - filled < CHUNK ? capacity - filled : CHUNK;
        int got = gzread(file, bytes + filled, (unsigned)wanted);
        if (got <= 0) {
            int code = Z_OK;
            const char *reason = gzerror(file, &code);
            if (code == Z_ERRNO)
                status = espalier_fail(error, ESPALIER_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
            else
                status = espalier_fail(error, ESPALIER_ERR_FORMAT, "%s: ends after %llu of %llu bytes%s%s", path,
                                       (unsigned long long)filled, (unsigned long long)size, code == Z_OK ? "" : ": ",
                                       code == Z_OK ? "" : reason);
            goto fail;
        }
        filled += (uint64_t)got;
    }
    *out = bytes;
    return ESPALIER_OK;
fail:
    free(bytes);
    return status;
}

/* Refuses bytes behind the last one announced. Reaching the end also makes zlib check a compressed file's own checksum.
 */
static enum espalier_status expect_end(gzFile file, const char *path, struct espalier_error *error)
{
    uint8_t extra;
    int code = Z_OK, got = gzread(file, &extra, 1);
    gzerror(file, &code);
    if (got == 0 && code == Z_OK)
        return ESPALIER_OK;
    return espalier_fail(error, ESPALIER_ERR_FORMAT, "%s: %s", path,
                         got > 0 ? "goes on behind its last item" : "compressed data is damaged");
}

/* Reads an IDX file of @p dimensions dimensions. @p sizes receives them and *bytes the product of them many bytes. */
static enum espalier_status read_idx(const char *path, uint32_t dimensions, uint32_t *sizes, uint8_t **bytes,
                                     struct espalier_error *error)
{
    uint8_t *header = NULL;
    *bytes = NULL;
    errno = 0;
    gzFile file = gzopen(path, "rb");
    if (!file)
        return espalier_fail(error, ESPALIER_ERR_IO, "%s: cannot be opened: %s", path,
                             strerror(errno ? errno : ENOMEM));
    enum espalier_status status = read_bytes(file, path, 4 + 4 * (uint64_t)dimensions, &header, error);
    if (status != ESPALIER_OK)
        goto done;
    if (big_endian_32(header) != (IDX_TYPE_BYTE << 8 | dimensions)) {
        status = espalier_fail(error, ESPALIER_ERR_FORMAT,
                               "%s: not an IDX file of bytes in %u dimension(s): it begins with %02x %02x %02x %02x",
                               path, dimensions, header[0], header[1], header[2], header[3]);
        goto done;
    }
    uint64_t total = 1;
    for (uint32_t i = 0; i < dimensions; i++) {
        sizes[i] = big_endian_32(header + 4 + 4 * i);
        if (sizes[i] == 0 || (i > 0 && sizes[i] > EDGE_MAX) || (total *= sizes[i]) > BYTES_MAX) {
            status =
                espalier_fail(error, ESPALIER_ERR_FORMAT, "%s: dimension %u of %u is out of range", path, i, sizes[i]);
            goto done;
        }
    }
    status = read_bytes(file, path, total, bytes, error);
    if (status == ESPALIER_OK)
        status = expect_end(file, path, error);
done:
    free(header);
    gzclose(file);
    return status;
}

enum espalier_status espalier_dataset_read(const char *images_path, const char *labels_path,
                                           struct espalier_dataset *out, struct espalier_error *error)
{
    uint32_t image_sizes[3], label_count = 0;
    memset(out, 0, sizeof *out);
    enum espalier_status status = read_idx(images_path, 3, image_sizes, &out->pixels, error);
    if (status == ESPALIER_OK && labels_path)
        status = read_idx(labels_path, 1, &label_count, &out->labels, error);
    if (status == ESPALIER_OK && labels_path && image_sizes[0] != label_count)
        status = espalier_fail(error, ESPALIER_ERR_FORMAT, "%s has %u images, but %s has %u labels", images_path,
                               image_sizes[0], labels_path, label_count);
    if (status != ESPALIER_OK) {
        espalier_dataset_free(out);
        return status;
    }
    out->count = image_sizes[0];
    out->height = image_sizes[1];
    out->width = image_sizes[2];
    return ESPALIER_OK;
}

enum espalier_status espalier_dataset_draw(struct espalier_dataset *dataset, uint32_t count, uint64_t seed,
                                           struct espalier_error *error)
{
    if (count == 0 || count > dataset->count)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "cannot draw %u of %u images", count, dataset->count);
    size_t image_bytes = (size_t)dataset->height * dataset->width;
    struct espalier_dataset drawn = {
        .count = count,
        .height = dataset->height,
        .width = dataset->width,
        .pixels = malloc(count * image_bytes),
        .labels = dataset->labels ? malloc(count) : NULL,
        .origins = malloc(count * sizeof *drawn.origins),
    };
    uint32_t *order = malloc(dataset->count * sizeof *order);
    if (!drawn.pixels || (dataset->labels && !drawn.labels) || !drawn.origins || !order) {
        free(order);
        espalier_dataset_free(&drawn);
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory to draw %u images", count);
    }
    struct espalier_random random;
    espalier_random_seed(&random, seed);
    for (uint32_t i = 0; i < dataset->count; i++)
        order[i] = i;
    espalier_random_shuffle(&random, order, dataset->count);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(drawn.pixels + i * image_bytes, dataset->pixels + order[i] * image_bytes, image_bytes);
        if (drawn.labels)
            drawn.labels[i] = dataset->labels[order[i]];
        drawn.origins[i] = dataset->origins ? dataset->origins[order[i]] : order[i];
    }
    free(order);
    espalier_dataset_free(dataset);
    *dataset = drawn;
    return ESPALIER_OK;
}

enum espalier_status espalier_dataset_part(struct espalier_dataset *dataset, uint32_t first, uint32_t count,
                                           struct espalier_error *error)
{
    if (count == 0 || first > dataset->count || count > dataset->count - first)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "there are %u images, not %u from image %u", dataset->count,
                             count, first);
    uint32_t *origins = malloc(count * sizeof *origins);
    if (!origins)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for the places of %u images", count);
    for (uint32_t i = 0; i < count; i++)
        origins[i] = dataset->origins ? dataset->origins[first + i] : first + i;
    free(dataset->origins);
    dataset->origins = origins;
    size_t image_bytes = (size_t)dataset->height * dataset->width;
    memmove(dataset->pixels, dataset->pixels + first * image_bytes, count * image_bytes);
    if (dataset->labels)
        memmove(dataset->labels, dataset->labels + first, count);
    dataset->count = count;
    return ESPALIER_OK;
}

void espalier_dataset_free(struct espalier_dataset *dataset)
{
    free(dataset->pixels);
    free(dataset->labels);
    free(dataset->origins);
    memset(dataset, 0, sizeof *dataset);
}
