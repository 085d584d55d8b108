/** Float networks: what training makes and compression starts from. */
#ifndef ESPALIER_NETWORK_H
#define ESPALIER_NETWORK_H

#include <espalier/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Shape of one layer: convolution, then ReLU, then max-pooling. A fully connected layer is a convolution whose kernel
 *  covers its whole input. The fields mean what those of struct espalier_layer (model.h) mean. */
struct espalier_shape {
    uint16_t in_channels, in_height, in_width; /**< input, without padding */
    uint8_t kernel_height, kernel_width;
    uint8_t stride; /**< 1 or more */
    uint8_t pad;    /**< zeros on each side */
    uint8_t pool;   /**< max-pooling edge and stride, 1 (none) to 4 */
    bool relu;
    uint16_t rows; /**< filters, or neurons */
};

/** Columns of the layer's GEMM view: in_channels * kernel_height * kernel_width. */
size_t espalier_shape_columns(const struct espalier_shape *shape);
/** Weights of the layer, kept or not: rows * columns. */
size_t espalier_shape_weights(const struct espalier_shape *shape);
/** Height and width of the convolution's output, before pooling. */
uint32_t espalier_shape_conv_height(const struct espalier_shape *shape);
uint32_t espalier_shape_conv_width(const struct espalier_shape *shape);
/** Height and width after pooling. */
uint32_t espalier_shape_out_height(const struct espalier_shape *shape);
uint32_t espalier_shape_out_width(const struct espalier_shape *shape);

/** One layer with its parameters. A weight whose mask is 0 is pruned: it is 0 and stays 0. */
struct espalier_float_layer {
    struct espalier_shape shape;
    float *weights; /**< [rows][in_channels][kernel_height][kernel_width] */
    float *bias;    /**< [rows] */
    uint8_t *mask;  /**< [rows][columns] 1 = the weight is there */
};

/** A feed-forward network whose last layer gives the logits. */
struct espalier_network {
    uint32_t layer_count;
    struct espalier_float_layer *layers;
    uint64_t dense_weights; /**< weights before any pruning or purification */
};

/** Makes a network with all masks 1, He-initialized weights (He et al. 2015, eq. 10; drawn with @p seed) and zero
 * biases.
 *  @param shapes  [count] layer shapes, count 1 to ESPALIER_LAYERS_MAX (model.h), each layer's input being its
 * predecessor's output
 *  @param out     receives the network, to be freed by espalier_network_free; NULL on failure
 *  @return ESPALIER_ERR_RANGE for an impossible shape or a break in the chain */
enum espalier_status espalier_network_create(const struct espalier_shape *shapes, uint32_t count, uint64_t seed,
                                             struct espalier_network **out, struct espalier_error *error);

/** The shapes of LeNet-5 as Caffe has it (20 and 50 filters of 5x5, 500 hidden, 10 out: 430,500 weights), static
 * storage.
 *  @p count receives their number. */
const struct espalier_shape *espalier_lenet5_shapes(uint32_t *count);

/** A deep copy; *out is NULL on failure. */
enum espalier_status espalier_network_clone(const struct espalier_network *network, struct espalier_network **out,
                                            struct espalier_error *error);
/** Frees the network and all it owns; NULL is allowed. */
void espalier_network_free(struct espalier_network *network);

/** Weights whose mask is 1. */
uint64_t espalier_network_kept(const struct espalier_network *network);

/** Writes a checkpoint (host/train/network/checkpoint.c tells its layout). The file is complete or not there: written
 * beside and renamed. */
enum espalier_status espalier_network_save(const struct espalier_network *network, const char *made_by,
                                           const char *path, struct espalier_error *error);
/** Reads a checkpoint as hostile input.
 *  @param made_by  receives the command that made it, to be freed by the caller; may be NULL
 *  @return ESPALIER_ERR_FORMAT for anything but an undamaged checkpoint; *out is then NULL */
enum espalier_status espalier_network_load(const char *path, struct espalier_network **out, char **made_by,
                                           struct espalier_error *error);

#endif
