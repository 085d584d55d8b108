/* How normalization begins in a stage, and how it ends. */
#ifndef ESPALIER_NORM_STAGE_H
#define ESPALIER_NORM_STAGE_H

#include "run.h"

/* Begins with what the network's sums are for the first images of the run's order. */
enum espalier_status espalier_norm_begin_stage(struct espalier_run *run, struct espalier_error *error);

/* Folds normalization, if there is any, into the network; levels follow. */
void espalier_norm_end_stage(struct espalier_run *run);

#endif
