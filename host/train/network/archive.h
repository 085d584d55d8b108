/* Bytes that a struct goes to, or comes from, through one and the same function, its visit: what is written and what is
 * read cannot diverge. Integers and floats are little-endian, floats IEEE 754.
 *
 * A reader trusts nothing. It fails past the end, at a number that is not finite and at what a visit does not expect;
 * from then on it does nothing, and what it should have filled stays as it was: ask espalier_archive_good before what
 * was read is used as a size or an index. */
#ifndef ESPALIER_ARCHIVE_H
#define ESPALIER_ARCHIVE_H

#include <espalier/random.h>
#include <espalier/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct espalier_archive {
    bool reading;
    const char *path; /* for messages */
    uint8_t *bytes;   /* reading: given; writing: grows, to be freed by the caller */
    size_t size, at;  /* there are (writing: there is room for), and written or read so far */
    enum espalier_status status;
    struct espalier_error *error; /* tells the first failure */
};

/* A function that sees all that makes up the context, in one order. */
typedef void espalier_visit(struct espalier_archive *archive, void *context);

static inline bool espalier_archive_good(const struct espalier_archive *archive)
{
    return archive->status == ESPALIER_OK;
}

/* Arrays of @p count; of one for a single number. Floats and doubles must be finite. */
void espalier_archive_u8(struct espalier_archive *archive, uint8_t *values, size_t count);
void espalier_archive_i8(struct espalier_archive *archive, int8_t *values, size_t count);
void espalier_archive_u16(struct espalier_archive *archive, uint16_t *values, size_t count);
void espalier_archive_u32(struct espalier_archive *archive, uint32_t *values, size_t count);
void espalier_archive_u64(struct espalier_archive *archive, uint64_t *values, size_t count);
void espalier_archive_floats(struct espalier_archive *archive, float *values, size_t count);
/* Floats that are not under 0. */
void espalier_archive_squares(struct espalier_archive *archive, float *values, size_t count);
void espalier_archive_doubles(struct espalier_archive *archive, double *values, size_t count);

/* A generator's state, which is never all 0. */
void espalier_archive_random(struct espalier_archive *archive, struct espalier_random *random);

/* How a file begins: what it is, in 4 letters, and the version of its layout. */
struct espalier_archive_kind {
    char magic[4];
    uint32_t version;
    const char *name; /* for messages, as in "the state of a training" */
};

/* The first that is written, or read: magic and version. Reading, a file that is of another kind or version, or whose
 * checksum is wrong (espalier_archive_check_seal), is refused. */
void espalier_archive_begin(struct espalier_archive *archive, const struct espalier_archive_kind *kind);

/* Text that must be there as it is. */
void espalier_archive_name(struct espalier_archive *archive, const char *name);

/* Reading: fails, with the path and what the format says, unless @p good. Writing: nothing. */
__attribute__((format(printf, 3, 4))) void espalier_archive_expect(struct espalier_archive *archive, bool good,
                                                                   const char *format, ...);

/* Reading: moves on by @p size bytes, which must be there. */
void espalier_archive_skip(struct espalier_archive *archive, size_t size);

/* The CRC-32 of all before it: appended, and the archive is complete; or checked, and out of reach from then on. */
void espalier_archive_seal(struct espalier_archive *archive);
void espalier_archive_check_seal(struct espalier_archive *archive);

#endif
