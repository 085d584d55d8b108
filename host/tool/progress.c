#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 30, TEXT_MAX = 72 };
static const double patience = 2.0, interval = 0.1; /* seconds before the bar appears, and between two drawings */
static const double line_interval = 60.0;           /* the same of plain lines, both */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void progress_begin(struct progress *progress, const char *label)
{
    progress->label = label;
    progress->terminal = isatty(STDERR_FILENO);
    progress->shown = false;
    progress->begin = progress->last = now();
}

/* A share that a percentage and a time can be made of. */
static double share_of(double done)
{
    return done < 0 ? 0 : done > 1 ? 1 : done;
}

static int seconds_left(double done, double passed)
{
    return done > 0 ? (int)(passed / done - passed + 0.5) : 0;
}

void progress_update(struct progress *progress, double done)
{
    progress_update_text(progress, done, "");
}

void progress_update_text(struct progress *progress, double done, const char *text)
{
    if (!progress->terminal)
        return;
    double time = now(), passed = time - progress->begin;
    if (passed < patience || time - progress->last < interval)
        return;
    done = share_of(done);
    int filled = (int)(done * BAR_WIDTH), left = seconds_left(done, passed);
    fprintf(stderr, "\r\033[K%s [", progress->label);
    for (int i = 0; i < BAR_WIDTH; i++)
        fputc(i < filled ? '#' : '.', stderr);
    fprintf(stderr, "] %3d %%, %d:%02d left %.*s", (int)(100 * done), left / 60, left % 60, TEXT_MAX, text);
    fflush(stderr);
    progress->shown = true;
    progress->last = time;
}

void progress_line(struct progress *progress, double done, const char *text)
{
    double time = now();
    if (progress->terminal || time - progress->last < line_interval)
        return;
    done = share_of(done);
    int left = seconds_left(done, time - progress->begin);
    fprintf(stderr, "%s: %d %%, %d:%02d left: %s\n", progress->label, (int)(100 * done), left / 60, left % 60, text);
    progress->last = time;
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}
