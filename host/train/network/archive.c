#include "archive.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { FIRST_ROOM = 1 << 16, CRC_BYTES = 4, NAME_MAX_BYTES = 32 };

void espalier_archive_expect(struct espalier_archive *archive, bool good, const char *format, ...)
{
    char reason[160];
    va_list arguments;

    if (good || !archive->reading || !espalier_archive_good(archive))
        return;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    archive->status = espalier_fail(archive->error, ESPALIER_ERR_FORMAT, "%s: %s", archive->path, reason);
}

static void make_room(struct espalier_archive *archive, size_t size)
{
    size_t room = archive->size > 0 ? archive->size : FIRST_ROOM;

    while (room - archive->at < size)
        room *= 2;
    uint8_t *grown = room > archive->size ? realloc(archive->bytes, room) : archive->bytes;
    if (grown == NULL) {
        archive->status =
            espalier_fail(archive->error, ESPALIER_ERR_MEMORY, "%s: out of memory for %zu bytes", archive->path, room);
        return;
    }
    archive->bytes = grown;
    archive->size = room;
}

/* The next so many bytes; NULL if there are none, or if the archive has failed. */
static uint8_t *claim(struct espalier_archive *archive, size_t size)
{
    if (!archive->reading && espalier_archive_good(archive))
        make_room(archive, size);
    espalier_archive_expect(archive, size <= archive->size - archive->at, "ends too early");
    if (!espalier_archive_good(archive))
        return NULL;
    archive->at += size;
    return archive->bytes + archive->at - size;
}

/* Where the byte of so much weight lies in a number of this machine. */
static size_t place(size_t weight, size_t bytes)
{
    const uint16_t one = 1;

    return *(const uint8_t *)&one == 1 ? weight : bytes - 1 - weight;
}

/* Takes numbers of @p bytes each to the archive, or from it. */
static void carry(struct espalier_archive *archive, void *values, size_t count, size_t bytes)
{
    uint8_t *there = claim(archive, count * bytes), *here = values;

    for (size_t i = 0; i < count && there != NULL; i++, there += bytes, here += bytes)
        for (size_t b = 0; b < bytes; b++) {
            uint8_t *from = archive->reading ? &there[b] : &here[place(b, bytes)];
            *(archive->reading ? &here[place(b, bytes)] : &there[b]) = *from;
        }
}

void espalier_archive_u8(struct espalier_archive *archive, uint8_t *values, size_t count)
{
    carry(archive, values, count, sizeof *values);
}

void espalier_archive_i8(struct espalier_archive *archive, int8_t *values, size_t count)
{
    carry(archive, values, count, sizeof *values);
}

void espalier_archive_u16(struct espalier_archive *archive, uint16_t *values, size_t count)
{
    carry(archive, values, count, sizeof *values);
}

void espalier_archive_u32(struct espalier_archive *archive, uint32_t *values, size_t count)
{
    carry(archive, values, count, sizeof *values);
}

void espalier_archive_u64(struct espalier_archive *archive, uint64_t *values, size_t count)
{
    carry(archive, values, count, sizeof *values);
}

void espalier_archive_floats(struct espalier_archive *archive, float *values, size_t count)
{
    bool finite = true;

    carry(archive, values, count, sizeof *values);
    for (size_t i = 0; i < count && archive->reading && espalier_archive_good(archive); i++)
        finite = finite && isfinite(values[i]);
    espalier_archive_expect(archive, finite, "a number is not finite");
}

void espalier_archive_squares(struct espalier_archive *archive, float *values, size_t count)
{
    bool good = true;

    espalier_archive_floats(archive, values, count);
    for (size_t i = 0; i < count && archive->reading && espalier_archive_good(archive); i++)
        good = good && values[i] >= 0.0F;
    espalier_archive_expect(archive, good, "a square is under 0");
}

void espalier_archive_doubles(struct espalier_archive *archive, double *values, size_t count)
{
    bool finite = true;

    carry(archive, values, count, sizeof *values);
    for (size_t i = 0; i < count && archive->reading && espalier_archive_good(archive); i++)
        finite = finite && isfinite(values[i]);
    espalier_archive_expect(archive, finite, "a number is not finite");
}

void espalier_archive_random(struct espalier_archive *archive, struct espalier_random *random)
{
    espalier_archive_u64(archive, random->state, 4);
    espalier_archive_expect(archive, (random->state[0] | random->state[1] | random->state[2] | random->state[3]) != 0,
                            "a generator that is all 0 cannot be");
}

void espalier_archive_name(struct espalier_archive *archive, const char *name)
{
    uint8_t length = (uint8_t)strlen(name), found[NAME_MAX_BYTES] = {0};

    espalier_archive_u8(archive, &length, 1);
    if (!archive->reading)
        memcpy(found, name, length);
    espalier_archive_expect(archive, length == strlen(name), "there is no \"%s\" where one is expected", name);
    if (espalier_archive_good(archive))
        espalier_archive_u8(archive, found, length);
    espalier_archive_expect(archive, memcmp(found, name, length) == 0, "there is no \"%s\" where one is expected",
                            name);
}

void espalier_archive_skip(struct espalier_archive *archive, size_t size)
{
    (void)claim(archive, size);
}

void espalier_archive_seal(struct espalier_archive *archive)
{
    uint32_t crc = (uint32_t)crc32_z(0, archive->bytes, archive->at);

    espalier_archive_u32(archive, &crc, 1);
}

void espalier_archive_check_seal(struct espalier_archive *archive)
{
    size_t at = archive->at;
    uint32_t crc = 0;

    espalier_archive_expect(archive, archive->size >= at + CRC_BYTES, "ends too early");
    if (!espalier_archive_good(archive))
        return;
    archive->at = archive->size - CRC_BYTES;
    espalier_archive_u32(archive, &crc, 1);
    archive->size -= CRC_BYTES;
    archive->at = at;
    espalier_archive_expect(archive, crc == crc32_z(0, archive->bytes, archive->size),
                            "damaged: the checksum is wrong");
}

void espalier_archive_begin(struct espalier_archive *archive, const struct espalier_archive_kind *kind)
{
    uint8_t magic[sizeof kind->magic];
    uint32_t version = kind->version;

    memcpy(magic, kind->magic, sizeof magic);
    espalier_archive_expect(archive, archive->size >= sizeof magic && memcmp(archive->bytes, magic, sizeof magic) == 0,
                            "not %s", kind->name);
    if (archive->reading)
        espalier_archive_check_seal(archive);
    espalier_archive_u8(archive, magic, sizeof magic);
    espalier_archive_u32(archive, &version, 1);
    espalier_archive_expect(archive, version == kind->version, "version %u, this program reads %u", version,
                            kind->version);
}
