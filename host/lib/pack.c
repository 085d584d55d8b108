/* Packing and unpacking of the weight stream (rtl/decode/STREAM.md is the home of its layout), and its ledger.
 *
 * A format is one line of the table `codecs`: whether it has a keep list and counts, and how a row's entries are
 * written and read. Everything around the entries is common. Every bit goes through put(), which books it in a ledger
 * column. */
#include <espalier/pack.h>

#include "bits.h"
#include "layer_fields.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MULT_BITS = 8, SHIFT_BITS = 5, CODEBOOK_ENTRY_BITS = 8, GAP_BITS_LOW = 1, GAP_BITS_HIGH = 12 };

/* ---- writing ---- */

struct packer {
    struct espalier_bit_writer bits;
    const struct espalier_layer *layer;
    struct espalier_ledger *ledger; /* of this layer */
    uint8_t code_of[256];           /* indexed by weight + 128; valid for weights that have a code */
};

static void put(struct packer *packer, uint32_t value, unsigned width, uint64_t *column)
{
    espalier_bits_put(&packer->bits, value, width);
    *column += width;
}

static int8_t weight_of_code(const struct espalier_layer *layer, uint32_t code)
{
    return layer->has_codebook ? layer->codebook[code] : (int8_t)espalier_bits_signed(code, layer->value_bits);
}

/* Of codes for the same value the lowest is used. */
static void make_code_table(struct packer *packer)
{
    for (uint32_t code = UINT32_C(1) << packer->layer->value_bits; code-- > 0;)
        packer->code_of[weight_of_code(packer->layer, code) + 128] = (uint8_t)code;
}

static void put_code(struct packer *packer, int8_t weight)
{
    put(packer, packer->code_of[weight + 128], packer->layer->value_bits, &packer->ledger->value_bits);
    packer->ledger->kept_weights++;
}

/* Dense and structured: the kept columns in rising order. */
static void write_kept_columns(struct packer *packer, const uint8_t *mask, const int8_t *weights, size_t columns)
{
    for (size_t column = 0; column < columns; column++)
        if (mask[column])
            put_code(packer, weights[column]);
}

static void write_gaps(struct packer *packer, const uint8_t *mask, const int8_t *weights, size_t columns)
{
    unsigned width = packer->layer->gap_bits;
    uint32_t filler = (UINT32_C(1) << width) - 1, gap = 0;
    for (size_t column = 0; column < columns; column++) {
        if (!mask[column]) {
            gap++;
            continue;
        }
        for (; gap >= filler; gap -= filler) {
            put(packer, filler, width, &packer->ledger->filler_bits);
            packer->ledger->fillers++;
        }
        put(packer, gap, width, &packer->ledger->index_bits);
        put_code(packer, weights[column]);
        gap = 0;
    }
}

/* ---- reading ---- */

struct unpacker {
    struct espalier_bit_reader bits;
    struct espalier_layer *layer;
    uint32_t layer_number, row; /* for messages; layers count from 1 */
    struct espalier_error *error;
};

static enum espalier_status damaged(const struct unpacker *unpacker, const char *what)
{
    return espalier_fail(unpacker->error, ESPALIER_ERR_FORMAT, "layer %u, row %u: %s", unpacker->layer_number,
                         unpacker->row, what);
}

static enum espalier_status take(struct unpacker *unpacker, unsigned width, uint32_t *value)
{
    return espalier_bits_take(&unpacker->bits, width, value) ? ESPALIER_OK
                                                             : damaged(unpacker, "the weight stream ends too early");
}

static enum espalier_status take_weight(struct unpacker *unpacker, int8_t *weight)
{
    uint32_t code = 0;
    enum espalier_status status = take(unpacker, unpacker->layer->value_bits, &code);
    if (status == ESPALIER_OK)
        *weight = weight_of_code(unpacker->layer, code);
    return status;
}

static enum espalier_status read_kept_columns(struct unpacker *unpacker, uint32_t count, uint8_t *mask, int8_t *weights,
                                              size_t columns)
{
    enum espalier_status status = ESPALIER_OK;
    (void)count;
    for (size_t column = 0; column < columns && status == ESPALIER_OK; column++) {
        mask[column] = unpacker->layer->keep[column];
        if (mask[column])
            status = take_weight(unpacker, &weights[column]);
    }
    return status;
}

static enum espalier_status read_gaps(struct unpacker *unpacker, uint32_t count, uint8_t *mask, int8_t *weights,
                                      size_t columns)
{
    unsigned width = unpacker->layer->gap_bits;
    uint32_t filler = (UINT32_C(1) << width) - 1, gap = 0;
    size_t column = 0;
    while (count > 0) {
        enum espalier_status status = take(unpacker, width, &gap);
        if (status != ESPALIER_OK)
            return status;
        column += gap;
        if (column >= columns)
            return damaged(unpacker, "a gap leads out of the row");
        if (gap == filler)
            continue;
        mask[column] = 1;
        status = take_weight(unpacker, &weights[column]);
        if (status != ESPALIER_OK)
            return status;
        column++;
        count--;
    }
    return ESPALIER_OK;
}

/* ---- the formats ---- */

static const struct codec {
    bool keep_list, counts;
    void (*write_row)(struct packer *packer, const uint8_t *mask, const int8_t *weights, size_t columns);
    enum espalier_status (*read_row)(struct unpacker *unpacker, uint32_t count, uint8_t *mask, int8_t *weights,
                                     size_t columns);
} codecs[] = {
    [ESPALIER_DENSE] = {false, false, write_kept_columns, read_kept_columns},
    [ESPALIER_STRUCTURED] = {true, false, write_kept_columns, read_kept_columns},
    [ESPALIER_GAP] = {false, true, write_gaps, read_gaps},
};

/* ---- whole layers ---- */

static uint32_t count_set(const uint8_t *flags, size_t count)
{
    uint32_t set = 0;
    for (size_t i = 0; i < count; i++)
        set += flags[i];
    return set;
}

static void write_layer(struct packer *packer)
{
    const struct espalier_layer *layer = packer->layer;
    const struct codec *codec = &codecs[layer->format];
    size_t columns = espalier_layer_columns(layer);
    uint64_t *other = &packer->ledger->other_bits;
    make_code_table(packer);
    put(packer, layer->mult, MULT_BITS, other);
    put(packer, layer->shift, SHIFT_BITS, other);
    for (uint32_t code = 0; layer->has_codebook && code < UINT32_C(1) << layer->value_bits; code++)
        put(packer, (uint8_t)layer->codebook[code], CODEBOOK_ENTRY_BITS, other);
    for (size_t column = 0; codec->keep_list && column < columns; column++)
        put(packer, layer->keep[column], 1, other);
    for (uint32_t row = 0; row < layer->rows; row++) {
        const uint8_t *mask = layer->mask + row * columns;
        if (codec->counts)
            put(packer, count_set(mask, columns), layer->count_bits, other);
        int32_t bias = layer->bias[row] / (INT32_C(1) << layer->bias_shift);
        put(packer, (uint32_t)bias, layer->bias_bits, other);
        codec->write_row(packer, mask, layer->weights + row * columns, columns);
    }
}

static enum espalier_status read_prologue(struct unpacker *unpacker, size_t columns)
{
    struct espalier_layer *layer = unpacker->layer;
    uint32_t field = 0;
    enum espalier_status status = take(unpacker, MULT_BITS, &field);
    if (status != ESPALIER_OK)
        return status;
    layer->mult = (uint8_t)field;
    status = take(unpacker, SHIFT_BITS, &field);
    layer->shift = (uint8_t)field;
    memset(layer->codebook, 0, sizeof layer->codebook);
    uint32_t entries = layer->has_codebook ? UINT32_C(1) << layer->value_bits : 0;
    for (uint32_t code = 0; code < entries && status == ESPALIER_OK; code++) {
        status = take(unpacker, CODEBOOK_ENTRY_BITS, &field);
        layer->codebook[code] = (int8_t)espalier_bits_signed(field, CODEBOOK_ENTRY_BITS);
    }
    memset(layer->keep, 1, columns);
    bool keep_list = codecs[layer->format].keep_list;
    for (size_t column = 0; keep_list && column < columns && status == ESPALIER_OK; column++) {
        status = take(unpacker, 1, &field);
        layer->keep[column] = (uint8_t)field;
    }
    return status;
}

static enum espalier_status read_row(struct unpacker *unpacker, size_t columns)
{
    struct espalier_layer *layer = unpacker->layer;
    const struct codec *codec = &codecs[layer->format];
    uint32_t count = 0, bias = 0;
    enum espalier_status status = ESPALIER_OK;
    if (codec->counts)
        status = take(unpacker, layer->count_bits, &count);
    if (status == ESPALIER_OK)
        status = take(unpacker, layer->bias_bits, &bias);
    if (status != ESPALIER_OK)
        return status;
    layer->bias[unpacker->row] = espalier_bits_signed(bias, layer->bias_bits) * (INT32_C(1) << layer->bias_shift);
    size_t first = unpacker->row * columns;
    return codec->read_row(unpacker, count, layer->mask + first, layer->weights + first, columns);
}

static enum espalier_status read_layer(struct unpacker *unpacker)
{
    const struct espalier_layer *layer = unpacker->layer;
    size_t columns = espalier_layer_columns(layer);
    memset(layer->mask, 0, layer->rows * columns);
    memset(layer->weights, 0, layer->rows * columns);
    unpacker->row = 0;
    enum espalier_status status = read_prologue(unpacker, columns);
    for (; status == ESPALIER_OK && unpacker->row < layer->rows; unpacker->row++)
        status = read_row(unpacker, columns);
    return status;
}

/* ---- the ledger ---- */

/* log2 of the number of ways to choose k of n, which no index code can beat on average. */
static double log2_choose(double n, double k)
{
    return (lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)) / log(2.0);
}

static double entropy_of_indices(const struct espalier_layer *layer, uint64_t kept_weights)
{
    size_t columns = espalier_layer_columns(layer);
    if (codecs[layer->format].keep_list)
        return log2_choose((double)columns, count_set(layer->keep, columns));
    return log2_choose((double)layer->rows * (double)columns, (double)kept_weights);
}

static void add_ledger(struct espalier_ledger *sum, struct espalier_ledger *layer)
{
    layer->total_bits = layer->value_bits + layer->index_bits + layer->filler_bits + layer->other_bits;
    sum->kept_weights += layer->kept_weights;
    sum->fillers += layer->fillers;
    sum->value_bits += layer->value_bits;
    sum->index_bits += layer->index_bits;
    sum->filler_bits += layer->filler_bits;
    sum->other_bits += layer->other_bits;
    sum->total_bits += layer->total_bits;
    sum->entropy_index_bits += layer->entropy_index_bits;
}

/* ---- the public functions ---- */

enum espalier_status espalier_pack(const struct espalier_model *model, struct espalier_packed *out,
                                   struct espalier_error *error)
{
    memset(out, 0, sizeof *out);
    enum espalier_status status = espalier_model_check(model, error);
    if (status != ESPALIER_OK)
        return status;
    struct packer packer = {.bits = {0}};
    out->layers = calloc(model->layer_count, sizeof *out->layers);
    for (uint32_t i = 0; out->layers && i < model->layer_count; i++) {
        packer.layer = &model->layers[i];
        packer.ledger = &out->layers[i];
        write_layer(&packer);
        packer.ledger->entropy_index_bits = entropy_of_indices(packer.layer, packer.ledger->kept_weights);
    }
    if (out->layers) {
        uint64_t before = espalier_bits_written(&packer.bits);
        espalier_bits_pad(&packer.bits);
        packer.ledger->other_bits += espalier_bits_written(&packer.bits) - before;
    }
    out->bytes = packer.bits.bytes;
    out->size = packer.bits.size;
    if (!out->layers || packer.bits.failed) {
        espalier_packed_free(out);
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory to pack the model");
    }
    for (uint32_t i = 0; i < model->layer_count; i++)
        add_ledger(&out->ledger, &out->layers[i]);
    return ESPALIER_OK;
}

/* The stream must end here, but for zero bits up to a multiple of 32. */
static enum espalier_status expect_end(struct unpacker *unpacker)
{
    uint64_t padding = unpacker->bits.end - unpacker->bits.position;
    uint32_t bit = 0;
    if (padding >= 32)
        return espalier_fail(unpacker->error, ESPALIER_ERR_FORMAT, "the weight stream goes on behind the last layer");
    while (espalier_bits_take(&unpacker->bits, 1, &bit))
        if (bit)
            return espalier_fail(unpacker->error, ESPALIER_ERR_FORMAT, "the weight stream's padding is not zero");
    return ESPALIER_OK;
}

enum espalier_status espalier_unpack(const uint8_t *bytes, size_t size, struct espalier_model *model,
                                     struct espalier_error *error)
{
    if (size % 4 != 0 || size > SIZE_MAX / 8)
        return espalier_fail(error, ESPALIER_ERR_FORMAT, "a weight stream of %zu bytes is not a multiple of 4", size);
    enum espalier_status status = espalier_model_check_shapes(model, error);
    struct unpacker unpacker = {.bits = {bytes, 0, (uint64_t)size * 8}, .error = error};
    for (uint32_t i = 0; status == ESPALIER_OK && i < model->layer_count; i++) {
        unpacker.layer = &model->layers[i];
        unpacker.layer_number = i + 1;
        status = read_layer(&unpacker);
    }
    if (status == ESPALIER_OK)
        status = expect_end(&unpacker);
    if (status == ESPALIER_OK)
        status = espalier_model_check(model, error);
    return status;
}

void espalier_packed_free(struct espalier_packed *packed)
{
    free(packed->bytes);
    free(packed->layers);
    memset(packed, 0, sizeof *packed);
}

static double ratio(const struct espalier_model *model, uint64_t bits)
{
    return bits ? 32.0 * (double)model->dense_weights / (double)bits : 0.0;
}

double espalier_data_only_ratio(const struct espalier_model *model, const struct espalier_ledger *ledger)
{
    return ratio(model, ledger->value_bits);
}

double espalier_all_in_ratio(const struct espalier_model *model, const struct espalier_ledger *ledger)
{
    return ratio(model, ledger->total_bits);
}

/* ---- the best gap width ---- */

static uint8_t bits_to_hold(size_t value)
{
    uint8_t bits = 1;
    while (value >> bits != 0)
        bits++;
    return bits;
}

void espalier_best_gap(const uint8_t *mask, size_t rows, size_t columns, uint8_t *gap_bits, uint8_t *count_bits)
{
    uint64_t fields[GAP_BITS_HIGH + 1] = {0}; /* gap fields needed at each width, fillers included */
    size_t largest = 0;
    for (size_t row = 0; row < rows; row++) {
        size_t stored = 0, gap = 0;
        for (size_t column = 0; column < columns; column++) {
            if (!mask[row * columns + column]) {
                gap++;
                continue;
            }
            for (unsigned width = GAP_BITS_LOW; width <= GAP_BITS_HIGH; width++)
                fields[width] += 1 + gap / ((UINT32_C(1) << width) - 1);
            stored++;
            gap = 0;
        }
        if (stored > largest)
            largest = stored;
    }
    unsigned best = GAP_BITS_LOW;
    for (unsigned width = GAP_BITS_LOW + 1; width <= GAP_BITS_HIGH; width++)
        if (fields[width] * width < fields[best] * best)
            best = width;
    *gap_bits = (uint8_t)best;
    *count_bits = bits_to_hold(largest);
}
