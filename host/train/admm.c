#include "admm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t weights_of(const struct espalier_network *network, uint32_t layer)
{
    const struct espalier_shape *shape = &network->layers[layer].shape;

    return shape->rows * espalier_shape_columns(shape);
}

/* Z becomes the projection of W + U. */
static enum espalier_status project_z(struct espalier_admm *admm, const struct espalier_network *network, size_t index,
                                      struct espalier_error *error)
{
    const struct espalier_constraint *constraint = &admm->constraints[index];
    const struct espalier_float_layer *layer = &network->layers[constraint->layer];
    size_t count = weights_of(network, constraint->layer);

    for (size_t i = 0; i < count; i++)
        admm->z[index][i] = layer->weights[i] + admm->u[index][i];
    return espalier_project(constraint->group, constraint->keep, layer->shape.rows,
                            espalier_shape_columns(&layer->shape), admm->z[index], admm->mask, error);
}

static bool allocate(struct espalier_admm *admm, const struct espalier_network *network,
                     const struct espalier_constraint *constraints, size_t count)
{
    size_t largest = 1;

    admm->constraints = malloc((count + 1) * sizeof *admm->constraints);
    admm->z = calloc(count + 1, sizeof *admm->z);
    admm->u = calloc(count + 1, sizeof *admm->u);
    if (admm->constraints == NULL || admm->z == NULL || admm->u == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t weights = weights_of(network, constraints[i].layer);
        admm->constraints[i] = constraints[i];
        admm->count = i + 1;
        admm->z[i] = calloc(weights, sizeof **admm->z);
        admm->u[i] = calloc(weights, sizeof **admm->u);
        if (admm->z[i] == NULL || admm->u[i] == NULL)
            return false;
        largest = weights > largest ? weights : largest;
    }
    admm->mask = malloc(largest);
    return admm->mask != NULL;
}

enum espalier_status espalier_admm_create(const struct espalier_network *network,
                                          const struct espalier_constraint *constraints, size_t count,
                                          struct espalier_admm *out, struct espalier_error *error)
{
    enum espalier_status status = ESPALIER_OK;

    memset(out, 0, sizeof *out);
    if (!allocate(out, network, constraints, count))
        status = espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for %zu ADMM constraints", count);
    for (size_t i = 0; i < count && status == ESPALIER_OK; i++)
        status = project_z(out, network, i, error);
    if (status != ESPALIER_OK)
        espalier_admm_free(out);
    return status;
}

void espalier_admm_free(struct espalier_admm *admm)
{
    for (size_t i = 0; i < admm->count; i++) {
        free(admm->z[i]);
        free(admm->u[i]);
    }
    free(admm->constraints);
    free(admm->z);
    free(admm->u);
    free(admm->mask);
    memset(admm, 0, sizeof *admm);
}

void espalier_admm_penalize(const struct espalier_admm *admm, const struct espalier_network *network,
                            struct espalier_gradients *gradients)
{
    for (size_t c = 0; c < admm->count; c++) {
        uint32_t layer = admm->constraints[c].layer;
        const float *weights = network->layers[layer].weights, *z = admm->z[c], *u = admm->u[c];
        float *gradient = gradients->weights[layer];
        size_t count = weights_of(network, layer);
        for (size_t i = 0; i < count; i++)
            gradient[i] += admm->rho * (weights[i] - z[i] + u[i]);
    }
}

enum espalier_status espalier_admm_update(struct espalier_admm *admm, const struct espalier_network *network,
                                          struct espalier_error *error)
{
    for (size_t c = 0; c < admm->count; c++) {
        const float *weights = network->layers[admm->constraints[c].layer].weights;
        size_t count = weights_of(network, admm->constraints[c].layer);
        enum espalier_status status = project_z(admm, network, c, error);
        if (status != ESPALIER_OK)
            return status;
        for (size_t i = 0; i < count; i++)
            admm->u[c][i] =
                (admm->u[c][i] + weights[i] - admm->z[c][i]) / admm->growth; /* U is a multiplier over rho */
    }
    admm->rho *= admm->growth;
    return ESPALIER_OK;
}

double espalier_admm_residual(const struct espalier_admm *admm, const struct espalier_network *network)
{
    double distance = 0.0, norm = 0.0;

    for (size_t c = 0; c < admm->count; c++) {
        const float *weights = network->layers[admm->constraints[c].layer].weights;
        size_t count = weights_of(network, admm->constraints[c].layer);
        for (size_t i = 0; i < count; i++) {
            double apart = (double)(weights[i] - admm->z[c][i]), weight = (double)weights[i];
            distance += apart * apart;
            norm += weight * weight;
        }
    }
    return norm > 0.0 ? sqrt(distance / norm) : 0.0;
}

enum espalier_status espalier_admm_prune(struct espalier_admm *admm, struct espalier_network *network,
                                         struct espalier_error *error)
{
    for (size_t c = 0; c < admm->count; c++) {
        const struct espalier_constraint *constraint = &admm->constraints[c];
        struct espalier_float_layer *layer = &network->layers[constraint->layer];
        size_t count = weights_of(network, constraint->layer);
        enum espalier_status status =
            espalier_project(constraint->group, constraint->keep, layer->shape.rows,
                             espalier_shape_columns(&layer->shape), layer->weights, admm->mask, error);
        if (status != ESPALIER_OK)
            return status;
        for (size_t i = 0; i < count; i++)
            layer->mask[i] &= admm->mask[i];
    }
    return ESPALIER_OK;
}
