/* The levels of a layer's weights: chosen, and which a weight has. */
#ifndef ESPALIER_CODEBOOK_H
#define ESPALIER_CODEBOOK_H

#include "network/live.h"
#include "quantized.h"

/* The range of linear codes of so many bits. */
void espalier_levels_range(struct espalier_levels *levels, uint8_t value_bits);

/* Chooses levels of the layer's kind and bits for its weights as they are now; its input_step is known. */
enum espalier_status espalier_choose_levels(const struct espalier_float_layer *layer,
                                            struct espalier_quantized_layer *quantized, struct espalier_error *error);

/* The codebook entry nearest to a weight in units. */
uint8_t espalier_nearest_entry(const struct espalier_levels *levels, float wanted);

/* The code of a weight: that of the nearest level, the lower among equals. */
int32_t espalier_levels_code(const struct espalier_levels *levels, float weight);

/* The lowest and the highest level, as weights have them; linear codes: of all codes. */
struct espalier_span {
    float low, high;
};
struct espalier_span espalier_levels_span(const struct espalier_quantized_layer *layer);

/* How far a learning rate of 1 moves the layer's weights in a step of Adam: some times the width of a level, so that it
 * takes a weight as many steps to change its level whatever the scale of its layer is; linear codes: 1. */
float espalier_levels_rate(const struct espalier_quantized_layer *layer);

/* Keeps a layer's weights within half a level's width of its outer levels. Beyond, they would wander off, since nothing
 * depends on where they are, and not find back to where their level ends (Courbariaux et al. 2015, "BinaryConnect",
 * section 2.4). */
void espalier_levels_clip(const struct espalier_quantized_layer *layer, const struct espalier_live_layer *live,
                          float *weights);

/* The share of the way to its level that a weight is pulled after a step of Adam with this learning rate, so that only
 * steps which are more than @p dampen of the longest one in the mean keep a weight half a level's width away from its
 * level, about where the next one begins (with two levels it is a width, and twice as much). In [0, 1]. */
float espalier_levels_pull_share(float dampen, float learning_rate);

/* Pulls the layer's weights by that share towards the levels that they have; linear codes: nothing. What pushes a
 * weight to and fro then leaves it where it is, and what pushes it one way still brings it to another level (Nagel et
 * al. 2022, "Overcoming oscillations in quantization-aware training", section 4.1, apart from Adam's moments as the
 * weight decay of Loshchilov and Hutter 2019 is). */
void espalier_levels_pull(const struct espalier_quantized_layer *layer, const struct espalier_live_layer *live,
                          float share, float *weights);

/* Chooses a larger unit if the learned levels have outgrown int8; returns whether it did. */
bool espalier_levels_make_room(struct espalier_quantized_layer *layer, const struct espalier_float_layer *from);

/* After a backward pass over the views: one step of Adam for all levels that are learned. */
void espalier_quantizer_step(struct espalier_quantizer *quantizer, const struct espalier_live *live,
                             const struct espalier_gradients *gradients, float learning_rate);

#endif
