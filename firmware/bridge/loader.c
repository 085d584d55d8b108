#include "loader.h"

enum {
    RESET_MICROSECONDS = 2,    /* at the least 0.2 */
    CLEAR_MICROSECONDS = 1300, /* at the least 1,200 */
    PIECE_BYTES = 256,
    BEFORE_BYTES = 1,           /* 8 clocks */
    DONE_BYTES = (100 + 7) / 8, /* until CDONE rises */
    START_BYTES = (49 + 7) / 8  /* until the pins are the design's */
};

static const uint8_t nothing[DONE_BYTES];

void loader_begin(struct loader *loader, const struct config_port *port, const struct clock_port *clock,
                  const uint8_t *bitstream, size_t size)
{
    *loader =
        (struct loader){.port = port, .clock = clock, .bitstream = bitstream, .size = size, .state = LOADER_RESET};
    port->begin(port->context);
    loader->since = clock->microseconds(clock->context);
}

static bool passed(const struct loader *loader, uint32_t microseconds)
{
    return loader->clock->microseconds(loader->clock->context) - loader->since > microseconds;
}

static enum loader_state enter(struct loader *loader, enum loader_state state)
{
    loader->since = loader->clock->microseconds(loader->clock->context);
    return state;
}

static enum loader_state fail(const struct loader *loader, enum loader_state failure)
{
    loader->port->reset(loader->port->context, true);
    loader->port->end(loader->port->context);
    return failure;
}

static enum loader_state in_reset(struct loader *loader)
{
    if (!passed(loader, RESET_MICROSECONDS))
        return LOADER_RESET;
    loader->port->reset(loader->port->context, false);
    return enter(loader, LOADER_CLEARING);
}

static enum loader_state clearing(struct loader *loader)
{
    const struct config_port *port = loader->port;
    if (!passed(loader, CLEAR_MICROSECONDS))
        return LOADER_CLEARING;
    if (port->done(port->context))
        return fail(loader, LOADER_NOT_RESET);
    port->select(port->context, false);
    port->send(port->context, nothing, BEFORE_BYTES);
    port->select(port->context, true);
    return LOADER_SENDING;
}

static enum loader_state finish(const struct loader *loader)
{
    const struct config_port *port = loader->port;
    port->select(port->context, false);
    port->send(port->context, nothing, DONE_BYTES);
    if (!port->done(port->context))
        return fail(loader, LOADER_NOT_DONE);
    port->send(port->context, nothing, START_BYTES);
    port->end(port->context);
    return LOADER_DONE;
}

static enum loader_state sending(struct loader *loader)
{
    const size_t left = loader->size - loader->sent, piece = left < PIECE_BYTES ? left : PIECE_BYTES;
    loader->port->send(loader->port->context, loader->bitstream + loader->sent, piece);
    loader->sent += piece;
    return loader->sent < loader->size ? LOADER_SENDING : finish(loader);
}

enum loader_state loader_step(struct loader *loader)
{
    if (loader->state == LOADER_RESET)
        loader->state = in_reset(loader);
    else if (loader->state == LOADER_CLEARING)
        loader->state = clearing(loader);
    else if (loader->state == LOADER_SENDING)
        loader->state = sending(loader);
    return loader->state;
}
