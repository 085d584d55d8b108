/* Compression: steps and codes against brute force; purification and sorting against the network they started
 * from; the integer model against the quantized float network; whole runs, diverging runs and unsuitable options. */
#include "support/networks.h"
#include "support/support.h"

#include <espalier/compress.h>
#include <espalier/engine.h>
#include <espalier/pack.h>
#include <espalier/random.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "data.h"
#include "network/batch.h"
#include "project/mask.h"
#include "project/project.h"
#include "prune/admm.h"
#include "prune/budget.h"
#include "prune/dead.h"
#include "prune/purify.h"
#include "prune/search.h"
#include "quantize/codebook.h"
#include "quantize/export.h"
#include "quantize/quantize.h"
#include "quantize/steps.h"
#include "tool.h"
#include "training.h"

enum { EDGE = 12, CLASSES = 4, IMAGES = 500 };

static struct espalier_error error;

static void fill_normal(struct espalier_random *random, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)espalier_random_normal(random);
}

/* ---- steps and codes ---- */

static double cost_of_step(const float *values, size_t size, double step, double low, double high)
{
    double cost = 0.0;
    for (size_t i = 0; i < size; i++) {
        double code = fmin(high, fmax(low, floor((double)values[i] / step + 0.5))),
               apart = (double)values[i] - code * step;
        cost += apart * apart;
    }
    return cost;
}

START_TEST(the_step_is_nearly_the_best_of_a_fine_search)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(40); round++) {
        enum { SIZE = 400 };
        int32_t high = (1 << (2 + espalier_random_below(&random, 6))) - 1, low = round % 2 ? 0 : -high - 1;
        float values[SIZE];
        double best = HUGE_VAL, largest = 0.0;
        fill_normal(&random, values, SIZE);
        for (size_t i = 0; i < SIZE; i++) {
            values[i] = round % 2 ? fabsf(values[i]) : values[i];
            largest = fmax(largest, fabs((double)values[i]));
        }
        for (int32_t c = 1; c <= 4000; c++)
            best = fmin(best, cost_of_step(values, SIZE, largest * c / 4000.0 / high * 1.001, low, high));
        double step = (double)espalier_best_step(values, SIZE, low, high);
        ck_assert_double_le(cost_of_step(values, SIZE, step, low, high), 1.15 * best);
    }
}
END_TEST

START_TEST(a_code_is_that_of_the_nearest_level)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(2000); round++) {
        struct espalier_levels levels = {
            .count = round % 2 ? 4 : 0, .low = -8, .high = 7, .codebook = {-90, -5, 2, 127}, .unit = 0.01F};
        float weight = (float)(0.5 * espalier_random_normal(&random));
        double got = fabs((double)espalier_levels_code(&levels, weight) * 0.01 - (double)weight);
        for (int32_t code = -8; code < 8; code++) {
            double other = levels.count == 0 ? code : levels.codebook[code & 3];
            ck_assert_double_le(got, fabs(other * 0.01 - (double)weight) + 1e-6);
        }
    }
}
END_TEST

/* ---- networks ---- */

/* Two convolutions, a hidden layer and a classifier; with padding, biases and random masks of density 1 / `sparsity`.
 */
static struct espalier_network *draw_network(struct espalier_random *random, uint8_t pad, uint32_t sparsity)
{
    struct espalier_shape shapes[] = {{.in_channels = 1,
                                       .in_height = EDGE,
                                       .in_width = EDGE,
                                       .kernel_height = 3,
                                       .kernel_width = 3,
                                       .pool = 2,
                                       .relu = true,
                                       .rows = 8},
                                      {.kernel_height = 3, .kernel_width = 3, .pad = pad, .relu = true, .rows = 10},
                                      {.relu = true, .rows = 14},
                                      {.rows = CLASSES}};
    struct espalier_network *network = network_of(shapes, 4, espalier_random_bits(random));
    for (uint32_t i = 0; i < network->layer_count; i++) {
        struct espalier_float_layer *layer = &network->layers[i];
        for (size_t k = 0; k < layer->shape.rows * espalier_shape_columns(&layer->shape); k++)
            layer->mask[k] = espalier_random_below(random, sparsity) == 0;
        network_settle(random, layer);
    }
    return network;
}

static void draw_pixels(struct espalier_random *random, uint8_t *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pixels[i] = (uint8_t)espalier_random_bits(random);
}

static bool has_useless_rows(const struct espalier_network *network)
{
    for (uint32_t i = 0; i + 1 < network->layer_count; i++) {
        const struct espalier_float_layer *layer = &network->layers[i], *reader = &network->layers[i + 1];
        size_t columns = espalier_shape_columns(&layer->shape), reads = espalier_shape_columns(&reader->shape);
        size_t kernel = reads / layer->shape.rows;
        for (size_t row = 0; row < layer->shape.rows && layer->shape.rows > 1; row++) {
            size_t weights = 0, readers = 0;
            for (size_t k = 0; k < columns; k++)
                weights += layer->mask[row * columns + k];
            for (size_t k = 0; k < reader->shape.rows * reads; k++)
                readers += k % reads / kernel == row && reader->mask[k];
            if (readers == 0 || (weights == 0 && reader->shape.pad == 0))
                return true;
        }
    }
    return false;
}

START_TEST(purification_keeps_the_function_and_leaves_nothing_useless)
{
    enum { COUNT = 5 };
    struct espalier_random random;
    uint32_t shrunk = 0;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(100); round++) {
        struct espalier_network *network = draw_network(&random, round % 2, 4 + espalier_random_below(&random, 40));
        uint8_t pixels[COUNT * EDGE * EDGE];
        float before[COUNT * CLASSES], after[COUNT * CLASSES];
        uint32_t rows = network->layers[2].shape.rows;
        draw_pixels(&random, pixels, sizeof pixels);
        test_ok(espalier_network_logits(network, pixels, COUNT, before, &error));
        test_ok(espalier_purify(network, &error));
        test_ok(espalier_network_logits(network, pixels, COUNT, after, &error));
        for (size_t i = 0; i < COUNT * CLASSES; i++)
            ck_assert_double_eq_tol((double)after[i], (double)before[i], 1e-4 * (1.0 + fabs((double)before[i])));
        ck_assert(!has_useless_rows(network));
        shrunk += network->layers[2].shape.rows < rows;
        espalier_network_free(network);
    }
    ck_assert_uint_gt(shrunk, 0);
}
END_TEST

/* Whether an image makes a row active, asked of a network that ends behind its layer. */
static bool is_active(const struct espalier_network *network, uint32_t layer, size_t row,
                      const struct espalier_dataset *data, uint32_t images)
{
    const struct espalier_shape *shape = &network->layers[layer].shape;
    size_t size = (size_t)espalier_shape_out_height(shape) * espalier_shape_out_width(shape);
    struct espalier_network head = {.layer_count = layer + 1, .layers = network->layers};
    float *outputs = malloc((size_t)images * shape->rows * size * sizeof *outputs);
    bool active = false;

    ck_assert_ptr_nonnull(outputs);
    test_ok(espalier_network_logits(&head, data->pixels, images, outputs, &error));
    for (size_t n = 0; n < images; n++)
        for (size_t i = 0; i < size; i++)
            active = active || outputs[(n * shape->rows + row) * size + i] > 0.0F;
    free(outputs);
    return active;
}

START_TEST(rows_that_no_image_makes_active_go_and_others_stay)
{
    enum { COUNT = 70 }; /* a batch and a part of one */
    struct espalier_random random;
    uint32_t gone = 0;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(30); round++) {
        struct espalier_network *network = draw_network(&random, round % 2, 4), *whole = NULL, *wanted = NULL;
        uint8_t pixels[COUNT * EDGE * EDGE], labels[COUNT] = {0};
        struct espalier_dataset data = {
            .height = EDGE, .width = EDGE, .count = COUNT, .pixels = pixels, .labels = labels};
        float before[COUNT * CLASSES], after[COUNT * CLASSES];
        uint32_t images = 1 + espalier_random_below(&random, COUNT);
        draw_pixels(&random, pixels, sizeof pixels);
        for (uint32_t i = 0; i + 1 < network->layer_count; i++) /* a bias as low as the sums are high, or nearly */
            for (size_t row = 0; row < network->layers[i].shape.rows; row++)
                if (espalier_random_below(&random, 4) == 0)
                    network->layers[i].bias[row] -= 3.0F * (float)espalier_random_uniform(&random);
        test_ok(espalier_network_clone(network, &whole, &error));
        test_ok(espalier_network_clone(network, &wanted, &error));
        test_ok(espalier_network_logits(network, pixels, images, before, &error));
        test_ok(espalier_cut_dead(network, &data, images, &error));
        test_ok(espalier_network_logits(network, pixels, images, after, &error));
        for (size_t i = 0; i < images * CLASSES; i++) /* but for the order of sums */
            ck_assert_double_eq_tol((double)after[i], (double)before[i], 1e-5 * (1.0 + fabs((double)before[i])));
        for (uint32_t i = 0; i < network->layer_count; i++) {
            const struct espalier_float_layer *layer = &network->layers[i], *old = &whole->layers[i];
            size_t columns = espalier_shape_columns(&layer->shape);
            uint32_t active = 0;
            for (size_t row = 0; row < layer->shape.rows && i + 1 < network->layer_count; row++)
                active +=
                    memchr(old->mask + row * columns, 1, columns) != NULL && is_active(whole, i, row, &data, images);
            for (size_t row = 0; row < layer->shape.rows; row++)
                if (active > 0 && !is_active(whole, i, row, &data, images)) {
                    gone++;
                    wanted->layers[i].bias[row] = 0.0F;
                    memset(wanted->layers[i].mask + row * columns, 0, columns);
                    memset(wanted->layers[i].weights + row * columns, 0, columns * sizeof *layer->weights);
                }
        }
        espalier_cut_unused(wanted);
        for (uint32_t i = 0; i < network->layer_count; i++)
            ck_assert_mem_eq(network->layers[i].mask, wanted->layers[i].mask,
                             espalier_shape_weights(&network->layers[i].shape));
        espalier_network_free(wanted);
        espalier_network_free(whole);
        espalier_network_free(network);
    }
    ck_assert_uint_gt(gone, 0);
}
END_TEST

START_TEST(sorting_rows_keeps_the_function_and_puts_full_rows_first)
{
    enum { COUNT = 5 };
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(40); round++) {
        struct espalier_network *network = draw_network(&random, round % 2, 3);
        uint8_t pixels[COUNT * EDGE * EDGE];
        float before[COUNT * CLASSES], after[COUNT * CLASSES];
        draw_pixels(&random, pixels, sizeof pixels);
        test_ok(espalier_network_logits(network, pixels, COUNT, before, &error));
        test_ok(espalier_sort_rows(network, &error));
        test_ok(espalier_network_logits(network, pixels, COUNT, after, &error));
        for (size_t i = 0; i < COUNT * CLASSES; i++)
            ck_assert_double_eq_tol((double)after[i], (double)before[i], 1e-4 * (1.0 + fabs((double)before[i])));
        for (uint32_t i = 0; i + 1 < network->layer_count; i++) {
            size_t columns = espalier_shape_columns(&network->layers[i].shape), last = columns;
            for (size_t row = 0; row < network->layers[i].shape.rows; row++) {
                size_t weights = 0;
                for (size_t k = 0; k < columns; k++)
                    weights += network->layers[i].mask[row * columns + k];
                ck_assert_uint_le(weights, last);
                last = weights;
            }
        }
        espalier_network_free(network);
    }
}
END_TEST

START_TEST(budgets_keep_to_their_total)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(40); round++) {
        struct espalier_network *network = draw_network(&random, 0, 1);
        struct espalier_budget gap[4], structured[4];
        uint64_t total = 100 + espalier_random_below(&random, (uint32_t)network->dense_weights / 2), kept_gap = 0,
                 kept_structured = 0;
        test_ok(espalier_budget_gap(network, total, gap, &error));
        test_ok(espalier_budget_structured(network, NULL, total, structured, &error));
        for (size_t i = 0; i < 4; i++) {
            kept_gap += gap[i].weights;
            kept_structured += (uint64_t)structured[i].rows * structured[i].columns;
        }
        ck_assert(kept_gap >= total && kept_gap <= total + 4);
        ck_assert(kept_structured <= total && kept_structured * 4 > total);
        espalier_network_free(network);
    }
}
END_TEST

START_TEST(structured_budgets_keep_what_the_family_cannot_remove)
{
    static const enum espalier_family_kind kinds[] = {ESPALIER_FILTERS, ESPALIER_CHANNELS, ESPALIER_COLUMNS,
                                                      ESPALIER_FILTERS_COLUMNS};
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(60); round++) {
        struct espalier_network *network = draw_network(&random, 0, 1);
        enum espalier_family_kind kind = kinds[round % 4];
        const struct espalier_family families[4] = {{.kind = kind}, {.kind = kind}, {.kind = kind}, {.kind = kind}};
        struct espalier_budget budgets[4];
        uint64_t total = 400 + espalier_random_below(&random, (uint32_t)network->dense_weights / 2), kept = 0;
        test_ok(espalier_budget_structured(network, families, total, budgets, &error));
        for (size_t i = 0; i < 4; i++) {
            const struct espalier_shape *shape = &network->layers[i].shape;
            uint32_t kernel = (uint32_t)shape->kernel_height * shape->kernel_width;
            uint32_t channels = i > 0 ? budgets[i - 1].rows : 1;
            ck_assert_uint_ge(budgets[i].columns, 1);
            ck_assert_uint_ge(budgets[i].rows, i == 3 ? CLASSES : 1);
            if (kind == ESPALIER_FILTERS || kind == ESPALIER_CHANNELS) /* no channel is read in part, or not at all */
                ck_assert_uint_eq(budgets[i].columns, channels * kernel);
            else
                ck_assert(budgets[i].columns <= channels * kernel && budgets[i].columns >= channels);
            kept += (uint64_t)budgets[i].rows * budgets[i].columns;
        }
        ck_assert_msg(kept <= total && kept * 4 > total, "round %u: %llu of %llu", round, (unsigned long long)kept,
                      (unsigned long long)total);
        espalier_network_free(network);
    }
}
END_TEST

/* ---- ADMM on its own: without a loss, W must go to the set ---- */

START_TEST(admm_updates_follow_their_definition)
{
    struct espalier_random random;
    struct espalier_admm admm;
    espalier_random_seed(&random, test_seed());
    struct espalier_network *network = draw_network(&random, 0, 1);
    const struct espalier_constraint constraint = {
        .first = 1, .layers = 1, .set = {.family = {.kind = ESPALIER_COLUMNS}, .keep = 7}};
    float *weights = network->layers[1].weights;
    size_t rows = 10, columns = 72, count = rows * columns;
    struct espalier_gradients gradients;
    uint8_t mask[720], *masks[] = {mask};
    float z[720], u[720] = {0};
    const struct espalier_matrix matrix = {rows, columns, 9, z};
    test_ok(espalier_gradients_create(network, &gradients, &error));
    test_ok(espalier_admm_create(network, &constraint, 1, &admm, &error));
    admm.rho = 0.5F;
    admm.growth = 2.0F;
    for (uint32_t round = 0; round < 4; round++) {
        for (size_t i = 0; i < count; i++)
            weights[i] += (float)(0.05 * espalier_random_normal(&random));
        test_ok(espalier_admm_update(&admm, network, &error));
        for (size_t i = 0; i < count; i++)
            z[i] = weights[i] + u[i];
        test_ok(espalier_project(&constraint.set, &matrix, masks, 1, &error));
        for (size_t i = 0; i < count; i++)
            u[i] = (u[i] + weights[i] - z[i]) / 2.0F;
        memset(gradients.weights[1], 0, count * sizeof(float));
        espalier_admm_penalize(&admm, network, &gradients);
        for (size_t i = 0; i < count; i++)
            ck_assert_double_eq_tol((double)gradients.weights[1][i], (double)(admm.rho * (weights[i] - z[i] + u[i])),
                                    1e-5);
        ck_assert_double_eq_tol((double)admm.rho, 0.5 * (double)(2U << round), 1e-6);
    }
    test_ok(espalier_admm_prune(&admm, network, &error));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        kept += network->layers[1].mask[i];
        ck_assert(network->layers[1].mask[i] == 1 || weights[i] == 0.0F);
    }
    ck_assert_uint_eq(kept, 7 * rows);
    espalier_admm_free(&admm);
    espalier_gradients_free(&gradients);
    espalier_network_free(network);
}
END_TEST

/* ---- export ---- */

static struct espalier_dataset draw_data(uint64_t seed)
{
    return network_task(seed, IMAGES, EDGE, 60);
}

/* Structured masks: whole columns of all rows; every other layer keeps all of them. */
static void share_masks(struct espalier_network *network)
{
    for (uint32_t i = 0; i < network->layer_count; i++) {
        struct espalier_float_layer *layer = &network->layers[i];
        size_t columns = espalier_shape_columns(&layer->shape);
        for (size_t k = 0; k < layer->shape.rows * columns; k++) {
            layer->mask[k] = i % 2 == 1 || layer->mask[k % columns];
            layer->weights[k] *= layer->mask[k];
        }
    }
}

/* A keep list is stored where a column is missing, and nowhere else. */
static void check_keep_lists(const struct espalier_network *network, const struct espalier_model *model)
{
    for (uint32_t i = 0; i < model->layer_count; i++) {
        size_t columns = espalier_shape_columns(&network->layers[i].shape);
        bool missing = false;
        for (size_t column = 0; column < columns; column++)
            missing |= network->layers[i].mask[column] == 0; /* all rows have the same */
        ck_assert_int_eq(model->layers[i].format, missing ? ESPALIER_STRUCTURED : ESPALIER_DENSE);
    }
}

/* The float pass sums in another order than the engine, so a value that lies on the edge of rounding may fall to the
 * other side: nearly all logits must be equal, and the rest near. */
START_TEST(the_exported_model_computes_what_the_quantized_network_does)
{
    static const enum espalier_format formats[] = {ESPALIER_DENSE, ESPALIER_STRUCTURED, ESPALIER_GAP};
    enum { COUNT = 16 };
    struct espalier_random random;
    uint32_t equal = 0, all = 0;
    espalier_random_seed(&random, test_seed());
    struct espalier_dataset data = draw_data(test_seed());
    for (uint32_t round = 0; round < test_scale(48); round++) {
        enum espalier_format format = formats[round % 3];
        struct espalier_network *network = draw_network(&random, round / 3 % 2, format == ESPALIER_DENSE ? 1 : 3);
        struct espalier_quantizer quantizer;
        struct espalier_model *model = NULL;
        struct espalier_engine *engine = NULL;
        struct espalier_pass *pass = NULL;
        if (format == ESPALIER_STRUCTURED)
            share_masks(network);
        uint8_t bits[ESPALIER_LAYERS_MAX];
        for (uint32_t i = 0; i < network->layer_count; i++)
            bits[i] = (uint8_t)(1 + (round + 3 * i) % 8);
        test_ok(espalier_quantizer_create(network, bits, 8, &quantizer, &error));
        test_ok(espalier_quantizer_refresh(&quantizer, network, &data, 64, &error));
        espalier_quantizer_apply(&quantizer, network);
        test_ok(espalier_export(network, &quantizer, format, "test", &model, &error));
        if (format == ESPALIER_STRUCTURED)
            check_keep_lists(network, model);
        test_ok(espalier_engine_create(model, &engine, &error));
        test_ok(espalier_pass_create(network, COUNT, &pass, &error));
        for (uint32_t n = 0; n < COUNT; n++)
            espalier_batch_fill(&data, &n, 1, COUNT, 0.0F, NULL, espalier_pass_input(pass) + n);
        const float *logits = espalier_pass_forward(pass, quantizer.views, NULL);
        double step = (double)quantizer.layers[3].levels.unit * (double)quantizer.layers[3].input_step, largest = 0.0;
        for (size_t i = 0; i < CLASSES * COUNT; i++)
            largest = fmax(largest, fabs((double)logits[i]));
        for (size_t n = 0; n < COUNT; n++) {
            int32_t integers[CLASSES];
            espalier_engine_run(engine, data.pixels + n * EDGE * EDGE, integers);
            for (size_t c = 0; c < CLASSES; c++) {
                double expected = (double)logits[c * COUNT + n], got = integers[c] * step;
                equal += fabs(got - expected) < 0.01 * step + 1e-5 * largest;
                all++;
                ck_assert_double_eq_tol(got, expected, 0.05 * largest + 2.0 * step);
            }
        }
        espalier_pass_free(pass);
        espalier_engine_free(engine);
        espalier_model_free(model);
        espalier_quantizer_free(&quantizer);
        espalier_network_free(network);
    }
    ck_assert_msg(equal * 20 >= all * 19, "only %u of %u logits are equal", equal, all);
    espalier_dataset_free(&data);
}
END_TEST

/* ---- whole runs ---- */

struct seen {
    uint32_t epochs;
    double last_residual, first_residual, done;
};

static bool watch(void *context, const struct espalier_progress *progress)
{
    struct seen *seen = context;
    ck_assert_double_ge(progress->done, seen->done - 1e-9);
    seen->done = progress->done;
    if (progress->epoch_end && strncmp(progress->stage, "prune 1/", 8) == 0) { /* later steps begin near their end */
        seen->first_residual = progress->epoch == 1 ? progress->residual : seen->first_residual;
        seen->last_residual = progress->residual;
    }
    seen->epochs += progress->epoch_end;
    return true;
}

static struct espalier_network *trained_network(const struct espalier_dataset *data)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    struct espalier_network *network = draw_network(&random, 0, 1);
    struct espalier_train_options options = espalier_train_defaults();
    options.epochs = 10;
    options.batch = 20;
    options.held_out = 100;
    options.augment = options.dropout = 0.0F;
    options.learning_rate = 5e-3F;
    test_ok(espalier_train(network, data, &options, &error));
    return network;
}

static struct espalier_compress_options small_options(enum espalier_format format)
{
    struct espalier_compress_options options = espalier_compress_defaults(format);
    options.train.batch = 20;
    options.train.held_out = 100;
    options.train.augment = 0.0F;
    options.train.seed = test_seed();
    options.ratio = 6.0;
    options.made_by = "check_compress";
    if (format != ESPALIER_DENSE) {
        options.steps = 2;
        options.prune_epochs = 12;
        options.retrain_epochs = 12;
        options.quantize_epochs = 6;
    }
    return options;
}

/* Of the last 100 images. */
static uint32_t count_right(const struct espalier_model *model, const struct espalier_dataset *data)
{
    struct espalier_engine *engine = NULL;
    uint32_t correct = 0;
    test_ok(espalier_engine_create(model, &engine, &error));
    for (size_t n = IMAGES - 100; n < IMAGES; n++) {
        int32_t logits[CLASSES];
        espalier_engine_run(engine, data->pixels + n * EDGE * EDGE, logits);
        correct += espalier_argmax(logits, CLASSES) == data->labels[n];
    }
    espalier_engine_free(engine);
    return correct;
}

START_TEST(compression_keeps_an_easy_task_at_every_format)
{
    static const struct {
        enum espalier_format format;
        uint32_t choose_epochs, steps; /* of pruning: dropout, ADMM, one after the other */
        uint32_t right;                /* in percent of what the network gets right, at least */
    } recipes[] = {{ESPALIER_DENSE, 0, 0, 90},       {ESPALIER_STRUCTURED, 0, 2, 90}, {ESPALIER_GAP, 0, 2, 90},
                   {ESPALIER_STRUCTURED, 20, 0, 90}, {ESPALIER_GAP, 20, 0, 90},       {ESPALIER_STRUCTURED, 20, 2, 90},
                   {ESPALIER_GAP, 20, 2, 90}};
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = trained_network(&data);
    struct espalier_judgement judgement;
    test_ok(espalier_network_judge(network, &data, IMAGES - 100, 100, &judgement, &error));
    uint32_t before = judgement.correct; /* not all, if training without normalization began badly: seed 20785 */
    for (size_t r = 0; r < sizeof recipes / sizeof *recipes; r++) {
        const enum espalier_format format = recipes[r].format;
        struct espalier_compress_options options = small_options(format);
        struct espalier_model *model = NULL;
        struct seen seen = {0};
        uint64_t stored = 0;
        options.train.progress = watch;
        options.train.context = &seen;
        options.choose_epochs = recipes[r].choose_epochs;
        options.steps = recipes[r].steps;
        options.choose_rate = options.retrain_rate = 1e-2F; /* the images are few */
        options.prune_rate = 5e-3F;
        options.rho_first = 0.1F;
        options.rho_last = 10.0F;
        options.prune_epochs = options.steps > 0 ? options.prune_epochs : 0;
        test_ok(espalier_compress(network, &data, &options, &model, &error));
        ck_assert_uint_eq(seen.epochs, options.choose_epochs + options.prune_epochs + options.retrain_epochs +
                                           options.quantize_epochs);
        ck_assert_double_eq_tol(seen.done, 1.0, 1e-9);
        ck_assert_uint_eq(model->dense_weights, network->dense_weights);
        ck_assert_str_eq(model->made_by, "check_compress");
        for (uint32_t i = 0; i < model->layer_count; i++) {
            const struct espalier_layer *layer = &model->layers[i];
            const bool lists = memchr(layer->keep, 0, espalier_layer_columns(layer)) != NULL;
            ck_assert_int_eq(layer->format, format == ESPALIER_STRUCTURED && !lists ? ESPALIER_DENSE : format);
            for (size_t k = 0; k < model->layers[i].rows * espalier_layer_columns(&model->layers[i]); k++)
                stored += model->layers[i].mask[k];
        }
        if (format != ESPALIER_DENSE)
            ck_assert_double_le((double)stored * options.ratio, (double)network->dense_weights * 1.01);
        if (options.steps > 0 && options.choose_epochs == 0) /* choosing may leave ADMM nothing to do */
            ck_assert_double_lt(seen.last_residual, seen.first_residual);
        uint32_t correct = count_right(model, &data);
        ck_assert_msg(100 * correct >= recipes[r].right * before, "recipe %zu: %u right, %u before", r, correct,
                      before);
        espalier_model_free(model);
    }
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

/* Reads a list of families, one a layer, the last one going for all that follow. */
static void read_families(const char *const names[4], uint32_t lanes, struct espalier_family families[4])
{
    for (size_t i = 0; i < 4; i++) {
        if (names[i] != NULL)
            test_ok(espalier_family_read(names[i], &families[i], &error));
        else
            families[i] = families[i - 1];
        families[i].lanes = lanes;
    }
}

/* The smallest keep whose projection leaves a model's mask as it is. */
static size_t units_used(const struct espalier_family *family, const struct espalier_layer *layer)
{
    size_t columns = espalier_layer_columns(layer), count = layer->rows * columns;
    struct espalier_set set = {.family = *family};
    float *flags = malloc(count * sizeof *flags);
    uint8_t *mask = malloc(count);
    struct espalier_matrix matrix = {layer->rows, columns, (size_t)layer->kernel_height * layer->kernel_width, flags};
    bool same = false;
    ck_assert(flags != NULL && mask != NULL);
    for (; !same; set.keep += !same) {
        for (size_t i = 0; i < count; i++)
            flags[i] = layer->mask[i];
        test_ok(espalier_project(&set, &matrix, &mask, 1, &error));
        same = true;
        for (size_t i = 0; i < count; i++)
            same = same && flags[i] == (float)layer->mask[i];
    }
    free(flags);
    free(mask);
    return set.keep;
}

/* A row that only images beyond a limit make active: it goes if training is limited to those before, large as its
 * weight is, and stays if not. */
START_TEST(rows_that_only_images_beyond_a_limit_make_active_go)
{
    enum { USE = 300, HIDDEN = 16 };
    static const uint32_t limits[] = {USE, 0};
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_shape shapes[] = {
        {.in_channels = 1, .in_height = EDGE, .in_width = EDGE, .relu = true, .rows = HIDDEN}, {.rows = CLASSES}};
    struct espalier_network *network = network_of(shapes, 2, test_seed());
    for (uint32_t n = 0; n < IMAGES; n++)
        data.pixels[(size_t)n * EDGE * EDGE] = n >= USE && n < IMAGES - 100 ? 255 : 0;
    for (size_t k = 0; k < HIDDEN * EDGE * EDGE; k++) /* the first row reads the pixel alone, and is alone with that */
        if (k < EDGE * EDGE || k % (EDGE * EDGE) == 0)
            network->layers[0].weights[k] = k == 0 ? 4.0F : 0.0F;
    network->layers[0].bias[0] = -1.0F;
    for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
        struct espalier_compress_options options = small_options(ESPALIER_GAP);
        struct espalier_model *model = NULL;
        uint32_t readers = 0;
        options.train.use = limits[l];
        test_ok(espalier_compress(network, &data, &options, &model, &error));
        for (size_t row = 0; row < model->layers[0].rows; row++)
            readers += model->layers[0].mask[row * EDGE * EDGE];
        ck_assert_msg((readers > 0) == (limits[l] == 0), "a limit of %u: %u rows read the pixel", limits[l], readers);
        espalier_model_free(model);
    }
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

/* What is kept of a structured family's layer is whole: in rows that have weights a tile is there or not. */
static void check_whole(enum espalier_family_kind kind, const struct espalier_layer *layer)
{
    const size_t columns = espalier_layer_columns(layer), kernel = (size_t)layer->kernel_height * layer->kernel_width;
    const size_t wide = kind == ESPALIER_FILTERS ? columns : kind == ESPALIER_CHANNELS ? kernel : 1;
    const uint8_t *first = NULL;
    for (size_t row = 0; row < layer->rows; row++) {
        const uint8_t *mask = layer->mask + row * columns;
        if (memchr(mask, 1, columns) == NULL)
            continue;
        first = first == NULL ? mask : first;
        for (size_t k = 0; k < columns; k++) {
            ck_assert_msg(mask[k] == mask[k / wide * wide], "row %zu: a part of it at column %zu", row, k);
            ck_assert_msg(mask[k] == first[k], "row %zu differs from others at column %zu", row, k);
        }
    }
    ck_assert_ptr_nonnull(first);
}

/* Every class has weights. */
static void check_classes(const struct espalier_layer *layer)
{
    const size_t columns = espalier_layer_columns(layer);
    ck_assert_uint_eq(layer->rows, CLASSES);
    for (size_t row = 0; row < CLASSES; row++)
        ck_assert_ptr_nonnull(memchr(layer->mask + row * columns, 1, columns));
}

/* A model pruned by masks has nothing that the generator does not give.
 * @param keep  positions that it was asked for */
static void check_drawn(uint64_t seed, size_t keep, const struct espalier_layer *layer)
{
    const size_t count = layer->rows * espalier_layer_columns(layer);
    uint8_t *drawn = malloc(count);
    ck_assert_ptr_nonnull(drawn);
    espalier_draw_mask(seed, keep, layer->rows, espalier_layer_columns(layer), drawn);
    for (size_t k = 0; k < count; k++)
        ck_assert(layer->mask[k] <= drawn[k]);
    free(drawn);
}

static size_t weights_stored(const struct espalier_model *model)
{
    size_t stored = 0;
    for (uint32_t i = 0; i < model->layer_count; i++)
        for (size_t k = 0; k < model->layers[i].rows * espalier_layer_columns(&model->layers[i]); k++)
            stored += model->layers[i].mask[k];
    return stored;
}

START_TEST(every_family_keeps_an_easy_task_and_its_budget)
{
    static const struct {
        enum espalier_format format;
        const char *names[4];
        uint32_t lanes;
    } cases[] = {{ESPALIER_GAP, {"elements"}, 4},
                 {ESPALIER_GAP, {"global"}, 0},
                 {ESPALIER_GAP, {"blocks:2x3"}, 0},
                 {ESPALIER_GAP, {"blocks:2x1"}, 4},
                 {ESPALIER_GAP, {"2:4"}, 0},
                 {ESPALIER_GAP, {"banks:3"}, 0},
                 {ESPALIER_GAP, {"banks:3"}, 2},
                 {ESPALIER_GAP, {"filters", "elements"}, 0},
                 {ESPALIER_GAP, {"mask:5"}, 0},
                 {ESPALIER_STRUCTURED, {"filters"}, 0},
                 {ESPALIER_STRUCTURED, {"channels"}, 0},
                 {ESPALIER_STRUCTURED, {"columns"}, 0},
                 {ESPALIER_STRUCTURED, {"filters+columns"}, 0}};
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = trained_network(&data);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct espalier_compress_options options = small_options(cases[c].format);
        struct espalier_family families[4];
        struct espalier_budget budgets[4];
        struct espalier_model *model = NULL;
        size_t used = 0, most = 0;
        read_families(cases[c].names, cases[c].lanes, families);
        options.families = families;
        options.family_count = 4;
        options.ratio = 4.0;
        test_ok(espalier_compress(network, &data, &options, &model, &error));
        most = (size_t)((double)network->dense_weights / options.ratio);
        test_ok(espalier_budget_gap(network, most, budgets, &error));
        check_classes(&model->layers[3]);
        for (uint32_t i = 0; i < 4; i++) {
            const struct espalier_layer *layer = &model->layers[i];
            struct espalier_matrix matrix = {layer->rows, espalier_layer_columns(layer),
                                             (size_t)layer->kernel_height * layer->kernel_width, NULL};
            size_t unit = espalier_unit_weights(&families[i], &matrix);
            if (espalier_family_is_structured(families[i].kind))
                check_whole(families[i].kind, layer);
            if (families[i].kind == ESPALIER_MASK)
                check_drawn(families[i].seed, budgets[i].weights, layer);
            if (families[i].kind == ESPALIER_N_OF_M)
                ck_assert_uint_le(units_used(&families[i], layer), families[i].first);
            else if (cases[c].format == ESPALIER_GAP && families[i].kind != ESPALIER_MASK)
                used += unit * units_used(&families[i], layer);
            most += cases[c].format == ESPALIER_GAP ? unit : 0; /* one unit at least, and what ragged edges have less */
        }
        const size_t stored = weights_stored(model);
        ck_assert_msg(used <= most, "family %s: %zu of at most %zu", cases[c].names[0], used, most);
        ck_assert_msg(stored <= most || families[0].kind == ESPALIER_N_OF_M, "family %s: %zu of at most %zu stored",
                      cases[c].names[0], stored, most);
        uint32_t correct = count_right(model, &data);
        ck_assert_msg(correct >= 75, "family %s: %u of 100 right", cases[c].names[0], correct);
        espalier_model_free(model);
    }
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

/* Dropout alone, and as the start of ADMM. What is balanced or drawn loses more where dropout silenced rows, a drawn
 * mask even a class; N:M knows no ratio; of few filters a single one can matter much (guessing: 25 % right). Demands
 * are below what came of 50 seeds. */
START_TEST(dropout_chooses_by_families_alone_and_for_admm)
{
    static const struct {
        enum espalier_format format;
        const char *names[4];
        uint32_t lanes, steps;
        uint32_t least, right; /* in percent of the weights that may be kept; of what the network gets right */
    } cases[] = {{ESPALIER_STRUCTURED, {"filters"}, 0, 0, 60, 35},
                 {ESPALIER_STRUCTURED, {"filters"}, 0, 2, 60, 35},
                 {ESPALIER_STRUCTURED, {"columns"}, 0, 0, 50, 70},
                 {ESPALIER_STRUCTURED, {"columns"}, 0, 2, 50, 70},
                 {ESPALIER_STRUCTURED, {"channels"}, 0, 0, 50, 70},
                 {ESPALIER_STRUCTURED, {"channels"}, 0, 2, 50, 70},
                 {ESPALIER_STRUCTURED, {"filters+columns"}, 0, 0, 50, 70},
                 {ESPALIER_STRUCTURED, {"filters+columns"}, 0, 2, 50, 70},
                 {ESPALIER_STRUCTURED, {"filters", "columns", "channels", "columns"}, 0, 0, 50, 70},
                 {ESPALIER_GAP, {"filters"}, 0, 0, 60, 35},
                 {ESPALIER_GAP, {"filters"}, 0, 2, 60, 35},
                 {ESPALIER_GAP, {"channels", "elements"}, 0, 2, 30, 70},
                 {ESPALIER_GAP, {"blocks:2x3"}, 0, 0, 50, 70},
                 {ESPALIER_GAP, {"blocks:2x3"}, 0, 2, 30, 70},
                 {ESPALIER_GAP, {"global"}, 0, 0, 50, 70},
                 {ESPALIER_GAP, {"global"}, 0, 2, 30, 70},
                 {ESPALIER_GAP, {"elements"}, 4, 2, 20, 70},
                 {ESPALIER_GAP, {"banks:3"}, 0, 2, 25, 70},
                 {ESPALIER_GAP, {"2:8"}, 0, 2, 15, 70},
                 {ESPALIER_GAP, {"mask:5"}, 0, 2, 8, 50}};
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = trained_network(&data);
    struct espalier_judgement judgement;
    test_ok(espalier_network_judge(network, &data, IMAGES - 100, 100, &judgement, &error));
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct espalier_compress_options options = small_options(cases[c].format);
        struct espalier_family families[4];
        struct espalier_model *model = NULL;
        read_families(cases[c].names, cases[c].lanes, families);
        options.families = families;
        options.family_count = 4;
        options.ratio = 4.0;
        options.choose_epochs = 20;
        options.steps = cases[c].steps;
        options.prune_epochs = options.steps > 0 ? options.prune_epochs : 0;
        options.choose_rate = options.retrain_rate = 1e-2F; /* the images are few */
        options.prune_rate = 5e-3F;
        options.rho_first = 0.1F;
        options.rho_last = 10.0F;
        test_ok(espalier_compress(network, &data, &options, &model, &error));
        const size_t stored = weights_stored(model), most = network->dense_weights / 4;
        const uint32_t correct = count_right(model, &data);
        if (families[3].kind != ESPALIER_MASK)
            check_classes(&model->layers[3]);
        for (uint32_t i = 0; i < 4; i++)
            if (espalier_family_is_structured(families[i].kind))
                check_whole(families[i].kind, &model->layers[i]);
        ck_assert_msg(stored <= most + most / 100 && 100 * stored >= cases[c].least * most,
                      "case %zu: %zu weights kept, %zu may be", c, stored, most);
        ck_assert_msg(100 * correct >= cases[c].right * judgement.correct, "case %zu: %u right, %u before", c, correct,
                      judgement.correct);
        espalier_model_free(model);
    }
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

/* Kernels have 4 weights in one of few patterns, or none; some have. */
static void check_patterns(const struct espalier_layer *layer, size_t most)
{
    uint16_t patterns[ESPALIER_PATTERNS_MAX];
    size_t different = 0;
    for (size_t k = 0; k < layer->rows * espalier_layer_columns(layer); k += 9) {
        uint16_t pattern = 0;
        bool known = false;
        for (unsigned bit = 0; bit < 9; bit++)
            pattern |= (uint16_t)(layer->mask[k + bit] << bit);
        for (size_t p = 0; p < different; p++)
            known = known || patterns[p] == pattern;
        if (pattern == 0 || known)
            continue;
        ck_assert_int_eq(__builtin_popcount(pattern), ESPALIER_PATTERN_ENTRIES);
        ck_assert_uint_lt(different, most);
        patterns[different++] = pattern;
    }
    ck_assert_uint_gt(different, 0);
}

/* From the second step on, kernels keep their patterns or go; before, dropout takes no part of a kernel. */
START_TEST(kernels_of_a_model_pruned_by_patterns_have_few_patterns)
{
    static const char *const names[4] = {"patterns:3", "patterns:3", "elements"};
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = trained_network(&data);
    struct espalier_family families[4];
    read_families(names, 0, families);
    for (uint32_t c = 0; c < 6; c++) {
        struct espalier_compress_options options = small_options(ESPALIER_GAP);
        struct espalier_model *model = NULL;
        options.families = families;
        options.family_count = 4;
        options.ratio = 4.0;
        options.steps = 1 + c % 3;
        options.choose_epochs = c / 3 * 10;
        test_ok(espalier_compress(network, &data, &options, &model, &error));
        for (uint32_t i = 0; i < 2; i++)
            check_patterns(&model->layers[i], 3);
        const uint32_t correct = count_right(model, &data);
        ck_assert_msg(correct >= 85, "case %u: %u of 100 right", c, correct);
        espalier_model_free(model);
    }
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

/* Codes of every kind of levels are small whole numbers, which the codebook holds as they are. */
START_TEST(every_kind_of_levels_comes_into_the_codebook_with_and_without_admm)
{
    static const struct {
        enum espalier_level_kind kind;
        uint8_t bits;
        int8_t codebook[8];
    } cases[] = {{ESPALIER_LEVELS_UNIFORM, 3, {-4, -3, -2, -1, 0, 1, 2, 3}},
                 {ESPALIER_LEVELS_NO_ZERO, 3, {-4, -3, -2, -1, 1, 2, 3, 4}},
                 {ESPALIER_LEVELS_NO_ZERO, 2, {-2, -1, 1, 2}},
                 {ESPALIER_LEVELS_BINARY, 1, {-1, 1}},
                 {ESPALIER_LEVELS_TERNARY, 2, {-1, 0, 1, 1}}};
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = trained_network(&data), *pruned = NULL;
    struct espalier_compress_options options = small_options(ESPALIER_GAP);
    options.ratio = 2.0;
    options.quantize_epochs = 12;
    options.quantize_rate = 5e-3F; /* the images are few */
    test_ok(espalier_prune(network, &data, &options, &pruned, &error));
    for (size_t c = 0; c < 2 * sizeof cases / sizeof *cases; c++) {
        struct espalier_model *model = NULL;
        struct seen seen = {.done = 0.0};
        options.train.progress = watch;
        options.train.context = &seen;
        options.level_epochs = c % 2 ? 4 : 0;
        for (uint32_t i = 0; i < 4; i++) {
            options.levels[i] = cases[c / 2].kind;
            options.value_bits[i] = cases[c / 2].bits;
        }
        test_ok(espalier_quantize(pruned, &data, &options, &model, &error));
        ck_assert_double_eq_tol(seen.done, 1.0, 1e-9);
        ck_assert_uint_eq(seen.epochs, options.level_epochs + options.quantize_epochs);
        for (uint32_t i = 0; i < 4; i++) {
            bool same = true, turned = true;
            uint32_t codes = 1U << cases[c / 2].bits;
            ck_assert_uint_eq(model->layers[i].value_bits, cases[c / 2].bits);
            ck_assert(model->layers[i].has_codebook);
            for (uint32_t k = 0; k < codes; k++) {
                same = same && model->layers[i].codebook[k] == cases[c / 2].codebook[k];
                turned = turned && model->layers[i].codebook[k] == -cases[c / 2].codebook[codes - 1 - k];
            }
            ck_assert_msg(same || (turned && cases[c / 2].kind == ESPALIER_LEVELS_UNIFORM), "case %zu, layer %u", c, i);
        }
        uint32_t correct = count_right(model, &data);
        ck_assert_msg(correct >= 80, "case %zu: %u of 100 right", c, correct);
        espalier_model_free(model);
    }
    espalier_network_free(pruned);
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

/* All of a single epoch is the last quarter, in which levels settle: they must be those that the weights had before. */
START_TEST(levels_settle_in_a_single_epoch)
{
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = trained_network(&data);
    struct espalier_compress_options options = small_options(ESPALIER_GAP);
    struct espalier_model *model = NULL;
    options.ratio = 2.0;
    options.quantize_epochs = 1;
    test_ok(espalier_compress(network, &data, &options, &model, &error));
    ck_assert_uint_ge(count_right(model, &data), 70);
    espalier_model_free(model);
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

/* With a penalty and no loss, W goes to levels. */
START_TEST(admm_under_levels_ends_on_levels_and_keeps_the_masks)
{
    struct espalier_random random;
    struct espalier_admm admm;
    espalier_random_seed(&random, test_seed());
    struct espalier_network *network = draw_network(&random, 0, 2);
    const struct espalier_constraint constraint = {
        .first = 2, .layers = 1, .levels = ESPALIER_LEVELS_TERNARY, .value_bits = 2};
    struct espalier_float_layer *layer = &network->layers[2];
    size_t count = layer->shape.rows * espalier_shape_columns(&layer->shape);
    struct espalier_gradients gradients;
    uint8_t *before = malloc(count);
    memcpy(before, layer->mask, count);
    test_ok(espalier_gradients_create(network, &gradients, &error));
    test_ok(espalier_admm_create(network, &constraint, 1, &admm, &error));
    admm.rho = admm.growth = 1.0F;
    double first = espalier_admm_residual(&admm, network);
    for (uint32_t round = 0; round < 30; round++) {
        memset(gradients.weights[2], 0, count * sizeof(float));
        espalier_admm_penalize(&admm, network, &gradients);
        for (size_t i = 0; i < count; i++)
            layer->weights[i] -= 0.5F * gradients.weights[2][i];
        test_ok(espalier_admm_update(&admm, network, &error));
    }
    ck_assert_double_lt(espalier_admm_residual(&admm, network), 0.1 * first);
    test_ok(espalier_admm_prune(&admm, network, &error));
    float level = 0.0F;
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(layer->mask[i], before[i]);
        level = fmaxf(level, fabsf(layer->weights[i]));
    }
    for (size_t i = 0; i < count; i++)
        ck_assert(layer->weights[i] == 0.0F || fabsf(layer->weights[i]) == level);
    free(before);
    espalier_admm_free(&admm);
    espalier_gradients_free(&gradients);
    espalier_network_free(network);
}
END_TEST

START_TEST(families_and_levels_that_cannot_be_are_refused)
{
    static const struct {
        enum espalier_format format;
        const char *names[4];
        const char *reason;
    } cases[] = {{ESPALIER_STRUCTURED, {"elements"}, "layer 1: this family has no one keep list"},
                 {ESPALIER_STRUCTURED, {"filters", "2:4"}, "layer 2: this family has no one keep list"},
                 {ESPALIER_GAP, {"filters+columns"}, "structured"},
                 {ESPALIER_GAP, {"elements", "elements", "global"}, "layer 3: a global budget"},
                 {ESPALIER_GAP, {"patterns"}, "layer 4: patterns are for kernels of 3x3"}};
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = trained_network(&data);
    struct espalier_model *model = NULL;
    struct espalier_family families[4];
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct espalier_compress_options options = small_options(cases[c].format);
        read_families(cases[c].names, 0, families);
        options.families = families;
        options.family_count = 4;
        ck_assert_int_eq(espalier_compress(network, &data, &options, &model, &error), ESPALIER_ERR_RANGE);
        ck_assert_msg(strstr(error.message, cases[c].reason) != NULL, "%s", error.message);
        options.family_count = 3;
        ck_assert_int_eq(espalier_compress(network, &data, &options, &model, &error), ESPALIER_ERR_RANGE);
        ck_assert_msg(strstr(error.message, "3 families for 4 layers") != NULL, "%s", error.message);
    }
    static const struct {
        const char *names[4];
        uint32_t lanes;
        const char *reason;
    } alone[] = {{{"elements", "2:4"}, 0, "layer 2: dropout alone cannot prune by N:M"},
                 {{"banks:2"}, 0, "layer 1: dropout alone cannot prune by banks"},
                 {{"patterns:3", "elements"}, 0, "layer 1: dropout alone cannot prune by patterns"},
                 {{"elements", "elements", "mask:3"}, 0, "layer 3: dropout alone cannot prune by mask"},
                 {{"blocks:2x2"}, 4, "layer 1: dropout alone cannot prune by balanced blocks"},
                 {{"elements"}, 4, "layer 1: dropout alone cannot prune by balanced elements"}};
    for (size_t c = 0; c < sizeof alone / sizeof *alone; c++) {
        struct espalier_compress_options options = small_options(ESPALIER_GAP);
        read_families(alone[c].names, alone[c].lanes, families);
        options.families = families;
        options.family_count = 4;
        options.choose_epochs = 2;
        options.steps = options.prune_epochs = 0;
        ck_assert_int_eq(espalier_compress(network, &data, &options, &model, &error), ESPALIER_ERR_RANGE);
        ck_assert_msg(strstr(error.message, alone[c].reason) != NULL, "%s", error.message);
    }
    for (size_t c = 0; c < 3; c++) {
        struct espalier_compress_options options = small_options(ESPALIER_GAP);
        options.levels[1] = c == 0   ? ESPALIER_LEVELS_NO_ZERO
                            : c == 1 ? ESPALIER_LEVELS_BINARY
                                     : ESPALIER_LEVELS_TERNARY;
        options.value_bits[1] = c == 0 ? 5 : 3;
        ck_assert_int_eq(espalier_compress(network, &data, &options, &model, &error), ESPALIER_ERR_RANGE);
        ck_assert_msg(strstr(error.message, "layer 2: values of") != NULL, "%s", error.message);
    }
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(a_search_for_budgets_keeps_to_the_total_and_bettered_trials_only)
{
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = trained_network(&data);
    for (size_t c = 0; c < 2; c++) {
        enum espalier_format format = c == 0 ? ESPALIER_GAP : ESPALIER_STRUCTURED;
        struct espalier_compress_options options = small_options(format);
        uint64_t total = network->dense_weights / 6, kept = 0;
        struct espalier_budget start[4], found[4], again[4];
        struct seen seen = {0};
        options.train.progress = watch;
        options.train.context = &seen;
        test_ok(format == ESPALIER_GAP ? espalier_budget_gap(network, total, start, &error)
                                       : espalier_budget_structured(network, NULL, total, start, &error));
        memcpy(found, start, sizeof start);
        struct espalier_state state = {0};
        struct espalier_search search = {
            .network = network, .data = &data, .options = &options, .total = total, .done_to = 0.1, .state = &state};
        options.search_trials = 1;
        test_ok(espalier_search_budgets(&search, found, &error));
        ck_assert_mem_eq(found, start, sizeof start);
        ck_assert_double_eq_tol(seen.done, 0.1, 1e-9);
        memcpy(found, start, sizeof start);
        memcpy(again, start, sizeof start);
        options.search_trials = 12;
        search.done_to = 1.0;
        seen.done = 0.0;
        test_ok(espalier_search_budgets(&search, found, &error));
        seen.done = 0.0;
        test_ok(espalier_search_budgets(&search, again, &error));
        ck_assert_mem_eq(found, again, sizeof found);
        for (size_t i = 0; i < 4; i++)
            kept += format == ESPALIER_GAP ? found[i].weights : (uint64_t)found[i].rows * found[i].columns;
        ck_assert_uint_le(kept, total + 4);
        ck_assert_uint_ge(found[3].rows, format == ESPALIER_GAP ? 0 : CLASSES);
    }
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

/* A layer with most to see begins with a single weight. Moves are drawn, and a task may need no more: of several, a
 * search must mend one. */
START_TEST(a_search_mends_budgets_that_starve_a_layer)
{
    bool mended = false;
    for (uint64_t task = 0; task < 6 && !mended; task++) {
        struct espalier_dataset data = draw_data(test_seed() + task);
        struct espalier_network *network = trained_network(&data);
        struct espalier_compress_options options = small_options(ESPALIER_GAP);
        struct espalier_state state = {0};
        struct espalier_budget found[4];
        const uint64_t total = network->dense_weights / 6;
        const struct espalier_search search = {
            .network = network, .data = &data, .options = &options, .total = total, .done_to = 1.0, .state = &state};
        test_ok(espalier_budget_gap(network, total, found, &error));
        found[1].weights = 1;
        options.search_trials = 12;
        test_ok(espalier_search_budgets(&search, found, &error));
        mended = found[1].weights > 1;
        espalier_network_free(network);
        espalier_dataset_free(&data);
    }
    ck_assert(mended);
}
END_TEST

START_TEST(a_search_is_part_of_a_run_and_refused_where_nothing_is_to_be_found)
{
    const struct espalier_budget budgets[4] = {{.weights = 9}, {.weights = 9}, {.weights = 9}, {.weights = 9}};
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = trained_network(&data);
    struct espalier_compress_options options = small_options(ESPALIER_GAP), bad[4];
    struct espalier_family families[4];
    static const char *const names[4] = {"elements", "2:4", "elements"};
    struct espalier_model *model = NULL;
    struct seen seen = {0};
    options.train.progress = watch;
    options.train.context = &seen;
    options.search_trials = 3;
    test_ok(espalier_compress(network, &data, &options, &model, &error));
    ck_assert_double_eq_tol(seen.done, 1.0, 1e-9);
    ck_assert_uint_eq(seen.epochs, 9 + options.prune_epochs + options.retrain_epochs + options.quantize_epochs);
    espalier_model_free(model);
    read_families(names, 0, families);
    for (size_t i = 0; i < 4; i++)
        bad[i] = options;
    bad[0].budgets = budgets;
    bad[0].budget_count = 4;
    bad[1].choose_epochs = 2;
    bad[2].train.held_out = 0;
    bad[3].families = families;
    bad[3].family_count = 4;
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(espalier_compress(network, &data, &bad[i], &model, &error), ESPALIER_ERR_RANGE);
        ck_assert_msg(strstr(error.message, "search") != NULL, "%s", error.message);
    }
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(quantizing_a_pruned_network_from_its_file_gives_the_same_model)
{
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = trained_network(&data), *pruned = NULL, *loaded = NULL;
    struct espalier_compress_options options = small_options(ESPALIER_GAP);
    struct espalier_model *whole = NULL, *resumed = NULL;
    struct espalier_packed packed[2];
    const char *file = test_path(0, "pruned.ckpt");
    test_ok(espalier_compress(network, &data, &options, &whole, &error));
    test_ok(espalier_prune(network, &data, &options, &pruned, &error));
    test_ok(espalier_network_save(pruned, "check_compress", file, &error));
    test_ok(espalier_network_load(file, &loaded, NULL, &error));
    test_ok(espalier_quantize(loaded, &data, &options, &resumed, &error));
    test_ok(espalier_pack(whole, &packed[0], &error));
    test_ok(espalier_pack(resumed, &packed[1], &error));
    ck_assert_uint_eq(packed[0].size, packed[1].size);
    ck_assert_mem_eq(packed[0].bytes, packed[1].bytes, packed[0].size);
    for (size_t i = 0; i < 2; i++)
        espalier_packed_free(&packed[i]);
    espalier_model_free(whole);
    espalier_model_free(resumed);
    espalier_network_free(pruned);
    espalier_network_free(loaded);
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(budgets_given_by_hand_are_kept)
{
    const struct espalier_budget budgets[] = {
        {.rows = 4, .columns = 9}, {.rows = 5, .columns = 12}, {.rows = 6, .columns = 20}, {.rows = 4, .columns = 6}};
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = trained_network(&data);
    struct espalier_compress_options options = small_options(ESPALIER_STRUCTURED);
    struct espalier_model *model = NULL;
    options.budgets = budgets;
    options.budget_count = 4;
    test_ok(espalier_compress(network, &data, &options, &model, &error));
    for (uint32_t i = 0; i < 4; i++) {
        size_t kept = 0;
        for (size_t k = 0; k < espalier_layer_columns(&model->layers[i]); k++)
            kept += model->layers[i].keep[k];
        ck_assert_uint_le(model->layers[i].rows, budgets[i].rows);
        ck_assert_uint_le(kept, budgets[i].columns);
    }
    options.budget_count = 3;
    espalier_model_free(model);
    ck_assert_int_eq(espalier_compress(network, &data, &options, &model, &error), ESPALIER_ERR_RANGE);
    ck_assert_msg(strstr(error.message, "3 budgets for 4 layers") != NULL, "%s", error.message);
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(unsuitable_options_and_divergence_are_refused)
{
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = trained_network(&data);
    const struct espalier_budget budgets[4] = {{.weights = 9}, {.weights = 9}, {.weights = 9}, {.weights = 9}};
    struct espalier_compress_options bad[9];
    struct espalier_model *model = NULL;
    for (size_t i = 0; i < 9; i++)
        bad[i] = small_options(ESPALIER_GAP);
    bad[0].value_bits[1] = 9;
    bad[1].bias_bits = 1;
    bad[2].steps = 0;
    bad[3].ratio = 0.5;
    bad[4].rho_first = 0.0F;
    bad[5].prune_epochs = 1;
    for (size_t i = 6; i < 9; i++)
        bad[i].choose_epochs = 2;
    bad[6].budgets = budgets;
    bad[6].budget_count = 4;
    bad[7].prior = 0.0F;
    bad[8].ratio = 1.0;
    for (size_t i = 0; i < 9; i++) {
        ck_assert_msg(espalier_compress(network, &data, &bad[i], &model, &error) == ESPALIER_ERR_RANGE, "options %zu",
                      i);
        ck_assert_ptr_null(model);
    }
    struct espalier_compress_options wild = small_options(ESPALIER_GAP);
    wild.prune_rate = 1e30F;
    ck_assert_int_eq(espalier_compress(network, &data, &wild, &model, &error), ESPALIER_ERR_DIVERGED);
    ck_assert_msg(strstr(error.message, "prune 1/2") != NULL, "%s", error.message);
    ck_assert_ptr_null(model);
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(a_network_that_pruning_cuts_off_is_refused)
{
    static const struct {
        enum espalier_format format;
        const char *names[4];
    } cases[] = {{ESPALIER_GAP, {NULL}},
                 {ESPALIER_GAP, {"global"}},
                 {ESPALIER_GAP, {"blocks:1x1"}},
                 {ESPALIER_STRUCTURED, {NULL}},
                 {ESPALIER_STRUCTURED, {"filters+columns"}}};
    struct espalier_budget budgets[4];
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = trained_network(&data);
    struct espalier_model *model = NULL;
    for (size_t i = 0; i < 4; i++)
        budgets[i] = (struct espalier_budget){.weights = 1, .rows = 1, .columns = 1};
    network->layers[0].weights[0] = 1e3F; /* row 0 is kept, but what is read is row 1 */
    network->layers[1].weights[espalier_shape_columns(&network->layers[1].shape) / network->layers[0].shape.rows] =
        1e3F;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct espalier_compress_options options = small_options(cases[c].format);
        struct espalier_family families[4];
        options.budgets = budgets;
        options.budget_count = 4;
        options.steps = options.prune_epochs = 1;
        options.prune_rate = 1e-9F;
        if (cases[c].names[0] != NULL) {
            read_families(cases[c].names, 0, families);
            options.families = families;
            options.family_count = 4;
        }
        ck_assert_int_eq(espalier_compress(network, &data, &options, &model, &error), ESPALIER_ERR_RANGE);
        ck_assert_msg(strstr(error.message, "prune 1/1: layer 1 has no weights left") != NULL &&
                          strstr(error.message, "larger budgets may help") != NULL,
                      "%s", error.message);
        ck_assert_ptr_null(model);
    }
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(weights_that_folding_makes_not_finite_are_told_as_divergence)
{
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = trained_network(&data);
    struct espalier_compress_options options = small_options(ESPALIER_GAP);
    struct espalier_model *model = NULL;
    for (uint32_t i = 0; i < network->layer_count; i++) /* finite, and so are sums, but not their squares */
        for (size_t k = 0; k < espalier_shape_weights(&network->layers[i].shape); k++)
            network->layers[i].weights[k] *= i == 1 ? 1e25F : 1.0F;
    options.quantize_epochs = 0;
    ck_assert_int_eq(espalier_quantize(network, &data, &options, &model, &error), ESPALIER_ERR_DIVERGED);
    ck_assert_msg(strstr(error.message, "balance: a weight is not finite") == error.message, "%s", error.message);
    ck_assert_ptr_null(model);
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

/* ---- the commands, on digits ---- */

/* Runs a command of at most 19 words. */
static int run_command(int (*command)(int, char **), const char *const *words)
{
    char *argv[20] = {0};
    int argc = 0;
    for (; words[argc] != NULL; argc++)
        argv[argc] = strdup(words[argc]);
    char *owned[20];
    memcpy(owned, argv, sizeof owned); /* getopt moves the words about */
    optind = 0;
    int code = command(argc, argv);
    for (int i = 0; i < argc; i++)
        free(owned[i]);
    return code;
}

START_TEST(the_commands_make_a_model_that_knows_digits)
{
    const char *folder = test_directory(), *baseline = test_path(1, "quick.ckpt"), *out = test_path(2, "quick.esp");
    const char *log = test_path(3, "quick.csv");
    char log_json[256];
    snprintf(log_json, sizeof log_json, "%s/quick.json", folder);
    const char *const train[] = {"train", "--quick", "--epochs", "2",      "--data", folder,
                                 "--out", baseline,  "--log",    log_json, NULL};
    const char *const compress[] = {"compress", baseline,   "--quick",    "--epochs",   "6",      "--steps",
                                    "1",        "--format", "structured", "--ratio=10", "--data", folder,
                                    "--out",    out,        "--log",      log,          NULL};
    struct espalier_dataset data = {0};
    struct espalier_model *model = NULL;
    struct espalier_engine *engine = NULL;
    uint32_t correct = 0;
    char rows[512] = {0};
    test_link_digits();
    const char *const judge[] = {"eval", baseline, "--engine", "float", "--json", NULL};
    const char *const misjudge[] = {"eval", out, "--engine", "float", NULL};
    ck_assert_int_eq(run_command(espalier_cmd_train, train), TOOL_OK);
    ck_assert_int_eq(run_command(espalier_cmd_eval, judge), TOOL_OK);
    ck_assert_int_eq(run_command(espalier_cmd_compress, compress), TOOL_OK);
    ck_assert_int_ne(run_command(espalier_cmd_eval, misjudge), TOOL_OK); /* a model is no checkpoint */
    FILE *file = fopen(log_json, "r");
    ck_assert(file != NULL);
    ck_assert_uint_gt(fread(rows, 1, sizeof rows - 1, file), 0);
    fclose(file);
    ck_assert_msg(strstr(rows, "[\n{\"stage\": \"train\", \"epoch\": 1, \"loss\": ") == rows, "%s", rows);
    ck_assert_msg(strstr(rows, "},\n{\"stage\": \"train\", \"epoch\": 2, ") != NULL, "%s", rows);
    ck_assert_str_eq(rows + strlen(rows) - 4, "}\n]\n");
    memset(rows, 0, sizeof rows);
    file = fopen(log, "r");
    ck_assert(file != NULL);
    ck_assert_uint_gt(fread(rows, 1, sizeof rows - 1, file), 0);
    fclose(file);
    ck_assert_msg(
        strstr(rows,
               "stage,epoch,loss,residual,held_out_accuracy,held_out_loss,kept_weights,packed_bits\nprune 1/1,1,") ==
            rows,
        "%s", rows);
    test_ok(espalier_model_load(out, &model, &error));
    ck_assert_msg(strstr(model->made_by, "espalier train --quick") == model->made_by &&
                      strstr(model->made_by, "; espalier compress ") != NULL,
                  "%s", model->made_by);
    test_ok(data_read_training(folder, &data, &error));
    test_ok(espalier_engine_create(model, &engine, &error));
    for (uint32_t n = data.count - 1000; n < data.count; n++) {
        int32_t logits[10];
        espalier_engine_run(engine, data.pixels + (size_t)n * 784, logits);
        correct += espalier_argmax(logits, 10) == data.labels[n];
    }
    ck_assert_msg(correct > 700, "%u of 1000 right", correct);
    espalier_engine_free(engine);
    espalier_model_free(model);
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(the_commands_prune_by_families_and_quantize_to_levels)
{
    static const struct {
        const char *words[7];
        const char *inspected; /* in made_by */
        uint8_t value_bits;
    } cases[] = {{{"--format", "gap", "--family", "2:8", "--levels", "ternary"}, "--family 2:8 --levels ternary", 2},
                 {{"--format", "gap", "--family", "banks:5,blocks:2x1", "--balance", "4"}, "--balance 4", 4},
                 {{"--format", "structured", "--family", "channels", "--levels", "uniform"}, "--family channels", 4}};
    const char *folder = test_directory(), *baseline = test_path(1, "families.ckpt"),
               *out = test_path(2, "families.esp");
    const char *const train[] = {"train", "--quick", "--epochs", "2", "--data", folder, "--out", baseline, NULL};
    test_link_digits();
    ck_assert_int_eq(run_command(espalier_cmd_train, train), TOOL_OK);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const char *compress[20] = {"compress", baseline,     "--quick", "--epochs", "4",     "--steps",
                                    "1",        "--ratio=10", "--data",  folder,     "--out", out};
        struct espalier_model *model = NULL;
        memcpy(compress + 12, cases[c].words, sizeof cases[c].words);
        ck_assert_int_eq(run_command(espalier_cmd_compress, compress), TOOL_OK);
        test_ok(espalier_model_load(out, &model, &error));
        ck_assert_msg(strstr(model->made_by, cases[c].inspected) != NULL, "%s", model->made_by);
        ck_assert_uint_eq(model->layers[0].value_bits, cases[c].value_bits);
        const struct espalier_family n_of_m = {.kind = ESPALIER_N_OF_M, .first = 2, .second = 8};
        for (uint32_t i = 0; i < model->layer_count && c == 0; i++)
            ck_assert_uint_le(units_used(&n_of_m, &model->layers[i]), 2);
        espalier_model_free(model);
    }
}
END_TEST

START_TEST(a_command_is_told_without_the_options_that_nothing_made_depends_on)
{
    static const char *const arguments[] = {"train",  "--state", "--log", "--seed=3", "--log=a.csv", "--json",
                                            "--logo", "--data",  "d",     "--log",    "--json",      "last"};
    char text[TRAINING_COMMAND_MAX];
    const int count = (int)(sizeof arguments / sizeof *arguments);
    test_ok(training_command_line("before", count, (char **)arguments, text, &error));
    ck_assert_str_eq(text, "before; espalier train --seed=3 --logo --data d last");
    test_ok(training_command_line("", count - 1, (char **)arguments, text, &error));
    ck_assert_str_eq(text, "espalier train --seed=3 --logo --data d");
    test_ok(training_command_line("", 2, (char **)arguments, text, &error)); /* its value is missing */
    ck_assert_str_eq(text, "espalier train");
}
END_TEST

START_TEST(progress_tells_the_residual_in_stages_that_have_one)
{
    static struct training_report report = {.command = "compress", .label = "compressing"};
    char text[TRAINING_STATE_MAX];
    struct espalier_progress progress = {
        .stage = "prune 1/3", .epoch = 3, .epochs = 8, .loss = 0.39781, .accuracy = 0.948, .bits = 2163360};
    test_ok(training_report_begin(&report, &error));
    progress.residual = 0.1234;
    progress.epoch_end = true;
    ck_assert(training_report_progress(&report, &progress));
    training_report_state(&report, &progress, text);
    ck_assert_str_eq(text, "prune 1/3: 3/8, loss 0.3978, residual 0.12, 94.80 %, 2163360 bits");
    progress.epoch_end = false;
    progress.residual = 0.0;
    progress.epoch = 4;
    training_report_state(&report, &progress, text); /* within an epoch, as at the end of the one before */
    ck_assert_str_eq(text, "prune 1/3: 4/8, loss 0.3978, residual 0.12, 94.80 %, 2163360 bits");
    progress.stage = "retrain";
    progress.epoch = 1;
    training_report_state(&report, &progress, text);
    ck_assert_str_eq(text, "retrain: 1/8, loss 0.3978, 94.80 %, 2163360 bits");
    ck_assert_int_eq(training_report_end(&report, ESPALIER_OK, &error), ESPALIER_OK);
}
END_TEST

START_TEST(without_a_terminal_a_line_a_minute_is_shown)
{
    struct progress bar;
    const char *path = test_path(0, "lines");
    size_t size;
    ck_assert(freopen(path, "w", stderr) != NULL);
    progress_begin(&bar, "compressing");
    progress_line(&bar, 0.1, "not in the first minute");
    bar.begin -= 61.0; /* a minute later */
    bar.last -= 61.0;
    progress_update_text(&bar, 0.2, "a bar is for terminals");
    progress_line(&bar, 0.25, "first");
    progress_line(&bar, 0.3, "too early");
    bar.last -= 61.0;
    progress_line(&bar, 0.5, "second");
    progress_end(&bar);
    fflush(stderr);
    char *text = (char *)test_read_file(path, &size);
    text[size] = '\0';
    ck_assert_msg(strstr(text, "compressing: 25 %, 3:0") == text, "%s", text);
    const char *line = strchr(text, '\n') + 1;
    ck_assert_msg(strstr(line, "compressing: 50 %, 1:0") == line && strcmp(line + 23, " left: second\n") == 0, "%s",
                  line);
    free(text);
}
END_TEST

START_TEST(the_commands_say_what_is_wrong)
{
    const char *missing = test_path(0, "no-such-folder"), *damaged = test_path(1, "damaged.ckpt"),
               *out = test_path(2, "x.esp");
    const char *const cases[][12] = {
        {"compress", damaged, "--format", "gap", "--out", out, NULL},
        {"compress", damaged, "--format", "gap", NULL},
        {"compress", damaged, "--format", "csr", "--out", out, NULL},
        {"compress", damaged, "--format", "gap", "--out", out, "--budget", "1,2x3", NULL},
        {"compress", damaged, "--format", "structured", "--out", out, "--budget", "12", NULL},
        {"compress", damaged, "--format", "gap", "--out", out, "--value-bits", "9", NULL},
        {"compress", damaged, "--format", "gap", "--out", out, "--ratio", "nan", NULL},
        {"compress", "--frobnicate", NULL},
        {"compress", damaged, "--format", "gap", "--out", out, "--family", "elements,block:2x2", NULL},
        {"compress", damaged, "--format", "gap", "--out", out, "--family", "elements,", NULL},
        {"compress", damaged, "--format", "gap", "--out", out, "--levels", "quinary", NULL},
        {"compress", damaged, "--format", "dense", "--out", out, "--balance", "4", NULL},
        {"compress", damaged, "--format", "gap", "--out", out, "--dampen", "1.5", NULL},
    };
    const int expected[] = {TOOL_FORMAT, TOOL_USAGE, TOOL_USAGE, TOOL_USAGE, TOOL_USAGE, TOOL_USAGE, TOOL_USAGE,
                            TOOL_USAGE,  TOOL_USAGE, TOOL_USAGE, TOOL_USAGE, TOOL_USAGE, TOOL_USAGE};
    const char *const no_data[] = {"train", "--data", missing, "--out", out, NULL};
    const char *const no_out[] = {"train", "--quick", NULL};
    struct espalier_dataset data = {0};
    test_write_file(damaged, "ESPF but no more than that, padded", 34);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(run_command(espalier_cmd_compress, cases[i]) == expected[i], "case %zu", i);
    ck_assert_int_eq(run_command(espalier_cmd_train, no_data), TOOL_FAILURE);
    ck_assert_int_eq(run_command(espalier_cmd_train, no_out), TOOL_USAGE);
    ck_assert_int_eq(data_read_training(missing, &data, &error), ESPALIER_ERR_IO);
    ck_assert_msg(strstr(error.message, "no-such-folder") != NULL && strstr(error.message, "make data") != NULL, "%s",
                  error.message);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_step_is_nearly_the_best_of_a_fine_search,
        a_code_is_that_of_the_nearest_level,
        purification_keeps_the_function_and_leaves_nothing_useless,
        rows_that_no_image_makes_active_go_and_others_stay,
        sorting_rows_keeps_the_function_and_puts_full_rows_first,
        budgets_keep_to_their_total,
        structured_budgets_keep_what_the_family_cannot_remove,
        admm_updates_follow_their_definition,
        the_exported_model_computes_what_the_quantized_network_does,
        compression_keeps_an_easy_task_at_every_format,
        rows_that_only_images_beyond_a_limit_make_active_go,
        every_family_keeps_an_easy_task_and_its_budget,
        dropout_chooses_by_families_alone_and_for_admm,
        kernels_of_a_model_pruned_by_patterns_have_few_patterns,
        every_kind_of_levels_comes_into_the_codebook_with_and_without_admm,
        levels_settle_in_a_single_epoch,
        admm_under_levels_ends_on_levels_and_keeps_the_masks,
        families_and_levels_that_cannot_be_are_refused,
        a_search_for_budgets_keeps_to_the_total_and_bettered_trials_only,
        a_search_mends_budgets_that_starve_a_layer,
        a_search_is_part_of_a_run_and_refused_where_nothing_is_to_be_found,
        quantizing_a_pruned_network_from_its_file_gives_the_same_model,
        budgets_given_by_hand_are_kept,
        unsuitable_options_and_divergence_are_refused,
        a_network_that_pruning_cuts_off_is_refused,
        weights_that_folding_makes_not_finite_are_told_as_divergence,
        the_commands_make_a_model_that_knows_digits,
        the_commands_prune_by_families_and_quantize_to_levels,
        a_command_is_told_without_the_options_that_nothing_made_depends_on,
        progress_tells_the_residual_in_stages_that_have_one,
        without_a_terminal_a_line_a_minute_is_shown,
        the_commands_say_what_is_wrong,
    };
    return test_run("compress", tests, sizeof tests / sizeof *tests);
}
