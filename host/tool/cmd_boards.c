/* espalier boards: the simulated boards and what they tell of themselves. */
#include "commands.h"
#include "json.h"
#include "tool.h"

#include <espalier_sim.h>

static const char help[] =
    "usage: espalier boards [--json]\n\n"
    "Lists the simulated boards this program was built with. The first is the default of eval and run;\n"
    "each tells its array and memories in answer to the same HELLO that a board on USB would get.\n\n"
    "example: espalier boards\n";

/* What is shown of a capability descriptor. */
static const struct {
    const char *name;
    unsigned word;
} shown[] = {
    {"lanes", ESPALIER_CAPS_LANES},
    {"positions", ESPALIER_CAPS_POSITIONS},
    {"ports", ESPALIER_CAPS_PORTS},
    {"act_words", ESPALIER_CAPS_ACT_WORDS},
    {"weight_bytes", ESPALIER_CAPS_WEIGHT_BYTES},
    {"layers", ESPALIER_CAPS_LAYERS},
    {"table_depth", ESPALIER_CAPS_TABLE_DEPTH},
    {"list_depth", ESPALIER_CAPS_LIST_DEPTH},
    {"private_depth", ESPALIER_CAPS_PRIVATE_DEPTH},
    {"formats", ESPALIER_CAPS_FORMATS},
    {"drain", ESPALIER_CAPS_DRAIN},
};
enum { SHOWN = sizeof shown / sizeof *shown };

static enum espalier_status ask(const char *board, struct espalier_capabilities *capabilities,
                                struct espalier_error *error)
{
    struct espalier_transport transport;
    struct espalier_device *device;
    enum espalier_status status = espalier_sim_open(board, NULL, &transport, error);
    if (status == ESPALIER_OK)
        status = espalier_device_open(&transport, &device, error);
    if (status != ESPALIER_OK)
        return status;
    *capabilities = *espalier_device_capabilities(device);
    espalier_device_close(device);
    return ESPALIER_OK;
}

static void board_json(struct json *json, const struct espalier_sim_board *board,
                       const struct espalier_capabilities *capabilities)
{
    json_open(json, NULL, '{');
    json_string(json, "name", board->name);
    json_string(json, "summary", board->summary);
    for (size_t i = 0; i < SHOWN; i++)
        json_unsigned(json, shown[i].name, capabilities->words[shown[i].word]);
    json_close(json, '}');
}

static void board_text(const struct espalier_sim_board *board, const struct espalier_capabilities *capabilities)
{
    printf("%-10s %s\n          ", board->name, board->summary);
    for (size_t i = 0; i < SHOWN; i++)
        printf(" %s %u%s", shown[i].name, capabilities->words[shown[i].word], i + 1 < SHOWN ? "," : "\n");
}

int espalier_cmd_boards(int argc, char **argv)
{
    struct json json = {.out = stdout};
    bool as_json;
    int code = tool_json_option(argc, argv, help, &as_json);
    if (code != TOOL_GO_ON)
        return code;
    if (argc != optind)
        return tool_usage_error(argv[0], "no argument is expected");
    size_t count;
    const struct espalier_sim_board *boards = espalier_sim_boards(&count);
    struct espalier_error error = {0};
    enum espalier_status status = ESPALIER_OK;
    if (as_json)
        json_open(&json, NULL, '[');
    for (size_t i = 0; i < count && status == ESPALIER_OK; i++) {
        struct espalier_capabilities capabilities;
        status = ask(boards[i].name, &capabilities, &error);
        if (status == ESPALIER_OK && as_json)
            board_json(&json, &boards[i], &capabilities);
        else if (status == ESPALIER_OK)
            board_text(&boards[i], &capabilities);
    }
    if (as_json)
        json_close(&json, ']');
    return status == ESPALIER_OK ? TOOL_OK : tool_fail(argv[0], &error);
}
