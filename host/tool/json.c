#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void new_line(struct json *json)
{
    fprintf(json->out, "\n%*s", (int)(2 * json->depth), "");
}

/* Everything before a value: the comma, the line, the name. */
static void lead_in(struct json *json, const char *name)
{
    if (json->follows)
        fputc(',', json->out);
    if (json->depth > 0)
        new_line(json);
    if (name) {
        put_string(json->out, name);
        fputs(": ", json->out);
    }
    json->follows = true;
}

void json_open(struct json *json, const char *name, char bracket)
{
    lead_in(json, name);
    fputc(bracket, json->out);
    json->depth++;
    json->follows = false;
}

void json_close(struct json *json, char bracket)
{
    json->depth--;
    if (json->follows)
        new_line(json);
    fputc(bracket, json->out);
    json->follows = true;
    if (json->depth == 0)
        fputc('\n', json->out);
}

void json_string(struct json *json, const char *name, const char *value)
{
    lead_in(json, name);
    put_string(json->out, value);
}

void json_unsigned(struct json *json, const char *name, uint64_t value)
{
    lead_in(json, name);
    fprintf(json->out, "%" PRIu64, value);
}

void json_signed(struct json *json, const char *name, int64_t value)
{
    lead_in(json, name);
    fprintf(json->out, "%" PRId64, value);
}

void json_double(struct json *json, const char *name, double value)
{
    if (!isfinite(value)) {
        json_null(json, name);
        return;
    }
    /* The shortest of these that reads back as the same number. */
    char text[32];
    int digits = 15;
    do
        snprintf(text, sizeof text, "%.*g", digits, value);
    while (digits++ < 17 && strtod(text, NULL) != value);
    lead_in(json, name);
    fputs(text, json->out);
}

void json_bool(struct json *json, const char *name, bool value)
{
    lead_in(json, name);
    fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *name)
{
    lead_in(json, name);
    fputs("null", json->out);
}
