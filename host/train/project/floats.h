/* The order of floats, for qsort. */
#ifndef ESPALIER_FLOATS_H
#define ESPALIER_FLOATS_H

static inline int espalier_compare_floats(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;

    return (a > b) - (a < b);
}

#endif
