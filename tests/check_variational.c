/* Sparse variational dropout: the noise of a layer's sums against its moments, every derivative against finite
 * differences under the same draws, the divergence against the integral that it stands for, and who is removed against
 * a plain sort. */
#include "support/networks.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "network/loss.h"
#include "network/noise.h"
#include "network/pass.h"
#include "prune/variational.h"

enum { BATCH = 4, CLASSES = 3, EDGE = 6, LAYERS = 3 };

static struct espalier_error error;

static size_t weights_of(const struct espalier_network *network, uint32_t layer)
{
    return network->layers[layer].shape.rows * espalier_shape_columns(&network->layers[layer].shape);
}

struct noisy {
    struct espalier_network *network;
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

static void noisy_draw(struct noisy *noisy, struct espalier_random *random, enum espalier_noise_kind kind)
{
    const double kept = espalier_random_below(random, 2) ? 0.7 : 0.1; /* one of either way to compute */
    noisy->network = network_drawn(random, EDGE, CLASSES, kept);
    test_ok(espalier_variational_create(noisy->network, kind, &noisy->variational, &error));
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
            if (noisy->network->layers[i].mask[k])
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
        noisy_draw(&noisy, &random, round % 2 ? ESPALIER_NOISE_GROUPS : ESPALIER_NOISE_ELEMENTS);
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
            const size_t p = espalier_random_below(&random, (uint32_t)noise->parameters);
            if (layer->mask[k] && fabsf(layer->weights[k]) > 0.05F) { /* smaller ones bend too much for a finite step */
                wrong += differs(slope_by(&noisy, &layer->weights[k]), (double)noisy.gradients.weights[i][k]);
                compared++;
            }
            wrong += differs(slope_by(&noisy, &noise->parameter[p]), (double)noise->gradient[p]);
            compared++;
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
        noisy_draw(&noisy, &random, ESPALIER_NOISE_ELEMENTS);
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
        noisy_draw(&noisy, &random, ESPALIER_NOISE_ELEMENTS);
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

START_TEST(the_noisiest_weights_go_and_no_more_than_asked_for_stay)
{
    static struct noisy noisy;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(100); round++) {
        const enum espalier_noise_kind kind = round % 2 ? ESPALIER_NOISE_GROUPS : ESPALIER_NOISE_ELEMENTS;
        noisy_draw(&noisy, &random, kind);
        struct espalier_network *before = NULL;
        test_ok(espalier_network_clone(noisy.network, &before, &error));
        const uint64_t kept = espalier_network_kept(before), total = espalier_random_below(&random, (uint32_t)kept + 2);
        float most, least_gone = HUGE_VALF, most_kept = -HUGE_VALF;
        test_ok(espalier_variational_threshold(&noisy.variational, noisy.network, total, &most, &error));
        espalier_variational_prune(&noisy.variational, noisy.network, most);
        ck_assert_uint_le(espalier_network_kept(noisy.network), total);
        if (kind == ESPALIER_NOISE_ELEMENTS) /* no two are equal */
            ck_assert_uint_eq(espalier_network_kept(noisy.network), total < kept ? total : kept);
        for (uint32_t i = 0; i < LAYERS; i++)
            for (size_t k = 0; k < weights_of(before, i); k++) {
                const struct espalier_noisy_layer *noise = &noisy.variational.layers[i];
                const float weight = before->layers[i].weights[k], *p = noise->parameter;
                const float log_alpha = kind == ESPALIER_NOISE_ELEMENTS
                                            ? p[k] - logf(weight * weight)
                                            : fmaxf(p[k / noise->columns], p[noise->rows + k % noise->columns]);
                if (!before->layers[i].mask[k])
                    continue;
                if (noisy.network->layers[i].mask[k])
                    most_kept = fmaxf(most_kept, log_alpha);
                else
                    least_gone = fminf(least_gone, log_alpha);
                ck_assert_float_eq(noisy.network->layers[i].weights[k],
                                   noisy.network->layers[i].mask[k] ? weight : 0.0F);
            }
        ck_assert_float_le(most_kept, least_gone + 1e-4F);
        espalier_network_free(before);
        noisy_free(&noisy);
    }
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
        the_noisiest_weights_go_and_no_more_than_asked_for_stay,
    };
    return test_run("variational", tests, sizeof tests / sizeof *tests);
}
