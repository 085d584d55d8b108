/* The reference engine against an evaluator written another way: the direct convolution sum over input coordinates, in
 * 64-bit integers and with division in place of shifts; pooling before requantization, which rule A7 says is the same.
 */
#include "support/random_model.h"
#include "support/support.h"

#include <espalier/engine.h>
#include <stdlib.h>
#include <string.h>

/* Floor of a quotient with a positive divisor. */
static int64_t floor_divide(int64_t dividend, int64_t divisor)
{
    int64_t quotient = dividend / divisor;
    return dividend % divisor < 0 ? quotient - 1 : quotient;
}

/* Convolution scattered from the inputs: each input adds to every accumulator whose window covers it. */
static int64_t *scatter_accumulators(const struct espalier_layer *layer, const int64_t *input)
{
    int height = (int)espalier_layer_conv_height(layer), width = (int)espalier_layer_conv_width(layer);
    size_t plane = (size_t)height * (size_t)width, window = (size_t)layer->kernel_height * layer->kernel_width;
    int64_t *acc = calloc(layer->rows * plane, sizeof *acc);
    ck_assert(acc != NULL);
    for (size_t i = 0; i < layer->rows * plane; i++)
        acc[i] = layer->bias[i / plane];
    for (int c = 0; c < layer->in_channels; c++)
        for (int iy = 0; iy < layer->in_height; iy++)
            for (int ix = 0; ix < layer->in_width; ix++)
                for (int ky = 0; ky < layer->kernel_height; ky++)
                    for (int kx = 0; kx < layer->kernel_width; kx++) {
                        int top = iy + layer->pad - ky, left = ix + layer->pad - kx;
                        if (top < 0 || left < 0 || top % layer->stride || left % layer->stride)
                            continue;
                        int y = top / layer->stride, x = left / layer->stride;
                        if (y >= height || x >= width)
                            continue;
                        size_t column = (size_t)c * window + (size_t)(ky * layer->kernel_width + kx);
                        int64_t value = input[(c * layer->in_height + iy) * layer->in_width + ix];
                        for (size_t row = 0; row < layer->rows; row++) {
                            size_t position = row * layer->in_channels * window + column;
                            if (layer->mask[position])
                                acc[row * plane + (size_t)(y * width + x)] += layer->weights[position] * value;
                        }
                    }
    return acc;
}

static int64_t requantize(const struct espalier_layer *layer, int64_t acc)
{
    int64_t divisor = (int64_t)1 << layer->shift;
    int64_t value = floor_divide(2 * acc * layer->mult + divisor, 2 * divisor); /* floor(acc * mult / divisor + 1/2) */
    if (layer->relu && value < 0)
        value = 0;
    return value > 127 ? 127 : value < -128 ? -128 : value;
}

/* Maximum of the accumulators of each window, then one requantization. @p acc is replaced by the outputs. */
static void pool_and_requantize(const struct espalier_layer *layer, int64_t *acc)
{
    size_t height = espalier_layer_conv_height(layer), width = espalier_layer_conv_width(layer), pool = layer->pool;
    size_t out = 0;
    for (size_t row = 0; row < layer->rows; row++)
        for (size_t y = 0; y + pool <= height; y += pool)
            for (size_t x = 0; x + pool <= width; x += pool) {
                int64_t largest = INT64_MIN;
                for (size_t i = 0; i < pool * pool; i++) {
                    int64_t value = acc[(row * height + y + i / pool) * width + x + i % pool];
                    if (value > largest)
                        largest = value;
                }
                acc[out++] = requantize(layer, largest);
            }
}

/* The outputs of each layer, to be freed one by one. */
static void evaluate(const struct espalier_model *model, const uint8_t *pixels, int64_t **outputs)
{
    const struct espalier_layer *first = &model->layers[0];
    size_t inputs = (size_t)first->in_channels * first->in_height * first->in_width;
    int64_t *input = malloc(inputs * sizeof *input);
    ck_assert(input != NULL);
    for (size_t i = 0; i < inputs; i++)
        input[i] = pixels[i] / 2;
    for (uint32_t i = 0; i < model->layer_count; i++) {
        outputs[i] = scatter_accumulators(&model->layers[i], i == 0 ? input : outputs[i - 1]);
        if (!model->layers[i].raw)
            pool_and_requantize(&model->layers[i], outputs[i]);
    }
    free(input);
}

static size_t output_count(const struct espalier_layer *layer)
{
    return (size_t)layer->rows * espalier_layer_out_height(layer) * espalier_layer_out_width(layer);
}

/* Runs one image through engine and evaluator; every activation and every logit must agree. */
static void compare(struct espalier_engine *engine, const struct espalier_model *model, const uint8_t *pixels)
{
    const struct espalier_layer *last = &model->layers[model->layer_count - 1];
    int64_t *expected[ESPALIER_LAYERS_MAX];
    int32_t *logits = malloc(output_count(last) * sizeof *logits);
    ck_assert(logits != NULL);
    espalier_engine_run(engine, pixels, logits);
    evaluate(model, pixels, expected);
    for (uint32_t i = 0; i < model->layer_count; i++) {
        const int8_t *given = espalier_engine_activations(engine, i);
        ck_assert((given == NULL) == model->layers[i].raw);
        for (size_t k = 0; given && k < output_count(&model->layers[i]); k++)
            ck_assert_msg(given[k] == expected[i][k], "layer %u, output %zu: expected %lld, got %d", i + 1, k,
                          (long long)expected[i][k], given[k]);
    }
    for (size_t k = 0; k < output_count(last); k++)
        ck_assert_int_eq(logits[k], expected[model->layer_count - 1][k]);
    for (uint32_t i = 0; i < model->layer_count; i++)
        free(expected[i]);
    free(logits);
}

START_TEST(random_models_agree_with_an_evaluator_written_another_way)
{
    struct random_model_limits limits = random_model_defaults();
    uint32_t models = test_scale(300);
    for (uint32_t i = 0; i < models; i++) {
        struct espalier_random random;
        struct espalier_error error = {0};
        struct espalier_engine *engine;
        espalier_random_seed(&random, test_seed() + i);
        struct espalier_model *model = random_model(&random, &limits);
        test_ok(espalier_engine_create(model, &engine, &error));
        for (int image = 0; image < 2; image++) {
            uint8_t *pixels = random_image(&random, model);
            compare(engine, model, pixels);
            free(pixels);
        }
        espalier_engine_free(engine);
        espalier_model_free(model);
    }
}
END_TEST

/* A model of one weight: y = (p >> 1) * weight, requantized. */
static struct espalier_model *one_weight(int8_t weight, uint8_t mult, uint8_t shift, bool relu, bool raw)
{
    struct espalier_error error = {0};
    struct espalier_model *model;
    test_ok(espalier_model_create(1, &model, &error));
    struct espalier_layer *layer = &model->layers[0];
    layer->in_channels = layer->in_height = layer->in_width = 1;
    layer->kernel_height = layer->kernel_width = layer->stride = layer->pool = 1;
    layer->rows = 1;
    layer->value_bits = 8;
    layer->mult = mult;
    layer->shift = shift;
    layer->relu = relu;
    layer->raw = raw;
    model->dense_weights = 1;
    test_ok(espalier_layer_allocate(layer, &error));
    layer->weights[0] = weight;
    return model;
}

/* Every rounding case by hand: half goes up, for either sign; saturation on both sides; ReLU. */
START_TEST(rounding_saturation_and_relu_follow_the_rules)
{
    static const struct {
        int8_t weight;
        uint8_t pixel, mult, shift;
        bool relu, raw;
        int32_t expected;
    } cases[] = {
        {1, 7, 1, 1, false, false, 2},    /* 3 / 2 = 1.5 -> 2 */
        {-1, 7, 1, 1, false, false, -1},  /* -1.5 -> -1 */
        {-1, 10, 1, 2, false, false, -1}, /* -1.25 -> -1 */
        {-1, 12, 1, 2, false, false, -1}, /* -1.5 -> -1 */
        {-1, 14, 1, 2, false, false, -2}, /* -1.75 -> -2 */
        {127, 255, 255, 0, false, false, 127},  {-128, 255, 255, 0, false, false, -128},
        {-128, 255, 255, 0, true, false, 0},    {-128, 255, 255, 31, false, false, 0}, /* rounds up to 0 */
        {127, 255, 0, 0, false, false, 0},      {1, 255, 1, 0, false, false, 127},
        {1, 1, 1, 0, false, false, 0}, /* A1: the lowest bit of a pixel is dropped */
        {-128, 255, 9, 3, false, true, -16256},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct espalier_error error = {0};
        struct espalier_engine *engine;
        struct espalier_model *model =
            one_weight(cases[i].weight, cases[i].mult, cases[i].shift, cases[i].relu, cases[i].raw);
        int32_t logit = 0;
        test_ok(espalier_engine_create(model, &engine, &error));
        espalier_engine_run(engine, &cases[i].pixel, &logit);
        ck_assert_msg(logit == cases[i].expected, "case %zu: expected %d, got %d", i, cases[i].expected, logit);
        espalier_engine_free(engine);
        espalier_model_free(model);
    }
}
END_TEST

START_TEST(argmax_takes_the_lowest_index_among_equals)
{
    static const int32_t logits[] = {-5, 3, 7, -9, 7, 7};
    ck_assert_uint_eq(espalier_argmax(logits, 6), 2);
    ck_assert_uint_eq(espalier_argmax(logits, 2), 1);
    ck_assert_uint_eq(espalier_argmax(logits, 1), 0);
}
END_TEST

START_TEST(engine_refuses_an_unchecked_model)
{
    struct espalier_error error = {0};
    struct espalier_engine *engine;
    struct espalier_model *model = one_weight(1, 1, 0, false, true);
    model->layers[0].mask[0] = 2;
    ck_assert_int_eq(espalier_engine_create(model, &engine, &error), ESPALIER_ERR_RANGE);
    ck_assert_ptr_null(engine);
    espalier_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        random_models_agree_with_an_evaluator_written_another_way,
        rounding_saturation_and_relu_follow_the_rules,
        argmax_takes_the_lowest_index_among_equals,
        engine_refuses_an_unchecked_model,
    };
    return test_run("engine", tests, sizeof tests / sizeof *tests);
}
