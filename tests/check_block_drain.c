/* The drain of rtl/array against rules A3 and A5 to A8 and plain loops over windows, positions and rows. The lanes'
 * chain and the activation memory are played by the test. */
#include "blocks/arithmetic.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

/* Latencies, as the header of drain.v gives them. */
enum {
    DRAIN_CHAIN = 3, /* i_start to the cycle in which the lanes' chain holds the position's sums */
    DRAIN_BLOCK = 2, /* o_block to o_write */
    DRAIN_PACE = 8,  /* cycles between two positions, at the least */
};

enum { MAX_SLOTS = 16, MAX_LANES = 16 };

/* A layer for the drain alone: the lanes' sums come from here, and the words go to a memory here. */
struct drained {
    struct scale scale;
    unsigned rows, width, height, pool, bias_shift;
    uint32_t base, row_pitch, channel_pitch;
};

struct drain_test {
    struct block *block;
    unsigned lanes, slots, drain, addr_bits, group; /* group: of the run, the drain's biases are modulo 4 */
    int16_t biases[4][MAX_LANES];
    unsigned groups_with_biases;
    uint64_t chain[MAX_LANES * MAX_SLOTS], sums[MAX_LANES * MAX_SLOTS];
    unsigned until_loaded; /* cycles until the sums are in the chain; 0 if they are */
    bool block_at[DRAIN_BLOCK];
    uint8_t (*memory)[MAX_SLOTS], (*expected)[MAX_SLOTS];
    uint32_t words, done;
};

/* A cycle: the chain goes round, words are written. */
static void drain_cycle(struct drain_test *test)
{
    struct block *block = test->block;
    const unsigned values = test->lanes * test->slots;
    for (unsigned d = 0; d < test->drain; d++)
        block_set_bits(block, "i_chain", ACC_BITS * d, ACC_BITS, test->chain[d]);
    if (block_get(block, "o_write")) {
        uint64_t address = block_get(block, "o_write_addr");
        for (unsigned s = 0; s < test->slots; s++)
            test->memory[address][s] = (uint8_t)block_get_bits(block, "o_write_data", 8 * s, 8);
        test->words++;
    }
    block_expect(block, "o_write", test->block_at[block->cycles % DRAIN_BLOCK]);
    test->block_at[block->cycles % DRAIN_BLOCK] = block_get(block, "o_block");
    test->done += (uint32_t)block_get(block, "o_layer_done");
    if (test->until_loaded > 0 && --test->until_loaded == 0)
        memcpy(test->chain, test->sums, sizeof test->chain);
    else if (block_get(block, "o_shift")) {
        uint64_t first[MAX_SLOTS];
        memcpy(first, test->chain, test->drain * sizeof *first);
        memmove(test->chain, test->chain + test->drain, (values - test->drain) * sizeof *first);
        memcpy(test->chain + values - test->drain, first, test->drain * sizeof *first);
    }
    block_clock(block);
}

/* The decoder's part: the biases of the next group that has none. */
static void write_biases(struct drain_test *test)
{
    unsigned group = test->groups_with_biases++ % 4;
    block_set(test->block, "i_bias_write", 1);
    block_set(test->block, "i_bias_group", group);
    for (unsigned lane = 0; lane < test->lanes; lane++) {
        block_set(test->block, "i_bias_lane", lane);
        test->biases[group][lane] = (int16_t)signed_of(block_draw(test->block, "i_bias"), 16);
        drain_cycle(test);
    }
    block_set(test->block, "i_bias_write", 0);
}

/* Draws a position's sums and puts what its layer expects of them into the expected memory. */
static void draw_position(struct drain_test *test, const struct drained *layer, unsigned first_row, unsigned oy,
                          unsigned ox, bool first)
{
    const uint32_t mask = (1u << test->addr_bits) - 1;
    for (unsigned n = 0; n < test->lanes * test->slots; n++) {
        const unsigned lane = n / test->slots, slot = n % test->slots, row = first_row + lane;
        const int64_t total = draw_acc(test->block);
        const int64_t bias = test->biases[test->group % 4][lane] * (INT64_C(1) << layer->bias_shift);
        const uint32_t at = layer->base + row * layer->channel_pitch + oy * layer->row_pitch;
        test->sums[n] = (uint64_t)(total - bias) & 0xffffff; /* the lanes' part is any number: the sum has 24 bits */
        if (row >= layer->rows)
            continue;
        struct scale scale = layer->scale;
        for (unsigned byte = 0; byte < (scale.raw ? 3 : 1); byte++) {
            if (scale.raw)
                scale.shift = 8 * byte;
            uint8_t *to = &test->expected[(at + (scale.raw ? 3 * ox + byte : ox)) & mask][slot];
            uint8_t value = requantized(total, scale);
            if (first || signed_of(value, 8) > signed_of(*to, 8))
                *to = value;
        }
    }
}

static void start_position(struct drain_test *test, const struct drained *layer, unsigned first_row,
                           const bool flags[5])
{
    static const char *const names[] = {"i_first", "i_window_last", "i_row_last", "i_last", "i_layer_last"};
    struct block *block = test->block;
    const unsigned rows = layer->rows - first_row;
    for (size_t n = 0; n < 5; n++)
        block_set(block, names[n], flags[n]);
    block_set(block, "i_rows", rows < test->lanes ? (1u << rows) - 1 : UINT32_MAX);
    test->until_loaded = DRAIN_CHAIN;
    block_set(block, "i_start", 1);
    drain_cycle(test);
    block_set(block, "i_start", 0);
    for (size_t n = 0; n < 5; n++)
        block_draw(block, names[n]);
    block_draw(block, "i_rows");
    unsigned pace = test->lanes * test->slots / test->drain;
    pace = (pace > DRAIN_PACE ? pace : DRAIN_PACE) * (layer->scale.raw ? 3 : 1);
    if (block_chance(block, 0.3))
        pace += block_below(block, 20);
    while (--pace > 0)
        drain_cycle(test);
}

static void drain_layer(struct drain_test *test, const struct drained *layer)
{
    const unsigned pool = layer->pool;
    for (unsigned row = 0; row < layer->rows; row += test->lanes, test->group++) {
        while (test->groups_with_biases <= test->group ||
               (test->groups_with_biases < test->group + 2 && block_chance(test->block, 0.5)))
            write_biases(test);
        for (unsigned n = 0; n < layer->width * layer->height * pool * pool; n++) {
            const unsigned at = n % (pool * pool), ox = n / (pool * pool) % layer->width;
            const unsigned oy = n / (pool * pool) / layer->width;
            const bool window_last = at == pool * pool - 1, row_last = ox == layer->width - 1;
            const bool last = window_last && row_last && oy == layer->height - 1;
            draw_position(test, layer, row, oy, ox, at == 0);
            start_position(
                test, layer, row,
                (const bool[]){at == 0, window_last, row_last, last, last && row + test->lanes >= layer->rows});
        }
    }
}

static struct drained draw_layer(struct drain_test *test)
{
    struct block *block = test->block;
    struct drained layer = {{block_below(block, 256), 0, block_chance(block, 0.5), block_chance(block, 0.25)},
                            1 + block_below(block, 3 * test->lanes),
                            1 + block_below(block, 5),
                            1 + block_below(block, 4),
                            1,
                            block_below(block, 9),
                            block_below(block, 1u << test->addr_bits),
                            0,
                            0};
    layer.scale.shift = block_chance(block, 0.2) ? block_below(block, 32) : 8 + block_below(block, 10);
    if (!layer.scale.raw)
        layer.pool += block_below(block, 4);
    layer.row_pitch = layer.width * (layer.scale.raw ? 3 : 1) + block_below(block, 3);
    layer.channel_pitch = layer.row_pitch * layer.height + block_below(block, 3);
    return layer;
}

START_TEST(drain_writes_every_pooled_row_once_where_it_belongs)
{
    enum { TAIL = 20 }; /* cycles in which nothing may happen any more */
    struct block block = {0};
    while (block_next(&block, "drain")) {
        struct drain_test test = {.block = &block,
                                  .lanes = block_parameter(&block, "LANES"),
                                  .slots = block_parameter(&block, "POSITIONS"),
                                  .drain = block_parameter(&block, "DRAIN"),
                                  .addr_bits = block_parameter(&block, "ADDR_BITS")};
        const size_t size = (size_t)1 << test.addr_bits;
        test.memory = calloc(size, MAX_SLOTS);
        test.expected = calloc(size, MAX_SLOTS);
        ck_assert(test.memory && test.expected);
        for (uint32_t n = 0; n < test_scale(60); n++) {
            struct drained layer = draw_layer(&test);
            block_set(&block, "i_mult", layer.scale.mult);
            block_set(&block, "i_shift", layer.scale.shift);
            block_set(&block, "i_relu", layer.scale.relu);
            block_set(&block, "i_raw", layer.scale.raw);
            block_set(&block, "i_bias_shift", layer.bias_shift);
            block_set(&block, "i_out_row", layer.row_pitch);
            block_set(&block, "i_out_channel", layer.channel_pitch);
            block_set(&block, "i_out_base", layer.base);
            block_set(&block, "i_out_load", 1);
            drain_cycle(&test);
            block_set(&block, "i_out_load", 0);
            block_draw(&block, "i_out_base");
            test.words = test.done = 0;
            drain_layer(&test, &layer);
            for (int cycle = 0; cycle < 100 && test.done == 0; cycle++)
                drain_cycle(&test);
            ck_assert_uint_eq(test.words, layer.rows * layer.width * layer.height * (layer.scale.raw ? 3 : 1));
            ck_assert_mem_eq(test.memory, test.expected, size * MAX_SLOTS);
            for (int cycle = 0; cycle < TAIL; cycle++)
                drain_cycle(&test);
            ck_assert_uint_eq(test.done, 1);
            ck_assert_uint_eq(test.words, layer.rows * layer.width * layer.height * (layer.scale.raw ? 3 : 1));
        }
        free(test.memory);
        free(test.expected);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {drain_writes_every_pooled_row_once_where_it_belongs};
    return test_run("block_drain", tests, sizeof tests / sizeof tests[0]);
}
