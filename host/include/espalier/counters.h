/** The names of the hardware's event counters: one table for every report. */
#ifndef ESPALIER_COUNTERS_H
#define ESPALIER_COUNTERS_H

#include <espalier/protocol.h>

/** One counter. */
struct espalier_counter_info {
    const char *name;    /**< as it stands in JSON, for instance "stall_decode" */
    const char *meaning; /**< a few words for a table */
};

/** [ESPALIER_COUNTERS] the counters, indexed by ESPALIER_COUNT_* of protocol.h. Static storage. */
const struct espalier_counter_info *espalier_counter_table(void);

#endif
