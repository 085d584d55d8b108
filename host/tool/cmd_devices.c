/* espalier devices: the devices on USB, and what stands in the way of using them. */
#include "commands.h"
#include "json.h"
#include "tool.h"

#include <espalier/usb.h>
#include <stdlib.h>

static const char help[] =
    "usage: espalier devices [--json]\n\n"
    "Lists the Espalier devices on USB: path (bus and ports, the same until it is plugged elsewhere), address, serial\n"
    "number, state, product. Path and serial number are what --device of eval, run and bench-link takes; before those "
    "of\n"
    "a serial adapter (an FTDI chip: it may carry a board or anything, which only talking to it shows) stands ftdi:\n"
    "For a device that cannot be used, what mends it stands below. Each is opened for a moment; nothing is sent to "
    "the\n"
    "accelerator. Exit code 11: there is no device.\n\n"
    "  --json   print JSON: a list of kind (\"board\", \"adapter\"), device (for --device), path, bus, address, "
    "serial,\n"
    "           product, state, remedy\n\n"
    "examples: espalier devices\n"
    "          espalier run tests/data/models/lenet5-gap.esp IDX:7 --device any\n";

/* What --device takes to mean this one. */
static const char *write_device(const struct espalier_usb_info *info, char text[56])
{
    snprintf(text, 56, "%s%s", info->kind == ESPALIER_USB_ADAPTER ? "ftdi:" : "",
             info->serial[0] ? info->serial : info->path);
    return text;
}

static void print_json(const struct espalier_usb_info *list, size_t count)
{
    struct json json = {.out = stdout};
    json_open(&json, NULL, '[');
    for (size_t i = 0; i < count; i++) {
        struct espalier_error remedy = {0};
        char device[56];
        espalier_usb_explain(&list[i], &remedy);
        json_open(&json, NULL, '{');
        json_string(&json, "kind", list[i].kind == ESPALIER_USB_ADAPTER ? "adapter" : "board");
        json_string(&json, "device", write_device(&list[i], device));
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
    char device[56];
    if (count == 0)
        puts("no Espalier device on USB");
    for (size_t i = 0; i < count; i++)
        printf("%-10s address %-3u  --device %-16s  %-16s  %s%s\n", list[i].path, list[i].address,
               write_device(&list[i], device), espalier_usb_state_name(list[i].state), list[i].product,
               list[i].kind == ESPALIER_USB_ADAPTER ? " (serial adapter: may carry a board)" : "");
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
