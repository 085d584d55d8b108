#include "rate.h"

#include <math.h>

/* The learning rate rises over these, or over a tenth of the stage if that is less. */
enum { WARM_UP_STEPS = 200 };

double espalier_schedule(const struct espalier_run *run, double steps)
{
    const struct espalier_fit *fit = run->fit;
    double to = fit->part_to > 0.0 ? fit->part_to : 1.0;

    return fit->part_from + (to - fit->part_from) * steps / ((double)fit->epochs * run->steps);
}

uint32_t espalier_update_every(const struct espalier_run *run)
{
    uint32_t updates = run->hooks.updates;

    return updates > 0 ? (run->steps + updates - 1) / updates : 0;
}

/* The first batch behind the n-th update of the stage, or behind its last batch. */
static double behind_update(const struct espalier_run *run, uint64_t n)
{
    uint32_t every = espalier_update_every(run), in_epoch = (run->steps + every - 1) / every;

    return fmin((double)(n / in_epoch) * run->steps + (double)(n % in_epoch) * every,
                (double)run->fit->epochs * run->steps);
}

/* Where the learning rate is between two of its resets, 0 to 1. */
static double since_reset(const struct espalier_run *run, uint32_t epoch, uint32_t step)
{
    uint32_t every = espalier_update_every(run), in_epoch = (run->steps + every - 1) / every,
             resets = run->hooks.resets;
    uint64_t first = ((uint64_t)epoch * in_epoch + step / every) / resets * resets;
    double from = behind_update(run, first), to = behind_update(run, first + resets);

    return ((double)epoch * run->steps + step - from) / (to - from);
}

float espalier_rate_of(const struct espalier_run *run, uint32_t epoch, uint32_t step)
{
    double total = (double)run->fit->epochs * run->steps, at = (double)epoch * run->steps + step;
    double warm_up = fmin(WARM_UP_STEPS, 0.1 * total);
    double along = run->hooks.resets > 0 ? since_reset(run, epoch, step) : espalier_schedule(run, at);
    const double pi = 3.14159265358979323846;

    return run->fit->learning_rate * (float)(0.5 * (1.0 + cos(pi * along)) * fmin(1.0, (at + 1.0) / (warm_up + 1.0)));
}
