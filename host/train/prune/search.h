/* Per-layer budgets found by a search that is told only the total. */
#ifndef ESPALIER_SEARCH_H
#define ESPALIER_SEARCH_H

#include <espalier/compress.h>

#include "loop/fit.h"

struct espalier_search {
    const struct espalier_network *network; /* unchanged */
    const struct espalier_dataset *data;
    const struct espalier_compress_options *options; /* search_trials tells how many trials */
    uint64_t total;                                  /* weights that may be kept */
    double done_from, done_to;                       /* shares of the whole job done before and after */
    struct espalier_state *state;                    /* of the job */
    struct espalier_measure measure;
};

/* Betters budgets by trials. What is searched: the weights of each layer (gap), or the rows and columns of each
 * (structured), as factors of what the budgets are given as; all together are scaled so that what is kept comes to the
 * total. A trial prunes the network at once by these budgets, trains what is left for one epoch on at most 10,000
 * images and counts the held-out images that it then classifies right: pattern search (Hooke and Jeeves 1961) doubles
 * or halves one factor at a time, keeps what is better, and goes on with smaller moves when none is. All trials see the
 * same images in the same order.
 *
 * A heuristic: a trial stands for what a whole run would give. It reads training images and held-out ones only, and the
 * held-out accuracy of the result is that much less of a surprise.
 * @param budgets  [layers] where to start; receives the best */
enum espalier_status espalier_search_budgets(const struct espalier_search *job, struct espalier_budget *budgets,
                                             struct espalier_error *error);

/* Refuses a search where there is nothing to search for. */
enum espalier_status espalier_check_search(const struct espalier_compress_options *options,
                                           struct espalier_error *error);

#endif
