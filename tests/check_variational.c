/* Sparse variational dropout: the noise of a layer's sums against its moments, every derivative against finite
 * differences under the same draws, the divergence against the integral that it stands for, and who is removed against
 * what the threshold says of each weight and its tiles. */
#include "support/networks.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "network/loss.h"
#include "network/noise.h"
#include "network/pass.h"
#include "prune/grouping.h"
#include "prune/purify.h"
#include "prune/variational.h"

enum { BATCH = 4, CLASSES = 3, EDGE = 6, LAYERS = 3 };

static struct espalier_error error;

static size_t weights_of(const struct espalier_network *network, uint32_t layer)
{
    return network->layers[layer].shape.rows * espalier_shape_columns(&network->layers[layer].shape);
}

struct noisy {
    struct espalier_network *network;
    struct espalier_family families[LAYERS];
    struct espalier_variational variational;
    struct espalier_live live;
    struct espalier_pass *pass;
    struct espalier_gradients gradients;
    struct espalier_view views[LAYERS];
    uint8_t labels[BATCH];
    float input[EDGE * EDGE * BATCH];
    float of_inputs; /* variance of what they are multiplied by */
    uint64_t draws;  /* seed of the noise */
};

static struct espalier_family draw_family(struct espalier_random *random, const struct espalier_network *network,
                                          uint32_t layer)
{
    static const enum espalier_family_kind kinds[] = {ESPALIER_ELEMENTS, ESPALIER_FILTERS,         ESPALIER_CHANNELS,
                                                      ESPALIER_COLUMNS,  ESPALIER_FILTERS_COLUMNS, ESPALIER_BLOCKS};
    const struct espalier_shape *shape = &network->layers[layer].shape;
    struct espalier_family family = {.kind = kinds[espalier_random_below(random, sizeof kinds / sizeof *kinds)]};
    if (family.kind == ESPALIER_BLOCKS) {
        family.first = 1 + espalier_random_below(random, shape->rows);
        family.second = 1 + espalier_random_below(random, (uint32_t)espalier_shape_columns(shape));
    }
    return family;
}

/* Which weights share a noise, told by their places. */
static uint32_t tilings_of(const struct noisy *noisy, uint32_t layer)
{
    const enum espalier_family_kind kind = noisy->families[layer].kind;
    const uint32_t rows = layer + 1 < LAYERS && (kind == ESPALIER_FILTERS || kind == ESPALIER_FILTERS_COLUMNS);
    return rows + (kind != ESPALIER_ELEMENTS && kind != ESPALIER_FILTERS);
}

/* The number of the tile among all of the layer: rows come before columns. */
static size_t tile_of(const struct noisy *noisy, uint32_t layer, uint32_t tiling, size_t k)
{
    const struct espalier_family *family = &noisy->families[layer];
    const struct espalier_shape *shape = &noisy->network->layers[layer].shape;
    const size_t columns = espalier_shape_columns(shape), row = k / columns, column = k % columns;
    const bool by_rows = family->kind == ESPALIER_FILTERS || (tilings_of(noisy, layer) == 2 && tiling == 0);
    size_t before = 0;
    if (by_rows)
        return row;
    if (family->kind == ESPALIER_CHANNELS)
        return column / ((size_t)shape->kernel_height * shape->kernel_width);
    if (family->kind != ESPALIER_BLOCKS)
        return column + (tiling == 1 ? shape->rows : 0);
    for (size_t top = 0; top < shape->rows; top += family->first)
        for (size_t left = 0; left < columns; left += family->second, before++)
            if (row >= top && row < top + family->first && column >= left && column < left + family->second)
                return before;
    ck_abort_msg("no block has weight %zu", k);
}

/* @param families  1: one, drawn for each layer or for all of them; 0: single weights */
static void noisy_draw(struct noisy *noisy, struct espalier_random *random, uint32_t families)
{
    const double kept = espalier_random_below(random, 2) ? 0.7 : 0.1; /* one of either way to compute */
    const bool alike = espalier_random_below(random, 2);
    const struct espalier_compress_options options = {.format = ESPALIER_GAP, .families = noisy->families};
    struct espalier_grouping groupings[LAYERS];
    noisy->network = network_drawn(random, EDGE, CLASSES, kept);
    for (uint32_t i = 0; i < LAYERS; i++) {
        noisy->families[i] = families ? draw_family(random, noisy->network, i) : (struct espalier_family){0};
        if (alike && i > 0)
            noisy->families[i].kind = noisy->families[0].kind;
        noisy->families[i].first += noisy->families[i].first == 0;
        noisy->families[i].second += noisy->families[i].second == 0;
    }
    espalier_group(&options, noisy->network, groupings);
    test_ok(espalier_variational_create(noisy->network, groupings, &noisy->variational, &error));
    test_ok(espalier_live_create(noisy->network, &noisy->live, &error));
    test_ok(espalier_pass_create(noisy->network, BATCH, &noisy->pass, &error));
    test_ok(espalier_pass_add_noise(noisy->pass, noisy->network, &error));
    test_ok(espalier_gradients_create(noisy->network, &noisy->gradients, &error));
    test_ok(espalier_gradients_add_variance(noisy->network, &noisy->gradients, &error));
    espalier_views_of(noisy->network, noisy->views);
    for (uint32_t i = 0; i < LAYERS; i++)
        for (size_t k = 0; k < noisy->variational.layers[i].parameters; k++)
            noisy->variational.layers[i].parameter[k] = (float)(-3.0 + 1.5 * espalier_random_normal(random));
    for (size_t i = 0; i < EDGE * EDGE * BATCH; i++)
        noisy->input[i] = (float)espalier_random_normal(random);
    noisy->of_inputs = 0.1F * (float)espalier_random_below(random, 3);
    for (size_t n = 0; n < BATCH; n++)
        noisy->labels[n] = (uint8_t)espalier_random_below(random, CLASSES);
    noisy->draws = espalier_random_bits(random);
}

static void noisy_free(struct noisy *noisy)
{
    espalier_pass_free(noisy->pass);
    espalier_gradients_free(&noisy->gradients);
    espalier_variational_free(&noisy->variational);
    espalier_live_free(&noisy->live);
    espalier_network_free(noisy->network);
}

/* The logits; noise changes the input where it lies. */
static const float *run(struct noisy *noisy, const struct espalier_chance *chance)
{
    memcpy(espalier_pass_input(noisy->pass), noisy->input, sizeof noisy->input);
    return espalier_pass_forward(noisy->pass, noisy->views, chance);
}

/* The objective under the same draws as ever: cross-entropy and the divergence of all weights. */
static double objective(struct noisy *noisy, float *logit_gradients)
{
    struct espalier_random random;
    espalier_random_seed(&random, noisy->draws);
    espalier_variational_apply(&noisy->variational, noisy->network, &noisy->live, noisy->views);
    const float *logits = run(noisy, &(struct espalier_chance){.noise = noisy->of_inputs, .random = &random});
    double total = espalier_cross_entropy(logits, noisy->labels, CLASSES, BATCH, logit_gradients), slope;
    for (uint32_t i = 0; i < LAYERS; i++)
        for (size_t k = 0; k < weights_of(noisy->network, i); k++) {
            const double weight = (double)noisy->network->layers[i].weights[k];
            const double variance = (double)noisy->variational.layers[i].variance[k];
            if (noisy->network->layers[i].mask[k] && noisy->variational.layers[i].parameters > 0)
                total +=
                    (double)noisy->variational.prior * espalier_divergence(log(variance / (weight * weight)), &slope);
        }
    return total;
}

/* The derivative of the objective by one number. */
static double slope_by(struct noisy *noisy, float *number)
{
    const float step = 0x1p-9F, value = *number;
    float unused[CLASSES * BATCH];
    *number = value + step;
    double up = objective(noisy, unused), moved = (double)*number;
    *number = value - step;
    double down = objective(noisy, unused);
    moved -= (double)*number;
    *number = value;
    return (up - down) / moved;
}

static uint32_t differs(double measured, double given)
{
    return fabs(measured - given) > 5e-3 * (0.1 + fabs(measured));
}

START_TEST(derivatives_equal_finite_differences_under_the_same_draws)
{
    static struct noisy noisy;
    struct espalier_random random;
    uint32_t compared = 0, wrong = 0;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(100); round++) {
        float logit_gradients[CLASSES * BATCH];
        noisy_draw(&noisy, &random, round % 4 > 0);
        noisy.variational.prior = 0.01F;
        (void)objective(&noisy, logit_gradients);
        espalier_pass_backward(noisy.pass, noisy.views, logit_gradients, &noisy.gradients);
        espalier_variational_step(&noisy.variational, noisy.network, &noisy.live, &noisy.gradients,
                                  0.0F); /* moves nothing */
        for (uint32_t drawn = 0; drawn < 20; drawn++) {
            const uint32_t i = espalier_random_below(&random, LAYERS);
            struct espalier_float_layer *layer = &noisy.network->layers[i];
            struct espalier_noisy_layer *noise = &noisy.variational.layers[i];
            const size_t k = espalier_random_below(&random, (uint32_t)weights_of(noisy.network, i));
            const size_t p = espalier_random_below(&random, (uint32_t)noise->parameters + 1);
            if (layer->mask[k] && fabsf(layer->weights[k]) > 0.05F) { /* smaller ones bend too much for a finite step */
                wrong += differs(slope_by(&noisy, &layer->weights[k]), (double)noisy.gradients.weights[i][k]);
                compared++;
            }
            if (p < noise->parameters) {
                wrong += differs(slope_by(&noisy, &noise->parameter[p]), (double)noise->gradient[p]);
                compared++;
            }
        }
        noisy_free(&noisy);
    }
    /* A finite step may cross a kink of ReLU or pooling: seldom. */
    ck_assert_msg(compared > 100 && wrong * 50 <= compared, "%u of %u derivatives are wrong", wrong, compared);
}
END_TEST

START_TEST(draws_have_mean_0_and_variance_1_and_do_not_depend_on_each_other)
{
    enum { DRAWS = 200000, LAGS = 20, CALLS = 20 };
    static float draws[CALLS][DRAWS / CALLS];
    const float *all = draws[0];
    const double error_of_mean = 1.0 / sqrt(DRAWS);
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(5); round++) {
        double sum = 0.0, square = 0.0;
        for (uint32_t call = 0; call < CALLS; call++)
            espalier_noise_draw(&random, draws[call], DRAWS / CALLS);
        for (size_t i = 0; i < DRAWS; i++) {
            sum += (double)all[i];
            square += (double)(all[i] * all[i]);
        }
        ck_assert_double_le(fabs(sum / DRAWS), 5.0 * error_of_mean);
        ck_assert_double_eq_tol(square / DRAWS, 1.0, 5.0 * sqrt(2.0) * error_of_mean);
        for (size_t lag = 1; lag <= LAGS + 1; lag++) { /* the last one: the same place in the next call */
            const size_t apart = lag <= LAGS ? lag : DRAWS / CALLS;
            double products = 0.0;
            for (size_t i = 0; i + apart < DRAWS; i++)
                products += (double)(all[i] * all[i + apart]);
            ck_assert_double_le(fabs(products / DRAWS), 5.0 * error_of_mean);
        }
    }
}
END_TEST

START_TEST(inputs_are_multiplied_by_draws_of_their_variance)
{
    enum { DRAWS = 4000 };
    static struct noisy noisy;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(5); round++) {
        noisy_draw(&noisy, &random, 0);
        const double variance = 0.05 + 0.2 * espalier_random_uniform(&random);
        const struct espalier_chance chance = {.noise = (float)variance, .random = &random};
        const size_t i = espalier_random_below(&random, EDGE * EDGE * BATCH);
        double sum = 0.0, square = 0.0;
        for (uint32_t n = 0; n < DRAWS; n++) {
            (void)run(&noisy, &chance);
            const double apart = (double)(espalier_pass_input(noisy.pass)[i] / noisy.input[i]) - 1.0;
            sum += apart;
            square += apart * apart;
        }
        ck_assert_double_le(fabs(sum / DRAWS), 5.0 * sqrt(variance / DRAWS));
        ck_assert_double_eq_tol(square / DRAWS, variance, 5.0 * variance * sqrt(2.0 / DRAWS));
        noisy_free(&noisy);
    }
}
END_TEST

START_TEST(noise_has_the_mean_and_the_variance_of_the_weights)
{
    enum { DRAWS = 4000 };
    static struct noisy noisy;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(5); round++) {
        double sum[CLASSES * BATCH] = {0}, square[CLASSES * BATCH] = {0}, exact[CLASSES * BATCH];
        size_t size;
        noisy_draw(&noisy, &random, 0);
        espalier_variational_apply(&noisy.variational, noisy.network, &noisy.live, noisy.views);
        noisy.views[0].variance = noisy.views[1].variance = NULL; /* only the last layer's */
        const float *logits = run(&noisy, NULL);
        for (size_t i = 0; i < CLASSES * BATCH; i++)
            exact[i] = (double)logits[i];
        for (uint32_t n = 0; n < DRAWS; n++) {
            logits = run(&noisy, &(struct espalier_chance){.random = &random});
            for (size_t i = 0; i < CLASSES * BATCH; i++) {
                const double apart = (double)logits[i] - exact[i];
                sum[i] += apart;
                square[i] += apart * apart;
            }
        }
        const float *input = espalier_pass_output(noisy.pass, 1, &size), *variance = noisy.views[2].variance;
        const size_t columns = size / BATCH;
        for (size_t i = 0; i < CLASSES * BATCH; i++) {
            double wanted = 0.0;
            for (size_t k = 0; k < columns; k++)
                wanted += (double)(variance[i / BATCH * columns + k] * input[k * BATCH + i % BATCH] *
                                   input[k * BATCH + i % BATCH]);
            /* five standard errors */
            ck_assert_double_le(fabs(sum[i] / DRAWS), 5.0 * sqrt(wanted / DRAWS) + 1e-5);
            ck_assert_double_eq_tol(square[i] / DRAWS, wanted, 5.0 * wanted * sqrt(2.0 / DRAWS) + 1e-9);
        }
        noisy_free(&noisy);
    }
}
END_TEST

/* -log(alpha) / 2 + E log |e|, e normal of mean 1 and variance alpha: the divergence from the log-uniform prior, up to
 * a constant, by the midpoint rule. */
static double divergence_integral(double log_alpha)
{
    const double deviation = exp(0.5 * log_alpha), pi = 3.14159265358979323846, step = 1e-4;
    double total = 0.0;
    for (double z = -8.0 + step / 2; z < 8.0; z += step)
        total += exp(-0.5 * z * z) * log(fabs(1.0 + deviation * z) + 1e-300) * step;
    return -0.5 * log_alpha + total / sqrt(2.0 * pi);
}

START_TEST(divergence_is_the_one_from_the_log_uniform_prior)
{
    double unused, constant = divergence_integral(8.0) - espalier_divergence(8.0, &unused);
    for (double log_alpha = -8.0; log_alpha < 8.0; log_alpha += 0.37) {
        double slope, up = espalier_divergence(log_alpha + 1e-4, &unused),
                      down = espalier_divergence(log_alpha - 1e-4, &unused);
        ck_assert_double_eq_tol(espalier_divergence(log_alpha, &slope) + constant, divergence_integral(log_alpha),
                                0.02);
        ck_assert_double_eq_tol(slope, (up - down) / 2e-4, 1e-6);
        ck_assert_double_lt(slope, 0.0); /* noise is always preferred */
    }
}
END_TEST

START_TEST(the_weights_of_a_tile_share_its_alpha_and_classes_have_none)
{
    static struct noisy noisy;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(100); round++) {
        noisy_draw(&noisy, &random, 1);
        espalier_variational_apply(&noisy.variational, noisy.network, &noisy.live, noisy.views);
        for (uint32_t i = 0; i < LAYERS; i++) {
            const struct espalier_noisy_layer *noise = &noisy.variational.layers[i];
            const float *weights = noisy.network->layers[i].weights;
            size_t most = 0;
            for (size_t k = 0; k < weights_of(noisy.network, i); k++) {
                double alpha = 0.0;
                for (uint32_t t = 0; t < tilings_of(&noisy, i); t++) {
                    const size_t tile = tile_of(&noisy, i, t, k);
                    alpha += exp((double)noise->parameter[tile]);
                    most = tile > most ? tile : most;
                }
                const double variance = alpha * (double)weights[k] * (double)weights[k];
                if (noisy.families[i].kind == ESPALIER_ELEMENTS || !noisy.network->layers[i].mask[k])
                    continue;
                ck_assert_double_eq_tol((double)noise->variance[k], variance, 1e-5 * variance + 1e-30);
            }
            if (noisy.families[i].kind != ESPALIER_ELEMENTS) /* and no more of them */
                ck_assert_uint_eq(noise->parameters, tilings_of(&noisy, i) > 0 ? most + 1 : 0);
            ck_assert((noisy.views[i].variance == NULL) == (noise->parameters == 0));
        }
        noisy_free(&noisy);
    }
}
END_TEST

START_TEST(families_that_only_a_projection_leads_to_stay_whole_and_have_a_variance_a_weight)
{
    static const char *const names[] = {"2:4", "banks:3", "mask:5", "patterns:4"};
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    struct espalier_network *network = network_drawn(&random, EDGE, CLASSES, 1.0);
    struct espalier_family families[LAYERS];
    struct espalier_grouping groupings[LAYERS];
    struct espalier_compress_options options = {.format = ESPALIER_GAP, .families = families};
    for (size_t n = 0; n <= sizeof names / sizeof *names; n++) {
        for (uint32_t i = 0; i < LAYERS; i++) {
            test_ok(espalier_family_read(n < 4 ? names[n] : "blocks:2x1", &families[i], &error));
            families[i].lanes = n < 4 ? 0 : 4;
        }
        espalier_group(&options, network, groupings);
        for (uint32_t i = 0; i < LAYERS; i++)
            ck_assert(groupings[i].stays && !groupings[i].tiled);
    }
    options.families = NULL;
    espalier_group(&options, network, groupings);
    ck_assert(!groupings[0].tiled && !groupings[0].stays);
    options.format = ESPALIER_STRUCTURED;
    espalier_group(&options, network, groupings);
    for (uint32_t i = 0; i < LAYERS; i++)
        ck_assert(groupings[i].tiled && !groupings[i].stays && groupings[i].tilings == (i + 1 < LAYERS ? 2 : 1));
    espalier_network_free(network);
}
END_TEST

/* ---- who is removed ---- */

/* The log alpha of a weight's noisiest tile, or its own. */
static float log_alpha_of(const struct noisy *noisy, const struct espalier_network *network, uint32_t layer, size_t k)
{
    const float *p = noisy->variational.layers[layer].parameter, weight = network->layers[layer].weights[k];
    float most = -HUGE_VALF;
    if (noisy->families[layer].kind == ESPALIER_ELEMENTS)
        return p[k] - logf(weight * weight);
    for (uint32_t t = 0; t < tilings_of(noisy, layer); t++)
        most = fmaxf(most, p[tile_of(noisy, layer, t, k)]);
    return most;
}

/* Whether all of a weight's tile that was there is gone. */
static bool tile_is_gone(const struct noisy *noisy, const struct espalier_network *before, uint32_t layer,
                         uint32_t tiling, size_t of)
{
    const size_t tile = tile_of(noisy, layer, tiling, of);
    bool gone = true;
    for (size_t k = 0; k < weights_of(before, layer); k++)
        gone = gone && (tile_of(noisy, layer, tiling, k) != tile || !noisy->network->layers[layer].mask[k]);
    return gone;
}

/* What a layer has left is what the threshold says, in whole tiles, but for one tile of each tiling that must stay. */
static void check_layer(const struct noisy *noisy, const struct espalier_network *before, uint32_t layer, float most)
{
    const struct espalier_float_layer *old = &before->layers[layer], *now = &noisy->network->layers[layer];
    const float *p = noisy->variational.layers[layer].parameter;
    size_t protected[2] = {SIZE_MAX, SIZE_MAX}, kept = 0, there = 0;
    for (size_t k = 0; k < weights_of(before, layer); k++) {
        const float log_alpha = log_alpha_of(noisy, before, layer, k);
        bool whole = noisy->families[layer].kind == ESPALIER_ELEMENTS;
        there += old->mask[k];
        kept += now->mask[k];
        ck_assert_float_eq(now->weights[k], now->mask[k] ? old->weights[k] : 0.0F);
        if (!old->mask[k])
            continue;
        if (log_alpha < most - 1e-4F) /* the test's logarithm may round otherwise */
            ck_assert(now->mask[k]);
        if (whole && log_alpha > most + 1e-4F)
            ck_assert(!now->mask[k]);
        for (uint32_t t = 0; t < tilings_of(noisy, layer); t++) {
            const size_t tile = tile_of(noisy, layer, t, k);
            whole = whole || tile_is_gone(noisy, before, layer, t, k);
            if (!now->mask[k] || p[tile] <= most)
                continue;
            ck_assert_msg(protected[t] == SIZE_MAX || protected[t] == tile, "layer %u: two tiles stay", layer);
            protected[t] = tile;
        }
        ck_assert_msg(now->mask[k] || whole, "layer %u: a part of a tile is gone", layer);
    }
    if (noisy->families[layer].kind != ESPALIER_ELEMENTS && there > 0)
        ck_assert_uint_gt(kept, 0);
}

static bool has_path(const struct espalier_network *network)
{
    bool path = true;
    for (uint32_t i = 0; i < LAYERS; i++)
        path = path && memchr(network->layers[i].mask, 1, weights_of(network, i)) != NULL;
    return path;
}

/* Whether nothing but a tile of each tiling is left. */
static bool is_least(const struct noisy *noisy)
{
    bool least = true;
    for (uint32_t i = 0; i < LAYERS; i++) {
        size_t first = SIZE_MAX;
        for (size_t k = 0; k < weights_of(noisy->network, i); k++) {
            if (!noisy->network->layers[i].mask[k])
                continue;
            first = first == SIZE_MAX ? k : first;
            for (uint32_t t = 0; t < tilings_of(noisy, i); t++)
                least = least && tile_of(noisy, i, t, k) == tile_of(noisy, i, t, first);
            least = least && noisy->families[i].kind != ESPALIER_ELEMENTS;
        }
    }
    return least;
}

START_TEST(the_noisiest_go_in_whole_tiles_no_more_than_asked_for_stay_and_a_path_is_left)
{
    static struct noisy noisy;
    struct espalier_random random;
    uint32_t paths = 0;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(400); round++) {
        noisy_draw(&noisy, &random, round % 4 > 0);
        espalier_cut_unused(noisy.network);
        struct espalier_network *before = NULL, *more = NULL;
        test_ok(espalier_network_clone(noisy.network, &before, &error));
        test_ok(espalier_network_clone(noisy.network, &more, &error));
        const uint64_t kept = espalier_network_kept(before), total = espalier_random_below(&random, (uint32_t)kept + 2);
        float *judged = NULL, next = HUGE_VALF;
        bool tiles = true;
        test_ok(espalier_variational_judge(&noisy.variational, noisy.network, &judged, &error));
        const float most = espalier_variational_threshold(judged, kept, total);
        espalier_variational_prune(&noisy.variational, noisy.network, most, false);
        ck_assert(espalier_network_kept(noisy.network) <= total || is_least(&noisy));
        for (uint32_t i = 0; i < LAYERS; i++) {
            check_layer(&noisy, before, i, most);
            tiles = tiles && noisy.families[i].kind != ESPALIER_ELEMENTS;
            for (size_t k = 0; k < weights_of(before, i); k++)
                if (before->layers[i].mask[k] && !noisy.network->layers[i].mask[k])
                    next = fminf(next, log_alpha_of(&noisy, before, i, k));
        }
        if (round % 4 == 0) /* no two single weights are equal */
            ck_assert_uint_eq(espalier_network_kept(noisy.network), total < kept ? total : kept);
        espalier_variational_prune(&noisy.variational, more, next + 1e-4F, false);
        ck_assert(total >= kept || espalier_network_kept(more) > total); /* no tile more could have stayed */
        if (tiles && has_path(before)) {
            espalier_cut_unused(noisy.network);
            ck_assert(has_path(noisy.network));
            paths++;
        }
        free(judged);
        espalier_network_free(more);
        espalier_network_free(before);
        noisy_free(&noisy);
    }
    ck_assert_uint_gt(paths, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        derivatives_equal_finite_differences_under_the_same_draws,
        draws_have_mean_0_and_variance_1_and_do_not_depend_on_each_other,
        inputs_are_multiplied_by_draws_of_their_variance,
        noise_has_the_mean_and_the_variance_of_the_weights,
        divergence_is_the_one_from_the_log_uniform_prior,
        the_weights_of_a_tile_share_its_alpha_and_classes_have_none,
        families_that_only_a_projection_leads_to_stay_whole_and_have_a_variance_a_weight,
        the_noisiest_go_in_whole_tiles_no_more_than_asked_for_stay_and_a_path_is_left,
    };
    return test_run("variational", tests, sizeof tests / sizeof *tests);
}
