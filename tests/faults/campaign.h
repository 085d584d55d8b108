/** All levels of faults, counted. */
#ifndef ESPALIER_FAULTS_CAMPAIGN_H
#define ESPALIER_FAULTS_CAMPAIGN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { CAMPAIGN_LEVELS = 4, CAMPAIGN_KINDS = 16, CAMPAIGN_STATUSES = 32 };

/** What became of the faults of a kind. */
struct campaign_row {
    uint64_t faults, sessions;
    uint64_t ended[CAMPAIGN_STATUSES]; /**< sessions by enum espalier_status; ESPALIER_OK: the result was right */
    uint64_t wrong, late, leaked;      /**< sessions that must not be */
};

struct campaign {
    uint64_t seed, wanted; /**< faults */
    struct campaign_row rows[CAMPAIGN_LEVELS][CAMPAIGN_KINDS];
};

/** Runs sessions until every kind has had its share of campaign->wanted faults, at least one.
 *  @param progress  receives a line a kind, or NULL */
void campaign_run(struct campaign *campaign, FILE *progress);

uint64_t campaign_faults(const struct campaign *campaign);
/** Sessions that must not be, and kinds of which there were none. */
uint64_t campaign_failures(const struct campaign *campaign);

void campaign_print_table(const struct campaign *campaign, FILE *out);
void campaign_print_json(const struct campaign *campaign, FILE *out);

#endif
