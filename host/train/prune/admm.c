#include "admm.h"
#include "project/levels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct espalier_matrix espalier_matrix_of(const struct espalier_float_layer *layer)
{
    return (struct espalier_matrix){.rows = layer->shape.rows,
                                    .columns = espalier_shape_columns(&layer->shape),
                                    .kernel = (size_t)layer->shape.kernel_height * layer->shape.kernel_width,
                                    .values = layer->weights};
}

/* Projects the values onto a constraint's set.
 * @param parts   its parts, one a layer
 * @param values  [layers] changed in place */
static enum espalier_status project(const struct espalier_constraint *constraint,
                                    const struct espalier_constrained *parts, const struct espalier_network *network,
                                    float *const *values, struct espalier_error *error)
{
    struct espalier_matrix matrices[ESPALIER_LAYERS_MAX];
    uint8_t *masks[ESPALIER_LAYERS_MAX];

    if (constraint->value_bits > 0)
        return espalier_project_levels(constraint->levels, constraint->value_bits,
                                       network->layers[constraint->first].mask, parts->count, values[0], error);
    for (uint32_t i = 0; i < constraint->layers; i++) {
        matrices[i] = espalier_matrix_of(&network->layers[constraint->first + i]);
        matrices[i].values = values[i];
        masks[i] = parts[i].mask;
    }
    return espalier_project(&constraint->set, matrices, masks, constraint->layers, error);
}

/* Every Z becomes the projection of W + U. */
static enum espalier_status project_z(struct espalier_admm *admm, const struct espalier_network *network,
                                      struct espalier_error *error)
{
    struct espalier_constrained *part = admm->parts;
    enum espalier_status status = ESPALIER_OK;

    for (size_t c = 0; c < admm->count && status == ESPALIER_OK; c++) {
        const struct espalier_constraint *constraint = &admm->constraints[c];
        float *z[ESPALIER_LAYERS_MAX];
        for (uint32_t i = 0; i < constraint->layers; i++) {
            z[i] = part[i].z;
            for (size_t k = 0; k < part[i].count; k++)
                z[i][k] = network->layers[part[i].layer].weights[k] + part[i].u[k];
        }
        status = project(constraint, part, network, z, error);
        part += constraint->layers;
    }
    return status;
}

static bool allocate_part(struct espalier_constrained *part)
{
    part->z = calloc(part->count, sizeof *part->z);
    part->u = calloc(part->count, sizeof *part->u);
    part->mask = malloc(part->count);
    return part->z != NULL && part->u != NULL && part->mask != NULL;
}

static bool allocate(struct espalier_admm *admm, const struct espalier_network *network,
                     const struct espalier_constraint *constraints, size_t count)
{
    size_t parts = 0;

    for (size_t c = 0; c < count; c++)
        parts += constraints[c].layers;
    admm->constraints = malloc((count + 1) * sizeof *admm->constraints);
    admm->parts = calloc(parts + 1, sizeof *admm->parts);
    if (admm->constraints == NULL || admm->parts == NULL)
        return false;
    for (size_t c = 0; c < count; c++) {
        admm->constraints[admm->count++] = constraints[c];
        for (uint32_t i = 0; i < constraints[c].layers; i++) {
            struct espalier_constrained *part = &admm->parts[admm->part_count++];
            struct espalier_matrix matrix = espalier_matrix_of(&network->layers[constraints[c].first + i]);
            part->layer = constraints[c].first + i;
            part->count = matrix.rows * matrix.columns;
            if (!allocate_part(part))
                return false;
        }
    }
    return true;
}

enum espalier_status espalier_admm_create(const struct espalier_network *network,
                                          const struct espalier_constraint *constraints, size_t count,
                                          struct espalier_admm *out, struct espalier_error *error)
{
    enum espalier_status status;

    memset(out, 0, sizeof *out);
    if (allocate(out, network, constraints, count))
        status = project_z(out, network, error);
    else
        status = espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for %zu ADMM constraints", count);
    if (status != ESPALIER_OK)
        espalier_admm_free(out);
    return status;
}

void espalier_admm_free(struct espalier_admm *admm)
{
    for (size_t i = 0; i < admm->part_count; i++) {
        free(admm->parts[i].z);
        free(admm->parts[i].u);
        free(admm->parts[i].mask);
    }
    free(admm->constraints);
    free(admm->parts);
    memset(admm, 0, sizeof *admm);
}

static void visit_patterns(struct espalier_archive *archive, struct espalier_set *set)
{
    espalier_archive_u16(archive, set->patterns, set->pattern_count);
    for (uint32_t i = 0; i < set->pattern_count; i++)
        espalier_archive_expect(archive, set->patterns[i] < 1U << 9, "a pattern of 3x3 cannot be");
}

void espalier_admm_visit(struct espalier_archive *archive, struct espalier_admm *admm)
{
    espalier_archive_floats(archive, &admm->rho, 1);
    espalier_archive_expect(archive, admm->rho > 0.0F, "a penalty of %g cannot be", (double)admm->rho);
    for (size_t c = 0; c < admm->count; c++)
        visit_patterns(archive, &admm->constraints[c].set);
    for (size_t p = 0; p < admm->part_count; p++) {
        espalier_archive_floats(archive, admm->parts[p].z, admm->parts[p].count);
        espalier_archive_floats(archive, admm->parts[p].u, admm->parts[p].count);
    }
}

void espalier_admm_penalize(const struct espalier_admm *admm, const struct espalier_network *network,
                            struct espalier_gradients *gradients)
{
    for (size_t p = 0; p < admm->part_count; p++) {
        const struct espalier_constrained *part = &admm->parts[p];
        const float *weights = network->layers[part->layer].weights;
        float *gradient = gradients->weights[part->layer];
        for (size_t i = 0; i < part->count; i++)
            gradient[i] += admm->rho * (weights[i] - part->z[i] + part->u[i]);
    }
}

enum espalier_status espalier_admm_update(struct espalier_admm *admm, const struct espalier_network *network,
                                          struct espalier_error *error)
{
    enum espalier_status status = project_z(admm, network, error);

    if (status != ESPALIER_OK)
        return status;
    for (size_t p = 0; p < admm->part_count; p++) {
        struct espalier_constrained *part = &admm->parts[p];
        const float *weights = network->layers[part->layer].weights;
        for (size_t i = 0; i < part->count; i++) /* U is a multiplier over rho */
            part->u[i] = (part->u[i] + weights[i] - part->z[i]) / admm->growth;
    }
    admm->rho *= admm->growth;
    return ESPALIER_OK;
}

double espalier_admm_residual(const struct espalier_admm *admm, const struct espalier_network *network)
{
    double distance = 0.0, norm = 0.0;

    for (size_t p = 0; p < admm->part_count; p++) {
        const struct espalier_constrained *part = &admm->parts[p];
        const float *weights = network->layers[part->layer].weights;
        for (size_t i = 0; i < part->count; i++) {
            double apart = (double)(weights[i] - part->z[i]), weight = (double)weights[i];
            distance += apart * apart;
            norm += weight * weight;
        }
    }
    return norm > 0.0 ? sqrt(distance / norm) : 0.0;
}

enum espalier_status espalier_admm_prune(struct espalier_admm *admm, struct espalier_network *network,
                                         struct espalier_error *error)
{
    const struct espalier_constrained *part = admm->parts;
    enum espalier_status status = ESPALIER_OK;

    for (size_t c = 0; c < admm->count && status == ESPALIER_OK; c++) {
        const struct espalier_constraint *constraint = &admm->constraints[c];
        float *weights[ESPALIER_LAYERS_MAX];
        for (uint32_t i = 0; i < constraint->layers; i++)
            weights[i] = network->layers[part[i].layer].weights;
        status = project(constraint, part, network, weights, error);
        for (uint32_t i = 0; i < constraint->layers && constraint->value_bits == 0 && status == ESPALIER_OK; i++)
            for (size_t k = 0; k < part[i].count; k++)
                network->layers[part[i].layer].mask[k] &= part[i].mask[k];
        part += constraint->layers;
    }
    return status;
}

/* ---- In the training loop */

static void end_batch(void *context, const struct espalier_batch_end *batch)
{
    espalier_admm_penalize(context, batch->network, batch->gradients);
}

static enum espalier_status update(void *context, const struct espalier_network *network, struct espalier_error *error)
{
    return espalier_admm_update(context, network, error);
}

static double residual(const void *context, const struct espalier_network *network)
{
    return espalier_admm_residual(context, network);
}

static void visit(struct espalier_archive *archive, void *context, const struct espalier_network *network)
{
    (void)network;
    espalier_admm_visit(archive, context);
}

struct espalier_hooks espalier_admm_hooks(struct espalier_admm *admm)
{
    return (struct espalier_hooks){.context = admm,
                                   .updates = admm->updates,
                                   .end_batch = end_batch,
                                   .update = update,
                                   .residual = residual,
                                   .visit = visit};
}
