/* The weight stream against a second encoder that writes it as a string of bits straight from STREAM.md; the ledger
 * against that encoder's own counts; damaged streams; the best gap width against trying them all. */
#include "support/random_model.h"
#include "support/support.h"

#include <espalier/pack.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the second encoder: one char '0' or '1' a bit ---- */

struct text {
    char *bits;
    size_t size, capacity;
};

static void add_bits(struct text *text, long value, unsigned width)
{
    for (unsigned i = 0; i < width; i++) {
        if (text->size == text->capacity) {
            text->capacity = text->capacity ? 2 * text->capacity : 1024;
            text->bits = realloc(text->bits, text->capacity);
            ck_assert(text->bits != NULL);
        }
        text->bits[text->size++] = (value >> i) & 1 ? '1' : '0';
    }
}

static long code_of(const struct espalier_layer *layer, int weight)
{
    if (!layer->has_codebook)
        return weight & ((1 << layer->value_bits) - 1);
    for (long code = 0; code < 1 << layer->value_bits; code++)
        if (layer->codebook[code] == weight)
            return code;
    ck_abort_msg("no code");
}

/* One row's gap entries from the list of its stored columns. */
static void add_gap_row(struct text *text, const struct espalier_layer *layer, size_t row,
                        struct espalier_ledger *count)
{
    size_t columns = espalier_layer_columns(layer), next = 0;
    size_t escape = ((size_t)1 << layer->gap_bits) - 1;
    for (size_t column = 0; column < columns; column++) {
        if (!layer->mask[row * columns + column])
            continue;
        size_t distance = column - next, fillers = distance / escape;
        for (size_t i = 0; i < fillers; i++)
            add_bits(text, (long)escape, layer->gap_bits);
        add_bits(text, (long)(distance % escape), layer->gap_bits);
        add_bits(text, code_of(layer, layer->weights[row * columns + column]), layer->value_bits);
        count->fillers += fillers;
        count->kept_weights++;
        next = column + 1;
    }
}

static void add_layer(struct text *text, const struct espalier_layer *layer, struct espalier_ledger *count)
{
    size_t columns = espalier_layer_columns(layer), start = text->size;
    add_bits(text, layer->mult, 8);
    add_bits(text, layer->shift, 5);
    for (int i = 0; layer->has_codebook && i < 1 << layer->value_bits; i++)
        add_bits(text, layer->codebook[i], 8);
    for (size_t i = 0; layer->format == ESPALIER_STRUCTURED && i < columns; i++)
        add_bits(text, layer->keep[i], 1);
    for (size_t row = 0; row < layer->rows; row++) {
        long stored = 0;
        for (size_t i = 0; i < columns; i++)
            stored += layer->mask[row * columns + i];
        add_bits(text, stored, layer->count_bits);
        add_bits(text, layer->bias[row] >> layer->bias_shift, layer->bias_bits);
        if (layer->format == ESPALIER_GAP) {
            add_gap_row(text, layer, row, count);
            continue;
        }
        for (size_t i = 0; i < columns; i++)
            if (layer->keep[i])
                add_bits(text, code_of(layer, layer->weights[row * columns + i]), layer->value_bits);
        count->kept_weights += (uint64_t)stored;
    }
    count->value_bits = count->kept_weights * layer->value_bits;
    count->index_bits = layer->format == ESPALIER_GAP ? count->kept_weights * layer->gap_bits : 0;
    count->filler_bits = count->fillers * layer->gap_bits;
    count->total_bits = text->size - start;
}

/* ---- helpers ---- */

static struct espalier_model *draw(uint32_t case_number)
{
    struct random_model_limits limits = random_model_defaults();
    struct espalier_random random;
    espalier_random_seed(&random, test_seed() + case_number);
    return random_model(&random, &limits);
}

/* A model with the same shapes and widths and nothing else. */
static struct espalier_model *empty_copy(const struct espalier_model *model)
{
    struct espalier_error error = {0};
    struct espalier_model *copy;
    test_ok(espalier_model_create(model->layer_count, &copy, &error));
    for (uint32_t i = 0; i < model->layer_count; i++) {
        copy->layers[i] = model->layers[i];
        copy->layers[i].mult = copy->layers[i].shift = 0;
        memset(copy->layers[i].codebook, 0, sizeof copy->layers[i].codebook);
        test_ok(espalier_layer_allocate(&copy->layers[i], &error));
    }
    copy->dense_weights = model->dense_weights;
    copy->made_by = strdup(model->made_by);
    return copy;
}

/* log2 C(n, k) as a sum of logarithms, without the gamma function. */
static double log2_choose(double n, double k)
{
    double sum = 0;
    for (double i = 1; i <= k; i++)
        sum += log2((n - k + i) / i);
    return sum;
}

/* ---- tests ---- */

START_TEST(stream_is_the_one_of_a_second_encoder_and_the_ledger_counts_it)
{
    uint32_t cases = test_scale(400);
    for (uint32_t n = 0; n < cases; n++) {
        struct espalier_model *model = draw(n);
        struct espalier_packed packed;
        struct espalier_error error = {0};
        struct text text = {0};
        uint64_t sum = 0;
        test_ok(espalier_pack(model, &packed, &error));
        for (uint32_t i = 0; i < model->layer_count; i++) {
            struct espalier_ledger count = {0}, *given = &packed.layers[i];
            add_layer(&text, &model->layers[i], &count);
            size_t content = text.size;
            while (i + 1 == model->layer_count && text.size % 32 != 0)
                add_bits(&text, 0, 1);
            count.total_bits += text.size - content;
            ck_assert_uint_eq(given->kept_weights, count.kept_weights);
            ck_assert_uint_eq(given->fillers, count.fillers);
            ck_assert_uint_eq(given->value_bits, count.value_bits);
            ck_assert_uint_eq(given->index_bits, count.index_bits);
            ck_assert_uint_eq(given->filler_bits, count.filler_bits);
            ck_assert_uint_eq(given->total_bits, count.total_bits);
            ck_assert_uint_eq(given->other_bits,
                              count.total_bits - count.value_bits - count.index_bits - count.filler_bits);
            sum += count.total_bits;
        }
        ck_assert_uint_eq(packed.size * 8, text.size);
        ck_assert_uint_eq(packed.ledger.total_bits, sum);
        ck_assert_uint_eq(packed.ledger.total_bits, packed.size * 8);
        for (size_t bit = 0; bit < text.size; bit++)
            if ((packed.bytes[bit / 8] >> bit % 8 & 1) != text.bits[bit] - '0')
                ck_abort_msg("case %u: bit %zu differs", n, bit);
        free(text.bits);
        espalier_packed_free(&packed);
        espalier_model_free(model);
    }
}
END_TEST

START_TEST(unpacking_gives_the_model_back)
{
    uint32_t cases = test_scale(400);
    for (uint32_t n = 0; n < cases; n++) {
        struct espalier_model *model = draw(n), *copy = empty_copy(model);
        struct espalier_packed packed;
        struct espalier_error error = {0};
        test_ok(espalier_pack(model, &packed, &error));
        test_ok(espalier_unpack(packed.bytes, packed.size, copy, &error));
        ck_assert(models_equal(model, copy));
        espalier_packed_free(&packed);
        espalier_model_free(copy);
        espalier_model_free(model);
    }
}
END_TEST

/* A gap layer small enough to write down: 2 rows of 9 columns, gap 2 bits, so that 3 is the filler. */
START_TEST(a_stream_written_by_hand)
{
    struct espalier_error error = {0};
    struct espalier_model *model;
    test_ok(espalier_model_create(1, &model, &error));
    struct espalier_layer *layer = &model->layers[0];
    layer->in_channels = 1;
    layer->in_height = layer->kernel_height = layer->stride = layer->pool = 1;
    layer->in_width = layer->kernel_width = 9;
    layer->rows = 2;
    layer->format = ESPALIER_GAP;
    layer->value_bits = 3;
    layer->gap_bits = 2;
    layer->count_bits = 2;
    layer->bias_bits = 4;
    layer->bias_shift = 1;
    layer->mult = 0x81;
    layer->shift = 9;
    model->dense_weights = 18;
    test_ok(espalier_layer_allocate(layer, &error));
    memset(layer->mask, 0, 18);
    layer->mask[1] = layer->mask[9 + 0] = layer->mask[9 + 7] = 1;
    layer->weights[1] = -4;
    layer->weights[9] = 3;
    layer->weights[16] = -1;
    layer->bias[0] = -6;
    layer->bias[1] = 14;
    /* First bit first:  mult 10000001, shift 10010; row 0: count 1 = 10, bias -3 = 1011, gap 1 = 10, code -4 = 001;
     * row 1: count 2 = 01, bias 7 = 1110, gap 0 = 00, code 3 = 110, two fillers 11 11, gap 0 = 00, code -1 = 111. */
    const char *expected = "10000001"
                           "10010"
                           "10"
                           "1011"
                           "10"
                           "001"
                           "01"
                           "1110"
                           "00"
                           "110"
                           "1111"
                           "00"
                           "111";
    struct espalier_packed packed;
    test_ok(espalier_pack(model, &packed, &error));
    ck_assert_uint_eq(packed.size, 8);
    for (size_t bit = 0; bit < 64; bit++)
        ck_assert_int_eq(packed.bytes[bit / 8] >> bit % 8 & 1, bit < strlen(expected) ? expected[bit] - '0' : 0);
    ck_assert_uint_eq(packed.ledger.kept_weights, 3);
    ck_assert_uint_eq(packed.ledger.fillers, 2);
    ck_assert_uint_eq(packed.ledger.value_bits, 9);
    ck_assert_uint_eq(packed.ledger.index_bits, 6);
    ck_assert_uint_eq(packed.ledger.filler_bits, 4);
    ck_assert_uint_eq(packed.ledger.other_bits, 64 - 19);
    ck_assert_double_eq_tol(espalier_data_only_ratio(model, &packed.ledger), 18 * 32 / 9.0, 1e-12);
    ck_assert_double_eq_tol(espalier_all_in_ratio(model, &packed.ledger), 18 * 32 / 64.0, 1e-12);
    espalier_packed_free(&packed);
    espalier_model_free(model);
}
END_TEST

START_TEST(entropy_bound_equals_a_sum_of_logarithms)
{
    uint32_t cases = test_scale(100);
    for (uint32_t n = 0; n < cases; n++) {
        struct espalier_model *model = draw(n);
        struct espalier_packed packed;
        struct espalier_error error = {0};
        double sum = 0;
        test_ok(espalier_pack(model, &packed, &error));
        for (uint32_t i = 0; i < model->layer_count; i++) {
            const struct espalier_layer *layer = &model->layers[i];
            double items = (double)espalier_layer_columns(layer), kept = 0;
            if (layer->format == ESPALIER_STRUCTURED) {
                for (size_t k = 0; k < espalier_layer_columns(layer); k++)
                    kept += layer->keep[k];
            } else {
                items *= layer->rows;
                kept = (double)packed.layers[i].kept_weights;
            }
            double expected = log2_choose(items, kept);
            ck_assert_double_eq_tol(packed.layers[i].entropy_index_bits, expected, 1e-6 * (1 + expected));
            sum += expected;
        }
        ck_assert_double_eq_tol(packed.ledger.entropy_index_bits, sum, 1e-6 * (1 + sum));
        espalier_packed_free(&packed);
        espalier_model_free(model);
    }
}
END_TEST

START_TEST(truncated_and_lengthened_streams_are_refused)
{
    uint32_t cases = test_scale(40);
    for (uint32_t n = 0; n < cases; n++) {
        struct espalier_model *model = draw(n), *copy = empty_copy(model);
        struct espalier_packed packed;
        struct espalier_error error = {0};
        test_ok(espalier_pack(model, &packed, &error));
        for (size_t size = 0; size < packed.size; size += size < 64 ? 4 : 4 * (1 + packed.size / 64))
            ck_assert_int_eq(espalier_unpack(packed.bytes, size, copy, &error), ESPALIER_ERR_FORMAT);
        ck_assert_int_eq(espalier_unpack(packed.bytes, packed.size - 1, copy, &error), ESPALIER_ERR_FORMAT);
        uint8_t *longer = calloc(packed.size + 4, 1);
        ck_assert(longer != NULL);
        memcpy(longer, packed.bytes, packed.size);
        ck_assert_int_eq(espalier_unpack(longer, packed.size + 4, copy, &error), ESPALIER_ERR_FORMAT);
        free(longer);
        espalier_packed_free(&packed);
        espalier_model_free(copy);
        espalier_model_free(model);
    }
}
END_TEST

/* Whatever the bits say: a model that passes the check and packs into the same bits, or a clear refusal. */
START_TEST(damaged_streams_are_refused_or_decode_to_a_sound_model)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed() + 1000000);
    uint32_t cases = test_scale(200), refused = 0;
    for (uint32_t n = 0; n < cases; n++) {
        struct espalier_model *model = draw(n), *copy = empty_copy(model);
        struct espalier_packed packed;
        struct espalier_error error = {0};
        test_ok(espalier_pack(model, &packed, &error));
        for (int flip = 0; flip < 20; flip++) {
            uint32_t bit = espalier_random_below(&random, (uint32_t)packed.size * 8);
            packed.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            enum espalier_status status = espalier_unpack(packed.bytes, packed.size, copy, &error);
            if (status == ESPALIER_OK) {
                test_ok(espalier_model_check(copy, &error));
            } else {
                ck_assert(status == ESPALIER_ERR_FORMAT || status == ESPALIER_ERR_RANGE);
                ck_assert(error.message[0] != '\0');
                refused++;
            }
        }
        espalier_packed_free(&packed);
        espalier_model_free(copy);
        espalier_model_free(model);
    }
    ck_assert_uint_gt(refused, 0);
}
END_TEST

/* One row of three columns, the last one stored: its gap field says 2. All that is larger leaves the row. */
START_TEST(a_gap_that_leaves_its_row_is_refused)
{
    struct espalier_error error = {0};
    struct espalier_model *model;
    test_ok(espalier_model_create(1, &model, &error));
    struct espalier_layer *layer = &model->layers[0];
    layer->in_channels = 3;
    layer->in_height = layer->in_width = 1;
    layer->kernel_height = layer->kernel_width = layer->stride = layer->pool = 1;
    layer->rows = 1;
    layer->format = ESPALIER_GAP;
    layer->value_bits = 8;
    layer->gap_bits = 4;
    layer->count_bits = 3; /* so that the gap field is the low half of byte 2, behind mult and shift */
    model->dense_weights = 3;
    test_ok(espalier_layer_allocate(layer, &error));
    memset(layer->mask, 0, 3);
    layer->mask[2] = 1;
    struct espalier_packed packed;
    test_ok(espalier_pack(model, &packed, &error));
    ck_assert_uint_eq(packed.bytes[2] & 15, 2);
    for (uint8_t gap = 0; gap < 16; gap++) {
        packed.bytes[2] = (uint8_t)((packed.bytes[2] & 0xf0) | gap);
        enum espalier_status status = espalier_unpack(packed.bytes, packed.size, model, &error);
        ck_assert_int_eq(status, gap < 3 ? ESPALIER_OK : ESPALIER_ERR_FORMAT);
        ck_assert(gap < 3 || strcmp(error.message, "layer 1, row 0: a gap leads out of the row") == 0);
        ck_assert(gap >= 3 || layer->mask[gap] == 1);
    }
    espalier_packed_free(&packed);
    espalier_model_free(model);
}
END_TEST

START_TEST(best_gap_is_the_best_of_all_widths)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    uint32_t cases = test_scale(300);
    for (uint32_t n = 0; n < cases; n++) {
        size_t rows = 1 + espalier_random_below(&random, 6), columns = 1 + espalier_random_below(&random, 6000);
        double density = pow(10.0, -4.0 * espalier_random_uniform(&random));
        uint8_t *mask = calloc(rows * columns, 1), gap_bits, count_bits;
        ck_assert(mask != NULL);
        size_t largest = 0;
        for (size_t row = 0, stored = 0; row < rows; row++, stored = 0) {
            for (size_t i = 0; i < columns; i++)
                stored += mask[row * columns + i] = espalier_random_uniform(&random) < density;
            largest = stored > largest ? stored : largest;
        }
        uint64_t best = UINT64_MAX;
        unsigned best_width = 0;
        for (unsigned width = 1; width <= 12; width++) {
            uint64_t bits = 0;
            for (size_t row = 0; row < rows; row++) {
                size_t counter = 0; /* walks as the decoder does: one field, one step */
                for (size_t i = 0; i < columns; i++) {
                    if (!mask[row * columns + i])
                        continue;
                    for (; i - counter >= (1u << width) - 1; counter += (1u << width) - 1)
                        bits += width;
                    bits += width;
                    counter = i + 1;
                }
            }
            if (bits < best) {
                best = bits;
                best_width = width;
            }
        }
        espalier_best_gap(mask, rows, columns, &gap_bits, &count_bits);
        ck_assert_uint_eq(gap_bits, best_width);
        ck_assert_uint_eq(count_bits, largest < 2 ? 1 : (unsigned)floor(log2((double)largest)) + 1);
        free(mask);
    }
}
END_TEST

START_TEST(packing_an_unsound_model_is_refused)
{
    struct espalier_model *model = draw(0);
    struct espalier_packed packed = {.size = 99};
    struct espalier_error error = {0};
    model->layers[0].mask[0] = 3;
    ck_assert_int_eq(espalier_pack(model, &packed, &error), ESPALIER_ERR_RANGE);
    ck_assert_ptr_null(packed.bytes);
    ck_assert_uint_eq(packed.size, 0);
    espalier_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        stream_is_the_one_of_a_second_encoder_and_the_ledger_counts_it,
        unpacking_gives_the_model_back,
        a_stream_written_by_hand,
        entropy_bound_equals_a_sum_of_logarithms,
        truncated_and_lengthened_streams_are_refused,
        damaged_streams_are_refused_or_decode_to_a_sound_model,
        a_gap_that_leaves_its_row_is_refused,
        best_gap_is_the_best_of_all_widths,
        packing_an_unsound_model_is_refused,
    };
    return test_run("pack", tests, sizeof tests / sizeof *tests);
}
