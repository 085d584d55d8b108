/* The state of a job under way, in a file: written at every epoch's end, and taken up when the job is run again.
 *
 * A job is nested parts: the recipe, in it perhaps a search, in that a trial, in that a stage of training. Each enters
 * its part with the visit of what it keeps (archive.h), and leaves it again. Saving visits all parts that are entered,
 * outermost first. When a job is taken up, a part that is entered is filled from the file by the same visit, until all
 * that was saved is there again: each part goes on by looking at what it keeps, and knows of no resuming.
 *
 * The file, integers little-endian: magic "ESPT", version (4), bytes of the fingerprint (4), the fingerprint, epochs
 * finished (4), then each part: bytes of its name (1), its name, what its visit writes; CRC-32 of all before it (4). */
#ifndef ESPALIER_STATE_H
#define ESPALIER_STATE_H

#include "fingerprint.h"
#include "network/archive.h"

enum { ESPALIER_STATE_PARTS_MAX = 8 };

/* All 0: nothing is kept. */
struct espalier_state {
    const char *path;                        /* NULL: nothing is kept */
    struct espalier_fingerprint fingerprint; /* of the job */
    uint32_t epochs;                         /* finished, of all stages; counted without a file, too */
    uint32_t part_count;
    struct {
        const char *name;
        espalier_visit *visit;
        void *context;
    } parts[ESPALIER_STATE_PARTS_MAX]; /* entered */
    struct espalier_archive saved;     /* bytes: what has not been taken up yet */
};

/* Opens the file, if it is there; path and fingerprint are set.
 * @return ESPALIER_ERR_FORMAT if it is damaged or no state, ESPALIER_ERR_RANGE if it belongs to another job */
enum espalier_status espalier_state_open(struct espalier_state *state, struct espalier_error *error);

/* Ends it, and gives back @p status; ESPALIER_ERR_FORMAT if the job is at its end and there are parts in the file that
 * it never came to. The file stays. */
enum espalier_status espalier_state_close(struct espalier_state *state, enum espalier_status status,
                                          struct espalier_error *error);

/* Enters a part of the job, filling it from the file if that is where it was saved. To be left whatever is returned.
 * @return ESPALIER_ERR_FORMAT if there is something else in the file */
enum espalier_status espalier_state_enter(struct espalier_state *state, const char *name, espalier_visit *visit,
                                          void *context, struct espalier_error *error);
void espalier_state_leave(struct espalier_state *state);

/* An epoch is finished: writes the file anew. */
enum espalier_status espalier_state_save(struct espalier_state *state, struct espalier_error *error);

#endif
