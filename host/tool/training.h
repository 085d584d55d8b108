/* What the commands train and compress share: progress and its log, being stopped, the command line as
 * text. */
#ifndef ESPALIER_TOOL_TRAINING_H
#define ESPALIER_TOOL_TRAINING_H

#include "progress.h"

#include <espalier/train.h>
#include <stddef.h>
#include <stdio.h>

enum {
    TRAINING_COMMAND_MAX = 1024, /* what a model's made_by holds, with its end */
    TRAINING_JUDGED_MAX = 64,
    TRAINING_STATE_MAX = 160 /* where a run is, as text */
};

/* A file of a command, and what is done with it. */
enum training_use { TRAINING_READ, TRAINING_REPLACED, TRAINING_LOGGED };
struct training_file {
    const char *name; /* the option that gives it, such as "--out" */
    const char *path; /* NULL: not given */
    enum training_use use;
};

/* Refuses, before a run begins, what would end it hours later or destroy what is there: two files that are the same,
 * a place where none can be written, a log that is something else. Prints what is wrong.
 * @return TOOL_GO_ON, or the exit code to end with */
int training_check_files(const char *command, const struct training_file *files, size_t count);

/* The progress bar and the log of a run. The caller fills the first fields. */
struct training_report {
    const char *command, *label;  /* "train", "training" */
    const char *log_path, *state; /* NULL: none */
    struct progress bar;
    FILE *log;
    bool log_json;                 /* else CSV */
    bool log_begun;                /* what was in it before is gone, but for what a run that is taken up has written */
    bool log_lost;                 /* it could not be written to its end: the run went on without it */
    uint32_t logged;               /* epochs */
    uint32_t finished;             /* epochs of the job */
    struct espalier_progress last; /* of the last epoch that ended; its stage's name is the next field */
    char stage[32];
};

/* Opens the log (CSV, a row an epoch; with a name that ends in .json, an array of objects) and begins the bar. */
enum espalier_status training_report_begin(struct training_report *report, struct espalier_error *error);
/* An espalier_progress_callback whose context is the report. It stops the run after a signal. */
bool training_report_progress(void *report, const struct espalier_progress *progress);
/* Where the run is, and how it did at the end of its last epoch. */
void training_report_state(const struct training_report *report, const struct espalier_progress *progress,
                           char text[TRAINING_STATE_MAX]);
/* Ends the bar and closes the log.
 * @param status  what the run came to
 * @return the same. If the run was stopped, the message tells how to go on. */
enum espalier_status training_report_end(struct training_report *report, enum espalier_status status,
                                         struct espalier_error *error);

/* Once what the run made is written to @p out. @return ESPALIER_ERR_IO, with both in the message, if the log is not */
enum espalier_status training_report_check_log(const struct training_report *report, const char *out,
                                               struct espalier_error *error);

/* From now on SIGINT and SIGTERM stop a run at its next batch; a second one ends the program at once. */
void training_catch_signals(void);
/* Prints the error; returns 128 + the signal's number if that stopped the run, else the exit code of the error. */
int training_fail(const char *command, const struct espalier_error *error);

/* What to say of the held-out images: the share that is right of how many, or that there are none. */
void training_judged(double accuracy, uint32_t held_out, char text[TRAINING_JUDGED_MAX]);

/* Writes "before; espalier COMMAND ARGUMENT..." (before may be empty) to @p text, without --state, --log and --json:
 * nothing that is made depends on them.
 * @return ESPALIER_ERR_RANGE if it is too long for a model file to hold */
enum espalier_status training_command_line(const char *before, int argc, char **argv, char text[TRAINING_COMMAND_MAX],
                                           struct espalier_error *error);

/* @return ESPALIER_ERR_RANGE if a model file cannot hold commands of that many bytes */
enum espalier_status training_commands_fit(size_t bytes, struct espalier_error *error);

/* Reads a decimal number in [low, high]; false if it is anything else. */
bool training_read_decimal(const char *text, double low, double high, double *value);

/* Has BLAS use one thread a caller: training shares a batch out to threads of its own. */
void training_single_blas(void);

/* Seconds of a clock that only goes forward. */
double training_seconds(void);

#endif
