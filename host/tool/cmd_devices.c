/* espalier devices: the devices on USB, and what stands in the way of using them. */
#include "commands.h"
#include "json.h"
#include "tool.h"

#include <espalier/usb.h>
#include <stdlib.h>

static const char help[] =
    "usage: espalier devices [--json]\n\n"
    "Lists the Espalier devices on USB: path (bus and ports, the same until it is plugged elsewhere), address, serial\n"
    "number, state, product. Path and serial number are what --device of eval, run and bench-link takes. For a device\n"
    "that cannot be used, what mends it stands below. Each is opened for a moment; nothing is sent to the "
    "accelerator.\n"
    "Exit code 11: there is no device.\n\n"
    "  --json   print JSON: a list of path, bus, address, serial, product, state, remedy\n\n"
    "examples: espalier devices\n"
    "          espalier run tests/data/models/lenet5-gap.esp IDX:7 --device any\n";

static void print_json(const struct espalier_usb_info *list, size_t count)
{
    struct json json = {.out = stdout};
    json_open(&json, NULL, '[');
    for (size_t i = 0; i < count; i++) {
        struct espalier_error remedy = {0};
        espalier_usb_explain(&list[i], &remedy);
        json_open(&json, NULL, '{');
        json_string(&json, "path", list[i].path);
        json_unsigned(&json, "bus", list[i].bus);
        json_unsigned(&json, "address", list[i].address);
        json_string(&json, "serial", list[i].serial);
        json_string(&json, "product", list[i].product);
        json_string(&json, "state", espalier_usb_state_name(list[i].state));
        json_string(&json, "remedy", remedy.message);
        json_close(&json, '}');
    }
    json_close(&json, ']');
}

static void print_text(const struct espalier_usb_info *list, size_t count)
{
    struct espalier_error remedy = {0};
    if (count == 0)
        puts("no Espalier device on USB");
    for (size_t i = 0; i < count; i++)
        printf("%-10s address %-3u  serial %-12s  %-16s  %s\n", list[i].path, list[i].address,
               list[i].serial[0] ? list[i].serial : "?", espalier_usb_state_name(list[i].state), list[i].product);
    for (size_t i = 0; i < count; i++)
        if (espalier_usb_explain(&list[i], &remedy) != ESPALIER_OK)
            printf("\n%s\n", remedy.message);
}

int espalier_cmd_devices(int argc, char **argv)
{
    struct espalier_error error = {0};
    struct espalier_usb_info *list;
    size_t count;
    bool as_json;
    int code = tool_json_option(argc, argv, help, &as_json);
    if (code != TOOL_GO_ON)
        return code;
    if (argc != optind)
        return tool_usage_error(argv[0], "no argument is expected");
    if (espalier_usb_list(&list, &count, &error) != ESPALIER_OK)
        return tool_fail(argv[0], &error);
    (as_json ? print_json : print_text)(list, count);
    free(list);
    return count > 0 ? TOOL_OK : TOOL_NO_DEVICE;
}
