/** The packed weight stream (rtl/decode/STREAM.md) and the ledger of where its bits go. */
#ifndef ESPALIER_PACK_H
#define ESPALIER_PACK_H

#include <espalier/model.h>

/** Where the bits of a packed model go. Every figure but the entropy is counted while bits are written. */
struct espalier_ledger {
    uint64_t kept_weights; /**< stored weights, fillers not counted */
    uint64_t fillers;
    uint64_t value_bits;
    uint64_t index_bits;       /**< gap fields of stored weights */
    uint64_t filler_bits;      /**< gap fields of fillers */
    uint64_t other_bits;       /**< scales, codebooks, keep lists, counts, biases and the padding at the end */
    uint64_t total_bits;       /**< 8 times the length of the stream in bytes: the sum of the above */
    double entropy_index_bits; /**< sum over layers of log2 C(n, k): n weights of the layer, k of them stored
                                  (structured: of the keep list) */
};

/** A packed model: what a file stores and a link carries. Freed by espalier_packed_free. */
struct espalier_packed {
    uint8_t *bytes;
    size_t size; /**< a multiple of 4 */
    struct espalier_ledger ledger;
    struct espalier_ledger *layers; /**< [layer_count] the same for each layer; the padding counts in the last */
};

/** Packs all layers of a checked model. @p out is zeroed on failure. */
enum espalier_status espalier_pack(const struct espalier_model *model, struct espalier_packed *out,
                                   struct espalier_error *error);
/** Fills weights, masks, keep lists, biases, codebooks, mult and shift of @p model, whose other fields are set and
 * whose arrays are allocated, from a stream. Hostile input.
 *  @return ESPALIER_ERR_FORMAT with layer and row if the stream is damaged, ESPALIER_ERR_RANGE if what it holds does
 * not pass espalier_model_check */
enum espalier_status espalier_unpack(const uint8_t *bytes, size_t size, struct espalier_model *model,
                                     struct espalier_error *error);
void espalier_packed_free(struct espalier_packed *packed);

/** Dense 32-bit weights over value bits, and over all bits (design: "data-only" and "all-in" ratio). */
double espalier_data_only_ratio(const struct espalier_model *model, const struct espalier_ledger *ledger);
double espalier_all_in_ratio(const struct espalier_model *model, const struct espalier_ledger *ledger);

/** The gap width (1 to 12) that stores a layer's mask in the fewest bits, fillers counted, and the width its counts
 *  need (1 or more; espalier_model_check refuses one over 15). Of equally good widths, the narrowest. */
void espalier_best_gap(const uint8_t *mask, size_t rows, size_t columns, uint8_t *gap_bits, uint8_t *count_bits);

#endif
