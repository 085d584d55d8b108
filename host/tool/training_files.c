/* The files that train and compress are given: what is refused before a run begins. */
#include "tool.h"
#include "training.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_MAX = 4096 };

/* How a log of training.c begins: CSV; JSON; JSON without a row. */
static const char *const log_beginnings[] = {"stage,epoch,", "[\n{\"stage\": ", "[\n]\n"};

/* The part of a path behind its folder. */
static const char *name_in_folder(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* The folder of a path, told so that it must be one. @return whether there is room for it */
static bool folder_of(const char *path, char folder[FOLDER_MAX])
{
    int length = (int)(name_in_folder(path) - path);

    return snprintf(folder, FOLDER_MAX, "%.*s.", length, path) < FOLDER_MAX;
}

static bool same_node(const char *path, const char *other)
{
    struct stat a, b;

    return stat(path, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
           (S_ISREG(a.st_mode) || S_ISDIR(a.st_mode));
}

/* Whether two paths are the same file, or would be if it were there. */
static bool same_file(const char *path, const char *other)
{
    char folder[FOLDER_MAX], other_folder[FOLDER_MAX];

    if (strcmp(path, other) == 0 || same_node(path, other))
        return true;
    return strcmp(name_in_folder(path), name_in_folder(other)) == 0 && folder_of(path, folder) &&
           folder_of(other, other_folder) && same_node(folder, other_folder);
}

/* Whether a file that is there is a log of training, or empty, so that it may be written anew. */
static bool is_log(const char *path)
{
    char begin[16];
    FILE *file = fopen(path, "rb");
    size_t size = file != NULL ? fread(begin, 1, sizeof begin, file) : 0;
    bool is = size == 0;

    for (size_t i = 0; i < sizeof log_beginnings / sizeof *log_beginnings; i++) {
        size_t length = strlen(log_beginnings[i]);
        is = is || memcmp(begin, log_beginnings[i], size < length ? size : length) == 0;
    }
    if (file != NULL)
        fclose(file);
    return is;
}

/* Refuses a file that could not be written when its time has come. */
static enum espalier_status check_place(const struct training_file *file, struct espalier_error *error)
{
    struct stat status;
    char folder[FOLDER_MAX];
    bool there = stat(file->path, &status) == 0, appended = there && file->use == TRAINING_LOGGED;

    if (*name_in_folder(file->path) == '\0' || (there && S_ISDIR(status.st_mode)))
        return espalier_fail(error, ESPALIER_ERR_IO, "%s %.100s: is a folder, not a file", file->name, file->path);
    if (there && !appended && !S_ISREG(status.st_mode))
        return espalier_fail(error, ESPALIER_ERR_IO, "%s %.100s: is no regular file", file->name, file->path);
    if (!folder_of(file->path, folder))
        return espalier_fail(error, ESPALIER_ERR_IO, "%s %.100s...: is too long", file->name, file->path);
    if (appended ? access(file->path, W_OK) != 0 : access(folder, W_OK | X_OK) != 0)
        return espalier_fail(error, ESPALIER_ERR_IO, "%s %.100s: cannot be written: %s", file->name, file->path,
                             strerror(errno));
    if (appended && S_ISREG(status.st_mode) && !is_log(file->path))
        return espalier_fail(error, ESPALIER_ERR_IO,
                             "%s %.100s: is there and is no log of training, which would take its place", file->name,
                             file->path);
    return ESPALIER_OK;
}

int training_check_files(const char *command, const struct training_file *files, size_t count)
{
    struct espalier_error error;

    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count; k++)
            if (files[i].path != NULL && files[k].path != NULL && same_file(files[i].path, files[k].path))
                return tool_usage_error(command, "%s and %s are the same file, %s", files[i].name, files[k].name,
                                        files[k].path);
    for (size_t i = 0; i < count; i++)
        if (files[i].path != NULL && files[i].use != TRAINING_READ && check_place(&files[i], &error) != ESPALIER_OK)
            return tool_fail(command, &error);
    return TOOL_GO_ON;
}
