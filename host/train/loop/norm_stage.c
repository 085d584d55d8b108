#include "norm_stage.h"
#include "network/convolve.h"

#include <math.h>
#include <stdlib.h>

enum { BEGIN_IMAGES = 1024 };

static void forward_shard(void *context, uint32_t part)
{
    struct espalier_run *run = context;

    espalier_shard_forward(&run->shards[part], run->views, run->batch + (size_t)part * run->shards[part].batch);
}

/* Means and variances of sums, all layers' rows one behind another. */
struct moments {
    uint32_t rows;
    double *mean, *variance; /* [rows] */
};

/* Adds a shard's last batch to the means, and the squares to the variances. */
static void add_moments(const struct espalier_run *run, const struct espalier_shard *shard, struct moments *moments)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < run->norm.layer_count; i++) {
        size_t size = 0;
        const float *sums = espalier_pass_sums(shard->pass, i, &size);
        for (uint32_t row = 0; row < run->norm.layers[i].rows; row++, sums += size, at++) {
            moments->mean[at] += (double)espalier_sum(sums, size) / (double)size;
            moments->variance[at] += (double)espalier_sum_products(sums, sums, size) / (double)size;
        }
    }
}

/* What the network's sums are for the first images of the order. */
static void measure_moments(struct espalier_run *run, struct moments *moments)
{
    uint32_t batch = run->fit->options->batch, batches = (BEGIN_IMAGES + batch - 1) / batch;

    batches = batches < run->steps ? batches : run->steps;
    for (uint32_t b = 0; b < batches; b++) {
        run->batch = run->order + (size_t)b * batch;
        espalier_run_refresh(run);
        espalier_crew_run(run->crew, forward_shard, run);
        for (uint32_t s = 0; s < run->shard_count; s++)
            add_moments(run, &run->shards[s], moments);
    }
    for (uint32_t r = 0; r < moments->rows; r++) {
        double mean = moments->mean[r] / ((double)batches * run->shard_count);
        double square = moments->variance[r] / ((double)batches * run->shard_count);
        moments->mean[r] = mean;
        moments->variance[r] = fmax(0.0, square - mean * mean);
    }
}

enum espalier_status espalier_norm_begin_stage(struct espalier_run *run, struct espalier_error *error)
{
    struct moments moments = {0};
    enum espalier_status status = ESPALIER_OK;
    uint32_t at = 0;

    for (uint32_t i = 0; i < run->norm.layer_count; i++)
        moments.rows += run->norm.layers[i].rows;
    moments.mean = calloc(moments.rows + 1, sizeof *moments.mean);
    moments.variance = calloc(moments.rows + 1, sizeof *moments.variance);
    if (moments.mean == NULL || moments.variance == NULL)
        status = espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for the means of %u rows", moments.rows);
    if (status == ESPALIER_OK)
        measure_moments(run, &moments);
    for (uint32_t i = 0; i < run->norm.layer_count && status == ESPALIER_OK; at += run->norm.layers[i++].rows) {
        espalier_norm_begin(&run->norm, run->fit->network, i, moments.mean + at, moments.variance + at);
    }
    free(moments.mean);
    free(moments.variance);
    return status;
}

void espalier_norm_end_stage(struct espalier_run *run)
{
    const struct espalier_fit *fit = run->fit;

    espalier_norm_fold(&run->norm, fit->network);
    if (run->hooks.folded != NULL && run->norm.layer_count > 0)
        run->hooks.folded(run->hooks.context, &run->norm, fit->network);
}
