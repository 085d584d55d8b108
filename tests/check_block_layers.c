/* layer_settings against the descriptor as rtl/frame/protocol.vh describes it: every field where it belongs, and a
 * descriptor that this build cannot run refused, whichever word is at fault. */
#include "blocks/block.h"
#include "support/support.h"

#include <espalier/protocol.h>

enum { SETTINGS_LOAD = ESPALIER_LAYER_WORDS + 4 /* i_load to o_loaded, at the most */, MAX_LAYERS = 64 };

/* A field of the descriptor: the bits from `first` on of a word. */
struct field {
    unsigned word, first, bits;
};

enum {
    FORMAT,
    RELU,
    RAW,
    CODEBOOK,
    VALUE,
    GAP,
    COUNT,
    BIAS,
    BIAS_SHIFT,
    POOL,
    ROWS,
    COLUMNS,
    KERNEL_WIDTH,
    KERNEL_HEIGHT,
    OUT_WIDTH,
    OUT_HEIGHT,
    OUT_ROW,
    OUT_CHANNEL,
    KEPT,
    FIELDS
};

static const struct field fields[FIELDS] = {
    [FORMAT] = {ESPALIER_LAYER_FORMAT, 0, 2},       [RELU] = {ESPALIER_LAYER_FORMAT, 4, 1},
    [RAW] = {ESPALIER_LAYER_FORMAT, 5, 1},          [CODEBOOK] = {ESPALIER_LAYER_FORMAT, 7, 1},
    [VALUE] = {ESPALIER_LAYER_FORMAT, 8, 4},        [GAP] = {ESPALIER_LAYER_WIDTHS, 0, 4},
    [COUNT] = {ESPALIER_LAYER_WIDTHS, 4, 4},        [BIAS] = {ESPALIER_LAYER_WIDTHS, 8, 5},
    [BIAS_SHIFT] = {ESPALIER_LAYER_POOL, 0, 5},     [POOL] = {ESPALIER_LAYER_POOL, 8, 3},
    [ROWS] = {ESPALIER_LAYER_ROWS, 0, 16},          [COLUMNS] = {ESPALIER_LAYER_COLUMNS, 0, 16},
    [KERNEL_WIDTH] = {ESPALIER_LAYER_KERNEL, 0, 8}, [KERNEL_HEIGHT] = {ESPALIER_LAYER_KERNEL, 8, 8},
    [OUT_WIDTH] = {ESPALIER_LAYER_OUT_SIZE, 0, 8},  [OUT_HEIGHT] = {ESPALIER_LAYER_OUT_SIZE, 8, 8},
    [OUT_ROW] = {ESPALIER_LAYER_OUT_ROW, 0, 16},    [OUT_CHANNEL] = {ESPALIER_LAYER_OUT_CHANNEL, 0, 16},
    [KEPT] = {ESPALIER_LAYER_KEPT, 0, 16},
};

static const struct output {
    const char *port;
    unsigned field;
} outputs[] = {
    {"o_format", FORMAT},           {"o_relu", RELU},       {"o_raw", RAW},          {"o_has_codebook", CODEBOOK},
    {"o_value_bits", VALUE},        {"o_gap_bits", GAP},    {"o_count_bits", COUNT}, {"o_bias_bits", BIAS},
    {"o_bias_shift", BIAS_SHIFT},   {"o_columns", COLUMNS}, {"o_kept", KEPT},        {"o_out_row", OUT_ROW},
    {"o_out_channel", OUT_CHANNEL},
};

static uint32_t get(const uint16_t *words, unsigned field)
{
    return words[fields[field].word] >> fields[field].first & ((1u << fields[field].bits) - 1);
}

static void set(uint16_t *words, unsigned field, uint32_t value)
{
    const uint32_t mask = ((1u << fields[field].bits) - 1) << fields[field].first;
    words[fields[field].word] = (uint16_t)((words[fields[field].word] & ~mask) | (value << fields[field].first & mask));
}

static bool between(uint32_t low, uint32_t value, uint32_t high)
{
    return low <= value && value <= high;
}

/* K' columns kept of K: one that is too large for K may pass here and is found when the keep flags have been read. */
static bool found_later(const uint16_t *words)
{
    return get(words, KEPT) > get(words, COLUMNS);
}

static bool can_run(const struct block *block, const uint16_t *words)
{
    const uint32_t format = get(words, FORMAT);
    const bool gap = format == ESPALIER_FORMAT_GAP;
    return format <= ESPALIER_FORMAT_GAP && block_parameter(block, "FORMATS") >> format & 1 &&
           between(1, get(words, VALUE), get(words, CODEBOOK) ? 4 : 8) && get(words, BIAS) <= 16 &&
           (!gap || (between(1, get(words, GAP), 12) && get(words, COUNT) > 0)) && get(words, BIAS_SHIFT) < 16 &&
           between(1, get(words, POOL), get(words, RAW) ? 1 : 4) && get(words, ROWS) > 0 &&
           between(1, get(words, COLUMNS), block_parameter(block, "TABLE_DEPTH")) && get(words, KERNEL_WIDTH) > 0 &&
           get(words, KERNEL_HEIGHT) > 0 && get(words, OUT_WIDTH) > 0 && get(words, OUT_HEIGHT) > 0 &&
           (gap || get(words, KEPT) <= block_parameter(block, "LIST_DEPTH"));
}

/* One that this build can run or, in one field, nearly. */
static void draw_descriptor(struct block *block, uint16_t words[ESPALIER_LAYER_WORDS])
{
    static const uint32_t most[FIELDS] = {
        [FORMAT] = 3, [VALUE] = 8, [GAP] = 12, [BIAS] = 16, [BIAS_SHIFT] = 15, [POOL] = 4};
    const uint32_t depth = block_parameter(block, "TABLE_DEPTH"), list = block_parameter(block, "LIST_DEPTH");
    for (unsigned n = 0; n < ESPALIER_LAYER_WORDS; n++)
        words[n] = (uint16_t)block_below(block, 0x10000);
    for (unsigned n = 0; n < FIELDS; n++)
        if (most[n] > 0)
            set(words, n, block_below(block, most[n]) + (n != FORMAT));
    set(words, COLUMNS, block_chance(block, 0.2) ? depth : 1 + block_below(block, depth));
    set(words, KEPT, block_chance(block, 0.2) ? list : block_below(block, get(words, COLUMNS) + 1));
    if (get(words, RAW))
        set(words, POOL, 1);
    if (get(words, CODEBOOK))
        set(words, VALUE, 1 + block_below(block, 4));
    if (block_chance(block, 0.6))
        return;
    const unsigned field = block_below(block, FIELDS);
    const uint32_t edges[] = {0, most[field] + 1, depth + 1, list + 1, depth * 2, block_below(block, 0x10000)};
    set(words, field, edges[block_below(block, 6)]);
}

static void check_load(struct block *block, unsigned layer, const uint16_t words[ESPALIER_LAYER_WORDS])
{
    unsigned shown = 0, cycles = 0;
    block_set(block, "i_layer", layer);
    block_set(block, "i_load", 1);
    block_clock(block);
    block_set(block, "i_load", 0);
    for (; cycles < SETTINGS_LOAD && !block_get(block, "o_loaded"); cycles++) {
        if (block_get(block, "o_word")) {
            block_expect(block, "o_word_number", shown);
            block_expect(block, "o_word_data", words[shown % ESPALIER_LAYER_WORDS]);
            shown++;
        }
        block_clock(block);
    }
    block_expect(block, "o_loaded", 1);
    block_expect(block, "o_word", 0);
    ck_assert_uint_eq(shown, ESPALIER_LAYER_WORDS);
    if (!found_later(words))
        block_expect(block, "o_legal", can_run(block, words));
    /* registers no wider than an address, or than a column count that can run */
    const uint32_t address = (1u << block_parameter(block, "ADDR_BITS")) - 1,
                   count = 2 * block_parameter(block, "TABLE_DEPTH") - 1;
    for (size_t n = 0; n < sizeof outputs / sizeof *outputs; n++) {
        const unsigned field = outputs[n].field;
        const bool is_address = field == OUT_ROW || field == OUT_CHANNEL, is_count = field == COLUMNS || field == KEPT;
        const uint32_t mask = is_address ? address : is_count ? count : UINT32_MAX;
        block_expect(block, outputs[n].port, get(words, field) & mask);
    }
    block_clock(block);
    block_expect(block, "o_loaded", 0);
}

START_TEST(layer_settings_show_every_word_and_refuse_what_this_build_cannot_run)
{
    struct block block = {0};
    while (block_next(&block, "layer_settings")) {
        const unsigned layers = block_parameter(&block, "LAYERS");
        static uint16_t words[MAX_LAYERS][ESPALIER_LAYER_WORDS];
        uint32_t legal = 0, loads = test_scale(3000);
        ck_assert_uint_le(layers, MAX_LAYERS);
        for (uint32_t n = 0; n < loads + layers; n++) {
            const unsigned at = n < layers ? n : block_below(&block, layers);
            if (n < layers || block_chance(&block, 0.8)) {
                draw_descriptor(&block, words[at]);
                for (unsigned word = 0; word < ESPALIER_LAYER_WORDS; word++) {
                    block_set(&block, "i_write", 1);
                    block_set(&block, "i_write_addr", at * 32 + word);
                    block_set(&block, "i_write_data", words[at][word]);
                    block_clock(&block);
                }
                block_set(&block, "i_write", 0);
            }
            const unsigned other = n < layers ? at : block_below(&block, layers);
            check_load(&block, other, words[other]);
            legal += can_run(&block, words[other]);
        }
        ck_assert(legal > loads / 20 && legal < loads);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {layer_settings_show_every_word_and_refuse_what_this_build_cannot_run};
    return test_run("block_layers", tests, sizeof tests / sizeof tests[0]);
}
