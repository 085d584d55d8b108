/* ADMM for pruning (Zhang et al. 2018, "A systematic DNN weight pruning framework using ADMM") and for quantization
 * (Ren et al. 2019, "ADMM-NN"): the loss is minimized over W together with rho/2 ||W - Z + U||^2; from time to time Z
 * becomes the projection of W + U onto the constraint's set and U grows by W - Z. A layer may be under several
 * constraints at once, each with a Z and a U of its own; a constraint may span several layers, whose weights then share
 * its budget. */
#ifndef ESPALIER_ADMM_H
#define ESPALIER_ADMM_H

#include <espalier/compress.h>

#include "loop/hooks.h"
#include "network/archive.h"
#include "project/project.h"

/* What layers first to first + layers - 1 must be: sparse, or quantized. */
struct espalier_constraint {
    uint32_t first, layers;
    struct espalier_set set;         /* value_bits is 0: which weights there are */
    enum espalier_level_kind levels; /* else: the levels of those that are there; one layer */
    uint8_t value_bits;
};

/* One layer's part of a constraint. */
struct espalier_constrained {
    uint32_t layer;
    size_t count;  /* weights */
    float *z, *u;  /* [rows][columns] */
    uint8_t *mask; /* [rows][columns] room for the projection */
};

struct espalier_admm {
    size_t count, part_count;
    struct espalier_constraint *constraints; /* [count] */
    struct espalier_constrained *parts;      /* [part_count] constraint by constraint, layer by layer */
    float rho, growth;                       /* penalty, and its factor from one update to the next */
    uint32_t updates;                        /* of Z and U in an epoch */
};

/* Copies the constraints; Z starts as the projection of W, U as 0. */
enum espalier_status espalier_admm_create(const struct espalier_network *network,
                                          const struct espalier_constraint *constraints, size_t count,
                                          struct espalier_admm *out, struct espalier_error *error);
void espalier_admm_free(struct espalier_admm *admm);

/* Every Z and U, rho, and what of the constraints was chosen from the weights: the patterns. The rest of these is made
 * again by whoever made them. */
void espalier_admm_visit(struct espalier_archive *archive, struct espalier_admm *admm);

/* Adds the penalty's derivative, rho (W - Z + U), to the gradients. */
void espalier_admm_penalize(const struct espalier_admm *admm, const struct espalier_network *network,
                            struct espalier_gradients *gradients);

/* Updates every Z and U, and rho. */
enum espalier_status espalier_admm_update(struct espalier_admm *admm, const struct espalier_network *network,
                                          struct espalier_error *error);

/* ||W - Z|| / ||W||, over all constraints. */
double espalier_admm_residual(const struct espalier_admm *admm, const struct espalier_network *network);

/* Lets it take part in a stage, which it must outlive. */
struct espalier_hooks espalier_admm_hooks(struct espalier_admm *admm);

/* The hard projection: applies each constraint in turn to the weights themselves, and clears the masks of what a
 * constraint on sparsity removed. */
enum espalier_status espalier_admm_prune(struct espalier_admm *admm, struct espalier_network *network,
                                         struct espalier_error *error);

/* A layer's weights, to be projected. */
struct espalier_matrix espalier_matrix_of(const struct espalier_float_layer *layer);

#endif
