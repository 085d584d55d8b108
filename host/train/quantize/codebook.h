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

/* After a backward pass over the views: one step of Adam for all levels that are learned. */
void espalier_quantizer_step(struct espalier_quantizer *quantizer, const struct espalier_live *live,
                             const struct espalier_gradients *gradients, float learning_rate);

#endif
