/* Writes JSON (RFC 8259), indented by two spaces. Names and strings must be UTF-8. */
#ifndef ESPALIER_TOOL_JSON_H
#define ESPALIER_TOOL_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    unsigned depth;
    bool follows; /* a value stands before the next one at this depth */
};

/* Begin with json_open(&json, NULL, '{') on a json whose out is set and the rest zero; the last json_close ends the
 * line. In an object @p name is the member's; in an array it is NULL. @p bracket is '{' or '[', and the matching one
 * closes. */
void json_open(struct json *json, const char *name, char bracket);
void json_close(struct json *json, char bracket);
void json_string(struct json *json, const char *name, const char *value);
void json_unsigned(struct json *json, const char *name, uint64_t value);
void json_signed(struct json *json, const char *name, int64_t value);
/* null if @p value is not finite. */
void json_double(struct json *json, const char *name, double value);
void json_bool(struct json *json, const char *name, bool value);
void json_null(struct json *json, const char *name);

#endif
