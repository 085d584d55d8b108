#include "cluster.h"
#include "floats.h"

#include <espalier/model.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Sorted values, or bins of them: how many, their sum and the sum of their squares, from the first to before the i-th.
 */
struct prefix {
    double count[ESPALIER_CLUSTER_BINS + 1], sum[ESPALIER_CLUSTER_BINS + 1], square[ESPALIER_CLUSTER_BINS + 1];
};

/* Fills the prefix sums; returns how many items (values or non-empty bins) there are. */
static uint32_t fill_prefix(const float *sorted, size_t size, struct prefix *prefix)
{
    double low = (double)sorted[0], width = ((double)sorted[size - 1] - low) / ESPALIER_CLUSTER_BINS;
    uint32_t items = 0;
    size_t bin = 0, at = 0;

    memset(prefix, 0, sizeof *prefix);
    while (at < size) {
        size_t first = at;
        double sum = 0.0, square = 0.0;
        for (bin++; at < size && (size <= ESPALIER_CLUSTER_BINS
                                      ? at == first
                                      : bin >= ESPALIER_CLUSTER_BINS || (double)sorted[at] < low + (double)bin * width);
             at++) {
            sum += (double)sorted[at];
            square += (double)sorted[at] * (double)sorted[at];
        }
        if (at == first)
            continue;
        prefix->count[items + 1] = prefix->count[items] + (double)(at - first);
        prefix->sum[items + 1] = prefix->sum[items] + sum;
        prefix->square[items + 1] = prefix->square[items] + square;
        items++;
    }
    return items;
}

/* Squared distance of items from..to-1 to their mean. */
static double cluster_cost(const struct prefix *prefix, uint32_t from, uint32_t to)
{
    double count = prefix->count[to] - prefix->count[from], sum = prefix->sum[to] - prefix->sum[from];

    return prefix->square[to] - prefix->square[from] - sum * sum / count;
}

/* start[k][i]: where the last of k + 1 clusters of the first i items begins, at least cost. */
typedef uint16_t cluster_starts[ESPALIER_CODEBOOK_MAX][ESPALIER_CLUSTER_BINS + 1];

static void fill_starts(const struct prefix *prefix, uint32_t items, uint32_t count, cluster_starts start)
{
    double cost[2][ESPALIER_CLUSTER_BINS + 1];

    for (uint32_t i = 1; i <= items; i++) {
        cost[0][i] = cluster_cost(prefix, 0, i);
        start[0][i] = 0;
    }
    for (uint32_t k = 1; k < count; k++)
        for (uint32_t i = k + 1; i <= items; i++) {
            double *best = &cost[k % 2][i];
            *best = HUGE_VAL;
            for (uint32_t from = k; from < i; from++) {
                double total = cost[(k - 1) % 2][from] + cluster_cost(prefix, from, i);
                if (total < *best) {
                    *best = total;
                    start[k][i] = (uint16_t)from;
                }
            }
        }
}

static bool all_finite(const float *values, size_t size)
{
    bool finite = true;

    for (size_t i = 0; i < size; i++)
        finite = finite && isfinite(values[i]);
    return finite;
}

enum espalier_status espalier_cluster(float *values, size_t size, uint32_t count, float *levels,
                                      struct espalier_error *error)
{
    if (!all_finite(values, size))
        return espalier_fail(error, ESPALIER_ERR_DIVERGED, "weights that are not finite have no levels");

    struct prefix *prefix = malloc(sizeof *prefix);
    uint16_t(*start)[ESPALIER_CLUSTER_BINS + 1] = malloc(sizeof(cluster_starts));
    enum espalier_status status = ESPALIER_OK;

    if (prefix == NULL || start == NULL) {
        status = espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for %u levels", count);
        goto done;
    }
    qsort(values, size, sizeof *values, espalier_compare_floats);
    uint32_t items = fill_prefix(values, size, prefix), clusters = items < count ? items : count;
    fill_starts(prefix, items, clusters, start);
    for (uint32_t k = clusters, to = items; k-- > 0; to = start[k][to])
        levels[k] =
            (float)((prefix->sum[to] - prefix->sum[start[k][to]]) / (prefix->count[to] - prefix->count[start[k][to]]));
    for (uint32_t k = clusters; k < count; k++)
        levels[k] = levels[clusters - 1];

done:
    free(prefix);
    free(start);
    return status;
}
