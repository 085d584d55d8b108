#include "stored.h"

#include <string.h>

static const uint8_t magic[8] = {'E', 'S', 'P', 'B', 'I', 'T', 'S', '1'};

static uint32_t crc32(const uint8_t *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t n = 0; n < size; n++) {
        crc ^= bytes[n];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xEDB88320) : 0);
    }
    return ~crc;
}

static void put_word(uint8_t *bytes, uint32_t word)
{
    for (unsigned n = 0; n < 4; n++)
        bytes[n] = (uint8_t)(word >> 8 * n);
}

static uint32_t get_word(const uint8_t *bytes)
{
    uint32_t word = 0;
    for (unsigned n = 0; n < 4; n++)
        word |= (uint32_t)bytes[n] << 8 * n;
    return word;
}

void stored_header(const uint8_t *bitstream, size_t size, uint8_t header[STORED_HEADER_BYTES])
{
    memcpy(header, magic, sizeof magic);
    put_word(header + 8, (uint32_t)size);
    put_word(header + 12, crc32(bitstream, size));
}

bool stored_find(const uint8_t *area, size_t area_size, const uint8_t **bitstream, size_t *size)
{
    if (area_size < STORED_HEADER_BYTES || memcmp(area, magic, sizeof magic) != 0)
        return false;
    const uint32_t told = get_word(area + 8);
    if (told == 0 || told > area_size - STORED_HEADER_BYTES ||
        crc32(area + STORED_HEADER_BYTES, told) != get_word(area + 12))
        return false;
    *bitstream = area + STORED_HEADER_BYTES;
    *size = told;
    return true;
}
