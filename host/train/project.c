#include "project.h"

#include <stdlib.h>

/* Group of element (row, column) is row * row_step + column * column_step. */
struct grouping {
    size_t count, row_step, column_step;
};

static struct grouping grouping_of(enum espalier_group group, size_t rows, size_t columns)
{
    const struct grouping groupings[] = {
        [ESPALIER_ELEMENTS] = {rows * columns, columns, 1},
        [ESPALIER_ROWS] = {rows, 1, 0},
        [ESPALIER_COLUMNS] = {columns, 0, 1},
    };
    return groupings[group];
}

struct scored {
    double score; /* squared norm */
    size_t group;
};

/* Largest score first, then lowest group. */
static int compare(const void *left, const void *right)
{
    const struct scored *a = left, *b = right;

    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return (a->group > b->group) - (a->group < b->group);
}

/* Turns scores into flags in group order: kept[g] = 1 for the `keep` largest. */
static void flag_largest(struct scored *scored, size_t count, size_t keep, uint8_t *kept)
{
    qsort(scored, count, sizeof *scored, compare);
    for (size_t i = 0; i < count; i++)
        kept[scored[i].group] = i < keep;
}

enum espalier_status espalier_project(enum espalier_group group, size_t keep, size_t rows, size_t columns,
                                      float *values, uint8_t *mask, struct espalier_error *error)
{
    struct grouping grouping = grouping_of(group, rows, columns);
    struct scored *scored = malloc(grouping.count * sizeof *scored);
    uint8_t *kept = malloc(grouping.count);
    enum espalier_status status = ESPALIER_OK;

    if (scored == NULL || kept == NULL) {
        status = espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for a projection of %zu x %zu weights", rows,
                               columns);
        goto done;
    }
    for (size_t g = 0; g < grouping.count; g++)
        scored[g] = (struct scored){0.0, g};
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++) {
            double value = (double)values[row * columns + column];
            scored[row * grouping.row_step + column * grouping.column_step].score += value * value;
        }
    flag_largest(scored, grouping.count, keep, kept);
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++) {
            size_t at = row * columns + column;
            mask[at] = kept[row * grouping.row_step + column * grouping.column_step];
            values[at] = mask[at] ? values[at] : 0.0F;
        }

done:
    free(scored);
    free(kept);
    return status;
}
