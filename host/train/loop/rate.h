/* The learning rate along a stage. */
#ifndef ESPALIER_RATE_H
#define ESPALIER_RATE_H

#include "run.h"

/* Where the stage's schedule is after so many batches, 0 to 1. */
double espalier_schedule(const struct espalier_run *run, double steps);

/* Batches between two updates of what an epoch updates; 0 if it updates nothing. */
uint32_t espalier_update_every(const struct espalier_run *run);

/* The learning rate of a batch: half a cosine, along the schedule or from reset to reset. */
float espalier_rate_of(const struct espalier_run *run, uint32_t epoch, uint32_t step);

#endif
