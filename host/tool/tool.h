/* What the commands share: exit codes, messages, and the reading of options. */
#ifndef ESPALIER_TOOL_H
#define ESPALIER_TOOL_H

#include <espalier/status.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Exit codes. The table behind tool_exit_codes documents them; scripts rely on the numbers. */
enum {
    TOOL_OK = 0,
    TOOL_FAILURE = 1,
    TOOL_USAGE = 2,
    TOOL_FORMAT = 3,
    TOOL_RANGE = 4,
    TOOL_FIT = 5,
    TOOL_DEVICE = 6,
    TOOL_TIMEOUT = 7,
    TOOL_DIVERGED = 8,
    TOOL_MISMATCH = 9,
    TOOL_MISSING = 10,
    TOOL_NO_DEVICE = 11,
    TOOL_PERMISSION = 12,
    TOOL_BUSY = 13,
    TOOL_SIGNAL = 128 /* and the number of the signal that stopped the command */
};

/* Prints the table of exit codes. */
void tool_exit_codes(FILE *out);
/* The exit code of a status of the library. */
int tool_exit_code(enum espalier_status status);

/* Prints "espalier COMMAND: MESSAGE" on stderr and returns the exit code of the error's status. */
int tool_fail(const char *command, const struct espalier_error *error);
/* Prints "espalier COMMAND: MESSAGE" and where help is, on stderr; returns TOOL_USAGE. */
__attribute__((format(printf, 2, 3))) int tool_usage_error(const char *command, const char *format, ...);
/* What a command's option table calls --help, and tool_options returns if the command is to go on. */
enum { TOOL_HELP = 'h', TOOL_GO_ON = -1 };

/* Reads a command's options; what is not one is in argv from optind on then. -h and --help print @p help.
 * @param take  takes an option for @p arguments and returns what is wrong with its value, or NULL
 * @return TOOL_GO_ON, or the command's exit code */
int tool_options(int argc, char **argv, const struct option *options, const char *help,
                 const char *(*take)(int code, const char *value, void *arguments), void *arguments);
/* The same for a command whose options are --json, which sets @p json, and --help. */
int tool_json_option(int argc, char **argv, const char *help, bool *json);

/* After getopt_long returned '?' or ':': says what was wrong with argv[optind - 1]. Needs opterr = 0. */
int tool_bad_option(const char *command, int result, char **argv);

/* Reads a whole number in [low, high]; false if it is anything else. */
bool tool_read_number(const char *text, uint64_t low, uint64_t high, uint64_t *value);
/* Reads the value of --threads, 1 to 64. @return what is wrong with it, or NULL */
const char *tool_read_threads(const char *text, uint32_t *threads);

#endif
