/** Float networks and an easy task, for the tests of training and compression. */
#ifndef ESPALIER_TEST_NETWORKS_H
#define ESPALIER_TEST_NETWORKS_H

#include <espalier/random.h>
#include <espalier/train.h>

/** Fills what shapes leave 0: the input of every layer but the first is the output of the one before, a kernel covers
 *  its whole input, strides and pooling edges are 1. */
void network_chain(struct espalier_shape *shapes, uint32_t count);

/** Chains the shapes and makes a network of them, or fails the test. */
struct espalier_network *network_of(struct espalier_shape *shapes, uint32_t count, uint64_t seed);

/** Makes 0 what the layer's mask does not keep, and draws its biases. */
void network_settle(struct espalier_random *random, struct espalier_float_layer *layer);

/** Images of @p edge x @p edge noise in which one quarter, the label, is brighter by @p contrast (0 to 128). */
struct espalier_dataset network_task(uint64_t seed, uint32_t images, uint16_t edge, uint32_t contrast);

#endif
