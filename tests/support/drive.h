/** Driving a device on USB as a program does, for tests: by the library and by the tool's commands. */
#ifndef ESPALIER_TEST_DRIVE_H
#define ESPALIER_TEST_DRIVE_H

#include "support/task.h"

#include <espalier/device.h>
#include <stdbool.h>

enum {
    DRIVE_PATIENCE = 2000,  /**< milliseconds; for devices that answer, on a busy machine */
    DRIVE_IMPATIENCE = 100, /**< for those that do not */
    DRIVE_OPENING = 20,     /**< times the patience that opening and loading may take, by usb.h */
    DRIVE_RUNNING = 150     /**< the same, with a run */
};

/** Seconds of the monotonic clock. */
double drive_now(void);
/** Fails the test if more than @p bound seconds have passed, and some for the machine's own business. */
void drive_check_bound(double begin, double bound, const char *what);

/** A small network that the board `tiny` takes, and images for all its slots or fewer. */
struct task drive_task(struct espalier_random *random);
/** The same with weights that must be streamed. */
struct task drive_streamed_task(struct espalier_random *random);

/** @param out  receives NULL on failure */
enum espalier_status drive_open(const char *which, uint32_t patience, struct espalier_device **out,
                                struct espalier_error *error);

/** What became of a session. */
struct drive_report {
    enum espalier_status status;
    bool wrong;              /**< a result differs from the reference engine's */
    double opening, running; /**< seconds: to open and load, and for all of it */
};

/** Says HELLO, loads, runs and closes. */
struct drive_report drive_session(const struct espalier_transport *transport, struct task *task,
                                  struct espalier_error *error);
/** The same on a device on USB. */
struct drive_report drive_usb_session(const char *which, uint32_t patience, struct task *task,
                                      struct espalier_error *error);

/** Whether it took longer than usb.h says, the machine's own business apart. @param patience  in seconds */
bool drive_is_late(const struct drive_report *report, double patience);

/** Opens, loads, runs and closes. What comes out is right or an error, and comes in time, or the test fails.
 *  @param line  seconds that the line itself adds to the patience */
enum espalier_status drive_through(const char *which, uint32_t patience, double line, struct task *task,
                                   struct espalier_error *error);

/** Fails the test unless opening is refused with @p expected and a message that has @p mend in it. */
void drive_refusal(const char *which, enum espalier_status expected, const char *mend);

/** Runs a command of the tool in this process, for the devices are in it. What it prints, errors too, goes to @p text.
 *  @param arguments  the command's name first, NULL last */
int drive_tool(int (*command)(int, char **), const char *const *arguments, char *text, size_t size);

#endif
