#include "fingerprint.h"

#include <espalier/version.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

/* A number among the options. */
enum kind { U8, U32, U64, FLOAT, DOUBLE, BOOL };
struct field {
    const char *name; /* as the tool's option is called, where there is one */
    enum kind kind;
    size_t offset;
};

static const struct field train_fields[] = {
    {"epochs", U32, offsetof(struct espalier_train_options, epochs)},
    {"batch", U32, offsetof(struct espalier_train_options, batch)},
    {"images held out", U32, offsetof(struct espalier_train_options, held_out)},
    {"images used", U32, offsetof(struct espalier_train_options, use)},
    {"seed", U64, offsetof(struct espalier_train_options, seed)},
    {"rate", FLOAT, offsetof(struct espalier_train_options, learning_rate)},
    {"dropout", FLOAT, offsetof(struct espalier_train_options, dropout)},
    {"noise", FLOAT, offsetof(struct espalier_train_options, noise)},
    {"augment", FLOAT, offsetof(struct espalier_train_options, augment)},
    {"normalize", BOOL, offsetof(struct espalier_train_options, normalize)},
    {"distill", FLOAT, offsetof(struct espalier_train_options, distill)},
    {"temperature", FLOAT, offsetof(struct espalier_train_options, temperature)},
    {"threads", U32, offsetof(struct espalier_train_options, threads)},
};

static const struct field compress_fields[] = {
    {"ratio", DOUBLE, offsetof(struct espalier_compress_options, ratio)},
    {"bias-bits", U8, offsetof(struct espalier_compress_options, bias_bits)},
    {"search", U32, offsetof(struct espalier_compress_options, search_trials)},
    {"choose-epochs", U32, offsetof(struct espalier_compress_options, choose_epochs)},
    {"choose-rate", FLOAT, offsetof(struct espalier_compress_options, choose_rate)},
    {"prior", FLOAT, offsetof(struct espalier_compress_options, prior)},
    {"steps", U32, offsetof(struct espalier_compress_options, steps)},
    {"epochs of ADMM", U32, offsetof(struct espalier_compress_options, prune_epochs)},
    {"retrain-epochs", U32, offsetof(struct espalier_compress_options, retrain_epochs)},
    {"level-epochs", U32, offsetof(struct espalier_compress_options, level_epochs)},
    {"quantize-epochs", U32, offsetof(struct espalier_compress_options, quantize_epochs)},
    {"prune-rate", FLOAT, offsetof(struct espalier_compress_options, prune_rate)},
    {"retrain-rate", FLOAT, offsetof(struct espalier_compress_options, retrain_rate)},
    {"quantize-rate", FLOAT, offsetof(struct espalier_compress_options, quantize_rate)},
    {"dampen", FLOAT, offsetof(struct espalier_compress_options, dampen)},
    {"reset-updates", U32, offsetof(struct espalier_compress_options, reset_updates)},
    {"rho at first", FLOAT, offsetof(struct espalier_compress_options, rho_first)},
    {"rho at last", FLOAT, offsetof(struct espalier_compress_options, rho_last)},
};

/* Adds to the text; what has no room is left out. */
__attribute__((format(printf, 2, 3))) static void add(struct espalier_fingerprint *out, const char *format, ...)
{
    size_t room = sizeof out->text - out->length;
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(out->text + out->length, room, format, arguments);
    va_end(arguments);
    out->length += length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
}

static void add_fields(struct espalier_fingerprint *out, const struct field *fields, size_t count, const void *options)
{
    for (size_t i = 0; i < count; i++) {
        const void *value = (const char *)options + fields[i].offset;
        add(out, "%s: ", fields[i].name);
        switch (fields[i].kind) {
        case U8:
            add(out, "%u\n", *(const uint8_t *)value);
            break;
        case U32:
            add(out, "%u\n", *(const uint32_t *)value);
            break;
        case U64:
            add(out, "%llu\n", (unsigned long long)*(const uint64_t *)value);
            break;
        case FLOAT:
            add(out, "%.9g\n", (double)*(const float *)value);
            break;
        case DOUBLE:
            add(out, "%.17g\n", *(const double *)value);
            break;
        case BOOL:
            add(out, "%s\n", *(const bool *)value ? "yes" : "no");
            break;
        }
    }
}

static uLong checksum_of_network(const struct espalier_network *network)
{
    uLong crc = 0;

    for (uint32_t i = 0; i < network->layer_count; i++) {
        const struct espalier_float_layer *layer = &network->layers[i];
        const struct espalier_shape *shape = &layer->shape;
        size_t weights = espalier_shape_weights(shape);
        const uint16_t sizes[] = {shape->in_channels,   shape->in_height,    shape->in_width, shape->rows,
                                  shape->kernel_height, shape->kernel_width, shape->stride,   shape->pad,
                                  shape->pool,          shape->relu};
        crc = crc32_z(crc, (const Bytef *)sizes, sizeof sizes);
        crc = crc32_z(crc, (const Bytef *)layer->weights, weights * sizeof *layer->weights);
        crc = crc32_z(crc, (const Bytef *)layer->bias, shape->rows * sizeof *layer->bias);
        crc = crc32_z(crc, layer->mask, weights);
    }
    return crc;
}

static void add_network(struct espalier_fingerprint *out, const char *name, const struct espalier_network *network)
{
    if (network == NULL)
        add(out, "%s: none\n", name);
    else
        add(out, "%s: %u layers with checksum %08lx\n", name, network->layer_count, checksum_of_network(network));
}

void espalier_fingerprint_train(struct espalier_fingerprint *out, const char *job,
                                const struct espalier_train_options *options, const struct espalier_network *network,
                                const struct espalier_dataset *data)
{
    uLong crc = crc32_z(0, data->pixels, (size_t)data->count * data->height * data->width);

    out->length = 0;
    add(out, "job: %s\nlibrary: %s\n", job, ESPALIER_VERSION);
    add_network(out, "network to begin with", network);
    add_network(out, "teacher", options->teacher);
    add(out, "images: %u of %ux%u with checksum %08lx\n", data->count, data->width, data->height,
        crc32_z(crc, data->labels, data->count));
    add_fields(out, train_fields, sizeof train_fields / sizeof *train_fields, options);
}

static void add_family(struct espalier_fingerprint *out, uint32_t layer, const struct espalier_family *family)
{
    add(out, "family of layer %u: %s, %ux%u, seed %llu, lanes %u%s\n", layer + 1,
        espalier_family_kind_name(family->kind), family->first, family->second, (unsigned long long)family->seed,
        family->lanes, family->global ? ", global" : "");
}

void espalier_fingerprint_compress(struct espalier_fingerprint *out, const char *job,
                                   const struct espalier_compress_options *options,
                                   const struct espalier_network *network, const struct espalier_dataset *data)
{
    espalier_fingerprint_train(out, job, &options->train, network, data);
    add(out, "format: %s\n", espalier_format_name(options->format));
    add_fields(out, compress_fields, sizeof compress_fields / sizeof *compress_fields, options);
    for (uint32_t i = 0; i < network->layer_count; i++)
        add(out, "values of layer %u: %u bits, %s\n", i + 1, options->value_bits[i],
            espalier_level_kind_name(options->levels[i]));
    for (uint32_t i = 0; i < options->family_count; i++)
        add_family(out, i, &options->families[i]);
    for (uint32_t i = 0; i < options->budget_count; i++)
        add(out, "budget of layer %u: %u weights, %u rows, %u columns\n", i + 1, options->budgets[i].weights,
            options->budgets[i].rows, options->budgets[i].columns);
}

/* ---- Telling two apart */

struct line {
    const char *text;
    size_t length;
};

static struct line line_at(const char *text, size_t length)
{
    const char *end = length > 0 ? memchr(text, '\n', length) : NULL;

    return (struct line){text, end != NULL ? (size_t)(end - text) : length};
}

enum { VALUE_MAX = 96 };

/* Tells what is behind "name: " of a line, but for a checksum, which says nothing to who reads it; of hostile text only
 * what can be printed. */
static void tell_value(struct line line, size_t name, char value[VALUE_MAX])
{
    size_t filled = 0;

    for (size_t i = name + 2; i < line.length && filled + 1 < VALUE_MAX; i++)
        value[filled++] = (char)(isprint((unsigned char)line.text[i]) ? line.text[i] : '?');
    value[filled] = '\0';
    char *checksum = strstr(value, " with checksum");
    if (checksum != NULL)
        *checksum = '\0';
}

/* Tells both values of a line, or only that they differ, if that is not to be seen or there is no room. */
static void tell(struct line own, struct line other, size_t name, char *reason, size_t reason_size)
{
    char here[VALUE_MAX], there[VALUE_MAX];

    tell_value(own, name, here);
    tell_value(other, name, there);
    int length = snprintf(reason, reason_size, "%.*s: %s there, %s here", (int)name, own.text, there, here);
    if (length < 0 || (size_t)length >= reason_size || strcmp(here, there) == 0)
        snprintf(reason, reason_size, "%.*s: not the same", (int)name, own.text);
}

bool espalier_fingerprint_differs(const struct espalier_fingerprint *fingerprint, const char *found,
                                  size_t found_length, char *reason, size_t reason_size)
{
    size_t at = 0;

    while (at < fingerprint->length && at < found_length) {
        struct line own = line_at(fingerprint->text + at, fingerprint->length - at),
                    other = line_at(found + at, found_length - at);
        size_t name = (size_t)((const char *)memchr(own.text, ':', own.length) - own.text);
        if (own.length == other.length && memcmp(own.text, other.text, own.length) == 0) {
            at += own.length + 1;
            continue;
        }
        if (other.length < name || memcmp(own.text, other.text, name) != 0)
            break;
        tell(own, other, name, reason, reason_size);
        return true;
    }
    snprintf(reason, reason_size, "other families or budgets");
    return fingerprint->length != found_length || at < found_length;
}
