/* The USB driver through an unmodified libusb: umockdev answers its ioctls, a simulated board answers the transfers
 * (umockdev/mock_usb.h). Every result is compared with the reference engine, whatever happens to the transfers. */
#include "commands.h"
#include "support/drive.h"
#include "support/support.h"
#include "support/task.h"
#include "support/wire.h"
#include "tool.h"
#include "umockdev/mock_usb.h"

#include <espalier/measure.h>
#include <espalier/usb.h>
#include <espalier_sim.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct espalier_random seeded(uint64_t extra)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed() + extra);
    return random;
}

static double clock_now(void *context)
{
    (void)context;
    return drive_now();
}

/* ---- a board on the bus ---- */

struct rig {
    struct mock_bus *bus;
    struct espalier_transport board;
    struct mock_device *device;
    struct mock_spec spec;
};

static void plug(struct rig *rig, const struct mock_spec *spec)
{
    struct espalier_error error = {0};
    test_ok(espalier_sim_open("tiny", NULL, &rig->board, &error));
    rig->spec = *spec;
    rig->spec.behind = rig->board;
    rig->device = mock_plug(rig->bus, &rig->spec);
}

static void unplug(struct rig *rig)
{
    mock_unplug(rig->bus, rig->device);
    mock_forget(rig->device);
    rig->board.close(rig->board.context);
}

static struct mock_spec spec_of(unsigned address, const char *serial)
{
    return (struct mock_spec){.address = address, .serial = serial, .product = "Espalier accelerator"};
}

/* ---- finding devices ---- */

START_TEST(the_list_tells_who_is_there_and_in_which_state)
{
    struct espalier_error error = {0};
    struct espalier_usb_info *list;
    size_t count;
    struct mock_bus *bus = mock_bus_open();
    test_ok(espalier_usb_list(&list, &count, &error));
    ck_assert_uint_eq(count, 0);
    ck_assert_ptr_null(list);
    struct mock_spec specs[] = {spec_of(3, "A1"), spec_of(4, "B2"), spec_of(5, "C3"), spec_of(6, "D4")};
    specs[1].kernel_driver = "usbtest";
    specs[2].foreign = true;
    specs[3].mute = true;
    struct mock_device *devices[4];
    for (size_t i = 0; i < 4; i++)
        devices[i] = mock_plug(bus, &specs[i]);
    test_ok(espalier_usb_list(&list, &count, &error));
    ck_assert_uint_eq(count, 3);
    for (size_t i = 0; i < count; i++) {
        const struct espalier_usb_info *info = &list[i];
        ck_assert_uint_eq(info->bus, 1);
        if (info->address == 3) {
            ck_assert_str_eq(info->path, "1-3");
            ck_assert_str_eq(info->serial, "A1");
            ck_assert_str_eq(info->product, "Espalier accelerator");
            ck_assert_int_eq(info->state, ESPALIER_USB_FREE);
        } else if (info->address == 4) {
            ck_assert_int_eq(info->state, ESPALIER_USB_DRIVER);
        } else {
            ck_assert_uint_eq(info->address, 6);
            ck_assert_int_eq(info->state, ESPALIER_USB_BROKEN);
        }
    }
    free(list);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(mock_tally(devices[i]).claims, 0);
        mock_unplug(bus, devices[i]);
        mock_forget(devices[i]);
    }
    mock_bus_close(bus);
}
END_TEST

START_TEST(what_stands_in_the_way_is_told_with_what_mends_it)
{
    struct espalier_error error = {0};
    struct espalier_transport first;
    char rule[ESPALIER_USB_RULE_BYTES];
    const struct espalier_usb_info ours = {.vendor_id = 0x1209, .product_id = 0x0001};
    struct mock_bus *bus = mock_bus_open();
    drive_refusal(NULL, ESPALIER_ERR_NO_DEVICE, "lsusb -d 1209:0001");
    struct mock_spec spec = spec_of(3, "A1"), driven = spec_of(4, "B2");
    struct mock_device *device = mock_plug(bus, &spec);
    drive_refusal("A2", ESPALIER_ERR_NO_DEVICE, "espalier devices");
    test_ok(espalier_usb_open("any", DRIVE_PATIENCE, &first, &error));
    drive_refusal("any", ESPALIER_ERR_BUSY, "another program");
    drive_refusal("A1", ESPALIER_ERR_BUSY, "another program");
    first.close(first.context);
    espalier_usb_rule(&ours, rule);
    mock_deny(bus, device);
    drive_refusal("A1", ESPALIER_ERR_PERMISSION, rule);
    drive_refusal(NULL, ESPALIER_ERR_PERMISSION, rule);
    mock_allow(bus, device);
    driven.kernel_driver = "usbtest";
    struct mock_device *other = mock_plug(bus, &driven);
    drive_refusal("B2", ESPALIER_ERR_BUSY, "/sys/bus/usb/devices/1-4:1.0/driver/unbind");
    mock_unplug(bus, other);
    mock_unplug(bus, device);
    mock_forget(other);
    mock_forget(device);
    mock_bus_close(bus);
}
END_TEST

START_TEST(a_device_is_chosen_by_serial_number_or_path)
{
    struct espalier_error error = {0};
    struct espalier_transport transport;
    struct mock_bus *bus = mock_bus_open();
    const char *const serials[] = {"1", "1", "2"}, *const names[] = {"1-3", "1-4", "2"};
    struct mock_device *devices[3];
    for (unsigned i = 0; i < 3; i++) {
        struct mock_spec spec = spec_of(3 + i, serials[i]);
        devices[i] = mock_plug(bus, &spec);
    }
    drive_refusal("1", ESPALIER_ERR_RANGE, "path");
    for (unsigned i = 0; i < 3; i++) {
        test_ok(espalier_usb_open(names[i], DRIVE_PATIENCE, &transport, &error));
        for (unsigned n = 0; n < 3; n++)
            ck_assert_uint_eq(mock_tally(devices[n]).claims, n == i);
        transport.close(transport.context);
        ck_assert_uint_eq(mock_tally(devices[i]).claims, 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        mock_unplug(bus, devices[i]);
        mock_forget(devices[i]);
    }
    mock_bus_close(bus);
}
END_TEST

START_TEST(the_rules_file_has_the_lines_that_the_messages_tell)
{
    static const struct espalier_usb_info infos[] = {{.vendor_id = 0x1209, .product_id = 0x0001},
                                                     {.vendor_id = 0x0403, .product_id = 0x6010},
                                                     {.vendor_id = 0x0403, .product_id = 0x6015}};
    enum { INFOS = sizeof infos / sizeof infos[0] };
    char rule[ESPALIER_USB_RULE_BYTES], line[256];
    size_t at = 0;
    FILE *file = fopen(ESPALIER_SOURCE_DIR "/host/usb/70-espalier.rules", "r");
    ck_assert(file != NULL);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        ck_assert_uint_lt(at, INFOS);
        espalier_usb_rule(&infos[at++], rule);
        ck_assert_str_eq(line, rule);
    }
    fclose(file);
    ck_assert_uint_eq(at, INFOS);
}
END_TEST

/* ---- good devices ---- */

START_TEST(random_models_are_bit_exact_over_usb)
{
    struct espalier_random random = seeded(1);
    struct espalier_error error = {0};
    struct rig rig = {.bus = mock_bus_open()};
    struct mock_spec spec = spec_of(3, "A1");
    plug(&rig, &spec);
    for (uint32_t i = 0; i < test_scale(20); i++) {
        struct task task = drive_task(&random);
        test_ok(drive_through("A1", DRIVE_PATIENCE, 0, &task, &error));
        free_task(&task);
    }
    struct mock_tally tally = mock_tally(rig.device);
    ck_assert_uint_eq(tally.flying_in + tally.flying_out + tally.claims, 0);
    unplug(&rig);
    mock_bus_close(rig.bus);
}
END_TEST

static enum mock_fate late_out(void *context, uint64_t number, bool in)
{
    (void)context;
    (void)number;
    return in ? MOCK_SERVE : MOCK_LATE;
}

START_TEST(transfers_are_kept_under_way_both_ways)
{
    const struct espalier_clock clock = {.now = clock_now};
    struct espalier_error error = {0};
    struct espalier_transport transport;
    struct espalier_link_figures figures;
    struct rig rig = {.bus = mock_bus_open()};
    struct mock_spec spec = spec_of(3, "A1");
    spec.fate = late_out;
    plug(&rig, &spec);
    test_ok(espalier_usb_open("A1", DRIVE_PATIENCE, &transport, &error));
    test_ok(espalier_link_measure(&transport, &clock, 20000, 1, &figures, &error));
    struct mock_tally tally = mock_tally(rig.device);
    ck_assert_uint_ge(tally.most_in, 16);
    ck_assert_uint_ge(tally.most_out, 3);
    unplug(&rig);
    mock_bus_close(rig.bus);
}
END_TEST

struct worker {
    pthread_t thread;
    const char *serial;
    struct task task;
    enum espalier_status status;
    struct espalier_error error;
};

static void *work(void *context)
{
    struct worker *worker = context;
    struct espalier_device *device;
    worker->status = drive_open(worker->serial, DRIVE_PATIENCE, &device, &worker->error);
    if (worker->status == ESPALIER_OK)
        worker->status = espalier_device_load(device, worker->task.model, &worker->error);
    for (int i = 0; worker->status == ESPALIER_OK && i < 3; i++)
        worker->status = run_task(device, &worker->task, &worker->error);
    espalier_device_close(device);
    return NULL;
}

START_TEST(devices_in_threads_do_not_disturb_each_other)
{
    enum { DEVICES = 3 };
    static const char *const serials[DEVICES] = {"A1", "B2", "C3"};
    struct espalier_random random = seeded(3);
    struct mock_bus *bus = mock_bus_open();
    struct rig rigs[DEVICES];
    struct worker workers[DEVICES];
    for (unsigned i = 0; i < DEVICES; i++) {
        struct mock_spec spec = spec_of(3 + i, serials[i]);
        rigs[i].bus = bus;
        plug(&rigs[i], &spec);
        workers[i] = (struct worker){.serial = serials[i], .task = drive_task(&random)};
    }
    for (unsigned i = 0; i < DEVICES; i++)
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (unsigned i = 0; i < DEVICES; i++) {
        ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
        ck_assert_msg(workers[i].status == ESPALIER_OK, "%s: %s", serials[i], workers[i].error.message);
        check_task(&workers[i].task, serials[i]);
    }
    for (unsigned i = 0; i < DEVICES; i++) {
        free_task(&workers[i].task);
        unplug(&rigs[i]);
    }
    mock_bus_close(bus);
}
END_TEST

START_TEST(the_link_is_measured)
{
    const struct espalier_clock clock = {.now = clock_now};
    struct espalier_error error = {0};
    struct espalier_transport transport;
    struct espalier_link_figures figures;
    struct rig rig = {.bus = mock_bus_open()};
    struct mock_spec spec = spec_of(3, "A1");
    plug(&rig, &spec);
    test_ok(espalier_usb_open("A1", DRIVE_PATIENCE, &transport, &error));
    test_ok(espalier_link_measure(&transport, &clock, 20000, 10, &figures, &error));
    ck_assert(figures.out > 0 && figures.in > 0 && figures.least > 0);
    ck_assert(figures.least <= figures.median && figures.median <= figures.most);
    test_ok(espalier_usb_open("A1", DRIVE_PATIENCE, &transport, &error));
    ck_assert_int_eq(espalier_link_measure(&transport, &clock, 1, 0, &figures, &error), ESPALIER_ERR_RANGE);
    ck_assert_uint_eq(mock_tally(rig.device).claims, 0);
    unplug(&rig);
    mock_bus_close(rig.bus);
}
END_TEST

/* ---- the tool ---- */

START_TEST(the_tool_classifies_on_a_device)
{
    static const char model[] = ESPALIER_DATA_DIR "/models/lenet5-structured.esp";
    const char *const devices[] = {"devices", "--json", NULL};
    const char *const bench[] = {"bench-link", "--device", "A1", "--bytes", "5000", "--trips", "3", "--json", NULL};
    const char *const on_device[] = {"run", model, "IDX:7", "--device", "A1", "--json", NULL};
    const char *const in_engine[] = {"run", model, "IDX:7", "--json", NULL};
    const char *const missing[] = {"run", model, "IDX:7", "--device", "Z9", NULL};
    const char *const both[] = {"run", model, "IDX:7", "--device", "A1", "--board", "up5k", "--engine", "rtl", NULL};
    char text[4096], expected[4096];
    struct espalier_error error = {0};
    struct mock_bus *bus = mock_bus_open();
    struct mock_spec spec = spec_of(3, "A1");
    ck_assert_int_eq(drive_tool(espalier_cmd_devices, devices, text, sizeof text), TOOL_NO_DEVICE);
    ck_assert_int_eq(drive_tool(espalier_cmd_run, missing, text, sizeof text), TOOL_NO_DEVICE);
    test_ok(espalier_sim_open("up5k", NULL, &spec.behind, &error));
    struct mock_device *device = mock_plug(bus, &spec);
    ck_assert_int_eq(drive_tool(espalier_cmd_devices, devices, text, sizeof text), TOOL_OK);
    ck_assert_msg(strstr(text, "\"A1\"") && strstr(text, "\"1-3\"") && strstr(text, "\"free\""), "%s", text);
    ck_assert_int_eq(drive_tool(espalier_cmd_bench_link, bench, text, sizeof text), TOOL_OK);
    ck_assert_int_eq(drive_tool(espalier_cmd_run, both, text, sizeof text), TOOL_USAGE);
    ck_assert_int_eq(drive_tool(espalier_cmd_run, in_engine, expected, sizeof expected), TOOL_OK);
    ck_assert_int_eq(drive_tool(espalier_cmd_run, on_device, text, sizeof text), TOOL_OK);
    ck_assert_msg(strstr(text, "\"engine\": \"device\"") && strstr(expected, "\"logits\""), "%s", text);
    ck_assert_str_eq(strstr(text, "\"logits\""), strstr(expected, "\"logits\"")); /* and mismatches: 0 */
    mock_unplug(bus, device);
    mock_forget(device);
    spec.behind.close(spec.behind.context);
    mock_bus_close(bus);
}
END_TEST

/* Runs a command that must fail with an exit code and a text. */
static void expect_failure(const char *device, int code, const char *text)
{
    static const char model[] = ESPALIER_DATA_DIR "/models/lenet5-structured.esp";
    const char *const arguments[] = {"run", model, "IDX:7", "--device", device, NULL};
    char printed[4096];
    const int given = drive_tool(espalier_cmd_run, arguments, printed, sizeof printed);
    ck_assert_msg(given == code && strstr(printed, text), "exit code %d: %s", given, printed);
}

START_TEST(the_tool_tells_what_stands_in_the_way_apart)
{
    struct espalier_error error = {0};
    struct espalier_transport first;
    struct mock_bus *bus = mock_bus_open();
    struct mock_spec spec = spec_of(3, "A1"), driven = spec_of(4, "B2");
    expect_failure("any", TOOL_NO_DEVICE, "no Espalier device on USB: plug one in");
    struct mock_device *device = mock_plug(bus, &spec);
    mock_deny(bus, device);
    expect_failure("any", TOOL_PERMISSION, "/etc/udev/rules.d/70-espalier.rules");
    mock_allow(bus, device);
    test_ok(espalier_usb_open("any", DRIVE_PATIENCE, &first, &error));
    expect_failure("any", TOOL_BUSY, "in use by another program");
    first.close(first.context);
    driven.kernel_driver = "usbtest";
    struct mock_device *other = mock_plug(bus, &driven);
    expect_failure("B2", TOOL_BUSY, "held by a driver of the kernel");
    mock_unplug(bus, other);
    mock_unplug(bus, device);
    mock_forget(other);
    mock_forget(device);
    mock_bus_close(bus);
}
END_TEST

/* ---- Ctrl-C ---- */

struct interruption {
    uint64_t at; /* the transfer at which it comes; what is submitted from then on hangs */
    int number;  /* the signal */
    bool over;
};

static enum mock_fate interrupt(void *context, uint64_t number, bool in)
{
    struct interruption *interruption = context;
    (void)in;
    if (interruption->over || number < interruption->at)
        return MOCK_SERVE;
    if (number == interruption->at)
        kill(getpid(), interruption->number);
    return MOCK_HANG;
}

START_TEST(an_interrupted_command_gives_the_device_back_and_the_next_one_works)
{
    static const char model[] = ESPALIER_DATA_DIR "/models/lenet5-structured.esp";
    static const char *const run[] = {"run", model, "IDX:7", "--device", "A1", "--json", NULL};
    static const char *const eval[] = {"eval", model, "--count", "8", "--device", "A1", "--json", NULL};
    static const char *const bench[] = {"bench-link", "--device", "A1", "--bytes", "9000", "--trips", "9", NULL};
    static const struct {
        int (*command)(int, char **);
        const char *const *arguments;
    } commands[] = {{espalier_cmd_run, run}, {espalier_cmd_eval, eval}, {espalier_cmd_bench_link, bench}};
    struct espalier_random random = seeded(30);
    struct espalier_error error = {0};
    struct mock_bus *bus = mock_bus_open();
    struct mock_spec spec = spec_of(3, "A1");
    struct interruption interruption = {.over = true};
    struct sigaction before, after;
    char text[4096], expected[4096];
    ck_assert_int_eq(sigaction(SIGINT, NULL, &before), 0);
    spec.fate = interrupt;
    spec.context = &interruption;
    test_ok(espalier_sim_open("up5k", NULL, &spec.behind, &error));
    struct mock_device *device = mock_plug(bus, &spec);
    ck_assert_int_eq(drive_tool(espalier_cmd_run, run, expected, sizeof expected), TOOL_OK);
    for (uint32_t i = 0; i < 3 * test_scale(10) / 5 + 3; i++) {
        const uint64_t now = mock_tally(device).transfers;
        interruption =
            (struct interruption){.at = now + espalier_random_below(&random, 50), .number = i % 2 ? SIGINT : SIGTERM};
        const int code = drive_tool(commands[i % 3].command, commands[i % 3].arguments, text, sizeof text);
        ck_assert_msg(code == TOOL_SIGNAL + SIGINT && strstr(text, "cancelled"), "exit code %d: %s", code, text);
        const struct mock_tally tally = mock_tally(device);
        ck_assert_uint_eq(tally.claims + tally.flying_in + tally.flying_out, 0);
        ck_assert_msg(tally.transfers > interruption.at, "it ended before it was interrupted");
        interruption.over = true;
        ck_assert_int_eq(drive_tool(espalier_cmd_run, run, text, sizeof text), TOOL_OK);
        ck_assert_str_eq(text, expected);
    }
    ck_assert_int_eq(sigaction(SIGINT, NULL, &after), 0);
    ck_assert(after.sa_handler == before.sa_handler);
    mock_unplug(bus, device);
    mock_forget(device);
    spec.behind.close(spec.behind.context);
    mock_bus_close(bus);
}
END_TEST

/* ---- faults ---- */

/* One fate for transfer `at`, or random ones. */
struct plan {
    enum mock_fate fate;
    uint64_t at;
    struct espalier_random random;
    double rate; /* 0: only `at` */
};

static enum mock_fate decide(void *context, uint64_t number, bool in)
{
    struct plan *plan = context;
    (void)in;
    if (plan->rate == 0)
        return number == plan->at ? plan->fate : MOCK_SERVE;
    if (espalier_random_uniform(&plan->random) >= plan->rate)
        return MOCK_SERVE;
    static const enum mock_fate fates[] = {MOCK_REFUSE, MOCK_STALL, MOCK_ERROR, MOCK_LOSE, MOCK_FLIP,
                                           MOCK_REPEAT, MOCK_SHORT, MOCK_EMPTY, MOCK_LATE};
    return fates[espalier_random_below(&plan->random, sizeof fates / sizeof fates[0])];
}

static uint64_t count_faults(const struct mock_tally *tally)
{
    uint64_t faults = 0;
    for (size_t i = 0; i < MOCK_FATES; i++)
        faults += i == MOCK_SERVE ? 0 : tally->fates[i];
    return faults;
}

START_TEST(a_device_unplugged_at_any_transfer_is_missed_and_comes_back)
{
    struct espalier_random random = seeded(10);
    struct task task = drive_task(&random);
    struct rig rig = {.bus = mock_bus_open()};
    uint64_t missed = 0, at = 0;
    const uint64_t step = test_scale(10) == 10 ? 1 : 7;
    for (bool vanished = true; vanished; at += step) {
        struct espalier_error error = {0};
        struct plan plan = {.fate = MOCK_VANISH, .at = at};
        struct mock_spec spec = spec_of(3, "A1");
        spec.fate = decide;
        spec.context = &plan;
        plug(&rig, &spec);
        const double begin = drive_now();
        enum espalier_status status = drive_through("A1", DRIVE_PATIENCE, 0, &task, &error);
        drive_check_bound(begin, 1, "missing the device");
        struct mock_tally tally = mock_tally(rig.device);
        vanished = tally.fates[MOCK_VANISH] > 0;
        ck_assert_msg(status == ESPALIER_OK ||
                          (vanished && status == ESPALIER_ERR_NO_DEVICE && strstr(error.message, "unplugged")),
                      "transfer %llu: %s", (unsigned long long)at, error.message);
        missed += status != ESPALIER_OK;
        ck_assert_uint_eq(tally.flying_in + tally.flying_out, 0);
        unplug(&rig);
        if (at % (5 * step) == 0) {
            spec.fate = NULL;
            plug(&rig, &spec);
            test_ok(drive_through("A1", DRIVE_PATIENCE, 0, &task, &error));
            unplug(&rig);
        }
    }
    ck_assert_uint_ge(missed, at / step / 2);
    free_task(&task);
    mock_bus_close(rig.bus);
}
END_TEST

/* Each kind of fault once, anywhere: the frames on top repair it. */
START_TEST(one_fault_anywhere_is_repaired)
{
    static const enum mock_fate fates[] = {MOCK_REFUSE, MOCK_STALL, MOCK_ERROR, MOCK_LOSE, MOCK_FLIP,
                                           MOCK_REPEAT, MOCK_SHORT, MOCK_EMPTY, MOCK_LATE};
    struct espalier_random random = seeded(11);
    struct rig rig = {.bus = mock_bus_open()};
    for (size_t i = 0; i < sizeof fates / sizeof fates[0]; i++)
        for (uint32_t n = 0; n < test_scale(10); n++) {
            struct espalier_error error = {0};
            struct task task = drive_task(&random);
            struct plan plan = {.fate = fates[i], .at = espalier_random_below(&random, 80)};
            struct mock_spec spec = spec_of(3, "A1");
            spec.fate = decide;
            spec.context = &plan;
            plug(&rig, &spec);
            enum espalier_status status = drive_through("A1", 4 * DRIVE_IMPATIENCE, 0, &task, &error);
            ck_assert_msg(status == ESPALIER_OK, "fate %d at transfer %llu: %s", (int)fates[i],
                          (unsigned long long)plan.at, error.message);
            unplug(&rig);
            free_task(&task);
        }
    mock_bus_close(rig.bus);
}
END_TEST

START_TEST(under_many_faults_results_are_right_or_errors)
{
    struct espalier_random random = seeded(12);
    struct rig rig = {.bus = mock_bus_open()};
    uint64_t faults = 0;
    uint32_t right = 0, wrong = 0;
    for (uint32_t i = 0; i < test_scale(60); i++) {
        struct espalier_error error = {0};
        struct task task = drive_task(&random);
        struct plan plan = {.random = seeded(1000 + i), .rate = i % 3 == 0 ? 0.15 : 0.01};
        struct mock_spec spec = spec_of(3, "A1");
        spec.fate = decide;
        spec.context = &plan;
        plug(&rig, &spec);
        enum espalier_status status = drive_through("A1", DRIVE_IMPATIENCE, 0, &task, &error);
        ck_assert_msg(status == ESPALIER_OK || status == ESPALIER_ERR_TIMEOUT || status == ESPALIER_ERR_IO ||
                          status == ESPALIER_ERR_DEVICE,
                      "status %d: %s", (int)status, error.message);
        struct mock_tally tally = mock_tally(rig.device);
        faults += count_faults(&tally);
        right += status == ESPALIER_OK;
        wrong += status != ESPALIER_OK;
        unplug(&rig);
        free_task(&task);
    }
    printf("%llu faults: %u right, %u errors\n", (unsigned long long)faults, right, wrong);
    ck_assert_uint_gt(faults, test_scale(60));
    ck_assert_uint_gt(right, 0);
    mock_bus_close(rig.bus);
}
END_TEST

/* ---- devices that answer nothing, or nonsense ---- */

/* What answers instead of a board. */
struct stranger {
    struct espalier_random random;
    uint8_t bytes[WIRE_FRAME_MAX]; /* its answer to whatever it is sent */
    size_t size, at;
    unsigned looks;
    bool endless; /* says it again and again, unasked */
    bool garbage; /* says random bytes instead */
    bool trickle; /* a byte a thousand looks */
};

static enum espalier_status stranger_send(void *context, const uint8_t *bytes, size_t size, size_t *sent)
{
    struct stranger *stranger = context;
    (void)bytes;
    stranger->at = 0;
    *sent = size;
    return ESPALIER_OK;
}

static enum espalier_status stranger_receive(void *context, uint8_t *bytes, size_t size, bool wait, size_t *received)
{
    struct stranger *stranger = context;
    (void)wait;
    *received = 0;
    if (stranger->trickle && ++stranger->looks % 1000 != 0)
        return ESPALIER_OK;
    for (; *received < (stranger->trickle ? 1 : size); ++*received) {
        if (stranger->at == stranger->size && !stranger->endless)
            break;
        if (stranger->at == stranger->size)
            stranger->at = 0;
        bytes[*received] =
            stranger->garbage ? (uint8_t)espalier_random_below(&stranger->random, 256) : stranger->bytes[stranger->at];
        stranger->at++;
    }
    return ESPALIER_OK;
}

static enum espalier_status open_stranger(struct stranger *stranger, struct espalier_error *error)
{
    struct mock_spec spec = spec_of(3, "A1");
    struct mock_bus *bus = mock_bus_open();
    struct espalier_device *opened;
    stranger->at = stranger->endless ? 0 : stranger->size;
    spec.behind = (struct espalier_transport){.context = stranger, .send = stranger_send, .receive = stranger_receive};
    struct mock_device *device = mock_plug(bus, &spec);
    const double begin = drive_now();
    enum espalier_status status = drive_open("A1", DRIVE_IMPATIENCE, &opened, error);
    drive_check_bound(begin, DRIVE_OPENING * DRIVE_IMPATIENCE / 1e3, "opening");
    ck_assert(opened == NULL);
    struct mock_tally tally = mock_tally(device);
    ck_assert_uint_eq(tally.claims + tally.flying_in + tally.flying_out, 0);
    mock_unplug(bus, device);
    mock_forget(device);
    mock_bus_close(bus);
    return status;
}

START_TEST(silence_and_endless_nonsense_are_given_up)
{
    struct espalier_error error = {0};
    struct stranger silent = {.size = 0};
    ck_assert_int_eq(open_stranger(&silent, &error), ESPALIER_ERR_TIMEOUT);
    for (unsigned kind = 0; kind < 4; kind++) {
        struct stranger stranger = {.random = seeded(20), .endless = true, .garbage = kind & 1, .trickle = kind & 2};
        const uint8_t payload[64] = {'E', 'S', 'P', 'L'};
        struct wire_frame frame = wire_frame(ESPALIER_RSP_DATA, 3, payload, sizeof payload); /* nobody asked that */
        stranger.size = wire_encode(&frame, stranger.bytes);
        ck_assert_int_eq(open_stranger(&stranger, &error), ESPALIER_ERR_TIMEOUT);
    }
}
END_TEST

START_TEST(another_protocol_version_is_told_with_what_mends_it)
{
    for (int newer = 0; newer < 2; newer++) {
        struct espalier_error error = {0};
        struct stranger stranger = {.size = 0};
        const uint8_t payload[2] = {ESPALIER_NAK_TYPE, 0};
        struct wire_frame frame = wire_frame(ESPALIER_RSP_NAK, 65, payload, sizeof payload);
        frame.version = (uint8_t)(newer ? ESPALIER_VERSION + 1 : ESPALIER_VERSION - 1);
        stranger.size = wire_encode(&frame, stranger.bytes);
        ck_assert_int_eq(open_stranger(&stranger, &error), ESPALIER_ERR_DEVICE);
        ck_assert_msg(strstr(error.message, newer ? "update this program" : "update the device"), "%s", error.message);
    }
}
END_TEST

START_TEST(the_tool_tells_of_another_protocol_version)
{
    for (int newer = 0; newer < 2; newer++) {
        struct stranger stranger = {.size = 0};
        const uint8_t payload[2] = {ESPALIER_NAK_TYPE, 0};
        struct wire_frame frame = wire_frame(ESPALIER_RSP_NAK, 65, payload, sizeof payload);
        struct mock_bus *bus = mock_bus_open();
        struct mock_spec spec = spec_of(3, "A1");
        frame.version = (uint8_t)(newer ? ESPALIER_VERSION + 1 : ESPALIER_VERSION - 1);
        stranger.at = stranger.size = wire_encode(&frame, stranger.bytes);
        spec.behind =
            (struct espalier_transport){.context = &stranger, .send = stranger_send, .receive = stranger_receive};
        struct mock_device *device = mock_plug(bus, &spec);
        expect_failure("A1", TOOL_DEVICE, newer ? "update this program" : "update the device");
        ck_assert_uint_eq(mock_tally(device).claims, 0);
        mock_unplug(bus, device);
        mock_forget(device);
        mock_bus_close(bus);
    }
}
END_TEST

static enum mock_fate hang(void *context, uint64_t number, bool in)
{
    (void)number;
    return in == *(bool *)context ? MOCK_HANG : MOCK_SERVE;
}

START_TEST(a_device_that_takes_or_gives_nothing_is_given_up)
{
    for (int in = 0; in < 2; in++) {
        struct espalier_random random = seeded(21);
        struct espalier_error error = {0};
        struct rig rig = {.bus = mock_bus_open()};
        struct mock_spec spec = spec_of(3, "A1");
        bool way = in;
        spec.fate = hang;
        spec.context = &way;
        plug(&rig, &spec);
        struct task task = drive_task(&random);
        ck_assert_int_eq(drive_through("A1", DRIVE_IMPATIENCE, 0, &task, &error), ESPALIER_ERR_TIMEOUT);
        ck_assert_uint_eq(mock_tally(rig.device).flying_in + mock_tally(rig.device).flying_out, 0);
        free_task(&task);
        unplug(&rig);
        mock_bus_close(rig.bus);
    }
}
END_TEST

static void *cancel_soon(void *context)
{
    const struct timespec pause = {.tv_nsec = 200000000};
    nanosleep(&pause, NULL);
    espalier_usb_cancel(context);
    return NULL;
}

START_TEST(another_thread_can_cancel)
{
    enum { FOR_EVER = 3600000 };
    struct espalier_error error = {0};
    struct espalier_transport transport;
    struct espalier_device *opened;
    pthread_t thread;
    struct mock_bus *bus = mock_bus_open();
    const struct mock_spec spec = spec_of(3, "A1");
    struct mock_device *device = mock_plug(bus, &spec);
    test_ok(espalier_usb_open("A1", FOR_EVER, &transport, &error));
    struct espalier_transport same = transport;
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, &same), 0);
    uint8_t byte;
    size_t count;
    const double begin = drive_now();
    ck_assert_int_eq(transport.send(transport.context, (const uint8_t *)"", 1, &count), ESPALIER_OK);
    ck_assert_int_eq(transport.receive(transport.context, &byte, 1, true, &count), ESPALIER_ERR_CANCELLED);
    drive_check_bound(begin, 0.2, "cancelling");
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(espalier_device_open(&transport, &opened, &error), ESPALIER_ERR_CANCELLED);
    ck_assert(strstr(error.message, "cancelled"));
    ck_assert_uint_eq(mock_tally(device).claims, 0);
    mock_unplug(bus, device);
    mock_forget(device);
    mock_bus_close(bus);
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {
        the_list_tells_who_is_there_and_in_which_state,
        what_stands_in_the_way_is_told_with_what_mends_it,
        a_device_is_chosen_by_serial_number_or_path,
        the_rules_file_has_the_lines_that_the_messages_tell,
        random_models_are_bit_exact_over_usb,
        transfers_are_kept_under_way_both_ways,
        devices_in_threads_do_not_disturb_each_other,
        the_link_is_measured,
        the_tool_classifies_on_a_device,
        the_tool_tells_what_stands_in_the_way_apart,
        an_interrupted_command_gives_the_device_back_and_the_next_one_works,
        a_device_unplugged_at_any_transfer_is_missed_and_comes_back,
        one_fault_anywhere_is_repaired,
        under_many_faults_results_are_right_or_errors,
        silence_and_endless_nonsense_are_given_up,
        another_protocol_version_is_told_with_what_mends_it,
        the_tool_tells_of_another_protocol_version,
        a_device_that_takes_or_gives_nothing_is_given_up,
        another_thread_can_cancel,
    };
    (void)argc;
    mock_usb_enter(argv);
    return test_run("driver", tests, sizeof tests / sizeof tests[0]);
}
