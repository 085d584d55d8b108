/* What a job is, as text: a line "name: value" for everything that its result depends on. Two jobs with the same text
 * give the same result bit for bit, on the same processor and build. */
#ifndef ESPALIER_FINGERPRINT_H
#define ESPALIER_FINGERPRINT_H

#include <espalier/compress.h>

enum { ESPALIER_FINGERPRINT_MAX = 1 << 15 };

struct espalier_fingerprint {
    size_t length;
    char text[ESPALIER_FINGERPRINT_MAX];
};

/* Begins the text of a job of plain training.
 * @param job  its name, which is the first line's value */
void espalier_fingerprint_train(struct espalier_fingerprint *out, const char *job,
                                const struct espalier_train_options *options, const struct espalier_network *network,
                                const struct espalier_dataset *data);

/* The same of a compression, which has such options within its own. */
void espalier_fingerprint_compress(struct espalier_fingerprint *out, const char *job,
                                   const struct espalier_compress_options *options,
                                   const struct espalier_network *network, const struct espalier_dataset *data);

/* Tells in @p reason the first line in which @p found [found_length], which may be anything, differs; false if none
 * does. */
bool espalier_fingerprint_differs(const struct espalier_fingerprint *fingerprint, const char *found,
                                  size_t found_length, char *reason, size_t reason_size);

#endif
