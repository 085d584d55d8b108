#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_READ = 1 << 16 };

static enum espalier_status fail_errno(struct espalier_error *error, const char *path, const char *what)
{
    return espalier_fail(error, ESPALIER_ERR_IO, "%s: %s: %s", path, what, strerror(errno));
}

enum espalier_status espalier_file_read(const char *path, size_t limit, uint8_t **bytes, size_t *size,
                                        struct espalier_error *error)
{
    enum espalier_status status = ESPALIER_OK;
    uint8_t *content = NULL;
    size_t capacity = 0, filled = 0;
    *bytes = NULL;
    *size = 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail_errno(error, path, "cannot be opened");
    do {
        /* One byte more than is filled stays free, for the zero byte at the end. */
        if (filled + 1 >= capacity) {
            capacity = capacity ? 2 * capacity : FIRST_READ;
            uint8_t *grown = realloc(content, capacity);
            if (!grown) {
                status = espalier_fail(error, ESPALIER_ERR_MEMORY, "%s: no memory for %zu bytes", path, capacity);
                goto done;
            }
            content = grown;
        }
        filled += fread(content + filled, 1, capacity - 1 - filled, file);
        if (ferror(file)) {
            status = fail_errno(error, path, "cannot be read");
            goto done;
        }
        if (filled > limit) {
            status = espalier_fail(error, ESPALIER_ERR_FORMAT, "%s: longer than %zu bytes", path, limit);
            goto done;
        }
    } while (!feof(file));
    content[filled] = 0;
    *bytes = content;
    *size = filled;
    content = NULL;
done:
    fclose(file);
    free(content);
    return status;
}

static enum espalier_status write_all(int descriptor, const char *path, const uint8_t *bytes, size_t size,
                                      struct espalier_error *error)
{
    while (size > 0) {
        ssize_t written = write(descriptor, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail_errno(error, path, "cannot be written");
        bytes += written;
        size -= (size_t)written;
    }
    return fsync(descriptor) == 0 || errno == EINVAL ? ESPALIER_OK : fail_errno(error, path, "cannot be written");
}

enum espalier_status espalier_file_write(const char *path, const void *bytes, size_t size, struct espalier_error *error)
{
    size_t length = strlen(path) + 32;
    char *beside = malloc(length);
    if (!beside)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "%s: no memory for its name", path);
    snprintf(beside, length, "%s.%ld.tmp", path, (long)getpid());
    enum espalier_status status;
    int descriptor = open(beside, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (descriptor < 0) {
        status = fail_errno(error, path, "cannot be created");
        goto done;
    }
    status = write_all(descriptor, path, bytes, size, error);
    if (close(descriptor) != 0 && status == ESPALIER_OK)
        status = fail_errno(error, path, "cannot be written");
    if (status == ESPALIER_OK && rename(beside, path) != 0)
        status = fail_errno(error, path, "cannot be replaced");
    if (status != ESPALIER_OK)
        unlink(beside);
done:
    free(beside);
    return status;
}
