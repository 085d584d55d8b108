#include "training.h"
#include "tool.h"

#include <cblas.h>
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- Being stopped */

static volatile sig_atomic_t signal_caught; /* its number; 0: none */

static void catch_signal(int number)
{
    signal_caught = number;
}

void training_catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = catch_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND}, before;

    signal_caught = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaction(numbers[i], &action, &before);
        if (before.sa_handler == SIG_IGN) /* as whoever started the tool wants */
            sigaction(numbers[i], &before, NULL);
    }
}

int training_fail(const char *command, const struct espalier_error *error)
{
    int code = tool_fail(command, error);

    return error->status == ESPALIER_ERR_CANCELLED && signal_caught != 0 ? TOOL_SIGNAL + signal_caught : code;
}

static const char csv_header[] = "stage,epoch,loss,residual,held_out_accuracy,held_out_loss,kept_weights,packed_bits\n";

/* ---- Progress and its log */

enum espalier_status training_report_begin(struct training_report *report, struct espalier_error *error)
{
    const char *path = report->log_path;

    if (path != NULL) {
        report->log = fopen(path, "a"); /* what is in it is left alone until a run has really begun */
        if (report->log == NULL)
            return espalier_fail(error, ESPALIER_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
        size_t length = strlen(path);
        report->log_json = length > 5 && strcmp(path + length - 5, ".json") == 0;
    }
    progress_begin(&report->bar, report->label);
    return ESPALIER_OK;
}

/* Whether a line of the log is a row that was written to its end; *length becomes what of it belongs to the row. */
static bool is_row(bool json, const char *line, size_t *length)
{
    const char *end = strrchr(line, json ? '}' : '\n');

    if (end == NULL || (json ? *line != '{' : strncmp(line, "stage,", 6) == 0))
        return false;
    *length = (size_t)(end + 1 - line);
    return true;
}

/* Finds the end of the log's first rows, at most @p wanted; *found receives how many there are. */
static long end_of_rows(const struct training_report *report, uint32_t wanted, uint32_t *found)
{
    FILE *file = wanted > 0 ? fopen(report->log_path, "r") : NULL;
    char *line = NULL;
    size_t room = 0, length = 0;
    long at = 0, end = 0;

    *found = 0;
    for (ssize_t got; file != NULL && *found < wanted && (got = getline(&line, &room, file)) > 0; at += got)
        if (is_row(report->log_json, line, &length)) {
            end = at + (long)length;
            ++*found;
        }
    free(line);
    if (file != NULL)
        fclose(file);
    return end;
}

/* Keeps the rows of the epochs that were finished before a run was taken up, and nothing else. */
static void begin_log(struct training_report *report, uint32_t finished)
{
    long end = end_of_rows(report, finished, &report->logged);

    if (ftruncate(fileno(report->log), end) != 0)
        clearerr(report->log); /* a pipe, or a terminal: there was nothing in it */
    if (report->logged == 0)
        fputs(report->log_json ? "[" : csv_header, report->log);
    report->log_begun = true;
}

/* A run is worth more than its log: goes on without it, and says so once. */
static void lose_log(struct training_report *report)
{
    if (!report->log_lost) {
        const char *reason = strerror(errno);
        progress_end(&report->bar);
        fprintf(stderr, "espalier %s: warning: %s cannot be written: %s; goes on without it\n", report->command,
                report->log_path, reason);
    }
    report->log_lost = true;
}

static void log_epoch(struct training_report *report, const struct espalier_progress *progress)
{
    const char *const row =
        report->log_json
            ? "%s\n{\"stage\": \"%s\", \"epoch\": %u, \"loss\": %.6f, \"residual\": %.6f, "
              "\"held_out_accuracy\": %.4f, \"held_out_loss\": %.6f, \"kept_weights\": %llu, \"packed_bits\": %llu}"
            : "%s%s,%u,%.6f,%.6f,%.4f,%.6f,%llu,%llu\n";

    fprintf(report->log, row, report->log_json && report->logged > 0 ? "," : "", progress->stage, progress->epoch,
            progress->loss, progress->residual, progress->accuracy, progress->held_out_loss,
            (unsigned long long)progress->kept_weights, (unsigned long long)progress->bits);
    if (fflush(report->log) != 0 || ferror(report->log) != 0)
        lose_log(report);
    report->logged++;
}

void training_judged(double accuracy, uint32_t held_out, char text[TRAINING_JUDGED_MAX])
{
    if (held_out > 0)
        snprintf(text, TRAINING_JUDGED_MAX, "%.2f %% of %u held-out images right", 100.0 * accuracy, held_out);
    else
        snprintf(text, TRAINING_JUDGED_MAX, "no images held out");
}

void training_report_state(const struct training_report *report, const struct espalier_progress *progress,
                           char text[TRAINING_STATE_MAX])
{
    const struct espalier_progress *last = &report->last;
    char residual[32] = "", accuracy[16] = "", bits[32] = "";

    if (last->residual > 0.0 && strcmp(report->stage, progress->stage) == 0) /* of this stage, and it is one of ADMM */
        snprintf(residual, sizeof residual, ", residual %.2g", last->residual);
    if (last->accuracy > 0.0)
        snprintf(accuracy, sizeof accuracy, ", %.2f %%", 100.0 * last->accuracy);
    if (last->bits > 0)
        snprintf(bits, sizeof bits, ", %llu bits", (unsigned long long)last->bits);
    snprintf(text, TRAINING_STATE_MAX, "%s: %u/%u, loss %.4f%s%s%s", progress->stage, progress->epoch, progress->epochs,
             progress->loss, residual, accuracy, bits);
}

/* Keeps what the end of an epoch tells: the stage's name lives no longer than its stage. */
static void note_epoch(struct training_report *report, const struct espalier_progress *progress)
{
    snprintf(report->stage, sizeof report->stage, "%s", progress->stage);
    report->last = *progress;
    report->last.stage = report->stage;
}

bool training_report_progress(void *context, const struct espalier_progress *progress)
{
    struct training_report *report = context;
    char text[TRAINING_STATE_MAX];

    if (progress->resumed)
        fprintf(stderr, "espalier %s: %s is there: goes on behind epoch %u of %u of \"%s\"\n", report->command,
                report->state, progress->epoch, progress->epochs, progress->stage);
    if (report->log != NULL && !report->log_begun)
        begin_log(report, progress->resumed ? progress->finished : 0);
    report->finished = progress->finished;
    if (progress->epoch_end)
        note_epoch(report, progress);
    training_report_state(report, progress, text);
    progress_update_text(&report->bar, progress->done, text);
    if (progress->epoch_end && !progress->resumed) {
        progress_line(&report->bar, progress->done, text);
        if (report->log != NULL && !report->log_lost)
            log_epoch(report, progress);
    }
    return signal_caught == 0;
}

/* Adds to the message how to go on. */
static void tell_how_to_go_on(const struct training_report *report, struct espalier_error *error)
{
    const struct espalier_error stopped = *error;

    if (report->state == NULL)
        espalier_fail(error, stopped.status, "%.100s; nothing of it is kept (--state FILE would)", stopped.message);
    else if (report->finished == 0)
        espalier_fail(error, stopped.status, "%.100s; no epoch was finished: the same command begins anew",
                      stopped.message);
    else
        espalier_fail(error, stopped.status, "%.60s; %.100s has what was finished before: the same command goes on",
                      stopped.message, report->state);
}

enum espalier_status training_report_end(struct training_report *report, enum espalier_status status,
                                         struct espalier_error *error)
{
    progress_end(&report->bar);
    if (status == ESPALIER_ERR_CANCELLED)
        tell_how_to_go_on(report, error);
    if (report->log == NULL)
        return status;
    if (report->log_begun && report->log_json && !report->log_lost)
        fputs("\n]\n", report->log);
    bool failed = ferror(report->log) != 0;
    if (fclose(report->log) != 0 || failed)
        lose_log(report);
    report->log = NULL;
    return status;
}

enum espalier_status training_report_check_log(const struct training_report *report, const char *out,
                                               struct espalier_error *error)
{
    if (!report->log_lost)
        return ESPALIER_OK;
    return espalier_fail(error, ESPALIER_ERR_IO, "%.100s is written, but the log, %.100s, is not", out,
                         report->log_path);
}

/* How many arguments, from this one on, are an option that nothing made depends on. */
static int without_influence(const char *argument)
{
    static const struct {
        const char *name;
        bool has_value;
    } options[] = {{"--state", true}, {"--log", true}, {"--json", false}};

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        size_t length = strlen(options[i].name);
        if (strncmp(argument, options[i].name, length) != 0)
            continue;
        if (argument[length] == '\0')
            return options[i].has_value ? 2 : 1;
        if (argument[length] == '=')
            return 1;
    }
    return 0;
}

enum espalier_status training_commands_fit(size_t bytes, struct espalier_error *error)
{
    if (bytes < TRAINING_COMMAND_MAX)
        return ESPALIER_OK;
    return espalier_fail(error, ESPALIER_ERR_RANGE,
                         "the command lines have more than the %d bytes that a model file holds",
                         TRAINING_COMMAND_MAX - 1);
}

enum espalier_status training_command_line(const char *before, int argc, char **argv, char text[TRAINING_COMMAND_MAX],
                                           struct espalier_error *error)
{
    size_t used = (size_t)snprintf(text, TRAINING_COMMAND_MAX, "%s%sespalier", before, *before != '\0' ? "; " : "");

    for (int i = 0, skip; i < argc && used < TRAINING_COMMAND_MAX; i += skip > 0 ? skip : 1) {
        skip = without_influence(argv[i]);
        if (skip == 0)
            used += (size_t)snprintf(text + used, TRAINING_COMMAND_MAX - used, " %s", argv[i]);
    }
    return training_commands_fit(used, error);
}

bool training_read_decimal(const char *text, double low, double high, double *value)
{
    char *end;

    if (!isdigit((unsigned char)*text) && *text != '.')
        return false;
    errno = 0;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && errno == 0 && *value >= low && *value <= high;
}

void training_single_blas(void)
{
    openblas_set_num_threads(1);
}

double training_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
