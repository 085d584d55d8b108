#include "choices.h"

#include <string.h>

enum { NAME_MAX_OF_CHOICE = 64 };

/* Copies the next name of a list, and moves on behind it and its comma: but not over the last one. */
static enum espalier_status next_name(const char **text, char name[NAME_MAX_OF_CHOICE], struct espalier_error *error)
{
    size_t length = strcspn(*text, ",");

    if (length >= NAME_MAX_OF_CHOICE)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "\"%.40s...\" is too long for a name", *text);
    memcpy(name, *text, length);
    name[length] = '\0';
    *text += (*text)[length] == ',' ? length + 1 : 0;
    return ESPALIER_OK;
}

static enum espalier_status count_names(const char *text, uint32_t *count, struct espalier_error *error)
{
    *count = 1;
    for (; *text != '\0'; text++)
        *count += *text == ',';
    if (*count > ESPALIER_LAYERS_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "a list of %u: a network has at most %d layers", *count,
                             ESPALIER_LAYERS_MAX);
    return ESPALIER_OK;
}

enum espalier_status choices_read_families(const char *text, uint32_t lanes, struct espalier_family *families,
                                           uint32_t *count, struct espalier_error *error)
{
    enum espalier_status status = count_names(text, count, error);

    for (uint32_t i = 0; i < ESPALIER_LAYERS_MAX && status == ESPALIER_OK; i++) {
        char name[NAME_MAX_OF_CHOICE];
        status = next_name(&text, name, error);
        if (status == ESPALIER_OK)
            status = espalier_family_read(name, &families[i], error);
        families[i].lanes = lanes;
    }
    return status;
}

/* The width of those that have one only; 0: any. */
static const uint8_t level_bits[] = {
    [ESPALIER_LEVELS_CLUSTERED] = 0, [ESPALIER_LEVELS_UNIFORM] = 0, [ESPALIER_LEVELS_NO_ZERO] = 0,
    [ESPALIER_LEVELS_BINARY] = 1,    [ESPALIER_LEVELS_TERNARY] = 2,
};

static enum espalier_status find_levels(const char *name, enum espalier_level_kind *kind, struct espalier_error *error)
{
    for (size_t i = 0; i < sizeof level_bits / sizeof *level_bits; i++)
        if (strcmp(name, espalier_level_kind_name((enum espalier_level_kind)i)) == 0) {
            *kind = (enum espalier_level_kind)i;
            return ESPALIER_OK;
        }
    return espalier_fail(error, ESPALIER_ERR_RANGE,
                         "\"%.40s\" are no levels: clustered, uniform, no-zero, binary and ternary are", name);
}

enum espalier_status choices_read_levels(const char *text, enum espalier_level_kind *levels, uint8_t *bits,
                                         uint32_t *count, struct espalier_error *error)
{
    enum espalier_status status = count_names(text, count, error);

    for (uint32_t i = 0; i < ESPALIER_LAYERS_MAX && status == ESPALIER_OK; i++) {
        char name[NAME_MAX_OF_CHOICE];
        status = next_name(&text, name, error);
        if (status == ESPALIER_OK)
            status = find_levels(name, &levels[i], error);
        if (status == ESPALIER_OK && level_bits[levels[i]] > 0)
            bits[i] = level_bits[levels[i]];
    }
    return status;
}
