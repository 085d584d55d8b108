#include "state.h"
#include "file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct espalier_archive_kind KIND = {
    .magic = {'E', 'S', 'P', 'T'}, .version = 3, .name = "the state of a training"};
static const size_t FILE_MAX = (size_t)1 << 30;

/* Refuses the state of another job. */
static void check_fingerprint(struct espalier_archive *archive, const struct espalier_fingerprint *fingerprint)
{
    char reason[106]; /* the message holds it whole */
    uint32_t length = 0;

    espalier_archive_u32(archive, &length, 1);
    size_t at = archive->at;
    espalier_archive_skip(archive, length);
    if (espalier_archive_good(archive) &&
        espalier_fingerprint_differs(fingerprint, (const char *)archive->bytes + at, length, reason, sizeof reason))
        archive->status = espalier_fail(archive->error, ESPALIER_ERR_RANGE,
                                        "%.80s: of another job: %s; give its options again, or remove it to begin "
                                        "anew",
                                        archive->path, reason);
}

static void forget(struct espalier_archive *saved)
{
    free(saved->bytes);
    memset(saved, 0, sizeof *saved);
}

enum espalier_status espalier_state_open(struct espalier_state *state, struct espalier_error *error)
{
    struct espalier_archive *saved = &state->saved;

    if (state->path == NULL || access(state->path, F_OK) != 0)
        return ESPALIER_OK;
    *saved = (struct espalier_archive){.reading = true, .path = state->path, .error = error};
    saved->status = espalier_file_read(state->path, FILE_MAX, &saved->bytes, &saved->size, error);
    espalier_archive_begin(saved, &KIND);
    check_fingerprint(saved, &state->fingerprint);
    espalier_archive_u32(saved, &state->epochs, 1);
    return saved->status;
}

enum espalier_status espalier_state_close(struct espalier_state *state, enum espalier_status status,
                                          struct espalier_error *error)
{
    if (status == ESPALIER_OK && state->saved.bytes != NULL)
        status = espalier_fail(error, ESPALIER_ERR_FORMAT, "%s: holds a part that the job never comes to", state->path);
    forget(&state->saved);
    return status;
}

enum espalier_status espalier_state_enter(struct espalier_state *state, const char *name, espalier_visit *visit,
                                          void *context, struct espalier_error *error)
{
    struct espalier_archive *saved = &state->saved;

    state->parts[state->part_count].name = name;
    state->parts[state->part_count].visit = visit;
    state->parts[state->part_count++].context = context;
    if (saved->bytes == NULL)
        return ESPALIER_OK;
    saved->error = error;
    espalier_archive_name(saved, name);
    if (espalier_archive_good(saved))
        visit(saved, context);
    enum espalier_status status = saved->status;
    if (status == ESPALIER_OK && saved->at == saved->size)
        forget(saved); /* all is there again */
    return status;
}

void espalier_state_leave(struct espalier_state *state)
{
    state->part_count--;
}

enum espalier_status espalier_state_save(struct espalier_state *state, struct espalier_error *error)
{
    struct espalier_archive archive = {.path = state->path, .error = error};
    uint32_t length = (uint32_t)state->fingerprint.length;

    state->epochs++;
    if (state->path == NULL)
        return ESPALIER_OK;
    if (state->saved.bytes != NULL)
        return espalier_fail(error, ESPALIER_ERR_FORMAT, "%s: holds a part that the job never comes to", state->path);
    espalier_archive_begin(&archive, &KIND);
    espalier_archive_u32(&archive, &length, 1);
    espalier_archive_u8(&archive, (uint8_t *)state->fingerprint.text, length);
    espalier_archive_u32(&archive, &state->epochs, 1);
    for (uint32_t i = 0; i < state->part_count && espalier_archive_good(&archive); i++) {
        espalier_archive_name(&archive, state->parts[i].name);
        state->parts[i].visit(&archive, state->parts[i].context);
    }
    espalier_archive_seal(&archive);
    if (espalier_archive_good(&archive))
        archive.status = espalier_file_write(state->path, archive.bytes, archive.at, error);
    free(archive.bytes);
    return archive.status;
}
