/* Batch normalization in training: its derivatives against finite differences, that it begins as what changes nothing
 * and is folded into what computes the same; and that threads share a batch without changing what is learned. */
#include "support/networks.h"
#include "support/support.h"

#include <espalier/train.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "loop/crew.h"
#include "loop/shard.h"
#include "network/loss.h"
#include "network/norm.h"
#include "network/pass.h"

enum { BATCH = 6, CLASSES = 3, EDGE = 6, LAYERS = 3, LOGITS = CLASSES * BATCH };

static struct espalier_error error;

struct normed {
    bool shared; /* one deviation for all rows of a layer */
    struct espalier_network *network;
    struct espalier_norm norm;
    struct espalier_pass *pass;
    struct espalier_gradients gradients;
    struct espalier_view plain[LAYERS], views[LAYERS]; /* without and with gains */
    uint8_t labels[BATCH];
};

/* Rows that share a deviation share a gain. */
static void draw_gains(struct normed *n, struct espalier_random *random, uint32_t layer)
{
    struct espalier_normed_layer *normed = &n->norm.layers[layer];
    for (uint32_t row = 0; row < normed->rows; row++)
        normed->gain[row] = n->shared && row > 0 ? normed->gain[0] : (float)espalier_random_normal(random);
}

static void normed_draw(struct normed *n, struct espalier_random *random)
{
    n->shared = espalier_random_below(random, 2);
    n->network = network_drawn(random, EDGE, CLASSES, 0.8);
    test_ok(espalier_norm_create(n->network, n->shared, &n->norm, &error));
    test_ok(espalier_pass_create(n->network, BATCH, &n->pass, &error));
    test_ok(espalier_pass_add_norm(n->pass, n->shared, &error));
    test_ok(espalier_gradients_create(n->network, &n->gradients, &error));
    espalier_views_of(n->network, n->plain);
    espalier_views_of(n->network, n->views);
    for (uint32_t i = 0; i + 1 < LAYERS; i++) {
        n->views[i].gain = n->norm.layers[i].gain;
        draw_gains(n, random, i);
    }
    for (size_t i = 0; i < EDGE * EDGE * BATCH; i++)
        espalier_pass_input(n->pass)[i] = (float)espalier_random_normal(random);
    for (size_t i = 0; i < BATCH; i++)
        n->labels[i] = (uint8_t)espalier_random_below(random, CLASSES);
}

static void normed_free(struct normed *n)
{
    espalier_pass_free(n->pass);
    espalier_gradients_free(&n->gradients);
    espalier_norm_free(&n->norm);
    espalier_network_free(n->network);
}

static double loss_of(struct normed *n, float *logit_gradients)
{
    const float *logits = espalier_pass_forward(n->pass, n->views, NULL);
    return espalier_cross_entropy(logits, n->labels, CLASSES, BATCH, logit_gradients);
}

static double slope_by(struct normed *n, float *number)
{
    const float step = 0x1p-12F, value = *number;
    float unused[LOGITS];
    *number = value + step;
    double up = loss_of(n, unused), moved = (double)*number;
    *number = value - step;
    double down = loss_of(n, unused);
    moved -= (double)*number;
    *number = value;
    return (up - down) / moved;
}

static uint32_t differs(double measured, float given)
{
    return fabs(measured - (double)given) > 5e-3 * (0.2 + fabs(measured));
}

START_TEST(derivatives_equal_finite_differences)
{
    static struct normed n;
    struct espalier_random random;
    uint32_t compared = 0, wrong = 0;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < 200; round++) {
        float logit_gradients[LOGITS];
        normed_draw(&n, &random);
        (void)loss_of(&n, logit_gradients);
        espalier_pass_backward(n.pass, n.views, logit_gradients, &n.gradients);
        for (uint32_t drawn = 0; drawn < 20; drawn++) {
            const uint32_t i = espalier_random_below(&random, LAYERS);
            struct espalier_float_layer *layer = &n.network->layers[i];
            const size_t row = espalier_random_below(&random, layer->shape.rows);
            const size_t columns = espalier_shape_columns(&layer->shape);
            const size_t k = row * columns + espalier_random_below(&random, (uint32_t)columns);
            if (i + 1 < LAYERS && espalier_pass_normalizer(n.pass, i)->variance[row] < 0.01F)
                continue; /* so steep that a finite step says little */
            if (layer->mask[k])
                wrong += differs(slope_by(&n, &layer->weights[k]), n.gradients.weights[i][k]);
            wrong += differs(slope_by(&n, &layer->bias[row]), n.gradients.bias[i][row]);
            if (i + 1 < LAYERS && !n.shared)
                wrong += differs(slope_by(&n, &n.norm.layers[i].gain[row]), n.gradients.gain[i][row]);
            compared += 2;
        }
        normed_free(&n);
    }
    /* A finite step may cross a kink of ReLU or pooling: seldom. */
    ck_assert_msg(compared > 100 && wrong * 50 <= compared, "%u of %u derivatives are wrong", wrong, compared);
}
END_TEST

/* Moments of a layer's sums, in double precision. */
static void moments_of(const struct normed *n, uint32_t layer, double *mean, double *variance)
{
    size_t size = 0;
    const float *sums = espalier_pass_sums(n->pass, layer, &size);
    for (uint32_t row = 0; row < n->norm.layers[layer].rows; row++, sums += size) {
        mean[row] = variance[row] = 0.0;
        for (size_t i = 0; i < size; i++)
            mean[row] += (double)sums[i] / (double)size;
        for (size_t i = 0; i < size; i++)
            variance[row] += ((double)sums[i] - mean[row]) * ((double)sums[i] - mean[row]) / (double)size;
    }
}

START_TEST(it_begins_as_what_changes_nothing_and_is_folded_into_what_computes_the_same)
{
    static struct normed n;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(200); round++) {
        double mean[LAYERS - 1][8], variance[LAYERS - 1][8];
        float before[LOGITS], normed[LOGITS];
        normed_draw(&n, &random);
        memcpy(before, espalier_pass_forward(n.pass, n.plain, NULL), sizeof before);
        for (uint32_t i = 0; i + 1 < LAYERS; i++)
            moments_of(&n, i, mean[i], variance[i]);
        for (uint32_t i = 0; i + 1 < LAYERS; i++)
            espalier_norm_begin(&n.norm, n.network, i, mean[i], variance[i]);
        const float *logits = espalier_pass_forward(n.pass, n.views, NULL);
        for (size_t i = 0; i < LOGITS; i++)
            ck_assert_float_eq_tol(logits[i], before[i], 2e-3F * (1.0F + fabsf(before[i])));

        for (uint32_t i = 0; i + 1 < LAYERS; i++) { /* as training would: other gains, biases and averages */
            draw_gains(&n, &random, i);
            for (uint32_t row = 0; row < n.norm.layers[i].rows; row++)
                n.network->layers[i].bias[row] += (float)espalier_random_normal(&random);
        }
        memcpy(normed, espalier_pass_forward(n.pass, n.views, NULL), sizeof normed);
        for (uint32_t i = 0; i + 1 < LAYERS; i++)
            espalier_norm_follow(&n.norm, i, espalier_pass_normalizer(n.pass, i), 1.0F);
        espalier_norm_fold(&n.norm, n.network);
        for (uint32_t i = 0; i + 1 < LAYERS && n.shared; i++)
            for (uint32_t row = 1; row < n.norm.layers[i].rows; row++)
                ck_assert_float_eq(espalier_norm_factor(&n.norm, i, row), espalier_norm_factor(&n.norm, i, 0));
        logits = espalier_pass_forward(n.pass, n.plain, NULL);
        for (size_t i = 0; i < LOGITS; i++)
            ck_assert_float_eq_tol(logits[i], normed[i], 2e-3F * (1.0F + fabsf(normed[i])));
        normed_free(&n);
    }
}
END_TEST

/* ---- Threads */

enum { PARTS = 5 };

static void count_part(void *context, uint32_t part)
{
    ((uint32_t *)context)[part]++;
}

START_TEST(a_crew_does_every_part_once_a_round)
{
    for (uint32_t threads = 1; threads <= PARTS; threads++) {
        struct espalier_crew *crew = NULL;
        uint32_t done[PARTS] = {0};
        test_ok(espalier_crew_create(threads, &crew, &error));
        for (uint32_t round = 1; round <= test_scale(2000); round++) {
            espalier_crew_run(crew, count_part, done);
            for (uint32_t part = 0; part < PARTS; part++)
                ck_assert_uint_eq(done[part], part < threads ? round : 0);
        }
        espalier_crew_free(crew);
    }
}
END_TEST

enum { TASK_EDGE = 8, IMAGES = 300, QUARTERS = 4 };

static struct espalier_train_options task_options(uint32_t threads)
{
    struct espalier_train_options options = espalier_train_defaults();
    options.epochs = 2;
    options.batch = 24;
    options.held_out = 30;
    options.seed = test_seed();
    options.normalize = true;
    options.threads = threads;
    return options;
}

START_TEST(shares_of_a_batch_give_the_derivatives_of_the_whole)
{
    enum { SHARES = 3, WHOLE = 24 };
    struct espalier_dataset data = network_task(test_seed(), IMAGES, TASK_EDGE, 40);
    struct espalier_network *network = network_for_task(TASK_EDGE, QUARTERS, test_seed());
    struct espalier_train_options options = task_options(SHARES);
    const struct espalier_fit fit = {.network = network, .data = &data, .options = &options};
    struct espalier_shard whole, shares[SHARES];
    struct espalier_view views[LAYERS];
    struct espalier_live live;
    uint32_t images[WHOLE];
    options.augment = options.dropout = 0.0F;
    espalier_views_of(network, views);
    for (uint32_t i = 0; i < WHOLE; i++)
        images[i] = 7 * i;
    test_ok(espalier_live_create(network, &live, &error));
    test_ok(espalier_shard_create(&fit, WHOLE, 1, &whole, &error));
    espalier_shard_train(&whole, views, images);
    for (uint32_t s = 0; s < SHARES; s++) {
        test_ok(espalier_shard_create(&fit, WHOLE / SHARES, 1, &shares[s], &error));
        espalier_shard_train(&shares[s], views, images + s * (WHOLE / SHARES));
    }
    espalier_shards_reduce(shares, SHARES, network, &live);
    for (uint32_t i = 0; i < LAYERS; i++) {
        for (size_t k = 0; k < live.layers[i].count; k++)
            ck_assert_float_eq_tol(shares[0].gradients.weights[i][k], whole.gradients.weights[i][k], 1e-5F);
        for (size_t row = 0; row < network->layers[i].shape.rows; row++)
            ck_assert_float_eq_tol(shares[0].gradients.bias[i][row], whole.gradients.bias[i][row], 1e-5F);
    }
    for (uint32_t s = 0; s < SHARES; s++)
        espalier_shard_free(&shares[s]);
    espalier_shard_free(&whole);
    espalier_live_free(&live);
    espalier_network_free(network);
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(the_same_number_of_threads_gives_the_same_bits)
{
    struct espalier_dataset data = network_task(test_seed(), IMAGES, TASK_EDGE, 40);
    for (uint32_t threads = 1; threads <= 4; threads++) {
        struct espalier_network *networks[2];
        for (size_t n = 0; n < 2; n++) {
            struct espalier_train_options options = task_options(threads);
            networks[n] = network_for_task(TASK_EDGE, QUARTERS, test_seed());
            test_ok(espalier_train(networks[n], &data, &options, &error));
        }
        for (uint32_t i = 0; i < LAYERS; i++) {
            const struct espalier_float_layer *left = &networks[0]->layers[i], *right = &networks[1]->layers[i];
            ck_assert_mem_eq(left->weights, right->weights,
                             left->shape.rows * espalier_shape_columns(&left->shape) * sizeof *left->weights);
            ck_assert_mem_eq(left->bias, right->bias, left->shape.rows * sizeof *left->bias);
        }
        espalier_network_free(networks[0]);
        espalier_network_free(networks[1]);
    }
    espalier_dataset_free(&data);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        derivatives_equal_finite_differences,
        it_begins_as_what_changes_nothing_and_is_folded_into_what_computes_the_same,
        a_crew_does_every_part_once_a_round,
        shares_of_a_batch_give_the_derivatives_of_the_whole,
        the_same_number_of_threads_gives_the_same_bits,
    };
    return test_run("norm", tests, sizeof tests / sizeof *tests);
}
