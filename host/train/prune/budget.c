#include "budget.h"

#include <math.h>
#include <stdlib.h>

struct scored {
    double score;
    uint32_t layer;
};

static int rising(const void *left, const void *right)
{
    const struct scored *a = left, *b = right;

    return (a->score > b->score) - (a->score < b->score);
}

/* Fills the scores of one layer's weights. */
static void score_layer(const struct espalier_float_layer *layer, uint32_t index, struct scored *scored)
{
    size_t weights = espalier_shape_weights(&layer->shape);
    double not_smaller = 0.0;

    for (size_t i = 0; i < weights; i++)
        scored[i] = (struct scored){(double)layer->weights[i] * (double)layer->weights[i], index};
    qsort(scored, weights, sizeof *scored, rising);
    for (size_t i = weights; i-- > 0;) {
        not_smaller += scored[i].score;
        scored[i].score = not_smaller > 0.0 ? scored[i].score / not_smaller : 0.0;
    }
}

static uint32_t share(double proportion, double there_is)
{
    return (uint32_t)fmin(there_is, fmax(1.0, floor(proportion * sqrt(there_is))));
}

static enum espalier_family_kind kind_of(const struct espalier_family *families, uint32_t layer)
{
    return families != NULL ? families[layer].kind : ESPALIER_FILTERS_COLUMNS;
}

/* Columns that read one channel. */
static uint32_t kernel_of(const struct espalier_shape *shape)
{
    return (uint32_t)shape->kernel_height * shape->kernel_width;
}

static void limit(uint32_t *value, uint32_t most)
{
    *value = *value < most ? *value : most;
}

/* Columns that one proportion keeps of those that there are. */
static uint32_t share_columns(const struct espalier_shape *shape, enum espalier_family_kind kind, double proportion,
                              double there_are)
{
    uint32_t kernel = kernel_of(shape);
    uint32_t columns = (uint32_t)fmin(there_are, share(2.0 * proportion, (double)espalier_shape_columns(shape)));

    if (kind == ESPALIER_FILTERS)
        return (uint32_t)there_are;
    if (kind != ESPALIER_CHANNELS)
        return columns;
    return columns < kernel ? kernel : columns / kernel * kernel;
}

/* Fills the budgets of one proportion; returns the weights that they keep. */
static uint64_t share_out(const struct espalier_network *network, const struct espalier_family *families,
                          double proportion, struct espalier_budget *budgets)
{
    uint64_t total = 0;
    double channels = network->layers[0].shape.in_channels;

    for (uint32_t i = 0; i < network->layer_count; i++) {
        const struct espalier_shape *shape = &network->layers[i].shape;
        enum espalier_family_kind kind = kind_of(families, i);
        double there_are = channels * (double)espalier_shape_columns(shape) / shape->in_channels;
        bool all_rows = i + 1 == network->layer_count || kind == ESPALIER_CHANNELS || kind == ESPALIER_COLUMNS;
        budgets[i] = (struct espalier_budget){.rows = all_rows ? shape->rows : share(proportion, shape->rows),
                                              .columns = share_columns(shape, kind, proportion, there_are)};
        if (i > 0) /* rows that no column reads will be gone */
            limit(&budgets[i - 1].rows, budgets[i].columns / (kind == ESPALIER_CHANNELS ? kernel_of(shape) : 1));
        channels = budgets[i].rows;
    }
    for (uint32_t i = 0; i < network->layer_count; i++)
        total += (uint64_t)budgets[i].rows * budgets[i].columns;
    return total;
}

enum espalier_status espalier_budget_structured(const struct espalier_network *network,
                                                const struct espalier_family *families, uint64_t total,
                                                struct espalier_budget *budgets, struct espalier_error *error)
{
    double low = 0.0, high = 65536.0;

    if (share_out(network, families, low, budgets) > total)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "%llu weights are too few: a row and a column a layer are more",
                             (unsigned long long)total);
    for (int i = 0; i < 64; i++) {
        double middle = 0.5 * (low + high);
        if (share_out(network, families, middle, budgets) <= total)
            low = middle;
        else
            high = middle;
    }
    (void)share_out(network, families, low, budgets);
    return ESPALIER_OK;
}

uint32_t espalier_cut_off(const struct espalier_network *network)
{
    for (uint32_t i = 0; i < network->layer_count; i++)
        if (espalier_budget_of(&network->layers[i]).weights == 0)
            return i + 1;
    return 0;
}

/* Rows that a layer may have if it has so many now: what its own family leaves, or what the next layer reads. */
static uint32_t rows_bound(const struct espalier_network *network, const struct espalier_family *families,
                           const struct espalier_budget *budgets, uint32_t layer, uint32_t now)
{
    enum espalier_family_kind kind = families[layer].kind, next = families[layer + 1].kind;
    uint32_t columns = budgets[layer + 1].columns;

    if (kind == ESPALIER_FILTERS || kind == ESPALIER_FILTERS_COLUMNS)
        limit(&now, budgets[layer].rows);
    if (espalier_family_is_structured(next) && next != ESPALIER_FILTERS)
        limit(&now, next == ESPALIER_CHANNELS ? columns / kernel_of(&network->layers[layer + 1].shape) : columns);
    return now;
}

uint64_t espalier_budget_bound(const struct espalier_network *network, const struct espalier_family *families,
                               const struct espalier_budget *budgets)
{
    uint64_t total = 0;
    uint32_t channels = network->layers[0].shape.in_channels;

    for (uint32_t i = 0; i < network->layer_count; i++) {
        uint32_t rows = espalier_budget_of(&network->layers[i]).rows, columns = budgets[i].columns;
        if (i + 1 < network->layer_count)
            rows = rows_bound(network, families, budgets, i, rows);
        if (families[i].kind == ESPALIER_FILTERS)
            columns = channels * kernel_of(&network->layers[i].shape);
        total += espalier_family_is_structured(families[i].kind) ? (uint64_t)rows * columns : budgets[i].weights;
        channels = rows;
    }
    return total;
}

/* A structured network of as many weights has enough rows for its columns; a sparser one gets twice as many. */
static void limit_rows(const struct espalier_network *network, uint64_t total, struct espalier_budget *budgets)
{
    struct espalier_budget structured[ESPALIER_LAYERS_MAX];

    if (espalier_budget_structured(network, NULL, total, structured, NULL) != ESPALIER_OK)
        return;
    for (uint32_t i = 0; i < network->layer_count; i++)
        budgets[i].rows = structured[i].rows * 2 < network->layers[i].shape.rows ? structured[i].rows * 2
                                                                                 : network->layers[i].shape.rows;
}

enum espalier_status espalier_budget_gap(const struct espalier_network *network, uint64_t total,
                                         struct espalier_budget *budgets, struct espalier_error *error)
{
    size_t all = 0, filled = 0;

    for (uint32_t i = 0; i < network->layer_count; i++)
        all += espalier_shape_weights(&network->layers[i].shape);
    struct scored *scored = malloc(all * sizeof *scored);
    if (scored == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for the scores of %zu weights", all);
    for (uint32_t i = 0; i < network->layer_count; i++) {
        score_layer(&network->layers[i], i, scored + filled);
        filled += espalier_shape_weights(&network->layers[i].shape);
        budgets[i] = (struct espalier_budget){0};
    }
    qsort(scored, all, sizeof *scored, rising);
    for (size_t i = all; i-- > 0 && all - i <= total;)
        budgets[scored[i].layer].weights++;
    for (uint32_t i = 0; i < network->layer_count; i++)
        budgets[i].weights += budgets[i].weights == 0;
    free(scored);
    limit_rows(network, total, budgets);
    return ESPALIER_OK;
}

void espalier_archive_budgets(struct espalier_archive *archive, struct espalier_budget *budgets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        espalier_archive_u32(archive, &budgets[i].weights, 1);
        espalier_archive_u32(archive, &budgets[i].rows, 1);
        espalier_archive_u32(archive, &budgets[i].columns, 1);
    }
}

struct espalier_budget espalier_budget_of(const struct espalier_float_layer *layer)
{
    size_t columns = espalier_shape_columns(&layer->shape);
    struct espalier_budget budget = {0};

    for (size_t row = 0; row < layer->shape.rows; row++) {
        uint32_t weights = 0;
        for (size_t column = 0; column < columns; column++)
            weights += layer->mask[row * columns + column];
        budget.weights += weights;
        budget.rows += weights > 0;
    }
    for (size_t column = 0; column < columns; column++) {
        bool any = false;
        for (size_t row = 0; row < layer->shape.rows && !any; row++)
            any = layer->mask[row * columns + column];
        budget.columns += any;
    }
    return budget;
}
