/* Whole files in memory. Private to the library and the tool. */
#ifndef ESPALIER_FILE_H
#define ESPALIER_FILE_H

#include <espalier/status.h>
#include <stddef.h>
#include <stdint.h>

/** Reads a file of at most @p limit bytes. Memory grows with what is really read.
 *  @param bytes  receives the content, to be freed by the caller, with a zero byte behind it; NULL on failure
 *  @return ESPALIER_ERR_IO if it cannot be read, ESPALIER_ERR_FORMAT if it is longer than @p limit */
enum espalier_status espalier_file_read(const char *path, size_t limit, uint8_t **bytes, size_t *size,
                                        struct espalier_error *error);

/** Writes a file that is complete or not there: written beside under a name of its own, flushed to disk, then renamed.
 */
enum espalier_status espalier_file_write(const char *path, const void *bytes, size_t size,
                                         struct espalier_error *error);

#endif
