#include "choose.h"
#include "budget.h"
#include "dead.h"
#include "purify.h"

#include <math.h>
#include <stdlib.h>

enum { PARTS = 20, LAST_CUT = 16, FIRST_SHARE = 5, BUDGET_TRIES = 12 };

/* The part from which weights must go. A single weight's alpha says from the start that it is small; those of tiles are
 * all alike until the prior has risen. */
enum { FIRST_CUT = 1, FIRST_CUT_OF_TILES = 8 };

/* Weights with more are gone for good while others are still chosen. */
static const float DROP_LOG_ALPHA = 4.0F;

/* How much of the way to the total, as a logarithm, tiles are cut before ADMM goes the rest. Rows and columns that are
 * chosen apart do not fit each other: what one layer keeps for rows that the other gave up is lost beyond the ratio. */
static const double WAY_BEFORE_ADMM = 0.75;

/* How many weights may be left after a part of a cut. The ratio that is still to go falls, as a logarithm, with the
 * square of the parts that are left: the cuts that hurt are the last ones, so they are the smallest. */
static uint64_t allowed(uint32_t first_cut, uint64_t kept, uint64_t total, uint32_t part)
{
    if (kept <= total || part < first_cut)
        return kept;
    if (part >= LAST_CUT)
        return total;
    double left = LAST_CUT + 1.0 - part, share = (2.0 * left - 1.0) / (left * left);
    return (uint64_t)((double)kept * pow((double)total / (double)kept, share));
}

/* Epochs of the parts before part n: part n has FIRST_SHARE + n shares of them. Later parts have fewer weights, so that
 * their epochs cost less, and it is their cuts that hurt; the first ones must not be those of size alone. */
static uint32_t epochs_before(uint32_t epochs, uint32_t n)
{
    const uint64_t before = FIRST_SHARE * n + n * (n - 1) / 2, all = FIRST_SHARE * PARTS + PARTS * (PARTS - 1) / 2;

    return (uint32_t)(epochs * before / all);
}

/* Runs the n-th part with its share of the schedule and the epochs; nothing if no epoch falls into it. */
static enum espalier_status run_part(const struct espalier_fit *stage, uint32_t n, struct espalier_error *error)
{
    struct espalier_fit fit = *stage;
    uint32_t before = epochs_before(stage->epochs, n), behind = epochs_before(stage->epochs, n + 1);
    double done = stage->done_to - stage->done_from;

    fit.epochs = behind - before;
    fit.part_from = (double)n / PARTS;
    fit.part_to = (n + 1.0) / PARTS;
    fit.done_from = stage->done_from + done * before / stage->epochs;
    fit.done_to = stage->done_from + done * behind / stage->epochs;
    return fit.epochs > 0 ? espalier_fit_run(&fit, error) : ESPALIER_OK;
}

static bool is_tiled(const struct espalier_variational *variational)
{
    bool tiled = false;

    for (uint32_t i = 0; i < variational->layer_count; i++)
        tiled = tiled || variational->layers[i].grouping.tiled;
    return tiled;
}

/* How many weights are of use in a network once those that are judged by more than the limit are gone. */
static enum espalier_status count_left(const struct espalier_variational *variational,
                                       const struct espalier_network *network, float limit, uint64_t *left,
                                       struct espalier_error *error)
{
    struct espalier_network *cut = NULL;
    enum espalier_status status = espalier_network_clone(network, &cut, error);

    if (status != ESPALIER_OK)
        return status;
    espalier_variational_prune(variational, cut, limit, true);
    espalier_cut_unused(cut);
    *left = espalier_network_kept(cut);
    espalier_network_free(cut);
    return ESPALIER_OK;
}

/* The limit that leaves at most @p total weights. With a row goes what reads it, with a channel the row that writes it,
 * so that tiles of more weights may be asked for than are left: bisection finds how many. */
static enum espalier_status find_limit(const struct espalier_variational *variational,
                                       const struct espalier_network *network, const float *judged, uint64_t total,
                                       float *limit, struct espalier_error *error)
{
    const uint64_t kept = espalier_network_kept(network);
    uint64_t low = total < kept ? total : kept, high = is_tiled(variational) ? kept : low;

    while (low < high) {
        uint64_t middle = high - (high - low) / 2, left = 0;
        float tried = espalier_variational_threshold(judged, kept, middle);
        enum espalier_status status = count_left(variational, network, tried, &left, error);
        if (status != ESPALIER_OK)
            return status;
        if (left <= total)
            low = middle;
        else
            high = middle - 1;
    }
    *limit = espalier_variational_threshold(judged, kept, low);
    return ESPALIER_OK;
}

/* Drops the noisiest weights until no more than @p most are left, and those that are of no use down to @p total. */
static enum espalier_status drop(struct espalier_network *network, struct espalier_variational *variational,
                                 uint64_t most, uint64_t total, bool all, struct espalier_error *error)
{
    float limit = 0.0F, floor_limit = 0.0F, *judged = NULL;
    enum espalier_status status = espalier_variational_judge(variational, network, &judged, error);

    if (status == ESPALIER_OK)
        status = find_limit(variational, network, judged, most, &limit, error);
    if (status == ESPALIER_OK)
        status = find_limit(variational, network, judged, total, &floor_limit, error);
    free(judged);
    if (status != ESPALIER_OK)
        return status;
    espalier_variational_prune(variational, network, fminf(limit, fmaxf(floor_limit, DROP_LOG_ALPHA)), all);
    espalier_cut_unused(network);
    return ESPALIER_OK;
}

/* What is kept of it; the noise is kept by the stage that learns it. */
static void visit_part(struct espalier_archive *archive, void *context)
{
    uint32_t *part = context;

    espalier_archive_u32(archive, part, 1);
    espalier_archive_expect(archive, *part < PARTS, "part %u of %d cannot be", *part, PARTS);
}

/* What a cut would leave in each layer; by size alone, if it would leave no path through the network. */
static enum espalier_status budgets_of_cut(const struct espalier_network *network,
                                           struct espalier_variational *variational,
                                           const struct espalier_compress_options *options, uint64_t total,
                                           struct espalier_budget *budgets, struct espalier_error *error)
{
    struct espalier_network *cut = NULL;
    enum espalier_status status = espalier_network_clone(network, &cut, error);

    if (status == ESPALIER_OK)
        status = drop(cut, variational, total, total, true, error);
    for (uint32_t i = 0; i < network->layer_count && status == ESPALIER_OK; i++)
        budgets[i] = espalier_budget_of(&cut->layers[i]);
    if (status == ESPALIER_OK && espalier_cut_off(cut) > 0)
        status = options->format == ESPALIER_STRUCTURED
                     ? espalier_budget_structured(network, options->families, total, budgets, error)
                     : espalier_budget_gap(network, total, budgets, error);
    espalier_network_free(cut);
    return status;
}

/* Those of the largest cut with which ADMM will not exceed the total, whichever columns it then keeps: where it keeps
 * others, they may read more rows. */
static enum espalier_status choose_budgets(const struct espalier_network *network,
                                           struct espalier_variational *variational,
                                           const struct espalier_compress_options *options, uint64_t total,
                                           struct espalier_budget *budgets, struct espalier_error *error)
{
    struct espalier_family families[ESPALIER_LAYERS_MAX];
    enum espalier_status status = ESPALIER_OK;
    uint64_t bound = total + 1, asked = total;

    for (uint32_t i = 0; i < network->layer_count; i++)
        families[i] = espalier_family_of(options, i);
    for (uint32_t tries = 0; tries < BUDGET_TRIES && bound > total && status == ESPALIER_OK; tries++) {
        status = budgets_of_cut(network, variational, options, asked, budgets, error);
        bound = status == ESPALIER_OK ? espalier_budget_bound(network, families, budgets) : 0;
        asked = asked * total / (bound + 1);
    }
    return status;
}

/* All parts, or those that are left when a job is taken up. */
static enum espalier_status run_parts(const struct espalier_fit *stage, struct espalier_variational *variational,
                                      uint64_t total, bool cut, struct espalier_error *error)
{
    struct espalier_network *network = stage->network;
    const bool tiled = is_tiled(variational);
    const uint32_t first_cut = tiled ? FIRST_CUT_OF_TILES : FIRST_CUT;
    const double dense = (double)network->dense_weights;
    const uint64_t aim = cut ? total : (uint64_t)(dense * pow((double)total / dense, WAY_BEFORE_ADMM));
    struct espalier_hooks hooks = espalier_variational_hooks(variational);
    struct espalier_fit noisy = *stage;
    uint32_t part = 0;

    noisy.hooks = &hooks;
    enum espalier_status status = espalier_state_enter(stage->state, "choose", visit_part, &part, error);

    for (; part < PARTS && status == ESPALIER_OK; part++) {
        status = run_part(&noisy, part, error);
        if (status == ESPALIER_OK)
            status = espalier_cut_dead(network, stage->data, espalier_fit_images(stage->data, stage->options), error);
        uint64_t kept = espalier_network_kept(network);
        if (status == ESPALIER_OK)
            status = drop(network, variational, cut || tiled ? allowed(first_cut, kept, aim, part) : kept, total, cut,
                          error);
        if (status == ESPALIER_OK && espalier_cut_off(network) > 0)
            status =
                espalier_fail(error, ESPALIER_ERR_RANGE,
                              "dropout left no path through the network (part %u of %d): a smaller ratio or prior, "
                              "or more epochs, may help",
                              part + 1, PARTS);
        espalier_variational_forget(variational, network);
    }
    espalier_state_leave(stage->state);
    return status;
}

enum espalier_status espalier_choose(const struct espalier_fit *stage, const struct espalier_compress_options *options,
                                     uint64_t total, struct espalier_budget *budgets, struct espalier_error *error)
{
    struct espalier_network *network = stage->network;
    struct espalier_grouping groupings[ESPALIER_LAYERS_MAX];
    struct espalier_variational variational;

    espalier_group(options, network, groupings);
    enum espalier_status status = espalier_variational_create(network, groupings, &variational, error);
    variational.strength = options->prior;
    if (status == ESPALIER_OK)
        status = run_parts(stage, &variational, total, budgets == NULL, error);
    if (status == ESPALIER_OK && budgets != NULL)
        status = choose_budgets(network, &variational, options, total, budgets, error);
    espalier_variational_free(&variational);
    return status;
}
