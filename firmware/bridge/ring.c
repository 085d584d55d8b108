#include "ring.h"

#include <string.h>

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t ring_room(const struct ring *ring)
{
    return RING_BYTES - ring->held;
}

void ring_put(struct ring *ring, const uint8_t *bytes, size_t size)
{
    const size_t end = (ring->first + ring->held) % RING_BYTES, straight = at_most(size, RING_BYTES - end);
    memcpy(ring->bytes + end, bytes, straight);
    memcpy(ring->bytes, bytes + straight, size - straight);
    ring->held += size;
}

void ring_peek(const struct ring *ring, uint8_t *bytes, size_t size)
{
    const size_t straight = at_most(size, RING_BYTES - ring->first);
    memcpy(bytes, ring->bytes + ring->first, straight);
    memcpy(bytes + straight, ring->bytes, size - straight);
}

void ring_drop(struct ring *ring, size_t size)
{
    ring->first = (ring->first + size) % RING_BYTES;
    ring->held -= size;
}
