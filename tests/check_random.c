/* The generator: the published sequence, and draws that are spread as they should be. */
#include "support/support.h"

#include <espalier/random.h>
#include <math.h>
#include <string.h>

/* With state 1, 2, 3, 4 the generator's authors' program prints these. */
START_TEST(bits_follow_the_published_sequence)
{
    static const uint64_t expected[] = {
        UINT64_C(11520),
        UINT64_C(0),
        UINT64_C(1509978240),
        UINT64_C(1215971899390074240),
        UINT64_C(1216172134540287360),
        UINT64_C(607988272756665600),
    };
    struct espalier_random random = {.state = {1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        ck_assert_uint_eq(espalier_random_bits(&random), expected[i]);
}
END_TEST

/* splitmix64 from seed 0 gives these four words first. */
START_TEST(seed_fills_the_state_by_splitmix64)
{
    struct espalier_random random;
    espalier_random_seed(&random, 0);
    ck_assert_uint_eq(random.state[0], UINT64_C(0xe220a8397b1dcdaf));
    ck_assert_uint_eq(random.state[1], UINT64_C(0x6e789e6aa1b965f4));
    ck_assert_uint_eq(random.state[2], UINT64_C(0x06c45d188009454f));
    ck_assert_uint_eq(random.state[3], UINT64_C(0xf88bb8a8724c81ec));
}
END_TEST

START_TEST(same_seed_gives_same_sequence_and_another_seed_another)
{
    struct espalier_random one, same, other;
    espalier_random_seed(&one, test_seed());
    espalier_random_seed(&same, test_seed());
    espalier_random_seed(&other, test_seed() + 1);
    unsigned equal = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t bits = espalier_random_bits(&one);
        ck_assert_uint_eq(bits, espalier_random_bits(&same));
        equal += bits == espalier_random_bits(&other);
    }
    ck_assert_uint_eq(equal, 0);
}
END_TEST

/* Chi-square over 7 cells, 6 degrees of freedom: above 50 with probability 5e-9. */
START_TEST(below_is_uniform_within_its_bound)
{
    enum { CELLS = 7, DRAWS = 70000 };
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    uint32_t counts[CELLS] = {0};
    for (int i = 0; i < DRAWS; i++) {
        uint32_t drawn = espalier_random_below(&random, CELLS);
        ck_assert_uint_lt(drawn, CELLS);
        counts[drawn]++;
    }
    double chi_square = 0, mean = (double)DRAWS / CELLS;
    for (int i = 0; i < CELLS; i++)
        chi_square += (counts[i] - mean) * (counts[i] - mean) / mean;
    ck_assert_double_lt(chi_square, 50.0);
    ck_assert_uint_eq(espalier_random_below(&random, 1), 0);
}
END_TEST

/* A bound of 3 * 2^30 would favour its lower third twofold if draws were only reduced: the third must hold 1/3. */
START_TEST(below_has_no_bias_at_large_bounds)
{
    enum { DRAWS = 60000 };
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    uint32_t low = 0;
    for (int i = 0; i < DRAWS; i++)
        low += espalier_random_below(&random, UINT32_C(3) << 30) < UINT32_C(1) << 30;
    ck_assert_double_eq_tol((double)low / DRAWS, 1.0 / 3, 0.012); /* six standard deviations */
}
END_TEST

START_TEST(uniform_and_normal_have_their_moments)
{
    enum { DRAWS = 100000 };
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    double uniform = 0, sum = 0, squares = 0, fourth = 0;
    for (int i = 0; i < DRAWS; i++) {
        double flat = espalier_random_uniform(&random);
        ck_assert(flat >= 0 && flat < 1);
        uniform += flat;
        double bell = espalier_random_normal(&random);
        ck_assert(isfinite(bell));
        sum += bell;
        squares += bell * bell;
        fourth += bell * bell * bell * bell;
    }
    ck_assert_double_eq_tol(uniform / DRAWS, 0.5, 0.006);
    ck_assert_double_eq_tol(sum / DRAWS, 0, 0.02);
    ck_assert_double_eq_tol(squares / DRAWS, 1, 0.03);
    ck_assert_double_eq_tol(fourth / DRAWS, 3, 0.2);
}
END_TEST

START_TEST(shuffle_is_a_permutation_with_every_order_equally_likely)
{
    enum { ROUNDS = 24000 };
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    uint32_t counts[256] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t order[4] = {0, 1, 2, 3};
        espalier_random_shuffle(&random, order, 4);
        unsigned seen = 0;
        for (int i = 0; i < 4; i++)
            seen |= 1u << order[i];
        ck_assert_uint_eq(seen, 15);
        counts[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
    }
    unsigned orders = 0;
    for (int i = 0; i < 256; i++) {
        if (counts[i] == 0)
            continue;
        orders++;
        ck_assert_double_eq_tol(counts[i], ROUNDS / 24.0, 200); /* six standard deviations */
    }
    ck_assert_uint_eq(orders, 24);
    espalier_random_shuffle(&random, NULL, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        bits_follow_the_published_sequence,
        seed_fills_the_state_by_splitmix64,
        same_seed_gives_same_sequence_and_another_seed_another,
        below_is_uniform_within_its_bound,
        below_has_no_bias_at_large_bounds,
        uniform_and_normal_have_their_moments,
        shuffle_is_a_permutation_with_every_order_equally_likely,
    };
    return test_run("random", tests, sizeof tests / sizeof *tests);
}
