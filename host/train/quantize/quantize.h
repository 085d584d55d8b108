/* Quantization inside the training loop: every forward pass computes with what the integer model will hold.
 *
 * A layer's weights are codes (int8) times `unit`; its input activations are integers times `input_step`; so its sums
 * are integers times unit * input_step, and its biases are rounded to a multiple of that. The requantizer's factor mult
 * / 2^shift is chosen first, and the step of the layer's output is what follows from it: nothing is approximated at
 * export. */
#ifndef ESPALIER_QUANTIZE_H
#define ESPALIER_QUANTIZE_H

#include <espalier/compress.h>
#include <espalier/dataset.h>
#include <espalier/model.h>

#include "loop/hooks.h"
#include "network/archive.h"
#include "network/live.h"

enum { ESPALIER_CODEBOOK_BITS_MAX = 4 }; /* values of more have linear codes */

/* Of the values of so many bits; 0: they have linear codes. */
static inline uint32_t espalier_codebook_entries(uint8_t value_bits)
{
    return value_bits <= ESPALIER_CODEBOOK_BITS_MAX ? 1U << value_bits : 0;
}

enum { ESPALIER_CALIBRATION_IMAGES = 256 }; /* enough to choose the steps of activations on */

struct espalier_levels {
    uint32_t count;                         /* codebook entries; 0: linear codes */
    int32_t low, high;                      /* linear codes: their range */
    int8_t codebook[ESPALIER_CODEBOOK_MAX]; /* rising */
    float unit;                             /* a weight is its code times this */
};

/* Clustered levels are learned together with the weights (Zhu et al. 2017, "Trained ternary quantization", eq. 7: the
 * derivative by a level is the sum of those by the weights that have it). */
struct espalier_learned_levels {
    uint32_t steps;                        /* of Adam */
    float centre[ESPALIER_CODEBOOK_MAX];   /* levels; the codebook has them rounded to units */
    float momentum[ESPALIER_CODEBOOK_MAX]; /* Adam's moments */
    float squares[ESPALIER_CODEBOOK_MAX];
};

struct espalier_quantized_layer {
    uint8_t value_bits;
    enum espalier_level_kind kind; /* clustered, unless the caller sets another before levels are chosen */
    struct espalier_levels levels;
    struct espalier_learned_levels learned; /* clustered in a codebook; else unused */
    uint8_t *entry;                         /* [rows][columns] of the codebook that a weight has now */
    uint8_t *fixed;                         /* [rows][columns] 1: the entry stays, whatever becomes of the weight */
    float input_step, output_step;          /* of activations; a raw layer's output_step is 0 */
    uint8_t mult, shift;
    uint8_t bias_bits, bias_shift;
    float *weights, *bias; /* what the forward pass computes with */
};

struct espalier_quantizer {
    uint32_t layer_count;
    uint8_t bias_bits;
    struct espalier_quantized_layer *layers;
    struct espalier_view *views; /* [layer_count] of weights, bias and step of the layers */
};

/* @param value_bits  [layers of network] 1 to 4: a codebook; 5 to 8: linear codes
 * @param bias_bits   2 to 16 */
enum espalier_status espalier_quantizer_create(const struct espalier_network *network, const uint8_t *value_bits,
                                               uint8_t bias_bits, struct espalier_quantizer *out,
                                               struct espalier_error *error);
void espalier_quantizer_free(struct espalier_quantizer *quantizer);

/* Levels, which weight has which, steps and what is learned of them; kinds and bits are those that it was made with.
 * @param network  the one that it was made for */
void espalier_quantizer_visit(struct espalier_archive *archive, struct espalier_quantizer *quantizer,
                              const struct espalier_network *network);

/* Chooses levels for the network's weights as they are now, and the steps of all activations from what the network, in
 * float arithmetic, gives for the first @p images images of @p data. */
enum espalier_status espalier_quantizer_refresh(struct espalier_quantizer *quantizer,
                                                const struct espalier_network *network,
                                                const struct espalier_dataset *data, uint32_t images,
                                                struct espalier_error *error);

/* A layer's weights were all multiplied by @p factor, over 0: its levels are, too. */
void espalier_quantizer_rescale(struct espalier_quantizer *quantizer, uint32_t layer, float factor);

/* After layers were rescaled: chooses requantization and the form of biases again, the steps of activations staying
 * what they were as nearly as mult / 2^shift can. */
void espalier_quantizer_settle(struct espalier_quantizer *quantizer, const struct espalier_network *network);

/* Rounds the network's weights and biases, as they are now, to the levels chosen, for the views. */
void espalier_quantizer_apply(struct espalier_quantizer *quantizer, const struct espalier_network *network);

/* After a backward pass over the views: one step of Adam for all levels that are learned. */
void espalier_quantizer_step(struct espalier_quantizer *quantizer, const struct espalier_live *live,
                             const struct espalier_gradients *gradients, float learning_rate);

/* Fixes the entries of at least a share @p share, 0 to 1, of each codebook layer's weights. Those come first that are
 * nearest to where another level begins: they are the ones that go back and forth between levels (Nagel et al. 2022,
 * "Overcoming oscillations in quantization-aware training"), and what others learn is then learned for good. */
enum espalier_status espalier_quantizer_fix(struct espalier_quantizer *quantizer,
                                            const struct espalier_network *network, double share,
                                            struct espalier_error *error);

/* Lets it take part in a stage, which it must outlive.
 * @param settling  more entries are fixed every epoch, all of them after three quarters of the epochs */
struct espalier_hooks espalier_quantizer_hooks(struct espalier_quantizer *quantizer, bool settling);

/* The code of a weight: that of the nearest level, the lower among equals. */
int32_t espalier_levels_code(const struct espalier_levels *levels, float weight);

/* The step whose multiples low * step to high * step represent @p values with the least squared error, among 64
 * candidates up to the one that saturates nothing; that of the largest magnitude if all are 0. */
float espalier_best_step(const float *values, size_t size, int32_t low, int32_t high);

#endif
