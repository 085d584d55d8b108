/* Jobs that are interrupted and taken up: equal, bit for bit, to those that were not, wherever it happens; states that
 * are damaged, forged or of another job; the log; the tool under signals. */
#include "support/networks.h"
#include "support/support.h"

#include <espalier/compress.h>
#include <espalier/pack.h>
#include <espalier/random.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "quantize/quantize.h"
#include "quantize/size.h"
#include "tool.h"

enum { EDGE = 8, CLASSES = 4, IMAGES = 240, HELD_OUT = 40, BATCH = 20, EPOCHS_MAX = 400 };

static struct espalier_error error;

/* ---- jobs ---- */

struct kind {
    const char *name;
    enum espalier_format format;
    uint32_t choose_epochs, steps, search, level_epochs;
    const char *families[3];
    bool normalize, distill;
};

static const struct kind kinds[] = {
    {.name = "dense", .format = ESPALIER_DENSE},
    {.name = "structured", .format = ESPALIER_STRUCTURED, .steps = 2, .normalize = true},
    {.name = "structured, chosen", .format = ESPALIER_STRUCTURED, .choose_epochs = 12},
    {.name = "structured, searched", .format = ESPALIER_STRUCTURED, .steps = 1, .search = 4, .normalize = true},
    {.name = "gap, levels", .format = ESPALIER_GAP, .steps = 3, .level_epochs = 3, .normalize = true},
    {.name = "gap, chosen, distilled", .format = ESPALIER_GAP, .choose_epochs = 25, .distill = true},
    {.name = "gap, chosen and stepped", .format = ESPALIER_GAP, .choose_epochs = 10, .steps = 2, .normalize = true},
    {.name = "gap, searched", .format = ESPALIER_GAP, .steps = 1, .search = 5},
    {.name = "patterns", .format = ESPALIER_GAP, .steps = 2, .families = {"patterns:3", "elements", "banks:2"}},
    {.name = "filters and blocks, chosen",
     .format = ESPALIER_GAP,
     .choose_epochs = 12,
     .families = {"filters", "blocks:2x3", "channels"}},
    {.name = "columns, chosen and stepped",
     .format = ESPALIER_STRUCTURED,
     .choose_epochs = 10,
     .steps = 2,
     .families = {"filters", "columns", "columns"}},
    {.name = "patterns, chosen and stepped",
     .format = ESPALIER_GAP,
     .choose_epochs = 6,
     .steps = 3,
     .families = {"patterns:3", "filters", "elements"}},
    {.name = "2:4", .format = ESPALIER_GAP, .steps = 1, .families = {"2:4", "blocks:2x2", "2:4"}, .distill = true},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct job {
    struct espalier_dataset data;
    struct espalier_network *network;
    struct espalier_family families[3];
    struct espalier_compress_options options;
    char model[512], state[512]; /* files */
};

/* What the callback sees, and when it stops: after so many calls, if that is not 0. */
struct seen {
    uint32_t calls, stop_after;
    bool at_epochs; /* only their ends count as calls */
    uint32_t resumed, epochs;
    struct row {
        char stage[32];
        uint32_t epoch;
        double loss, residual, accuracy, held_out_loss;
        uint64_t kept_weights, bits;
    } rows[EPOCHS_MAX]; /* as a log keeps them */
};

static struct row row_of(const struct espalier_progress *progress)
{
    struct row row;
    memset(&row, 0, sizeof row);
    snprintf(row.stage, sizeof row.stage, "%s", progress->stage);
    row.epoch = progress->epoch;
    row.loss = progress->loss;
    row.residual = progress->residual;
    row.accuracy = progress->accuracy;
    row.held_out_loss = progress->held_out_loss;
    row.kept_weights = progress->kept_weights;
    row.bits = progress->bits;
    return row;
}

static bool watch(void *context, const struct espalier_progress *progress)
{
    struct seen *seen = context;
    const struct row row = row_of(progress);
    if (progress->resumed) { /* behind a row that was seen, and those behind it are seen again */
        ck_assert(progress->epoch_end);
        ck_assert_uint_le(progress->finished, seen->epochs);
        seen->epochs = progress->finished;
        ck_assert_mem_eq(&seen->rows[seen->epochs - 1], &row, sizeof row);
        seen->resumed++;
    } else if (progress->epoch_end) {
        seen->rows[seen->epochs++] = row;
        ck_assert_uint_eq(progress->finished, seen->epochs);
    } else {
        ck_assert_uint_eq(progress->finished, seen->epochs);
    }
    seen->calls += !progress->resumed && (progress->epoch_end || !seen->at_epochs);
    return seen->stop_after == 0 || seen->calls < seen->stop_after;
}

static struct job draw_job(struct espalier_random *random, const struct kind *kind)
{
    struct job job = {.data = network_task(espalier_random_bits(random), IMAGES, EDGE, 60),
                      .network = network_for_task(EDGE, CLASSES, espalier_random_bits(random)),
                      .options = espalier_compress_defaults(kind->format)};
    struct espalier_compress_options *options = &job.options;
    options->train.batch = BATCH;
    options->train.held_out = HELD_OUT;
    options->train.seed = espalier_random_bits(random);
    options->train.augment = 0.2F * (float)espalier_random_below(random, 2);
    options->train.dropout = 0.2F * (float)espalier_random_below(random, 2);
    options->train.noise = 0.1F * (float)espalier_random_below(random, 2);
    options->train.threads = 1 + espalier_random_below(random, 2);
    options->train.normalize = kind->normalize;
    options->train.distill = kind->distill ? 0.5F : 0.0F;
    options->ratio = 3.0;
    options->choose_epochs = kind->choose_epochs;
    options->steps = kind->steps;
    options->search_trials = kind->search;
    options->level_epochs = kind->level_epochs;
    options->prune_epochs = 2 * kind->steps;
    options->prune_rate = 2e-2F; /* weights go far from where ADMM began */
    options->rho_first = 1e-3F;
    options->rho_last = 1e-2F;
    options->retrain_epochs = kind->format == ESPALIER_DENSE ? 0 : 4;
    options->quantize_epochs = 6;
    options->made_by = "check_resume";
    for (size_t i = 0; i < 4; i++)
        options->value_bits[i] = (uint8_t)(2 + espalier_random_below(random, 5));
    return job;
}

/* What points into the job, once it lies where it stays. */
static void settle_job(struct job *job, const struct kind *kind, const char *name)
{
    for (size_t i = 0; i < 3 && kind->families[0] != NULL; i++)
        test_ok(espalier_family_read(kind->families[i], &job->families[i], &error));
    if (kind->families[0] != NULL) {
        job->options.families = job->families;
        job->options.family_count = 3;
    }
    job->options.train.teacher = kind->distill ? job->network : NULL;
    snprintf(job->model, sizeof job->model, "%s/%s.esp", test_directory(), name);
    snprintf(job->state, sizeof job->state, "%s/%s.state", test_directory(), name);
}

static void free_job(struct job *job)
{
    espalier_dataset_free(&job->data);
    espalier_network_free(job->network);
}

/* Runs the job; keeps the model's file if it comes to its end. */
static enum espalier_status run(struct job *job, const char *state, struct seen *seen)
{
    struct espalier_model *model = NULL;
    job->options.train.progress = watch;
    job->options.train.context = seen;
    job->options.train.state = state;
    seen->calls = 0;
    enum espalier_status status = espalier_compress(job->network, &job->data, &job->options, &model, &error);
    ck_assert((model != NULL) == (status == ESPALIER_OK));
    if (status == ESPALIER_OK)
        test_ok(espalier_model_save(model, job->model, &error));
    espalier_model_free(model);
    return status;
}

/* The same, not interrupted and without a state; returns the model's bytes. */
static uint8_t *run_through(struct job *job, struct seen *seen, size_t *size)
{
    memset(seen, 0, sizeof *seen);
    test_ok(run(job, NULL, seen));
    return test_read_file(job->model, size);
}

/* Compares what came of an interrupted job with the bytes of the other, and removes its state. */
static void check_equal(const struct job *job, const char *name, const uint8_t *bytes, size_t size,
                        const struct seen *seen, const struct seen *whole)
{
    size_t other_size;
    uint8_t *other = test_read_file(job->model, &other_size);
    ck_assert_msg(size == other_size && memcmp(bytes, other, size) == 0, "%s: another model, resumed %u times", name,
                  seen->resumed);
    ck_assert_uint_eq(seen->epochs, whole->epochs);
    ck_assert_msg(memcmp(seen->rows, whole->rows, whole->epochs * sizeof *whole->rows) == 0, "%s: another log", name);
    ck_assert_int_eq(access(job->state, F_OK), 0); /* until the caller has what it wants */
    ck_assert_int_eq(remove(job->state), 0);
    free(other);
}

/* ---- equality ---- */

START_TEST(a_job_that_is_stopped_behind_every_epoch_makes_the_same_model)
{
    static struct seen whole, seen;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (size_t k = 0; k < KINDS; k++) {
        struct job job = draw_job(&random, &kinds[k]);
        size_t size;
        settle_job(&job, &kinds[k], "every");
        uint8_t *bytes = run_through(&job, &whole, &size);
        ck_assert_uint_le(whole.epochs, EPOCHS_MAX);
        memset(&seen, 0, sizeof seen);
        seen.at_epochs = true;
        seen.stop_after = 1;
        enum espalier_status status;
        while ((status = run(&job, job.state, &seen)) == ESPALIER_ERR_CANCELLED)
            ck_assert_uint_le(seen.resumed, whole.epochs);
        ck_assert_msg(status == ESPALIER_OK, "%s: %s", kinds[k].name, error.message);
        ck_assert_uint_eq(seen.resumed, whole.epochs); /* behind each of them once */
        check_equal(&job, kinds[k].name, bytes, size, &seen, &whole);
        free(bytes);
        free_job(&job);
    }
}
END_TEST

START_TEST(a_job_that_is_stopped_at_random_batches_makes_the_same_model)
{
    static struct seen whole, seen;
    struct espalier_random random;
    espalier_random_seed(&random, ~test_seed());
    for (uint32_t round = 0; round < test_scale(20); round++) {
        const struct kind *kind = &kinds[espalier_random_below(&random, KINDS)];
        struct job job = draw_job(&random, kind);
        size_t size;
        settle_job(&job, kind, "random");
        uint8_t *bytes = run_through(&job, &whole, &size);
        memset(&seen, 0, sizeof seen);
        enum espalier_status status = ESPALIER_ERR_CANCELLED;
        for (uint32_t stops = 0; status == ESPALIER_ERR_CANCELLED; stops++) {
            seen.stop_after = stops < 8 ? 1 + espalier_random_below(&random, 80) : 0;
            status = run(&job, job.state, &seen);
        }
        ck_assert_msg(status == ESPALIER_OK, "%s: %s", kind->name, error.message);
        check_equal(&job, kind->name, bytes, size, &seen, &whole);
        free(bytes);
        free_job(&job);
    }
}
END_TEST

/* The process is gone in the middle of a batch, as after a power failure: nothing is told to stop. */
static bool vanish(void *context, const struct espalier_progress *progress)
{
    (void)progress;
    if (--*(uint32_t *)context == 0)
        _exit(0);
    return true;
}

START_TEST(plain_training_that_vanishes_goes_on_to_the_same_network)
{
    struct espalier_dataset data = network_task(test_seed(), IMAGES, EDGE, 60);
    const char *state = test_path(0, "train.state"), *file = test_path(1, "train.ckpt");
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(20); round++) {
        struct espalier_train_options options = espalier_train_defaults();
        struct espalier_network *network = network_for_task(EDGE, CLASSES, round);
        size_t sizes[2];
        uint8_t *bytes[2];
        options.epochs = 6;
        options.batch = BATCH;
        options.held_out = HELD_OUT;
        options.seed = espalier_random_bits(&random);
        options.threads = 1 + espalier_random_below(&random, 2);
        options.normalize = espalier_random_below(&random, 2);
        for (size_t interrupted = 0; interrupted < 2; interrupted++) {
            struct espalier_network *trained = NULL;
            test_ok(espalier_network_clone(network, &trained, &error));
            options.state = interrupted ? state : NULL;
            for (uint32_t times = 0; interrupted && times < 3; times++) {
                uint32_t calls = 1 + espalier_random_below(&random, 25);
                pid_t child = fork();
                ck_assert_int_ge(child, 0);
                options.progress = child == 0 ? vanish : NULL;
                options.context = &calls;
                if (child == 0)
                    _exit(espalier_train(trained, &data, &options, &error) != ESPALIER_OK);
                int ended;
                ck_assert_int_eq(waitpid(child, &ended, 0), child);
                ck_assert(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
            }
            options.progress = NULL;
            test_ok(espalier_train(trained, &data, &options, &error));
            test_ok(espalier_network_save(trained, "check_resume", file, &error));
            bytes[interrupted] = test_read_file(file, &sizes[interrupted]);
            espalier_network_free(trained);
        }
        ck_assert(sizes[0] == sizes[1] && memcmp(bytes[0], bytes[1], sizes[0]) == 0);
        ck_assert_int_eq(remove(state), 0);
        free(bytes[0]);
        free(bytes[1]);
        espalier_network_free(network);
    }
    espalier_dataset_free(&data);
}
END_TEST

struct handed {
    uint32_t times;
    struct espalier_network *pruned;
};

static enum espalier_status take(void *context, const struct espalier_network *pruned, struct espalier_error *failure)
{
    struct handed *handed = context;
    handed->times++;
    espalier_network_free(handed->pruned);
    return espalier_network_clone(pruned, &handed->pruned, failure);
}

START_TEST(a_network_that_was_pruned_before_is_only_quantized_unless_a_state_says_otherwise)
{
    static struct seen whole, seen;
    struct handed handed = {0};
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    struct job job = draw_job(&random, &kinds[1]);
    size_t size;
    settle_job(&job, &kinds[1], "pruned");
    job.options.keep = take;
    job.options.keep_context = &handed;
    uint8_t *bytes = run_through(&job, &whole, &size);
    ck_assert_uint_eq(handed.times, 1);
    job.options.pruned = handed.pruned;
    for (uint32_t begun = 0; begun < 2; begun++) { /* begun: with pruning, before that network was there */
        memset(&seen, 0, sizeof seen);
        seen.stop_after = 2;
        seen.at_epochs = true;
        job.options.pruned = begun ? NULL : handed.pruned;
        ck_assert_int_eq(run(&job, job.state, &seen), ESPALIER_ERR_CANCELLED);
        ck_assert_int_eq(strcmp(seen.rows[0].stage, begun ? "prune 1/2" : "quantize"), 0);
        job.options.pruned = handed.pruned;
        seen.stop_after = 0;
        handed.times = 0;
        job.options.keep = NULL;
        test_ok(run(&job, job.state, &seen));
        ck_assert_uint_eq(seen.epochs, begun ? whole.epochs : job.options.quantize_epochs);
        if (!begun)
            memmove(seen.rows + whole.epochs - seen.epochs, seen.rows, seen.epochs * sizeof *seen.rows);
        memcpy(seen.rows, whole.rows, (whole.epochs - seen.epochs) * sizeof *seen.rows);
        seen.epochs = whole.epochs;
        check_equal(&job, "pruned", bytes, size, &seen, &whole);
    }
    espalier_network_free(handed.pruned);
    free(bytes);
    free_job(&job);
}
END_TEST

/* ---- states that are not right ---- */

/* Leaves a job's state behind so many epochs. */
static void stop_behind(struct job *job, uint32_t epochs)
{
    static struct seen seen;
    memset(&seen, 0, sizeof seen);
    seen.at_epochs = true;
    seen.stop_after = epochs;
    ck_assert_int_eq(run(job, job->state, &seen), ESPALIER_ERR_CANCELLED);
}

static bool count_down(void *context, const struct espalier_progress *progress)
{
    (void)progress;
    return --*(uint32_t *)context != 0;
}

/* Takes a state up, for so many batches at most. */
static enum espalier_status try_to_resume(struct job *job, uint32_t batches)
{
    struct espalier_model *model = NULL;
    job->options.train.progress = count_down;
    job->options.train.context = &batches;
    job->options.train.state = job->state;
    enum espalier_status status = espalier_compress(job->network, &job->data, &job->options, &model, &error);
    ck_assert((model != NULL) == (status == ESPALIER_OK));
    espalier_model_free(model);
    return status;
}

START_TEST(damaged_states_are_refused_and_left_alone)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    struct job job = draw_job(&random, &kinds[4]);
    size_t size, left_size;
    settle_job(&job, &kinds[4], "damaged");
    stop_behind(&job, 2);
    uint8_t *bytes = test_read_file(job.state, &size);
    for (uint32_t round = 0; round < test_scale(300); round++) {
        size_t at = espalier_random_below(&random, (uint32_t)size), length = round % 3 == 0 ? at : size;
        bytes[at] ^= (uint8_t)(1U << espalier_random_below(&random, 8));
        test_write_file(job.state, bytes, length);
        ck_assert_int_eq(try_to_resume(&job, 1), ESPALIER_ERR_FORMAT);
        ck_assert_msg(strstr(error.message, "damaged.state") != NULL, "%s", error.message);
        uint8_t *left = test_read_file(job.state, &left_size);
        ck_assert(left_size == length && memcmp(left, bytes, length) == 0);
        free(left);
    }
    test_write_file(job.state, "hello", 5);
    ck_assert_int_eq(try_to_resume(&job, 1), ESPALIER_ERR_FORMAT);
    ck_assert_int_eq(remove(job.state), 0);
    free(bytes);
    free_job(&job);
}
END_TEST

/* Faults that the checksum cannot see, made by someone who writes a right one. */
START_TEST(forged_states_are_refused_or_sound)
{
    enum { HEAD = 12, CRC = 4, PARTS = 400 }; /* before the fingerprint; what is forged most of what is behind it */
    struct espalier_random random;
    uint32_t refused = 0, taken_up = 0, others = 0;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(100); round++) {
        const struct kind *kind = &kinds[round % KINDS];
        struct job job = draw_job(&random, kind);
        size_t size;
        settle_job(&job, kind, "forged");
        stop_behind(&job, 1 + espalier_random_below(&random, 6));
        uint8_t *bytes = test_read_file(job.state, &size);
        size_t fingerprint = bytes[8] | (size_t)bytes[9] << 8, parts = HEAD + fingerprint;
        for (uint32_t forgery = 0; forgery < 20; forgery++) {
            size_t reach = forgery % 2 ? size - CRC - parts : PARTS;
            size_t at = forgery == 0 ? espalier_random_below(&random, (uint32_t)parts)
                                     : parts + espalier_random_below(&random, (uint32_t)reach);
            uint8_t old = bytes[at];
            bytes[at] = forgery % 3 == 0 ? 0xFF : (uint8_t)espalier_random_bits(&random);
            const uint32_t crc = (uint32_t)crc32(0, bytes, (uInt)size - CRC);
            for (size_t i = 0; i < CRC; i++)
                bytes[size - CRC + i] = (uint8_t)(crc >> (8 * i));
            test_write_file(job.state, bytes, size);
            bytes[at] = old;
            enum espalier_status status = try_to_resume(&job, 1 + espalier_random_below(&random, 12));
            ck_assert_int_ne(status, ESPALIER_ERR_MEMORY);
            refused += status == ESPALIER_ERR_FORMAT || status == ESPALIER_ERR_RANGE;
            taken_up += status == ESPALIER_ERR_CANCELLED;
            others += 1;
        }
        remove(job.state);
        free(bytes);
        free_job(&job);
    }
    ck_assert_uint_gt(refused, others / 10);
    ck_assert_uint_gt(taken_up, others / 10);
}
END_TEST

static void another_seed(struct job *job)
{
    job->options.train.seed++;
}
static void another_batch(struct job *job)
{
    job->options.train.batch *= 2;
}
static void more_threads(struct job *job)
{
    job->options.train.threads = 3 - job->options.train.threads;
}
static void another_ratio(struct job *job)
{
    job->options.ratio += 0.5;
}
static void more_bits(struct job *job)
{
    job->options.value_bits[2]++;
}
static void other_levels(struct job *job)
{
    job->options.levels[2] = ESPALIER_LEVELS_UNIFORM;
}
static void a_prior(struct job *job)
{
    job->options.prior = nextafterf(job->options.prior, 2.0F);
}
static void another_family(struct job *job)
{
    job->options.families = job->families;
    job->options.family_count = 3;
    for (size_t i = 0; i < 3; i++)
        test_ok(espalier_family_read("columns", &job->families[i], &error));
}
static void another_image(struct job *job)
{
    job->data.pixels[EDGE * EDGE * IMAGES - 1] ^= 1;
}
static void another_label(struct job *job)
{
    job->data.labels[IMAGES - 1] ^= 1;
}
static void another_weight(struct job *job)
{
    job->network->layers[2].weights[0] += 1.0F;
}

START_TEST(the_state_of_another_job_is_refused_and_told_apart)
{
    static const struct {
        void (*change)(struct job *job);
        const char *told;
    } changes[] = {{another_seed, "seed: "},
                   {another_batch, "batch: "},
                   {more_threads, "threads: "},
                   {another_ratio, "ratio: "},
                   {more_bits, "values of layer 3: "},
                   {other_levels, " bits, uniform here"},
                   {other_levels, " bits, clustered there"},
                   {a_prior, "prior: "},
                   {another_family, "other families or budgets"},
                   {another_image, "images: not the same"},
                   {another_label, "images: not the same"},
                   {another_weight, "network to begin with: not the same"}};
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    struct job job = draw_job(&random, &kinds[1]);
    size_t size;
    settle_job(&job, &kinds[1], "other");
    stop_behind(&job, 3);
    uint8_t *bytes = test_read_file(job.state, &size);
    for (size_t c = 0; c < sizeof changes / sizeof *changes; c++) {
        struct job other = job;
        size_t left_size;
        other.data = network_task(0, IMAGES, EDGE, 60);
        memcpy(other.data.pixels, job.data.pixels, (size_t)IMAGES * EDGE * EDGE);
        memcpy(other.data.labels, job.data.labels, IMAGES);
        test_ok(espalier_network_clone(job.network, &other.network, &error));
        changes[c].change(&other);
        ck_assert_int_eq(try_to_resume(&other, 1), ESPALIER_ERR_RANGE);
        ck_assert_msg(strstr(error.message, changes[c].told) != NULL && strstr(error.message, "other.state") != NULL &&
                          strstr(error.message, "; give its options again, or remove it to begin anew") != NULL,
                      "%s", error.message);
        uint8_t *left = test_read_file(job.state, &left_size);
        ck_assert(left_size == size && memcmp(left, bytes, size) == 0);
        free(left);
        free_job(&other);
    }
    struct espalier_network *pruned = NULL; /* the same options, but another job */
    ck_assert_int_eq(espalier_prune(job.network, &job.data, &job.options, &pruned, &error), ESPALIER_ERR_RANGE);
    ck_assert_msg(strstr(error.message, "compress there, prune here") != NULL, "%s", error.message);
    ck_assert_int_eq(try_to_resume(&job, 1), ESPALIER_ERR_CANCELLED); /* its own is */
    ck_assert_int_eq(remove(job.state), 0);
    free(bytes);
    free_job(&job);
}
END_TEST

START_TEST(a_state_that_cannot_be_written_ends_the_job)
{
    struct espalier_random random;
    uint32_t batches = 1000;
    espalier_random_seed(&random, test_seed());
    struct job job = draw_job(&random, &kinds[0]);
    settle_job(&job, &kinds[0], "no-such-folder/x");
    ck_assert_int_eq(try_to_resume(&job, batches), ESPALIER_ERR_IO);
    ck_assert_msg(strstr(error.message, "no-such-folder") != NULL, "%s", error.message);
    free_job(&job);
}
END_TEST

/* ---- bits so far ---- */

START_TEST(the_size_before_there_are_levels_is_that_with_levels)
{
    static const enum espalier_format formats[] = {ESPALIER_DENSE, ESPALIER_STRUCTURED, ESPALIER_GAP};
    struct espalier_dataset data = network_task(test_seed(), IMAGES, EDGE, 60);
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(200); round++) {
        struct espalier_network *network = network_drawn(&random, EDGE, CLASSES, 0.2 + 0.1 * (round % 8));
        struct espalier_compress_options options = espalier_compress_defaults(formats[round % 3]);
        struct espalier_quantizer quantizer;
        uint64_t before = 0, with_levels = 0;
        bool biases = true;
        for (size_t i = 0; i < 3; i++)
            options.value_bits[i] = (uint8_t)(1 + espalier_random_below(&random, 8));
        test_ok(espalier_packed_bits(&(struct espalier_size){&options, NULL}, network, &before, &error));
        test_ok(espalier_quantizer_create(network, options.value_bits, options.bias_bits, &quantizer, &error));
        test_ok(espalier_quantizer_refresh(&quantizer, network, &data, 20, &error));
        espalier_quantizer_apply(&quantizer, network);
        test_ok(espalier_packed_bits(&(struct espalier_size){&options, &quantizer}, network, &with_levels, &error));
        for (uint32_t i = 0; i < 3; i++)
            biases = biases && quantizer.layers[i].bias_bits > 0; /* those that all round to 0 cost nothing */
        ck_assert_uint_gt(before, 0);
        ck_assert_msg(biases ? with_levels == before : with_levels <= before, "format %d: %llu, then %llu bits",
                      (int)options.format, (unsigned long long)before, (unsigned long long)with_levels);
        espalier_quantizer_free(&quantizer);
        espalier_network_free(network);
    }
    espalier_dataset_free(&data);
}
END_TEST

START_TEST(the_last_epoch_tells_the_size_of_the_model)
{
    static struct seen seen;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (size_t k = 0; k < KINDS; k++) {
        struct job job = draw_job(&random, &kinds[k]);
        struct espalier_model *model = NULL;
        struct espalier_packed packed;
        size_t size;
        settle_job(&job, &kinds[k], "size");
        free(run_through(&job, &seen, &size));
        test_ok(espalier_model_load(job.model, &model, &error));
        test_ok(espalier_pack(model, &packed, &error));
        ck_assert_uint_eq(seen.rows[seen.epochs - 1].bits, packed.ledger.total_bits);
        ck_assert_uint_gt(seen.rows[0].bits, 0);
        ck_assert(kinds[k].format == ESPALIER_DENSE || seen.rows[0].bits > packed.ledger.total_bits);
        espalier_packed_free(&packed);
        espalier_model_free(model);
        free_job(&job);
    }
}
END_TEST

/* ---- the tool under signals ---- */

/* Starts the tool with at most 19 words and its messages in a file. */
static pid_t start_tool(const char *const *words, const char *messages)
{
    char *argv[21] = {(char *)test_tool()};
    for (size_t i = 0; words[i] != NULL; i++)
        argv[i + 1] = (char *)words[i];
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (freopen(messages, "w", stderr) == NULL || freopen("/dev/null", "w", stdout) == NULL)
            _exit(98);
        execv(argv[0], argv);
        _exit(99);
    }
    return child;
}

static int end_of(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Sends a signal once the state is there that follows the one before (size 0: none was); returns how the tool ends. */
static int interrupt(pid_t child, const char *state, const uint8_t *before, size_t size, int number)
{
    bool there = false;
    while (!there && waitpid(child, NULL, WNOHANG) == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        if (access(state, R_OK) != 0)
            continue;
        size_t now_size;
        uint8_t *now = test_read_file(state, &now_size);
        there = now_size != size || memcmp(now, before, size) != 0;
        free(now);
    }
    ck_assert_msg(there, "ended before an epoch was finished");
    ck_assert_int_eq(kill(child, number), 0);
    return end_of(child);
}

static void check_message(const char *file, const char *word)
{
    size_t size;
    char *text = (char *)test_read_file(file, &size);
    text[size] = '\0';
    ck_assert_msg(strstr(text, word) != NULL, "does not say \"%s\": %s", word, text);
    free(text);
}

/* Runs the same words to their end, then interrupted by these signals: out and log must be the same. */
static void check_signals(const char *const *words, const char *out, const char *log, const int *signals, size_t count)
{
    const char *state = test_path(2, "tool.state"), *messages = test_path(3, "messages");
    size_t size, log_size, again_size, state_size = 0;
    ck_assert_int_eq(end_of(start_tool(words, messages)), TOOL_OK);
    ck_assert_int_ne(access(state, F_OK), 0);
    uint8_t *bytes = test_read_file(out, &size), *rows = test_read_file(log, &log_size), *before = NULL;
    ck_assert_int_eq(remove(out), 0);
    for (size_t i = 0; i < count; i++) {
        pid_t child = start_tool(words, messages);
        int code = interrupt(child, state, before, state_size, signals[i]);
        ck_assert_int_eq(code, signals[i] == SIGKILL ? -SIGKILL : 128 + signals[i]);
        ck_assert_int_ne(access(out, F_OK), 0);
        if (signals[i] != SIGKILL)
            check_message(messages, "the same command goes on");
        free(before);
        before = test_read_file(state, &state_size);
    }
    ck_assert_int_eq(end_of(start_tool(words, messages)), TOOL_OK);
    check_message(messages, "goes on behind epoch");
    ck_assert_int_ne(access(state, F_OK), 0); /* it is done */
    uint8_t *again = test_read_file(out, &again_size);
    ck_assert(again_size == size && memcmp(again, bytes, size) == 0);
    free(again);
    again = test_read_file(log, &again_size);
    ck_assert_msg(again_size == log_size && memcmp(again, rows, log_size) == 0, "%.*s", (int)again_size, again);
    free(again);
    free(rows);
    free(bytes);
    free(before);
}

START_TEST(train_stops_at_signals_and_goes_on)
{
    const char *folder = test_directory(), *state = test_path(2, "tool.state"), *log = test_path(1, "tool.json");
    test_link_digits();
    const char *out = test_path(0, "tool.ckpt");
    const char *const words[] = {"train", "--quick", "--epochs", "3",       "--data", folder, "--out",
                                 out,     "--log",   log,        "--state", state,    NULL};
    check_signals(words, out, log, (const int[]){SIGINT, SIGKILL}, 2);
}
END_TEST

START_TEST(compress_stops_at_signals_and_goes_on)
{
    const char *folder = test_directory(), *state = test_path(2, "tool.state"), *log = test_path(1, "tool.csv");
    uint32_t layers;
    struct espalier_network *network = NULL;
    test_link_digits();
    const char *out = test_path(0, "tool.esp"), *baseline = test_path(3, "untrained.ckpt");
    const struct espalier_shape *shapes = espalier_lenet5_shapes(&layers);
    test_ok(espalier_network_create(shapes, layers, 1, &network, &error)); /* it need not become good */
    test_ok(espalier_network_save(network, "nobody", baseline, &error));
    espalier_network_free(network);
    char kept[512];
    snprintf(kept, sizeof kept, "%s", baseline);
    const char *const words[] = {"compress", kept,      "--quick", "--format", "structured", "--epochs",
                                 "4",        "--steps", "1",       "--data",   folder,       "--out",
                                 out,        "--log",   log,       "--state",  state,        NULL};
    check_signals(words, out, log, (const int[]){SIGTERM, SIGINT}, 2);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_job_that_is_stopped_behind_every_epoch_makes_the_same_model,
        a_job_that_is_stopped_at_random_batches_makes_the_same_model,
        plain_training_that_vanishes_goes_on_to_the_same_network,
        a_network_that_was_pruned_before_is_only_quantized_unless_a_state_says_otherwise,
        damaged_states_are_refused_and_left_alone,
        forged_states_are_refused_or_sound,
        the_state_of_another_job_is_refused_and_told_apart,
        a_state_that_cannot_be_written_ends_the_job,
        the_size_before_there_are_levels_is_that_with_levels,
        the_last_epoch_tells_the_size_of_the_model,
        train_stops_at_signals_and_goes_on,
        compress_stops_at_signals_and_goes_on,
    };
    return test_run("resume", tests, sizeof tests / sizeof *tests);
}
