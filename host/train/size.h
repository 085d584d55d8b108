/* The size of a network that is still being compressed. */
#ifndef ESPALIER_SIZE_H
#define ESPALIER_SIZE_H

#include <espalier/compress.h>

#include "quantize.h"

/* Measures, by packing it, what the network comes to in the recipe's format with its masks as they are now. What the
 * weights are does not matter to the size, only how many bits they have; so without a quantizer (NULL) the recipe's
 * value and bias bits make the same size as levels will. */
enum espalier_status espalier_packed_bits(const struct espalier_network *network,
                                          const struct espalier_quantizer *quantizer,
                                          const struct espalier_compress_options *recipe, uint64_t *bits,
                                          struct espalier_error *error);

#endif
