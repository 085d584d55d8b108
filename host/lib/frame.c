/* Frames of the link: SYNC, type, sequence, VERSION, length, header check, payload, CRC-32. The layout's home is
 * rtl/frame/PROTOCOL.md. */
#include "frame.h"

#include <string.h>
#include <zlib.h>

enum { TYPE_AT = 1, SEQUENCE_AT = 2, VERSION_AT = 3, LENGTH_AT = 4, CHECK_AT = 6 };

static void put_little_endian(uint8_t *bytes, uint32_t value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get_little_endian(const uint8_t *bytes, size_t count)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++)
        value |= (uint32_t)bytes[i] << 8 * i;
    return value;
}

static uint32_t crc_of(const uint8_t *bytes, size_t size)
{
    return (uint32_t)crc32(0, bytes, (uInt)size);
}

size_t espalier_frame_encode(const struct espalier_frame *frame, uint8_t bytes[ESPALIER_FRAME_MAX])
{
    bytes[0] = ESPALIER_SYNC;
    bytes[TYPE_AT] = frame->type;
    bytes[SEQUENCE_AT] = frame->sequence;
    bytes[VERSION_AT] = ESPALIER_VERSION;
    put_little_endian(bytes + LENGTH_AT, (uint32_t)frame->size, 2);
    put_little_endian(bytes + CHECK_AT, crc_of(bytes, CHECK_AT), 2);
    memcpy(bytes + ESPALIER_HEADER_BYTES, frame->payload, frame->size);
    size_t covered = ESPALIER_HEADER_BYTES + frame->size;
    put_little_endian(bytes + covered, crc_of(bytes, covered), ESPALIER_TRAILER_BYTES);
    return covered + ESPALIER_TRAILER_BYTES;
}

uint8_t *espalier_frame_room(struct espalier_frame_decoder *decoder, size_t *room)
{
    *room = sizeof decoder->bytes - decoder->size;
    return decoder->bytes + decoder->size;
}

static void drop(struct espalier_frame_decoder *decoder, size_t count)
{
    decoder->size -= count;
    memmove(decoder->bytes, decoder->bytes + count, decoder->size);
}

/* Whether the header in front can be trusted. Takes note of one that another version of the protocol made. */
static bool header_right(struct espalier_frame_decoder *decoder)
{
    const uint8_t *bytes = decoder->bytes;
    if (get_little_endian(bytes + CHECK_AT, 2) != (crc_of(bytes, CHECK_AT) & 0xffff))
        return false;
    if (bytes[VERSION_AT] != ESPALIER_VERSION) {
        decoder->foreign = true;
        decoder->foreign_version = bytes[VERSION_AT];
        return false;
    }
    return get_little_endian(bytes + LENGTH_AT, 2) <= ESPALIER_PAYLOAD_MAX;
}

bool espalier_frame_next(struct espalier_frame_decoder *decoder, struct espalier_frame *frame)
{
    const uint8_t *bytes = decoder->bytes;
    for (;;) {
        const uint8_t *sync = memchr(bytes, ESPALIER_SYNC, decoder->size);
        drop(decoder, sync ? (size_t)(sync - bytes) : decoder->size);
        if (decoder->size < ESPALIER_HEADER_BYTES)
            return false;
        if (!header_right(decoder)) {
            drop(decoder, 1);
            continue;
        }
        size_t size = get_little_endian(bytes + LENGTH_AT, 2), covered = ESPALIER_HEADER_BYTES + size;
        if (decoder->size < covered + ESPALIER_TRAILER_BYTES)
            return false;
        if (get_little_endian(bytes + covered, ESPALIER_TRAILER_BYTES) != crc_of(bytes, covered)) {
            drop(decoder, 1);
            continue;
        }
        frame->type = bytes[TYPE_AT];
        frame->sequence = bytes[SEQUENCE_AT];
        frame->size = size;
        memcpy(frame->payload, bytes + ESPALIER_HEADER_BYTES, size);
        drop(decoder, covered + ESPALIER_TRAILER_BYTES);
        return true;
    }
}
