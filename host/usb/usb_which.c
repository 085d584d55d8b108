/* "SERIAL", "ftdi:SERIAL,baud=3000000,port=B,flow=rts": a name, and for a serial adapter its settings behind it. */
#include "usb_which.h"

#include <espalier/uart.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { BAUD_LEAST = 9600, BAUD_MOST = 12000000 };

static const char adapter[] = "ftdi:";

static bool take_baud(const char *value, struct usb_line *line)
{
    char *end;
    unsigned long number = isdigit((unsigned char)*value) ? strtoul(value, &end, 10) : 0;
    if (number < BAUD_LEAST || number > BAUD_MOST || *end != '\0')
        return false;
    line->baud = (uint32_t)number;
    return true;
}

static bool take_port(const char *value, struct usb_line *line)
{
    line->port = *value;
    return *value >= 'A' && *value <= 'D' && value[1] == '\0';
}

static bool take_flow(const char *value, struct usb_line *line)
{
    line->rts_cts = strcmp(value, "rts") == 0;
    return line->rts_cts || strcmp(value, "none") == 0;
}

static const struct {
    const char *name;
    bool (*take)(const char *value, struct usb_line *line);
    const char *legal;
} settings[] = {
    {"baud", take_baud, "a number from 9600 to 12000000"},
    {"port", take_port, "A, B, C or D"},
    {"flow", take_flow, "rts or none"},
};

/* One "NAME=VALUE". */
static enum espalier_status take_setting(char *text, struct usb_line *line, struct espalier_error *error)
{
    char *value = strchr(text, '=');
    if (value)
        *value++ = '\0';
    for (size_t i = 0; value && i < sizeof settings / sizeof settings[0]; i++) {
        if (strcmp(text, settings[i].name) != 0)
            continue;
        if (settings[i].take(value, line))
            return ESPALIER_OK;
        return espalier_fail(error, ESPALIER_ERR_RANGE, "%s of a serial adapter is %s, not \"%.40s\"", text,
                             settings[i].legal, value);
    }
    return espalier_fail(error, ESPALIER_ERR_RANGE,
                         "a serial adapter has no setting \"%.40s\": ftdi:SERIAL[,baud=N][,port=A][,flow=rts]", text);
}

enum espalier_status usb_which_read(const char *text, struct usb_which *out, struct espalier_error *error)
{
    char copy[128];
    *out = (struct usb_which){.kind = ESPALIER_USB_BOARD, .line = {.baud = ESPALIER_UART_BAUD}};
    if (!text)
        return ESPALIER_OK;
    if (strlen(text) >= sizeof copy)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "no device has a name as long as %.40s...", text);
    memcpy(copy, text, strlen(text) + 1);
    char *name = copy, *rest = NULL;
    if (strncmp(copy, adapter, strlen(adapter)) == 0) {
        out->kind = ESPALIER_USB_ADAPTER;
        name += strlen(adapter);
        rest = strchr(name, ',');
    }
    while (rest) {
        char *setting = rest + 1;
        *rest = '\0';
        rest = strchr(setting, ',');
        if (rest)
            *rest = '\0';
        enum espalier_status status = take_setting(setting, &out->line, error);
        if (status != ESPALIER_OK)
            return status;
    }
    if (strlen(name) >= sizeof out->name)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "no device has a name as long as %.40s...", name);
    if (strcmp(name, "any") != 0)
        memcpy(out->name, name, strlen(name) + 1);
    return ESPALIER_OK;
}
