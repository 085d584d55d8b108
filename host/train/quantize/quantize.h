/* Quantization inside the training loop: every forward pass computes with what the integer model will hold.
 *
 * A layer's weights are codes (int8) times `unit`; its input activations are integers times `input_step`; so its sums
 * are integers times unit * input_step, and its biases are rounded to a multiple of that. The requantizer's factor mult
 * / 2^shift is chosen first, and the step of the layer's output is what follows from it: nothing is approximated at
 * export. */
#ifndef ESPALIER_QUANTIZE_H
#define ESPALIER_QUANTIZE_H

#include <espalier/dataset.h>

#include "loop/hooks.h"
#include "network/archive.h"
#include "quantized.h"

enum { ESPALIER_CALIBRATION_IMAGES = 256 }; /* enough to choose the steps of activations on */

/* @param value_bits  [layers of network] 1 to 4: a codebook; 5 to 8: linear codes
 * @param bias_bits   2 to 16 */
enum espalier_status espalier_quantizer_create(const struct espalier_network *network, const uint8_t *value_bits,
                                               uint8_t bias_bits, struct espalier_quantizer *out,
                                               struct espalier_error *error);
void espalier_quantizer_free(struct espalier_quantizer *quantizer);

/* Levels, which weight has which, steps and what is learned of them; kinds and bits are those that it was made with.
 * @param network  the one that it was made for */
void espalier_quantizer_visit(struct espalier_archive *archive, struct espalier_quantizer *quantizer,
                              const struct espalier_network *network);

/* Chooses levels for the network's weights as they are now, and the steps of all activations from what the network, in
 * float arithmetic, gives for the first @p images images of @p data. */
enum espalier_status espalier_quantizer_refresh(struct espalier_quantizer *quantizer,
                                                const struct espalier_network *network,
                                                const struct espalier_dataset *data, uint32_t images,
                                                struct espalier_error *error);

/* A layer's weights were all multiplied by @p factor, over 0: its levels are, too. */
void espalier_quantizer_rescale(struct espalier_quantizer *quantizer, uint32_t layer, float factor);

/* After layers were rescaled: chooses requantization and the form of biases again, the steps of activations staying
 * what they were as nearly as mult / 2^shift can. */
void espalier_quantizer_settle(struct espalier_quantizer *quantizer, const struct espalier_network *network);

/* After a step of the optimizer: pulls weights towards their levels, and brings back what went where no level and no
 * bias reaches. */
void espalier_quantizer_hold(const struct espalier_quantizer *quantizer, const struct espalier_live *live,
                             struct espalier_network *network);

/* Gives levels that have outgrown int8 a larger unit. */
void espalier_quantizer_make_room(struct espalier_quantizer *quantizer, const struct espalier_network *network);

/* Rounds the network's weights and biases, as they are now, to the levels chosen, for the views. */
void espalier_quantizer_apply(struct espalier_quantizer *quantizer, const struct espalier_network *network);

/* Lets it take part in a stage, which it must outlive.
 * @param settling  entries are fixed: levels and biases learn alone */
struct espalier_hooks espalier_quantizer_hooks(struct espalier_quantizer *quantizer, bool settling);

#endif
