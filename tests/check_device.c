/* The whole chain: client, link, plan and the RTL of the simulated boards against the reference engine, bit for bit;
 * and what happens when the link damages, loses or invents bytes, or the device forgets. */
#include "support/random_model.h"
#include "support/support.h"
#include "support/task.h"
#include "support/wire.h"

#include <espalier/engine.h>
#include <espalier_sim.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct espalier_random seeded(uint64_t extra)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed() + extra);
    return random;
}

/* The activations of every layer that gives some. */
static void check_layers(struct espalier_device *device, const struct task *task)
{
    struct espalier_error error = {0};
    for (uint32_t layers = 1; layers <= task->model->layer_count; layers++) {
        const struct espalier_layer *last = &task->model->layers[layers - 1];
        size_t size = task_outputs(last);
        int8_t *given = malloc(task->count * size);
        ck_assert(given != NULL);
        enum espalier_status status = espalier_device_run_to(device, task->pixels, task->count, layers, given, &error);
        ck_assert_msg(status == (last->raw ? ESPALIER_ERR_RANGE : ESPALIER_OK), "%s", error.message);
        for (uint32_t i = 0; !last->raw && i < task->count; i++) {
            int32_t scrap[65536];
            ck_assert_uint_le(task->outputs, sizeof scrap / sizeof scrap[0]);
            espalier_engine_run(task->engine, task->pixels + i * task->inputs, scrap);
            ck_assert_mem_eq(given + i * size, espalier_engine_activations(task->engine, layers - 1), size);
        }
        free(given);
    }
}

static void check_counters(struct espalier_device *device)
{
    struct espalier_error error = {0};
    uint32_t counters[ESPALIER_COUNTERS];
    test_ok(espalier_device_counters(device, counters, &error));
    uint64_t sum = counters[ESPALIER_COUNT_BUSY];
    for (unsigned i = ESPALIER_COUNT_STALL_SETUP; i <= ESPALIER_COUNT_STALL_PORT; i++)
        sum += counters[i];
    ck_assert_uint_gt(counters[ESPALIER_COUNT_CYCLES], 0);
    ck_assert_uint_eq(counters[ESPALIER_COUNT_CYCLES], sum);
}

static struct espalier_device *open_device(const struct espalier_transport *transport)
{
    struct espalier_error error = {0};
    struct espalier_device *device;
    test_ok(espalier_device_open(transport, &device, &error));
    return device;
}

static struct espalier_device *open_board(const char *name)
{
    struct espalier_error error = {0};
    struct espalier_transport transport;
    test_ok(espalier_sim_open(name, NULL, &transport, &error));
    return open_device(&transport);
}

static uint32_t slots_of(const struct espalier_device *device)
{
    return espalier_device_capabilities(device)->words[ESPALIER_CAPS_POSITIONS];
}

/* Models small enough for the board `tiny`, most of them. */
static struct random_model_limits small_limits(void)
{
    struct random_model_limits limits = random_model_defaults();
    limits.rows = 16;
    limits.columns = 200;
    limits.edge = 10;
    limits.activations = 450;
    limits.stored = 4000;
    return limits;
}

/* ---- bit for bit ---- */

static void run_random_models(const char *board, struct random_model_limits limits, uint32_t wanted)
{
    struct espalier_random random = seeded(1);
    struct espalier_error error = {0};
    struct espalier_device *device = open_board(board);
    for (uint32_t done = 0, drawn = 0; done < wanted; drawn++) {
        ck_assert_msg(drawn < 10 * wanted + 10, "%s: hardly a model fits", board);
        struct task task =
            make_task(&random, random_model(&random, &limits), 1 + espalier_random_below(&random, slots_of(device)));
        enum espalier_status status = espalier_device_load(device, task.model, &error);
        ck_assert_msg(status == ESPALIER_OK || status == ESPALIER_ERR_FIT, "%s: %s", board, error.message);
        if (status == ESPALIER_OK) {
            test_ok(run_task(device, &task, &error));
            check_task(&task, board);
            check_counters(device);
            if (done % 5 == 0)
                check_layers(device, &task);
            done++;
        }
        free_task(&task);
    }
    espalier_device_close(device);
}

START_TEST(random_models_are_bit_exact_on_every_board)
{
    size_t count;
    const struct espalier_sim_board *boards = espalier_sim_boards(&count);
    for (size_t i = 0; i < count; i++)
        run_random_models(boards[i].name, random_model_defaults(), test_scale(200));
}
END_TEST

START_TEST(small_random_models_are_bit_exact_on_the_tiny_board)
{
    run_random_models("tiny", small_limits(), test_scale(600));
}
END_TEST

/* ---- networks of the shape of LeNet-5 ---- */

struct lenet_layer {
    uint16_t channels, edge;
    uint8_t kernel, pool;
    uint16_t rows;
};

static void fill_layer(struct espalier_random *random, struct espalier_layer *layer, enum espalier_format format,
                       double density)
{
    struct espalier_error error = {0};
    layer->format = format;
    layer->stride = 1;
    layer->value_bits = format == ESPALIER_DENSE ? 8 : 3;
    layer->gap_bits = format == ESPALIER_GAP ? 7 : 0;
    layer->count_bits = format == ESPALIER_GAP ? 10 : 0;
    layer->bias_bits = 8;
    layer->bias_shift = 4;
    layer->mult = 200;
    layer->shift = format == ESPALIER_DENSE ? 17 : 9;
    layer->relu = !layer->raw;
    test_ok(espalier_layer_allocate(layer, &error));
    size_t columns = espalier_layer_columns(layer);
    for (size_t k = 0; format == ESPALIER_STRUCTURED && k < columns; k++)
        layer->keep[k] = espalier_random_uniform(random) < density;
    for (size_t i = 0; i < layer->rows * columns; i++) {
        if (format != ESPALIER_DENSE)
            layer->mask[i] =
                format == ESPALIER_STRUCTURED ? layer->keep[i % columns] : espalier_random_uniform(random) < density;
        int levels = 1 << layer->value_bits;
        layer->weights[i] =
            layer->mask[i] ? (int8_t)((int)espalier_random_below(random, (uint32_t)levels) - levels / 2) : 0;
    }
    for (size_t row = 0; row < layer->rows; row++)
        layer->bias[row] = ((int32_t)espalier_random_below(random, 256) - 128) * 16;
}

static struct espalier_model *lenet(struct espalier_random *random, enum espalier_format format, double density)
{
    static const struct lenet_layer shapes[] = {
        {1, 28, 5, 2, 20}, {20, 12, 5, 2, 50}, {50, 4, 4, 1, 500}, {500, 1, 1, 1, 10}};
    struct espalier_error error = {0};
    struct espalier_model *model;
    test_ok(espalier_model_create(4, &model, &error));
    model->dense_weights = 430500;
    for (size_t i = 0; i < 4; i++) {
        struct espalier_layer *layer = &model->layers[i];
        layer->in_channels = shapes[i].channels;
        layer->in_height = layer->in_width = shapes[i].edge;
        layer->kernel_height = layer->kernel_width = shapes[i].kernel;
        layer->pool = shapes[i].pool;
        layer->rows = shapes[i].rows;
        layer->raw = i == 3;
        fill_layer(random, layer, format, density);
    }
    return model;
}

START_TEST(lenet5_is_bit_exact_in_every_format)
{
    static const struct {
        enum espalier_format format;
        double density;
    } kinds[] = {{ESPALIER_DENSE, 1}, {ESPALIER_STRUCTURED, 0.1}, {ESPALIER_GAP, 0.02}, {ESPALIER_GAP, 0.2}};
    static const char *const boards[] = {"up5k", "ecp5-25k"};
    struct espalier_random random = seeded(2);
    struct espalier_error error = {0};
    for (size_t b = 0; b < sizeof boards / sizeof boards[0]; b++)
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            struct espalier_device *device = open_board(boards[b]);
            struct task task =
                make_task(&random, lenet(&random, kinds[i].format, kinds[i].density), test_scale(slots_of(device)));
            test_ok(espalier_device_load(device, task.model, &error));
            test_ok(run_task(device, &task, &error));
            check_task(&task, boards[b]);
            check_counters(device);
            free_task(&task);
            espalier_device_close(device);
        }
}
END_TEST

/* ---- boards side by side, and waves ---- */

struct worker {
    pthread_t thread;
    struct task task;
    enum espalier_status status;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct espalier_transport transport;
    struct espalier_device *device = NULL;
    worker->status = espalier_sim_open("ecp5-25k", NULL, &transport, NULL);
    if (worker->status == ESPALIER_OK)
        worker->status = espalier_device_open(&transport, &device, NULL);
    if (worker->status == ESPALIER_OK)
        worker->status = espalier_device_load(device, worker->task.model, NULL);
    for (int i = 0; i < 5 && worker->status == ESPALIER_OK; i++)
        worker->status = run_task(device, &worker->task, NULL);
    espalier_device_close(device);
    return NULL;
}

START_TEST(boards_in_threads_do_not_disturb_each_other)
{
    struct espalier_random random = seeded(5);
    struct worker workers[4];
    for (size_t i = 0; i < 4; i++)
        workers[i].task = make_task(&random, lenet(&random, ESPALIER_GAP, 0.01 + 0.01 * (double)i), 1);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
        ck_assert_int_eq(workers[i].status, ESPALIER_OK);
        check_task(&workers[i].task, "in a thread");
        free_task(&workers[i].task);
    }
}
END_TEST

/* An FST file begins with a header block: type 0, length 329. */
START_TEST(waves_are_written_and_change_nothing)
{
    static const uint8_t header[9] = {0, 0, 0, 0, 0, 0, 0, 329 >> 8, 329 & 255};
    struct espalier_random random = seeded(6);
    struct random_model_limits limits = small_limits();
    struct espalier_error error = {0};
    struct espalier_transport transport;
    const char *path = test_path(0, "waves.fst");
    test_ok(espalier_sim_open("tiny", path, &transport, &error));
    struct espalier_device *device = open_device(&transport);
    for (bool done = false; !done;) {
        struct task task = make_task(&random, random_model(&random, &limits), 1);
        done = espalier_device_load(device, task.model, &error) == ESPALIER_OK;
        if (done) {
            test_ok(run_task(device, &task, &error));
            check_task(&task, "with waves");
        }
        free_task(&task);
    }
    espalier_device_close(device);
    uint8_t begin[sizeof header];
    FILE *file = fopen(path, "rb");
    ck_assert(file != NULL);
    ck_assert_uint_eq(fread(begin, 1, sizeof begin, file), sizeof begin);
    ck_assert_mem_eq(begin, header, sizeof begin);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    ck_assert_int_gt(ftell(file), 1000);
    fclose(file);
}
END_TEST

/* ---- what cannot be ---- */

START_TEST(a_model_that_does_not_fit_leaves_the_loaded_one_in_place)
{
    struct espalier_random random = seeded(3);
    struct espalier_error error = {0};
    struct random_model_limits limits = small_limits();
    struct espalier_device *device = open_board("tiny");
    struct espalier_model *large = lenet(&random, ESPALIER_DENSE, 1);
    struct task task;
    enum espalier_status status;
    do {
        task = make_task(&random, random_model(&random, &limits), 2);
        status = espalier_device_load(device, task.model, &error);
        if (status != ESPALIER_OK)
            free_task(&task);
    } while (status != ESPALIER_OK);
    ck_assert_int_eq(espalier_device_load(device, large, &error), ESPALIER_ERR_FIT);
    ck_assert_msg(strlen(error.message) > 0, "no message");
    test_ok(run_task(device, &task, &error));
    check_task(&task, "tiny");
    espalier_model_free(large);
    free_task(&task);
    espalier_device_close(device);
}
END_TEST

START_TEST(wrong_arguments_are_refused)
{
    struct espalier_random random = seeded(4);
    struct espalier_error error = {0};
    struct espalier_device *device = open_board("up5k");
    struct task task = make_task(&random, lenet(&random, ESPALIER_GAP, 0.01), 9);
    int8_t activations[8];
    ck_assert_int_eq(run_task(device, &task, &error), ESPALIER_ERR_RANGE);
    ck_assert_int_eq(espalier_device_run_to(device, task.pixels, 1, 1, activations, &error), ESPALIER_ERR_RANGE);
    test_ok(espalier_device_load(device, task.model, &error));
    ck_assert_int_eq(run_task(device, &task, &error), ESPALIER_ERR_RANGE);
    task.count = 0;
    ck_assert_int_eq(run_task(device, &task, &error), ESPALIER_ERR_RANGE);
    for (uint32_t layers = 0; layers <= 5; layers += 5)
        ck_assert_int_eq(espalier_device_run_to(device, task.pixels, 1, layers, activations, &error),
                         ESPALIER_ERR_RANGE);
    ck_assert_int_eq(espalier_device_run_to(device, task.pixels, 1, 4, activations, &error), ESPALIER_ERR_RANGE);
    task.count = 8;
    test_ok(run_task(device, &task, &error));
    check_task(&task, "up5k");
    free_task(&task);
    espalier_device_close(device);
}
END_TEST

START_TEST(an_unknown_board_is_refused_with_the_list)
{
    struct espalier_error error = {0};
    struct espalier_transport transport;
    ck_assert_int_eq(espalier_sim_open("zx81", NULL, &transport, &error), ESPALIER_ERR_RANGE);
    ck_assert(strstr(error.message, "zx81") && strstr(error.message, "up5k") && strstr(error.message, "tiny"));
}
END_TEST

/* ---- bad links ---- */

/* A transport around another one that flips, drops and adds bytes in both directions, or calls its own tricks. */
struct bad_link {
    struct espalier_transport inner;
    struct espalier_random random;
    uint32_t patience;          /* polls */
    double rate;                /* of damage, a byte */
    uint32_t damages;           /* so far */
    uint64_t until_power_cycle; /* bytes sent until the board is replaced by a fresh one; 0: never */
    uint64_t until_reset;       /* bytes sent until somebody else's RESET arrives; 0: never */
};

/* Polls of 16 cycles each: longer than any quiet run here; and longer than the device is silent in a broken frame. */
enum { PATIENT = 5000, IMPATIENT = 200 };

/* Passes a byte on as 0 to 2 bytes. */
static size_t spoil(struct bad_link *link, uint8_t byte, uint8_t out[2])
{
    out[0] = byte;
    if (espalier_random_uniform(&link->random) >= link->rate)
        return 1;
    link->damages++;
    out[0] ^= (uint8_t)(1u << espalier_random_below(&link->random, 8));
    out[1] = byte;
    return espalier_random_below(&link->random, 3);
}

static enum espalier_status send_all(const struct espalier_transport *transport, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t sent;
        enum espalier_status status = transport->send(transport->context, bytes, size, &sent);
        if (status != ESPALIER_OK)
            return status;
        bytes += sent;
        size -= sent;
    }
    return ESPALIER_OK;
}

/* What happens at a certain byte of the way out. */
static void play_tricks(struct bad_link *link)
{
    if (link->until_power_cycle > 0 && --link->until_power_cycle == 0) {
        struct espalier_error error = {0};
        link->inner.close(link->inner.context);
        test_ok(espalier_sim_open("tiny", NULL, &link->inner, &error));
    }
    if (link->until_reset > 0 && --link->until_reset == 0) {
        uint8_t bytes[WIRE_FRAME_MAX];
        struct wire_frame reset = wire_frame(ESPALIER_REQ_RESET, 0x5a, NULL, 0);
        ck_assert_int_eq(send_all(&link->inner, bytes, wire_encode(&reset, bytes)), ESPALIER_OK);
    }
}

static enum espalier_status bad_send(void *context, const uint8_t *bytes, size_t size, size_t *sent)
{
    struct bad_link *link = context;
    enum espalier_status status = ESPALIER_OK;
    for (*sent = 0; *sent < size && status == ESPALIER_OK; ++*sent) {
        uint8_t out[2];
        play_tricks(link);
        status = send_all(&link->inner, out, spoil(link, bytes[*sent], out));
    }
    return status;
}

static enum espalier_status bad_receive(void *context, uint8_t *bytes, size_t size, bool wait, size_t *received)
{
    struct bad_link *link = context;
    uint8_t in[256], out[2];
    *received = 0;
    for (uint32_t polls = 0; *received == 0 && polls < (wait ? link->patience : 1); polls++) {
        size_t there, limit = size / 2 < sizeof in ? size / 2 : sizeof in;
        enum espalier_status status =
            link->inner.receive(link->inner.context, in, limit > 0 ? limit : 1, false, &there);
        if (status != ESPALIER_OK)
            return status;
        for (size_t i = 0; i < there; i++) {
            size_t count = spoil(link, in[i], out);
            count = count < size - *received ? count : size - *received;
            memcpy(bytes + *received, out, count);
            *received += count;
        }
    }
    return wait && *received == 0 ? ESPALIER_ERR_TIMEOUT : ESPALIER_OK;
}

static void bad_close(void *context)
{
    struct bad_link *link = context;
    link->inner.close(link->inner.context);
}

static struct espalier_transport open_bad_link(struct bad_link *link)
{
    struct espalier_error error = {0};
    test_ok(espalier_sim_open("tiny", NULL, &link->inner, &error));
    return (struct espalier_transport){.context = link, .send = bad_send, .receive = bad_receive, .close = bad_close};
}

struct tally {
    uint32_t right, failed;
};

/* A model loaded and run several times: each run is right, or fails with an error that says so. */
static void run_over_bad_link(struct espalier_device *device, struct task *task, struct tally *tally)
{
    struct espalier_error error = {0};
    enum espalier_status status = espalier_device_load(device, task->model, &error);
    tally->failed += status == ESPALIER_ERR_TIMEOUT;
    if (status == ESPALIER_OK)
        for (int i = 0; i < 3; i++) {
            status = run_task(device, task, &error);
            if (status == ESPALIER_OK)
                check_task(task, "over a bad link");
            tally->right += status == ESPALIER_OK;
            tally->failed += status != ESPALIER_OK;
        }
    ck_assert_msg(status == ESPALIER_OK || status == ESPALIER_ERR_FIT || status == ESPALIER_ERR_TIMEOUT ||
                      status == ESPALIER_ERR_DEVICE,
                  "status %d: %s", (int)status, error.message);
}

/* Quick to run, and resident. */
static struct random_model_limits resident_limits(void)
{
    struct random_model_limits limits = small_limits();
    limits.edge = 6;
    limits.stored = 800;
    return limits;
}

/* Fully connected, mostly, and larger than the weight memory of the board `tiny`. */
static struct random_model_limits streamed_limits(void)
{
    struct random_model_limits limits = small_limits();
    limits.layers = 2;
    limits.rows = 60;
    limits.columns = 250;
    limits.edge = 8;
    limits.stored = 15000;
    limits.formats = 1u << ESPALIER_DENSE;
    return limits;
}

static bool is_streamed(const struct espalier_device *device, const struct espalier_model *model)
{
    struct espalier_error error = {0};
    struct espalier_plan plan;
    bool fits = espalier_plan_create(model, espalier_device_capabilities(device), &plan, &error) == ESPALIER_OK;
    bool streamed = fits && plan.streamed;
    espalier_plan_free(&plan);
    return streamed;
}

static struct tally run_with_damage(double rate, uint32_t patience, struct random_model_limits limits, bool streamed,
                                    uint32_t models)
{
    struct bad_link link = {.random = seeded(10), .patience = patience};
    struct espalier_transport transport = open_bad_link(&link);
    struct espalier_device *device = open_device(&transport);
    struct espalier_random random = seeded(11);
    struct tally tally = {0};
    link.rate = rate;
    for (uint32_t i = 0; i < models;) {
        struct espalier_model *model = random_model(&random, &limits);
        if (is_streamed(device, model) != streamed) {
            espalier_model_free(model);
            continue;
        }
        struct task task = make_task(&random, model, 1 + espalier_random_below(&random, slots_of(device)));
        run_over_bad_link(device, &task, &tally);
        free_task(&task);
        i++;
    }
    ck_assert_msg(link.damages > models, "the link was too good to test anything");
    espalier_device_close(device);
    return tally;
}

static void check_all_right(const struct tally *tally)
{
    ck_assert_msg(tally->failed == 0 && tally->right > 0, "%u of %u runs failed", tally->failed,
                  tally->failed + tally->right);
}

START_TEST(over_a_noisy_link_results_are_right)
{
    struct tally tally = run_with_damage(1e-3, PATIENT, resident_limits(), false, test_scale(60));
    check_all_right(&tally);
}
END_TEST

START_TEST(over_a_noisy_link_streamed_weights_arrive)
{
    struct tally tally = run_with_damage(3e-4, PATIENT, streamed_limits(), true, test_scale(60));
    check_all_right(&tally);
}
END_TEST

START_TEST(over_a_ruined_link_results_are_right_or_errors)
{
    struct tally tally = run_with_damage(2e-2, IMPATIENT, resident_limits(), false, test_scale(20));
    ck_assert_msg(tally.failed > 0, "the link was too good to make anything fail");
}
END_TEST

/* Every run here takes longer than the link waits for a byte. */
START_TEST(a_run_may_take_longer_than_the_link_s_patience)
{
    enum { FRACTION = 10 };
    struct espalier_random random = seeded(50);
    struct espalier_error error = {0};
    struct random_model_limits limits = small_limits();
    struct bad_link link = {.random = seeded(51), .patience = PATIENT};
    struct espalier_transport transport = open_bad_link(&link);
    struct espalier_device *device = open_device(&transport);
    for (uint32_t done = 0; done < test_scale(20);) {
        struct task task = make_task(&random, random_model(&random, &limits), 1);
        link.patience = PATIENT;
        uint32_t counters[ESPALIER_COUNTERS] = {0};
        if (espalier_device_load(device, task.model, &error) == ESPALIER_OK) {
            test_ok(run_task(device, &task, &error));
            test_ok(espalier_device_counters(device, counters, &error));
        }
        if (counters[ESPALIER_COUNT_CYCLES] / 16 > 8 * FRACTION) {
            link.patience = counters[ESPALIER_COUNT_CYCLES] / 16 / FRACTION;
            test_ok(run_task(device, &task, &error));
            check_task(&task, "over an impatient link");
            uint32_t before = counters[ESPALIER_COUNT_LINK_IN];
            test_ok(espalier_device_counters(device, counters, &error));
            ck_assert_msg(counters[ESPALIER_COUNT_LINK_IN] > before, "the device has been reset");
            done++;
        }
        free_task(&task);
    }
    espalier_device_close(device);
}
END_TEST

START_TEST(a_device_that_loses_power_or_its_session_is_loaded_again)
{
    struct espalier_random random = seeded(30);
    struct random_model_limits limits = small_limits();
    struct espalier_error error = {0};
    uint32_t tricks = 0;
    for (uint32_t i = 0; i < test_scale(60); i++) {
        struct bad_link link = {.random = seeded(31), .patience = PATIENT};
        struct espalier_transport transport = open_bad_link(&link);
        struct espalier_device *device = open_device(&transport);
        struct task task = make_task(&random, random_model(&random, &limits), 2);
        if (espalier_device_load(device, task.model, &error) == ESPALIER_OK) {
            test_ok(run_task(device, &task, &error));
            check_task(&task, "before");
            uint64_t *trick = espalier_random_below(&random, 2) ? &link.until_power_cycle : &link.until_reset;
            *trick = 1 + espalier_random_below(&random, 200);
            for (int n = 0; n < 3; n++) {
                test_ok(run_task(device, &task, &error));
                check_task(&task, "after");
            }
            tricks += *trick == 0;
        }
        free_task(&task);
        espalier_device_close(device);
    }
    ck_assert_uint_gt(tricks, 0);
}
END_TEST

/* ---- no device at all ---- */

struct stranger {
    uint8_t bytes[WIRE_FRAME_MAX]; /* what it says, again and again */
    size_t size, at;
    bool unasked; /* says it also when nobody waits */
    bool closed;
};

static enum espalier_status stranger_send(void *context, const uint8_t *bytes, size_t size, size_t *sent)
{
    (void)context;
    (void)bytes;
    *sent = size;
    return ESPALIER_OK;
}

static enum espalier_status stranger_receive(void *context, uint8_t *bytes, size_t size, bool wait, size_t *received)
{
    struct stranger *stranger = context;
    *received = 0;
    while ((wait || stranger->unasked) && *received < size && stranger->size > 0 && *received < 64) {
        bytes[(*received)++] = stranger->bytes[stranger->at];
        stranger->at = (stranger->at + 1) % stranger->size;
    }
    return wait && *received == 0 ? ESPALIER_ERR_TIMEOUT : ESPALIER_OK;
}

static void stranger_close(void *context)
{
    struct stranger *stranger = context;
    stranger->closed = true;
}

static enum espalier_status open_stranger(struct stranger *stranger, struct espalier_error *error)
{
    const struct espalier_transport transport = {
        .context = stranger, .send = stranger_send, .receive = stranger_receive, .close = stranger_close};
    struct espalier_device *device;
    enum espalier_status status = espalier_device_open(&transport, &device, error);
    ck_assert_msg(device == NULL && stranger->closed, "a failed open leaves something behind");
    return status;
}

START_TEST(silence_and_strangers_are_no_device)
{
    struct espalier_error error = {0};
    struct stranger silent = {.size = 0};
    ck_assert_int_eq(open_stranger(&silent, &error), ESPALIER_ERR_TIMEOUT);
    /* Whole frames, but no capability descriptor in them */
    for (int wrong = 0; wrong < 2; wrong++) {
        const uint8_t words[64] = {'E', 'S', 'P', wrong ? 'L' : 'M'}; /* LANES = 0 */
        struct stranger stranger = {.size = 0};
        struct wire_frame frame = wire_frame(ESPALIER_RSP_DATA, 65, words, sizeof words); /* answers the first HELLO */
        stranger.size = wire_encode(&frame, stranger.bytes);
        ck_assert_int_eq(open_stranger(&stranger, &error), ESPALIER_ERR_DEVICE);
        ck_assert(strlen(error.message) > 0);
    }
    /* Whole frames without end that answer nothing */
    struct stranger babbler = {.unasked = true};
    struct wire_frame frame = wire_frame(ESPALIER_RSP_DATA, 3, NULL, 0);
    babbler.size = wire_encode(&frame, babbler.bytes);
    ck_assert_int_eq(open_stranger(&babbler, &error), ESPALIER_ERR_TIMEOUT);
}
END_TEST

/* ---- after a fault ---- */

/* Leaves a board as a host that died would: in the middle of a frame, of a streamed run, or with a failed run. */
static void abandon(struct wire *wire, uint32_t how)
{
    uint8_t bytes[WIRE_FRAME_MAX], layers[42] = {0};
    const uint8_t run[4] = {1, 1, how == 1, 0};
    wire_ask(wire, ESPALIER_REQ_HELLO, 0, NULL, 0);
    if (how == 0) {
        struct wire_frame broken = wire_frame(ESPALIER_REQ_WEIGHTS, 1, bytes, 1024);
        wire_encode(&broken, bytes);
        wire_send(wire, bytes, 500);
        return;
    }
    static const struct {
        unsigned index;
        uint16_t value;
    } words[] = {{ESPALIER_LAYER_FORMAT, 8 << 8}, {ESPALIER_LAYER_POOL, 1 << 8},  {ESPALIER_LAYER_ROWS, 1},
                 {ESPALIER_LAYER_COLUMNS, 1},     {ESPALIER_LAYER_KERNEL, 0x101}, {ESPALIER_LAYER_KEPT, 1},
                 {ESPALIER_LAYER_OUT_SIZE, 0x101}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        wire_put16(layers + 2 + 2 * words[i].index, words[i].value);
    wire_expect_ack(wire, ESPALIER_REQ_LAYERS, 1, layers, sizeof layers);
    wire_expect_ack(wire, ESPALIER_REQ_RUN, 2, run, sizeof run);
}

START_TEST(a_board_left_in_any_state_serves_the_next_host)
{
    struct espalier_random random = seeded(40);
    struct random_model_limits limits = small_limits();
    struct espalier_error error = {0};
    for (uint32_t how = 0; how < 3; how++) {
        struct wire wire = wire_open("tiny");
        abandon(&wire, how);
        struct espalier_device *device = open_device(&wire.link);
        for (uint32_t done = 0; done < 5;) {
            struct task task = make_task(&random, random_model(&random, &limits), 4);
            if (espalier_device_load(device, task.model, &error) == ESPALIER_OK) {
                test_ok(run_task(device, &task, &error));
                check_task(&task, "tiny");
                done++;
            }
            free_task(&task);
        }
        espalier_device_close(device);
    }
}
END_TEST

/* No wait is as long as the 1,024 cycles of silence after which this board would give the broken frame up by itself. */
START_TEST(a_broken_frame_is_completed_by_a_host_that_cannot_wait)
{
    struct espalier_random random = seeded(60);
    for (uint32_t done = 0; done < test_scale(20); done++) {
        uint8_t bytes[WIRE_FRAME_MAX] = {0};
        struct wire_frame broken =
            wire_frame(ESPALIER_REQ_WEIGHTS, 1, bytes, 4 * (1 + espalier_random_below(&random, 256)));
        size_t size = wire_encode(&broken, bytes);
        struct bad_link link = {.random = seeded(61), .patience = 50};
        struct espalier_transport transport = open_bad_link(&link);
        struct wire wire = {.link = transport};
        wire_send(&wire, bytes, 1 + espalier_random_below(&random, (uint32_t)size - 1));
        espalier_device_close(open_device(&transport));
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        random_models_are_bit_exact_on_every_board,
        small_random_models_are_bit_exact_on_the_tiny_board,
        lenet5_is_bit_exact_in_every_format,
        boards_in_threads_do_not_disturb_each_other,
        waves_are_written_and_change_nothing,
        a_model_that_does_not_fit_leaves_the_loaded_one_in_place,
        wrong_arguments_are_refused,
        an_unknown_board_is_refused_with_the_list,
        over_a_noisy_link_results_are_right,
        over_a_noisy_link_streamed_weights_arrive,
        over_a_ruined_link_results_are_right_or_errors,
        a_run_may_take_longer_than_the_link_s_patience,
        a_device_that_loses_power_or_its_session_is_loaded_again,
        silence_and_strangers_are_no_device,
        a_board_left_in_any_state_serves_the_next_host,
        a_broken_frame_is_completed_by_a_host_that_cannot_wait,
    };
    return test_run("device", tests, sizeof tests / sizeof tests[0]);
}
