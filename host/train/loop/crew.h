/* A crew of threads that share a piece of work and wait for one another: the same parts in the same hands every time,
 * so that the result depends on how many there are and on nothing else. */
#ifndef ESPALIER_CREW_H
#define ESPALIER_CREW_H

#include <espalier/status.h>
#include <stdint.h>

struct espalier_crew;

/* Work on one part of it, 0 to threads - 1. */
typedef void espalier_crew_work(void *context, uint32_t part);

/* @param threads  1 or more, the caller's own among them */
enum espalier_status espalier_crew_create(uint32_t threads, struct espalier_crew **out, struct espalier_error *error);
/* NULL is allowed. */
void espalier_crew_free(struct espalier_crew *crew);

uint32_t espalier_crew_size(const struct espalier_crew *crew);

/* Has every part done, part 0 by the caller; returns when all are. */
void espalier_crew_run(struct espalier_crew *crew, espalier_crew_work *work, void *context);

#endif
