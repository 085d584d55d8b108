/* Frames of the link (rtl/frame/PROTOCOL.md): building them, and finding them in a byte stream. Private to the library.
 */
#ifndef ESPALIER_FRAME_H
#define ESPALIER_FRAME_H

#include <espalier/protocol.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ESPALIER_FRAME_OVERHEAD = ESPALIER_HEADER_BYTES + ESPALIER_TRAILER_BYTES,
    ESPALIER_FRAME_MAX = ESPALIER_FRAME_OVERHEAD + ESPALIER_PAYLOAD_MAX
};

struct espalier_frame {
    uint8_t type, sequence;
    size_t size; /**< of the payload, at most ESPALIER_PAYLOAD_MAX */
    uint8_t payload[ESPALIER_PAYLOAD_MAX];
};

/** Writes @p frame as bytes. @return how many: at most ESPALIER_FRAME_MAX */
size_t espalier_frame_encode(const struct espalier_frame *frame, uint8_t bytes[ESPALIER_FRAME_MAX]);

/** Bytes that may yet become a frame; all zero is an empty one. */
struct espalier_frame_decoder {
    uint8_t bytes[2 * ESPALIER_FRAME_MAX];
    size_t size;
    bool foreign;            /**< a header was right but for its version: */
    uint8_t foreign_version; /**< the last one's */
};

/** Where the next received bytes belong, and how many there is room for (at least one after espalier_frame_next has
 *  returned false). The caller adds what it stored there to decoder->size. */
uint8_t *espalier_frame_room(struct espalier_frame_decoder *decoder, size_t *room);

/** Takes the next whole and undamaged frame out of the bytes. Whatever is none is skipped, a byte at a time, so that no
 *  frame behind damage is lost. @return false if more bytes are needed */
bool espalier_frame_next(struct espalier_frame_decoder *decoder, struct espalier_frame *frame);

#endif
