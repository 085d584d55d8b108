/* How many weights each layer keeps. */
#ifndef ESPALIER_BUDGET_H
#define ESPALIER_BUDGET_H

#include <espalier/compress.h>

#include "network/archive.h"

/* What a layer keeps as it is: weights, and rows and columns that have any. */
struct espalier_budget espalier_budget_of(const struct espalier_float_layer *layer);

void espalier_archive_budgets(struct espalier_archive *archive, struct espalier_budget *budgets, size_t count);

/* The first layer, counted from 1, that has no weights left and so lets nothing through; 0: there is none. */
uint32_t espalier_cut_off(const struct espalier_network *network);

/* The most weights that what ADMM keeps by such budgets can come to. Where a family removes no rows, as many stay as
 * the next layer reads: at most one for each of its columns.
 * @param families  [layers] of any kind, those of no structured one counted in weights */
uint64_t espalier_budget_bound(const struct espalier_network *network, const struct espalier_family *families,
                               const struct espalier_budget *budgets);

/* Non-structured: shares out total weights by LAMP scores (Lee et al. 2021, eq. 4: a weight's square over the sum of
 * the squares that are not smaller, within its layer), the largest of all layers first. Every layer keeps at least one,
 * and at most twice the rows that a structured network of as many weights would have. */
enum espalier_status espalier_budget_gap(const struct espalier_network *network, uint64_t total,
                                         struct espalier_budget *budgets, struct espalier_error *error);

/* Structured: rows and columns in proportion to the square root of what there is, the largest proportion with which all
 * layers together keep at most @p total weights (columns of removed rows are gone before columns are counted, and so
 * are rows whose channel is removed).
 * @param families  [layers of network] structured ones, which tell what may be removed; NULL: rows and columns */
enum espalier_status espalier_budget_structured(const struct espalier_network *network,
                                                const struct espalier_family *families, uint64_t total,
                                                struct espalier_budget *budgets, struct espalier_error *error);

#endif
