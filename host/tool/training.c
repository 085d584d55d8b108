#include "training.h"

#include <cblas.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The file's path, with .gz behind it if only that one is there. */
static void data_path(const char *folder, const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", folder, name);
    if (access(path, R_OK) == 0)
        return;
    snprintf(path, size, "%s/%s.gz", folder, name);
    if (access(path, R_OK) != 0)
        snprintf(path, size, "%s/%s", folder, name);
}

enum espalier_status training_read_data(const char *folder, struct espalier_dataset *out, struct espalier_error *error)
{
    char images[4096], labels[4096];
    struct espalier_error reason = {0};

    data_path(folder, "train-images-idx3-ubyte", images, sizeof images);
    data_path(folder, "train-labels-idx1-ubyte", labels, sizeof labels);
    enum espalier_status status = espalier_dataset_read(images, labels, out, &reason);
    if (status == ESPALIER_OK)
        return status;
    return espalier_fail(error, status, "%.180s%s", reason.message,
                         status == ESPALIER_ERR_IO ? " (\"make data\" obtains MNIST into build/data)" : "");
}

enum espalier_status training_report_begin(struct training_report *report, const char *label, const char *log_path,
                                           struct espalier_error *error)
{
    memset(report, 0, sizeof *report);
    report->log_path = log_path;
    if (log_path != NULL) {
        report->log = fopen(log_path, "w");
        if (report->log == NULL)
            return espalier_fail(error, ESPALIER_ERR_IO, "%s: cannot be written: %s", log_path, strerror(errno));
        size_t length = strlen(log_path);
        report->log_json = length > 5 && strcmp(log_path + length - 5, ".json") == 0;
        fputs(report->log_json ? "[" : "stage,epoch,loss,residual,held_out_accuracy,kept_weights\n", report->log);
    }
    progress_begin(&report->bar, label);
    return ESPALIER_OK;
}

static void log_epoch(struct training_report *report, const struct espalier_progress *progress)
{
    const char *const row = report->log_json
                                ? "%s\n{\"stage\": \"%s\", \"epoch\": %u, \"loss\": %.6f, \"residual\": %.6f, "
                                  "\"held_out_accuracy\": %.4f, \"kept_weights\": %llu}"
                                : "%s%s,%u,%.6f,%.6f,%.4f,%llu\n";

    fprintf(report->log, row, report->log_json && report->logged > 0 ? "," : "", progress->stage, progress->epoch,
            progress->loss, progress->residual, progress->accuracy, (unsigned long long)progress->kept_weights);
    fflush(report->log);
    report->logged++;
}

bool training_report_progress(void *context, const struct espalier_progress *progress)
{
    struct training_report *report = context;
    char text[128];

    snprintf(text, sizeof text, "%s: epoch %u/%u, loss %.4f, held out %.2f %%", progress->stage, progress->epoch,
             progress->epochs, progress->loss, 100.0 * report->last.accuracy);
    progress_update_text(&report->bar, progress->done, text);
    if (!progress->epoch_end)
        return true;
    report->last = *progress;
    if (report->log != NULL)
        log_epoch(report, progress);
    return true;
}

enum espalier_status training_report_end(struct training_report *report, struct espalier_error *error)
{
    progress_end(&report->bar);
    if (report->log == NULL)
        return ESPALIER_OK;
    if (report->log_json)
        fputs("\n]\n", report->log);
    bool failed = ferror(report->log) != 0;
    if (fclose(report->log) != 0 || failed)
        return espalier_fail(error, ESPALIER_ERR_IO, "%s: cannot be written to its end", report->log_path);
    return ESPALIER_OK;
}

enum espalier_status training_command_line(const char *before, int argc, char **argv, char text[TRAINING_COMMAND_MAX],
                                           struct espalier_error *error)
{
    size_t used = (size_t)snprintf(text, TRAINING_COMMAND_MAX, "%s%sespalier", before, *before != '\0' ? "; " : "");

    for (int i = 0; i < argc && used < TRAINING_COMMAND_MAX; i++)
        used += (size_t)snprintf(text + used, TRAINING_COMMAND_MAX - used, " %s", argv[i]);
    if (used >= TRAINING_COMMAND_MAX)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "the command lines have more than %d bytes, too many for a model file",
                             TRAINING_COMMAND_MAX - 1);
    return ESPALIER_OK;
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
