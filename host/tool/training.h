/* What the commands train and compress share: training data, progress and its log, the command line as text. */
#ifndef ESPALIER_TOOL_TRAINING_H
#define ESPALIER_TOOL_TRAINING_H

#include "progress.h"

#include <espalier/train.h>
#include <stdio.h>

enum { TRAINING_COMMAND_MAX = 1024 }; /* what a model's made_by holds, with its end */

/* Reads train-images-idx3-ubyte and train-labels-idx1-ubyte, plain or with .gz behind, from a folder.
 * @return as espalier_dataset_read; the message tells how to obtain MNIST */
enum espalier_status training_read_data(const char *folder, struct espalier_dataset *out, struct espalier_error *error);

/* The progress bar and the log of a run. */
struct training_report {
    struct progress bar;
    FILE *log; /* NULL: none */
    const char *log_path;
    bool log_json;                 /* else CSV */
    uint32_t logged;               /* epochs */
    struct espalier_progress last; /* of the last epoch that ended */
};

/* Opens the log (CSV, a row an epoch; with a name that ends in .json, an array of objects) unless @p log_path is NULL,
 * and begins the bar. */
enum espalier_status training_report_begin(struct training_report *report, const char *label, const char *log_path,
                                           struct espalier_error *error);
/* An espalier_progress_callback whose context is the report. */
bool training_report_progress(void *report, const struct espalier_progress *progress);
/* Ends the bar and closes the log; ESPALIER_ERR_IO if the log could not be written to its end. */
enum espalier_status training_report_end(struct training_report *report, struct espalier_error *error);

/* Writes "before; espalier COMMAND ARGUMENT..." (before may be empty) to @p text.
 * @return ESPALIER_ERR_RANGE if it is too long for a model file to hold */
enum espalier_status training_command_line(const char *before, int argc, char **argv, char text[TRAINING_COMMAND_MAX],
                                           struct espalier_error *error);

/* Reads a decimal number in [low, high]; false if it is anything else. */
bool training_read_decimal(const char *text, double low, double high, double *value);

/* Has BLAS use one thread a caller: training shares a batch out to threads of its own. */
void training_single_blas(void);

/* Seconds of a clock that only goes forward. */
double training_seconds(void);

#endif
