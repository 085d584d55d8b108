/* Workers take batches of images from a shared counter until there are none. Each owns a reference engine and, on
 * boards, a simulated board; what they find is added to the evaluation under one lock. What needs the whole picture
 * comes after them, on a board of its own: one image alone, a full run if no batch filled all slots, and the place of a
 * divergence. */
#include "evaluate.h"

#include "data.h"
#include "progress.h"

#include <espalier/engine.h>
#include <espalier_sim.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 64, REFERENCE_BATCH = 16 };
static const uint32_t no_image = UINT32_MAX;

/* Shared by the workers. */
struct job {
    const struct espalier_model *model;
    const struct espalier_dataset *dataset;
    const struct evaluation_options *options;
    pthread_mutex_t lock; /* of everything below */
    struct evaluation *out;
    struct progress progress;
    uint32_t next, done;                                /* images taken, and finished */
    uint32_t first_mismatch;                            /* lowest image with a logit that differs, or no_image */
    uint64_t full_cycles, full_multiplies, full_images; /* of runs with all slots filled */
    enum espalier_status status;                        /* of the first failure; ends all workers */
    struct espalier_error error;
};

/* One thread's means. */
struct worker {
    struct job *job;
    struct espalier_engine *engine;
    struct espalier_device *device; /* NULL in the reference engine */
    uint32_t slots;                 /* images of a batch */
    int32_t *expected;              /* [slots][outputs] */
    uint32_t link[2];               /* link counters, in and out, at the end of the last run */
};

static const uint8_t *image_of(const struct job *job, uint32_t image)
{
    return job->dataset->pixels + (size_t)image * job->dataset->height * job->dataset->width;
}

static int32_t *logits_of(const struct job *job, uint32_t image)
{
    return job->out->logits + (size_t)image * job->out->outputs;
}

static uint32_t output_count(const struct espalier_layer *layer)
{
    return layer->rows * espalier_layer_out_height(layer) * espalier_layer_out_width(layer);
}

static void close_worker(struct worker *worker)
{
    espalier_device_close(worker->device);
    espalier_engine_free(worker->engine);
    free(worker->expected);
}

/* Powers a board up and loads the model. */
static enum espalier_status open_board(struct worker *worker, const char *trace, struct espalier_error *error)
{
    struct espalier_transport transport;
    uint32_t counters[ESPALIER_COUNTERS];
    const struct evaluation_options *options = worker->job->options;
    enum espalier_status status =
        (options->open_board ? options->open_board : espalier_sim_open)(options->board, trace, &transport, error);
    if (status == ESPALIER_OK)
        status = espalier_device_open(&transport, &worker->device, error);
    if (status != ESPALIER_OK)
        return status;
    worker->slots = espalier_device_capabilities(worker->device)->words[ESPALIER_CAPS_POSITIONS];
    status = espalier_device_load(worker->device, worker->job->model, error);
    if (status == ESPALIER_OK)
        status = espalier_device_counters(worker->device, counters, error);
    if (status == ESPALIER_OK) {
        worker->link[0] = counters[ESPALIER_COUNT_LINK_IN];
        worker->link[1] = counters[ESPALIER_COUNT_LINK_OUT];
    }
    return status;
}

/* @p worker is closed by close_worker, also after a failure. */
static enum espalier_status open_worker(struct job *job, const char *trace, struct worker *worker,
                                        struct espalier_error *error)
{
    *worker = (struct worker){.job = job, .slots = REFERENCE_BATCH};
    enum espalier_status status = espalier_engine_create(job->model, &worker->engine, error);
    if (status == ESPALIER_OK && job->options->rtl)
        status = open_board(worker, trace, error);
    if (status != ESPALIER_OK)
        return status;
    worker->expected = calloc((size_t)worker->slots * job->out->outputs, sizeof *worker->expected);
    if (!worker->expected)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for the logits of %u images", worker->slots);
    return ESPALIER_OK;
}

/* Reads the counters of the run just ended; the link's are turned into the bytes of this run. */
static enum espalier_status read_counters(struct worker *worker, uint32_t counters[ESPALIER_COUNTERS],
                                          struct espalier_error *error)
{
    static const unsigned link_counters[2] = {ESPALIER_COUNT_LINK_IN, ESPALIER_COUNT_LINK_OUT};
    enum espalier_status status = espalier_device_counters(worker->device, counters, error);
    for (size_t i = 0; status == ESPALIER_OK && i < 2; i++) {
        uint32_t since_hello = counters[link_counters[i]];
        if (since_hello >= worker->link[i]) /* else the device was greeted anew, and counts from there */
            counters[link_counters[i]] = since_hello - worker->link[i];
        worker->link[i] = since_hello;
    }
    return status;
}

/* ---- batches ---- */

/* Takes the next batch. @return how many images it has, 0 if there are none or a worker failed */
static uint32_t take_batch(struct worker *worker, uint32_t *first)
{
    struct job *job = worker->job;
    pthread_mutex_lock(&job->lock);
    uint32_t left = job->status == ESPALIER_OK ? job->dataset->count - job->next : 0;
    uint32_t count = left < worker->slots ? left : worker->slots;
    *first = job->next;
    job->next += count;
    pthread_mutex_unlock(&job->lock);
    return count;
}

/* Compares logits with the reference engine's. @return how many differ; *image receives the first image with one */
static uint64_t compare_batch(const struct worker *worker, uint32_t first, uint32_t count, uint32_t *image)
{
    uint32_t outputs = worker->job->out->outputs;
    const int32_t *got = logits_of(worker->job, first);
    uint64_t mismatches = 0;
    *image = no_image;
    for (uint32_t i = 0; i < count * outputs; i++) {
        if (got[i] == worker->expected[i])
            continue;
        if (mismatches++ == 0)
            *image = first + i / outputs;
    }
    return mismatches;
}

static void add_to_full_runs(struct job *job, const uint32_t counters[ESPALIER_COUNTERS], uint32_t images)
{
    job->full_cycles += counters[ESPALIER_COUNT_CYCLES];
    job->full_multiplies += counters[ESPALIER_COUNT_MULTIPLIES];
    job->full_images += images;
}

/* Adds a finished batch to the evaluation. */
static void finish_batch(struct worker *worker, uint32_t first, uint32_t count,
                         const uint32_t counters[ESPALIER_COUNTERS])
{
    struct job *job = worker->job;
    uint32_t image, correct = 0;
    uint64_t mismatches = worker->device ? compare_batch(worker, first, count, &image) : 0;
    for (uint32_t i = first; i < first + count; i++)
        correct += espalier_argmax(logits_of(job, i), job->out->outputs) == job->dataset->labels[i];
    pthread_mutex_lock(&job->lock);
    job->out->correct += correct;
    job->out->mismatches += mismatches;
    if (mismatches > 0 && image < job->first_mismatch)
        job->first_mismatch = image;
    for (size_t i = 0; i < ESPALIER_COUNTERS; i++)
        job->out->counters[i] += counters[i];
    if (worker->device && count == worker->slots)
        add_to_full_runs(job, counters, count);
    job->done += count;
    progress_update(&job->progress, (double)job->done / job->dataset->count);
    pthread_mutex_unlock(&job->lock);
}

static enum espalier_status run_batch(struct worker *worker, uint32_t first, uint32_t count,
                                      struct espalier_error *error)
{
    struct job *job = worker->job;
    uint32_t counters[ESPALIER_COUNTERS] = {0};
    enum espalier_status status = ESPALIER_OK;
    for (uint32_t i = 0; i < count; i++)
        espalier_engine_run(worker->engine, image_of(job, first + i),
                            worker->device ? worker->expected + (size_t)i * job->out->outputs
                                           : logits_of(job, first + i));
    if (worker->device) {
        status = espalier_device_run(worker->device, image_of(job, first), count, logits_of(job, first), error);
        if (status == ESPALIER_OK)
            status = read_counters(worker, counters, error);
    }
    if (status == ESPALIER_OK)
        finish_batch(worker, first, count, counters);
    return status;
}

static void *work(void *context)
{
    struct job *job = context;
    struct worker worker;
    struct espalier_error error = {0};
    uint32_t first, count;
    enum espalier_status status = open_worker(job, job->options->trace, &worker, &error);
    if (status == ESPALIER_OK && worker.device) {
        const struct espalier_capabilities *capabilities = espalier_device_capabilities(worker.device);
        pthread_mutex_lock(&job->lock);
        job->out->lanes = capabilities->words[ESPALIER_CAPS_LANES];
        job->out->positions = worker.slots;
        job->out->load_bytes = (uint64_t)worker.link[0] + worker.link[1];
        pthread_mutex_unlock(&job->lock);
    }
    while (status == ESPALIER_OK && (count = take_batch(&worker, &first)) > 0)
        status = run_batch(&worker, first, count, &error);
    pthread_mutex_lock(&job->lock);
    if (status != ESPALIER_OK && job->status == ESPALIER_OK) {
        job->status = status;
        job->error = error;
    }
    pthread_mutex_unlock(&job->lock);
    close_worker(&worker);
    return NULL;
}

/* ---- after the batches ---- */

/* Runs one image alone. */
static enum espalier_status measure_alone(struct worker *worker, struct espalier_error *error)
{
    uint32_t counters[ESPALIER_COUNTERS];
    struct job *job = worker->job;
    enum espalier_status status = espalier_device_run(worker->device, image_of(job, 0), 1, worker->expected, error);
    if (status == ESPALIER_OK)
        status = read_counters(worker, counters, error);
    if (status == ESPALIER_OK)
        job->out->cycles_alone = counters[ESPALIER_COUNT_CYCLES];
    return status;
}

/* Fills all slots with the images that there are, over and over. */
static enum espalier_status measure_full(struct worker *worker, struct espalier_error *error)
{
    struct job *job = worker->job;
    size_t image_bytes = (size_t)job->dataset->height * job->dataset->width;
    uint32_t counters[ESPALIER_COUNTERS];
    uint8_t *pixels = malloc(worker->slots * image_bytes);
    if (!pixels)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for %u images", worker->slots);
    for (uint32_t slot = 0; slot < worker->slots; slot++)
        memcpy(pixels + slot * image_bytes, image_of(job, slot % job->dataset->count), image_bytes);
    enum espalier_status status = espalier_device_run(worker->device, pixels, worker->slots, worker->expected, error);
    if (status == ESPALIER_OK)
        status = read_counters(worker, counters, error);
    if (status == ESPALIER_OK)
        add_to_full_runs(job, counters, worker->slots);
    free(pixels);
    return status;
}

/* What layer @p layer (from 0) gives for the mismatching image of the batch, compared. *found tells whether it differs.
 */
static enum espalier_status compare_layer(struct worker *worker, uint32_t first, uint32_t count, uint32_t layer,
                                          bool *found, struct espalier_error *error)
{
    struct job *job = worker->job;
    struct divergence *divergence = &job->out->divergence;
    uint32_t outputs = output_count(&job->model->layers[layer]);
    const int8_t *expected = espalier_engine_activations(worker->engine, layer);
    int8_t *activations = malloc((size_t)count * outputs);
    if (!activations)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for the activations of %u images", count);
    enum espalier_status status =
        espalier_device_run_to(worker->device, image_of(job, first), count, layer + 1, activations, error);
    const int8_t *got = activations + (size_t)(divergence->image - first) * outputs;
    for (uint32_t i = 0; status == ESPALIER_OK && !*found && i < outputs; i++) {
        if (got[i] == expected[i])
            continue;
        divergence->layer = layer + 1;
        divergence->index = i;
        divergence->expected = expected[i];
        divergence->got = got[i];
        *found = true;
    }
    free(activations);
    return status;
}

/* Takes the first logit that differs as the divergence, then looks for a layer before it that differs already, by
 * running the image's batch again layer by layer. */
static enum espalier_status locate(struct worker *worker, struct espalier_error *error)
{
    struct job *job = worker->job;
    struct divergence *divergence = &job->out->divergence;
    uint32_t image = job->first_mismatch, first = image - image % worker->slots;
    uint32_t left = job->dataset->count - first, count = left < worker->slots ? left : worker->slots;
    const int32_t *got = logits_of(job, image);
    espalier_engine_run(worker->engine, image_of(job, image), worker->expected);
    *divergence = (struct divergence){.image = image, .layer = job->model->layer_count};
    divergence->origin = job->dataset->origins ? job->dataset->origins[image] : image;
    while (divergence->index + 1 < job->out->outputs && got[divergence->index] == worker->expected[divergence->index])
        divergence->index++;
    divergence->expected = worker->expected[divergence->index];
    divergence->got = got[divergence->index];
    int32_t *again = calloc((size_t)count * job->out->outputs, sizeof *again);
    if (!again)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for the logits of %u images", count);
    bool found = false;
    enum espalier_status status = espalier_device_run(worker->device, image_of(job, first), count, again, error);
    for (uint32_t i = 0; status == ESPALIER_OK && !found && i < job->model->layer_count; i++)
        if (!job->model->layers[i].raw)
            status = compare_layer(worker, first, count, i, &found, error);
    free(again);
    return status;
}

/* What remains to be measured on a board of its own. */
static enum espalier_status measure_rest(struct job *job, struct espalier_error *error)
{
    bool full = job->full_images == 0, mismatch = job->first_mismatch != no_image;
    enum espalier_status status = ESPALIER_OK;
    struct worker worker;
    if (full || mismatch || job->options->alone) {
        status = open_worker(job, NULL, &worker, error);
        if (status == ESPALIER_OK && job->options->alone)
            status = measure_alone(&worker, error);
        if (status == ESPALIER_OK && full)
            status = measure_full(&worker, error);
        if (status == ESPALIER_OK && mismatch)
            status = locate(&worker, error);
        close_worker(&worker);
    }
    if (status != ESPALIER_OK)
        return status;
    struct evaluation *out = job->out;
    double capacity = (double)job->full_cycles * out->lanes * out->positions;
    out->cycles_per_image = (double)job->full_cycles / (double)job->full_images;
    out->utilisation = capacity > 0 ? (double)job->full_multiplies / capacity : 0;
    return ESPALIER_OK;
}

/* ---- the whole ---- */

static uint32_t thread_count(const struct evaluation_options *options)
{
    if (options->rtl && options->trace)
        return 1; /* two boards cannot write one file */
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t wanted = options->threads ? options->threads : cores > 0 ? (uint32_t)cores : 1;
    return wanted < THREADS_MAX ? wanted : THREADS_MAX;
}

static enum espalier_status run_workers(struct job *job, struct espalier_error *error)
{
    pthread_t threads[THREADS_MAX];
    uint32_t wanted = thread_count(job->options), started = 0;
    while (started < wanted && pthread_create(&threads[started], NULL, work, job) == 0)
        started++;
    for (uint32_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (started == 0)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no thread could be started");
    if (job->status != ESPALIER_OK)
        return espalier_fail(error, job->status, "%s", job->error.message);
    return ESPALIER_OK;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

enum espalier_status evaluate(const struct espalier_model *model, const struct espalier_dataset *dataset,
                              const struct evaluation_options *options, struct evaluation *out,
                              struct espalier_error *error)
{
    double begin = now();
    memset(out, 0, sizeof *out);
    enum espalier_status status = data_check_input(model, dataset->height, dataset->width, "an image", error);
    if (status != ESPALIER_OK)
        return status;
    out->images = dataset->count;
    out->outputs = output_count(&model->layers[model->layer_count - 1]);
    out->logits = calloc((size_t)out->images * out->outputs, sizeof *out->logits);
    if (!out->logits)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for the logits of %u images", out->images);
    struct job job = {.model = model, .dataset = dataset, .options = options, .out = out, .first_mismatch = no_image};
    pthread_mutex_init(&job.lock, NULL);
    progress_begin(&job.progress, options->label);
    status = run_workers(&job, error);
    if (status == ESPALIER_OK && options->rtl)
        status = measure_rest(&job, error);
    progress_end(&job.progress);
    pthread_mutex_destroy(&job.lock);
    out->seconds = now() - begin;
    return status;
}

void evaluation_free(struct evaluation *evaluation)
{
    free(evaluation->logits);
    memset(evaluation, 0, sizeof *evaluation);
}

enum espalier_status evaluation_mismatch(const struct evaluation *evaluation, struct espalier_error *error)
{
    const struct divergence *first = &evaluation->divergence;
    return espalier_fail(error, ESPALIER_ERR_MISMATCH,
                         "%llu logits differ; first divergence: image %u (%u in its file), layer %u, index %u: "
                         "expected %d, got %d",
                         (unsigned long long)evaluation->mismatches, first->image, first->origin, first->layer,
                         first->index, first->expected, first->got);
}
