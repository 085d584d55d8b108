/* ADMM for pruning (Zhang et al. 2018, "A systematic DNN weight pruning framework using ADMM"): the loss is minimized
 * over W together with rho/2 ||W - Z + U||^2; from time to time Z becomes the projection of W + U onto the constraint's
 * set and U grows by W - Z. A layer may be under several constraints at once, each with a Z and a U of its own. */
#ifndef ESPALIER_ADMM_H
#define ESPALIER_ADMM_H

#include "pass.h"
#include "project.h"

/* "At most `keep` groups of this kind are non-zero in this layer." */
struct espalier_constraint {
    uint32_t layer;
    enum espalier_group group;
    size_t keep;
};

struct espalier_admm {
    size_t count;
    struct espalier_constraint *constraints; /* [count] */
    float **z, **u;                          /* [count] of [rows][columns] */
    uint8_t *mask;                           /* room for the largest layer's */
    float rho, growth;                       /* penalty, and its factor from one update to the next */
    uint32_t updates;                        /* of Z and U in an epoch */
};

/* Copies the constraints; Z starts as the projection of W, U as 0. */
enum espalier_status espalier_admm_create(const struct espalier_network *network,
                                          const struct espalier_constraint *constraints, size_t count,
                                          struct espalier_admm *out, struct espalier_error *error);
void espalier_admm_free(struct espalier_admm *admm);

/* Adds the penalty's derivative, rho (W - Z + U), to the gradients. */
void espalier_admm_penalize(const struct espalier_admm *admm, const struct espalier_network *network,
                            struct espalier_gradients *gradients);

/* Updates every Z and U, and rho. */
enum espalier_status espalier_admm_update(struct espalier_admm *admm, const struct espalier_network *network,
                                          struct espalier_error *error);

/* ||W - Z|| / ||W||, over all constraints. */
double espalier_admm_residual(const struct espalier_admm *admm, const struct espalier_network *network);

/* The hard projection: applies each constraint in turn to the weights themselves, and clears the masks of what is now
 * zero. */
enum espalier_status espalier_admm_prune(struct espalier_admm *admm, struct espalier_network *network,
                                         struct espalier_error *error);

#endif
