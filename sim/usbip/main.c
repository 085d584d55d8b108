/* espalier-sim: simulated boards as USB devices, for any program on this computer or another. */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: espalier-sim --usbip [OPTION]...\n\n"
    "Serves simulated boards over USB/IP, so that a computer with Linux attaches them and sees USB devices: lsusb, "
    "the\n"
    "driver of Espalier and any program with libusb then use them as they would use a board. What answers is the "
    "board's\n"
    "own USB core, in Verilog, bit by bit on a simulated D+ and D-; the board is the build up5k.\n\n"
    "  --usbip         serve over USB/IP (there is no other way yet)\n"
    "  --bind ADDRESS  numeric address to listen at (default 127.0.0.1: this computer only; USB/IP has no password)\n"
    "  --port N        TCP port (default 3240, that of USB/IP; 0: any that is free, which is then told)\n"
    "  --boards N      boards, 1 to 16 (default 1), with bus ids 1-1, 1-2 ... and serial numbers SIM0001, SIM0002 ...\n"
    "  --seed N        of what registers and memories hold at power-up (default 1)\n"
    "  --json          tell where it serves, and what, as one line of JSON\n"
    "  --help          this text\n\n"
    "Attaching needs root and the kernel's module vhci-hcd (Debian: package usbip):\n"
    "    sudo modprobe vhci-hcd\n"
    "    usbip list -r localhost\n"
    "    sudo usbip attach -r localhost -b 1-1     (another port: sudo usbip --tcp-port N attach ...)\n"
    "    build/espalier devices && build/espalier run MODEL IMAGE --device SIM0001\n"
    "    sudo usbip detach -p 00                   (\"usbip port\" lists what is attached)\n\n"
    "A board serves one client at a time, and computes only while there is something to do. Simulated USB is 30 to 60\n"
    "times slower than real: sim/README.md has figures. It ends at SIGINT (Ctrl-C) or SIGTERM.\n\n"
    "exit codes:\n"
    "  0  ended by a signal\n"
    "  1  it cannot listen there, or the system failed\n"
    "  2  the command line was not understood\n";

enum { EXIT_USAGE = 2 };

struct arguments {
    bool usbip, json;
    const char *address, *port;
    unsigned long boards, seed;
};

enum option_code { USBIP, BIND, PORT, BOARDS, SEED, JSON, HELP };

static const struct option options[] = {
    {"usbip", no_argument, NULL, USBIP},     {"bind", required_argument, NULL, BIND},
    {"port", required_argument, NULL, PORT}, {"boards", required_argument, NULL, BOARDS},
    {"seed", required_argument, NULL, SEED}, {"json", no_argument, NULL, JSON},
    {"help", no_argument, NULL, HELP},       {0},
};

static bool read_number(const char *text, unsigned long low, unsigned long high, unsigned long *number)
{
    char *end;
    errno = 0;
    *number = strtoul(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *number >= low && *number <= high;
}

/* @return what is wrong with the option, or NULL */
static const char *take_option(int code, const char *value, struct arguments *arguments)
{
    unsigned long port;
    switch (code) {
    case USBIP:
        arguments->usbip = true;
        return NULL;
    case BIND:
        arguments->address = value;
        return NULL;
    case PORT:
        arguments->port = value;
        return read_number(value, 0, 65535, &port) ? NULL : "--port is a number from 0 to 65535";
    case BOARDS:
        return read_number(value, 1, USBIP_BOARDS_MOST, &arguments->boards) ? NULL
                                                                            : "--boards is a number from 1 to 16";
    case SEED:
        return read_number(value, 0, UINT32_MAX, &arguments->seed) ? NULL : "--seed is a number from 0 to 2^32-1";
    default:
        arguments->json = true;
        return NULL;
    }
}

static int usage_error(const char *what, const char *which)
{
    fprintf(stderr, "espalier-sim: %s%s; \"espalier-sim --help\" tells more\n", what, which);
    return EXIT_USAGE;
}

/* @return -1 to go on, or an exit code */
static int read_arguments(int argc, char **argv, struct arguments *arguments)
{
    *arguments = (struct arguments){.address = "127.0.0.1", .port = "3240", .boards = 1, .seed = 1};
    opterr = 0;
    for (int code; (code = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (code == ':')
            return usage_error(argv[optind - 1], " needs a value");
        if (code == '?')
            return usage_error("unknown option ", argv[optind - 1]);
        if (code == HELP || code == 'h') {
            fputs(help, stdout);
            return EXIT_SUCCESS;
        }
        const char *fault = take_option(code, optarg, arguments);
        if (fault)
            return usage_error(fault, "");
    }
    if (optind < argc)
        return usage_error("what is meant by ", argv[optind]);
    return arguments->usbip ? -1 : usage_error("how to serve? Say --usbip", "");
}

/* ---- signals: a byte in a pipe, which the server polls ---- */

static int signal_pipe[2];

static void on_signal(int number)
{
    const int reason = errno;
    const ssize_t written = write(signal_pipe[1], "", 1);
    (void)number;
    (void)written; /* full: then it has been told already */
    errno = reason;
}

static bool catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    return pipe(signal_pipe) == 0 && fcntl(signal_pipe[1], F_SETFL, O_NONBLOCK) == 0 &&
           sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0;
}

/* ---- what it tells ---- */

static void tell_json(const struct usbip_rack *rack, const char *address, const char *port)
{
    printf("{\"address\":\"%s\",\"port\":%s,\"boards\":[", address, port);
    for (unsigned n = 0; n < rack->count; n++)
        printf("%s{\"bus_id\":\"%s\",\"serial\":\"%s\"}", n > 0 ? "," : "", rack->boards[n].told.bus_id,
               rack->boards[n].serial);
    puts("]}");
}

/* USB/IP has no password. */
static void warn_of_strangers(const char *address)
{
    if (strncmp(address, "127.", 4) != 0 && strcmp(address, "::1") != 0)
        fputs("espalier-sim: whoever reaches this address can use the boards; without --bind, only this computer can\n",
              stderr);
}

static void tell(const struct usbip_rack *rack, const char *address, const char *port)
{
    printf("espalier-sim: USB/IP at %s, port %s\n", address, port);
    for (unsigned n = 0; n < rack->count; n++)
        printf("  board %s, serial number %s\n", rack->boards[n].told.bus_id, rack->boards[n].serial);
    printf("attach: sudo modprobe vhci-hcd && sudo usbip --tcp-port %s attach -r %s -b %s\n"
           "detach: sudo usbip detach -p 00 (\"usbip port\" lists what is attached); Ctrl-C ends this server\n",
           port, address, rack->boards[0].told.bus_id);
}

/* ---- main ---- */

static int serve(struct usbip_rack *rack, const struct arguments *arguments)
{
    char address[USBIP_HOST_CHARS], port[USBIP_PORT_CHARS];
    const char *why;
    struct usbip_server *server = usbip_server_open(rack, arguments->address, arguments->port, &why);
    if (!server) {
        fprintf(stderr, "espalier-sim: cannot listen at %s, port %s: %s; --bind and --port choose another place\n",
                arguments->address, arguments->port, why);
        return EXIT_FAILURE;
    }
    usbip_server_address(server, address, port);
    warn_of_strangers(address);
    (arguments->json ? tell_json : tell)(rack, address, port);
    fflush(stdout);
    const bool good = usbip_server_run(server, signal_pipe[0]);
    if (!good)
        perror("espalier-sim");
    usbip_server_close(server);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct usbip_rack rack = {0};
    int code = read_arguments(argc, argv, &arguments);
    if (code >= 0)
        return code;
    code = EXIT_FAILURE;
    rack.boards = calloc(arguments.boards, sizeof *rack.boards);
    while (rack.boards && rack.count < arguments.boards &&
           usbip_board_open(&rack.boards[rack.count], rack.count, arguments.seed + rack.count))
        rack.count++;
    if (rack.count < arguments.boards)
        fputs("espalier-sim: a simulated board does not power up: is there memory left?\n", stderr);
    else if (!catch_signals())
        perror("espalier-sim");
    else
        code = serve(&rack, &arguments);
    for (unsigned n = 0; n < rack.count; n++)
        usbip_board_close(&rack.boards[n]);
    free(rack.boards);
    return code;
}
