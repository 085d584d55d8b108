/* Regrowing: masked retraining in which positions move. From time to time each layer's smallest weights go, and as many
 * come, as 0, where the loss would fall fastest if there were a weight (Evci et al. 2020, "Rigging the lottery", with
 * the derivative summed over many batches instead of taken from one). */
#ifndef ESPALIER_REGROW_H
#define ESPALIER_REGROW_H

#include "loop/fit.h"

/* Retrains single weights in parts, with an exchange behind each part of the first three quarters: a fifth of a layer's
 * weights at first, falling to none along half a cosine. Every layer keeps as many weights as it has.
 * @param stage  all of it: network, data, epochs and learning rate, as for one espalier_fit_run without hooks */
enum espalier_status espalier_regrow(const struct espalier_fit *stage, struct espalier_error *error);

/* One exchange: in each layer, a share @p share of the weights that are there, rounded down, the smallest ones, for the
 * positions without a weight whose derivative is largest in magnitude; the first of equals.
 * @param derivatives  [layers] of [rows][columns]: of the loss by every weight, there or not */
enum espalier_status espalier_exchange(struct espalier_network *network, float *const *derivatives, double share,
                                       struct espalier_error *error);

#endif
