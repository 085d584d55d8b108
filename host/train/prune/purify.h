/* Removing what a pruned network no longer needs. The function that the network computes stays the same. */
#ifndef ESPALIER_PURIFY_H
#define ESPALIER_PURIFY_H

#include <espalier/network.h>

/* Weights of a row that are there. */
uint32_t espalier_row_weights(const struct espalier_float_layer *layer, size_t row);

/* Clears a row's weights and masks; its bias stays. */
void espalier_clear_row(struct espalier_float_layer *layer, size_t row);

/* Clears the masks of what is of no use: the weights of hidden rows that nobody reads, and those that read a row
 * without weights, whose constant output moves into the biases. (Before a layer with padding only if it is 0: a halo
 * reads 0, not the constant.) Shapes stay. */
void espalier_cut_unused(struct espalier_network *network);

/* Removes hidden rows that nobody reads, and rows without weights, whose constant output moves into the next layer's
 * biases, until there are none left, as espalier_cut_unused finds them. A layer keeps at least one row. Shapes shrink
 * accordingly. */
enum espalier_status espalier_purify(struct espalier_network *network, struct espalier_error *error);

/* Orders the rows of every layer but the last by their weights, most first, and the next layer's columns likewise: rows
 * that an array computes side by side then have about equally many weights. */
enum espalier_status espalier_sort_rows(struct espalier_network *network, struct espalier_error *error);

#endif
