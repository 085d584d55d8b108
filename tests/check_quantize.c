/* Levels that are learned: the derivative by a level against finite differences of the loss; how far weights, levels
 * and biases may go; weights whose level is fixed. */
#include "support/networks.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "network/loss.h"
#include "quantize/codebook.h"
#include "quantize/quantize.h"

enum { BATCH = 8, EDGE = 8, LAYERS = 3, QUARTERS = 4, IMAGES = 64 };

static const float FIRST_MOMENTUM = 0.1F; /* of a derivative in Adam's first mean */

static struct espalier_error error;

struct quantized {
    struct espalier_dataset data;
    struct espalier_network *network;
    struct espalier_quantizer quantizer;
    struct espalier_pass *pass;
    struct espalier_gradients gradients;
    struct espalier_live live;
    struct espalier_view views[LAYERS]; /* as the quantizer's, without rounding of activations */
    uint8_t labels[BATCH];
};

static void quantized_draw(struct quantized *q, struct espalier_random *random)
{
    uint8_t bits[LAYERS];
    q->data = network_task(espalier_random_bits(random), IMAGES, EDGE, 60);
    q->network = network_drawn(random, EDGE, QUARTERS, 0.7);
    for (uint32_t i = 0; i < LAYERS; i++)
        bits[i] = (uint8_t)(1 + espalier_random_below(random, 4));
    test_ok(espalier_quantizer_create(q->network, bits, 8, &q->quantizer, &error));
    test_ok(espalier_quantizer_refresh(&q->quantizer, q->network, &q->data, IMAGES, &error));
    espalier_quantizer_apply(&q->quantizer, q->network);
    test_ok(espalier_pass_create(q->network, BATCH, &q->pass, &error));
    test_ok(espalier_gradients_create(q->network, &q->gradients, &error));
    test_ok(espalier_live_create(q->network, &q->live, &error));
    memcpy(q->views, q->quantizer.views, sizeof q->views);
    for (uint32_t i = 0; i < LAYERS; i++)
        q->views[i].step = 0.0F;
    for (size_t n = 0; n < BATCH; n++) {
        q->labels[n] = q->data.labels[n];
        for (size_t i = 0; i < EDGE * EDGE; i++)
            espalier_pass_input(q->pass)[i * BATCH + n] = (float)q->data.pixels[n * EDGE * EDGE + i] / 255.0F;
    }
}

static void quantized_free(struct quantized *q)
{
    espalier_live_free(&q->live);
    espalier_gradients_free(&q->gradients);
    espalier_pass_free(q->pass);
    espalier_quantizer_free(&q->quantizer);
    espalier_network_free(q->network);
    espalier_dataset_free(&q->data);
}

static double loss_of(struct quantized *q, float *logit_gradients)
{
    const float *logits = espalier_pass_forward(q->pass, q->views, NULL);
    return espalier_cross_entropy(logits, q->labels, QUARTERS, BATCH, logit_gradients);
}

/* The loss with every weight of one level moved. */
static double loss_with(struct quantized *q, uint32_t layer, uint8_t entry, float by)
{
    struct espalier_quantized_layer *quantized = &q->quantizer.layers[layer];
    const struct espalier_live_layer *live = &q->live.layers[layer];
    float unused[QUARTERS * BATCH];
    for (size_t i = 0; i < live->count; i++)
        quantized->weights[espalier_live_at(live, i)] +=
            quantized->entry[espalier_live_at(live, i)] == entry ? by : 0.0F;
    double loss = loss_of(q, unused);
    espalier_quantizer_apply(&q->quantizer, q->network);
    return loss;
}

START_TEST(the_derivative_by_a_level_is_that_of_all_its_weights)
{
    static struct quantized q;
    struct espalier_random random;
    uint32_t compared = 0, wrong = 0;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < 100; round++) {
        const float step = 0x1p-12F;
        float logit_gradients[QUARTERS * BATCH];
        quantized_draw(&q, &random);
        (void)loss_of(&q, logit_gradients);
        espalier_pass_backward(q.pass, q.views, logit_gradients, &q.gradients);
        espalier_quantizer_step(&q.quantizer, &q.live, &q.gradients, 0.0F); /* moves nothing */
        for (uint32_t i = 0; i < LAYERS; i++)
            for (uint8_t entry = 0; entry < q.quantizer.layers[i].levels.count; entry++) {
                double slope = (loss_with(&q, i, entry, step) - loss_with(&q, i, entry, -step)) / (2.0 * (double)step);
                double given = (double)(q.quantizer.layers[i].learned.momentum[entry] / FIRST_MOMENTUM);
                wrong += fabs(slope - given) > 5e-3 * (0.2 + fabs(slope));
                compared++;
            }
        quantized_free(&q);
    }
    /* A finite step may cross a kink of ReLU or pooling: seldom. */
    ck_assert_msg(compared > 50 && wrong * 50 <= compared, "%u of %u derivatives are wrong", wrong, compared);
}
END_TEST

START_TEST(levels_follow_their_derivatives_and_the_codebook_follows_them)
{
    static struct quantized q;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(100); round++) {
        float logit_gradients[QUARTERS * BATCH];
        struct espalier_learned_levels before[LAYERS];
        quantized_draw(&q, &random);
        (void)loss_of(&q, logit_gradients);
        espalier_pass_backward(q.pass, q.views, logit_gradients, &q.gradients);
        for (uint32_t i = 0; i < LAYERS; i++)
            before[i] = q.quantizer.layers[i].learned;
        espalier_quantizer_step(&q.quantizer, &q.live, &q.gradients, 0.05F);
        for (uint32_t i = 0; i < LAYERS; i++) {
            const struct espalier_quantized_layer *layer = &q.quantizer.layers[i];
            for (uint32_t entry = 0; entry < layer->levels.count; entry++) {
                const float moved = layer->learned.centre[entry] - before[i].centre[entry];
                ck_assert(moved * layer->learned.momentum[entry] <= 0.0F); /* downhill */
                const double code = (double)layer->learned.centre[entry] / (double)layer->levels.unit;
                ck_assert_double_le(fabs(fmin(127.0, fmax(-127.0, code)) - layer->levels.codebook[entry]), 0.5 + 1e-4);
            }
        }
        quantized_free(&q);
    }
}
END_TEST

/* Weights anywhere, as the optimizer may leave them. */
static void scatter(struct quantized *q, struct espalier_random *random)
{
    for (uint32_t i = 0; i < LAYERS; i++)
        for (size_t n = 0; n < q->live.layers[i].count; n++)
            q->network->layers[i].weights[espalier_live_at(&q->live.layers[i], n)] *=
                4.0F * (float)espalier_random_uniform(random);
}

START_TEST(a_clipped_weight_keeps_its_level_and_is_near_it)
{
    static struct quantized q;
    struct espalier_random random;
    size_t clipped = 0;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(100); round++) {
        quantized_draw(&q, &random);
        scatter(&q, &random);
        for (uint32_t i = 0; i < LAYERS; i++) {
            const struct espalier_levels *levels = &q.quantizer.layers[i].levels;
            float *weights = q.network->layers[i].weights;
            const struct espalier_span span = espalier_levels_span(&q.quantizer.layers[i]);
            const float room = fmaxf(span.high - span.low, fmaxf(span.high, -span.low)) / (float)levels->count *
                               0.50001F; /* half a width, and rounding */
            for (size_t n = 0; n < q.live.layers[i].count; n++) {
                float *weight = &weights[espalier_live_at(&q.live.layers[i], n)];
                const float before = *weight;
                const uint8_t entry = espalier_nearest_entry(levels, before / levels->unit);
                const struct espalier_live_layer one = {
                    .count = 1, .at = (uint32_t[]){(uint32_t)espalier_live_at(&q.live.layers[i], n)}};
                espalier_levels_clip(&q.quantizer.layers[i], &one, weights);
                const bool inside = before >= span.low && before <= span.high;
                clipped += *weight != before;
                ck_assert(!inside || *weight == before);
                ck_assert(*weight >= span.low - room && *weight <= span.high + room);
                ck_assert_int_eq(levels->codebook[espalier_nearest_entry(levels, *weight / levels->unit)],
                                 levels->codebook[entry]);
            }
        }
        quantized_free(&q);
    }
    ck_assert_uint_gt(clipped, 0);
}
END_TEST

/* A weight, pushed by `push` of Adam's longest step each time and pulled back: how far from its level it comes to lie,
 * in widths of a level. */
static float pushed(const struct espalier_quantized_layer *layer, float *weights, size_t at, float push, float dampen)
{
    const struct espalier_live_layer one = {.count = 1, .at = (uint32_t[]){(uint32_t)at}};
    const float rate = 0.002F, level = weights[at], share = espalier_levels_pull_share(dampen, rate);
    ck_assert(share > 0.0F && share < 1.0F);
    for (int step = 0; step < 20.0F / share; step++) {
        weights[at] += push * rate * espalier_levels_rate(layer);
        espalier_levels_pull(layer, &one, share, weights);
    }
    const struct espalier_span span = espalier_levels_span(layer);
    const float width = fmaxf(span.high - span.low, fmaxf(span.high, -span.low)) / (float)layer->levels.count;
    const float away = (weights[at] - level) / width;
    weights[at] = level;
    return away;
}

START_TEST(a_pulled_weight_stays_unless_it_is_pushed_steadily)
{
    static struct quantized q;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(100); round++) {
        quantized_draw(&q, &random);
        scatter(&q, &random);
        espalier_quantizer_apply(&q.quantizer, q.network);
        for (uint32_t i = 0; i < LAYERS; i++) {
            const struct espalier_quantized_layer *layer = &q.quantizer.layers[i];
            const struct espalier_live_layer *live = &q.live.layers[i];
            const float share = (float)espalier_random_uniform(&random);
            const size_t weights = espalier_shape_weights(&q.network->layers[i].shape);
            float *now = q.network->layers[i].weights, *before = malloc(weights * sizeof *before);
            memcpy(before, now, weights * sizeof *before);
            espalier_levels_pull(layer, live, share, now);
            for (size_t n = 0; n < live->count; n++) {
                const size_t k = espalier_live_at(live, n);
                const float level = q.quantizer.layers[i].learned.centre[layer->entry[k]];
                const float tolerance = 1e-5F * (fabsf(before[k]) + fabsf(level));
                ck_assert_float_eq_tol(now[k] - level, (1.0F - share) * (before[k] - level), tolerance);
                before[k] = now[k];
            }
            ck_assert_mem_eq(before, now, weights * sizeof *before); /* those that are not there stay */
            if (live->count > 0) {
                const size_t at = espalier_live_at(live, espalier_random_below(&random, (uint32_t)live->count));
                const float dampen = 0.01F + 0.5F * (float)espalier_random_uniform(&random);
                now[at] = layer->learned.centre[layer->entry[at]];
                ck_assert_float_lt(pushed(layer, now, at, 0.9F * dampen, dampen), 0.5F);
                ck_assert_float_gt(pushed(layer, now, at, 1.1F * dampen, dampen), 0.5F);
            }
            free(before);
        }
        quantized_free(&q);
    }
    ck_assert_float_eq(espalier_levels_pull_share(1.0F, 1e9F), 1.0F);
    ck_assert_float_eq(espalier_levels_pull_share(0.0F, 0.1F), 0.0F);
}
END_TEST

/* A layer's levels go on from where they were, as much farther as the layer was multiplied, derivatives by it being as
 * much smaller. */
static void check_step_of_levels(struct quantized *q, uint32_t layer, double factor)
{
    struct espalier_learned_levels *learned = &q->quantizer.layers[layer].learned;
    float *gradients = q->gradients.weights[layer];
    const struct espalier_live_layer *live = &q->live.layers[layer];
    for (size_t n = 0; n < live->count; n++)
        gradients[espalier_live_at(live, n)] = 0.01F * (float)(n % 7 + 1);
    espalier_quantizer_step(&q->quantizer, &q->live, &q->gradients, 0.01F); /* moments that are not 0 */
    struct espalier_learned_levels before = *learned;
    espalier_quantizer_step(&q->quantizer, &q->live, &q->gradients, 0.01F);
    struct espalier_learned_levels small = *learned;
    *learned = before;
    espalier_quantizer_rescale(&q->quantizer, layer, (float)factor);
    for (size_t n = 0; n < live->count; n++)
        gradients[espalier_live_at(live, n)] /= (float)factor;
    espalier_quantizer_step(&q->quantizer, &q->live, &q->gradients, 0.01F);
    for (uint32_t k = 0; k < q->quantizer.layers[layer].levels.count; k++) {
        const double moved = (double)(small.centre[k] - before.centre[k]);
        ck_assert_double_eq_tol((double)learned->centre[k] - factor * (double)before.centre[k], factor * moved,
                                1e-3 * factor * (fabs(moved) + 1e-3 * fabs((double)before.centre[k])));
    }
}

/* The same layer with all its weights larger takes steps that are as much larger. */
START_TEST(steps_go_with_the_scale_of_a_layer)
{
    static struct quantized q;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(100); round++) {
        quantized_draw(&q, &random);
        for (uint32_t i = 0; i < LAYERS; i++) {
            const double factor = 0.01 + 10.0 * espalier_random_uniform(&random);
            const double before = (double)espalier_levels_rate(&q.quantizer.layers[i]);
            ck_assert_double_gt(before, 0.0);
            espalier_quantizer_rescale(&q.quantizer, i, (float)factor);
            const double after = (double)espalier_levels_rate(&q.quantizer.layers[i]);
            ck_assert_double_eq_tol(after, factor * before, 1e-5 * factor * before);
            check_step_of_levels(&q, i, factor);
        }
        quantized_free(&q);
    }
}
END_TEST

START_TEST(levels_that_outgrow_int8_get_room_and_others_stay)
{
    static struct quantized q;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(100); round++) {
        quantized_draw(&q, &random);
        for (uint32_t i = 0; i < LAYERS; i++) {
            struct espalier_quantized_layer *layer = &q.quantizer.layers[i];
            const float unit = layer->levels.unit;
            ck_assert(!espalier_levels_make_room(layer, &q.network->layers[i]));
            ck_assert(layer->levels.unit == unit);
            for (uint32_t k = 0; k < layer->levels.count; k++)
                layer->learned.centre[k] *= 300.0F;
            const struct espalier_span span = espalier_levels_span(layer);
            const bool outgrown = fmaxf(span.high, -span.low) > 127.0F * unit;
            ck_assert(espalier_levels_make_room(layer, &q.network->layers[i]) == outgrown);
            for (uint32_t k = 0; k < layer->levels.count && outgrown; k++)
                ck_assert_double_eq_tol((double)layer->learned.centre[k],
                                        (double)layer->levels.codebook[k] * (double)layer->levels.unit,
                                        0.501 * (double)layer->levels.unit);
        }
        quantized_free(&q);
    }
}
END_TEST

/* Biases: as they are while normalization will still add to them; then in reach of their bits, and rounded. */
START_TEST(biases_are_rounded_once_nothing_is_to_be_folded_into_them)
{
    static struct quantized q;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(100); round++) {
        quantized_draw(&q, &random);
        for (uint32_t i = 0; i < LAYERS; i++)
            for (size_t row = 0; row < q.network->layers[i].shape.rows; row++)
                q.network->layers[i].bias[row] *= 100.0F * (float)espalier_random_uniform(&random);
        for (int normalized = 1; normalized >= 0; normalized--) {
            (void)espalier_quantizer_hooks(&q.quantizer, normalized == 0);
            espalier_quantizer_hold(&q.quantizer, &q.live, q.network);
            espalier_quantizer_apply(&q.quantizer, q.network);
            for (uint32_t i = 0; i < LAYERS; i++) {
                const struct espalier_quantized_layer *layer = &q.quantizer.layers[i];
                const double step = ldexp((double)layer->levels.unit * (double)layer->input_step, layer->bias_shift);
                for (size_t row = 0; row < q.network->layers[i].shape.rows; row++) {
                    const double bias = (double)q.network->layers[i].bias[row], used = (double)layer->bias[row];
                    if (normalized || layer->bias_bits == 0)
                        ck_assert(used == bias);
                    else
                        ck_assert_double_eq_tol(used, bias, 0.501 * step);
                }
            }
        }
        quantized_free(&q);
    }
}
END_TEST

/* Squared distance of a layer's kept weights from linear codes times a unit. */
static double squared_distance(const struct espalier_float_layer *layer, double unit, int32_t low, int32_t high)
{
    double distance = 0.0;
    for (size_t k = 0; k < espalier_shape_weights(&layer->shape); k++) {
        const double code = fmin(high, fmax(low, rint((double)layer->weights[k] / unit)));
        distance += layer->mask[k] ? pow((double)layer->weights[k] - code * unit, 2.0) : 0.0;
    }
    return distance;
}

START_TEST(linear_codes_have_the_scale_that_no_fine_search_betters)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(20); round++) {
        struct espalier_network *network = network_drawn(&random, EDGE, QUARTERS, 0.7);
        struct espalier_dataset data = network_task(espalier_random_bits(&random), IMAGES, EDGE, 60);
        struct espalier_quantizer quantizer;
        uint8_t bits[LAYERS];
        for (uint32_t i = 0; i < LAYERS; i++)
            bits[i] = (uint8_t)(5 + espalier_random_below(&random, 4));
        test_ok(espalier_quantizer_create(network, bits, 8, &quantizer, &error));
        test_ok(espalier_quantizer_refresh(&quantizer, network, &data, IMAGES, &error));
        for (uint32_t i = 0; i < LAYERS; i++) {
            const struct espalier_levels *levels = &quantizer.layers[i].levels;
            const struct espalier_float_layer *layer = &network->layers[i];
            const double chosen = squared_distance(layer, (double)levels->unit, levels->low, levels->high);
            for (int n = 0; n < 2000; n++) {
                const double unit = (double)levels->unit * (0.5 + n / 1000.0);
                ck_assert_double_ge(squared_distance(layer, unit, levels->low, levels->high), 0.99999 * chosen);
            }
        }
        espalier_quantizer_free(&quantizer);
        espalier_dataset_free(&data);
        espalier_network_free(network);
    }
}
END_TEST

START_TEST(fixed_weights_keep_their_levels_wherever_they_go)
{
    static struct quantized q;
    struct espalier_random random;
    size_t would_have_moved = 0;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(100); round++) {
        quantized_draw(&q, &random);
        q.quantizer.fixed = true;
        for (uint32_t i = 0; i < LAYERS; i++) {
            const struct espalier_quantized_layer *layer = &q.quantizer.layers[i];
            const struct espalier_live_layer *live = &q.live.layers[i];
            uint8_t before[4096];
            const size_t weights = espalier_shape_weights(&q.network->layers[i].shape);
            ck_assert_uint_le(weights, sizeof before);
            memcpy(before, layer->entry, weights);
            for (size_t n = 0; n < live->count; n++)
                q.network->layers[i].weights[espalier_live_at(live, n)] *= -1.0F;
            espalier_quantizer_apply(&q.quantizer, q.network);
            ck_assert_mem_eq(before, layer->entry, weights);
            for (size_t n = 0; n < live->count; n++) {
                const size_t k = espalier_live_at(live, n);
                const float weight = q.network->layers[i].weights[k] / layer->levels.unit;
                ck_assert(layer->weights[k] == layer->levels.unit * (float)layer->levels.codebook[before[k]]);
                would_have_moved += espalier_nearest_entry(&layer->levels, weight) != before[k];
            }
        }
        quantized_free(&q);
    }
    ck_assert_uint_gt(would_have_moved, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_derivative_by_a_level_is_that_of_all_its_weights,
        levels_follow_their_derivatives_and_the_codebook_follows_them,
        a_clipped_weight_keeps_its_level_and_is_near_it,
        a_pulled_weight_stays_unless_it_is_pushed_steadily,
        steps_go_with_the_scale_of_a_layer,
        levels_that_outgrow_int8_get_room_and_others_stay,
        biases_are_rounded_once_nothing_is_to_be_folded_into_them,
        linear_codes_have_the_scale_that_no_fine_search_betters,
        fixed_weights_keep_their_levels_wherever_they_go,
    };
    return test_run("quantize", tests, sizeof tests / sizeof *tests);
}
