/* The size of a network that is still being compressed. */
#ifndef ESPALIER_SIZE_H
#define ESPALIER_SIZE_H

#include <espalier/compress.h>

#include "loop/stage.h"
#include "quantized.h"

/* What a network shall be packed as. */
struct espalier_size {
    const struct espalier_compress_options *recipe;
    const struct espalier_quantizer *quantizer; /* NULL: no levels yet */
};

/* Measures, by packing it, what the network comes to in the recipe's format with its masks as they are now. What the
 * weights are does not matter to the size, only how many bits they have; so without a quantizer the recipe's value and
 * bias bits make the same size as levels will. */
enum espalier_status espalier_packed_bits(const struct espalier_size *size, const struct espalier_network *network,
                                          uint64_t *bits, struct espalier_error *error);

/* The same for a stage's progress. */
struct espalier_measure espalier_size_measure(const struct espalier_size *size);

#endif
