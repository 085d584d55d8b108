#include "firmware/fpga.h"

#include <check.h>

enum { BEFORE = 8, DONE_MOST = 100, START = 49, CLEAR_NANOSECONDS = 1200000, RESET_NANOSECONDS = 200 };

void fpga_power_up(struct fpga *fpga, const uint8_t *expected, size_t expected_size)
{
    *fpga =
        (struct fpga){.expected = expected, .expected_size = expected_size, .done_clocks = DONE_MOST, .reset = true};
}

static void begin(void *context)
{
    struct fpga *fpga = context;
    ck_assert(!fpga->taken);
    fpga->taken = fpga->selected = fpga->reset = true;
    fpga->reset_since = fpga->nanoseconds;
    fpga->slave = fpga->done = fpga->running = fpga->wrong = false;
    fpga->before_clocks = fpga->after_clocks = 0;
    fpga->received = 0;
}

static void end(void *context)
{
    struct fpga *fpga = context;
    ck_assert(fpga->taken);
    ck_assert_msg(fpga->reset || fpga->running, "the pins are given back before they are the design's");
    fpga->taken = false;
}

static void reset(void *context, bool down)
{
    struct fpga *fpga = context;
    if (fpga->reset && !down) {
        ck_assert_uint_ge(fpga->nanoseconds - fpga->reset_since, RESET_NANOSECONDS);
        fpga->slave = fpga->selected; /* else it would read the flash itself */
        fpga->released_since = fpga->nanoseconds;
        ck_assert(fpga->slave);
    }
    fpga->reset = down;
}

static void select_slave(void *context, bool selected)
{
    struct fpga *fpga = context;
    ck_assert(fpga->taken);
    if (!fpga->reset && selected && !fpga->selected && fpga->received == 0)
        ck_assert_uint_eq(fpga->before_clocks, BEFORE);
    if (!selected && fpga->received == 0)
        ck_assert_uint_ge(fpga->nanoseconds - fpga->released_since, CLEAR_NANOSECONDS);
    fpga->selected = selected;
}

static void receive(struct fpga *fpga, uint8_t byte)
{
    fpga->wrong |= fpga->received >= fpga->expected_size || fpga->expected[fpga->received] != byte;
    fpga->received++;
}

static void count_clocks(struct fpga *fpga, unsigned clocks)
{
    if (fpga->received == 0) {
        fpga->before_clocks += clocks;
        return;
    }
    const bool whole = !fpga->wrong && fpga->received == fpga->expected_size && fpga->fault != FPGA_DEAD;
    fpga->after_clocks += clocks;
    fpga->done = whole && fpga->after_clocks >= fpga->done_clocks;
    fpga->running = fpga->done && fpga->after_clocks >= fpga->done_clocks + START;
    fpga->configured += fpga->running;
}

static void send(void *context, const uint8_t *bytes, size_t size)
{
    struct fpga *fpga = context;
    ck_assert(fpga->taken && !fpga->reset);
    fpga->nanoseconds += 8 * 100 * size;
    if (!fpga->selected)
        count_clocks(fpga, 8 * (unsigned)size);
    for (size_t n = 0; fpga->selected && n < size; n++)
        receive(fpga, bytes[n]);
}

static bool done(void *context)
{
    const struct fpga *fpga = context;
    return fpga->fault == FPGA_DONE_STUCK || (fpga->done && !fpga->reset);
}

struct config_port fpga_config_port(struct fpga *fpga)
{
    return (struct config_port){.context = fpga,
                                .begin = begin,
                                .end = end,
                                .reset = reset,
                                .select = select_slave,
                                .send = send,
                                .done = done};
}

static uint32_t microseconds(void *context)
{
    struct fpga *fpga = context;
    fpga->nanoseconds += 1000;
    return (uint32_t)(fpga->nanoseconds / 1000);
}

struct clock_port fpga_clock_port(struct fpga *fpga)
{
    return (struct clock_port){.context = fpga, .microseconds = microseconds};
}
