#include "run.h"

#include <stdlib.h>
#include <string.h>

void espalier_run_refresh(const struct espalier_run *run)
{
    const struct espalier_network *network = run->fit->network;

    if (run->hooks.refresh != NULL)
        run->hooks.refresh(run->hooks.context, network, &run->live, run->views);
    for (uint32_t i = 0; i < run->norm.layer_count && run->norm_begun; i++) {
        run->views[i].gain = run->norm.layers[i].gain;
        run->views[i].bias = network->layers[i].bias;
    }
}

static enum espalier_status create_shards(struct espalier_run *run, struct espalier_error *error)
{
    const struct espalier_train_options *options = run->fit->options;
    enum espalier_status status = espalier_crew_create(options->threads, &run->crew, error);

    run->shards = calloc(options->threads, sizeof *run->shards);
    if (status == ESPALIER_OK && run->shards == NULL)
        status = espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for %u threads", options->threads);
    for (uint32_t s = 0; s < options->threads && status == ESPALIER_OK; s++) {
        run->shard_count = s + 1;
        status = espalier_shard_create(run->fit, options->batch / options->threads,
                                       espalier_random_bits(run->fit->random), &run->shards[s], error);
    }
    return status;
}

enum espalier_status espalier_run_create(struct espalier_run *run, const struct espalier_fit *fit,
                                         struct espalier_error *error)
{
    const struct espalier_network *network = fit->network;
    const struct espalier_train_options *options = fit->options;

    memset(run, 0, sizeof *run);
    run->fit = fit;
    run->hooks = fit->hooks != NULL ? *fit->hooks : (struct espalier_hooks){0};
    run->images = espalier_fit_images(fit->data, options);
    run->steps = run->images / options->batch;
    run->order = malloc(run->images * sizeof *run->order);
    run->views = calloc(network->layer_count, sizeof *run->views);
    if (run->order == NULL || run->views == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for training on %u images", run->images);
    for (uint32_t i = 0; i < run->images; i++)
        run->order[i] = i;
    espalier_random_shuffle(fit->random, run->order, run->images);
    espalier_views_of(network, run->views);
    enum espalier_status status = create_shards(run, error);
    if (status == ESPALIER_OK)
        status = espalier_live_create(network, &run->live, error);
    if (status == ESPALIER_OK)
        status = espalier_adam_create(network, &run->adam, error);
    if (status == ESPALIER_OK && fit->normalized)
        status = espalier_norm_create(network, run->hooks.shared_norm, &run->norm, error);
    return status;
}

void espalier_run_free(struct espalier_run *run)
{
    for (uint32_t s = 0; s < run->shard_count; s++)
        espalier_shard_free(&run->shards[s]);
    free(run->shards);
    espalier_crew_free(run->crew);
    free(run->order);
    free(run->views);
    espalier_live_free(&run->live);
    espalier_norm_free(&run->norm);
    espalier_adam_free(&run->adam);
}

/* ---- What is kept */

/* Every image once. */
static void visit_order(struct espalier_archive *archive, struct espalier_run *run)
{
    uint8_t *seen = archive->reading ? calloc(run->images, 1) : NULL;

    espalier_archive_u32(archive, run->order, run->images);
    for (uint32_t i = 0; i < run->images && seen != NULL && espalier_archive_good(archive); i++) {
        bool good = run->order[i] < run->images && seen[run->order[i]] == 0;
        espalier_archive_expect(archive, good, "the order of images is none");
        if (good)
            seen[run->order[i]] = 1;
    }
    if (archive->reading && seen == NULL)
        archive->status =
            espalier_fail(archive->error, ESPALIER_ERR_MEMORY, "out of memory for %u images", run->images);
    free(seen);
}

static void visit_last(struct espalier_archive *archive, struct espalier_progress *last)
{
    double *const measured[] = {&last->loss, &last->residual, &last->accuracy, &last->held_out_loss};

    for (size_t i = 0; i < sizeof measured / sizeof *measured; i++)
        espalier_archive_doubles(archive, measured[i], 1);
    espalier_archive_u64(archive, &last->kept_weights, 1);
    espalier_archive_u64(archive, &last->bits, 1);
}

void espalier_run_visit(struct espalier_archive *archive, void *context)
{
    struct espalier_run *run = context;
    const struct espalier_fit *fit = run->fit;

    espalier_archive_u32(archive, &run->epoch, 1);
    espalier_archive_expect(archive, run->epoch > 0 && run->epoch <= fit->epochs, "%s: %u epochs of %u cannot be",
                            fit->stage, run->epoch, fit->epochs);
    visit_last(archive, &run->last);
    espalier_archive_random(archive, fit->random);
    for (uint32_t s = 0; s < run->shard_count; s++)
        espalier_archive_random(archive, &run->shards[s].random);
    visit_order(archive, run);
    espalier_adam_visit(archive, &run->adam, fit->network);
    espalier_norm_visit(archive, &run->norm);
    if (run->hooks.visit != NULL)
        run->hooks.visit(archive, run->hooks.context, fit->network);
}
