/* Makes a batch of network inputs out of a data set's images. */
#ifndef ESPALIER_BATCH_H
#define ESPALIER_BATCH_H

#include <espalier/dataset.h>
#include <espalier/random.h>

/* Writes images as rule A1 has them, (p >> 1) / 127, to out: [height][width][batch].
 * @param images   [count] which images, count <= batch; the rest of the batch is left as it is
 * @param augment  strength of the random shift, rotation, scale and shear drawn from @p random; 0: none */
void espalier_batch_fill(const struct espalier_dataset *data, const uint32_t *images, uint32_t count, uint32_t batch,
                         float augment, struct espalier_random *random, float *out);

#endif
