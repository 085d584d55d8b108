/* Float networks in an archive: what checkpoints and the state of training share. */
#ifndef ESPALIER_CHECKPOINT_H
#define ESPALIER_CHECKPOINT_H

#include "archive.h"

#include <espalier/network.h>

/* Weights, biases and masks of all layers; the shapes are those that the network has, and must be. */
void espalier_archive_layers(struct espalier_archive *archive, struct espalier_network *network);

/* Makes room for a network whose layers are read next, as their shapes say. *out is NULL, and the archive has failed,
 * if they are none. */
void espalier_archive_create(struct espalier_archive *archive, uint32_t layer_count, struct espalier_network **out);

#endif
