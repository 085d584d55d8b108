/* The phases of a compression: parts of a job that begin with nothing but what the job has, so that each can be entered
 * without those before. recipe.c says which follows which. */
#ifndef ESPALIER_PHASE_H
#define ESPALIER_PHASE_H

#include "loop/fit.h"
#include "prune/admm.h"
#include "recipe.h"

struct espalier_phase;

typedef enum espalier_status espalier_phase_run(struct espalier_job *job, const struct espalier_phase *phase,
                                                struct espalier_error *error);

struct espalier_phase {
    espalier_phase_run *run;
    uint32_t epochs; /* or trials, that it takes */
    uint32_t step;   /* of progressive pruning */
};

/* phase_prune.c */
espalier_phase_run espalier_phase_choose; /* variational dropout: down to the total, or to ADMM's start and budgets */
espalier_phase_run espalier_phase_choose_budgets; /* what shall be left, of every layer */
espalier_phase_run espalier_phase_search;         /* betters the budgets by trials */
espalier_phase_run espalier_phase_prune;          /* ADMM towards the budgets of one step */
espalier_phase_run espalier_phase_retrain;
espalier_phase_run espalier_phase_end_pruning;

/* phase_quantize.c */
espalier_phase_run espalier_phase_hand_over;       /* gives the pruned network to who wants to keep it */
espalier_phase_run espalier_phase_balance;         /* layers alike in scale, so that one learning rate suits them */
espalier_phase_run espalier_phase_approach_levels; /* ADMM */
espalier_phase_run espalier_phase_choose_levels;
espalier_phase_run espalier_phase_quantize; /* training with levels, normalized */
espalier_phase_run espalier_phase_settle;   /* as the hardware computes, every weight keeping the level it has */
espalier_phase_run espalier_phase_export_model;

/* phase.c: what phases are made of */

/* Completes a stage that takes a whole phase. */
struct espalier_fit espalier_whole_stage(struct espalier_job *job, const struct espalier_phase *phase,
                                         struct espalier_fit stage);

/* Runs it, if the phase has epochs. */
enum espalier_status espalier_run_stage(struct espalier_job *job, const struct espalier_phase *phase,
                                        struct espalier_fit stage, struct espalier_error *error);

/* A stage of ADMM towards the constraints, then the hard projection. */
enum espalier_status espalier_run_admm(struct espalier_job *job, const struct espalier_phase *phase,
                                       const struct espalier_constraint *constraints, size_t count,
                                       struct espalier_fit stage, struct espalier_error *error);

#endif
