#include "notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

double usbip_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void usbip_note(struct usbip_notes *notes, const char *who, const char *format, ...)
{
    const double now = usbip_now(), allowed = notes->allowed + now - notes->at;
    notes->allowed = notes->at == 0 || allowed > USBIP_NOTES_AT_ONCE ? USBIP_NOTES_AT_ONCE : allowed;
    notes->at = now;
    if (notes->allowed < 1) {
        notes->left_out++;
        return;
    }
    notes->allowed--;
    if (notes->left_out > 0)
        fprintf(stderr, "espalier-sim: %u messages were left out\n", notes->left_out);
    notes->left_out = 0;
    va_list list;
    va_start(list, format);
    fprintf(stderr, "espalier-sim: %s: ", who);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
}
