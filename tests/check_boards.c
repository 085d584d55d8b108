/* The boards: that the table, the tops, the constraints and the scripts speak of the same things, and that no board
 * drives a pin before it may (tests/boards/power_up.v under Icarus). */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BOARDS = 16, PORTS = 32, NAME = 64, LINE = 512, PATH = 256, TEXT = 1 << 16, COMMAND = 8192 };

/* ---- what the files say ---- */

struct port {
    char name[NAME];
    bool input;
    char pin[NAME];      /* from the constraints, "" if none */
    bool has_frequency;  /* the oscillator's */
    bool has_attributes; /* an IOBUF line, which an ECP5 needs for its voltage */
};

struct board {
    char name[NAME];
    char row[LINE]; /* of boards.txt, behind the name */
    bool lpf;
    struct port ports[PORTS];
    size_t port_count;
};

static struct board boards[BOARDS];
static size_t board_count;

static const char *source_path(const char *name)
{
    static char path[sizeof ESPALIER_SOURCE_DIR + PATH];
    snprintf(path, sizeof path, "%s/%s", ESPALIER_SOURCE_DIR, name);
    return path;
}

static bool exists(const char *name)
{
    return access(source_path(name), R_OK) == 0;
}

static bool file_says(const char *name, const char *word)
{
    static char text[TEXT];
    FILE *file = fopen(source_path(name), "r");
    ck_assert_msg(file != NULL, "%s is missing", name);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return strstr(text, word) != NULL;
}

/* The value of KEY=VALUE in a board's row. */
static const char *value(const struct board *board, const char *key)
{
    static char found[NAME];
    char wanted[NAME];
    snprintf(wanted, sizeof wanted, " %s=", key);
    const char *at = strstr(board->row, wanted);
    ck_assert_msg(at != NULL && sscanf(at + strlen(wanted), "%63s", found) == 1, "%s has no %s", board->name, key);
    return found;
}

static struct port *find_port(struct board *board, const char *name)
{
    for (size_t n = 0; n < board->port_count; n++)
        if (strcmp(board->ports[n].name, name) == 0)
            return &board->ports[n];
    ck_abort_msg("%s: the constraints speak of %s, which is no port", board->name, name);
    return NULL;
}

/* The ports of a top: one a line, between "module BOARD (" and ");". */
static void read_ports(struct board *board)
{
    char name[PATH], line[LINE], start[LINE], direction[NAME];
    snprintf(name, sizeof name, "rtl/board/%s.v", board->name);
    snprintf(start, sizeof start, "module %s (\n", board->name);
    FILE *file = fopen(source_path(name), "r");
    ck_assert_msg(file != NULL, "%s is missing", name);
    bool inside = false;
    while (fgets(line, sizeof line, file) && strcmp(line, ");\n") != 0) {
        struct port port = {.name = ""};
        if (strcmp(line, start) == 0) {
            inside = true;
        } else if (inside) {
            ck_assert_msg(sscanf(line, " %63s wire %63[a-z0-9_]", direction, port.name) == 2, "%s: not a port: %s",
                          name, line);
            port.input = strcmp(direction, "input") == 0;
            ck_assert(port.input || strcmp(direction, "output") == 0 || strcmp(direction, "inout") == 0);
            ck_assert(board->port_count < PORTS);
            board->ports[board->port_count++] = port;
        }
    }
    fclose(file);
    ck_assert_msg(board->port_count > 0, "%s has no ports", name);
}

static void place_port(struct board *board, const char *name, const char *pin)
{
    struct port *port = find_port(board, name);
    ck_assert_msg(port->pin[0] == '\0', "%s: %s is placed twice", board->name, name);
    snprintf(port->pin, sizeof port->pin, "%s", pin);
}

static void read_constraint(struct board *board, const char *line)
{
    char name[NAME], pin[NAME];
    double mhz;
    if (line[0] == '#' || line[0] == '\n')
        return;
    if (sscanf(line, board->lpf ? "LOCATE COMP \"%63[^\"]\" SITE \"%63[^\"]\";" : "set_io %63s %63s", name, pin) == 2)
        place_port(board, name, pin);
    else if (sscanf(line, board->lpf ? "FREQUENCY PORT \"%63[^\"]\" %lf MHZ;" : "set_frequency %63s %lf", name, &mhz) ==
             2)
        find_port(board, name)->has_frequency = mhz > 0;
    else if (board->lpf && sscanf(line, "IOBUF PORT \"%63[^\"]\" IO_TYPE=%63s", name, pin) == 2)
        find_port(board, name)->has_attributes = true;
    else
        ck_abort_msg("%s: what is this constraint? %s", board->name, line);
}

static void read_constraints(struct board *board)
{
    char name[PATH], line[LINE];
    board->lpf = strncmp(value(board, "chip"), "ecp5", 4) == 0;
    snprintf(name, sizeof name, "constraints/%s.%s", board->name, board->lpf ? "lpf" : "pcf");
    FILE *file = fopen(source_path(name), "r");
    ck_assert_msg(file != NULL, "%s is missing", name);
    while (fgets(line, sizeof line, file))
        read_constraint(board, line);
    fclose(file);
}

static void read_boards(void)
{
    char line[LINE];
    FILE *file = fopen(source_path("rtl/board/boards.txt"), "r");
    ck_assert(file != NULL);
    board_count = 0;
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#')
            continue;
        ck_assert(board_count < BOARDS);
        struct board *board = &boards[board_count++];
        memset(board, 0, sizeof *board);
        ck_assert(sscanf(line, "%63s%511[^\n]", board->name, board->row) == 2);
        read_ports(board);
        read_constraints(board);
    }
    fclose(file);
    ck_assert(board_count > 0);
}

/* ---- they agree ---- */

START_TEST(every_port_has_a_pin_of_its_own)
{
    read_boards();
    for (size_t b = 0; b < board_count; b++)
        for (size_t n = 0; n < boards[b].port_count; n++) {
            const struct port *port = &boards[b].ports[n];
            ck_assert_msg(port->pin[0] != '\0', "%s: %s has no pin", boards[b].name, port->name);
            ck_assert_msg(!boards[b].lpf || port->has_attributes, "%s: %s has no IOBUF", boards[b].name, port->name);
            for (size_t other = 0; other < n; other++)
                ck_assert_msg(strcmp(port->pin, boards[b].ports[other].pin) != 0, "%s: pin %s is given twice",
                              boards[b].name, port->pin);
        }
}
END_TEST

static size_t oscillators(const struct board *board)
{
    size_t count = 0;
    for (size_t n = 0; n < board->port_count; n++)
        count += board->ports[n].has_frequency;
    return count;
}

START_TEST(every_oscillator_has_a_frequency_and_only_those)
{
    read_boards();
    for (size_t b = 0; b < board_count; b++) {
        for (size_t n = 0; n < boards[b].port_count; n++) {
            const struct port *port = &boards[b].ports[n];
            ck_assert_msg(port->has_frequency == (strncmp(port->name, "clk", 3) == 0), "%s: %s", boards[b].name,
                          port->name);
            ck_assert(!port->has_frequency || port->input);
        }
        ck_assert_msg(oscillators(&boards[b]) <= 1, "%s", boards[b].name);
    }
}
END_TEST

START_TEST(every_row_names_what_there_is)
{
    char word[2 * NAME], top[PATH];
    read_boards();
    for (size_t b = 0; b < board_count; b++) {
        const struct board *board = &boards[b];
        snprintf(word, sizeof word, "\n%s ", value(board, "build"));
        ck_assert_msg(file_says("rtl/board/builds.txt", word), "%s: no build %s", board->name, word);
        snprintf(word, sizeof word, "\"%s\": dict(", value(board, "chip"));
        ck_assert_msg(file_says("scripts/fpga.py", word), "%s: no chip %s", board->name, word);
        snprintf(word, sizeof word, "\"%s\": dict(", value(board, "flash"));
        ck_assert_msg(file_says("scripts/flash", word), "%s: no way to flash %s", board->name, word);
        snprintf(word, sizeof word, "rtl/board/espalier_%s.v", value(board, "link"));
        ck_assert_msg(exists(word), "%s: no %s", board->name, word);
        snprintf(word, sizeof word, "espalier_%s #(`ESPALIER_BUILD", value(board, "link"));
        snprintf(top, sizeof top, "rtl/board/%s.v", board->name);
        ck_assert_msg(file_says(top, word), "%s: its top has no %s", board->name, word);
        ck_assert_msg(file_says("README.md", board->name), "README.md does not speak of %s", board->name);
    }
}
END_TEST

/* ---- power-up ---- */

static size_t port_number(const struct board *board, const char *name)
{
    size_t n = 0;
    while (n < board->port_count && strcmp(board->ports[n].name, name) != 0)
        n++;
    ck_assert_msg(n < board->port_count, "%s has no port %s", board->name, name);
    return n;
}

/* The pin that a link drives as soon as it is up, when all inputs are low. */
static const char *speaking_pin(const struct board *board)
{
    static const struct {
        const char *link, *pin;
    } pins[] = {{"usb", "usb_pull_up"}, {"uart", "uart_tx"}, {"spi", "spi_miso"}};
    for (size_t n = 0; n < sizeof pins / sizeof pins[0]; n++)
        if (strcmp(value(board, "link"), pins[n].link) == 0)
            return pins[n].pin;
    ck_abort_msg("%s: which pin does a link of this kind drive?", board->name);
    return NULL;
}

static void simulate(const struct board *board)
{
    char connections[LINE] = "", command[COMMAND];
    unsigned inputs = 0, clock = 0;
    for (size_t n = 0; n < board->port_count; n++) {
        const struct port *port = &board->ports[n];
        size_t used = strlen(connections);
        snprintf(connections + used, sizeof connections - used, "%s.%s(pin[%zu])", n ? "," : "", port->name, n);
        inputs |= (unsigned)port->input << n;
        clock |= (unsigned)port->has_frequency << n;
    }
    snprintf(command, sizeof command,
             "'%s/tests/boards/simulate' %s '%s' -DPINS=%zu '-DCONNECTIONS=%s' -DINPUTS=%u -DCLOCK=%u -DSPEAKS=%zu %s",
             ESPALIER_SOURCE_DIR, board->name, test_directory(), board->port_count, connections, inputs, clock,
             port_number(board, speaking_pin(board)), clock ? "-DEXTERNAL_CLOCK" : "");
    int status = system(command);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: see above", board->name);
}

START_TEST(nothing_is_driven_before_clock_and_reset_are_good)
{
    read_boards();
    for (size_t b = 0; b < board_count; b++)
        simulate(&boards[b]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_port_has_a_pin_of_its_own,
        every_oscillator_has_a_frequency_and_only_those,
        every_row_names_what_there_is,
        nothing_is_driven_before_clock_and_reset_are_good,
    };
    return test_run("boards", tests, sizeof tests / sizeof tests[0]);
}
