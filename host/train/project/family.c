/* Families by name, and what is true of each. */
#include <espalier/family.h>

#include <ctype.h>
#include <string.h>

enum { SIZE_MAX_OF_FAMILY = 65535 };

/* '#' in a spelling stands for a number. */
static const struct {
    const char *spelling;
    enum espalier_family_kind kind;
    uint32_t number; /* where the spelling leaves it out */
    bool global;
} spellings[] = {
    {"elements", ESPALIER_ELEMENTS, 0, false},   {"global", ESPALIER_ELEMENTS, 0, true},
    {"filters", ESPALIER_FILTERS, 0, false},     {"channels", ESPALIER_CHANNELS, 0, false},
    {"columns", ESPALIER_COLUMNS, 0, false},     {"filters+columns", ESPALIER_FILTERS_COLUMNS, 0, false},
    {"blocks:#x#", ESPALIER_BLOCKS, 0, false},   {"#:#", ESPALIER_N_OF_M, 0, false},
    {"banks:#", ESPALIER_BANKS, 0, false},       {"patterns", ESPALIER_PATTERNS, 8, false},
    {"patterns:#", ESPALIER_PATTERNS, 0, false}, {"mask", ESPALIER_MASK, 1, false},
    {"mask:#", ESPALIER_MASK, 0, false},
};

/* What is true of a kind. */
static const struct {
    bool structured, aligned, balances, projected;
} traits[] = {
    [ESPALIER_ELEMENTS] = {.balances = true},
    [ESPALIER_FILTERS] = {.structured = true},
    [ESPALIER_CHANNELS] = {.structured = true},
    [ESPALIER_COLUMNS] = {.structured = true},
    [ESPALIER_FILTERS_COLUMNS] = {.structured = true},
    [ESPALIER_BLOCKS] = {.aligned = true, .balances = true},
    [ESPALIER_N_OF_M] = {.aligned = true, .projected = true},
    [ESPALIER_BANKS] = {.aligned = true, .balances = true, .projected = true},
    [ESPALIER_PATTERNS] = {.projected = true},
    [ESPALIER_MASK] = {.aligned = true, .projected = true},
};

bool espalier_family_is_structured(enum espalier_family_kind kind)
{
    return traits[kind].structured;
}

bool espalier_family_is_aligned(enum espalier_family_kind kind)
{
    return traits[kind].aligned;
}

bool espalier_family_needs_projection(const struct espalier_family *family)
{
    return traits[family->kind].projected || family->lanes > 1;
}

/* Reads a number of at most SIZE_MAX_OF_FAMILY; NULL if there is none, else its end. */
static const char *read_number(const char *text, uint32_t *number)
{
    if (!isdigit((unsigned char)*text))
        return NULL;
    for (*number = 0; isdigit((unsigned char)*text); text++) {
        *number = *number * 10 + (uint32_t)(*text - '0');
        if (*number > SIZE_MAX_OF_FAMILY)
            return NULL;
    }
    return text;
}

/* Whether the text is spelled so; fills the numbers in. */
static bool matches(const char *text, const char *spelling, uint32_t numbers[2])
{
    for (; *spelling != '\0' && text != NULL; spelling++)
        if (*spelling == '#')
            text = read_number(text, numbers++);
        else
            text = *text == *spelling ? text + 1 : NULL;
    return text != NULL && *text == '\0';
}

enum espalier_status espalier_family_read(const char *text, struct espalier_family *family,
                                          struct espalier_error *error)
{
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        uint32_t numbers[2] = {spellings[i].number, 0};
        if (!matches(text, spellings[i].spelling, numbers))
            continue;
        *family = (struct espalier_family){.kind = spellings[i].kind,
                                           .first = numbers[0],
                                           .second = numbers[1],
                                           .seed = numbers[0],
                                           .global = spellings[i].global};
        return ESPALIER_OK;
    }
    return espalier_fail(error, ESPALIER_ERR_RANGE,
                         "\"%.40s\" is no family: elements, global, filters, channels, columns, filters+columns, "
                         "blocks:RxC, N:M, banks:B, patterns[:P] and mask[:SEED] are (numbers up to %d)",
                         text, SIZE_MAX_OF_FAMILY);
}

static enum espalier_status check_numbers(const struct espalier_family *family, const struct espalier_shape *shape,
                                          uint32_t layer, struct espalier_error *error)
{
    size_t columns = espalier_shape_columns(shape);

    switch (family->kind) {
    case ESPALIER_BLOCKS:
        if (family->first == 0 || family->second == 0 || family->first > shape->rows || family->second > columns)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: no block of %u x %u is in %u x %zu weights",
                                 layer, family->first, family->second, shape->rows, columns);
        break;
    case ESPALIER_N_OF_M:
        if (family->first == 0 || family->first >= family->second)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: %u of %u is not a part", layer, family->first,
                                 family->second);
        break;
    case ESPALIER_BANKS:
        if (family->first == 0 || family->first > columns)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: %u banks for %zu columns", layer, family->first,
                                 columns);
        break;
    case ESPALIER_PATTERNS:
        if (shape->kernel_height != 3 || shape->kernel_width != 3)
            return espalier_fail(error, ESPALIER_ERR_RANGE,
                                 "layer %u: patterns are for kernels of 3x3, these have %ux%u; give a family for each "
                                 "layer, as in patterns,elements",
                                 layer, shape->kernel_height, shape->kernel_width);
        if (family->first == 0 || family->first > ESPALIER_PATTERNS_MAX)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: %u patterns: 1 to %d can be", layer,
                                 family->first, ESPALIER_PATTERNS_MAX);
        break;
    default:
        break;
    }
    return ESPALIER_OK;
}

enum espalier_status espalier_family_check(const struct espalier_family *family, const struct espalier_shape *shape,
                                           uint32_t layer, struct espalier_error *error)
{
    if (family->lanes > 1 && !traits[family->kind].balances)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "layer %u: rows are balanced in elements, blocks and banks only (N:M always is)", layer);
    if (family->lanes > 1 && family->kind == ESPALIER_BLOCKS && family->first != 0 &&
        family->lanes % family->first != 0)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: blocks of %u rows do not divide %u lanes", layer,
                             family->first, family->lanes);
    return check_numbers(family, shape, layer, error);
}
