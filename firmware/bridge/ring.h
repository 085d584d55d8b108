/** Bytes first in, first out. */
#ifndef ESPALIER_BRIDGE_RING_H
#define ESPALIER_BRIDGE_RING_H

#include <stddef.h>
#include <stdint.h>

enum { RING_BYTES = 4096 };

/** What is held lies from first on, around the end. All zeros is an empty ring. */
struct ring {
    size_t first, held;
    uint8_t bytes[RING_BYTES];
};

size_t ring_room(const struct ring *ring);

/** @param size  at most ring_room */
void ring_put(struct ring *ring, const uint8_t *bytes, size_t size);

/** Copies the first bytes and leaves them there. @param size  at most held */
void ring_peek(const struct ring *ring, uint8_t *bytes, size_t size);

/** @param size  at most held */
void ring_drop(struct ring *ring, size_t size);

#endif
