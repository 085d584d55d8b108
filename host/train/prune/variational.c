#include "variational.h"
#include "network/adam.h"
#include "project/floats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float FIRST_LOG_VARIANCE = -10.0F, FIRST_LOG_ALPHA = -3.0F, SQUARE_MIN = 1e-16F,
                   GROUP_RATE = 3.0F; /* rows and columns are few, and each has the evidence of many weights */

static bool allocate_layer(struct espalier_noisy_layer *layer)
{
    layer->parameter = malloc(layer->parameters * sizeof *layer->parameter);
    layer->gradient = calloc(layer->parameters, sizeof *layer->gradient);
    layer->mean = calloc(layer->parameters, sizeof *layer->mean);
    layer->moment = calloc(layer->parameters, sizeof *layer->moment);
    layer->power = calloc(layer->parameters, sizeof *layer->power);
    layer->variance = calloc(layer->rows * layer->columns, sizeof *layer->variance);
    return layer->parameter != NULL && layer->gradient != NULL && layer->mean != NULL && layer->moment != NULL &&
           layer->power != NULL && layer->variance != NULL;
}

enum espalier_status espalier_variational_create(const struct espalier_network *network, enum espalier_noise_kind kind,
                                                 struct espalier_variational *out, struct espalier_error *error)
{
    memset(out, 0, sizeof *out);
    out->kind = kind;
    out->layers = calloc(network->layer_count, sizeof *out->layers);
    if (out->layers == NULL)
        goto no_memory;
    out->layer_count = network->layer_count;
    for (uint32_t i = 0; i < network->layer_count; i++) {
        struct espalier_noisy_layer *layer = &out->layers[i];
        bool elements = kind == ESPALIER_NOISE_ELEMENTS;
        layer->rows = network->layers[i].shape.rows;
        layer->columns = espalier_shape_columns(&network->layers[i].shape);
        layer->parameters = elements ? layer->rows * layer->columns : layer->rows + layer->columns;
        if (!allocate_layer(layer))
            goto no_memory;
        for (size_t k = 0; k < layer->parameters; k++)
            layer->parameter[k] = elements ? FIRST_LOG_VARIANCE : FIRST_LOG_ALPHA;
    }
    return ESPALIER_OK;

no_memory:
    espalier_variational_free(out);
    return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for the variances of the weights");
}

void espalier_variational_free(struct espalier_variational *variational)
{
    for (uint32_t i = 0; i < variational->layer_count; i++) {
        struct espalier_noisy_layer *layer = &variational->layers[i];
        free(layer->parameter);
        free(layer->gradient);
        free(layer->mean);
        free(layer->moment);
        free(layer->power);
        free(layer->variance);
    }
    free(variational->layers);
    memset(variational, 0, sizeof *variational);
}

/* Powers, variances and derivatives are made anew in every step. */
void espalier_variational_visit(struct espalier_archive *archive, struct espalier_variational *variational)
{
    espalier_archive_u32(archive, &variational->steps, 1);
    for (uint32_t i = 0; i < variational->layer_count; i++) {
        struct espalier_noisy_layer *layer = &variational->layers[i];
        espalier_archive_floats(archive, layer->parameter, layer->parameters);
        espalier_archive_floats(archive, layer->mean, layer->parameters);
        espalier_archive_squares(archive, layer->moment, layer->parameters);
    }
}

/* ---- One noise a weight, or one a row and one a column */

static void apply_elements(struct espalier_noisy_layer *layer, const struct espalier_live_layer *live)
{
    for (size_t i = 0; i < live->count; i++) {
        size_t k = espalier_live_at(live, i);
        layer->variance[k] = expf(layer->parameter[k]);
    }
}

static void apply_groups(struct espalier_noisy_layer *layer, const struct espalier_live_layer *live,
                         const float *weights)
{
    const float *of_column = layer->power + layer->rows;

    for (size_t p = 0; p < layer->parameters; p++)
        layer->power[p] = expf(layer->parameter[p]);
    for (size_t i = 0; i < live->count; i++) {
        size_t k = espalier_live_at(live, i);
        layer->variance[k] =
            weights[k] * weights[k] * (layer->power[k / layer->columns] + of_column[k % layer->columns]);
    }
}

void espalier_variational_apply(struct espalier_variational *variational, const struct espalier_network *network,
                                const struct espalier_live *live, struct espalier_view *views)
{
    for (uint32_t i = 0; i < variational->layer_count; i++) {
        struct espalier_noisy_layer *layer = &variational->layers[i];
        if (variational->kind == ESPALIER_NOISE_ELEMENTS)
            apply_elements(layer, &live->layers[i]);
        else
            apply_groups(layer, &live->layers[i], network->layers[i].weights);
        views[i].variance = layer->variance;
    }
}

void espalier_variational_forget(struct espalier_variational *variational, const struct espalier_network *network)
{
    for (uint32_t i = 0; i < variational->layer_count; i++) {
        struct espalier_noisy_layer *layer = &variational->layers[i];
        for (size_t k = 0; k < layer->rows * layer->columns; k++)
            layer->variance[k] = network->layers[i].mask[k] ? layer->variance[k] : 0.0F;
    }
}

/* Their fit of the divergence. */
static const double K1 = 0.63576, K2 = 1.87320, K3 = 1.48695;

double espalier_divergence(double log_alpha, double *slope)
{
    double sigmoid = 1.0 / (1.0 + exp(-(K2 + K3 * log_alpha)));

    *slope = -K1 * K3 * sigmoid * (1.0 - sigmoid) - 0.5 / (1.0 + exp(log_alpha));
    return -K1 * sigmoid + 0.5 * log1p(exp(-log_alpha));
}

/* The slope alone, in single precision: every weight asks for it at every step. */
static float divergence_slope(float log_alpha, float alpha)
{
    float sigmoid = 1.0F / (1.0F + expf(-((float)K2 + (float)K3 * log_alpha)));

    return -(float)K1 * (float)K3 * sigmoid * (1.0F - sigmoid) - 0.5F / (1.0F + alpha);
}

/* Derivatives of the objective by log variances; what the prior means for the weights. */
static void derive_elements(struct espalier_noisy_layer *layer, float prior, const float *weights,
                            const struct espalier_live_layer *live, const float *variance_gradient,
                            float *weight_gradient)
{
    for (size_t i = 0; i < live->count; i++) {
        size_t k = espalier_live_at(live, i);
        float square = weights[k] * weights[k] + SQUARE_MIN;
        float slope = prior * divergence_slope(layer->parameter[k] - logf(square), layer->variance[k] / square);
        layer->gradient[k] = slope + variance_gradient[k] * layer->variance[k];
        weight_gradient[k] -= 2.0F * slope * weights[k] / square;
    }
}

/* The same by the log alphas of rows and columns. */
static void derive_groups(struct espalier_noisy_layer *layer, float prior, const float *weights,
                          const struct espalier_live_layer *live, const float *variance_gradient,
                          float *weight_gradient)
{
    memset(layer->gradient, 0, layer->parameters * sizeof *layer->gradient);
    for (size_t i = 0; i < live->count; i++) {
        size_t k = espalier_live_at(live, i), row = k / layer->columns, column = layer->rows + k % layer->columns;
        float alpha = layer->power[row] + layer->power[column];
        float slope = prior * divergence_slope(logf(alpha), alpha) + variance_gradient[k] * layer->variance[k];
        layer->gradient[row] += slope * layer->power[row] / alpha;
        layer->gradient[column] += slope * layer->power[column] / alpha;
        weight_gradient[k] += 2.0F * variance_gradient[k] * weights[k] * alpha;
    }
}

void espalier_variational_step(struct espalier_variational *variational, const struct espalier_network *network,
                               const struct espalier_live *live, struct espalier_gradients *gradients,
                               float learning_rate)
{
    float rate = espalier_adam_rate(++variational->steps, learning_rate);
    bool elements = variational->kind == ESPALIER_NOISE_ELEMENTS;

    for (uint32_t i = 0; i < variational->layer_count; i++) {
        struct espalier_noisy_layer *layer = &variational->layers[i];
        const struct espalier_live_layer all = {.count = layer->parameters};
        (elements ? derive_elements : derive_groups)(layer, variational->prior, network->layers[i].weights,
                                                     &live->layers[i], gradients->variance[i], gradients->weights[i]);
        espalier_adam_update(layer->parameter, elements ? &live->layers[i] : &all, layer->gradient, layer->mean,
                             layer->moment, elements ? rate : GROUP_RATE * rate);
    }
}

/* ---- Who may go */

/* Log alpha by which a weight is judged: its own, or the larger one of its row's and its column's. */
static float judged(const struct espalier_variational *variational, const struct espalier_network *network,
                    uint32_t layer, size_t k)
{
    const struct espalier_noisy_layer *noisy = &variational->layers[layer];
    float weight = network->layers[layer].weights[k];

    if (variational->kind == ESPALIER_NOISE_ELEMENTS)
        return noisy->parameter[k] - logf(weight * weight + SQUARE_MIN);
    return fmaxf(noisy->parameter[k / noisy->columns], noisy->parameter[noisy->rows + k % noisy->columns]);
}

void espalier_variational_prune(const struct espalier_variational *variational, struct espalier_network *network,
                                float most)
{
    for (uint32_t i = 0; i < variational->layer_count; i++) {
        struct espalier_float_layer *layer = &network->layers[i];
        for (size_t k = 0; k < variational->layers[i].rows * variational->layers[i].columns; k++)
            if (layer->mask[k] && judged(variational, network, i, k) > most) {
                layer->mask[k] = 0;
                layer->weights[k] = 0.0F;
            }
    }
}

enum espalier_status espalier_variational_threshold(const struct espalier_variational *variational,
                                                    const struct espalier_network *network, uint64_t total, float *most,
                                                    struct espalier_error *error)
{
    uint64_t kept = espalier_network_kept(network), filled = 0;
    float *all = malloc((kept + 1) * sizeof *all);

    if (all == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for pruning");
    for (uint32_t i = 0; i < variational->layer_count; i++)
        for (size_t k = 0; k < variational->layers[i].rows * variational->layers[i].columns; k++)
            if (network->layers[i].mask[k])
                all[filled++] = judged(variational, network, i, k);
    qsort(all, kept, sizeof *all, espalier_compare_floats);
    *most = HUGE_VALF;
    if (total < kept) /* the first that must go, and all that are equal to it */
        *most = nextafterf(all[total], -HUGE_VALF);
    free(all);
    return ESPALIER_OK;
}

/* ---- In the training loop */

static const double PRIOR_RISE = 0.4; /* of the schedule */

static void refresh(void *context, const struct espalier_network *network, const struct espalier_live *live,
                    struct espalier_view *views)
{
    espalier_variational_apply(context, network, live, views);
}

static void end_batch(void *context, const struct espalier_batch_end *batch)
{
    struct espalier_variational *variational = context;

    variational->prior = variational->strength * (float)fmin(1.0, batch->schedule / PRIOR_RISE) / (float)batch->images;
    espalier_variational_step(variational, batch->network, batch->live, batch->gradients, batch->learning_rate);
}

static void visit(struct espalier_archive *archive, void *context, const struct espalier_network *network)
{
    (void)network;
    espalier_variational_visit(archive, context);
}

struct espalier_hooks espalier_variational_hooks(struct espalier_variational *variational)
{
    return (struct espalier_hooks){
        .context = variational, .noisy = true, .refresh = refresh, .end_batch = end_batch, .visit = visit};
}
