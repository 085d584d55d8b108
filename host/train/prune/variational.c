#include "variational.h"
#include "network/adam.h"
#include "project/floats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float FIRST_LOG_VARIANCE = -10.0F, FIRST_LOG_ALPHA_MOST = -1.0F, SQUARE_MIN = 1e-16F,
                   TILE_RATE = 3.0F; /* tiles are few, and each has the evidence of many weights */

static bool allocate_layer(struct espalier_noisy_layer *layer)
{
    size_t room = layer->parameters + 1; /* there may be none */

    layer->parameter = malloc(room * sizeof *layer->parameter);
    layer->gradient = calloc(room, sizeof *layer->gradient);
    layer->mean = calloc(room, sizeof *layer->mean);
    layer->moment = calloc(room, sizeof *layer->moment);
    layer->power = calloc(room, sizeof *layer->power);
    layer->safe = calloc(room, 1);
    layer->read = calloc(layer->rows, 1);
    layer->variance = calloc((size_t)layer->rows * layer->columns, sizeof *layer->variance);
    return layer->parameter != NULL && layer->gradient != NULL && layer->mean != NULL && layer->moment != NULL &&
           layer->power != NULL && layer->safe != NULL && layer->read != NULL && layer->variance != NULL;
}

/* Numbers the parameters: weight by weight, or tile by tile, one tiling behind the other. */
static void lay_out(struct espalier_noisy_layer *layer)
{
    if (!layer->grouping.tiled)
        layer->parameters = (size_t)layer->rows * layer->columns;
    for (uint32_t t = 0; t < layer->grouping.tilings; t++) {
        struct espalier_extent tile = layer->grouping.tile[t];
        layer->first[t] = layer->parameters;
        layer->across[t] = (layer->columns + tile.columns - 1) / tile.columns;
        layer->parameters += (layer->rows + tile.rows - 1) / tile.rows * layer->across[t];
    }
}

/* The parameter of the tile that has weight k. */
static size_t tile_of(const struct espalier_noisy_layer *layer, uint32_t tiling, size_t k)
{
    uint32_t row = (uint32_t)k / layer->columns, column = (uint32_t)k % layer->columns;
    uint32_t high = (uint32_t)layer->grouping.tile[tiling].rows, wide = (uint32_t)layer->grouping.tile[tiling].columns;

    return layer->first[tiling] + row / high * layer->across[tiling] + column / wide;
}

/* Tiles begin with the same variance in the mean, so that size decides until they have learned. */
static void begin_tiles(struct espalier_noisy_layer *layer, const struct espalier_float_layer *from)
{
    float *square = layer->power, *count = layer->gradient; /* both are made anew in every step */

    for (size_t k = 0; k < (size_t)layer->rows * layer->columns; k++)
        for (uint32_t t = 0; t < layer->grouping.tilings && from->mask[k]; t++) {
            size_t tile = tile_of(layer, t, k);
            square[tile] += from->weights[k] * from->weights[k];
            count[tile] += 1.0F;
        }
    for (size_t p = 0; p < layer->parameters; p++)
        layer->parameter[p] =
            fminf(FIRST_LOG_ALPHA_MOST, FIRST_LOG_VARIANCE - logf(square[p] / fmaxf(1.0F, count[p]) + SQUARE_MIN));
}

static void begin_elements(struct espalier_noisy_layer *layer)
{
    for (size_t k = 0; k < layer->parameters; k++)
        layer->parameter[k] = FIRST_LOG_VARIANCE;
}

enum espalier_status espalier_variational_create(const struct espalier_network *network,
                                                 const struct espalier_grouping *groupings,
                                                 struct espalier_variational *out, struct espalier_error *error)
{
    memset(out, 0, sizeof *out);
    out->layers = calloc(network->layer_count, sizeof *out->layers);
    if (out->layers == NULL)
        goto no_memory;
    out->layer_count = network->layer_count;
    for (uint32_t i = 0; i < network->layer_count; i++) {
        struct espalier_noisy_layer *layer = &out->layers[i];
        layer->grouping = groupings[i];
        layer->rows = network->layers[i].shape.rows;
        layer->columns = (uint32_t)espalier_shape_columns(&network->layers[i].shape);
        lay_out(layer);
        if (!allocate_layer(layer))
            goto no_memory;
        if (layer->grouping.tiled)
            begin_tiles(layer, &network->layers[i]);
        else
            begin_elements(layer);
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
        free(layer->safe);
        free(layer->read);
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

/* ---- One noise a weight, or a tile */

static void apply_elements(struct espalier_noisy_layer *layer, const struct espalier_live_layer *live)
{
    for (size_t i = 0; i < live->count; i++) {
        size_t k = espalier_live_at(live, i);
        layer->variance[k] = expf(layer->parameter[k]);
    }
}

static void apply_tiles(struct espalier_noisy_layer *layer, const struct espalier_live_layer *live,
                        const float *weights)
{
    for (size_t p = 0; p < layer->parameters; p++)
        layer->power[p] = expf(layer->parameter[p]);
    for (size_t i = 0; i < live->count; i++) {
        size_t k = espalier_live_at(live, i);
        float alpha = 0.0F;
        for (uint32_t t = 0; t < layer->grouping.tilings; t++)
            alpha += layer->power[tile_of(layer, t, k)];
        layer->variance[k] = weights[k] * weights[k] * alpha;
    }
}

void espalier_variational_apply(struct espalier_variational *variational, const struct espalier_network *network,
                                const struct espalier_live *live, struct espalier_view *views)
{
    for (uint32_t i = 0; i < variational->layer_count; i++) {
        struct espalier_noisy_layer *layer = &variational->layers[i];
        if (layer->grouping.tiled)
            apply_tiles(layer, &live->layers[i], network->layers[i].weights);
        else
            apply_elements(layer, &live->layers[i]);
        views[i].variance = layer->parameters > 0 ? layer->variance : NULL;
    }
}

void espalier_variational_forget(struct espalier_variational *variational, const struct espalier_network *network)
{
    for (uint32_t i = 0; i < variational->layer_count; i++) {
        struct espalier_noisy_layer *layer = &variational->layers[i];
        for (size_t k = 0; k < (size_t)layer->rows * layer->columns; k++)
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

/* The same by the log alphas of tiles. */
static void derive_tiles(struct espalier_noisy_layer *layer, float prior, const float *weights,
                         const struct espalier_live_layer *live, const float *variance_gradient, float *weight_gradient)
{
    memset(layer->gradient, 0, layer->parameters * sizeof *layer->gradient);
    for (size_t i = 0; i < live->count && layer->parameters > 0; i++) {
        size_t k = espalier_live_at(live, i), tiles[ESPALIER_TILINGS_MAX];
        float alpha = 0.0F;
        for (uint32_t t = 0; t < layer->grouping.tilings; t++) {
            tiles[t] = tile_of(layer, t, k);
            alpha += layer->power[tiles[t]];
        }
        float slope = prior * divergence_slope(logf(alpha), alpha) + variance_gradient[k] * layer->variance[k];
        for (uint32_t t = 0; t < layer->grouping.tilings; t++)
            layer->gradient[tiles[t]] += slope * layer->power[tiles[t]] / alpha;
        weight_gradient[k] += 2.0F * variance_gradient[k] * weights[k] * alpha;
    }
}

void espalier_variational_step(struct espalier_variational *variational, const struct espalier_network *network,
                               const struct espalier_live *live, struct espalier_gradients *gradients,
                               float learning_rate)
{
    float rate = espalier_adam_rate(++variational->steps, learning_rate);

    for (uint32_t i = 0; i < variational->layer_count; i++) {
        struct espalier_noisy_layer *layer = &variational->layers[i];
        const struct espalier_live_layer all = {.count = layer->parameters};
        bool tiled = layer->grouping.tiled;
        (tiled ? derive_tiles : derive_elements)(layer, variational->prior, network->layers[i].weights,
                                                 &live->layers[i], gradients->variance[i], gradients->weights[i]);
        espalier_adam_update(layer->parameter, tiled ? &all : &live->layers[i], layer->gradient, layer->mean,
                             layer->moment, tiled ? TILE_RATE * rate : rate);
    }
}

/* ---- Who must stay */

/* Whether a row that is read has weight k, and the first so many tilings keep it. */
static bool is_safe(const struct espalier_noisy_layer *layer, uint32_t tilings, size_t k)
{
    bool safe = layer->read[k / layer->columns];

    for (uint32_t t = 0; t < tilings && safe; t++)
        safe = layer->safe[tile_of(layer, t, k)];
    return safe;
}

/* Marks the least noisy tile of each tiling, in the second one among those that cross the first. */
static void protect_tiles(struct espalier_noisy_layer *layer, const uint8_t *mask)
{
    memset(layer->safe, 0, layer->parameters);
    for (uint32_t t = 0; t < layer->grouping.tilings; t++) {
        size_t least = layer->parameters;
        for (size_t k = 0; k < (size_t)layer->rows * layer->columns; k++)
            if (mask[k] && is_safe(layer, t, k)) {
                size_t tile = tile_of(layer, t, k);
                least = least == layer->parameters || layer->parameter[tile] < layer->parameter[least] ? tile : least;
            }
        if (least < layer->parameters)
            layer->safe[least] = 1;
    }
}

/* Marks the rows before a layer that what is safe of it reads; all, if that reads none with weights. */
static void mark_read(struct espalier_noisy_layer *before, const uint8_t *mask_before,
                      const struct espalier_noisy_layer *layer, const uint8_t *mask)
{
    uint32_t kernel = layer->columns / before->rows;
    bool any = false;

    memset(before->read, 0, before->rows);
    for (size_t k = 0; k < (size_t)layer->rows * layer->columns; k++)
        if (mask[k] && is_safe(layer, layer->grouping.tilings, k))
            before->read[k % layer->columns / kernel] = 1;
    for (size_t k = 0; k < (size_t)before->rows * before->columns && !any; k++)
        any = mask_before[k] && before->read[k / before->columns];
    if (!any)
        memset(before->read, 1, before->rows);
}

static void protect(struct espalier_variational *variational, const struct espalier_network *network)
{
    struct espalier_noisy_layer *layers = variational->layers;

    memset(layers[variational->layer_count - 1].read, 1, layers[variational->layer_count - 1].rows);
    for (uint32_t i = variational->layer_count; i-- > 0;) {
        protect_tiles(&layers[i], network->layers[i].mask);
        if (i > 0)
            mark_read(&layers[i - 1], network->layers[i - 1].mask, &layers[i], network->layers[i].mask);
    }
}

/* ---- Who may go */

static float judge(const struct espalier_noisy_layer *layer, const float *weights, size_t k)
{
    float most = -HUGE_VALF;

    if (!layer->grouping.tiled)
        return layer->parameter[k] - logf(weights[k] * weights[k] + SQUARE_MIN);
    for (uint32_t t = 0; t < layer->grouping.tilings; t++) {
        size_t tile = tile_of(layer, t, k);
        most = layer->safe[tile] ? most : fmaxf(most, layer->parameter[tile]);
    }
    return most;
}

enum espalier_status espalier_variational_judge(struct espalier_variational *variational,
                                                const struct espalier_network *network, float **judged,
                                                struct espalier_error *error)
{
    uint64_t kept = espalier_network_kept(network), filled = 0;
    float *all = malloc((kept + 1) * sizeof *all);

    *judged = all;
    if (all == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for pruning");
    protect(variational, network);
    for (uint32_t i = 0; i < variational->layer_count; i++)
        for (size_t k = 0; k < (size_t)variational->layers[i].rows * variational->layers[i].columns; k++)
            if (network->layers[i].mask[k])
                all[filled++] = judge(&variational->layers[i], network->layers[i].weights, k);
    qsort(all, kept, sizeof *all, espalier_compare_floats);
    return ESPALIER_OK;
}

float espalier_variational_threshold(const float *judged, uint64_t kept, uint64_t total)
{
    /* the first that must go, and all that are equal to it */
    return total < kept ? nextafterf(judged[total], -HUGE_VALF) : HUGE_VALF;
}

void espalier_variational_prune(const struct espalier_variational *variational, struct espalier_network *network,
                                float most, bool all)
{
    for (uint32_t i = 0; i < variational->layer_count; i++) {
        const struct espalier_noisy_layer *noisy = &variational->layers[i];
        struct espalier_float_layer *layer = &network->layers[i];
        for (size_t k = 0; k < (size_t)noisy->rows * noisy->columns && (all || !noisy->grouping.stays); k++)
            if (layer->mask[k] && judge(noisy, layer->weights, k) > most) {
                layer->mask[k] = 0;
                layer->weights[k] = 0.0F;
            }
    }
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
