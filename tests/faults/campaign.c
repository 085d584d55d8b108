#include "faults/campaign.h"

#include "faults/level.h"
#include "json.h"
#include "support/drive.h"

#include <inttypes.h>

static const struct fault_level *const levels[CAMPAIGN_LEVELS] = {&fault_frames, &fault_transfers, &fault_bus,
                                                                  &fault_line};

/* Ends of sessions that have a column; any other is a failure. */
static const struct {
    enum espalier_status status;
    const char *name;
} ends[] = {
    {ESPALIER_OK, "right"},           {ESPALIER_ERR_TIMEOUT, "timeout"},     {ESPALIER_ERR_DEVICE, "refused"},
    {ESPALIER_ERR_IO, "link failed"}, {ESPALIER_ERR_NO_DEVICE, "unplugged"},
};
enum { ENDS = sizeof ends / sizeof ends[0] };

static uint64_t expected_ends(const struct campaign_row *row)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < ENDS; i++)
        sum += row->ended[ends[i].status];
    return sum;
}

static void run_kind(struct campaign *campaign, size_t level, size_t kind, struct fault_tasks *tasks)
{
    struct campaign_row *row = &campaign->rows[level][kind];
    const double wanted = (double)campaign->wanted * levels[level]->share * levels[level]->kinds[kind].share;
    const uint64_t base = campaign->seed * 1000003 + level * 100003 + kind * 10007;
    /* a kind that hardly ever happens would run for ever */
    while (row->faults == 0 || ((double)row->faults < wanted && row->sessions < 20 * (row->faults + 1))) {
        const struct fault_session session = levels[level]->run(kind, base + row->sessions, tasks);
        row->sessions++;
        row->faults += session.faults;
        row->ended[session.status]++;
        row->wrong += session.wrong;
        row->late += session.late;
        row->leaked += session.leaked;
        if (row->sessions > 1000 && row->faults == 0)
            return;
    }
}

void campaign_run(struct campaign *campaign, FILE *progress)
{
    struct espalier_random random;
    struct fault_tasks tasks;
    espalier_random_seed(&random, campaign->seed);
    for (size_t i = 0; i < FAULT_TASKS; i++)
        tasks.tasks[i] = i % 8 == 7 ? drive_streamed_task(&random) : drive_task(&random);
    for (size_t level = 0; level < CAMPAIGN_LEVELS; level++)
        for (size_t kind = 0; kind < levels[level]->count; kind++) {
            const double begin = drive_now();
            run_kind(campaign, level, kind, &tasks);
            if (progress)
                fprintf(progress, "%s: %s: %" PRIu64 " faults in %.0f s\n", levels[level]->name,
                        levels[level]->kinds[kind].name, campaign->rows[level][kind].faults, drive_now() - begin);
        }
    for (size_t i = 0; i < FAULT_TASKS; i++)
        free_task(&tasks.tasks[i]);
}

/* ---- reports ---- */

static void add_row(struct campaign_row *sum, const struct campaign_row *row)
{
    sum->faults += row->faults;
    sum->sessions += row->sessions;
    for (size_t i = 0; i < CAMPAIGN_STATUSES; i++)
        sum->ended[i] += row->ended[i];
    sum->wrong += row->wrong;
    sum->late += row->late;
    sum->leaked += row->leaked;
}

static struct campaign_row sum_of(const struct campaign *campaign)
{
    struct campaign_row sum = {0};
    for (size_t level = 0; level < CAMPAIGN_LEVELS; level++)
        for (size_t kind = 0; kind < levels[level]->count; kind++)
            add_row(&sum, &campaign->rows[level][kind]);
    return sum;
}

uint64_t campaign_faults(const struct campaign *campaign)
{
    return sum_of(campaign).faults;
}

uint64_t campaign_failures(const struct campaign *campaign)
{
    const struct campaign_row sum = sum_of(campaign);
    uint64_t failures = sum.wrong + sum.late + sum.leaked + (sum.sessions - expected_ends(&sum));
    for (size_t level = 0; level < CAMPAIGN_LEVELS; level++)
        for (size_t kind = 0; kind < levels[level]->count; kind++)
            failures += campaign->rows[level][kind].faults == 0;
    return failures;
}

static void print_row(const char *level, const char *kind, const struct campaign_row *row, FILE *out)
{
    fprintf(out, "%-9s %-28s %8" PRIu64 " %8" PRIu64, level, kind, row->faults, row->sessions);
    for (size_t i = 0; i < ENDS; i++)
        fprintf(out, " %11" PRIu64, row->ended[ends[i].status]);
    fprintf(out, " %6" PRIu64 " %6" PRIu64 " %6" PRIu64 " %6" PRIu64 "\n", row->sessions - expected_ends(row),
            row->wrong, row->late, row->leaked);
}

void campaign_print_table(const struct campaign *campaign, FILE *out)
{
    const struct campaign_row sum = sum_of(campaign);
    fprintf(out, "%-9s %-28s %8s %8s", "level", "fault", "faults", "sessions");
    for (size_t i = 0; i < ENDS; i++)
        fprintf(out, " %11s", ends[i].name);
    fprintf(out, " %6s %6s %6s %6s\n", "other", "wrong", "late", "leaked");
    for (size_t level = 0; level < CAMPAIGN_LEVELS; level++)
        for (size_t kind = 0; kind < levels[level]->count; kind++)
            print_row(levels[level]->name, levels[level]->kinds[kind].name, &campaign->rows[level][kind], out);
    print_row("all", "", &sum, out);
}

static void json_row(struct json *json, const char *level, const char *kind, const struct campaign_row *row)
{
    json_open(json, NULL, '{');
    json_string(json, "level", level);
    json_string(json, "fault", kind);
    json_unsigned(json, "faults", row->faults);
    json_unsigned(json, "sessions", row->sessions);
    for (size_t i = 0; i < ENDS; i++)
        json_unsigned(json, ends[i].name, row->ended[ends[i].status]);
    json_unsigned(json, "other", row->sessions - expected_ends(row));
    json_unsigned(json, "wrong", row->wrong);
    json_unsigned(json, "late", row->late);
    json_unsigned(json, "leaked", row->leaked);
    json_close(json, '}');
}

void campaign_print_json(const struct campaign *campaign, FILE *out)
{
    struct json json = {.out = out};
    json_open(&json, NULL, '{');
    json_unsigned(&json, "seed", campaign->seed);
    json_unsigned(&json, "faults", campaign_faults(campaign));
    json_unsigned(&json, "failures", campaign_failures(campaign));
    json_open(&json, "kinds", '[');
    for (size_t level = 0; level < CAMPAIGN_LEVELS; level++)
        for (size_t kind = 0; kind < levels[level]->count; kind++)
            json_row(&json, levels[level]->name, levels[level]->kinds[kind].name, &campaign->rows[level][kind]);
    json_close(&json, ']');
    json_close(&json, '}');
}
