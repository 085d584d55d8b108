#include "data.h"

#include "file.h"
#include "tool.h"

#include <espalier/train.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, IMAGE_FILE_MAX = 1 << 26 };

/* ---- data sets ---- */

/* A file's path, with .gz behind it if only that one is there. */
static void find_file(const char *folder, const char *name, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    if (access(path, R_OK) == 0)
        return;
    snprintf(path, PATH_BYTES, "%s/%s.gz", folder, name);
    if (access(path, R_OK) != 0)
        snprintf(path, PATH_BYTES, "%s/%s", folder, name);
}

static const char *const set_names[] = {
    [DATA_TEST] = "test", [DATA_TRAINING] = "training", [DATA_HELD_OUT] = "held-out"};

static const char *choose_set(const char *name, enum data_set *set)
{
    for (size_t i = 0; i < sizeof set_names / sizeof *set_names; i++)
        if (strcmp(name, set_names[i]) == 0) {
            *set = (enum data_set)i;
            return NULL;
        }
    return "--set is test, training or held-out";
}

const char *data_option(int code, const char *value, struct data_source *source)
{
    switch (code) {
    case DATA_COUNT:
        return tool_read_number(value, 1, UINT32_MAX, &source->count) ? NULL : "--count is a number from 1";
    case DATA_SEED:
        return tool_read_number(value, 0, UINT64_MAX, &source->seed) ? NULL : "--seed is a number from 0";
    case DATA_SET:
        return choose_set(value, &source->set);
    case DATA_IMAGES:
        source->images = value;
        return NULL;
    case DATA_LABELS:
        source->labels = value;
        return NULL;
    default:
        return "unknown option";
    }
}

const char *data_fault(const struct data_source *source)
{
    if (!source->images != !source->labels)
        return "--images and --labels go together";
    return source->images && source->set != DATA_TEST ? "--set and --images exclude one another" : NULL;
}

static enum espalier_status read_test(const char *folder, struct espalier_dataset *out, struct espalier_error *error)
{
    char images[PATH_BYTES], labels[PATH_BYTES];
    find_file(folder, "t10k-images-idx3-ubyte", images);
    find_file(folder, "t10k-labels-idx1-ubyte", labels);
    return espalier_dataset_read(images, labels, out, error);
}

enum espalier_status data_read_training(const char *folder, struct espalier_dataset *out, struct espalier_error *error)
{
    char images[PATH_BYTES], labels[PATH_BYTES];
    struct espalier_error reason = {0};
    find_file(folder, "train-images-idx3-ubyte", images);
    find_file(folder, "train-labels-idx1-ubyte", labels);
    enum espalier_status status = espalier_dataset_read(images, labels, out, &reason);
    if (status == ESPALIER_OK)
        return status;
    return espalier_fail(error, status, "%.180s%s", reason.message,
                         status == ESPALIER_ERR_IO ? " (\"make data\" obtains MNIST into " DATA_FOLDER ")" : "");
}

/* Keeps the training images that are held out, or those that are not. */
static enum espalier_status keep_part(struct espalier_dataset *dataset, bool held_out, struct espalier_error *error)
{
    uint32_t last = espalier_train_defaults().held_out, first = dataset->count - last;
    if (dataset->count <= last)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "there are %u training images, of which %u would be held out",
                             dataset->count, last);
    return held_out ? espalier_dataset_part(dataset, first, last, error)
                    : espalier_dataset_part(dataset, 0, first, error);
}

static enum espalier_status read_set(enum data_set set, struct espalier_dataset *out, struct espalier_error *error)
{
    const char *folder = getenv("ESPALIER_DATA");
    if (set == DATA_TEST)
        return read_test(folder ? folder : ESPALIER_DATA_DIR, out, error);
    enum espalier_status status = data_read_training(folder ? folder : DATA_FOLDER, out, error);
    return status == ESPALIER_OK ? keep_part(out, set == DATA_HELD_OUT, error) : status;
}

enum espalier_status data_read(const struct data_source *source, struct espalier_dataset *out,
                               struct espalier_error *error)
{
    memset(out, 0, sizeof *out);
    enum espalier_status status = source->images ? espalier_dataset_read(source->images, source->labels, out, error)
                                                 : read_set(source->set, out, error);
    if (status == ESPALIER_OK && source->count > 0)
        status = espalier_dataset_draw(out, source->count > UINT32_MAX ? UINT32_MAX : (uint32_t)source->count,
                                       source->seed, error);
    if (status != ESPALIER_OK)
        espalier_dataset_free(out);
    return status;
}

enum espalier_status data_check_input(const struct espalier_model *model, uint32_t height, uint32_t width,
                                      const char *name, struct espalier_error *error)
{
    const struct espalier_layer *first = &model->layers[0];
    if (first->in_channels == 1 && first->in_height == height && first->in_width == width)
        return ESPALIER_OK;
    return espalier_fail(error, ESPALIER_ERR_RANGE,
                         "%s is %u pixels high and %u wide, but the model needs %u high, %u wide and %u channel(s)",
                         name, height, width, first->in_height, first->in_width, first->in_channels);
}

/* ---- single images ---- */

/* An image file in memory, and what its size must be. */
struct picture {
    const char *name;
    const uint8_t *bytes;
    size_t size;
    const struct espalier_model *model;
    struct espalier_error *error;
};

static enum espalier_status allocate_pixels(const struct picture *picture, uint8_t **pixels)
{
    const struct espalier_layer *first = &picture->model->layers[0];
    *pixels = malloc((size_t)first->in_height * first->in_width);
    return *pixels ? ESPALIER_OK : espalier_fail(picture->error, ESPALIER_ERR_MEMORY, "%s: no memory", picture->name);
}

static enum espalier_status read_png(const struct picture *picture, uint8_t **pixels)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    const png_color black = {0, 0, 0};
    enum espalier_status status = ESPALIER_OK;
    if (png_image_begin_read_from_memory(&image, picture->bytes, picture->size))
        status = data_check_input(picture->model, image.height, image.width, picture->name, picture->error);
    if (status == ESPALIER_OK && !PNG_IMAGE_FAILED(image))
        status = allocate_pixels(picture, pixels);
    image.format = PNG_FORMAT_GRAY;
    if (status == ESPALIER_OK && !PNG_IMAGE_FAILED(image))
        png_image_finish_read(&image, &black, *pixels, 0, NULL);
    if (status == ESPALIER_OK && PNG_IMAGE_FAILED(image))
        status = espalier_fail(picture->error, ESPALIER_ERR_FORMAT, "%s: %s", picture->name, image.message);
    png_image_free(&image);
    return status;
}

/* The next whole number of a PGM header or of a plain PGM; comments run from # to the end of their line. */
static bool pgm_number(const struct picture *picture, size_t *place, uint32_t *number)
{
    const uint8_t *bytes = picture->bytes;
    while (*place < picture->size && (strchr(" \t\r\n\v\f", bytes[*place]) || bytes[*place] == '#')) {
        if (bytes[*place] == '\0')
            return false;
        if (bytes[*place] == '#')
            while (*place < picture->size && bytes[*place] != '\n')
                ++*place;
        else
            ++*place;
    }
    size_t first = *place;
    for (*number = 0; *place < picture->size && bytes[*place] >= '0' && bytes[*place] <= '9'; ++*place) {
        if (*number > 65535)
            return false;
        *number = 10 * *number + (bytes[*place] - '0');
    }
    return *place > first;
}

static bool pgm_sample(const struct picture *picture, bool plain, uint32_t maximum, size_t *place, uint32_t *sample)
{
    if (plain)
        return pgm_number(picture, place, sample);
    size_t bytes = maximum > 255 ? 2 : 1;
    if (picture->size - *place < bytes)
        return false;
    *sample = picture->bytes[*place];
    if (bytes == 2)
        *sample = *sample << 8 | picture->bytes[*place + 1];
    *place += bytes;
    return true;
}

static enum espalier_status read_pgm(const struct picture *picture, uint8_t **pixels)
{
    uint32_t width, height, maximum, sample;
    size_t place = 2;
    bool plain = picture->bytes[1] == '2';
    if (!pgm_number(picture, &place, &width) || !pgm_number(picture, &place, &height) ||
        !pgm_number(picture, &place, &maximum) || maximum == 0 || maximum > 65535 || place >= picture->size)
        return espalier_fail(picture->error, ESPALIER_ERR_FORMAT, "%s: the PGM header is malformed", picture->name);
    if (!plain)
        place++; /* one blank */
    enum espalier_status status = data_check_input(picture->model, height, width, picture->name, picture->error);
    if (status == ESPALIER_OK)
        status = allocate_pixels(picture, pixels);
    size_t count = (size_t)height * width;
    for (size_t i = 0; status == ESPALIER_OK && i < count; i++) {
        if (!pgm_sample(picture, plain, maximum, &place, &sample) || sample > maximum)
            status = espalier_fail(picture->error, ESPALIER_ERR_FORMAT, "%s: pixel %zu of %zu is missing or too large",
                                   picture->name, i, count);
        else
            (*pixels)[i] = (uint8_t)((sample * 255 + maximum / 2) / maximum);
    }
    return status;
}

static const struct {
    const char *magic;
    size_t magic_bytes;
    enum espalier_status (*read)(const struct picture *picture, uint8_t **pixels);
} kinds[] = {
    {"\x89PNG", 4, read_png},
    {"P5", 2, read_pgm},
    {"P2", 2, read_pgm},
};

/* A file is known by its first bytes, whatever its name. */
static enum espalier_status read_picture(const struct picture *picture, uint8_t **pixels)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (picture->size > kinds[i].magic_bytes && memcmp(picture->bytes, kinds[i].magic, kinds[i].magic_bytes) == 0)
            return kinds[i].read(picture, pixels);
    return espalier_fail(picture->error, ESPALIER_ERR_FORMAT, "%s: neither a PNG nor a PGM (P2, P5) image",
                         picture->name);
}

/* Image @p index of the source's data set, or of the IDX file @p path. */
static enum espalier_status read_indexed(const char *path, uint64_t index, const struct data_source *source,
                                         const struct espalier_model *model, uint8_t **pixels,
                                         struct espalier_error *error)
{
    struct espalier_dataset set;
    bool whole_source = strcmp(path, "IDX") == 0;
    enum espalier_status status =
        whole_source ? data_read(source, &set, error) : espalier_dataset_read(path, NULL, &set, error);
    if (status != ESPALIER_OK)
        return status;
    const struct picture picture = {.name = path, .model = model, .error = error};
    status = data_check_input(model, set.height, set.width, path, error);
    if (status == ESPALIER_OK && index >= set.count)
        status = espalier_fail(error, ESPALIER_ERR_RANGE, "%s has images 0 to %u, not %llu", path, set.count - 1,
                               (unsigned long long)index);
    if (status == ESPALIER_OK)
        status = allocate_pixels(&picture, pixels);
    size_t image_bytes = (size_t)set.height * set.width;
    if (status == ESPALIER_OK)
        memcpy(*pixels, set.pixels + index * image_bytes, image_bytes);
    espalier_dataset_free(&set);
    return status;
}

enum espalier_status data_read_image(const char *name, const struct data_source *source,
                                     const struct espalier_model *model, uint8_t **pixels, struct espalier_error *error)
{
    char path[PATH_BYTES];
    uint64_t index;
    *pixels = NULL;
    const char *colon = strrchr(name, ':');
    if (colon && colon > name && colon - name < PATH_BYTES && tool_read_number(colon + 1, 0, UINT32_MAX, &index)) {
        snprintf(path, sizeof path, "%.*s", (int)(colon - name), name);
        return read_indexed(path, index, source, model, pixels, error);
    }
    uint8_t *bytes;
    size_t size;
    enum espalier_status status = espalier_file_read(name, IMAGE_FILE_MAX, &bytes, &size, error);
    if (status != ESPALIER_OK)
        return status;
    const struct picture picture = {name, bytes, size, model, error};
    status = read_picture(&picture, pixels);
    if (status != ESPALIER_OK) {
        free(*pixels);
        *pixels = NULL;
    }
    free(bytes);
    return status;
}
