/* Training: forward and backward passes against a plain double-precision network and finite differences of it, for
 * drawn shapes and masks; same seed, same bits; learning; divergence and unsuitable options; checkpoints as hostile
 * input. */
#include "support/networks.h"
#include "support/support.h"

#include <espalier/model.h>
#include <espalier/random.h>
#include <espalier/train.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "loop/fit.h"
#include "network/loss.h"
#include "network/pass.h"

enum { LAYERS = 3, BATCH = 5, CLASSES = 4, VALUES_MAX = 8192 };

static struct espalier_error error;

/* ---- the oracle: one image at a time, in double, straight from the definitions ---- */

static double tap(const struct espalier_shape *s, const double *in, long channel, long y, long x)
{
    if (y < 0 || x < 0 || y >= s->in_height || x >= s->in_width)
        return 0.0;
    return in[(channel * s->in_height + y) * s->in_width + x];
}

static double sum_at(const struct espalier_float_layer *layer, const double *in, size_t row, long y, long x)
{
    const struct espalier_shape *s = &layer->shape;
    const float *weight = layer->weights + row * espalier_shape_columns(s);
    double sum = (double)layer->bias[row];
    for (long channel = 0; channel < s->in_channels; channel++)
        for (long ky = 0; ky < s->kernel_height; ky++)
            for (long kx = 0; kx < s->kernel_width; kx++)
                sum +=
                    (double)*weight++ * tap(s, in, channel, y * s->stride + ky - s->pad, x * s->stride + kx - s->pad);
    return sum;
}

static void plain_layer(const struct espalier_float_layer *layer, const double *in, double *out)
{
    const struct espalier_shape *s = &layer->shape;
    for (size_t row = 0; row < s->rows; row++)
        for (long y = 0; y < (long)espalier_shape_out_height(s); y++)
            for (long x = 0; x < (long)espalier_shape_out_width(s); x++) {
                double best = -HUGE_VAL;
                for (long q = 0; q < s->pool * s->pool; q++)
                    best = fmax(best, sum_at(layer, in, row, y * s->pool + q / s->pool, x * s->pool + q % s->pool));
                *out++ = s->relu ? fmax(0.0, best) : best;
            }
}

static void plain_logits(const struct espalier_network *network, const double *image, double *logits)
{
    static double buffer[2][VALUES_MAX];
    const double *in = image;
    for (uint32_t i = 0; i < network->layer_count; i++) {
        double *out = i + 1 == network->layer_count ? logits : buffer[i % 2];
        plain_layer(&network->layers[i], in, out);
        in = out;
    }
}

/* Mean softmax cross-entropy of a batch; images are [BATCH][VALUES_MAX]. */
static double plain_loss(const struct espalier_network *network, const double *images, const uint8_t *labels)
{
    double loss = 0.0;
    for (size_t n = 0; n < BATCH; n++) {
        double logits[CLASSES], total = 0.0;
        plain_logits(network, images + n * VALUES_MAX, logits);
        for (size_t c = 0; c < CLASSES; c++)
            total += exp(logits[c]);
        loss += log(total) - logits[labels[n]];
    }
    return loss / BATCH;
}

/* ---- drawn networks ---- */

static uint16_t draw(struct espalier_random *random, uint32_t low, uint32_t high)
{
    return (uint16_t)(low + espalier_random_below(random, high - low + 1));
}

/* Two convolutions of any stride, padding and pooling, then a classifier. */
static struct espalier_network *draw_network(struct espalier_random *random)
{
    struct espalier_network *network = NULL;
    struct espalier_shape shapes[LAYERS];
    do {
        memset(shapes, 0, sizeof shapes);
        shapes[0].in_channels = draw(random, 1, 3);
        shapes[0].in_height = draw(random, 8, 12);
        shapes[0].in_width = draw(random, 8, 12);
        for (struct espalier_shape *s = shapes; s < shapes + LAYERS - 1; s++) {
            s->kernel_height = (uint8_t)draw(random, 1, 3);
            s->kernel_width = (uint8_t)draw(random, 1, 3);
            s->stride = (uint8_t)draw(random, 1, 2);
            s->pad = (uint8_t)draw(random, 0, 2);
            s->pool = (uint8_t)draw(random, 1, 2);
            s->relu = true;
            s->rows = draw(random, 1, 6);
        }
        shapes[LAYERS - 1].rows = CLASSES;
        network_chain(shapes, LAYERS);
    } while (espalier_network_create(shapes, LAYERS, espalier_random_bits(random), &network, &error) != ESPALIER_OK);
    return network;
}

/* Prunes weights at random: nothing, a little, nearly all, or whole columns. */
static void draw_masks(struct espalier_random *random, struct espalier_network *network)
{
    static const double kept_share[] = {1.0, 0.6, 0.07, 0.5};
    for (uint32_t i = 0; i < network->layer_count; i++) {
        struct espalier_float_layer *layer = &network->layers[i];
        size_t columns = espalier_shape_columns(&layer->shape);
        uint32_t kind = espalier_random_below(random, 4);
        for (size_t k = 0; k < layer->shape.rows * columns; k++) {
            bool follows = kind == 3 && k >= columns;
            layer->mask[k] = follows ? layer->mask[k % columns] : espalier_random_uniform(random) < kept_share[kind];
        }
        network_settle(random, layer);
    }
}

struct passes {
    struct espalier_network *network;
    struct espalier_pass *pass;
    struct espalier_gradients gradients;
    struct espalier_view views[LAYERS];
    double images[BATCH * VALUES_MAX];
    uint8_t labels[BATCH];
};

static void passes_draw(struct passes *p, struct espalier_random *random)
{
    p->network = draw_network(random);
    draw_masks(random, p->network);
    test_ok(espalier_pass_create(p->network, BATCH, &p->pass, &error));
    test_ok(espalier_gradients_create(p->network, &p->gradients, &error));
    espalier_views_of(p->network, p->views);
    const struct espalier_shape *s = &p->network->layers[0].shape;
    for (size_t n = 0; n < BATCH; n++) {
        p->labels[n] = (uint8_t)espalier_random_below(random, CLASSES);
        for (size_t i = 0; i < (size_t)s->in_channels * s->in_height * s->in_width; i++) {
            float value = (float)espalier_random_normal(random);
            p->images[n * VALUES_MAX + i] = (double)value;
            espalier_pass_input(p->pass)[i * BATCH + n] = value;
        }
    }
}

static void passes_free(struct passes *p)
{
    espalier_pass_free(p->pass);
    espalier_gradients_free(&p->gradients);
    espalier_network_free(p->network);
}

/* The derivative of the oracle's loss by one parameter. */
static double slope(struct passes *p, float *parameter)
{
    const float step = 0x1p-12F;
    float value = *parameter;
    *parameter = value + step;
    double up = plain_loss(p->network, p->images, p->labels), moved = (double)*parameter;
    *parameter = value - step;
    double down = plain_loss(p->network, p->images, p->labels);
    moved -= (double)*parameter;
    *parameter = value;
    return (up - down) / moved;
}

START_TEST(forward_pass_equals_the_plain_network)
{
    static struct passes p;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(200); round++) {
        passes_draw(&p, &random);
        const float *logits = espalier_pass_forward(p.pass, p.views, NULL);
        for (size_t n = 0; n < BATCH; n++) {
            double expected[CLASSES];
            plain_logits(p.network, p.images + n * VALUES_MAX, expected);
            for (size_t c = 0; c < CLASSES; c++)
                ck_assert_double_eq_tol((double)logits[c * BATCH + n], expected[c], 1e-4 * (1.0 + fabs(expected[c])));
        }
        passes_free(&p);
    }
}
END_TEST

START_TEST(gradients_equal_finite_differences)
{
    static struct passes p;
    struct espalier_random random;
    uint32_t compared = 0, kinks = 0;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < 240; round++) {
        passes_draw(&p, &random);
        float logit_gradients[CLASSES * BATCH];
        const float *logits = espalier_pass_forward(p.pass, p.views, NULL);
        double loss = espalier_cross_entropy(logits, p.labels, CLASSES, BATCH, logit_gradients);
        ck_assert_double_eq_tol(loss, plain_loss(p.network, p.images, p.labels), 1e-4);
        espalier_pass_backward(p.pass, p.views, logit_gradients, &p.gradients);
        for (uint32_t i = 0; i < LAYERS; i++) {
            struct espalier_float_layer *layer = &p.network->layers[i];
            size_t weights = layer->shape.rows * espalier_shape_columns(&layer->shape);
            for (uint32_t drawn = 0; drawn < 20; drawn++) {
                size_t k = espalier_random_below(&random, (uint32_t)weights), row = k % layer->shape.rows;
                double bias_slope = slope(&p, &layer->bias[row]), bias_gradient = (double)p.gradients.bias[i][row];
                kinks += fabs(bias_slope - bias_gradient) > 1e-3 * (1.0 + fabs(bias_slope));
                compared++;
                if (!layer->mask[k])
                    continue;
                double weight_slope = slope(&p, &layer->weights[k]), gradient = (double)p.gradients.weights[i][k];
                kinks += fabs(weight_slope - gradient) > 1e-3 * (1.0 + fabs(weight_slope));
                compared++;
            }
        }
        passes_free(&p);
    }
    /* A finite step may cross a kink of ReLU or pooling: seldom. */
    ck_assert_msg(compared > 100 && kinks * 50 <= compared, "%u of %u derivatives are wrong", kinks, compared);
}
END_TEST

/* ---- training on an easy task: which quarter of the image is bright ---- */

enum { EDGE = 8, IMAGES = 600 };

static struct espalier_dataset draw_data(uint64_t seed)
{
    return network_task(seed, IMAGES, EDGE, 40);
}

static struct espalier_train_options small_options(void)
{
    struct espalier_train_options options = espalier_train_defaults();
    options.epochs = 12;
    options.batch = 20;
    options.held_out = 100;
    options.learning_rate = 1e-2F;
    options.seed = test_seed();
    options.augment = 0.2F;
    options.dropout = 0.1F;
    return options;
}

struct seen {
    uint32_t epochs, stop_after;
    double accuracy, held_out_loss, done;
};

static bool watch(void *context, const struct espalier_progress *progress)
{
    struct seen *seen = context;
    seen->done = progress->done;
    if (progress->epoch_end) {
        seen->accuracy = progress->accuracy;
        seen->held_out_loss = progress->held_out_loss;
        seen->epochs++;
    }
    return seen->stop_after == 0 || seen->epochs < seen->stop_after;
}

/* Against the logits themselves, and a sum of exponentials in place of what subtracts the largest first. */
START_TEST(a_judgement_is_what_the_logits_say)
{
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = network_for_task(EDGE, CLASSES, test_seed());
    struct espalier_judgement judgement;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < 20; round++) {
        uint32_t first = espalier_random_below(&random, IMAGES), correct = 0;
        uint32_t count = 1 + espalier_random_below(&random, IMAGES - first);
        double loss = 0.0;
        for (uint32_t n = first; n < first + count; n++) {
            float logits[CLASSES];
            double total = 0.0;
            uint32_t best = 0;
            test_ok(espalier_network_logits(network, data.pixels + (size_t)n * EDGE * EDGE, 1, logits, &error));
            for (uint32_t c = 0; c < CLASSES; c++) {
                total += exp((double)logits[c]);
                best = logits[c] > logits[best] ? c : best;
            }
            correct += best == data.labels[n];
            loss += log(total) - (double)logits[data.labels[n]];
        }
        test_ok(espalier_network_judge(network, &data, first, count, &judgement, &error));
        ck_assert_uint_eq(judgement.images, count);
        ck_assert_uint_eq(judgement.correct, correct);
        ck_assert_double_eq_tol(judgement.loss, loss / count, 1e-5 * (1.0 + loss / count));
    }
    ck_assert_int_eq(espalier_network_judge(network, &data, 1, IMAGES, &judgement, &error), ESPALIER_ERR_RANGE);
    data.labels[17] = CLASSES;
    test_ok(espalier_network_judge(network, &data, 18, 2, &judgement, &error));
    ck_assert_int_eq(espalier_network_judge(network, &data, 16, 2, &judgement, &error), ESPALIER_ERR_RANGE);
    ck_assert_msg(strstr(error.message, "image 17 has label") != NULL, "%s", error.message);
    struct espalier_dataset bare = data;
    bare.labels = NULL;
    ck_assert_int_eq(espalier_network_judge(network, &bare, 0, 2, &judgement, &error), ESPALIER_ERR_RANGE);
    ck_assert_msg(strstr(error.message, "no labels") != NULL, "%s", error.message);
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(training_learns_an_easy_task)
{
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = network_for_task(EDGE, CLASSES, test_seed());
    struct espalier_train_options options = small_options();
    struct seen seen = {0};
    struct espalier_judgement judgement;
    options.progress = watch;
    options.context = &seen;
    test_ok(espalier_train(network, &data, &options, &error));
    ck_assert_uint_eq(seen.epochs, options.epochs);
    ck_assert_double_eq_tol(seen.done, 1.0, 1e-9);
    ck_assert_double_gt(seen.accuracy, 0.9);
    test_ok(espalier_network_judge(network, &data, IMAGES - 100, 100, &judgement, &error));
    ck_assert_double_eq_tol(seen.accuracy, judgement.correct / 100.0, 1e-9);
    ck_assert_double_eq_tol(seen.held_out_loss, judgement.loss, 1e-5); /* a batch of another size: other roundings */
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

enum { RATES_MAX = 400 };

/* Learning rates batch by batch, and behind which batches an update came. */
struct rates {
    size_t count;
    float rate[RATES_MAX];
    bool updated[RATES_MAX];
};

static void note_rate(void *context, const struct espalier_batch_end *batch)
{
    struct rates *rates = context;
    ck_assert_uint_lt(rates->count, RATES_MAX);
    rates->rate[rates->count++] = batch->learning_rate;
}

static enum espalier_status note_update(void *context, const struct espalier_network *network,
                                        struct espalier_error *unused)
{
    struct rates *rates = context;
    (void)network;
    (void)unused;
    rates->updated[rates->count - 1] = true;
    return ESPALIER_OK;
}

/* Half a cosine from reset to reset, where the updates tell where those are; the first tenth of all is the rise. */
START_TEST(the_learning_rate_begins_anew_behind_updates)
{
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < 20; round++) {
        struct espalier_network *network = network_for_task(EDGE, CLASSES, test_seed());
        struct espalier_train_options options = small_options();
        struct rates rates = {0};
        struct espalier_state state = {0};
        const uint32_t resets = 1 + espalier_random_below(&random, 9), updates = 1 + espalier_random_below(&random, 7);
        const struct espalier_hooks hooks = {
            .context = &rates, .updates = updates, .resets = resets, .end_batch = note_rate, .update = note_update};
        const struct espalier_fit fit = {.stage = "rates",
                                         .network = network,
                                         .data = &data,
                                         .options = &options,
                                         .epochs = 1 + espalier_random_below(&random, 6),
                                         .learning_rate = 1e-3F,
                                         .random = &random,
                                         .state = &state,
                                         .hooks = &hooks};
        options.batch = 20 + 5 * espalier_random_below(&random, 10);
        test_ok(espalier_state_open(&state, &error));
        test_ok(espalier_fit_run(&fit, &error));
        for (size_t from = 0, to, seen; from < rates.count; from = to) {
            for (to = from, seen = 0; to < rates.count && seen < resets; to++)
                seen += rates.updated[to];
            for (size_t n = from; n < to; n++) {
                const double along = (double)(n - from) / (double)(to - from);
                if (10 * n >= rates.count)
                    ck_assert_double_eq_tol((double)rates.rate[n], 1e-3 * 0.5 * (1.0 + cos(3.141592653589793 * along)),
                                            1e-8);
            }
        }
        (void)espalier_state_close(&state, ESPALIER_OK, &error);
        espalier_network_free(network);
    }
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(same_seed_gives_the_same_bits_and_another_does_not)
{
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_train_options options = small_options();
    struct espalier_network *networks[3];
    options.epochs = 2;
    for (size_t i = 0; i < 3; i++) {
        networks[i] = network_for_task(EDGE, CLASSES, test_seed());
        options.seed = i < 2 ? 5 : 6;
        test_ok(espalier_train(networks[i], &data, &options, &error));
    }
    size_t bytes = 6 * 9 * sizeof(float);
    ck_assert(memcmp(networks[0]->layers[0].weights, networks[1]->layers[0].weights, bytes) == 0);
    ck_assert(memcmp(networks[0]->layers[0].weights, networks[2]->layers[0].weights, bytes) != 0);
    for (size_t i = 0; i < 3; i++)
        espalier_network_free(networks[i]);
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(pruned_weights_stay_zero)
{
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = network_for_task(EDGE, CLASSES, test_seed());
    struct espalier_train_options options = small_options();
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    draw_masks(&random, network);
    uint64_t kept = espalier_network_kept(network);
    options.epochs = 1;
    test_ok(espalier_train(network, &data, &options, &error));
    ck_assert_uint_eq(espalier_network_kept(network), kept);
    for (uint32_t i = 0; i < network->layer_count; i++)
        for (size_t k = 0; k < network->layers[i].shape.rows * espalier_shape_columns(&network->layers[i].shape); k++)
            ck_assert(network->layers[i].mask[k] == 1 || network->layers[i].weights[k] == 0.0F);
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(a_diverging_run_and_a_stopped_one_say_so)
{
    struct espalier_dataset data = draw_data(test_seed());
    struct espalier_network *network = network_for_task(EDGE, CLASSES, test_seed());
    struct espalier_train_options options = small_options();
    struct seen seen = {.stop_after = 1};
    options.learning_rate = 1e30F;
    ck_assert_int_eq(espalier_train(network, &data, &options, &error), ESPALIER_ERR_DIVERGED);
    ck_assert_msg(strstr(error.message, "epoch 1") != NULL && strstr(error.message, "not finite") != NULL, "%s",
                  error.message);
    espalier_network_free(network);
    network = network_for_task(EDGE, CLASSES, test_seed());
    options = small_options();
    options.progress = watch;
    options.context = &seen;
    ck_assert_int_eq(espalier_train(network, &data, &options, &error), ESPALIER_ERR_CANCELLED);
    ck_assert_msg(strstr(error.message, "stopped") != NULL, "%s", error.message);
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(unsuitable_options_are_refused)
{
    struct espalier_dataset data = draw_data(test_seed()), wide = data;
    struct espalier_network *network = network_for_task(EDGE, CLASSES, test_seed());
    enum { BAD = 15 };
    struct espalier_train_options bad[BAD];
    for (size_t i = 0; i < BAD; i++)
        bad[i] = small_options();
    bad[0].epochs = 0;
    bad[1].batch = 0;
    bad[2].batch = 5000;
    bad[3].held_out = IMAGES;
    bad[4].use = IMAGES;
    bad[5].dropout = 1.0F;
    bad[6].learning_rate = NAN;
    bad[7].augment = -1.0F;
    bad[8].use = 3;
    bad[9].threads = 0;
    bad[10].threads = 3; /* do not divide the batch */
    bad[11].threads = 100;
    bad[11].batch = 100;
    bad[12].noise = -0.1F;
    bad[13].noise = 1.5F;
    bad[14].noise = NAN;
    for (size_t i = 0; i < BAD; i++)
        ck_assert_msg(espalier_train(network, &data, &bad[i], &error) == ESPALIER_ERR_RANGE, "options %zu", i);
    struct espalier_train_options good = small_options();
    wide.width = EDGE / 2;
    ck_assert_int_eq(espalier_train(network, &wide, &good, &error), ESPALIER_ERR_RANGE);
    data.labels[17] = CLASSES;
    ck_assert_int_eq(espalier_train(network, &data, &good, &error), ESPALIER_ERR_RANGE);
    ck_assert_msg(strstr(error.message, "image 17 has label") != NULL, "%s", error.message);
    wide = data;
    wide.labels = NULL;
    ck_assert_int_eq(espalier_train(network, &wide, &good, &error), ESPALIER_ERR_RANGE);
    ck_assert_msg(strstr(error.message, "no labels") != NULL, "%s", error.message);
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(impossible_shapes_are_refused)
{
    uint32_t count = 0;
    struct espalier_network *network = NULL;
    struct espalier_shape shapes[4];
    for (int fault = 0; fault < 5; fault++) {
        memcpy(shapes, espalier_lenet5_shapes(&count), sizeof shapes);
        ck_assert_uint_eq(count, 4);
        shapes[1].in_channels = fault == 0 ? 21 : 20;
        shapes[1].kernel_height = fault == 1 ? 13 : 5;
        shapes[0].pool = fault == 2 ? 5 : 2;
        shapes[2].rows = fault == 3 ? 0 : 500;
        ck_assert_int_eq(espalier_network_create(shapes, fault == 4 ? 0 : count, 1, &network, &error),
                         ESPALIER_ERR_RANGE);
        ck_assert_ptr_null(network);
    }
    test_ok(espalier_network_create(espalier_lenet5_shapes(&count), 4, 1, &network, &error));
    ck_assert_uint_eq(network->dense_weights, 430500);
    espalier_network_free(network);
}
END_TEST

/* ---- checkpoints ---- */

static size_t read_all(const char *path, uint8_t *bytes, size_t limit)
{
    FILE *file = fopen(path, "rb");
    ck_assert(file != NULL);
    size_t size = fread(bytes, 1, limit, file);
    fclose(file);
    return size;
}

START_TEST(a_checkpoint_comes_back_as_it_was)
{
    struct espalier_network *network = network_for_task(EDGE, CLASSES, test_seed()), *back = NULL;
    struct espalier_random random;
    char *made_by = NULL;
    espalier_random_seed(&random, test_seed());
    draw_masks(&random, network);
    test_ok(espalier_network_save(network, "espalier train --seed 3", test_path(0, "small.ckpt"), &error));
    test_ok(espalier_network_load(test_path(0, "small.ckpt"), &back, &made_by, &error));
    ck_assert_str_eq(made_by, "espalier train --seed 3");
    ck_assert_uint_eq(back->dense_weights, network->dense_weights);
    for (uint32_t i = 0; i < network->layer_count; i++) {
        const struct espalier_float_layer *a = &network->layers[i], *b = &back->layers[i];
        size_t weights = a->shape.rows * espalier_shape_columns(&a->shape);
        ck_assert_uint_eq(a->shape.rows, b->shape.rows);
        ck_assert(memcmp(a->weights, b->weights, weights * sizeof(float)) == 0 &&
                  memcmp(a->mask, b->mask, weights) == 0);
        ck_assert(memcmp(a->bias, b->bias, a->shape.rows * sizeof(float)) == 0);
    }
    free(made_by);
    espalier_network_free(network);
    espalier_network_free(back);
}
END_TEST

START_TEST(damaged_and_missing_checkpoints_are_refused)
{
    static uint8_t bytes[16384];
    struct espalier_network *network = network_for_task(EDGE, CLASSES, test_seed());
    struct espalier_random random;
    const char *path = test_path(0, "damaged.ckpt");
    espalier_random_seed(&random, test_seed());
    test_ok(espalier_network_save(network, "x", path, &error));
    espalier_network_free(network);
    size_t size = read_all(path, bytes, sizeof bytes);
    for (uint32_t round = 0; round < test_scale(500); round++) {
        size_t at = espalier_random_below(&random, (uint32_t)size), length = round % 3 == 0 ? at : size;
        uint8_t flip = (uint8_t)(1U << espalier_random_below(&random, 8));
        bytes[at] ^= flip;
        test_write_file(path, bytes, length);
        bytes[at] ^= flip;
        ck_assert_int_eq(espalier_network_load(path, &network, NULL, &error), ESPALIER_ERR_FORMAT);
        ck_assert_ptr_null(network);
    }
    ck_assert_int_eq(espalier_network_load(test_path(1, "no-such.ckpt"), &network, NULL, &error), ESPALIER_ERR_IO);
    ck_assert_msg(strstr(error.message, "no-such.ckpt") != NULL, "%s", error.message);
}
END_TEST

/* Faults that the checksum cannot see, made by someone who writes a right one. */
START_TEST(forged_checkpoints_are_refused_or_sound)
{
    static uint8_t bytes[16384];
    struct espalier_network *network = network_for_task(EDGE, CLASSES, test_seed());
    struct espalier_random random;
    const char *path = test_path(0, "forged.ckpt");
    uint32_t refused = 0, rounds = test_scale(1000);
    espalier_random_seed(&random, test_seed());
    test_ok(espalier_network_save(network, "x", path, &error));
    espalier_network_free(network);
    size_t size = read_all(path, bytes, sizeof bytes);
    for (uint32_t round = 0; round < rounds; round++) {
        size_t at = 4 + espalier_random_below(&random, 40);
        uint8_t old = bytes[at];
        bytes[at] = (uint8_t)espalier_random_bits(&random);
        uint32_t crc = (uint32_t)crc32(0, bytes, (uInt)size - 4);
        for (size_t i = 0; i < 4; i++)
            bytes[size - 4 + i] = (uint8_t)(crc >> (8 * i));
        test_write_file(path, bytes, size);
        bytes[at] = old;
        enum espalier_status status = espalier_network_load(path, &network, NULL, &error);
        ck_assert_msg(status == ESPALIER_OK || status == ESPALIER_ERR_FORMAT, "%s", error.message);
        ck_assert((network != NULL) == (status == ESPALIER_OK));
        refused += status != ESPALIER_OK;
        espalier_network_free(network);
    }
    ck_assert_uint_gt(refused, rounds / 4);
}
END_TEST

START_TEST(layers_that_cannot_be_are_told_by_their_number_from_1)
{
    uint32_t count;
    const struct espalier_shape *lenet5 = espalier_lenet5_shapes(&count);
    struct espalier_network *network = NULL;
    struct espalier_shape shapes[4];
    memcpy(shapes, lenet5, sizeof shapes);
    shapes[0].pool = 5;
    ck_assert_int_eq(espalier_network_create(shapes, count, 1, &network, &error), ESPALIER_ERR_RANGE);
    ck_assert_msg(strstr(error.message, "layer 1: ") == error.message, "%s", error.message);
    memcpy(shapes, lenet5, sizeof shapes);
    shapes[2].in_channels++;
    ck_assert_int_eq(espalier_network_create(shapes, count, 1, &network, &error), ESPALIER_ERR_RANGE);
    ck_assert_str_eq(error.message, "layer 3: its input is not the output of layer 2");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        forward_pass_equals_the_plain_network,
        gradients_equal_finite_differences,
        a_judgement_is_what_the_logits_say,
        training_learns_an_easy_task,
        the_learning_rate_begins_anew_behind_updates,
        same_seed_gives_the_same_bits_and_another_does_not,
        pruned_weights_stay_zero,
        a_diverging_run_and_a_stopped_one_say_so,
        unsuitable_options_are_refused,
        impossible_shapes_are_refused,
        a_checkpoint_comes_back_as_it_was,
        damaged_and_missing_checkpoints_are_refused,
        forged_checkpoints_are_refused_or_sound,
        layers_that_cannot_be_are_told_by_their_number_from_1,
    };
    return test_run("train", tests, sizeof tests / sizeof *tests);
}
