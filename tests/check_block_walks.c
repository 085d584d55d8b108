/* Where a layer's activations are: layer_walker and column_table against nested loops. */
#include "blocks/block.h"
#include "support/support.h"

#include <espalier/protocol.h>
#include <stdlib.h>

/* Latencies, as the blocks' headers give them. */
enum {
    WALKER_ADDR = 1,  /* a position's flags to its address */
    TABLE_OFFSET = 1, /* a column to its offset */
    TABLE_KEPT = 2,   /* a column to o_kept */
    TABLE_LOOKUP = 1, /* i_lookup to o_offset */
};

/* ---- layer_walker ---- */

struct place {
    uint32_t addr;
    bool window_first, window_last, row_last, last;
};

struct walk {
    uint16_t words[ESPALIER_LAYER_WORDS];
    struct place *places;
    size_t count;
    bool positions;
};

static void draw_descriptor(struct block *block, struct walk *walk)
{
    uint16_t *words = walk->words;
    for (size_t n = 0; n < ESPALIER_LAYER_WORDS; n++)
        words[n] = (uint16_t)block_below(block, 0x10000);
    const uint32_t pool = 1 + block_below(block, 4);
    words[ESPALIER_LAYER_POOL] = (uint16_t)((words[ESPALIER_LAYER_POOL] & 0xf8ffu) | pool << 8);
    const uint32_t most = block_chance(block, 0.02) ? 255 : 5;
    words[ESPALIER_LAYER_KERNEL] = (uint16_t)((1 + block_below(block, most)) << 8 | (1 + block_below(block, 5)));
    words[ESPALIER_LAYER_OUT_SIZE] = (uint16_t)((1 + block_below(block, 5)) << 8 | (1 + block_below(block, most)));
}

/* (c, ky, kx), for a few channels. */
static void list_columns(struct walk *walk)
{
    const uint16_t *words = walk->words;
    const uint32_t width = words[ESPALIER_LAYER_KERNEL] & 0xff, height = words[ESPALIER_LAYER_KERNEL] >> 8;
    enum { CHANNELS = 7 };
    walk->places = calloc((size_t)CHANNELS * width * height, sizeof *walk->places);
    ck_assert(walk->places);
    for (uint32_t c = 0; c < CHANNELS; c++)
        for (uint32_t ky = 0; ky < height; ky++)
            for (uint32_t kx = 0; kx < width; kx++)
                walk->places[walk->count++].addr =
                    c * words[ESPALIER_LAYER_IN_CHANNEL] + ky * words[ESPALIER_LAYER_IN_ROW] + kx;
}

/* (oy, ox, py, px). */
static void list_positions(struct walk *walk)
{
    const uint16_t *words = walk->words;
    const uint32_t width = words[ESPALIER_LAYER_OUT_SIZE] & 0xff, height = words[ESPALIER_LAYER_OUT_SIZE] >> 8;
    const uint32_t pool = words[ESPALIER_LAYER_POOL] >> 8 & 7;
    walk->places = calloc((size_t)width * height * pool * pool, sizeof *walk->places);
    ck_assert(walk->places);
    for (uint32_t oy = 0; oy < height; oy++)
        for (uint32_t ox = 0; ox < width; ox++)
            for (uint32_t py = 0; py < pool; py++)
                for (uint32_t px = 0; px < pool; px++) {
                    const bool window_last = py == pool - 1 && px == pool - 1, row_last = ox == width - 1;
                    walk->places[walk->count++] =
                        (struct place){.addr = words[ESPALIER_LAYER_IN_BASE] + oy * words[ESPALIER_LAYER_POOL_STEP_Y] +
                                               ox * words[ESPALIER_LAYER_POOL_STEP_X] +
                                               py * words[ESPALIER_LAYER_STEP_Y] + px * words[ESPALIER_LAYER_STEP_X],
                                       .window_first = py == 0 && px == 0,
                                       .window_last = window_last,
                                       .row_last = row_last,
                                       .last = window_last && row_last && oy == height - 1};
                }
}

/* The columns once, or the positions a few times round, with pauses. */
static void check_walk(struct block *block, struct walk *walk)
{
    const uint32_t mask = (1u << block_parameter(block, "ADDR_BITS")) - 1;
    const double speed = block_chance(block, 0.5) ? 1 : 0.3;
    block_set(block, "i_positions", walk->positions);
    for (unsigned n = 0; n < ESPALIER_LAYER_WORDS; n++) {
        block_set(block, "i_word", 1);
        block_set(block, "i_word_number", n);
        block_set(block, "i_word_data", walk->words[n]);
        block_clock(block);
        block_set(block, "i_word", 0);
        block_draw(block, "i_word_data");
        if (block_chance(block, 0.1))
            block_clock(block);
    }
    block_set(block, "i_start", 1);
    block_clock(block);
    block_set(block, "i_start", 0);
    const size_t end = walk->positions ? walk->count * 2 + block_below(block, 5) : walk->count;
    for (size_t n = 0, shown = 0, cycle = 0; n < end; cycle++) {
        const struct place *place = &walk->places[n % walk->count];
        if (walk->positions) {
            block_expect(block, "o_window_first", place->window_first);
            block_expect(block, "o_window_last", place->window_last);
            block_expect(block, "o_row_last", place->row_last);
            block_expect(block, "o_last", place->last);
        }
        if (cycle >= WALKER_ADDR)
            block_expect(block, "o_addr", walk->places[shown % walk->count].addr & mask);
        shown = n;
        const bool advance = block_chance(block, speed);
        block_set(block, "i_advance", advance);
        n += advance;
        block_clock(block);
    }
    block_set(block, "i_advance", 0);
    free(walk->places);
    walk->places = NULL;
    walk->count = 0;
}

START_TEST(layer_walker_goes_through_columns_and_pooled_positions_like_nested_loops)
{
    struct block block = {0};
    while (block_next(&block, "layer_walker"))
        for (uint32_t layer = 0; layer < test_scale(150); layer++) {
            struct walk walk = {.positions = false};
            draw_descriptor(&block, &walk);
            list_columns(&walk);
            check_walk(&block, &walk);
            walk.positions = true;
            list_positions(&walk);
            check_walk(&block, &walk);
        }
}
END_TEST

/* ---- column_table ---- */

START_TEST(column_table_holds_the_offsets_of_the_kept_columns_in_order)
{
    struct block block = {0};
    while (block_next(&block, "column_table")) {
        const uint32_t depth = block_parameter(&block, "DEPTH");
        for (uint32_t layer = 0; layer < test_scale(200); layer++) {
            const uint32_t columns = block_chance(&block, 0.2) ? depth : 1 + block_below(&block, depth);
            const double keep = block_chance(&block, 0.3) ? 1 : espalier_random_uniform(&block.random);
            uint64_t offsets[256];
            uint32_t kept = 0;
            ck_assert_uint_le(depth, 256);
            block_set(&block, "i_start", 1);
            block_clock(&block);
            block_set(&block, "i_start", 0);
            uint32_t entered = 0; /* bit n: a column was, n + 1 cycles before */
            for (uint32_t left = columns; left > 0 || (entered & ((1u << TABLE_OFFSET) - 1)) != 0;) {
                const bool column = left > 0 && block_chance(&block, 0.8), keeps = block_chance(&block, keep);
                block_set(&block, "i_column", column);
                block_set(&block, "i_keep", keeps);
                const uint64_t offset = block_draw(&block, "i_offset");
                if (entered >> (TABLE_OFFSET - 1) & 1)
                    offsets[kept++] = offset;
                entered = entered << 1 | (column && keeps);
                left -= column;
                block_clock(&block);
            }
            for (int n = 1; n < TABLE_KEPT; n++)
                block_clock(&block);
            block_expect(&block, "o_kept", kept);
            for (uint32_t n = 0; n < 2 * kept; n++) {
                const uint32_t at = n < kept ? n : block_below(&block, kept);
                block_set(&block, "i_lookup", at);
                for (int late = 0; late < TABLE_LOOKUP; late++)
                    block_clock(&block);
                block_expect(&block, "o_offset", offsets[at]);
            }
        }
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        layer_walker_goes_through_columns_and_pooled_positions_like_nested_loops,
        column_table_holds_the_offsets_of_the_kept_columns_in_order,
    };
    return test_run("block_walks", tests, sizeof tests / sizeof tests[0]);
}
