#include "supervisor.h"

#include "stored.h"

#include <string.h>

enum {
    RETRY_MICROSECONDS = 1000000,
    ANSWER_MICROSECONDS = 100000, /* for a design to come out of its reset */
    HUNG_MILLISECONDS = 200000,   /* the host's driver waits 150 seconds for a run at the most */
    DISTRUST_MAX = 64,            /* sixteen senseless answers in a row, */
    DISTRUST_STEP = 4 /* or one in five for long: noise is rarer, and a foreign design's chance hits are too */
};

static const char *const texts[CONDITIONS] = {
    [CONDITION_LOADING] = "loading",
    [CONDITION_RUNNING] = "",
    [CONDITION_NO_BITSTREAM] = "no bitstream",
    [CONDITION_NOT_RESET] = "CDONE stays high",
    [CONDITION_NOT_DONE] = "CDONE stays low",
    [CONDITION_LOST] = "CDONE fell",
    [CONDITION_NO_DEVICE] = "no answer on SPI",
    [CONDITION_HUNG] = "takes no bytes",
};

const char *condition_text(enum condition condition)
{
    return texts[condition];
}

bool supervisor_faulty(const struct supervisor *supervisor)
{
    return supervisor->condition >= CONDITION_NO_BITSTREAM;
}

static uint32_t now(const struct supervisor *supervisor)
{
    return supervisor->ports->clock.microseconds(supervisor->ports->clock.context);
}

static void enter(struct supervisor *supervisor, enum condition condition)
{
    supervisor->condition = condition;
    supervisor->since = supervisor->moved = now(supervisor);
    supervisor->held_milliseconds = 0;
    supervisor->distrust = 0;
}

/* What was under way belongs to a device that is no more. */
static void begin(struct supervisor *supervisor)
{
    const struct supervisor_ports *ports = supervisor->ports;
    const uint8_t *bitstream;
    size_t size;
    memset(&supervisor->bridge, 0, sizeof supervisor->bridge);
    if (!stored_find(supervisor->area, supervisor->area_size, &bitstream, &size)) {
        enter(supervisor, CONDITION_NO_BITSTREAM);
        return;
    }
    enter(supervisor, CONDITION_LOADING);
    loader_begin(&supervisor->loader, &ports->config, &ports->clock, bitstream, size);
}

void supervisor_start(struct supervisor *supervisor, const struct supervisor_ports *ports, const uint8_t *area,
                      size_t area_size)
{
    memset(supervisor, 0, sizeof *supervisor);
    supervisor->ports = ports;
    supervisor->area = area;
    supervisor->area_size = area_size;
    begin(supervisor);
}

/* Configured: has a device come out of its reset? */
static void await_answer(struct supervisor *supervisor)
{
    if (bridge_move(&supervisor->bridge, &supervisor->ports->spi) != BRIDGE_NONSENSE)
        enter(supervisor, CONDITION_RUNNING);
    else if (now(supervisor) - supervisor->since > ANSWER_MICROSECONDS)
        enter(supervisor, CONDITION_NO_DEVICE);
}

static void load(struct supervisor *supervisor)
{
    const enum loader_state before = supervisor->loader.state, state = loader_step(&supervisor->loader);
    if (state == LOADER_NOT_RESET)
        enter(supervisor, CONDITION_NOT_RESET);
    else if (state == LOADER_NOT_DONE)
        enter(supervisor, CONDITION_NOT_DONE);
    else if (state == LOADER_DONE && before != LOADER_DONE)
        supervisor->since = now(supervisor);
    else if (state == LOADER_DONE)
        await_answer(supervisor);
}

static void note_held(struct supervisor *supervisor, bool held)
{
    const uint32_t milliseconds = (now(supervisor) - supervisor->moved) / 1000;
    supervisor->held_milliseconds = held ? supervisor->held_milliseconds + milliseconds : 0;
    supervisor->moved += held ? milliseconds * 1000 : now(supervisor) - supervisor->moved;
    if (supervisor->held_milliseconds > HUNG_MILLISECONDS)
        enter(supervisor, CONDITION_HUNG);
}

static void note_nonsense(struct supervisor *supervisor, bool nonsense)
{
    if (nonsense)
        supervisor->distrust += DISTRUST_STEP;
    else if (supervisor->distrust > 0)
        supervisor->distrust--;
    if (supervisor->distrust >= DISTRUST_MAX)
        enter(supervisor, CONDITION_NO_DEVICE);
}

static void run(struct supervisor *supervisor, bool asleep)
{
    const struct supervisor_ports *ports = supervisor->ports;
    if (!ports->config.done(ports->config.context)) {
        enter(supervisor, CONDITION_LOST);
        return;
    }
    const enum bridge_result result = asleep ? BRIDGE_FINE : bridge_move(&supervisor->bridge, &ports->spi);
    note_held(supervisor, result == BRIDGE_HELD);
    note_nonsense(supervisor, result == BRIDGE_NONSENSE);
}

void supervisor_step(struct supervisor *supervisor, bool asleep)
{
    if (supervisor->condition == CONDITION_LOADING)
        load(supervisor);
    else if (supervisor->condition == CONDITION_RUNNING)
        run(supervisor, asleep);
    else if (now(supervisor) - supervisor->since > RETRY_MICROSECONDS)
        begin(supervisor);
}
