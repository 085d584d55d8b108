#include "pipes.h"

#include <string.h>

void pipes_init(struct pipes *pipes, struct supervisor *supervisor, const struct endpoint_port *port)
{
    memset(pipes, 0, sizeof *pipes);
    pipes->supervisor = supervisor;
    pipes->port = port;
}

static void begin(struct pipes *pipes, bool open)
{
    pipes->open = open;
    memset(pipes->halted, false, sizeof pipes->halted);
    memset(pipes->busy, false, sizeof pipes->busy);
}

void pipes_open(struct pipes *pipes)
{
    begin(pipes, true);
}

void pipes_close(struct pipes *pipes)
{
    begin(pipes, false);
}

void pipes_received(struct pipes *pipes, size_t size)
{
    pipes->busy[PIPE_OUT] = false;
    if (!supervisor_faulty(pipes->supervisor) && bridge_ready(&pipes->supervisor->bridge))
        bridge_take(&pipes->supervisor->bridge, pipes->packet, size);
}

void pipes_sent(struct pipes *pipes)
{
    pipes->busy[PIPE_IN] = false;
    if (pipes->supervisor->bridge.offered)
        bridge_confirmed(&pipes->supervisor->bridge);
}

static void halt(struct pipes *pipes, bool in)
{
    pipes->halted[in] = true;
    pipes->busy[in] = false;
    pipes->port->halt(pipes->port->context, in);
}

void pipes_set_halt(struct pipes *pipes, bool in)
{
    if (pipes->open)
        halt(pipes, in);
}

void pipes_clear_halt(struct pipes *pipes, bool in)
{
    if (!pipes->open)
        return;
    pipes->halted[in] = pipes->busy[in] = false;
    pipes->port->restart(pipes->port->context, in);
}

/* Again and again while the fault lasts: the host may clear a halt, and a controller may begin once more what was
 * called off. */
static void halt_both(struct pipes *pipes)
{
    halt(pipes, false);
    halt(pipes, true);
}

void pipes_step(struct pipes *pipes)
{
    struct bridge *bridge = &pipes->supervisor->bridge;
    const struct endpoint_port *port = pipes->port;
    if (pipes->open && supervisor_faulty(pipes->supervisor))
        halt_both(pipes);
    if (!pipes->open || pipes->supervisor->condition != CONDITION_RUNNING)
        return;
    if (!pipes->halted[PIPE_OUT] && !pipes->busy[PIPE_OUT] && bridge_ready(bridge)) {
        pipes->busy[PIPE_OUT] = true;
        port->receive(port->context, pipes->packet);
    }
    if (!pipes->halted[PIPE_IN] && !pipes->busy[PIPE_IN] && bridge_offer(bridge)) {
        pipes->busy[PIPE_IN] = true;
        port->send(port->context, bridge->packet, bridge->size);
    }
}
