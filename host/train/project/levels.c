#include "levels.h"
#include "cluster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REACH_MAX = 128 };

struct espalier_codes espalier_codes_of(enum espalier_level_kind kind, uint8_t value_bits)
{
    const int32_t half = 1 << (value_bits - 1);
    const struct espalier_codes codes[] = {
        [ESPALIER_LEVELS_UNIFORM] = {half > 1 ? -half : -1, half > 1 ? half - 1 : 1, half == 1},
        [ESPALIER_LEVELS_NO_ZERO] = {-half, half, true},
        [ESPALIER_LEVELS_BINARY] = {-1, 1, true},
        [ESPALIER_LEVELS_TERNARY] = {-1, 1, false},
    };
    return codes[kind];
}

int32_t espalier_nearest_code(const struct espalier_codes *codes, double wanted)
{
    double code = fmin(codes->high, fmax(codes->low, rint(wanted)));

    if (codes->no_zero && fabs(code) < 1.0)
        code = wanted < 0.0 ? -1.0 : 1.0;
    return (int32_t)code;
}

/* ---- The scale */

/* Where the weights go up to a code, largest magnitude first. */
struct stream {
    double at; /* 1 / s of the next breakpoint */
    int32_t code;
    size_t next; /* value that it belongs to */
};

static int by_magnitude(const void *left, const void *right)
{
    float a = fabsf(*(const float *)left), b = fabsf(*(const float *)right);

    return (a < b) - (a > b);
}

/* How far the codes go on a value's side. */
static int32_t reach(const struct espalier_codes *codes, float value)
{
    return value < 0.0F ? -codes->low : codes->high;
}

/* Moves a stream on to the next value from `next` on that can have its code; false if there is none. */
static bool move_on(struct stream *stream, const struct espalier_codes *codes, const float *sorted, size_t size)
{
    while (stream->next < size && reach(codes, sorted[stream->next]) < stream->code)
        stream->next++;
    if (stream->next == size || !(fabsf(sorted[stream->next]) > 0.0F))
        return false;
    stream->at = ((double)stream->code - 0.5) / fabs((double)sorted[stream->next]);
    return true;
}

/* Lets the first stream of a heap (the earliest breakpoint first) sink to its place. */
static void sink(struct stream *heap, size_t count)
{
    for (size_t at = 0, child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1].at < heap[child].at)
            child++;
        if (heap[at].at <= heap[child].at)
            return;
        struct stream other = heap[at];
        heap[at] = heap[child];
        heap[child] = other;
    }
}

/* Fills the streams of all codes but the first; returns how many there are. A larger code has a later first breakpoint,
 * so they come sorted, which is a heap. */
static size_t fill_heap(struct stream *heap, const struct espalier_codes *codes, const float *sorted, size_t size)
{
    int32_t most = codes->high > -codes->low ? codes->high : -codes->low;
    size_t count = 0;

    for (int32_t code = codes->no_zero ? 2 : 1; code <= most; code++) {
        heap[count] = (struct stream){.code = code};
        count += move_on(&heap[count], codes, sorted, size);
    }
    return count;
}

enum espalier_status espalier_solve_scale(const struct espalier_codes *codes, const float *values, size_t size,
                                          float *scale, double *gain, struct espalier_error *error)
{
    struct stream heap[REACH_MAX];
    float *sorted = malloc((size + 1) * sizeof *sorted);
    double product = 0.0, square = 0.0;

    if (sorted == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for the scale of %zu weights", size);
    memcpy(sorted, values, size * sizeof *sorted);
    qsort(sorted, size, sizeof *sorted, by_magnitude);
    for (size_t i = 0; i < size && codes->no_zero; i++) { /* at first, all have the codes next to 0 */
        product += fabs((double)sorted[i]);
        square += 1.0;
    }
    *gain = square > 0.0 ? product * product / square : 0.0;
    *scale = square > 0.0 ? (float)(product / square) : 0.0F;
    for (size_t count = fill_heap(heap, codes, sorted, size); count > 0; sink(heap, count)) {
        product += fabs((double)sorted[heap[0].next]);
        square += 2.0 * heap[0].code - 1.0;
        if (product * product / square > *gain) {
            *gain = product * product / square;
            *scale = (float)(product / square);
        }
        heap[0].next++;
        if (!move_on(&heap[0], codes, sorted, size))
            heap[0] = heap[--count];
    }
    free(sorted);
    return ESPALIER_OK;
}

enum espalier_status espalier_solve_codes(enum espalier_level_kind kind, uint8_t value_bits, const float *values,
                                          size_t size, struct espalier_codes *codes, float *scale,
                                          struct espalier_error *error)
{
    struct espalier_codes turned = espalier_codes_of(kind, value_bits);
    double gain = 0.0, turned_gain = 0.0;
    float turned_scale = 0.0F;

    *codes = turned;
    turned.low = -codes->high;
    turned.high = -codes->low;
    enum espalier_status status = espalier_solve_scale(codes, values, size, scale, &gain, error);
    if (status == ESPALIER_OK)
        status = espalier_solve_scale(&turned, values, size, &turned_scale, &turned_gain, error);
    if (status == ESPALIER_OK && turned_gain > gain) {
        *codes = turned;
        *scale = turned_scale;
    }
    return status;
}

/* ---- Projection */

static enum espalier_status project_codes(enum espalier_level_kind kind, uint8_t value_bits, float *kept, size_t count,
                                          struct espalier_error *error)
{
    struct espalier_codes codes;
    float scale = 0.0F;
    enum espalier_status status = espalier_solve_codes(kind, value_bits, kept, count, &codes, &scale, error);

    for (size_t i = 0; i < count && status == ESPALIER_OK; i++)
        kept[i] = scale > 0.0F ? scale * (float)espalier_nearest_code(&codes, (double)kept[i] / (double)scale) : 0.0F;
    return status;
}

static enum espalier_status project_clusters(uint8_t value_bits, float *kept, size_t count,
                                             struct espalier_error *error)
{
    float levels[ESPALIER_CODEBOOK_MAX], *sorted = malloc((count + 1) * sizeof *sorted);
    uint32_t level_count = UINT32_C(1) << value_bits;

    if (sorted == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for the levels of %zu weights", count);
    memcpy(sorted, kept, count * sizeof *sorted);
    enum espalier_status status = count > 0 ? espalier_cluster(sorted, count, level_count, levels, error) : ESPALIER_OK;
    for (size_t i = 0; i < count && status == ESPALIER_OK; i++) {
        float nearest = levels[0];
        for (uint32_t k = 1; k < level_count; k++)
            if (fabsf(kept[i] - levels[k]) < fabsf(kept[i] - nearest))
                nearest = levels[k];
        kept[i] = nearest;
    }
    free(sorted);
    return status;
}

enum espalier_status espalier_project_levels(enum espalier_level_kind kind, uint8_t value_bits, const uint8_t *mask,
                                             size_t size, float *values, struct espalier_error *error)
{
    float *kept = calloc(size + 1, sizeof *kept);
    size_t count = 0;

    if (kept == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for the levels of %zu weights", size);
    for (size_t i = 0; i < size; i++)
        if (mask[i])
            kept[count++] = values[i];
    enum espalier_status status = kind == ESPALIER_LEVELS_CLUSTERED
                                      ? project_clusters(value_bits, kept, count, error)
                                      : project_codes(kind, value_bits, kept, count, error);
    for (size_t i = size; i-- > 0 && status == ESPALIER_OK;)
        if (mask[i])
            values[i] = kept[--count];
    free(kept);
    return status;
}
