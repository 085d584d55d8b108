/* A progress bar on stderr. It shows itself only on a terminal, and only when the work takes more than two seconds.
 * Elsewhere, long work may print a line now and then. */
#ifndef ESPALIER_TOOL_PROGRESS_H
#define ESPALIER_TOOL_PROGRESS_H

#include <stdbool.h>

struct progress {
    const char *label;
    bool terminal, shown;
    double begin, last; /* seconds of a monotonic clock: the start, and when the bar or a line was last shown */
};

/* @p label must outlive the bar. */
void progress_begin(struct progress *progress, const char *label);
/* @p done is the share that is done, 0 to 1. Cheap enough to be called often; not from two threads at once. */
void progress_update(struct progress *progress, double done);
/* The same with a text of one line behind the bar (such as a loss), cut to what fits. */
void progress_update_text(struct progress *progress, double done, const char *text);
/* Where there is no terminal: prints a line, but none in the first minute and at most one a minute. For moments that
 * are worth one, such as an epoch's end. */
void progress_line(struct progress *progress, double done, const char *text);
/* Takes the bar off the terminal. */
void progress_end(struct progress *progress);

#endif
