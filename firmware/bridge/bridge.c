#include "bridge.h"

#include <espalier/spi.h>

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool bridge_ready(const struct bridge *bridge)
{
    return ring_room(&bridge->out) >= ESPALIER_USB_PACKET;
}

void bridge_take(struct bridge *bridge, const uint8_t *packet, size_t size)
{
    ring_put(&bridge->out, packet, size);
}

bool bridge_offer(struct bridge *bridge)
{
    if (bridge->offered)
        return true;
    if (bridge->in.held == 0 && !bridge->full)
        return false;
    bridge->size = at_most(bridge->in.held, ESPALIER_USB_PACKET);
    ring_peek(&bridge->in, bridge->packet, bridge->size);
    ring_drop(&bridge->in, bridge->size);
    bridge->offered = true;
    return true;
}

void bridge_confirmed(struct bridge *bridge)
{
    bridge->full = bridge->size == ESPALIER_USB_PACKET;
    bridge->offered = false;
}

/* What one transfer is about. */
struct transfer {
    size_t count; /* bytes for the device */
    size_t take;  /* bytes from it */
};

/* The device gives a byte with every byte clocked as long as it has any: no more may be clocked than there is room
 * here. */
static struct transfer plan(const struct bridge *bridge, size_t room, size_t there)
{
    const size_t count = at_most(room, bridge->out.held), take = at_most(there, ring_room(&bridge->in));
    const bool short_of_room = take < there;
    return (struct transfer){.count = short_of_room ? at_most(count, take) : count, .take = take};
}

static void move(struct bridge *bridge, const struct spi_port *spi, const struct transfer *transfer)
{
    uint8_t out[ESPALIER_SPI_MOST] = {0}, in[ESPALIER_SPI_MOST];
    ring_peek(&bridge->out, out, transfer->count);
    spi->exchange(spi->context, out, in, transfer->count > transfer->take ? transfer->count : transfer->take);
    ring_drop(&bridge->out, transfer->count);
    ring_put(&bridge->in, in, transfer->take);
}

enum bridge_result bridge_move(struct bridge *bridge, const struct spi_port *spi)
{
    uint8_t header[2] = {0}, stock[2], mark;
    spi->select(spi->context, true);
    spi->exchange(spi->context, header, stock, sizeof stock);
    const struct transfer transfer = plan(bridge, stock[0], stock[1]);
    const uint8_t count = (uint8_t)transfer.count;
    spi->exchange(spi->context, &count, &mark, 1);
    const bool held = bridge->out.held > 0 && stock[0] == 0, sense = mark == ESPALIER_SPI_MARK;
    if (sense)
        move(bridge, spi, &transfer);
    spi->select(spi->context, false);
    return !sense ? BRIDGE_NONSENSE : held ? BRIDGE_HELD : BRIDGE_FINE;
}
