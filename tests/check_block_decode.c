/* The decoder of the weight stream: bit_unpacker against a plain array of bits, stream_decoder (with the decoders of
 * all formats) against layers that are drawn and packed here, field by field as rtl/decode/STREAM.md says. */
#include "blocks/arithmetic.h"
#include "blocks/block.h"
#include "support/support.h"

#include <espalier/protocol.h>
#include <string.h>

/* Latencies, as the headers give them. */
enum {
    UNPACKER_ROOM = 2,     /* a word is left until the next one may enter */
    UNPACKER_AT_ONCE = 11, /* bits of a field that never waits while words arrive */
    TAKEN = 1,             /* a field is taken until the "taken" outputs show it */
    ENTERED = 2,           /* and until its entry comes, with the end of its row */
    EMPTY_ROW = 2,         /* o_bias_write to the end of a row without entries */
    COLUMN_COUNTED = 3,    /* a column is taken until i_columns_kept counts it */
    PROLOGUE = 3,          /* the last column is taken until o_prologue_done */
    BAD_COUNT = 2,         /* a field is taken until o_bad: a count, an entry, the last column */
    BAD_ENTRY = 3,
    BAD_KEEP_LIST = 4,
};

enum { FIELD_BITS = 20, WORD_BITS = 32, BACK_BITS = 8, MAX_BITS = 1 << 19 };

struct bits {
    uint8_t bit[MAX_BITS];
    uint32_t count;
};

static void put(struct bits *bits, uint32_t value, unsigned width)
{
    ck_assert(bits->count + width <= MAX_BITS);
    for (unsigned n = 0; n < width; n++)
        bits->bit[bits->count++] = value >> n & 1;
}

static uint32_t bits_at(const struct bits *bits, uint32_t at, unsigned width)
{
    uint32_t value = 0;
    for (unsigned n = 0; n < width; n++)
        value |= (uint32_t)bits->bit[at + n] << n;
    return value;
}

/* ---- bit_unpacker ---- */

struct unpacker_test {
    struct block *block;
    struct bits stream; /* whole words */
    uint32_t in, at;    /* the bits that have entered, and the next field's first */
    unsigned room;      /* cycles since a word was left */
    unsigned width;     /* of the next field */
    bool ask, taken;    /* this cycle asks for its width; in the last cycle, a field of taken_width was taken */
    unsigned taken_width;
    bool waited; /* a field wanted was not there */
};

struct unpacker_speed {
    unsigned widest;
    double words, takes, backs;
};

static void begin_stream(struct unpacker_test *test, uint32_t words)
{
    struct block *block = test->block;
    test->stream.count = test->in = test->at = test->room = 0;
    test->taken = false;
    test->ask = true;
    for (uint32_t n = 0; n < words; n++)
        put(&test->stream, (uint32_t)espalier_random_bits(&block->random), WORD_BITS);
    block_set(block, "i_word_valid", 0);
    block_draw(block, "i_back");
    block_set(block, "i_reset", 1);
    block_clock(block);
    block_set(block, "i_reset", 0);
}

static void offer_word(struct unpacker_test *test, bool word)
{
    struct block *block = test->block;
    const unsigned held = test->in / WORD_BITS - test->at / WORD_BITS;
    block_set(block, "i_word_valid", word);
    block_draw(block, "i_word_data");
    if (word)
        block_set(block, "i_word_data", bits_at(&test->stream, test->in, WORD_BITS));
    test->room++;
    if (held == 2 || test->room >= UNPACKER_ROOM)
        block_expect(block, "o_word_ready", held < 2);
}

/* The width given back, or -1. */
static int draw_back(struct unpacker_test *test, double backs)
{
    const unsigned most = test->taken_width < BACK_BITS ? test->taken_width : BACK_BITS;
    const bool too_wide = test->width > test->stream.count - test->at; /* for the whole stream: only this helps */
    const bool back = !test->ask && block_chance(test->block, test->taken ? backs : too_wide ? 0.3 : backs / 10);
    block_set(test->block, "i_back", back);
    block_draw(test->block, "i_back_width");
    if (!back)
        return -1;
    const uint32_t width = !test->taken                     ? 0
                           : block_chance(test->block, 0.3) ? most
                                                            : block_below(test->block, most + 1);
    block_set(test->block, "i_back_width", width);
    return (int)width;
}

static void unpacker_cycle(struct unpacker_test *test, struct unpacker_speed speed)
{
    struct block *block = test->block;
    const bool word = test->in < test->stream.count && block_chance(block, speed.words);
    const bool take = block_chance(block, speed.takes);
    const unsigned next = block_chance(block, 0.3) ? speed.widest : block_below(block, speed.widest + 1);
    const bool enough = test->in - test->at >= test->width;
    offer_word(test, word);
    const int back = draw_back(test, speed.backs);
    const bool offered = back < 0 && !test->ask;
    block_set(block, "i_next_width", next);
    block_set(block, "i_take", take && !test->ask);
    block_expect(block, "o_ask", test->ask);
    if (offered) {
        block_expect(block, "o_valid", enough);
        block_expect(block, "o_dry", !enough && !word);
        if (enough)
            block_expect_bits(block, "o_bits", 0, test->width, bits_at(&test->stream, test->at, test->width));
    }
    if (word && block_get(block, "o_word_ready"))
        test->in += WORD_BITS;
    block_clock(block);
    test->waited = offered && !enough;
    test->taken = offered && take && enough;
    test->taken_width = test->width;
    if (back >= 0)
        test->at -= (unsigned)back;
    if (test->taken) {
        if (test->at / WORD_BITS != (test->at + test->width) / WORD_BITS)
            test->room = 0;
        test->at += test->width;
    }
    if (test->taken || test->ask)
        test->width = next;
    test->ask = back >= 0;
}

START_TEST(bit_unpacker_offers_every_field_that_is_there_up_to_the_last_bit)
{
    struct block block = {0};
    static struct unpacker_test test;
    while (block_next(&block, "bit_unpacker")) {
        test.block = &block;
        for (uint32_t n = 0; n < test_scale(1000); n++) {
            const double words[] = {1, 0.5, 0.1};
            const struct unpacker_speed speed = {1 + block_below(&block, FIELD_BITS), words[block_below(&block, 3)],
                                                 block_chance(&block, 0.5) ? 1 : 0.5,
                                                 block_chance(&block, 0.3) ? 0 : 0.3};
            begin_stream(&test, block_below(&block, 20));
            const uint64_t until = block.cycles + 20000; /* far more than needed */
            while (test.at < test.stream.count && block.cycles < until)
                unpacker_cycle(&test, speed);
            ck_assert_uint_eq(test.at, test.stream.count);
            for (unsigned late = 0; late < 3; late++)
                unpacker_cycle(&test, speed);
        }
    }
}
END_TEST

START_TEST(bit_unpacker_never_lets_a_short_field_wait_while_words_arrive)
{
    struct block block = {0};
    static struct unpacker_test test;
    while (block_next(&block, "bit_unpacker")) {
        test.block = &block;
        for (uint32_t n = 0; n < test_scale(50); n++) {
            const struct unpacker_speed fill = {0, 1, 0, 0};
            const struct unpacker_speed speed = {n % 2 ? UNPACKER_AT_ONCE : 1 + block_below(&block, UNPACKER_AT_ONCE),
                                                 1, 1, n % 3 ? 0 : 0.2};
            begin_stream(&test, 200);
            while (test.in < 2 * WORD_BITS)
                unpacker_cycle(&test, fill);
            for (test.waited = false; test.in < test.stream.count && !test.waited;)
                unpacker_cycle(&test, speed);
            ck_assert_msg(!test.waited, "a field of at most %u bits waited at bit %u", speed.widest, test.at);
        }
    }
}
END_TEST

/* ---- stream_decoder: a layer, packed ---- */

enum kind { NOTHING, SCALE, CODEBOOK, COLUMN, COUNT, BIAS, WEIGHT, FILLER };

enum damage { NONE, LAYER_LEFT, COUNT_TOO_LARGE, KEEP_LIST, DAMAGES };

struct field {
    enum kind kind;
    unsigned width; /* of all that is taken: a filler is taken as if a code followed */
    uint32_t value; /* of a weight: its code */
    uint32_t column;
    bool last; /* of its kind; of a weight: in its row */
    bool out;  /* its column counter has reached K */
};

enum { MAX_FIELDS = 20000, MAX_ROWS = 16, SCALE_BITS = 13, MAX_GAP_BITS = 12, MAX_COUNT_BITS = 15 };

struct layer {
    unsigned format, value_bits, gap_bits, count_bits, bias_bits, columns, kept, rows;
    bool codebook;
    enum damage damage; /* its last field is the first that shows it */
    struct bits stream;
    struct field fields[MAX_FIELDS];
    unsigned field_count, counts[MAX_ROWS];
    uint32_t value_total, gap_total, other_total; /* the ledger: gaps are index and filler bits */
    unsigned cycles; /* from i_start until its last field is taken, if nothing keeps it waiting */
};

static struct field *add_field(struct layer *layer, enum kind kind, unsigned width, uint32_t value)
{
    ck_assert(layer->field_count < MAX_FIELDS);
    struct field *field = &layer->fields[layer->field_count++];
    *field = (struct field){.kind = kind, .width = width, .value = value};
    layer->cycles += kind == FILLER ? 3 : 1;
    return field;
}

static void add_other(struct block *block, struct layer *layer, enum kind kind, unsigned width, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        const uint32_t value = (uint32_t)espalier_random_bits(&block->random) & ((1u << width) - 1);
        put(&layer->stream, value, width);
        add_field(layer, kind, width, value)->last = n + 1 == count;
    }
    layer->other_total += count * width;
}

/* A weight in a column, with its fillers. @return the counter after it */
static unsigned add_gap_weight(struct block *block, struct layer *layer, unsigned counter, unsigned column)
{
    const unsigned filler = (1u << layer->gap_bits) - 1, width = layer->gap_bits + layer->value_bits;
    for (; column - counter >= filler; layer->gap_total += layer->gap_bits) {
        counter += filler;
        put(&layer->stream, filler, layer->gap_bits);
        add_field(layer, FILLER, width, 0)->out = counter >= layer->columns;
    }
    const uint32_t code = block_below(block, 1u << layer->value_bits);
    put(&layer->stream, column - counter, layer->gap_bits);
    put(&layer->stream, code, layer->value_bits);
    struct field *field = add_field(layer, WEIGHT, width, code);
    field->column = column;
    field->out = column >= layer->columns;
    layer->gap_total += layer->gap_bits;
    layer->value_total += layer->value_bits;
    return column + 1;
}

static void add_row_start(struct block *block, struct layer *layer, uint32_t count)
{
    if (layer->format == ESPALIER_FORMAT_GAP) {
        put(&layer->stream, count, layer->count_bits);
        add_field(layer, COUNT, layer->count_bits, count);
        layer->other_total += layer->count_bits;
    }
    add_other(block, layer, BIAS, layer->bias_bits, 1);
}

/* K, or any column behind it; or one that a counter of too few bits takes for a column of the layer. */
static unsigned draw_left_column(struct block *block, const struct layer *layer)
{
    if (block_chance(block, 0.3))
        return layer->columns;
    const unsigned wrap = 1u << (layer->gap_bits + block_below(block, 2));
    const unsigned column = wrap + block_below(block, layer->columns);
    if (block_chance(block, 0.6) && column >= layer->columns)
        return column;
    return layer->columns + block_below(block, 4u << layer->gap_bits);
}

/* A row of the gap format. If it is the damaged one: with a weight past the last column, the row's last one or not. */
static void add_gap_row(struct block *block, struct layer *layer, unsigned row, double density, bool damaged)
{
    unsigned kept[(1 << 10) + 1], count = 0, counter = 0;
    for (unsigned k = 0; k < layer->columns; k++)
        if (block_chance(block, density))
            kept[count++] = k;
    unsigned weights = count;
    if (damaged)
        kept[count++] = draw_left_column(block, layer);
    layer->counts[row] = weights = count;
    if (damaged && block_chance(block, 0.3) && count + 1 < 1u << layer->count_bits)
        weights++;
    add_row_start(block, layer, weights);
    for (unsigned n = 0; n < count; n++) {
        counter = add_gap_weight(block, layer, counter, kept[n]);
        layer->fields[layer->field_count - 1].last = n + 1 == weights;
    }
}

static void add_shared_row(struct block *block, struct layer *layer, unsigned row)
{
    layer->counts[row] = layer->kept;
    add_row_start(block, layer, layer->kept);
    add_other(block, layer, WEIGHT, layer->value_bits, layer->kept);
    layer->other_total -= layer->kept * layer->value_bits;
    layer->value_total += layer->kept * layer->value_bits;
}

static void add_rows(struct block *block, struct layer *layer, unsigned lanes)
{
    const bool gap = layer->format == ESPALIER_FORMAT_GAP;
    const unsigned damaged = layer->damage ? block_below(block, layer->rows) : layer->rows;
    const double densities[] = {0, 0.02, 0.1, 0.5, 1};
    const double density = densities[1 + block_below(block, 4)];
    for (unsigned row = 0; row < layer->rows; row++) {
        if (row % lanes == 0)
            layer->cycles++;
        if (layer->damage == COUNT_TOO_LARGE && row == damaged) {
            const unsigned fits = block_parameter(block, "COLUMN_BITS") + 1;
            const uint32_t count = (1u + block_below(block, (1u << (layer->count_bits - fits)) - 1)) << fits;
            add_row_start(block, layer, count | block_below(block, 1u << fits));
            layer->field_count--;
            return;
        }
        if (gap)
            add_gap_row(block, layer, row, block_chance(block, 0.2) ? 0 : density, row == damaged);
        else
            add_shared_row(block, layer, row);
        if (layer->counts[row] == 0)
            layer->cycles += row % lanes == lanes - 1 || row + 1 == layer->rows ? 1 : 2;
        if (row == damaged)
            return;
    }
}

static unsigned draw_columns(struct block *block)
{
    const uint32_t most = 1u << block_parameter(block, "COLUMN_BITS");
    if (block_chance(block, 0.1))
        return most;
    return 1 + block_below(block, block_chance(block, 0.7) ? 16 : most);
}

static void draw_layer(struct block *block, struct layer *layer, enum damage damage)
{
    const unsigned column_bits = block_parameter(block, "COLUMN_BITS");
    unsigned needed = 1;
    memset(layer, 0, sizeof *layer);
    layer->damage = damage;
    layer->format = damage == KEEP_LIST ? ESPALIER_FORMAT_STRUCTURED
                    : damage            ? ESPALIER_FORMAT_GAP
                                        : block_below(block, 3);
    layer->codebook = block_chance(block, 0.4);
    layer->value_bits = 1 + block_below(block, layer->codebook ? 4 : 8);
    layer->gap_bits =
        block_chance(block, 0.15) ? MAX_GAP_BITS : 1 + block_below(block, block_chance(block, 0.6) ? 3 : MAX_GAP_BITS);
    layer->bias_bits = block_chance(block, 0.3) ? 0 : 1 + block_below(block, 16);
    layer->columns = draw_columns(block);
    layer->rows = 1 + block_below(block, layer->columns > 100 ? 6 : MAX_ROWS);
    while (layer->columns + 1 >= 1u << needed) /* a damaged row may have a weight more */
        needed++;
    if (damage == COUNT_TOO_LARGE)
        needed = column_bits + 2;
    layer->count_bits = needed + block_below(block, MAX_COUNT_BITS + 1 - needed);
    add_other(block, layer, SCALE, SCALE_BITS, 1);
    if (layer->codebook)
        add_other(block, layer, CODEBOOK, 8, 1u << layer->value_bits);
    add_other(block, layer, COLUMN, layer->format == ESPALIER_FORMAT_STRUCTURED, layer->columns);
    layer->kept = layer->columns;
    if (layer->format == ESPALIER_FORMAT_STRUCTURED) {
        layer->kept = 0;
        for (unsigned k = 1; k <= layer->columns; k++)
            layer->kept += layer->fields[layer->field_count - k].value;
    }
    if (damage == KEEP_LIST)
        layer->kept = (layer->kept + 1 + block_below(block, layer->columns)) % (layer->columns + 1);
    else
        add_rows(block, layer, block_parameter(block, "LANES"));
}

/* ---- stream_decoder: its sides ---- */

enum { LATE = 8, NEVER = 1 << 30 };

struct decoder_test {
    struct block *block;
    unsigned lanes;
    struct layer layer;
    bool started, broken;              /* between i_start and the end; the damage has been taken */
    unsigned next;                     /* the field to be taken next */
    uint32_t at, in;                   /* its first bit, and the bits that are there */
    struct field taken[LATE];          /* by cycle */
    bool empty_row[LATE];              /* by cycle: its bias was written */
    bool starved, back;                /* in the last cycle */
    unsigned width;                    /* of the field on offer */
    unsigned codebook, biases, rows;   /* entries written, biases written, rows ended */
    unsigned begun, groups, kept;      /* groups begun; those of former layers; columns counted */
    uint32_t values, gaps, other_bits; /* events */
    uint64_t bad_from, bad_by;         /* cycles */
    double arrive, free;
};

static const struct field *taken_before(const struct decoder_test *test, unsigned cycles)
{
    return &test->taken[(test->block->cycles - cycles) % LATE];
}

static bool is(const struct field *field, enum kind kind)
{
    return field->kind == kind;
}

static void check_scale(struct decoder_test *test)
{
    block_expect(test->block, "o_mult", test->layer.fields[0].value & 0xFF);
    block_expect(test->block, "o_shift", test->layer.fields[0].value >> 8);
}

static void check_prologue(struct decoder_test *test)
{
    struct block *block = test->block;
    const struct field *field = taken_before(test, TAKEN), *end = taken_before(test, PROLOGUE);
    block_expect(block, "o_codebook_write", is(field, CODEBOOK));
    if (is(field, CODEBOOK)) {
        block_expect(block, "o_codebook_index", test->codebook++);
        block_expect(block, "o_codebook_entry", field->value);
    }
    block_expect(block, "o_column_valid", is(field, COLUMN));
    if (is(field, COLUMN))
        block_expect(block, "o_column_keep", field->width == 0 || field->value);
    block_expect(block, "o_prologue_done", is(end, COLUMN) && end->last);
    if (is(end, COLUMN) && end->last)
        check_scale(test);
}

static void check_bias(struct decoder_test *test)
{
    struct block *block = test->block;
    const struct field *field = taken_before(test, TAKEN);
    const unsigned bits = test->layer.bias_bits;
    bool *empty_row = &test->empty_row[block->cycles % LATE];
    *empty_row = false;
    block_expect(block, "o_bias_write", is(field, BIAS));
    if (!is(field, BIAS))
        return;
    if (test->biases >= test->layer.rows || test->biases >= test->begun * test->lanes)
        ck_abort_msg("bias %u of %u rows, %u groups are begun", test->biases, test->layer.rows, test->begun);
    block_expect(block, "o_bias", bits > 0 ? (uint64_t)signed_of(field->value, bits) & 0xFFFF : 0);
    block_expect(block, "o_bias_lane", test->biases % test->lanes);
    block_expect(block, "o_bias_group", (test->groups + test->biases / test->lanes) % 4);
    *empty_row = test->layer.counts[test->biases] == 0;
    test->biases++;
}

static void check_entry(struct decoder_test *test)
{
    struct block *block = test->block;
    const struct field *field = taken_before(test, ENTERED);
    block_expect(block, "o_entry", is(field, WEIGHT));
    if (is(field, WEIGHT)) {
        block_expect_bits(block, "o_code", 0, test->layer.value_bits, field->value);
        if (test->layer.format == ESPALIER_FORMAT_GAP)
            block_expect(block, "o_column", field->column);
    }
    const bool row_end = (is(field, WEIGHT) && field->last) || test->empty_row[(block->cycles - EMPTY_ROW) % LATE];
    const bool last_row = test->rows + 1 == test->layer.rows;
    const bool group_end = row_end && (last_row || test->rows % test->lanes == test->lanes - 1);
    block_expect(block, "o_row_end", row_end);
    block_expect(block, "o_group_end", group_end);
    if (group_end)
        block_expect(block, "o_last_group", last_row);
    if (!row_end)
        return;
    check_scale(test);
    test->rows++;
    if (test->biases < test->rows)
        ck_abort_msg("row %u ends without a bias", test->rows - 1);
}

static void check_events(struct decoder_test *test)
{
    struct block *block = test->block;
    const struct field *field = taken_before(test, TAKEN);
    const bool entry = is(field, WEIGHT) || is(field, FILLER), gap = entry && test->layer.format == ESPALIER_FORMAT_GAP;
    block_expect(block, "o_value", is(field, WEIGHT));
    block_expect(block, "o_filler", is(field, FILLER));
    block_expect(block, "o_back", is(field, FILLER) || test->empty_row[block->cycles % LATE]);
    block_expect(block, "o_gap", gap);
    block_expect(block, "o_other_bits", entry ? 0 : field->width);
    block_expect(block, "o_starved", test->starved);
    test->values += (unsigned)block_get(block, "o_value");
    test->gaps += (unsigned)block_get(block, "o_gap");
    test->other_bits += (unsigned)block_get(block, "o_other_bits");
}

static void check_bad(struct decoder_test *test)
{
    const uint64_t now = test->block->cycles;
    if (now < test->bad_from || now >= test->bad_by)
        block_expect(test->block, "o_bad", now >= test->bad_by);
}

/* A field shows the damage if it is the last one; but a filler of a weight that leaves the layer may show it before. */
static void note_damage(struct decoder_test *test, const struct field *field)
{
    const enum damage damage = test->layer.damage;
    const bool last = test->next == test->layer.field_count;
    const unsigned late = damage == KEEP_LIST ? BAD_KEEP_LIST : damage == COUNT_TOO_LARGE ? BAD_COUNT : BAD_ENTRY;
    if (!damage || (!last && !field->out))
        return;
    if (test->bad_from == UINT64_MAX)
        test->bad_from = test->block->cycles + late;
    if (!last)
        return;
    test->bad_by = test->block->cycles + late;
    test->broken = true;
}

/* bit_unpacker's side of a cycle. */
static void serve_bits(struct decoder_test *test)
{
    struct block *block = test->block;
    const struct layer *layer = &test->layer;
    const bool ask = test->back;
    const struct field *field = &layer->fields[test->next];
    block_set(block, "i_ask", ask);
    const bool want = block_get(block, "o_take");
    test->back = block_get(block, "o_back");
    if (block_get(block, "o_filler"))
        test->at -= layer->value_bits;
    test->taken[block->cycles % LATE] = (struct field){.kind = NOTHING};
    block_draw(block, "i_bits");
    block_draw(block, "i_valid");
    test->starved = false;
    if (ask)
        test->width = (unsigned)block_get(block, "o_next_width");
    if (test->arrive == 1)
        test->in = layer->stream.count;
    else if (block_chance(block, test->arrive))
        test->in += 1 + block_below(block, WORD_BITS);
    if (test->in > test->at + 2 * WORD_BITS)
        test->in = test->at + 2 * WORD_BITS;
    if (test->in > layer->stream.count)
        test->in = layer->stream.count;
    if (ask)
        block_expect(block, "o_take", 0);
    if (test->back || !want)
        return;
    if (!test->started || test->next == layer->field_count)
        ck_abort_msg("cycle %d: %u bits are wanted, and no field is left", (int)block->cycles, test->width);
    ck_assert_uint_eq(test->width, field->width);
    const bool valid = test->in - test->at >= test->width;
    test->starved = !valid;
    block_set(block, "i_valid", valid);
    if (!valid)
        return;
    block_set_bits(block, "i_bits", 0, test->width, bits_at(&layer->stream, test->at, test->width));
    test->at += test->width;
    test->width = (unsigned)block_get(block, "o_next_width");
    test->next++;
    test->taken[block->cycles % LATE] = *field;
    note_damage(test, field);
}

/* column_table's side of a cycle. */
static void count_columns(struct decoder_test *test)
{
    const struct field *column = taken_before(test, COLUMN_COUNTED);
    test->kept += is(column, COLUMN) && (column->width == 0 || column->value);
    block_set(test->block, "i_columns_kept", test->kept);
}

/* step_list's side of a cycle. */
static void serve_lists(struct decoder_test *test)
{
    struct block *block = test->block;
    const bool free = block_chance(block, test->free);
    block_set(block, "i_list_free", free);
    if (!block_get(block, "o_group_begin"))
        return;
    if (!free || !test->started || test->biases != test->begun * test->lanes)
        ck_abort_msg("group %u begins after %u biases, and room is %d", test->begun, test->biases, free);
    test->begun++;
}

static void decoder_cycle(struct decoder_test *test)
{
    check_prologue(test);
    check_bias(test);
    check_entry(test);
    check_events(test);
    check_bad(test);
    count_columns(test);
    serve_lists(test);
    serve_bits(test);
    block_clock(test->block);
}

/* The damage has been taken: whatever else comes, o_bad does, and stays. */
static void broken_cycle(struct decoder_test *test)
{
    struct block *block = test->block;
    check_bad(test);
    count_columns(test);
    test->taken[block->cycles % LATE] = (struct field){.kind = NOTHING};
    block_draw(block, "i_list_free");
    block_draw(block, "i_bits");
    block_draw(block, "i_valid");
    block_draw(block, "i_ask");
    block_clock(block);
}

static void reset_decoder(struct decoder_test *test)
{
    struct block *block = test->block;
    test->started = test->broken = test->starved = false;
    test->back = true; /* bit_unpacker asks after a reset */
    test->groups = 0;
    test->bad_from = test->bad_by = UINT64_MAX;
    memset(test->taken, 0, sizeof test->taken);
    memset(test->empty_row, 0, sizeof test->empty_row);
    block_set(block, "i_reset", 1);
    for (uint32_t n = 1 + block_below(block, 3); n > 0; n--)
        block_clock(block);
    block_set(block, "i_reset", 0);
}

static void idle_cycles(struct decoder_test *test)
{
    for (uint32_t n = 1 + block_below(test->block, 3); n > 0; n--)
        decoder_cycle(test);
}

static void set_layer(struct block *block, const struct layer *layer)
{
    block_set(block, "i_format", layer->format);
    block_set(block, "i_has_codebook", layer->codebook);
    block_set(block, "i_value_bits", layer->value_bits);
    block_set(block, "i_gap_bits", layer->gap_bits);
    block_set(block, "i_count_bits", layer->count_bits);
    block_set(block, "i_bias_bits", layer->bias_bits);
    block_set(block, "i_columns", layer->columns);
    block_set(block, "i_kept", layer->kept);
}

static void start_layer(struct decoder_test *test, enum damage damage)
{
    struct block *block = test->block;
    const bool at_once = block_chance(block, 0.4);
    draw_layer(block, &test->layer, damage);
    test->arrive = at_once ? 1 : block_chance(block, 0.3) ? 0.2 : 0.7;
    test->free = at_once ? 1 : block_chance(block, 0.5) ? 0.1 : 0.7;
    test->next = test->at = test->in = test->codebook = test->biases = test->rows = test->begun = test->kept = 0;
    test->values = test->gaps = test->other_bits = 0;
    set_layer(block, &test->layer);
    block_set(block, "i_rows", test->layer.rows);
    block_set(block, "i_rows_load", 1);
    decoder_cycle(test);
    block_set(block, "i_rows_load", 0);
    block_draw(block, "i_rows");
    idle_cycles(test);
    block_set(block, "i_start", 1);
    decoder_cycle(test);
    block_set(block, "i_start", 0);
    test->started = true;
}

/* Runs the started layer to its end, or for so many cycles. */
static void run_layer(struct decoder_test *test, uint64_t most)
{
    const struct layer *layer = &test->layer;
    const uint64_t until = test->block->cycles + most, start = test->block->cycles - 1;
    while (test->rows < layer->rows && test->block->cycles < until && !test->broken)
        decoder_cycle(test);
    if (test->broken || test->rows < layer->rows)
        return;
    if (test->arrive == 1 && test->block->cycles - 1 != start + layer->cycles + ENTERED)
        ck_abort_msg("a layer of %u cycles took %d", layer->cycles, (int)(test->block->cycles - 1 - start - ENTERED));
    test->started = false;
    test->groups += test->begun;
    if (test->at != layer->stream.count || test->next != layer->field_count)
        ck_abort_msg("%u of %u bits are taken", test->at, layer->stream.count);
    if (test->codebook != (layer->codebook ? 1u << layer->value_bits : 0) || test->biases != layer->rows)
        ck_abort_msg("%u codebook entries and %u biases", test->codebook, test->biases);
    if (test->values * layer->value_bits != layer->value_total || test->gaps * layer->gap_bits != layer->gap_total ||
        test->other_bits != layer->other_total)
        ck_abort_msg("%u values, %u gaps and %u other bits are not what the layer has", test->values, test->gaps,
                     test->other_bits);
}

static bool next_decoder(struct block *block, struct decoder_test *test)
{
    if (!block_next(block, "stream_decoder"))
        return false;
    memset(test, 0, sizeof *test);
    test->block = block;
    test->lanes = block_parameter(block, "LANES");
    reset_decoder(test);
    return true;
}

START_TEST(stream_decoder_gives_every_field_of_a_layer_in_the_cycles_that_it_promises)
{
    struct block block = {0};
    static struct decoder_test test;
    while (next_decoder(&block, &test))
        for (uint32_t n = 0; n < test_scale(50); n++) {
            start_layer(&test, NONE);
            run_layer(&test, NEVER);
            idle_cycles(&test);
        }
}
END_TEST

START_TEST(stream_decoder_is_as_new_after_a_reset_in_a_layer)
{
    struct block block = {0};
    static struct decoder_test test;
    while (next_decoder(&block, &test))
        for (uint32_t n = 0; n < test_scale(40); n++) {
            start_layer(&test, NONE);
            run_layer(&test, block_below(&block, 100));
            if (!test.started)
                continue;
            reset_decoder(&test);
            idle_cycles(&test);
            start_layer(&test, NONE);
            run_layer(&test, 500);
            reset_decoder(&test);
        }
}
END_TEST

START_TEST(stream_decoder_tells_of_a_stream_that_leaves_its_layer_and_of_no_other)
{
    struct block block = {0};
    static struct decoder_test test;
    while (next_decoder(&block, &test))
        for (uint32_t n = 0; n < test_scale(100); n++) {
            start_layer(&test, 1 + n % (DAMAGES - 1));
            run_layer(&test, NEVER);
            ck_assert(test.broken);
            for (uint32_t late = BAD_KEEP_LIST + block_below(&block, 20); late > 0; late--)
                broken_cycle(&test);
            check_bad(&test);
            reset_decoder(&test);
            block_expect(&block, "o_bad", 0);
        }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        bit_unpacker_offers_every_field_that_is_there_up_to_the_last_bit,
        bit_unpacker_never_lets_a_short_field_wait_while_words_arrive,
        stream_decoder_gives_every_field_of_a_layer_in_the_cycles_that_it_promises,
        stream_decoder_is_as_new_after_a_reset_in_a_layer,
        stream_decoder_tells_of_a_stream_that_leaves_its_layer_and_of_no_other,
    };
    return test_run("block_decode", tests, sizeof tests / sizeof tests[0]);
}
