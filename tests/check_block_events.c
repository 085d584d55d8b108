/* event_counters against sums, and replay against the steps, positions and pauses that it is given. */
#include "blocks/block.h"
#include "support/support.h"

#include <espalier/protocol.h>
#include <string.h>

/* Latencies, as the blocks' headers give them. */
enum {
    COUNTERS_READ = 4,        /* i_index to o_value */
    COUNTERS_SETTLE = 3 * 32, /* the last event to o_settled, at the most: whole rounds */
    REPLAY_LANES = 1,         /* a step's issue to its lanes and offsets */
    REPLAY_ADDR = 2,          /* to the activation's address */
    REPLAY_DRAIN = 3,         /* a close's issue to the drain's start */
    REPLAY_ADD = 5,           /* to the products, or the close of the lanes */
    REPLAY_RELEASE = 2,       /* o_replayed to o_release */
};

/* ---- event_counters ---- */

/* An input that counts, and the most it may say: times LANES, times POSITIONS. */
static const struct event {
    const char *port;
    unsigned most;
    bool lanes, slots;
    unsigned counters[2], count;
} events[] = {
    {"i_multiplies", 1, true, true, {ESPALIER_COUNT_MULTIPLIES, ESPALIER_COUNT_ACC_UPDATES}, 2},
    {"i_act_reads", 1, true, false, {ESPALIER_COUNT_ACT_READS}, 1},
    {"i_filler", 1, false, false, {ESPALIER_COUNT_FILLERS}, 1},
    {"i_act_write", 1, false, false, {ESPALIER_COUNT_ACT_WRITES}, 1},
    {"i_value_bits", 8, false, false, {ESPALIER_COUNT_VALUE_BITS}, 1},
    {"i_index_bits", 12, false, false, {ESPALIER_COUNT_INDEX_BITS}, 1},
    {"i_other_bits", 20, false, false, {ESPALIER_COUNT_OTHER_BITS}, 1},
};

static const struct cause {
    const char *port;
    unsigned counter;
} causes[] = {
    {"i_busy", ESPALIER_COUNT_BUSY},           {"i_setup", ESPALIER_COUNT_STALL_SETUP},
    {"i_decode", ESPALIER_COUNT_STALL_DECODE}, {"i_stream", ESPALIER_COUNT_STALL_STREAM},
    {"i_drain", ESPALIER_COUNT_STALL_DRAIN},   {"i_port", ESPALIER_COUNT_STALL_PORT},
};

enum { EVENTS = sizeof events / sizeof events[0], CAUSES = sizeof causes / sizeof causes[0], TOTALS = 16 };

/* A cycle of a run with the events that may come in one; `most` is how likely each is as large as can be. */
static void count_cycle(struct block *block, uint32_t totals[TOTALS], double most)
{
    const unsigned lanes = block_parameter(block, "LANES"), slots = block_parameter(block, "POSITIONS");
    const uint32_t cause = block_chance(block, most) ? 0 : block_below(block, CAUSES);
    totals[ESPALIER_COUNT_CYCLES]++;
    totals[causes[cause].counter]++;
    totals[ESPALIER_COUNT_LIST_READS] += cause == 0 ? lanes : 0;
    for (uint32_t n = 0; n < CAUSES; n++)
        block_set(block, causes[n].port, n == cause);
    for (size_t n = 0; n < EVENTS; n++) {
        const unsigned bound = events[n].most * (events[n].lanes ? lanes : 1) * (events[n].slots ? slots : 1);
        const uint32_t value = block_chance(block, most) ? bound : block_below(block, bound + 1);
        block_set(block, events[n].port, value);
        for (unsigned c = 0; c < events[n].count; c++)
            totals[events[n].counters[c]] += value;
    }
    block_clock(block);
}

static void check_totals(struct block *block, const uint32_t totals[TOTALS])
{
    block_set(block, "i_hold", 1);
    for (uint32_t n = 0; n < 40; n++) {
        const uint32_t index = n < TOTALS ? n : block_below(block, TOTALS);
        block_set(block, "i_index", index);
        for (int late = 0; late < COUNTERS_READ; late++)
            block_clock(block);
        if (block_get(block, "o_value") != totals[index])
            ck_abort_msg("%s: counter %u is %u, not %u", block->model->parameters, index,
                         (unsigned)block_get(block, "o_value"), totals[index]);
    }
    block_set(block, "i_hold", 0);
}

/* What a run does; the events' inputs mean nothing outside of it. */
static void count_run(struct block *block, uint32_t cycles, double most)
{
    uint32_t totals[TOTALS] = {0};
    block_set(block, "i_start", 1);
    block_clock(block);
    block_set(block, "i_start", 0);
    block_set(block, "i_run", 1);
    for (uint32_t n = 0; n < cycles; n++) {
        count_cycle(block, totals, most);
        block_expect(block, "o_settled", 0);
    }
    block_set(block, "i_run", 0);
    unsigned settling = 0;
    for (; settling <= COUNTERS_SETTLE && !block_get(block, "o_settled"); settling++) {
        for (size_t n = 0; n < EVENTS; n++)
            block_draw(block, events[n].port);
        block_clock(block);
    }
    ck_assert_uint_le(settling, COUNTERS_SETTLE);
    check_totals(block, totals);
}

START_TEST(event_counters_hold_every_event_of_the_last_run_and_no_other)
{
    struct block block = {0};
    while (block_next(&block, "event_counters")) {
        for (uint32_t n = 0; n < test_scale(100); n++)
            count_run(&block, 1 + block_below(&block, 700), block_chance(&block, 0.3) ? 1 : 0.1);
        count_run(&block, 70000, 0.5); /* past what half a total holds */
    }
}
END_TEST

/* ---- replay ---- */

enum { LATE = 8, MAX_PORTS = 3, LAST = 3, LAYER_LAST, FLAGS = 6 };

/* What was issued in a cycle, and what must follow from it. */
struct issued {
    bool step, close, replayed;
    uint64_t flags[FLAGS]; /* of the closed position, in the order of `closed` */
    uint64_t lanes;        /* given at REPLAY_LANES */
    uint64_t addr[MAX_PORTS];
};

static const char *const given[FLAGS] = {"i_window_first", "i_window_last", "i_row_last",
                                         "i_last",         "i_last_group",  "i_rows"};
static const char *const closed[FLAGS] = {"o_drain_first", "o_drain_window_last", "o_drain_row_last",
                                          "o_drain_last",  "o_drain_layer_last",  "o_drain_rows"};

static void check_stages(struct block *block, const struct issued history[LATE])
{
    const struct issued *addressed = &history[(block->cycles - REPLAY_ADDR) % LATE];
    const struct issued *drained = &history[(block->cycles - REPLAY_DRAIN) % LATE];
    const struct issued *added = &history[(block->cycles - REPLAY_ADD) % LATE];
    const unsigned bits = block_parameter(block, "ADDR_BITS");
    block_expect(block, "o_read", addressed->step);
    block_expect(block, "o_lane_steps", addressed->step ? addressed->lanes : 0);
    for (unsigned p = 0; addressed->step && p < block_parameter(block, "PORTS"); p++)
        block_expect_bits(block, "o_read_addr", p * bits, bits, addressed->addr[p]);
    block_expect(block, "o_drain", drained->close);
    for (size_t n = 0; drained->close && n < FLAGS; n++)
        block_expect(block, closed[n], drained->flags[n]);
    block_expect(block, "o_add", added->step ? added->lanes : 0);
    block_expect(block, "o_close", added->close);
    block_expect(block, "o_release", history[(block->cycles - REPLAY_RELEASE) % LATE].replayed);
}

/* The step lists' and the walker's answers to what was issued before. */
static void answer(struct block *block, struct issued *before, bool private)
{
    const unsigned bits = block_parameter(block, "ADDR_BITS");
    const uint64_t mask = (UINT64_C(1) << bits) - 1, base = block_draw(block, "i_base");
    const uint64_t shared = block_draw(block, "i_offset");
    before->lanes = block_draw(block, "i_lanes");
    for (unsigned p = 0; p < block_parameter(block, "PORTS"); p++) {
        const uint64_t offset = espalier_random_bits(&block->random) & mask;
        block_set_bits(block, "i_offsets", p * bits, bits, offset);
        before->addr[p] = (base + (private ? offset : shared)) & mask;
    }
}

struct replay_test {
    struct block *block;
    bool private, raw;
    double ready, blocked;
    struct issued history[LATE];
    uint64_t free_at; /* cycle from which on a close may be issued */
};

/* A cycle in which step @p step of @p steps is next, of the last position or of another. */
static struct issued replay_cycle(struct replay_test *test, bool ready, uint32_t step, uint32_t steps, bool last)
{
    struct block *block = test->block;
    const bool holds = block_chance(block, test->blocked);
    struct issued now = {.step = ready && step < steps && !holds,
                         .close = ready && step == steps && block->cycles >= test->free_at};
    now.replayed = now.close && last;
    block_set(block, "i_ready", ready);
    block_set(block, "i_steps", ready ? steps : block_below(block, 4));
    block_draw(block, "i_no_steps");
    if (ready)
        block_set(block, "i_no_steps", steps == 0);
    block_set(block, "i_block", holds);
    for (size_t n = 0; n < FLAGS; n++) {
        block_draw(block, given[n]);
        if (n == LAST)
            block_set(block, given[n], last);
        now.flags[n] = block_get(block, given[n]);
    }
    now.flags[LAYER_LAST] = now.flags[LAYER_LAST] && last;
    test->history[block->cycles % LATE] = now;
    answer(block, &test->history[(block->cycles - REPLAY_LANES) % LATE], test->private);
    if (now.step)
        block_expect(block, "o_step", step);
    block_expect(block, "o_busy", now.step);
    block_expect(block, "o_blocked", ready && step < steps && holds);
    block_expect(block, "o_draining", ready && step == steps);
    block_expect(block, "o_advance", now.close);
    block_expect(block, "o_replayed", now.replayed);
    check_stages(block, test->history);
    if (now.close)
        test->free_at = block->cycles + block_parameter(block, "DRAIN_CYCLES") * (test->raw ? 3 : 1);
    block_clock(block);
    return now;
}

static void replay_group(struct replay_test *test)
{
    const uint32_t depth = 1u << block_parameter(test->block, "STEP_BITS");
    const uint32_t steps = block_below(test->block, block_chance(test->block, 0.3) ? 3 : depth + 1);
    while (!block_chance(test->block, test->ready))
        replay_cycle(test, false, 0, steps, false);
    for (uint32_t positions = 1 + block_below(test->block, 8), step = 0; positions > 0;) {
        struct issued issued = replay_cycle(test, true, step, steps, positions == 1);
        step = issued.close ? 0 : step + issued.step;
        positions -= issued.close;
    }
}

START_TEST(replay_issues_every_step_of_every_position_and_gives_the_drain_its_time)
{
    struct block block = {0};
    while (block_next(&block, "replay")) {
        struct replay_test test = {.block = &block};
        for (uint32_t layer = 0; layer < test_scale(200); layer++) {
            test.private = block_chance(&block, 0.5);
            test.raw = block_chance(&block, 0.3);
            test.blocked = block_chance(&block, 0.5) ? 0 : 0.4;
            test.ready = block_chance(&block, 0.5) ? 1 : 0.3;
            block_set(&block, "i_private", test.private);
            block_set(&block, "i_raw", test.raw);
            for (unsigned groups = 1 + block_below(&block, 4); groups > 0; groups--)
                replay_group(&test);
            for (unsigned n = 0; n < LATE; n++) /* the settings hold until the last step is through */
                replay_cycle(&test, false, 0, 0, false);
        }
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        event_counters_hold_every_event_of_the_last_run_and_no_other,
        replay_issues_every_step_of_every_position_and_gives_the_drain_its_time,
    };
    return test_run("block_events", tests, sizeof tests / sizeof tests[0]);
}
