#include "support/drive.h"

#include "support/random_model.h"
#include "support/support.h"

#include <espalier/usb.h>
#include <espalier_sim.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SLACK = 60 /* seconds for the machine's own business: a hang is longer */ };

double drive_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void drive_check_bound(double begin, double bound, const char *what)
{
    double seconds = drive_now() - begin;
    ck_assert_msg(seconds < bound + SLACK, "%s took %.1f s of %.1f s", what, seconds, bound);
}

/* Draws models until one fits the board `tiny` and is streamed or not as wanted. */
static struct task draw_task(struct espalier_random *random, const struct random_model_limits *limits, bool streamed)
{
    struct espalier_error error = {0};
    struct espalier_transport transport;
    struct espalier_device *device;
    test_ok(espalier_sim_open("tiny", NULL, &transport, &error));
    test_ok(espalier_device_open(&transport, &device, &error));
    for (;;) {
        struct espalier_plan plan = {0};
        struct espalier_model *model = random_model(random, limits);
        enum espalier_status status = espalier_plan_create(model, espalier_device_capabilities(device), &plan, &error);
        const bool wanted = status == ESPALIER_OK && plan.streamed == streamed;
        espalier_plan_free(&plan);
        if (wanted) {
            espalier_device_close(device);
            return make_task(random, model, 1 + espalier_random_below(random, 4));
        }
        espalier_model_free(model);
    }
}

struct task drive_task(struct espalier_random *random)
{
    struct random_model_limits limits = random_model_defaults();
    limits.rows = 16;
    limits.columns = 200;
    limits.edge = 6;
    limits.activations = 450;
    limits.stored = 800;
    return draw_task(random, &limits, false);
}

struct task drive_streamed_task(struct espalier_random *random)
{
    struct random_model_limits limits = random_model_defaults();
    limits.layers = 2;
    limits.rows = 60;
    limits.columns = 250;
    limits.edge = 8;
    limits.activations = 450;
    limits.stored = 15000;
    limits.formats = 1u << ESPALIER_DENSE;
    return draw_task(random, &limits, true);
}

enum espalier_status drive_open(const char *which, uint32_t patience, struct espalier_device **out,
                                struct espalier_error *error)
{
    struct espalier_transport transport;
    *out = NULL;
    enum espalier_status status = espalier_usb_open(which, patience, &transport, error);
    return status == ESPALIER_OK ? espalier_device_open(&transport, out, error) : status;
}

static bool task_differs(const struct task *task)
{
    return memcmp(task->given, task->logits, task->count * task->outputs * sizeof *task->given) != 0;
}

struct drive_report drive_session(const struct espalier_transport *transport, struct task *task,
                                  struct espalier_error *error)
{
    struct drive_report report = {.status = ESPALIER_OK};
    struct espalier_device *device;
    const double begin = drive_now();
    report.status = espalier_device_open(transport, &device, error);
    if (report.status == ESPALIER_OK)
        report.status = espalier_device_load(device, task->model, error);
    report.opening = drive_now() - begin;
    if (report.status == ESPALIER_OK)
        report.status = run_task(device, task, error);
    report.wrong = report.status == ESPALIER_OK && task_differs(task);
    espalier_device_close(device);
    report.running = drive_now() - begin;
    return report;
}

struct drive_report drive_usb_session(const char *which, uint32_t patience, struct task *task,
                                      struct espalier_error *error)
{
    struct espalier_transport transport;
    const enum espalier_status status = espalier_usb_open(which, patience, &transport, error);
    return status == ESPALIER_OK ? drive_session(&transport, task, error) : (struct drive_report){.status = status};
}

bool drive_is_late(const struct drive_report *report, double patience)
{
    return report->opening > DRIVE_OPENING * patience + SLACK || report->running > DRIVE_RUNNING * patience + SLACK;
}

enum espalier_status drive_through(const char *which, uint32_t patience, double line, struct task *task,
                                   struct espalier_error *error)
{
    const struct drive_report report = drive_usb_session(which, patience, task, error);
    if (report.wrong)
        check_task(task, "over USB");
    ck_assert_msg(!drive_is_late(&report, patience / 1e3 + line), "%.1f s to open and load, %.1f s in all",
                  report.opening, report.running);
    return report.status;
}

void drive_refusal(const char *which, enum espalier_status expected, const char *mend)
{
    struct espalier_error error = {0};
    struct espalier_transport transport;
    ck_assert_int_eq(espalier_usb_open(which, DRIVE_PATIENCE, &transport, &error), expected);
    ck_assert_int_eq(error.status, expected);
    ck_assert_msg(strstr(error.message, mend) && strlen(error.message) + 1 < sizeof error.message, "%s", error.message);
}

int drive_tool(int (*command)(int, char **), const char *const *arguments, char *text, size_t size)
{
    char *argv[16] = {NULL};
    int argc = 0;
    const char *path = test_path(0, "out");
    for (; arguments[argc]; argc++) {
        argv[argc] = malloc(strlen(arguments[argc]) + 1);
        strcpy(argv[argc], arguments[argc]);
    }
    ck_assert(freopen(path, "w", stdout) != NULL);
    ck_assert_int_ge(dup2(STDOUT_FILENO, STDERR_FILENO), 0);
    optind = 0; /* getopt begins anew */
    int code = command(argc, argv);
    fflush(stdout);
    FILE *file = fopen(path, "r");
    ck_assert(file != NULL);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return code;
}
