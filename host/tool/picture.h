/* Images in a terminal. */
#ifndef ESPALIER_TOOL_PICTURE_H
#define ESPALIER_TOOL_PICTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Whether @p out is a terminal that may be given colours (NO_COLOR is respected). */
bool picture_colour(FILE *out);

/* Draws @p count grey images of [height][width] pixels side by side, two rows of pixels in one line of half blocks:
 * in greys where @p colour, else bright pixels as ink. */
void picture_draw(FILE *out, const uint8_t *const *images, uint32_t count, uint32_t height, uint32_t width,
                  bool colour);

#endif
