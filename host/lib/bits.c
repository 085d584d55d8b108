#include "bits.h"

#include <stdlib.h>

static void append_byte(struct espalier_bit_writer *writer, uint8_t byte)
{
    if (writer->size == writer->capacity) {
        size_t capacity = writer->capacity ? 2 * writer->capacity : 256;
        uint8_t *grown = capacity > writer->capacity ? realloc(writer->bytes, capacity) : NULL;
        if (!grown) {
            writer->failed = true;
            return;
        }
        writer->bytes = grown;
        writer->capacity = capacity;
    }
    writer->bytes[writer->size++] = byte;
}

void espalier_bits_put(struct espalier_bit_writer *writer, uint32_t value, unsigned width)
{
    writer->held |= (value & ((UINT32_C(1) << width) - 1)) << writer->held_bits;
    writer->held_bits += width;
    while (writer->held_bits >= 8) {
        append_byte(writer, (uint8_t)writer->held);
        writer->held >>= 8;
        writer->held_bits -= 8;
    }
}

uint64_t espalier_bits_written(const struct espalier_bit_writer *writer)
{
    return (uint64_t)writer->size * 8 + writer->held_bits;
}

void espalier_bits_pad(struct espalier_bit_writer *writer)
{
    while (!writer->failed && espalier_bits_written(writer) % 32 != 0)
        espalier_bits_put(writer, 0, 1);
}

bool espalier_bits_take(struct espalier_bit_reader *reader, unsigned width, uint32_t *value)
{
    if (reader->end - reader->position < width)
        return false;
    uint32_t field = 0;
    for (unsigned got = 0; got < width;) {
        unsigned offset = (unsigned)(reader->position % 8);
        unsigned part = 8 - offset < width - got ? 8 - offset : width - got;
        uint32_t byte = reader->bytes[reader->position / 8];
        field |= ((byte >> offset) & ((UINT32_C(1) << part) - 1)) << got;
        got += part;
        reader->position += part;
    }
    *value = field;
    return true;
}

int32_t espalier_bits_signed(uint32_t field, unsigned width)
{
    if (width == 0)
        return 0;
    uint32_t sign = UINT32_C(1) << (width - 1);
    return (int32_t)(field & (sign - 1)) - (int32_t)(field & sign);
}
