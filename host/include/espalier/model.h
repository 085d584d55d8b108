/** A quantized, compressed network as the hardware runs it, and the .esp file that holds it. */
#ifndef ESPALIER_MODEL_H
#define ESPALIER_MODEL_H

#include <espalier/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Sparsity formats; the numbers are those of rtl/frame/protocol.vh. */
enum espalier_format {
    ESPALIER_DENSE = 0,      /**< every weight stored, no index */
    ESPALIER_STRUCTURED = 1, /**< kept columns of all rows, one keep list a layer */
    ESPALIER_GAP = 2         /**< non-structured: each weight with its gap (relative index) */
};

/** "dense", "structured" or "gap". */
const char *espalier_format_name(enum espalier_format format);

enum { ESPALIER_CODEBOOK_MAX = 16, ESPALIER_LAYERS_MAX = 64 };

/** One layer in the GEMM view W[rows][columns], columns = in_channels * kernel_height * kernel_width.
 *  A fully connected layer is a convolution whose kernel covers its whole input. Rows that compression removed are not
 *  here, nor are the columns of the next layer that read them: shapes are those of the purified network.
 *  Arithmetic: rtl/array/ARITHMETIC.md. Bit layout of the packed form: rtl/decode/STREAM.md. */
struct espalier_layer {
    uint16_t in_channels, in_height, in_width; /**< input, without padding */
    uint8_t kernel_height, kernel_width;
    uint8_t stride; /**< 1 or more, both directions */
    uint8_t pad;    /**< zeros on each side */
    uint8_t pool;   /**< max-pooling edge and stride, 1 (none) to 4 */
    bool relu;
    bool raw; /**< gives accumulators (logits), not activations; last layer only */
    uint16_t rows;

    enum espalier_format format;
    uint8_t value_bits;                     /**< 1 to 8 */
    uint8_t gap_bits;                       /**< gap: 1 to 12; else 0 */
    uint8_t count_bits;                     /**< gap: 1 to 15; else 0 */
    uint8_t bias_bits;                      /**< 0 (no biases) to 16 */
    uint8_t bias_shift;                     /**< 0 to 15 */
    bool has_codebook;                      /**< only with value_bits <= 4 */
    int8_t codebook[ESPALIER_CODEBOOK_MAX]; /**< 2^value_bits entries */
    uint8_t mult, shift;                    /**< requantization, rule A5; shift 0 to 31 */

    uint8_t *keep;   /**< [columns] 1 = kept; all 1 unless structured */
    uint8_t *mask;   /**< [rows][columns] 1 = stored; dense: all 1, structured: keep of the column */
    int8_t *weights; /**< [rows][columns] int8 values; 0 where not stored; every stored one has a code */
    int32_t *bias;   /**< [rows] in accumulator units: a multiple of 2^bias_shift that fits bias_bits */
};

struct espalier_model {
    uint32_t layer_count;
    struct espalier_layer *layers;
    uint64_t
        dense_weights; /**< weights of the network before compression (LeNet-5: 430,500), the numerator of the ratios */
    char *made_by;     /**< the command and seed that made the model, UTF-8, at most 1,023 bytes */
};

/** Columns of a layer: in_channels * kernel_height * kernel_width. */
size_t espalier_layer_columns(const struct espalier_layer *layer);
/** Height and width after the convolution (before pooling), then after pooling. */
uint32_t espalier_layer_conv_height(const struct espalier_layer *layer);
uint32_t espalier_layer_conv_width(const struct espalier_layer *layer);
uint32_t espalier_layer_out_height(const struct espalier_layer *layer);
uint32_t espalier_layer_out_width(const struct espalier_layer *layer);

/** Makes a model of @p layer_count zeroed layers. The caller fills in each layer's shape, then calls
 *  espalier_layer_allocate for its arrays, then fills those. */
enum espalier_status espalier_model_create(uint32_t layer_count, struct espalier_model **out,
                                           struct espalier_error *error);
/** Allocates keep (all 1), mask (all 1), weights (0) and bias (0) for the layer's rows and columns. */
enum espalier_status espalier_layer_allocate(struct espalier_layer *layer, struct espalier_error *error);
/** Frees the model and all it owns; NULL is allowed. */
void espalier_model_free(struct espalier_model *model);

/** Checks everything the arrays and fields promise: ranges, layer chaining (each layer's input is its predecessor's
 * output), every stored weight has a code, masks agree with the format, biases fit, rule A4's accumulator bound (24
 * bits). All readers and packers call it, so the rest of the library may rely on it. */
enum espalier_status espalier_model_check(const struct espalier_model *model, struct espalier_error *error);

/** Writes @p model as an .esp file (host/lib/ESP.md). The file is complete or not there: written beside and renamed.
 *  @return what espalier_model_check and espalier_pack return, ESPALIER_ERR_RANGE if made_by has over 1,023 bytes, or
 *          ESPALIER_ERR_IO */
enum espalier_status espalier_model_save(const struct espalier_model *model, const char *path,
                                         struct espalier_error *error);
/** Reads an .esp file as hostile input. *out is NULL on failure. */
enum espalier_status espalier_model_load(const char *path, struct espalier_model **out, struct espalier_error *error);
/** The same from memory; @p name is used in messages. */
enum espalier_status espalier_model_parse(const uint8_t *bytes, size_t size, const char *name,
                                          struct espalier_model **out, struct espalier_error *error);

#endif
