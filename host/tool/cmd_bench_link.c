/* espalier bench-link: how fast the link to a device is. */
#include "commands.h"
#include "device.h"
#include "json.h"
#include "tool.h"

#include <espalier/measure.h>
#include <espalier_sim.h>
#include <time.h>

static const char help[] =
    "usage: espalier bench-link --device WHICH [OPTION]...\n"
    "       espalier bench-link --board NAME [OPTION]...\n\n"
    "Measures the link to a device on USB, in seconds, or to a simulated board inside this program, in clock cycles "
    "of\n"
    "the board. Throughput counts payload alone, several requests under way at a time; a round trip is a request of "
    "12\n"
    "bytes and its answer of 84. What the device holds in its activation memory is lost.\n"
    "A full-speed bus carries 1.216 MB/s at the most; what is missing are frames' own bytes (12 of 1036,\n"
    "outwards 16) and waiting.\n\n"
    "  --device WHICH   a device on USB; see below\n"
    "  --board NAME     a simulated board (see \"espalier boards\")\n"
    "  --bytes N        bytes each way (default 2,000,000; 50,000 to a simulated board)\n"
    "  --trips N        round trips (default 1,000; 50 to a simulated board)\n"
    "  --json           print JSON: clock (\"seconds\" or \"cycles\"), out and in (bytes a second or cycle), "
    "round_trip\n\n" DEVICE_HELP "\n"
    "examples: espalier bench-link --device any\n"
    "          espalier bench-link --device ftdi:any,baud=3000000\n"
    "          espalier bench-link --board up5k --json\n";

struct arguments {
    const char *device, *board;
    uint64_t bytes, trips; /* 0: the default */
    bool json;
};

enum option_code { DEVICE, BOARD, BYTES, TRIPS, JSON };

static const struct option options[] = {
    {"device", required_argument, NULL, DEVICE},
    {"board", required_argument, NULL, BOARD},
    {"bytes", required_argument, NULL, BYTES},
    {"trips", required_argument, NULL, TRIPS},
    {"json", no_argument, NULL, JSON},
    {"help", no_argument, NULL, TOOL_HELP},
    {NULL, 0, NULL, 0},
};

/* @return what is wrong with the option, or NULL */
static const char *take_option(int code, const char *value, void *context)
{
    struct arguments *arguments = context;
    switch (code) {
    case DEVICE:
        arguments->device = value;
        return NULL;
    case BOARD:
        arguments->board = value;
        return NULL;
    case BYTES:
        return tool_read_number(value, 1, UINT32_MAX, &arguments->bytes) ? NULL
                                                                         : "--bytes is a number from 1 to 2^32-1";
    case TRIPS:
        return tool_read_number(value, 1, 100000, &arguments->trips) ? NULL : "--trips is a number from 1 to 100000";
    case JSON:
        arguments->json = true;
        return NULL;
    default:
        return "unknown option";
    }
}

static double seconds(void *context)
{
    struct timespec time;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double cycles(void *transport)
{
    return (double)espalier_sim_cycles(transport);
}

static enum espalier_status measure(const struct arguments *arguments, struct espalier_link_figures *figures,
                                    struct espalier_error *error)
{
    struct espalier_transport transport;
    const struct espalier_clock clock = {.now = arguments->board ? cycles : seconds, .context = &transport};
    uint64_t bytes = arguments->bytes ? arguments->bytes : arguments->board ? 50000 : 2000000;
    uint64_t trips = arguments->trips ? arguments->trips : arguments->board ? 50 : 1000;
    enum espalier_status status = arguments->board ? espalier_sim_open(arguments->board, NULL, &transport, error)
                                                   : device_open(arguments->device, &transport, error);
    if (status != ESPALIER_OK)
        return status;
    return espalier_link_measure(&transport, &clock, bytes, (uint32_t)trips, figures, error);
}

static void print_json(const struct arguments *arguments, const struct espalier_link_figures *figures)
{
    struct json json = {.out = stdout};
    json_open(&json, NULL, '{');
    json_string(&json, "clock", arguments->board ? "cycles" : "seconds");
    json_double(&json, "out", figures->out);
    json_double(&json, "in", figures->in);
    json_open(&json, "round_trip", '{');
    json_double(&json, "least", figures->least);
    json_double(&json, "median", figures->median);
    json_double(&json, "most", figures->most);
    json_close(&json, '}');
    json_close(&json, '}');
}

static void print_text(const struct arguments *arguments, const struct espalier_link_figures *figures)
{
    if (arguments->board)
        printf("to the board    %8.3f bytes a cycle\nfrom the board  %8.3f bytes a cycle\n"
               "round trip      %8.0f cycles (%.0f to %.0f)\n",
               figures->out, figures->in, figures->median, figures->least, figures->most);
    else
        printf("to the device    %8.1f kB/s\nfrom the device  %8.1f kB/s\n"
               "round trip       %8.3f ms (%.3f to %.3f)\n",
               figures->out / 1e3, figures->in / 1e3, figures->median * 1e3, figures->least * 1e3, figures->most * 1e3);
}

int espalier_cmd_bench_link(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct espalier_link_figures figures;
    struct espalier_error error = {0};
    int code = tool_options(argc, argv, options, help, take_option, &arguments);
    if (code != TOOL_GO_ON)
        return code;
    if (argc != optind)
        return tool_usage_error(argv[0], "no argument is expected");
    if (!arguments.device == !arguments.board)
        return tool_usage_error(argv[0], "one of --device and --board is expected");
    if (measure(&arguments, &figures, &error) != ESPALIER_OK)
        return tool_fail(argv[0], &error);
    (arguments.json ? print_json : print_text)(&arguments, &figures);
    return TOOL_OK;
}
