/* Writes a bitstream as a UF2 file, which the boot loader of an RP2040 stores where the firmware looks for it
 * (stored.h, layout.h). Usage: uf2 BITSTREAM OUT.uf2
 *
 * UF2 (github.com/microsoft/uf2): blocks of 512 bytes, little-endian, each with up to 476 bytes of content; the RP2040
 * wants 256. Whole sectors of 4,096 bytes are written, for its boot loader erases them one at a time and may erase a
 * part again (RP2040-E14). */
#include "layout.h"
#include "stored.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512, PAYLOAD = 256, SECTOR = 4096, CONTENT_AT = 32, END_AT = 508 };

#define MAGIC_FIRST 0x0A324655u
#define MAGIC_SECOND 0x9E5D5157u
#define MAGIC_LAST 0x0AB16F30u
#define FLAG_FAMILY 0x00002000u
#define FAMILY_RP2040 0xE48BFF56u

static void put_word(uint8_t *bytes, uint32_t word)
{
    for (unsigned n = 0; n < 4; n++)
        bytes[n] = (uint8_t)(word >> 8 * n);
}

static bool write_block(FILE *file, uint32_t index, uint32_t count, const uint8_t *content)
{
    const uint32_t words[] = {MAGIC_FIRST, MAGIC_SECOND, FLAG_FAMILY, BITSTREAM_ADDRESS + index * PAYLOAD,
                              PAYLOAD,     index,        count,       FAMILY_RP2040};
    uint8_t block[BLOCK] = {0};
    for (size_t n = 0; n < sizeof words / sizeof words[0]; n++)
        put_word(block + 4 * n, words[n]);
    memcpy(block + CONTENT_AT, content, PAYLOAD);
    put_word(block + END_AT, MAGIC_LAST);
    return fwrite(block, 1, BLOCK, file) == BLOCK;
}

/* @return the size of the bitstream, read behind a place for its header; 0 after a message */
static size_t read_bitstream(const char *name, uint8_t area[BITSTREAM_AREA_BYTES])
{
    FILE *file = fopen(name, "rb");
    if (!file) {
        fprintf(stderr, "uf2: %s: %s\n", name, strerror(errno));
        return 0;
    }
    const size_t room = BITSTREAM_AREA_BYTES - STORED_HEADER_BYTES,
                 size = fread(area + STORED_HEADER_BYTES, 1, room, file);
    const bool more = fgetc(file) != EOF, failed = ferror(file);
    fclose(file);
    if (failed || more || size == 0) {
        fprintf(stderr, "uf2: %s: %s\n", name,
                failed ? "cannot be read"
                : more ? "more than an iCE40's bitstream: is it one?"
                       : "empty");
        return 0;
    }
    return size;
}

static bool write_file(const char *name, const uint8_t *bytes, size_t size)
{
    const uint32_t count = (uint32_t)(size / PAYLOAD);
    FILE *file = fopen(name, "wb");
    bool written = file != NULL;
    for (uint32_t index = 0; written && index < count; index++)
        written = write_block(file, index, count, bytes + index * PAYLOAD);
    if (file && fclose(file) != 0)
        written = false;
    if (!written)
        fprintf(stderr, "uf2: %s: %s\n", name, strerror(errno));
    return written;
}

int main(int count, char **arguments)
{
    static uint8_t area[BITSTREAM_AREA_BYTES];
    if (count != 3) {
        fprintf(stderr, "usage: uf2 BITSTREAM OUT.uf2\n");
        return EXIT_FAILURE;
    }
    const size_t size = read_bitstream(arguments[1], area);
    if (size == 0)
        return EXIT_FAILURE;
    stored_header(area + STORED_HEADER_BYTES, size, area);
    const size_t whole = (STORED_HEADER_BYTES + size + SECTOR - 1) / SECTOR * SECTOR;
    return write_file(arguments[2], area, whole) ? EXIT_SUCCESS : EXIT_FAILURE;
}
