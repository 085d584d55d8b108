#include "convolve.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

/* Below this share of weights, products weight by weight beat the matrix product on every processor tried. */
static const double SPARSE_DENSITY = 0.12;

static int blas(size_t n)
{
    return (int)n;
}

static size_t positions(const struct espalier_convolve *c)
{
    return c->out_height * c->out_width * c->batch;
}

static void set_geometry(struct espalier_convolve *c, const struct espalier_shape *shape, size_t batch)
{
    c->rows = shape->rows;
    c->columns = espalier_shape_columns(shape);
    c->out_height = espalier_shape_conv_height(shape);
    c->out_width = espalier_shape_conv_width(shape);
    c->batch = batch;
    c->runs = shape->stride == 1 ? 1 : c->out_width;
    c->run = c->out_width * batch / c->runs;
    c->run_step = shape->stride * batch;
    c->row_step = shape->stride * (shape->in_width + 2U * shape->pad) * batch;
}

static void set_offsets(struct espalier_convolve *c, const struct espalier_shape *shape)
{
    size_t height = shape->in_height + 2U * shape->pad, width = shape->in_width + 2U * shape->pad, column = 0;

    for (size_t channel = 0; channel < shape->in_channels; channel++)
        for (size_t ky = 0; ky < shape->kernel_height; ky++)
            for (size_t kx = 0; kx < shape->kernel_width; kx++)
                c->offset[column++] = ((channel * height + ky) * width + kx) * c->batch;
}

/* Lists the columns that some row reads, and how many weights there are. */
static size_t list_active(struct espalier_convolve *c, const uint8_t *mask)
{
    size_t kept = 0;

    for (size_t column = 0; column < c->columns; column++) {
        size_t readers = 0;
        for (size_t row = 0; row < c->rows; row++)
            readers += mask[row * c->columns + column];
        if (readers > 0)
            c->active[c->active_count++] = (uint32_t)column;
        kept += readers;
    }
    return kept;
}

static bool allocate_sparse(struct espalier_convolve *c, const uint8_t *mask, size_t kept)
{
    uint32_t filled = 0;

    c->row_start = malloc((c->rows + 1) * sizeof *c->row_start);
    c->entry = malloc((kept + 1) * sizeof *c->entry);
    if (c->row_start == NULL || c->entry == NULL)
        return false;
    for (size_t row = 0; row < c->rows; row++) {
        c->row_start[row] = filled;
        for (size_t column = 0; column < c->columns; column++)
            if (mask[row * c->columns + column])
                c->entry[filled++] = (uint32_t)column;
    }
    c->row_start[c->rows] = filled;
    return true;
}

static bool allocate_dense(struct espalier_convolve *c)
{
    if (!c->whole) {
        c->matrix = malloc((c->active_count * c->out_width * c->batch + 1) * sizeof *c->matrix);
        c->gradient = malloc((c->active_count * c->out_width * c->batch + 1) * sizeof *c->gradient);
        if (c->matrix == NULL || c->gradient == NULL)
            return false;
    }
    if (c->active_count < c->columns) {
        c->packed = malloc(c->rows * c->active_count * sizeof *c->packed);
        c->packed_gradient = malloc(c->rows * c->active_count * sizeof *c->packed_gradient);
        if (c->packed == NULL || c->packed_gradient == NULL)
            return false;
    }
    return true;
}

enum espalier_status espalier_convolve_create(struct espalier_convolve *convolve, const struct espalier_shape *shape,
                                              const uint8_t *mask, size_t batch, struct espalier_error *error)
{
    memset(convolve, 0, sizeof *convolve);
    set_geometry(convolve, shape, batch);
    convolve->offset = malloc(convolve->columns * sizeof *convolve->offset);
    convolve->active = malloc(convolve->columns * sizeof *convolve->active);
    if (convolve->offset == NULL || convolve->active == NULL)
        goto no_memory;
    set_offsets(convolve, shape);

    size_t kept = list_active(convolve, mask);
    convolve->sparse = (double)kept <= SPARSE_DENSITY * (double)(convolve->rows * convolve->columns);
    convolve->whole = !convolve->sparse && convolve->active_count == convolve->columns && shape->pad == 0 &&
                      shape->kernel_height == shape->in_height && shape->kernel_width == shape->in_width;
    if (!(convolve->sparse ? allocate_sparse(convolve, mask, kept) : allocate_dense(convolve)))
        goto no_memory;
    return ESPALIER_OK;

no_memory:
    espalier_convolve_free(convolve);
    return espalier_fail(error, ESPALIER_ERR_MEMORY,
                         "out of memory for a layer of %zu x %zu weights and a batch of %zu", (size_t)shape->rows,
                         espalier_shape_columns(shape), batch);
}

void espalier_convolve_free(struct espalier_convolve *convolve)
{
    free(convolve->offset);
    free(convolve->active);
    free(convolve->row_start);
    free(convolve->entry);
    free(convolve->matrix);
    free(convolve->gradient);
    free(convolve->packed);
    free(convolve->packed_gradient);
    memset(convolve, 0, sizeof *convolve);
}

/* ---- Matrix product over the active columns, an output row after another: what it reads then stays in the
 * second-level cache. A layer that is computed on its whole input is one row. */

/* Floats of an output row of all images. */
static size_t row_size(const struct espalier_convolve *c)
{
    return c->whole ? positions(c) : c->out_width * c->batch;
}

/* The input of output row y as a matrix: [active][row_size]. */
static const float *gather_row(struct espalier_convolve *c, const float *input, size_t y)
{
    float *to = c->matrix;

    if (c->whole)
        return input;
    for (size_t i = 0; i < c->active_count; i++)
        for (size_t r = 0; r < c->runs; r++, to += c->run)
            memcpy(to, input + c->offset[c->active[i]] + y * c->row_step + r * c->run_step, c->run * sizeof *to);
    return c->matrix;
}

static void scatter_row(struct espalier_convolve *c, float *input_gradient, size_t y)
{
    const float *from = c->gradient;

    for (size_t i = 0; i < c->active_count; i++)
        for (size_t r = 0; r < c->runs; r++, from += c->run)
            cblas_saxpy(blas(c->run), 1.0F, from, 1,
                        input_gradient + c->offset[c->active[i]] + y * c->row_step + r * c->run_step, 1);
}

static const float *pack_weights(struct espalier_convolve *c, const float *weights)
{
    float *to = c->packed;

    if (to == NULL)
        return weights;
    for (size_t row = 0; row < c->rows; row++)
        for (size_t i = 0; i < c->active_count; i++)
            *to++ = weights[row * c->columns + c->active[i]];
    return c->packed;
}

static void unpack_gradient(const struct espalier_convolve *c, float *weight_gradient)
{
    const float *from = c->packed_gradient;

    for (size_t row = 0; row < c->rows; row++)
        for (size_t i = 0; i < c->active_count; i++)
            weight_gradient[row * c->columns + c->active[i]] = *from++;
}

/* output is filled with the biases. */
static void forward_dense(struct espalier_convolve *c, const float *weights, const float *input, float *output)
{
    const float *packed = pack_weights(c, weights);
    int m = blas(c->rows), k = blas(c->active_count), n = blas(row_size(c)), all = blas(positions(c));

    for (size_t y = 0; y < positions(c) / row_size(c); y++)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0F, packed, k, gather_row(c, input, y), n,
                    1.0F, output + y * row_size(c), all);
}

static void backward_dense(struct espalier_convolve *c, const float *input, const float *output_gradient,
                           float *weight_gradient)
{
    float *gradient = c->packed == NULL ? weight_gradient : c->packed_gradient;
    int m = blas(c->rows), k = blas(c->active_count), n = blas(row_size(c)), all = blas(positions(c));

    for (size_t y = 0; y < positions(c) / row_size(c); y++)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, k, n, 1.0F, output_gradient + y * row_size(c), all,
                    gather_row(c, input, y), n, y == 0 ? 0.0F : 1.0F, gradient, k);
    if (c->packed != NULL)
        unpack_gradient(c, weight_gradient);
}

static void backward_input_dense(struct espalier_convolve *c, const float *weights, const float *output_gradient,
                                 float *input_gradient)
{
    const float *packed = c->packed == NULL ? weights : c->packed;
    float *gradient = c->whole ? input_gradient : c->gradient, beta = c->whole ? 1.0F : 0.0F;
    int m = blas(c->rows), k = blas(c->active_count), n = blas(row_size(c)), all = blas(positions(c));

    for (size_t y = 0; y < positions(c) / row_size(c); y++) {
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, k, n, m, 1.0F, packed, k,
                    output_gradient + y * row_size(c), all, beta, gradient, n);
        if (!c->whole)
            scatter_row(c, input_gradient, y);
    }
}

/* ---- Weight by weight: an output row stays in the first-level cache while its weights pass */

static void forward_sparse(const struct espalier_convolve *c, const float *weights, const float *input, float *output)
{
    for (size_t row = 0; row < c->rows; row++)
        for (size_t y = 0; y < c->out_height; y++, output += c->runs * c->run)
            for (uint32_t e = c->row_start[row]; e < c->row_start[row + 1]; e++)
                for (size_t r = 0; r < c->runs; r++)
                    cblas_saxpy(blas(c->run), weights[row * c->columns + c->entry[e]],
                                input + c->offset[c->entry[e]] + y * c->row_step + r * c->run_step, 1,
                                output + r * c->run, 1);
}

static void backward_sparse(const struct espalier_convolve *c, const float *input, const float *output_gradient,
                            float *weight_gradient)
{
    for (size_t row = 0; row < c->rows; row++) {
        float *gradient = weight_gradient + row * c->columns;
        for (uint32_t e = c->row_start[row]; e < c->row_start[row + 1]; e++)
            gradient[c->entry[e]] = 0.0F;
        for (size_t y = 0; y < c->out_height; y++, output_gradient += c->runs * c->run)
            for (uint32_t e = c->row_start[row]; e < c->row_start[row + 1]; e++)
                for (size_t r = 0; r < c->runs; r++)
                    gradient[c->entry[e]] +=
                        cblas_sdot(blas(c->run), output_gradient + r * c->run, 1,
                                   input + c->offset[c->entry[e]] + y * c->row_step + r * c->run_step, 1);
    }
}

static void backward_input_sparse(const struct espalier_convolve *c, const float *weights, const float *output_gradient,
                                  float *input_gradient)
{
    for (size_t row = 0; row < c->rows; row++)
        for (size_t y = 0; y < c->out_height; y++, output_gradient += c->runs * c->run)
            for (uint32_t e = c->row_start[row]; e < c->row_start[row + 1]; e++)
                for (size_t r = 0; r < c->runs; r++)
                    cblas_saxpy(blas(c->run), weights[row * c->columns + c->entry[e]], output_gradient + r * c->run, 1,
                                input_gradient + c->offset[c->entry[e]] + y * c->row_step + r * c->run_step, 1);
}

/* ---- Either way */

float espalier_sum(const float *values, size_t n)
{
    enum { PARTS = 16 };
    float part[PARTS] = {0}, total = 0.0F;
    size_t i = 0;

    for (; i + PARTS <= n; i += PARTS)
        for (size_t p = 0; p < PARTS; p++)
            part[p] += values[i + p];
    for (; i < n; i++)
        total += values[i];
    for (size_t p = 0; p < PARTS; p++)
        total += part[p];
    return total;
}

float espalier_sum_products(const float *left, const float *right, size_t n)
{
    return cblas_sdot(blas(n), left, 1, right, 1);
}

void espalier_convolve_forward(struct espalier_convolve *convolve, const float *weights, const float *bias,
                               const float *input, float *output)
{
    size_t n = positions(convolve);

    for (size_t row = 0; row < convolve->rows; row++)
        for (size_t i = 0; i < n; i++)
            output[row * n + i] = bias[row];
    if (convolve->sparse)
        forward_sparse(convolve, weights, input, output);
    else
        forward_dense(convolve, weights, input, output);
}

void espalier_convolve_backward(struct espalier_convolve *convolve, const float *input, const float *output_gradient,
                                float *weight_gradient, float *bias_gradient)
{
    size_t n = positions(convolve);

    for (size_t row = 0; row < convolve->rows && bias_gradient != NULL; row++)
        bias_gradient[row] = espalier_sum(output_gradient + row * n, n);
    if (convolve->sparse)
        backward_sparse(convolve, input, output_gradient, weight_gradient);
    else
        backward_dense(convolve, input, output_gradient, weight_gradient);
}

void espalier_convolve_backward_input(struct espalier_convolve *convolve, const float *weights,
                                      const float *output_gradient, float *input_gradient)
{
    if (convolve->sparse)
        backward_input_sparse(convolve, weights, output_gradient, input_gradient);
    else
        backward_input_dense(convolve, weights, output_gradient, input_gradient);
}
