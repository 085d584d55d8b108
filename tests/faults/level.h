/** Faults by the ten thousand: sessions of the client (open, load, run) over something that goes wrong on purpose, one
 * kind of fault at a time, and what became of each session. A level says where faults are injected; it is one file here
 * and one line of the table in campaign.c. */
#ifndef ESPALIER_FAULTS_LEVEL_H
#define ESPALIER_FAULTS_LEVEL_H

#include "support/task.h"

#include <espalier/device.h>

struct fault_kind {
    const char *name;
    double share; /**< of the level's faults; kinds that end a session are dear */
    double rate;  /**< of whatever the level may damage */
};

/** A session's end. It must be a right result or an error; the three flags must be false. */
struct fault_session {
    uint64_t faults;
    enum espalier_status status;
    bool wrong;  /**< a result differs from the reference engine's */
    bool late;   /**< it took longer than usb.h says */
    bool leaked; /**< something has not been given back */
};

enum { FAULT_TASKS = 16 };

/** What sessions are about: some of the tasks have weights that are streamed. */
struct fault_tasks {
    struct task tasks[FAULT_TASKS];
};

struct fault_level {
    const char *name;
    double share; /**< of the campaign's faults */
    const struct fault_kind *kinds;
    size_t count;
    struct fault_session (*run)(size_t kind, uint64_t seed, struct fault_tasks *tasks);
};

extern const struct fault_level fault_frames, fault_transfers, fault_bus, fault_line;

#endif
