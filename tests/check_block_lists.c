/* step_list: what the decoder's side enters, the replaying side must find, for a shared index and for private ones. */
#include "blocks/block.h"
#include "support/support.h"

#include <string.h>

/* Latencies, as the header of step_list.v gives them. */
enum {
    LIST_DATA = 1,    /* i_entry to its weight and offset */
    LIST_READY = 3,   /* i_group_end to o_ready, at the most */
    LIST_LANES = 1,   /* i_step to lanes and offsets */
    LIST_WEIGHTS = 3, /* i_step to weights */
    LIST_RELEASE = 2, /* i_replayed to i_release, at the least */
};

enum { MAX_LANES = 5, MAX_STEPS = 64, GROUPS = 16, LATE = 4 };

struct entry {
    uint64_t weight, offset;
};

struct group {
    unsigned rows, counts[MAX_LANES];
    struct entry entries[MAX_LANES][MAX_STEPS];
    bool last;
};

struct lookup {
    const struct group *group; /* NULL: none in that cycle */
    unsigned step;
};

struct list_test {
    struct block *block;
    unsigned lanes, ports, addr_bits, kept;
    bool private;
    struct group groups[GROUPS]; /* by number modulo GROUPS */
    unsigned total;              /* groups of the layer */
    unsigned begun, filled, replayed, released;
    unsigned row, entry; /* of the group being filled */
    struct entry *entering[LATE];
    struct lookup lookups[LATE];
    unsigned waiting, since_replayed;
};

static struct group *group_of(struct list_test *test, unsigned number)
{
    return &test->groups[number % GROUPS];
}

static bool one_list(const struct list_test *test)
{
    return test->private && test->ports == 1;
}

static unsigned steps_of(const struct list_test *test, const struct group *group)
{
    unsigned sum = 0, longest = 0;
    for (unsigned lane = 0; lane < group->rows; lane++) {
        sum += group->counts[lane];
        longest = group->counts[lane] > longest ? group->counts[lane] : longest;
    }
    return one_list(test) ? sum : test->private ? longest : test->kept;
}

static void draw_group(struct list_test *test, struct group *group, bool last)
{
    unsigned room = test->private ? block_parameter(test->block, "PRIVATE_DEPTH") : test->kept;
    memset(group, 0, sizeof *group);
    group->last = last;
    group->rows = last ? 1 + block_below(test->block, test->lanes) : test->lanes;
    for (unsigned lane = 0; lane < group->rows; lane++) {
        unsigned count = block_chance(test->block, 0.2) ? 0 : 1 + block_below(test->block, room + 1);
        group->counts[lane] = !test->private || count > room ? room : count;
        if (one_list(test))
            room -= group->counts[lane];
    }
}

/* The decoder's side of a cycle. */
static void fill(struct list_test *test, double speed)
{
    struct block *block = test->block;
    block_expect(block, "o_free", test->begun - test->released < 2);
    const bool begin = test->begun < test->total && block_get(block, "o_free") && block_chance(block, speed);
    bool entry = false, row_end = false, group_end = false;
    struct group *group = group_of(test, test->filled);
    block_draw(block, "i_last_group");
    if (test->filled < test->begun && block_chance(block, speed)) {
        entry = test->entry < group->counts[test->row];
        if (entry)
            test->entering[block->cycles % LATE] = &group->entries[test->row][test->entry++];
        row_end = test->entry == group->counts[test->row];
        group_end = row_end && test->row == group->rows - 1;
        if (group_end)
            block_set(block, "i_last_group", group->last);
    }
    block_set(block, "i_group_begin", begin);
    block_set(block, "i_entry", entry);
    block_set(block, "i_row_end", row_end);
    block_set(block, "i_group_end", group_end);
    const uint64_t weight = block_draw(block, "i_weight"), offset = block_draw(block, "i_offset");
    struct entry **late = &test->entering[(block->cycles - LIST_DATA) % LATE];
    if (*late)
        **late = (struct entry){weight, offset};
    *late = NULL;
    if (begin) {
        draw_group(test, group_of(test, test->begun), test->begun + 1 == test->total);
        test->begun++;
    }
    if (row_end)
        test->entry = 0;
    test->row = group_end ? 0 : test->row + row_end;
    test->filled += group_end;
}

/* The lane and entry that a step has for a lane, or NULL. */
static const struct entry *entry_of(const struct list_test *test, struct lookup lookup, unsigned lane)
{
    const struct group *group = lookup.group;
    unsigned step = lookup.step;
    if (lane >= group->rows)
        return NULL;
    for (unsigned before = 0; one_list(test) && before < lane; before++) {
        if (step < group->counts[before])
            return NULL;
        step -= group->counts[before];
    }
    return step < group->counts[lane] ? &group->entries[lane][step] : NULL;
}

static void check_lookups(struct list_test *test)
{
    struct block *block = test->block;
    const struct lookup now = test->lookups[(block->cycles - LIST_LANES) % LATE];
    const struct lookup before = test->lookups[(block->cycles - LIST_WEIGHTS) % LATE];
    for (unsigned lane = 0; lane < test->lanes; lane++) {
        const struct entry *entry = now.group ? entry_of(test, now, lane) : NULL;
        if (now.group)
            block_expect_bits(block, "o_lanes", lane, 1, entry != NULL);
        if (entry && test->private)
            block_expect_bits(block, "o_offsets", test->ports == 1 ? 0 : lane * test->addr_bits, test->addr_bits,
                              entry->offset);
        entry = before.group ? entry_of(test, before, lane) : NULL;
        if (entry)
            block_expect_bits(block, "o_weights", 8 * lane, 8, entry->weight);
    }
}

/* The replaying side of a cycle. */
static void replay(struct list_test *test, double leave)
{
    struct block *block = test->block;
    const bool ready = block_get(block, "o_ready");
    struct group *group = group_of(test, test->replayed);
    struct lookup *lookup = &test->lookups[block->cycles % LATE];
    *lookup = (struct lookup){NULL, 0};
    block_set(block, "i_replayed", 0);
    block_set(block, "i_release", 0);
    block_draw(block, "i_step");
    test->waiting = !ready && test->replayed < test->filled ? test->waiting + 1 : 0;
    if (test->waiting > LIST_READY || (ready && test->replayed == test->filled))
        ck_abort_msg("o_ready is %d, %u groups are filled and %u replayed", ready, test->filled, test->replayed);
    test->since_replayed++;
    if (test->released < test->replayed && test->since_replayed >= LIST_RELEASE && block_chance(block, 0.5)) {
        block_set(block, "i_release", 1);
        test->released++;
    }
    if (!ready)
        return;
    const unsigned steps = steps_of(test, group);
    block_expect(block, "o_steps", steps);
    block_expect(block, "o_no_steps", steps == 0);
    block_expect(block, "o_rows", (1u << group->rows) - 1);
    block_expect(block, "o_last_group", group->last);
    if (steps > 0 && block_chance(block, 0.9)) {
        *lookup = (struct lookup){group, block_below(block, steps)};
        block_set(block, "i_step", lookup->step);
    } else if (test->released == test->replayed && block_chance(block, leave)) {
        block_set(block, "i_replayed", 1);
        test->replayed++;
        test->since_replayed = 0;
    }
}

START_TEST(step_list_gives_every_lane_its_steps_while_the_next_group_is_filled)
{
    struct block block = {0};
    while (block_next(&block, "step_list")) {
        static struct list_test test;
        memset(&test, 0, sizeof test);
        test.block = &block;
        test.lanes = block_parameter(&block, "LANES");
        test.ports = block_parameter(&block, "PORTS");
        test.addr_bits = block_parameter(&block, "ADDR_BITS");
        ck_assert(test.lanes <= MAX_LANES && block_parameter(&block, "LIST_DEPTH") <= MAX_STEPS);
        for (uint32_t layer = 0; layer < test_scale(100); layer++) {
            const double speed = block_chance(&block, 0.5) ? 1 : 0.5, leave = block_chance(&block, 0.5) ? 1 : 0.1;
            test.private = block_parameter(&block, "HAS_PRIVATE") && block_chance(&block, 0.6);
            test.kept = block_below(&block, block_parameter(&block, "LIST_DEPTH") + 1);
            test.total += 1 + block_below(&block, 8);
            block_set(&block, "i_private", test.private);
            block_set(&block, "i_kept", test.kept);
            uint64_t until = block.cycles + 20000; /* far more than needed */
            while (test.released < test.total && block.cycles < until) {
                check_lookups(&test);
                fill(&test, speed);
                replay(&test, leave);
                block_clock(&block);
            }
            ck_assert_uint_eq(test.released, test.total);
            block_expect(&block, "o_overflow", 0);
            /* a layer's end: the descriptor of the next is read for longer than any lookup */
            memset(test.lookups, 0, sizeof test.lookups);
        }
    }
}
END_TEST

START_TEST(step_list_tells_of_a_private_list_that_is_one_entry_too_long)
{
    struct block block = {0};
    while (block_next(&block, "step_list")) {
        if (!block_parameter(&block, "HAS_PRIVATE"))
            continue;
        const unsigned depth = block_parameter(&block, "PRIVATE_DEPTH");
        block_set(&block, "i_private", 1);
        block_set(&block, "i_group_begin", 1);
        block_clock(&block);
        block_set(&block, "i_group_begin", 0);
        for (unsigned n = 0; n < depth + 1; n++) {
            block_set(&block, "i_entry", 1);
            block_clock(&block);
            block_set(&block, "i_entry", 0);
            for (unsigned late = 0; late < 3; late++)
                block_clock(&block);
            block_expect(&block, "o_overflow", n == depth);
        }
        for (unsigned n = 0; n < 10; n++)
            block_clock(&block);
        block_expect(&block, "o_overflow", 1);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        step_list_gives_every_lane_its_steps_while_the_next_group_is_filled,
        step_list_tells_of_a_private_list_that_is_one_entry_too_long,
    };
    return test_run("block_lists", tests, sizeof tests / sizeof tests[0]);
}
