#include <espalier/status.h>

#include <stdarg.h>
#include <stdio.h>

enum espalier_status espalier_fail(struct espalier_error *error, enum espalier_status status, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        error->status = status;
    }
    return status;
}
