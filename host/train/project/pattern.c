#include "pattern.h"

#include <math.h>

enum { KERNEL = 9 };

/* Squared norm of what a pattern keeps of a kernel. */
static double norm_in(uint16_t pattern, const float *kernel)
{
    double norm = 0.0;

    for (unsigned i = 0; i < KERNEL; i++)
        if (pattern >> i & 1)
            norm += (double)kernel[i] * (double)kernel[i];
    return norm;
}

static double nearest(const uint16_t *patterns, uint32_t count, const float *kernel, uint16_t *pattern)
{
    double best = -1.0;

    for (uint32_t p = 0; p < count; p++) {
        double norm = norm_in(patterns[p], kernel);
        if (norm > best) {
            best = norm;
            *pattern = patterns[p];
        }
    }
    return best;
}

void espalier_apply_patterns(const uint16_t *patterns, uint32_t count, size_t size, float *values, uint8_t *mask)
{
    for (size_t at = 0; at < size; at += KERNEL) {
        uint16_t pattern = 0;
        (void)nearest(patterns, count, values + at, &pattern);
        for (unsigned i = 0; i < KERNEL; i++) {
            mask[at + i] = pattern >> i & 1;
            values[at + i] = mask[at + i] ? values[at + i] : 0.0F;
        }
    }
}

static unsigned entries_of(uint16_t pattern)
{
    unsigned entries = 0;

    for (unsigned i = 0; i < KERNEL; i++)
        entries += pattern >> i & 1;
    return entries;
}

bool espalier_have_patterns(const uint8_t *mask, size_t size, uint32_t most)
{
    bool seen[1 << KERNEL] = {false}, whole = true;
    uint32_t different = 0;

    for (size_t at = 0; at < size; at += KERNEL) {
        uint16_t pattern = 0;
        for (unsigned i = 0; i < KERNEL; i++)
            pattern |= (uint16_t)(mask[at + i] << i);
        whole = whole && (pattern == 0 || entries_of(pattern) == ESPALIER_PATTERN_ENTRIES);
        different += pattern != 0 && !seen[pattern];
        seen[pattern] = true;
    }
    return whole && different <= most;
}

/* Fills the patterns of 4 entries; returns how many there are. */
static uint32_t all_patterns(uint16_t patterns[ESPALIER_PATTERNS_MAX])
{
    uint32_t count = 0;

    for (uint16_t pattern = 0; pattern < 1 << KERNEL; pattern++)
        if (entries_of(pattern) == ESPALIER_PATTERN_ENTRIES)
            patterns[count++] = pattern;
    return count;
}

/* What a further pattern adds to the norm kept. */
static double gain_of(uint16_t pattern, const uint16_t *chosen, uint32_t count, const float *values, size_t size)
{
    double gain = 0.0;
    uint16_t there;

    for (size_t at = 0; at < size; at += KERNEL)
        gain += fmax(0.0, norm_in(pattern, values + at) - fmax(0.0, nearest(chosen, count, values + at, &there)));
    return gain;
}

void espalier_choose_patterns(const float *values, size_t size, uint32_t count, uint16_t *patterns)
{
    uint16_t candidates[ESPALIER_PATTERNS_MAX];
    uint32_t left = all_patterns(candidates);

    for (uint32_t chosen = 0; chosen < count; chosen++) {
        double best = -1.0;
        uint32_t at = 0;
        for (uint32_t c = 0; c < left; c++) {
            double gain = gain_of(candidates[c], patterns, chosen, values, size);
            if (gain > best) {
                best = gain;
                at = c;
            }
        }
        patterns[chosen] = candidates[at];
        for (left--; at < left; at++) /* keeps their order: the first among equals is chosen */
            candidates[at] = candidates[at + 1];
    }
}
