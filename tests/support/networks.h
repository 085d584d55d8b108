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

/** One convolution of 3x3 (padded or not) with pooling on @p edge x @p edge, 5 hidden neurons, @p classes: 3 layers, of
 *  whose weights a share of @p kept is there. */
struct espalier_network *network_drawn(struct espalier_random *random, uint16_t edge, uint16_t classes, double kept);

/** A network for network_task: 6 filters, 16 hidden neurons, @p classes. */
struct espalier_network *network_for_task(uint16_t edge, uint16_t classes, uint64_t seed);

/** Images of @p edge x @p edge noise in which one quarter, the label, is brighter by @p contrast (0 to 128). */
struct espalier_dataset network_task(uint64_t seed, uint32_t images, uint16_t edge, uint32_t contrast);

#endif
