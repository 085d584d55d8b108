/* Multiplying a row's weights, or all weights that read a channel, by a factor. ReLU and pooling do not care which
 * scale they see: a row's factor and its channel's inverse in the next layer together change nothing. */
#ifndef ESPALIER_RESCALE_H
#define ESPALIER_RESCALE_H

#include "variational.h"

/* Weights of a row, their noise with them; variational may be NULL. */
void espalier_rescale_row(struct espalier_network *network, struct espalier_variational *variational, uint32_t layer,
                          uint32_t row, float factor);

/* Weights that read a channel of the layer's input, their noise with them; variational may be NULL. */
void espalier_rescale_channel(struct espalier_network *network, struct espalier_variational *variational,
                              uint32_t layer, uint32_t channel, float factor);

#endif
