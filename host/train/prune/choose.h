/* Choosing what is kept by sparse variational dropout (variational.h), in parts: after each, the weights, rows, columns
 * or blocks (grouping.h) whose noise says that they are of no use are gone, and training goes on with what is left. */
#ifndef ESPALIER_CHOOSE_H
#define ESPALIER_CHOOSE_H

#include <espalier/compress.h>

#include "loop/fit.h"
#include "variational.h"

/* @param stage    all of it: network, data, epochs and learning rate, as for one espalier_fit_run without hooks
 * @param options  format, families and prior
 * @param total    weights that may be left
 * @param budgets  NULL: the network is cut down to the total, geometrically from part to part. Else weights
 * go only if they are of no use, tiles also for a part of the way, and budgets [layers] receives what such a cut would
 * leave: the start and the aim of ADMM. */
enum espalier_status espalier_choose(const struct espalier_fit *stage, const struct espalier_compress_options *options,
                                     uint64_t total, struct espalier_budget *budgets, struct espalier_error *error);

#endif
