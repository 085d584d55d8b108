/* Regrowing: an exchange against its definition; weights that find the pixels which matter; a network that was pruned
 * before and is regrown. */
#include "support/networks.h"
#include "support/support.h"

#include <espalier/compress.h>
#include <math.h>
#include <string.h>

#include "prune/regrow.h"

enum { EDGE = 8, CLASSES = 4, IMAGES = 600, HELD_OUT = 100 };

static struct espalier_error error;

/* ---- an exchange ---- */

struct counts {
    size_t kept, gone, come;
    float largest_gone, smallest_stayed;   /* weights that were there */
    float smallest_come, largest_left_out; /* derivatives where there was none */
};

static struct counts compare(const struct espalier_float_layer *before, const struct espalier_float_layer *after,
                             const float *derivatives)
{
    struct counts counts = {
        .largest_gone = 0.0F, .smallest_stayed = HUGE_VALF, .smallest_come = HUGE_VALF, .largest_left_out = 0.0F};
    for (size_t k = 0; k < espalier_shape_weights(&before->shape); k++) {
        const float weight = fabsf(before->weights[k]), derivative = fabsf(derivatives[k]);
        counts.kept += before->mask[k];
        counts.gone += before->mask[k] && !after->mask[k];
        counts.come += !before->mask[k] && after->mask[k];
        if (before->mask[k] && after->mask[k]) {
            counts.smallest_stayed = fminf(counts.smallest_stayed, weight);
            ck_assert_mem_eq(&after->weights[k], &before->weights[k], sizeof(float));
        } else {
            ck_assert_float_eq(after->weights[k], 0.0F);
        }
        if (before->mask[k] && !after->mask[k])
            counts.largest_gone = fmaxf(counts.largest_gone, weight);
        if (!before->mask[k] && after->mask[k])
            counts.smallest_come = fminf(counts.smallest_come, derivative);
        if (!before->mask[k] && !after->mask[k])
            counts.largest_left_out = fmaxf(counts.largest_left_out, derivative);
    }
    return counts;
}

START_TEST(the_smallest_go_and_the_steepest_come)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(300); round++) {
        const double kept = 0.02 + 0.96 * espalier_random_uniform(&random), share = espalier_random_uniform(&random);
        struct espalier_network *network = network_drawn(&random, EDGE, CLASSES, kept), *before = NULL;
        struct espalier_gradients derivatives;
        test_ok(espalier_gradients_create(network, &derivatives, &error));
        for (uint32_t i = 0; i < network->layer_count; i++)
            for (size_t k = 0; k < espalier_shape_weights(&network->layers[i].shape); k++) /* some are equal */
                derivatives.weights[i][k] = (float)espalier_random_below(&random, 40) - 20.0F;
        test_ok(espalier_network_clone(network, &before, &error));
        test_ok(espalier_exchange(network, derivatives.weights, share, &error));
        for (uint32_t i = 0; i < network->layer_count; i++) {
            const struct counts counts = compare(&before->layers[i], &network->layers[i], derivatives.weights[i]);
            const size_t absent = espalier_shape_weights(&network->layers[i].shape) - counts.kept;
            const size_t wanted = (size_t)floor(share * (double)counts.kept);
            ck_assert_uint_eq(counts.gone, wanted < absent ? wanted : absent);
            ck_assert_uint_eq(counts.come, counts.gone);
            ck_assert_float_le(counts.largest_gone, counts.smallest_stayed);
            ck_assert_float_ge(counts.smallest_come, counts.largest_left_out);
        }
        espalier_gradients_free(&derivatives);
        espalier_network_free(before);
        espalier_network_free(network);
    }
}
END_TEST

/* ---- whole runs ---- */

/* 12 neurons on all pixels, of which they read but the four in a corner; the task's quarters are all over. */
static struct espalier_network *short_sighted(bool masked)
{
    struct espalier_shape shapes[] = {{.in_channels = 1, .in_height = EDGE, .in_width = EDGE, .rows = 12, .relu = true},
                                      {.rows = CLASSES}};
    struct espalier_network *network = network_of(shapes, 2, test_seed());
    struct espalier_float_layer *first = &network->layers[0];
    for (size_t k = 0; k < espalier_shape_weights(&first->shape) && masked; k++) {
        const size_t pixel = k % (EDGE * EDGE);
        first->mask[k] = pixel / EDGE < 2 && pixel % EDGE < 2;
        first->weights[k] = first->mask[k] ? first->weights[k] : 0.0F;
    }
    return network;
}

static uint32_t count_right(const struct espalier_network *network, const struct espalier_dataset *data)
{
    uint32_t correct = 0;
    test_ok(espalier_network_correct(network, data, IMAGES - HELD_OUT, HELD_OUT, &correct, &error));
    return correct;
}

static enum espalier_status keep(void *context, const struct espalier_network *pruned, struct espalier_error *failure)
{
    return espalier_network_clone(pruned, context, failure);
}

START_TEST(weights_move_to_the_pixels_that_matter)
{
    struct espalier_dataset data = network_task(test_seed(), IMAGES, EDGE, 120);
    struct espalier_network *origin = short_sighted(false), *masked = short_sighted(true), *regrown = NULL;
    struct espalier_compress_options options = espalier_compress_defaults(ESPALIER_GAP);
    struct espalier_train_options still = espalier_train_defaults();
    struct espalier_model *model = NULL;
    options.train.batch = still.batch = 20;
    options.train.held_out = still.held_out = HELD_OUT;
    options.train.augment = still.augment = still.dropout = 0.0F;
    options.train.seed = still.seed = test_seed();
    options.retrain_rate = still.learning_rate = 1e-2F;
    options.regrow_epochs = still.epochs = 80;
    options.pruned = masked;
    options.keep = keep;
    options.keep_context = &regrown;
    test_ok(espalier_compress(origin, &data, &options, &model, &error));
    ck_assert_uint_le(espalier_network_kept(regrown), espalier_network_kept(masked)); /* less what nobody reads */
    const uint32_t moved = count_right(regrown, &data);
    test_ok(espalier_train(masked, &data, &still, &error)); /* the same without moving */
    const uint32_t stayed = count_right(masked, &data);
    ck_assert_msg(moved >= 90 && stayed <= 70, "%u of %d right when weights move, %u when not", moved, HELD_OUT,
                  stayed);
    espalier_model_free(model);
    espalier_network_free(origin);
    espalier_network_free(masked);
    espalier_network_free(regrown);
    espalier_dataset_free(&data);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {the_smallest_go_and_the_steepest_come, weights_move_to_the_pixels_that_matter};

    return test_run("regrow", tests, sizeof tests / sizeof *tests);
}
