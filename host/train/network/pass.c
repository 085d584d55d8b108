#include "pass.h"
#include "convolve.h"
#include "noise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* No position of a window passes a derivative on: ReLU or saturation cut it. */
static const int32_t NOBODY = -1;

struct layer_pass {
    struct espalier_shape shape;
    struct espalier_convolve convolve;
    float *padded; /* input with its halo, if there is padding */
    float *padded_gradient;
    float *sums;   /* output of the convolution; backward: the derivative by it */
    float *output; /* after ReLU, pooling and rounding */
    float *output_gradient;
    float *factor;                         /* of every output, but the last layer's: what chance multiplied it by */
    int32_t *winner;                       /* which position of its pooling window an output came from */
    size_t output_size;                    /* floats */
    bool neurons;                          /* of a hidden fully connected layer: dropout applies to them */
    bool multiplied;                       /* outputs were multiplied in the last forward pass */
    struct espalier_noise noise;           /* all zero without */
    struct espalier_normalizer normalizer; /* all zero without */
    float *zeros;                          /* [rows] in place of a bias that is added behind normalization */
};

struct espalier_pass {
    uint32_t layer_count, batch;
    float *input, *factor; /* of the input: what chance multiplied it by */
    size_t input_size;     /* floats */
    struct layer_pass *layers;
};

void espalier_views_of(const struct espalier_network *network, struct espalier_view *views)
{
    for (uint32_t i = 0; i < network->layer_count; i++)
        views[i] = (struct espalier_view){.weights = network->layers[i].weights, .bias = network->layers[i].bias};
}

/* ---- Gradients */

enum espalier_status espalier_gradients_create(const struct espalier_network *network, struct espalier_gradients *out,
                                               struct espalier_error *error)
{
    out->layer_count = network->layer_count;
    out->weights = calloc(network->layer_count, sizeof *out->weights);
    out->bias = calloc(network->layer_count, sizeof *out->bias);
    out->gain = calloc(network->layer_count, sizeof *out->gain);
    out->variance = NULL;
    if (out->weights == NULL || out->bias == NULL || out->gain == NULL)
        goto no_memory;
    for (uint32_t i = 0; i < network->layer_count; i++) {
        const struct espalier_shape *shape = &network->layers[i].shape;
        out->weights[i] = calloc(espalier_shape_weights(shape), sizeof **out->weights);
        out->bias[i] = calloc(shape->rows, sizeof **out->bias);
        out->gain[i] = calloc(shape->rows, sizeof **out->gain);
        if (out->weights[i] == NULL || out->bias[i] == NULL || out->gain[i] == NULL)
            goto no_memory;
    }
    return ESPALIER_OK;

no_memory:
    espalier_gradients_free(out);
    return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for gradients");
}

enum espalier_status espalier_gradients_add_variance(const struct espalier_network *network,
                                                     struct espalier_gradients *gradients, struct espalier_error *error)
{
    bool enough = true;

    gradients->variance = calloc(network->layer_count, sizeof *gradients->variance);
    for (uint32_t i = 0; i < network->layer_count && gradients->variance != NULL; i++) {
        const struct espalier_shape *shape = &network->layers[i].shape;
        gradients->variance[i] = calloc(espalier_shape_weights(shape), sizeof **gradients->variance);
        enough = enough && gradients->variance[i] != NULL;
    }
    return gradients->variance != NULL && enough
               ? ESPALIER_OK
               : espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for gradients");
}

void espalier_gradients_free(struct espalier_gradients *gradients)
{
    for (uint32_t i = 0; i < gradients->layer_count; i++) {
        if (gradients->weights != NULL)
            free(gradients->weights[i]);
        if (gradients->bias != NULL)
            free(gradients->bias[i]);
        if (gradients->gain != NULL)
            free(gradients->gain[i]);
        if (gradients->variance != NULL)
            free(gradients->variance[i]);
    }
    free(gradients->weights);
    free(gradients->bias);
    free(gradients->gain);
    free(gradients->variance);
    memset(gradients, 0, sizeof *gradients);
}

/* ---- Buffers */

static size_t padded_size(const struct espalier_shape *shape, size_t batch)
{
    return (size_t)shape->in_channels * (shape->in_height + 2U * shape->pad) * (shape->in_width + 2U * shape->pad) *
           batch;
}

static bool allocate_buffers(struct layer_pass *layer, size_t batch, bool last)
{
    const struct espalier_shape *shape = &layer->shape;
    size_t sums = shape->rows * layer->convolve.out_height * layer->convolve.out_width * batch;

    layer->output_size =
        (size_t)shape->rows * espalier_shape_out_height(shape) * espalier_shape_out_width(shape) * batch;
    if (shape->pad > 0) {
        layer->padded = calloc(padded_size(shape, batch), sizeof *layer->padded);
        layer->padded_gradient = malloc(padded_size(shape, batch) * sizeof *layer->padded_gradient);
        if (layer->padded == NULL || layer->padded_gradient == NULL)
            return false;
    }
    layer->sums = malloc(sums * sizeof *layer->sums);
    layer->output = malloc(layer->output_size * sizeof *layer->output);
    layer->output_gradient = malloc(layer->output_size * sizeof *layer->output_gradient);
    layer->winner = malloc(layer->output_size * sizeof *layer->winner);
    layer->neurons = !last && layer->convolve.out_height == 1 && layer->convolve.out_width == 1;
    layer->factor = last ? NULL : malloc(layer->output_size * sizeof *layer->factor);
    return layer->sums != NULL && layer->output != NULL && layer->output_gradient != NULL && layer->winner != NULL &&
           (layer->factor != NULL || last);
}

enum espalier_status espalier_pass_create(const struct espalier_network *network, uint32_t batch,
                                          struct espalier_pass **out, struct espalier_error *error)
{
    const struct espalier_shape *first = &network->layers[0].shape;
    struct espalier_pass *pass = calloc(1, sizeof *pass);

    *out = NULL;
    if (pass == NULL)
        goto no_memory;
    pass->batch = batch;
    pass->input_size = (size_t)first->in_channels * first->in_height * first->in_width * batch;
    pass->input = calloc(pass->input_size, sizeof *pass->input);
    pass->factor = malloc(pass->input_size * sizeof *pass->factor);
    pass->layers = calloc(network->layer_count, sizeof *pass->layers);
    if (pass->input == NULL || pass->factor == NULL || pass->layers == NULL)
        goto no_memory;
    for (uint32_t i = 0; i < network->layer_count; i++) {
        struct layer_pass *layer = &pass->layers[i];
        layer->shape = network->layers[i].shape;
        if (espalier_convolve_create(&layer->convolve, &layer->shape, network->layers[i].mask, batch, NULL) !=
            ESPALIER_OK)
            goto no_memory;
        pass->layer_count = i + 1;
        if (!allocate_buffers(layer, batch, i + 1 == network->layer_count))
            goto no_memory;
    }
    *out = pass;
    return ESPALIER_OK;

no_memory:
    espalier_pass_free(pass);
    return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for a batch of %u images", batch);
}

enum espalier_status espalier_pass_add_noise(struct espalier_pass *pass, const struct espalier_network *network,
                                             struct espalier_error *error)
{
    enum espalier_status status = ESPALIER_OK;

    for (uint32_t i = 0; i < pass->layer_count && status == ESPALIER_OK; i++) {
        const struct espalier_shape *shape = &pass->layers[i].shape;
        status = espalier_noise_create(&pass->layers[i].noise, shape, network->layers[i].mask, pass->batch,
                                       padded_size(shape, pass->batch), error);
    }
    return status;
}

enum espalier_status espalier_pass_add_norm(struct espalier_pass *pass, bool shared, struct espalier_error *error)
{
    enum espalier_status status = ESPALIER_OK;

    for (uint32_t i = 0; i + 1 < pass->layer_count && status == ESPALIER_OK; i++) {
        struct layer_pass *layer = &pass->layers[i];
        size_t positions = layer->convolve.out_height * layer->convolve.out_width;
        status =
            espalier_normalizer_create(&layer->normalizer, shared, layer->shape.rows, positions * pass->batch, error);
        layer->zeros = calloc(layer->shape.rows, sizeof *layer->zeros);
        if (status == ESPALIER_OK && layer->zeros == NULL)
            status = espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for the normalization of a layer");
    }
    return status;
}

void espalier_pass_free(struct espalier_pass *pass)
{
    if (pass == NULL)
        return;
    for (uint32_t i = 0; i < pass->layer_count; i++) {
        struct layer_pass *layer = &pass->layers[i];
        espalier_convolve_free(&layer->convolve);
        espalier_noise_free(&layer->noise);
        espalier_normalizer_free(&layer->normalizer);
        free(layer->zeros);
        free(layer->padded);
        free(layer->padded_gradient);
        free(layer->sums);
        free(layer->output);
        free(layer->output_gradient);
        free(layer->factor);
        free(layer->winner);
    }
    free(pass->layers);
    free(pass->input);
    free(pass->factor);
    free(pass);
}

float *espalier_pass_input(struct espalier_pass *pass)
{
    return pass->input;
}

const float *espalier_pass_output(const struct espalier_pass *pass, uint32_t layer, size_t *size)
{
    *size = pass->layers[layer].output_size;
    return pass->layers[layer].output;
}

const float *espalier_pass_sums(const struct espalier_pass *pass, uint32_t layer, size_t *size)
{
    const struct espalier_convolve *convolve = &pass->layers[layer].convolve;

    *size = convolve->out_height * convolve->out_width * convolve->batch;
    return pass->layers[layer].sums;
}

const struct espalier_normalizer *espalier_pass_normalizer(const struct espalier_pass *pass, uint32_t layer)
{
    return &pass->layers[layer].normalizer;
}

/* ---- Padding */

/* Moves the inside of a padded array: out of `plain` into it, or (back = true) adds it to `plain`. */
static void move_inside(const struct espalier_shape *shape, size_t batch, float *padded, float *plain, bool back)
{
    size_t width = shape->in_width + 2U * shape->pad, height = shape->in_height + 2U * shape->pad;
    size_t row = shape->in_width * batch;

    for (size_t channel = 0; channel < shape->in_channels; channel++)
        for (size_t y = 0; y < shape->in_height; y++, plain += row) {
            float *inside = padded + ((channel * height + y + shape->pad) * width + shape->pad) * batch;
            if (!back)
                memcpy(inside, plain, row * sizeof *plain);
            else
                for (size_t i = 0; i < row; i++)
                    plain[i] += inside[i];
        }
}

/* ---- ReLU, pooling, rounding */

/* One output position of every image: the largest of a pooling window and which it was. */
static void pool_window(const float *sums, size_t row_step, size_t batch, uint32_t pool, float *restrict best,
                        int32_t *restrict winner)
{
    memcpy(best, sums, batch * sizeof *best);
    memset(winner, 0, batch * sizeof *winner);
    for (uint32_t q = 1; q < pool * pool; q++) {
        const float *candidate = sums + (q / pool) * row_step + (q % pool) * batch;
        for (size_t n = 0; n < batch; n++) /* a loop each: compilers do not vectorize the two in one */
            winner[n] = candidate[n] > best[n] ? (int32_t)q : winner[n];
        for (size_t n = 0; n < batch; n++)
            best[n] = candidate[n] > best[n] ? candidate[n] : best[n];
    }
}

static void apply_relu(float *restrict values, int32_t *restrict winner, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        winner[n] = values[n] > 0.0F ? winner[n] : NOBODY;
        values[n] = values[n] > 0.0F ? values[n] : 0.0F;
    }
}

/* Rules A5 and A6 in units of `step`: round half up, saturate. */
static void apply_rounding(float *restrict values, int32_t *restrict winner, size_t count, float step)
{
    float inverse = 1.0F / step;

    for (size_t n = 0; n < count; n++) {
        float rounded = floorf(values[n] * inverse + 0.5F);
        float saturated = rounded > 127.0F ? 127.0F : rounded < -128.0F ? -128.0F : rounded;
        winner[n] = rounded == saturated ? winner[n] : NOBODY;
        values[n] = step * saturated;
    }
}

static void finish_forward(struct layer_pass *layer, size_t batch, float step)
{
    const struct espalier_shape *shape = &layer->shape;
    size_t out_height = espalier_shape_out_height(shape), out_width = espalier_shape_out_width(shape);
    size_t row_step = layer->convolve.out_width * batch, at = 0;

    for (size_t row = 0; row < shape->rows; row++)
        for (size_t y = 0; y < out_height; y++)
            for (size_t x = 0; x < out_width; x++, at += batch)
                pool_window(layer->sums +
                                ((row * layer->convolve.out_height + y * shape->pool) * layer->convolve.out_width +
                                 x * shape->pool) *
                                    batch,
                            row_step, batch, shape->pool, layer->output + at, layer->winner + at);
    if (shape->relu)
        apply_relu(layer->output, layer->winner, layer->output_size);
    if (step > 0.0F)
        apply_rounding(layer->output, layer->winner, layer->output_size, step);
}

/* ---- Chance */

static void draw_factors(float *factor, size_t count, float variance, struct espalier_random *random)
{
    float deviation = sqrtf(variance);

    if (variance > 0.0F)
        espalier_noise_draw(random, factor, count);
    for (size_t i = 0; i < count; i++)
        factor[i] = variance > 0.0F ? 1.0F + deviation * factor[i] : 1.0F;
}

static void drop(float *factor, size_t count, float dropout, struct espalier_random *random)
{
    for (size_t i = 0; i < count; i++)
        factor[i] *= espalier_random_uniform(random) < (double)dropout ? 0.0F : 1.0F / (1.0F - dropout);
}

static void multiply(float *restrict values, const float *restrict factor, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] *= factor[i];
}

/* Multiplies a layer's outputs, unless it is the last one. */
static void apply_chance(struct layer_pass *layer, const struct espalier_chance *chance)
{
    bool dropping = chance != NULL && layer->neurons && chance->dropout > 0.0F;

    layer->multiplied = layer->factor != NULL && chance != NULL && (chance->noise > 0.0F || dropping);
    if (!layer->multiplied)
        return;
    draw_factors(layer->factor, layer->output_size, chance->noise, chance->random);
    if (dropping)
        drop(layer->factor, layer->output_size, chance->dropout, chance->random);
    multiply(layer->output, layer->factor, layer->output_size);
}

const float *espalier_pass_forward(struct espalier_pass *pass, const struct espalier_view *views,
                                   const struct espalier_chance *chance)
{
    float *input = pass->input;

    if (chance != NULL && chance->noise > 0.0F) {
        draw_factors(pass->factor, pass->input_size, chance->noise, chance->random);
        multiply(pass->input, pass->factor, pass->input_size);
    }
    for (uint32_t i = 0; i < pass->layer_count; i++) {
        struct layer_pass *layer = &pass->layers[i];
        if (layer->padded != NULL)
            move_inside(&layer->shape, pass->batch, layer->padded, input, false);
        if (layer->padded != NULL)
            input = layer->padded;
        espalier_convolve_forward(&layer->convolve, views[i].weights,
                                  views[i].gain != NULL ? layer->zeros : views[i].bias, input, layer->sums);
        if (views[i].variance != NULL && chance != NULL)
            espalier_noise_add(&layer->noise, views[i].variance, input, layer->sums, chance->random);
        if (views[i].gain != NULL)
            espalier_normalize(&layer->normalizer, views[i].gain, views[i].bias, layer->sums);
        finish_forward(layer, pass->batch, views[i].step);
        apply_chance(layer, chance);
        input = layer->output;
    }
    return input;
}

/* ---- Backward */

/* Hands the derivative by the outputs to the positions they came from; leaves it in layer->sums. */
static void start_backward(struct layer_pass *layer, const float *gradient, size_t batch)
{
    const struct espalier_shape *shape = &layer->shape;
    size_t conv_height = layer->convolve.out_height, conv_width = layer->convolve.out_width;
    size_t out_height = espalier_shape_out_height(shape), out_width = espalier_shape_out_width(shape), at = 0;

    if (conv_height % shape->pool != 0 || conv_width % shape->pool != 0) /* some positions are in no window */
        memset(layer->sums, 0, shape->rows * conv_height * conv_width * batch * sizeof *layer->sums);
    for (size_t row = 0; row < shape->rows; row++)
        for (size_t y = 0; y < out_height; y++)
            for (size_t x = 0; x < out_width; x++, at += batch)
                for (uint32_t q = 0; q < (uint32_t)shape->pool * shape->pool; q++) {
                    float *restrict to =
                        layer->sums + ((row * conv_height + y * shape->pool + q / shape->pool) * conv_width +
                                       x * shape->pool + q % shape->pool) *
                                          batch;
                    for (size_t n = 0; n < batch; n++)
                        to[n] = layer->winner[at + n] == (int32_t)q ? gradient[at + n] : 0.0F;
                }
}

/* Where the derivative by a layer's (padded) input is summed up, zeroed. */
static float *clear_input_gradient(struct layer_pass *layer, struct layer_pass *previous, size_t batch)
{
    float *gradient = layer->padded != NULL ? layer->padded_gradient : previous->output_gradient;

    memset(previous->output_gradient, 0, previous->output_size * sizeof *previous->output_gradient);
    if (layer->padded != NULL)
        memset(gradient, 0, padded_size(&layer->shape, batch) * sizeof *gradient);
    return gradient;
}

static void backward_to_input(struct layer_pass *layer, const struct espalier_view *view, struct layer_pass *previous,
                              size_t batch, float *gradient)
{
    espalier_convolve_backward_input(&layer->convolve, view->weights, layer->sums, gradient);
    if (layer->padded != NULL)
        move_inside(&layer->shape, batch, gradient, previous->output_gradient, true);
    if (previous->multiplied)
        multiply(previous->output_gradient, previous->factor, previous->output_size);
}

void espalier_pass_backward(struct espalier_pass *pass, const struct espalier_view *views, const float *logit_gradients,
                            struct espalier_gradients *gradients)
{
    const float *gradient = logit_gradients;

    for (uint32_t i = pass->layer_count; i-- > 0;) {
        struct layer_pass *layer = &pass->layers[i], *previous = i > 0 ? &pass->layers[i - 1] : NULL;
        const float *input = layer->padded != NULL ? layer->padded : previous != NULL ? previous->output : pass->input;
        start_backward(layer, gradient, pass->batch);
        if (views[i].gain != NULL)
            espalier_normalize_backward(&layer->normalizer, views[i].gain, layer->sums, gradients->gain[i],
                                        gradients->bias[i]);
        espalier_convolve_backward(&layer->convolve, input, layer->sums, gradients->weights[i],
                                   views[i].gain != NULL ? NULL : gradients->bias[i]);
        float *input_gradient = previous != NULL ? clear_input_gradient(layer, previous, pass->batch) : NULL;
        if (views[i].variance != NULL)
            espalier_noise_backward(&layer->noise, views[i].variance, input, layer->sums, gradients->variance[i],
                                    input_gradient);
        if (previous != NULL) {
            backward_to_input(layer, &views[i], previous, pass->batch, input_gradient);
            gradient = previous->output_gradient;
        }
    }
}
