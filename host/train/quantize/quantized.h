/* What a quantized network computes with, layer by layer: levels, which weight has which, steps of activations. */
#ifndef ESPALIER_QUANTIZED_H
#define ESPALIER_QUANTIZED_H

#include <espalier/compress.h>
#include <espalier/model.h>

#include "network/pass.h"

enum { ESPALIER_CODEBOOK_BITS_MAX = 4 }; /* values of more have linear codes */

/* Of the values of so many bits; 0: they have linear codes. */
static inline uint32_t espalier_codebook_entries(uint8_t value_bits)
{
    return value_bits <= ESPALIER_CODEBOOK_BITS_MAX ? 1U << value_bits : 0;
}

struct espalier_levels {
    uint32_t count;                         /* codebook entries; 0: linear codes */
    int32_t low, high;                      /* linear codes: their range */
    int8_t codebook[ESPALIER_CODEBOOK_MAX]; /* rising when chosen */
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
    float input_step, output_step;          /* of activations; a raw layer's output_step is 0 */
    uint8_t mult, shift;
    uint8_t bias_bits, bias_shift;
    float *weights, *bias; /* what the forward pass computes with */
};

struct espalier_quantizer {
    uint32_t layer_count;
    uint8_t bias_bits;
    bool normalized; /* biases are not what the model will hold, and are not rounded, before normalization is folded */
    /* Entries of codebooks stay, whatever becomes of the weights (with linear codes a step away is no other weight).
     * Many weights come to lie where two levels meet and go back and forth as soon as they may move (Nagel et al. 2022,
     * "Overcoming oscillations in quantization-aware training"). */
    bool fixed;
    float dampen; /* at the end of training with levels, from none at its beginning: see espalier_levels_pull_share */
    float pull;   /* the share of this batch */
    struct espalier_quantized_layer *layers;
    struct espalier_view *views; /* [layer_count] of weights, bias and step of the layers */
};

#endif
