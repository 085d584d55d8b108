#include "batch.h"

#include <math.h>

/* Where an output pixel is read from: centre + matrix * (x, y) + shift. */
struct affine {
    float xx, xy, yx, yy, shift_x, shift_y;
};

/* Largest distortions at strength 1. */
static const float SHIFT_PIXELS = 1.5F, ROTATION_RADIANS = 0.13F, SCALE = 0.08F, SHEAR = 0.08F;

/* Uniform in [-limit, limit). */
static float draw(struct espalier_random *random, float limit)
{
    return limit * (float)(2.0 * espalier_random_uniform(random) - 1.0);
}

static struct affine draw_affine(struct espalier_random *random, float strength)
{
    float angle = draw(random, strength * ROTATION_RADIANS), shear = draw(random, strength * SHEAR);
    float scale_x = 1.0F + draw(random, strength * SCALE), scale_y = 1.0F + draw(random, strength * SCALE);
    struct affine map = {.xx = scale_x * cosf(angle),
                         .xy = -scale_y * sinf(angle) + shear,
                         .yx = scale_x * sinf(angle),
                         .yy = scale_y * cosf(angle)};

    map.shift_x = draw(random, strength * SHIFT_PIXELS);
    map.shift_y = draw(random, strength * SHIFT_PIXELS);
    return map;
}

/* The pixel at (x, y), 0 outside of the image. */
static float pixel_at(const uint8_t *pixels, int32_t height, int32_t width, int32_t y, int32_t x)
{
    return y < 0 || y >= height || x < 0 || x >= width ? 0.0F : (float)pixels[y * width + x];
}

/* Bilinear interpolation, rounded to the 0 to 255 of a pixel. */
static uint8_t sample(const uint8_t *pixels, int32_t height, int32_t width, float y, float x)
{
    float floor_y = floorf(y), floor_x = floorf(x), part_y = y - floor_y, part_x = x - floor_x;
    int32_t top = (int32_t)floor_y, left = (int32_t)floor_x;

    if (top < -1 || top >= height || left < -1 || left >= width)
        return 0;
    float above = (1.0F - part_x) * pixel_at(pixels, height, width, top, left) +
                  part_x * pixel_at(pixels, height, width, top, left + 1);
    float below = (1.0F - part_x) * pixel_at(pixels, height, width, top + 1, left) +
                  part_x * pixel_at(pixels, height, width, top + 1, left + 1);
    return (uint8_t)((1.0F - part_y) * above + part_y * below + 0.5F);
}

static float activation_of(uint8_t pixel)
{
    return (float)(pixel >> 1) / 127.0F;
}

static void fill_plain(const uint8_t *pixels, size_t size, uint32_t batch, float *out)
{
    for (size_t i = 0; i < size; i++)
        out[i * batch] = activation_of(pixels[i]);
}

static void fill_distorted(const uint8_t *pixels, int32_t height, int32_t width, const struct affine *map,
                           uint32_t batch, float *out)
{
    float centre_y = 0.5F * (float)(height - 1), centre_x = 0.5F * (float)(width - 1);

    for (int32_t row = 0; row < height; row++)
        for (int32_t column = 0; column < width; column++, out += batch) {
            float y = (float)row - centre_y, x = (float)column - centre_x;
            *out = activation_of(sample(pixels, height, width, centre_y + map->yx * x + map->yy * y + map->shift_y,
                                        centre_x + map->xx * x + map->xy * y + map->shift_x));
        }
}

void espalier_batch_fill(const struct espalier_dataset *data, const uint32_t *images, uint32_t count, uint32_t batch,
                         float augment, struct espalier_random *random, float *out)
{
    size_t size = (size_t)data->height * data->width;

    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *pixels = data->pixels + images[i] * size;
        if (augment > 0.0F) {
            struct affine map = draw_affine(random, augment);
            fill_distorted(pixels, (int32_t)data->height, (int32_t)data->width, &map, batch, out + i);
        } else {
            fill_plain(pixels, size, batch, out + i);
        }
    }
}
