/* The arithmetic of rtl/array, block by block, against rules A2 to A8 of rtl/array/ARITHMETIC.md written in plain C. */
#include "blocks/arithmetic.h"
#include "blocks/block.h"
#include "support/support.h"

#include <string.h>

/* Latencies, as the blocks' headers give them. */
enum {
    REQUANTIZER = 5,       /* i_value to o_byte */
    REQUANTIZER_SHIFT = 3, /* i_value to its i_shift */
    REQUANTIZER_LAYER = 2, /* a layer's settings before its first value */
    CODEBOOK = 1,          /* i_code to o_weight */
    CODEBOOK_LAYER = 1,    /* a layer's settings before its first code */
    MUL8_PAIR = 2,         /* operands to products */
};

enum { MAX_SLOTS = 16, ACC_MAX = (1 << (ACC_BITS - 1)) - 1, ACC_MIN = -ACC_MAX - 1 };

/* ---- requantizer ---- */

/* Passes values, one a cycle, every one with a shift of its own, and compares what comes out. */
static void check_requantizer(struct block *block, struct scale scale, const int64_t *values, const uint8_t *shifts,
                              size_t count)
{
    block_set(block, "i_mult", scale.mult);
    block_set(block, "i_relu", scale.relu);
    block_set(block, "i_raw", scale.raw);
    for (int n = 0; n < REQUANTIZER_LAYER; n++)
        block_clock(block);
    for (size_t n = 0; n < count + REQUANTIZER - 1; n++) {
        block_set(block, "i_value", n < count ? (uint64_t)values[n] : espalier_random_bits(&block->random));
        if (n >= REQUANTIZER_SHIFT)
            block_set(block, "i_shift", n - REQUANTIZER_SHIFT < count ? shifts[n - REQUANTIZER_SHIFT] : 0);
        block_clock(block);
        if (n + 1 < REQUANTIZER)
            continue;
        size_t at = n + 1 - REQUANTIZER;
        scale.shift = shifts[at];
        uint64_t got = block_get(block, "o_byte");
        if (got != requantized(values[at], scale))
            ck_abort_msg("acc %lld mult %u shift %u relu %d raw %d: %u, not %u", (long long)values[at], scale.mult,
                         scale.shift, scale.relu, scale.raw, (unsigned)got, requantized(values[at], scale));
    }
}

static int64_t clip_acc(int64_t value)
{
    return value > ACC_MAX ? ACC_MAX : value < ACC_MIN ? ACC_MIN : value;
}

/* Sums around those at which the result changes from one edge value to the next. */
START_TEST(requantizer_follows_a5_and_a6_at_every_mult_shift_and_edge)
{
    static const int edges[] = {-129, -128, -2, -1, 0, 1, 126, 127, 128, 255};
    struct block block = {0};
    while (block_next(&block, "requantizer")) {
        unsigned first = block_below(&block, 256);
        for (unsigned m = 0; m < test_scale(256); m++) {
            int64_t values[32 * 40];
            uint8_t shifts[32 * 40];
            size_t count = 0;
            unsigned mult = (first + m) % 256;
            for (unsigned shift = 0; shift < 32; shift++) {
                static const int64_t corners[] = {ACC_MIN, ACC_MIN + 1, -1, 0, 1, ACC_MAX - 1, ACC_MAX};
                for (size_t n = 0; n < sizeof corners / sizeof *corners; n++, count++)
                    values[count] = corners[n], shifts[count] = (uint8_t)shift;
                for (size_t n = 0; n < sizeof edges / sizeof *edges; n++)
                    for (int near = -1; near <= 1; near++, count++) {
                        int64_t twice = (2 * edges[n] - 1) * (INT64_C(1) << shift);
                        values[count] = clip_acc(twice / (2 * (mult ? mult : 1)) + near);
                        shifts[count] = (uint8_t)shift;
                    }
            }
            for (int relu = 0; relu < 2; relu++)
                check_requantizer(&block, (struct scale){.mult = mult, .relu = relu}, values, shifts, count);
        }
    }
}
END_TEST

START_TEST(requantizer_follows_a5_a6_and_a8_on_random_sums)
{
    struct block block = {0};
    while (block_next(&block, "requantizer"))
        for (uint32_t n = 0; n < test_scale(3000); n++) {
            int64_t values[50];
            uint8_t shifts[50];
            struct scale scale = {block_below(&block, 256), 0, block_chance(&block, 0.5), block_chance(&block, 0.3)};
            for (size_t i = 0; i < 50; i++) {
                values[i] = draw_acc(&block);
                shifts[i] = (uint8_t)(scale.raw ? 8 * block_below(&block, 3) : block_below(&block, 32));
            }
            check_requantizer(&block, scale, values, shifts, 50);
        }
}
END_TEST

/* ---- codebook ---- */

START_TEST(codebook_turns_every_code_into_its_weight)
{
    struct block block = {0};
    while (block_next(&block, "codebook"))
        for (uint32_t layer = 0; layer < test_scale(300); layer++) {
            bool has_codebook = block_chance(&block, 0.5);
            unsigned bits = 1 + block_below(&block, has_codebook ? 4 : 8);
            uint8_t entries[16], expected[CODEBOOK] = {0};
            block_set(&block, "i_has_codebook", has_codebook);
            block_set(&block, "i_value_bits", bits);
            for (unsigned n = 0; n < CODEBOOK_LAYER || (has_codebook && n < 1u << bits); n++) {
                block_set(&block, "i_write", has_codebook && n < 1u << bits);
                block_set(&block, "i_write_index", n);
                entries[n % 16] = (uint8_t)block_draw(&block, "i_write_weight");
                block_clock(&block);
            }
            block_set(&block, "i_write", 0);
            for (unsigned n = 0; n < 600; n++) {
                uint64_t drawn = block_draw(&block, "i_code"), code = drawn & ((1u << bits) - 1);
                expected[n % CODEBOOK] = has_codebook ? entries[code] : (uint8_t)signed_of(code, bits);
                block_clock(&block);
                if (n + 1 >= CODEBOOK)
                    block_expect(&block, "o_weight", expected[(n + 1 - CODEBOOK) % CODEBOOK]);
            }
        }
}
END_TEST

/* ---- mul8_pair ---- */

START_TEST(mul8_pair_multiplies_all_bytes_in_both_halves)
{
    enum { PAIRS = 65536 };
    struct block block = {0};
    while (block_next(&block, "mul8_pair")) {
        uint32_t other = block_below(&block, PAIRS);
        for (uint32_t n = 0; n < PAIRS + MUL8_PAIR - 1; n++) {
            block_set(&block, "i_a_0", n);
            block_set(&block, "i_b_0", n >> 8);
            block_set(&block, "i_a_1", n * 7 + other);
            block_set(&block, "i_b_1", (n * 7 + other) >> 8);
            block_clock(&block);
            if (n + 1 < MUL8_PAIR)
                continue;
            uint32_t first = n + 1 - MUL8_PAIR, second = first * 7 + other;
            block_expect(&block, "o_product_0", (uint16_t)(signed_of(first, 8) * signed_of(first >> 8, 8)));
            block_expect(&block, "o_product_1", (uint16_t)(signed_of(second, 8) * signed_of(second >> 8, 8)));
        }
    }
}
END_TEST

/* ---- lane ---- */

/* Often the corner whose products are largest, so that sums go round. */
static int64_t draw_byte(struct block *block, const char *port, unsigned byte, double extreme)
{
    uint64_t value = block_chance(block, extreme) ? 0x80 : espalier_random_bits(&block->random);
    block_set_bits(block, port, 8 * byte, 8, value);
    return signed_of(value, 8);
}

START_TEST(lane_sums_products_modulo_2_to_the_24_and_shifts_them_out)
{
    struct block block = {0};
    while (block_next(&block, "lane")) {
        const unsigned slots = block_parameter(&block, "POSITIONS"), drain = block_parameter(&block, "DRAIN");
        const char *const controls[] = {"i_clear", "i_add", "i_close", "i_shift"};
        int64_t sums[MAX_SLOTS] = {0}, products[MUL8_PAIR + 1][MAX_SLOTS] = {{0}};
        uint64_t chain[2 * MAX_SLOTS] = {0};
        double closing = 0.1, extreme = 0.1;
        for (uint32_t n = 0; n < test_scale(100000); n++) {
            if (block_chance(&block, 0.001)) {
                closing = block_chance(&block, 0.5) ? 0.1 : 0.001;
                extreme = block_chance(&block, 0.5) ? 0.01 : 0.9;
            }
            /* first: empty sums, then a close of them, so that nothing is left of power-up */
            const bool clear = n < MUL8_PAIR || block_chance(&block, 0.0002);
            const bool close = !clear && (n == MUL8_PAIR || block_chance(&block, closing));
            const bool control[] = {clear, !close && block_chance(&block, 0.9), close,
                                    !close && block_chance(&block, 0.5)};
            for (size_t i = 0; i < 4; i++)
                block_set(&block, controls[i], control[i]);
            int64_t weight = draw_byte(&block, "i_weight", 0, extreme);
            for (unsigned s = 0; s < slots; s++)
                products[n % (MUL8_PAIR + 1)][s] = weight * draw_byte(&block, "i_word", s, extreme);
            for (unsigned d = 0; d < drain; d++) {
                chain[slots + d] = espalier_random_bits(&block.random) & 0xffffff;
                block_set_bits(&block, "i_chain", ACC_BITS * d, ACC_BITS, chain[slots + d]);
            }
            block_clock(&block);
            if (close)
                for (unsigned s = 0; s < slots; s++)
                    chain[s] = (uint64_t)sums[s] & 0xffffff;
            else if (control[3])
                memmove(chain, chain + drain, slots * sizeof *chain);
            for (unsigned s = 0; s < slots; s++)
                sums[s] = clear || close ? 0 : sums[s] + (control[1] ? products[(n + 1) % (MUL8_PAIR + 1)][s] : 0);
            for (unsigned d = 0; d < drain && n > MUL8_PAIR; d++)
                block_expect_bits(&block, "o_chain", ACC_BITS * d, ACC_BITS, chain[d]);
        }
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        requantizer_follows_a5_and_a6_at_every_mult_shift_and_edge,
        requantizer_follows_a5_a6_and_a8_on_random_sums,
        codebook_turns_every_code_into_its_weight,
        mul8_pair_multiplies_all_bytes_in_both_halves,
        lane_sums_products_modulo_2_to_the_24_and_shifts_them_out,
    };
    return test_run("block_array", tests, sizeof tests / sizeof tests[0]);
}
