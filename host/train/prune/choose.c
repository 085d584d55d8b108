#include "choose.h"
#include "budget.h"
#include "dead.h"
#include "purify.h"

#include <math.h>

enum { PARTS = 20, LAST_CUT = 16, FIRST_SHARE = 5 };

/* The part from which weights must go. A single weight's alpha says from the start that it is small; those of rows and
 * columns are all alike until the prior has risen. */
static const uint32_t first_cut[] = {[ESPALIER_NOISE_ELEMENTS] = 1, [ESPALIER_NOISE_GROUPS] = 8};

/* Weights with more are gone for good while others are still chosen. */
static const float DROP_LOG_ALPHA = 4.0F;

/* How many weights may be left after a part of a cut. The ratio that is still to go falls, as a logarithm, with the
 * square of the parts that are left: the cuts that hurt are the last ones, so they are the smallest. */
static uint64_t allowed(enum espalier_noise_kind kind, uint64_t kept, uint64_t total, uint32_t part)
{
    if (kept <= total || part < first_cut[kind])
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

/* Drops the noisiest weights until no more than @p most are left, and those that are of no use down to @p total. */
static enum espalier_status drop(struct espalier_network *network, const struct espalier_variational *variational,
                                 uint64_t most, uint64_t total, struct espalier_error *error)
{
    float limit = 0.0F, floor_limit = 0.0F;
    enum espalier_status status = espalier_variational_threshold(variational, network, most, &limit, error);

    if (status == ESPALIER_OK)
        status = espalier_variational_threshold(variational, network, total, &floor_limit, error);
    if (status != ESPALIER_OK)
        return status;
    espalier_variational_prune(variational, network, fminf(limit, fmaxf(floor_limit, DROP_LOG_ALPHA)));
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

static bool is_connected(const struct espalier_network *network)
{
    bool connected = true;

    for (uint32_t i = 0; i < network->layer_count; i++)
        connected = connected && espalier_budget_of(&network->layers[i]).weights > 0;
    return connected;
}

/* What a cut would leave in each layer; by size alone, if it would leave no path through the network. */
static enum espalier_status budgets_of_cut(const struct espalier_network *network,
                                           const struct espalier_variational *variational, uint64_t total,
                                           struct espalier_budget *budgets, struct espalier_error *error)
{
    struct espalier_network *cut = NULL;
    enum espalier_status status = espalier_network_clone(network, &cut, error);

    if (status == ESPALIER_OK)
        status = drop(cut, variational, total, total, error);
    for (uint32_t i = 0; i < network->layer_count && status == ESPALIER_OK; i++)
        budgets[i] = espalier_budget_of(&cut->layers[i]);
    if (status == ESPALIER_OK && !is_connected(cut))
        status = variational->kind == ESPALIER_NOISE_GROUPS
                     ? espalier_budget_structured(network, NULL, total, budgets, error)
                     : espalier_budget_gap(network, total, budgets, error);
    espalier_network_free(cut);
    return status;
}

/* All parts, or those that are left when a job is taken up. */
static enum espalier_status run_parts(const struct espalier_fit *stage, struct espalier_variational *variational,
                                      uint64_t total, bool cut, struct espalier_error *error)
{
    struct espalier_network *network = stage->network;
    enum espalier_noise_kind kind = variational->kind;
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
            status = drop(network, variational, cut ? allowed(kind, kept, total, part) : kept, total, error);
        if (status == ESPALIER_OK && !is_connected(network))
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

enum espalier_status espalier_choose(const struct espalier_fit *stage, enum espalier_noise_kind kind, float prior,
                                     uint64_t total, struct espalier_budget *budgets, struct espalier_error *error)
{
    struct espalier_network *network = stage->network;
    struct espalier_variational variational;
    enum espalier_status status = espalier_variational_create(network, kind, &variational, error);

    variational.strength = prior;
    if (status == ESPALIER_OK)
        status = run_parts(stage, &variational, total, budgets == NULL, error);
    if (status == ESPALIER_OK && budgets != NULL)
        status = budgets_of_cut(network, &variational, total, budgets, error);
    espalier_variational_free(&variational);
    return status;
}
