/* Levels of quantized weights: scales and clusters against exhaustive search; projections onto levels; their names. */
#include "support/support.h"

#include <espalier/random.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "project/cluster.h"
#include "project/levels.h"

static struct espalier_error error;

static void fill_normal(struct espalier_random *random, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)espalier_random_normal(random);
}

/* ---- clusters ---- */

static double cost_of_levels(const float *values, size_t size, const double *levels, size_t count)
{
    double cost = 0.0;
    for (size_t i = 0; i < size; i++) {
        double nearest = HUGE_VAL;
        for (size_t k = 0; k < count; k++)
            nearest = fmin(nearest, fabs((double)values[i] - levels[k]));
        cost += nearest * nearest;
    }
    return cost;
}

/* The least cost over every way to give each value one of `count` levels at the mean of its values. */
static double cluster_by_brute_force(const float *values, size_t size, size_t count)
{
    double best = HUGE_VAL;
    size_t ways = 1;
    for (size_t i = 0; i < size; i++)
        ways *= count;
    for (size_t way = 0; way < ways; way++) {
        double sum[4] = {0}, number[4] = {0}, levels[4] = {0};
        for (size_t i = 0, left = way; i < size; i++, left /= count) {
            sum[left % count] += (double)values[i];
            number[left % count] += 1.0;
        }
        for (size_t k = 0; k < count; k++)
            levels[k] = number[k] > 0.0 ? sum[k] / number[k] : (double)values[0];
        best = fmin(best, cost_of_levels(values, size, levels, count));
    }
    return best;
}

START_TEST(clustered_levels_have_the_least_squared_error)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(60); round++) {
        size_t size = 1 + espalier_random_below(&random, 8), count = 2 + espalier_random_below(&random, 2);
        float values[8], levels[4];
        double found[4];
        fill_normal(&random, values, size);
        if (size > 2 && round % 4 == 0)
            values[1] = values[0];
        test_ok(espalier_cluster(values, size, (uint32_t)count, levels, &error));
        for (size_t k = 0; k < count; k++) {
            found[k] = (double)levels[k];
            ck_assert(k == 0 || levels[k - 1] <= levels[k]);
        }
        ck_assert_double_eq_tol(cost_of_levels(values, size, found, count), cluster_by_brute_force(values, size, count),
                                1e-6);
    }
}
END_TEST

/* More values than bins: no small move of a level may be better by more than the width of a bin explains. */
START_TEST(clustered_levels_of_many_values_cannot_be_bettered_by_much)
{
    enum { SIZE = 20000, COUNT = 8 };
    static float values[SIZE];
    float levels[COUNT];
    double found[COUNT];
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    fill_normal(&random, values, SIZE);
    test_ok(espalier_cluster(values, SIZE, COUNT, levels, &error));
    for (size_t k = 0; k < COUNT; k++)
        found[k] = (double)levels[k];
    double cost = cost_of_levels(values, SIZE, found, COUNT);
    for (uint32_t trial = 0; trial < test_scale(300); trial++) {
        double moved[COUNT];
        memcpy(moved, found, sizeof moved);
        moved[espalier_random_below(&random, COUNT)] += 0.1 * espalier_random_normal(&random);
        ck_assert_double_ge(cost_of_levels(values, SIZE, moved, COUNT), 0.995 * cost);
    }
}
END_TEST

/* ---- scales ---- */

/* A third of the cases are of few different values, so that ties and zeros are there; a third lean to one side. */
static void draw_values(struct espalier_random *random, float *values, size_t size)
{
    uint32_t kind = espalier_random_below(random, 3);
    fill_normal(random, values, size);
    for (size_t i = 0; i < size; i++)
        values[i] = kind == 0   ? (float)espalier_random_below(random, 5) - 2.0F
                    : kind == 1 ? values[i] + 1.0F
                                : values[i];
}

/* The codes of a kind, as compress.h tells them; turned: with the sign turned. Returns how many. */
static size_t codes_by_definition(enum espalier_level_kind kind, uint8_t bits, bool turned, double codes[17])
{
    int half = 1 << (bits - 1), low = -half, high = half;
    bool zero = false;
    size_t count = 0;
    if (kind == ESPALIER_LEVELS_UNIFORM && bits > 1) {
        high = half - 1;
        zero = true;
    }
    if (kind == ESPALIER_LEVELS_BINARY || kind == ESPALIER_LEVELS_TERNARY) {
        low = -1;
        high = 1;
        zero = kind == ESPALIER_LEVELS_TERNARY;
    }
    for (int code = low; code <= high; code++)
        if (code != 0 || zero)
            codes[count++] = turned ? -code : code;
    return count;
}

/* The least squared distance to levels scale * code over every choice of a code for each value, the best scale of each
 * choice being what least squares give. */
static double least_by_brute_force(enum espalier_level_kind kind, uint8_t bits, const float *values, size_t size)
{
    double best = HUGE_VAL, norm = 0.0;
    for (size_t i = 0; i < size; i++)
        norm += (double)values[i] * (double)values[i];
    for (int turned = 0; turned < 2; turned++) {
        double codes[17];
        size_t count = codes_by_definition(kind, bits, turned, codes), ways = 1;
        for (size_t i = 0; i < size; i++)
            ways *= count;
        for (size_t way = 0; way < ways; way++) {
            double product = 0.0, square = 0.0;
            for (size_t i = 0, left = way; i < size; i++, left /= count) {
                product += codes[left % count] * (double)values[i];
                square += codes[left % count] * codes[left % count];
            }
            best = fmin(best, norm - (square > 0.0 && product > 0.0 ? product * product / square : 0.0));
        }
    }
    return best;
}

static const struct {
    enum espalier_level_kind kind;
    uint8_t bits;
} kinds[] = {{ESPALIER_LEVELS_UNIFORM, 1}, {ESPALIER_LEVELS_UNIFORM, 2}, {ESPALIER_LEVELS_UNIFORM, 3},
             {ESPALIER_LEVELS_NO_ZERO, 1}, {ESPALIER_LEVELS_NO_ZERO, 2}, {ESPALIER_LEVELS_NO_ZERO, 3},
             {ESPALIER_LEVELS_BINARY, 1},  {ESPALIER_LEVELS_TERNARY, 2}, {ESPALIER_LEVELS_UNIFORM, 4},
             {ESPALIER_LEVELS_NO_ZERO, 4}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static double distance_of(const float *values, const float *projected, size_t size)
{
    double distance = 0.0;
    for (size_t i = 0; i < size; i++)
        distance += ((double)values[i] - (double)projected[i]) * ((double)values[i] - (double)projected[i]);
    return distance;
}

START_TEST(levels_are_the_nearest_of_their_kind)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(600); round++) {
        size_t k = round % KINDS, size = 1 + espalier_random_below(&random, kinds[k].bits < 4 ? 5 : 4);
        float values[5], projected[5];
        uint8_t mask[5] = {1, 1, 1, 1, 1};
        draw_values(&random, values, size);
        memcpy(projected, values, sizeof values);
        test_ok(espalier_project_levels(kinds[k].kind, kinds[k].bits, mask, size, projected, &error));
        ck_assert_msg(fabs(distance_of(values, projected, size) -
                           least_by_brute_force(kinds[k].kind, kinds[k].bits, values, size)) < 1e-5,
                      "round %u, kind %zu: %g, not %g", round, k, distance_of(values, projected, size),
                      least_by_brute_force(kinds[k].kind, kinds[k].bits, values, size));
    }
}
END_TEST

/* Of many values: no scale of a fine search does better, and the scale is that of its codes. */
START_TEST(no_scale_of_a_fine_search_is_better)
{
    enum { SIZE = 500 };
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(40); round++) {
        uint8_t bits = (uint8_t)(2 + round % 7);
        struct espalier_codes codes =
            espalier_codes_of(bits <= 4 && round % 2 ? ESPALIER_LEVELS_NO_ZERO : ESPALIER_LEVELS_UNIFORM, bits);
        float values[SIZE], scale;
        double gain, norm = 0.0, product = 0.0, square = 0.0, largest = 0.0;
        draw_values(&random, values, SIZE);
        test_ok(espalier_solve_scale(&codes, values, SIZE, &scale, &gain, &error));
        for (size_t i = 0; i < SIZE; i++) {
            double code = espalier_nearest_code(&codes, (double)values[i] / (double)scale);
            norm += (double)values[i] * (double)values[i];
            product += code * (double)values[i];
            square += code * code;
            largest = fmax(largest, fabs((double)values[i]));
        }
        ck_assert_double_eq_tol(product / square, (double)scale, 1e-5 * (double)scale);
        ck_assert_double_eq_tol(product * product / square, gain, 1e-6 * norm);
        for (uint32_t c = 1; c <= 3000; c++) {
            double tried = largest * c / 2000.0, distance = 0.0;
            for (size_t i = 0; i < SIZE; i++) {
                double apart = (double)values[i] - tried * espalier_nearest_code(&codes, (double)values[i] / tried);
                distance += apart * apart;
            }
            ck_assert_double_ge(distance, (norm - gain) * (1.0 - 1e-6) - 1e-9);
        }
    }
}
END_TEST

START_TEST(binary_levels_are_the_mean_magnitude)
{
    const float values[] = {0.5F, -1.5F, 2.0F, -4.0F};
    const struct espalier_codes codes = espalier_codes_of(ESPALIER_LEVELS_BINARY, 1);
    float scale;
    double gain;
    test_ok(espalier_solve_scale(&codes, values, 4, &scale, &gain, &error));
    ck_assert_double_eq_tol((double)scale, 2.0, 1e-7);
    ck_assert_double_eq_tol(gain, 16.0, 1e-6);
}
END_TEST

START_TEST(ternary_levels_are_the_mean_of_the_largest)
{
    const float values[] = {0.1F, -3.0F, 5.0F, -0.2F, 0.0F};
    uint8_t mask[] = {1, 1, 1, 1, 1};
    float projected[5];
    memcpy(projected, values, sizeof values);
    test_ok(espalier_project_levels(ESPALIER_LEVELS_TERNARY, 2, mask, 5, projected, &error));
    const float expected[] = {0.0F, -4.0F, 4.0F, 0.0F, 0.0F};
    for (size_t i = 0; i < 5; i++)
        ck_assert_double_eq_tol((double)projected[i], (double)expected[i], 1e-6);
}
END_TEST

START_TEST(projecting_twice_is_projecting_once_and_weights_that_are_not_there_stay_away)
{
    enum { SIZE = 300 };
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(60); round++) {
        enum espalier_level_kind kind = round % 11 == 10 ? ESPALIER_LEVELS_CLUSTERED : kinds[round % 11].kind;
        uint8_t bits = round % 11 == 10 ? 3 : kinds[round % 11].bits, mask[SIZE];
        float values[SIZE], once[SIZE], twice[SIZE], levels[SIZE];
        size_t different = 0;
        draw_values(&random, values, SIZE);
        for (size_t i = 0; i < SIZE; i++)
            mask[i] = round < 11 ? 0 : espalier_random_below(&random, 3) == 0;
        memcpy(once, values, sizeof once);
        test_ok(espalier_project_levels(kind, bits, mask, SIZE, once, &error));
        memcpy(twice, once, sizeof twice);
        test_ok(espalier_project_levels(kind, bits, mask, SIZE, twice, &error));
        for (size_t i = 0; i < SIZE; i++) {
            bool known = false;
            ck_assert_double_eq_tol((double)twice[i], (double)once[i], 1e-5);
            ck_assert(mask[i] || once[i] == values[i]);
            for (size_t k = 0; k < different && mask[i]; k++)
                known = known || levels[k] == once[i];
            if (mask[i] && !known)
                levels[different++] = once[i];
        }
        ck_assert_uint_le(different, 1U << bits);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        clustered_levels_have_the_least_squared_error,
        clustered_levels_of_many_values_cannot_be_bettered_by_much,
        levels_are_the_nearest_of_their_kind,
        no_scale_of_a_fine_search_is_better,
        binary_levels_are_the_mean_magnitude,
        ternary_levels_are_the_mean_of_the_largest,
        projecting_twice_is_projecting_once_and_weights_that_are_not_there_stay_away,
    };
    return test_run("levels", tests, sizeof tests / sizeof *tests);
}
