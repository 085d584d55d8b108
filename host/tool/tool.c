#include "tool.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>

static const struct {
    int code;
    const char *meaning;
} exit_codes[] = {
    {TOOL_OK, "done"},
    {TOOL_FAILURE, "a file could not be read or written, or memory ran out"},
    {TOOL_USAGE, "the command line was not understood"},
    {TOOL_FORMAT, "a file is malformed or damaged"},
    {TOOL_RANGE, "a number, an image or a name is not one that this command can use"},
    {TOOL_FIT, "the network does not fit the device"},
    {TOOL_DEVICE, "the device refused, or ended a run with an error"},
    {TOOL_TIMEOUT, "the device did not answer in time"},
    {TOOL_DIVERGED, "training diverged"},
    {TOOL_MISMATCH, "hardware and reference engine disagree"},
    {TOOL_MISSING, "doctor: something that is needed is not installed"},
    {TOOL_NO_DEVICE, "there is no such device on USB, or it was unplugged"},
    {TOOL_PERMISSION, "this user may not open the device"},
    {TOOL_BUSY, "another program or a driver has the device"},
    {TOOL_SIGNAL + SIGINT, "stopped by Ctrl-C (SIGINT): training may go on later; a device is given back"},
    {TOOL_SIGNAL + SIGTERM, "training was stopped by SIGTERM"},
};

static const int code_of_status[] = {
    [ESPALIER_OK] = TOOL_OK,
    [ESPALIER_ERR_MEMORY] = TOOL_FAILURE,
    [ESPALIER_ERR_IO] = TOOL_FAILURE,
    [ESPALIER_ERR_FORMAT] = TOOL_FORMAT,
    [ESPALIER_ERR_RANGE] = TOOL_RANGE,
    [ESPALIER_ERR_FIT] = TOOL_FIT,
    [ESPALIER_ERR_DEVICE] = TOOL_DEVICE,
    [ESPALIER_ERR_TIMEOUT] = TOOL_TIMEOUT,
    [ESPALIER_ERR_DIVERGED] = TOOL_DIVERGED,
    [ESPALIER_ERR_MISMATCH] = TOOL_MISMATCH,
    [ESPALIER_ERR_NO_DEVICE] = TOOL_NO_DEVICE,
    [ESPALIER_ERR_PERMISSION] = TOOL_PERMISSION,
    [ESPALIER_ERR_BUSY] = TOOL_BUSY,
    [ESPALIER_ERR_CANCELLED] = TOOL_SIGNAL + SIGINT,
};

void tool_exit_codes(FILE *out)
{
    for (size_t i = 0; i < sizeof exit_codes / sizeof *exit_codes; i++)
        fprintf(out, "  %3d  %s\n", exit_codes[i].code, exit_codes[i].meaning);
}

int tool_exit_code(enum espalier_status status)
{
    size_t index = (size_t)status;
    return index < sizeof code_of_status / sizeof *code_of_status ? code_of_status[index] : TOOL_FAILURE;
}

int tool_fail(const char *command, const struct espalier_error *error)
{
    fprintf(stderr, "espalier %s: %s\n", command, error->message);
    return tool_exit_code(error->status);
}

int tool_usage_error(const char *command, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "espalier %s: ", command);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "; \"espalier %s --help\" tells more\n", command);
    return TOOL_USAGE;
}

int tool_bad_option(const char *command, int result, char **argv)
{
    if (result == ':')
        return tool_usage_error(command, "%s needs a value", argv[optind - 1]);
    return tool_usage_error(command, "unknown option %s", argv[optind - 1]);
}

int tool_options(int argc, char **argv, const struct option *options, const char *help,
                 const char *(*take)(int code, const char *value, void *arguments), void *arguments)
{
    opterr = 0;
    for (int code; (code = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (code == '?' || code == ':')
            return tool_bad_option(argv[0], code, argv);
        if (code == TOOL_HELP) {
            fputs(help, stdout);
            return TOOL_OK;
        }
        const char *fault = take(code, optarg, arguments);
        if (fault)
            return tool_usage_error(argv[0], "%s", fault);
    }
    return TOOL_GO_ON;
}

static const char *take_json(int code, const char *value, void *json)
{
    (void)code;
    (void)value;
    *(bool *)json = true;
    return NULL;
}

int tool_json_option(int argc, char **argv, const char *help, bool *json)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, TOOL_HELP}, {0}};
    *json = false;
    return tool_options(argc, argv, options, help, take_json, json);
}

bool tool_read_number(const char *text, uint64_t low, uint64_t high, uint64_t *value)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*end != '\0' || errno || number < low || number > high)
        return false;
    *value = number;
    return true;
}

const char *tool_read_threads(const char *text, uint32_t *threads)
{
    uint64_t number;
    if (!tool_read_number(text, 1, 64, &number))
        return "--threads is a number from 1 to 64";
    *threads = (uint32_t)number;
    return NULL;
}
