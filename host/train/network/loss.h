/* What training makes small, and its derivatives by the logits. Arrays of logits are [classes][batch]. */
#ifndef ESPALIER_LOSS_H
#define ESPALIER_LOSS_H

#include <stdint.h>

/* Softmax cross-entropy, averaged over the batch; gradients receives its derivative by the logits. */
double espalier_cross_entropy(const float *logits, const uint8_t *labels, uint32_t classes, uint32_t batch,
                              float *gradients);

/* Softmax cross-entropy of one image, in nats.
 * @param stride  between its logits */
double espalier_image_loss(const float *logits, uint8_t label, uint32_t classes, uint32_t stride);

/* Knowledge distillation (Hinton, Vinyals and Dean 2015): temperature^2 times the Kullback-Leibler divergence of the
 * softened probabilities from the teacher's, averaged over the batch: 0 if both say the same; gradients receives its
 * derivative by the logits.
 * @param temperature  over 0; both networks' logits are divided by it */
double espalier_distillation(const float *logits, const float *teacher, uint32_t classes, uint32_t batch,
                             float temperature, float *gradients);

#endif
