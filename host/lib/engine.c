/* The reference engine. It specifies the arithmetic by being plain: rules A1 to A8 are those of
 * rtl/array/ARITHMETIC.md. For every output position the window under the kernel is gathered into a patch, column k of
 * the GEMM view at patch[k]; then each row is a dot product with it. */
#include <espalier/engine.h>

#include "layer_fields.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(-3 >> 1 == -2, "the engine needs an arithmetic shift right");

struct espalier_engine {
    const struct espalier_model *model;
    int8_t *activations[ESPALIER_LAYERS_MAX + 1]; /* [0] the image, [i + 1] what layer i gives; NULL for a raw layer */
};

/* The input under the kernel at position (y, x); padding reads as 0 (A4). */
static void gather_patch(const struct espalier_layer *layer, const int8_t *input, uint32_t y, uint32_t x, int8_t *patch)
{
    for (uint32_t channel = 0; channel < layer->in_channels; channel++) {
        for (uint32_t ky = 0; ky < layer->kernel_height; ky++) {
            for (uint32_t kx = 0; kx < layer->kernel_width; kx++) {
                int64_t in_y = (int64_t)y * layer->stride + ky - layer->pad;
                int64_t in_x = (int64_t)x * layer->stride + kx - layer->pad;
                bool inside = in_y >= 0 && in_y < layer->in_height && in_x >= 0 && in_x < layer->in_width;
                size_t place = ((size_t)channel * layer->in_height + (size_t)in_y) * layer->in_width + (size_t)in_x;
                *patch++ = inside ? input[place] : 0;
            }
        }
    }
}

/* A4. Weights that are not stored are 0. */
static int32_t accumulate(const struct espalier_layer *layer, uint32_t row, const int8_t *patch, size_t columns)
{
    const int8_t *weights = layer->weights + row * columns;
    int32_t acc = layer->bias[row];
    for (size_t column = 0; column < columns; column++)
        acc += weights[column] * patch[column];
    return acc;
}

/* A5 and A6 */
static int8_t requantize(const struct espalier_layer *layer, int32_t acc)
{
    int64_t half = layer->shift > 0 ? INT64_C(1) << (layer->shift - 1) : 0;
    int64_t value = ((int64_t)acc * layer->mult + half) >> layer->shift;
    int64_t low = layer->relu ? 0 : -128;
    return (int8_t)(value < low ? low : value > 127 ? 127 : value);
}

/* A8 */
static void raw_layer(const struct espalier_layer *layer, const int8_t *input, int32_t *logits)
{
    int8_t patch[ESPALIER_COLUMNS_MAX];
    size_t columns = espalier_layer_columns(layer);
    uint32_t height = espalier_layer_out_height(layer), width = espalier_layer_out_width(layer);
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            gather_patch(layer, input, y, x, patch);
            for (uint32_t row = 0; row < layer->rows; row++)
                logits[((size_t)row * height + y) * width + x] = accumulate(layer, row, patch, columns);
        }
    }
}

/* A7: positions are visited window by window, and the maximum grows in the output. */
static void pooled_layer(const struct espalier_layer *layer, const int8_t *input, int8_t *output)
{
    int8_t patch[ESPALIER_COLUMNS_MAX];
    size_t columns = espalier_layer_columns(layer);
    uint32_t height = espalier_layer_out_height(layer), width = espalier_layer_out_width(layer), pool = layer->pool;
    memset(output, -128, (size_t)layer->rows * height * width);
    for (uint32_t y = 0; y < height * pool; y++) {
        for (uint32_t x = 0; x < width * pool; x++) {
            gather_patch(layer, input, y, x, patch);
            for (uint32_t row = 0; row < layer->rows; row++) {
                int8_t value = requantize(layer, accumulate(layer, row, patch, columns));
                int8_t *maximum = &output[((size_t)row * height + y / pool) * width + x / pool];
                if (value > *maximum)
                    *maximum = value;
            }
        }
    }
}

void espalier_engine_layer(const struct espalier_layer *layer, const int8_t *input, int8_t *output, int32_t *logits)
{
    if (layer->raw)
        raw_layer(layer, input, logits);
    else
        pooled_layer(layer, input, output);
}

static size_t output_count(const struct espalier_layer *layer)
{
    return (size_t)layer->rows * espalier_layer_out_height(layer) * espalier_layer_out_width(layer);
}

enum espalier_status espalier_engine_create(const struct espalier_model *model, struct espalier_engine **out,
                                            struct espalier_error *error)
{
    *out = NULL;
    enum espalier_status status = espalier_model_check(model, error);
    if (status != ESPALIER_OK)
        return status;
    struct espalier_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        goto no_memory;
    engine->model = model;
    const struct espalier_layer *first = &model->layers[0];
    engine->activations[0] = malloc((size_t)first->in_channels * first->in_height * first->in_width);
    if (!engine->activations[0])
        goto no_memory;
    for (uint32_t i = 0; i < model->layer_count; i++) {
        if (model->layers[i].raw)
            continue;
        engine->activations[i + 1] = malloc(output_count(&model->layers[i]));
        if (!engine->activations[i + 1])
            goto no_memory;
    }
    *out = engine;
    return ESPALIER_OK;
no_memory:
    espalier_engine_free(engine);
    return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for the activations");
}

void espalier_engine_free(struct espalier_engine *engine)
{
    if (!engine)
        return;
    for (size_t i = 0; i <= ESPALIER_LAYERS_MAX; i++)
        free(engine->activations[i]);
    free(engine);
}

void espalier_engine_run(struct espalier_engine *engine, const uint8_t *pixels, int32_t *logits)
{
    const struct espalier_model *model = engine->model;
    const struct espalier_layer *first = &model->layers[0], *last = &model->layers[model->layer_count - 1];
    size_t inputs = (size_t)first->in_channels * first->in_height * first->in_width;
    for (size_t i = 0; i < inputs; i++)
        engine->activations[0][i] = (int8_t)(pixels[i] >> 1); /* A1 */
    for (uint32_t i = 0; i < model->layer_count; i++)
        espalier_engine_layer(&model->layers[i], engine->activations[i], engine->activations[i + 1], logits);
    size_t outputs = last->raw ? 0 : output_count(last);
    for (size_t i = 0; i < outputs; i++)
        logits[i] = engine->activations[model->layer_count][i];
}

const int8_t *espalier_engine_activations(const struct espalier_engine *engine, uint32_t index)
{
    return index < engine->model->layer_count ? engine->activations[index + 1] : NULL;
}

uint32_t espalier_argmax(const int32_t *logits, uint32_t count)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < count; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}
