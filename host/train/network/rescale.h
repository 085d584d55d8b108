/* Multiplying a row's weights, or all weights that read a channel, by a factor. ReLU and pooling do not care which
 * scale they see: a row's factor and its channel's inverse in the next layer together change nothing. */
#ifndef ESPALIER_RESCALE_H
#define ESPALIER_RESCALE_H

#include <espalier/network.h>

/* Weights of a row. */
void espalier_rescale_row(struct espalier_float_layer *layer, uint32_t row, float factor);

/* Weights that read a channel of the layer's input. */
void espalier_rescale_channel(struct espalier_float_layer *layer, uint32_t channel, float factor);

#endif
