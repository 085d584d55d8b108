#include "search.h"
#include "admm.h"
#include "budget.h"
#include "constrain.h"
#include "loop/fit.h"
#include "network/checkpoint.h"
#include "purify.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PARTS = 3, PART_IMAGES = 5000, VARIABLES_MAX = 2 * ESPALIER_LAYERS_MAX };

static const double FIRST_MOVE = 1.0, LAST_MOVE = 0.1; /* powers of 2 */

/* A number of a layer's budget that may be moved. */
struct variable {
    uint32_t layer;
    size_t field; /* offset in struct espalier_budget */
    double most;
};

struct search {
    const struct espalier_search *job;
    struct espalier_budget start[ESPALIER_LAYERS_MAX]; /* where it began */
    struct espalier_budget whole[ESPALIER_LAYERS_MAX]; /* what the network has */
    size_t count;
    struct variable variables[VARIABLES_MAX];
    double moves[VARIABLES_MAX];  /* what each is times more than at the start, as a power of 2 */
    double tried[VARIABLES_MAX];  /* the same in the trial at hand */
    struct espalier_budget *best; /* [layers] so far */
    uint32_t trials;              /* done */
    uint32_t correct;             /* held-out images that the best got right */
    uint32_t at, idle;            /* moves of this size tried, and tried since the last that bettered */
    double by;                    /* size of the moves */
};

/* A trial under way. */
struct trial {
    struct espalier_network *network;
    struct espalier_random random;
    uint32_t part;
    bool pruned; /* for this part */
};

static uint32_t *number(struct espalier_budget *budgets, const struct variable *variable)
{
    return (uint32_t *)((char *)&budgets[variable->layer] + variable->field);
}

static void add_variable(struct search *search, uint32_t layer, size_t field, double most)
{
    search->variables[search->count++] = (struct variable){layer, field, most};
}

static void find_variables(struct search *search)
{
    const struct espalier_compress_options *options = search->job->options;
    uint32_t layers = search->job->network->layer_count;

    for (uint32_t i = 0; i < layers; i++) {
        const struct espalier_shape *shape = &search->job->network->layers[i].shape;
        double rows = shape->rows, columns = (double)espalier_shape_columns(shape);
        enum espalier_family_kind kind =
            options->families != NULL ? options->families[i].kind : ESPALIER_FILTERS_COLUMNS;
        if (options->format == ESPALIER_GAP) {
            add_variable(search, i, offsetof(struct espalier_budget, weights), rows * columns);
            continue;
        }
        if (i + 1 < layers && (kind == ESPALIER_FILTERS || kind == ESPALIER_FILTERS_COLUMNS))
            add_variable(search, i, offsetof(struct espalier_budget, rows), rows);
        if (kind != ESPALIER_FILTERS)
            add_variable(search, i, offsetof(struct espalier_budget, columns), columns);
    }
}

/* Weights that budgets keep, of the columns that are there when rows before are gone. */
static uint64_t kept_by(const struct search *search, struct espalier_budget *budgets)
{
    uint64_t kept = 0;

    for (uint32_t i = 0; i < search->job->network->layer_count; i++) {
        const struct espalier_shape *shape = &search->job->network->layers[i].shape;
        uint32_t channels = i > 0 ? budgets[i - 1].rows : shape->in_channels;
        uint32_t there_are = channels * shape->kernel_height * shape->kernel_width;
        if (search->job->options->format == ESPALIER_GAP) {
            kept += budgets[i].weights;
            continue;
        }
        budgets[i].columns = budgets[i].columns < there_are ? budgets[i].columns : there_are;
        kept += (uint64_t)budgets[i].rows * budgets[i].columns;
    }
    return kept;
}

/* Fills the budgets that the moves and one more factor, 2^scale, make of the start; returns what they keep. */
static uint64_t fill_budgets(const struct search *search, double scale, struct espalier_budget *budgets)
{
    memcpy(budgets, search->start, search->job->network->layer_count * sizeof *budgets);
    for (size_t v = 0; v < search->count; v++) {
        uint32_t *value = number(budgets, &search->variables[v]);
        double wanted = rint(*value * exp2(search->tried[v] + scale));
        *value = (uint32_t)fmin(search->variables[v].most, fmax(1.0, wanted));
    }
    return kept_by(search, budgets);
}

/* The same with the largest factor that keeps to the total. */
static void fit_to_total(const struct search *search, struct espalier_budget *budgets)
{
    double low = -40.0, high = 40.0;

    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        if (fill_budgets(search, middle, budgets) <= search->job->total)
            low = middle;
        else
            high = middle;
    }
    (void)fill_budgets(search, low, budgets);
}

/* Prunes towards the budgets. */
static enum espalier_status prune_by(const struct search *search, const struct espalier_budget *budgets, double part,
                                     struct espalier_network *network, struct espalier_error *error)
{
    struct espalier_constraint constraints[ESPALIER_CONSTRAINTS_MAX];
    size_t count = espalier_constrain(&(struct espalier_step){.options = search->job->options,
                                                              .network = network,
                                                              .first = search->whole,
                                                              .target = budgets,
                                                              .part = part},
                                      constraints);
    struct espalier_admm admm;
    enum espalier_status status = espalier_admm_create(network, constraints, count, &admm, error);

    if (status != ESPALIER_OK)
        return status;
    status = espalier_admm_prune(&admm, network, error);
    espalier_admm_free(&admm);
    if (status == ESPALIER_OK)
        espalier_cut_unused(network);
    return status;
}

/* Trains one part of a trial. */
static enum espalier_status train_a_little(const struct search *search, struct trial *trial,
                                           struct espalier_error *error)
{
    const struct espalier_compress_options *options = search->job->options;
    struct espalier_train_options train = options->train;
    uint32_t images = espalier_fit_images(search->job->data, &train);
    double a_part = (search->job->done_to - search->job->done_from) / options->search_trials / PARTS;
    double done = search->job->done_from + (search->trials * PARTS + trial->part) * a_part;
    char name[32];

    train.use = images < PART_IMAGES ? images : PART_IMAGES;
    snprintf(name, sizeof name, "search %u/%u", search->trials + 1, options->search_trials);
    return espalier_fit_run(&(struct espalier_fit){.stage = name,
                                                   .network = trial->network,
                                                   .data = search->job->data,
                                                   .options = &train,
                                                   .epochs = 1,
                                                   .normalized = train.normalize,
                                                   .learning_rate = options->retrain_rate,
                                                   .done_from = done,
                                                   .done_to = done + a_part,
                                                   .random = &trial->random,
                                                   .state = search->job->state,
                                                   .measure = search->job->measure},
                            error);
}

static void visit_trial(struct espalier_archive *archive, void *context)
{
    struct trial *trial = context;
    uint8_t pruned = trial->pruned;

    espalier_archive_u32(archive, &trial->part, 1);
    espalier_archive_u8(archive, &pruned, 1);
    espalier_archive_expect(archive, trial->part < PARTS && pruned <= 1, "a trial has no such part");
    trial->pruned = pruned == 1;
    espalier_archive_layers(archive, trial->network);
}

/* What is left of a trial's parts. */
static enum espalier_status run_trial(const struct search *search, const struct espalier_budget *budgets,
                                      struct trial *trial, struct espalier_error *error)
{
    enum espalier_status status = espalier_state_enter(search->job->state, "trial", visit_trial, trial, error);

    for (; trial->part < PARTS && status == ESPALIER_OK; trial->part++) {
        if (!trial->pruned)
            status = prune_by(search, budgets, (trial->part + 1.0) / PARTS, trial->network, error);
        trial->pruned = true;
        if (status == ESPALIER_OK)
            status = train_a_little(search, trial, error);
        trial->pruned = false;
    }
    espalier_state_leave(search->job->state);
    return status;
}

/* Counts the held-out images that a trial of the budgets gets right. */
static enum espalier_status try(struct search *search, const struct espalier_budget *budgets, uint32_t *correct,
                                struct espalier_error *error)
{
    struct trial trial = {0};
    uint32_t held_out = search->job->options->train.held_out;
    struct espalier_judgement judgement = {0};
    enum espalier_status status = espalier_network_clone(search->job->network, &trial.network, error);

    espalier_random_seed(&trial.random, search->job->options->train.seed);
    if (status == ESPALIER_OK)
        status = run_trial(search, budgets, &trial, error);
    if (status == ESPALIER_OK)
        status = espalier_network_judge(trial.network, search->job->data, search->job->data->count - held_out, held_out,
                                        &judgement, error);
    *correct = judgement.correct;
    espalier_network_free(trial.network);
    search->trials++;
    return status;
}

/* Tries to move one variable; *better tells whether it was kept. */
static enum espalier_status move(struct search *search, size_t v, double by, bool *better, struct espalier_error *error)
{
    struct espalier_budget budgets[ESPALIER_LAYERS_MAX];
    size_t size = search->job->network->layer_count * sizeof *budgets;
    uint32_t correct = 0;
    enum espalier_status status = ESPALIER_OK;

    *better = false;
    memcpy(search->tried, search->moves, sizeof search->tried);
    search->tried[v] += by;
    fit_to_total(search, budgets);
    if (memcmp(budgets, search->best, size) != 0) {
        status = try(search, budgets, &correct, error);
        *better = status == ESPALIER_OK && correct > search->correct;
    }
    if (*better) {
        memcpy(search->best, budgets, size);
        memcpy(search->moves, search->tried, sizeof search->moves);
        search->correct = correct;
    }
    return status;
}

/* The next move: each variable up, then down unless that bettered; smaller moves when none of this size betters. */
static enum espalier_status step(struct search *search, struct espalier_error *error)
{
    uint32_t down = search->at % 2;
    bool better;
    enum espalier_status status =
        move(search, search->at / 2 % search->count, down ? -search->by : search->by, &better, error);

    search->idle = better ? 0 : search->idle + 1;
    search->at += better && !down ? 2 : 1;
    if (search->idle >= 2 * search->count) {
        search->by *= 0.5;
        search->at = search->idle = 0;
    }
    return status;
}

static void visit_search(struct espalier_archive *archive, void *context)
{
    struct search *search = context;

    espalier_archive_u32(archive, &search->trials, 1);
    espalier_archive_u32(archive, &search->correct, 1);
    espalier_archive_u32(archive, &search->at, 1);
    espalier_archive_u32(archive, &search->idle, 1);
    espalier_archive_doubles(archive, &search->by, 1);
    espalier_archive_doubles(archive, search->moves, search->count);
    espalier_archive_budgets(archive, search->start, search->job->network->layer_count);
    espalier_archive_budgets(archive, search->best, search->job->network->layer_count);
    espalier_archive_expect(archive, search->trials < search->job->options->search_trials && search->by > LAST_MOVE,
                            "%u trials with moves of %g cannot be", search->trials, search->by);
}

/* All trials, or those that are left when a job is taken up. */
static enum espalier_status run_trials(struct search *search, struct espalier_error *error)
{
    enum espalier_status status = espalier_state_enter(search->job->state, "search", visit_search, search, error);

    if (status == ESPALIER_OK && search->trials == 0)
        status = try(search, search->best, &search->correct, error);
    while (status == ESPALIER_OK && search->by > LAST_MOVE && search->trials < search->job->options->search_trials)
        status = step(search, error);
    espalier_state_leave(search->job->state);
    return status;
}

enum espalier_status espalier_search_budgets(const struct espalier_search *job, struct espalier_budget *budgets,
                                             struct espalier_error *error)
{
    struct search search = {.job = job, .best = budgets, .by = FIRST_MOVE};

    for (uint32_t i = 0; i < job->network->layer_count; i++) {
        search.start[i] = budgets[i];
        search.whole[i] = espalier_budget_of(&job->network->layers[i]);
    }
    find_variables(&search);
    return run_trials(&search, error);
}

enum espalier_status espalier_check_search(const struct espalier_compress_options *options,
                                           struct espalier_error *error)
{
    if (options->search_trials == 0)
        return ESPALIER_OK;
    if (options->budget_count > 0 || options->choose_epochs > 0)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "budgets are given, or dropout shall choose them: there is nothing to search for");
    if (options->train.held_out == 0)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "a search for budgets needs held-out images");
    for (uint32_t i = 0; i < options->family_count; i++)
        if (options->families[i].global || options->families[i].kind == ESPALIER_N_OF_M)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "layer %u: this family has no budget to search for", i + 1);
    return ESPALIER_OK;
}
