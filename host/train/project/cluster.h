/* Clustered levels: as few numbers as a codebook holds for all weights of a layer. */
#ifndef ESPALIER_CLUSTER_H
#define ESPALIER_CLUSTER_H

#include <espalier/status.h>
#include <stddef.h>
#include <stdint.h>

/* Least-squares clustering of @p values in one dimension into @p count levels (Fisher 1958; Wang and Song 2011), by
 * dynamic programming. Exact for up to ESPALIER_CLUSTER_BINS values, else for that many equally wide bins.
 * @param values  [size], size > 0; sorted here
 * @param levels  receives [count], rising; if there are fewer different values than levels, the last is repeated
 * @return ESPALIER_ERR_DIVERGED if a value is not finite */
enum { ESPALIER_CLUSTER_BINS = 512 };
enum espalier_status espalier_cluster(float *values, size_t size, uint32_t count, float *levels,
                                      struct espalier_error *error);

#endif
