/* Hidden rows that no image makes active. They cost weights and say nothing, and the sums of a row that reads nothing
 * else have no variance for normalization to divide by. */
#ifndef ESPALIER_DEAD_H
#define ESPALIER_DEAD_H

#include <espalier/dataset.h>
#include <espalier/network.h>

/* Clears the hidden rows with ReLU whose outputs are 0 for all of the first @p images, as they are, and what is then of
 * no use (purify.h): for these images the network computes what it did. A layer of such rows only keeps them. */
enum espalier_status espalier_cut_dead(struct espalier_network *network, const struct espalier_dataset *data,
                                       uint32_t images, struct espalier_error *error);

#endif
