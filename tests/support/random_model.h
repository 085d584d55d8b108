/** Random checked models for every test: small networks with awkward shapes, in all formats and widths. */
#ifndef ESPALIER_RANDOM_MODEL_H
#define ESPALIER_RANDOM_MODEL_H

#include <espalier/model.h>
#include <espalier/random.h>

/** What may be drawn. The limits let a test fit its models to a small device. */
struct random_model_limits {
    uint32_t layers;      /**< 1 to this many */
    uint32_t rows;        /**< of a layer, at the most */
    uint32_t columns;     /**< of a layer, at the most */
    uint32_t edge;        /**< input height and width of the first layer, at the most */
    uint32_t activations; /**< words of a layer's padded input or of its output, at the most */
    uint32_t stored;      /**< weights of a layer that are stored, at the most (dense: rows * columns) */
    unsigned formats;     /**< bit n: format n may be drawn; at least one */
    uint32_t digits;      /**< not 0: the input is one channel of this height and width */
    bool raw_only;        /**< the last layer is always raw; else in two cases of three */
};

/** 4 layers, 40 rows, 300 columns, edge 16, 4,000 activations, 12,000 stored, all formats. */
struct random_model_limits random_model_defaults(void);

/** Draws a model that passes espalier_model_check, or fails the test. The same state of @p random gives the same model.
 *  Among what is drawn: one row, one column, empty rows, an empty keep list, gaps that need several fillers, kernels
 * that are not square, strides, padding, pooling that leaves a remainder, codebooks with and without zero, every width.
 */
struct espalier_model *random_model(struct espalier_random *random, const struct random_model_limits *limits);

/** Draws an image of @p model's input: pixels, to be freed by the caller. Some are all black, all white or sparse. */
uint8_t *random_image(struct espalier_random *random, const struct espalier_model *model);

/** Whether two models are equal in everything that an .esp file holds. */
bool models_equal(const struct espalier_model *one, const struct espalier_model *other);

#endif
