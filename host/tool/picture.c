#include "picture.h"

#include <stdlib.h>
#include <unistd.h>

enum { INK = 96 }; /* from this brightness on a pixel is ink, where there are no greys */

bool picture_colour(FILE *out)
{
    const char *no_colour = getenv("NO_COLOR");
    return isatty(fileno(out)) && !(no_colour && *no_colour);
}

/* Index of a grey in the 256-colour palette: black, 24 steps, white. */
static int palette_grey(uint8_t pixel)
{
    int step = pixel * 25 / 255;
    return step == 0 ? 16 : step == 25 ? 231 : 231 + step;
}

static void draw_pair(FILE *out, uint8_t upper, uint8_t lower, bool colour)
{
    static const char *const ink[] = {" ", "▄", "▀", "█"};
    if (colour)
        fprintf(out, "\033[38;5;%d;48;5;%dm▀", palette_grey(upper), palette_grey(lower));
    else
        fputs(ink[2 * (upper >= INK) + (lower >= INK)], out);
}

void picture_draw(FILE *out, const uint8_t *const *images, uint32_t count, uint32_t height, uint32_t width, bool colour)
{
    for (uint32_t y = 0; y < height; y += 2) {
        for (uint32_t i = 0; i < count; i++) {
            fputs("  ", out);
            for (uint32_t x = 0; x < width; x++) {
                const uint8_t *pixel = &images[i][(size_t)y * width + x];
                draw_pair(out, pixel[0], (uint8_t)(y + 1 < height ? pixel[width] : 0), colour);
            }
            if (colour)
                fputs("\033[0m", out);
        }
        fputc('\n', out);
    }
}
