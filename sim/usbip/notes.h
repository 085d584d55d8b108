/** Lines for a person on standard error, not more of them than a person can read. */
#ifndef ESPALIER_USBIP_NOTES_H
#define ESPALIER_USBIP_NOTES_H

enum { USBIP_NOTES_AT_ONCE = 20 };

struct usbip_notes {
    double allowed, at; /**< lines that may follow at once; the time in seconds that this was so */
    unsigned left_out;
};

/** Seconds of a clock that only goes on. */
double usbip_now(void);

/** Writes "espalier-sim: WHO: ..." unless there have been too many: one a second on average, USBIP_NOTES_AT_ONCE at a
 * time. How many were left out is told by the next one. */
__attribute__((format(printf, 3, 4))) void usbip_note(struct usbip_notes *notes, const char *who, const char *format,
                                                      ...);

#endif
