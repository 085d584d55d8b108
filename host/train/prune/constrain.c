#include "constrain.h"
#include "project/pattern.h"

#include <math.h>

/* Between `first` and `last` units, geometrically; `part` is 0 to 1. */
static size_t between(size_t first, size_t last, double part)
{
    return last >= first ? first : (size_t)lrint(pow((double)first, 1.0 - part) * pow((double)last, part));
}

static size_t rows_at(const struct espalier_step *step, uint32_t layer)
{
    bool last = layer + 1 == step->network->layer_count; /* all classes stay */

    return last ? step->network->layers[layer].shape.rows
                : between(step->first[layer].rows, step->target[layer].rows, step->part);
}

static size_t columns_at(const struct espalier_step *step, uint32_t layer)
{
    return between(step->first[layer].columns, step->target[layer].columns, step->part);
}

static struct espalier_constraint constraint_on(uint32_t layer, enum espalier_family_kind kind, size_t keep)
{
    return (struct espalier_constraint){.first = layer, .layers = 1, .set = {.family = {.kind = kind}, .keep = keep}};
}

/* Rows and columns, a constraint each. */
static size_t constrain_lines(const struct espalier_step *step, struct espalier_constraint *constraints)
{
    size_t count = 0;

    for (uint32_t i = 0; i < step->network->layer_count; i++) {
        if (i + 1 < step->network->layer_count)
            constraints[count++] = constraint_on(i, ESPALIER_FILTERS, rows_at(step, i));
        constraints[count++] = constraint_on(i, ESPALIER_COLUMNS, columns_at(step, i));
    }
    return count;
}

/* How many units of a family that a step keeps of a layer, its budget being in weights. */
static size_t units_at(const struct espalier_step *step, uint32_t layer, const struct espalier_family *family)
{
    struct espalier_matrix matrix = espalier_matrix_of(&step->network->layers[layer]);
    size_t unit = espalier_unit_weights(family, &matrix), last = step->target[layer].weights / unit;
    size_t first = unit == 1 ? step->first[layer].weights : espalier_units(family, &matrix);

    return between(first, last > 0 ? last : 1, step->part);
}

/* A layer's set by its budget of weights. */
static struct espalier_set weights_set(const struct espalier_step *step, uint32_t layer,
                                       const struct espalier_family *family)
{
    struct espalier_matrix matrix = espalier_matrix_of(&step->network->layers[layer]);
    struct espalier_set set = {.family = *family};

    if (family->kind == ESPALIER_N_OF_M)
        set.keep = between(family->second, family->first, step->part);
    else if (family->kind == ESPALIER_MASK) /* one mask in all steps */
        set.keep = step->target[layer].weights;
    else
        set.keep = units_at(step, layer, family);
    if (family->kind == ESPALIER_PATTERNS &&
        !espalier_have_patterns(step->network->layers[layer].mask, matrix.rows * matrix.columns, family->first)) {
        set.pattern_count = family->first;
        espalier_choose_patterns(matrix.values, matrix.rows * matrix.columns, family->first, set.patterns);
    }
    return set;
}

/* A layer's set by its budgets of rows and columns. */
static struct espalier_set lines_set(const struct espalier_step *step, uint32_t layer,
                                     const struct espalier_family *family)
{
    size_t kernel = espalier_matrix_of(&step->network->layers[layer]).kernel;
    size_t rows = rows_at(step, layer), columns = columns_at(step, layer);
    const size_t keep[] = {[ESPALIER_FILTERS] = rows,
                           [ESPALIER_CHANNELS] = (columns + kernel - 1) / kernel,
                           [ESPALIER_COLUMNS] = columns,
                           [ESPALIER_FILTERS_COLUMNS] = rows};

    return (struct espalier_set){.family = *family, .keep = keep[family->kind], .keep_columns = columns};
}

/* Budgets of structured families are in rows and columns, but for those of the gap format, unless they say columns. */
static bool counts_lines(const struct espalier_step *step, uint32_t layer, const struct espalier_family *family)
{
    return espalier_family_is_structured(family->kind) && step->target[layer].columns > 0;
}

/* All layers under one budget: what their budgets are together. */
static struct espalier_constraint constrain_together(const struct espalier_step *step)
{
    const struct espalier_family *family = &step->options->families[0];
    struct espalier_matrix matrix = espalier_matrix_of(&step->network->layers[0]);
    size_t first = 0, last = 0, unit = espalier_unit_weights(family, &matrix);

    for (uint32_t i = 0; i < step->network->layer_count; i++) {
        first += step->first[i].weights;
        last += step->target[i].weights;
    }
    return (struct espalier_constraint){
        .first = 0,
        .layers = step->network->layer_count,
        .set = {.family = *family, .keep = between(first / unit, last / unit, step->part), .least = 1}};
}

/* Each layer under the family that is given for it. */
static size_t constrain_families(const struct espalier_step *step, struct espalier_constraint *constraints)
{
    const struct espalier_compress_options *options = step->options;
    size_t count = 0;

    for (uint32_t i = 0; i < step->network->layer_count; i++) {
        const struct espalier_family *family = &options->families[i];
        if (family->kind == ESPALIER_FILTERS && i + 1 == step->network->layer_count)
            continue;
        constraints[count++] = (struct espalier_constraint){
            .first = i,
            .layers = 1,
            .set = counts_lines(step, i, family) ? lines_set(step, i, family) : weights_set(step, i, family)};
    }
    return count;
}

/* Single weights, and rows where they are limited. */
static size_t constrain_elements(const struct espalier_step *step, struct espalier_constraint *constraints)
{
    const struct espalier_family elements = {.kind = ESPALIER_ELEMENTS};
    size_t count = 0;

    for (uint32_t i = 0; i < step->network->layer_count; i++) {
        if (i + 1 < step->network->layer_count && step->target[i].rows > 0)
            constraints[count++] = constraint_on(i, ESPALIER_FILTERS, rows_at(step, i));
        constraints[count++] = constraint_on(i, ESPALIER_ELEMENTS, units_at(step, i, &elements));
    }
    return count;
}

size_t espalier_constrain(const struct espalier_step *step, struct espalier_constraint *constraints)
{
    const struct espalier_compress_options *options = step->options;

    if (options->families == NULL)
        return options->format == ESPALIER_STRUCTURED ? constrain_lines(step, constraints)
                                                      : constrain_elements(step, constraints);
    if (!options->families[0].global)
        return constrain_families(step, constraints);
    constraints[0] = constrain_together(step);
    return 1;
}

/* For messages: families that only a projection leads to, and what they count in. */
static const struct {
    const char *name, *line;
} projected[] = {
    [ESPALIER_ELEMENTS] = {"balanced elements", "each row"}, [ESPALIER_BLOCKS] = {"balanced blocks", "each row"},
    [ESPALIER_N_OF_M] = {"N:M", "each M columns of a row"},  [ESPALIER_BANKS] = {"banks", "each bank"},
    [ESPALIER_PATTERNS] = {"patterns", "each kernel"},       [ESPALIER_MASK] = {"mask", "a generator"},
};

enum espalier_status espalier_check_families(const struct espalier_compress_options *options,
                                             const struct espalier_network *network, struct espalier_error *error)
{
    if (options->families == NULL)
        return ESPALIER_OK;
    if (options->family_count != network->layer_count)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "%u families for %u layers", options->family_count,
                             network->layer_count);
    for (uint32_t i = 0; i < network->layer_count; i++) {
        const struct espalier_family *family = &options->families[i];
        enum espalier_status status = espalier_family_check(family, &network->layers[i].shape, i + 1, error);
        if (status != ESPALIER_OK)
            return status;
        if (options->format == ESPALIER_STRUCTURED && !espalier_family_is_structured(family->kind))
            return espalier_fail(error, ESPALIER_ERR_RANGE,
                                 "layer %u: this family has no one keep list a layer; the gap format stores it", i + 1);
        if (options->format == ESPALIER_GAP && family->kind == ESPALIER_FILTERS_COLUMNS)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: filters+columns goes with the structured format",
                                 i + 1);
        if (options->choose_epochs > 0 && options->steps == 0 && espalier_family_needs_projection(family))
            return espalier_fail(error, ESPALIER_ERR_RANGE,
                                 "layer %u: dropout alone cannot prune by %s: how many weights %s keeps is for a "
                                 "projection to say; give ADMM's steps, too",
                                 i + 1, projected[family->kind].name, projected[family->kind].line);
        if (family->global != options->families[0].global)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: a global budget is for all layers or for none",
                                 i + 1);
    }
    return ESPALIER_OK;
}
