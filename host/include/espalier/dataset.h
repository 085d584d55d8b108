/** Labelled grey images in the IDX format of MNIST, plain or gzip-compressed. */
#ifndef ESPALIER_DATASET_H
#define ESPALIER_DATASET_H

#include <espalier/status.h>
#include <stddef.h>
#include <stdint.h>

/** Images and labels. Filled by the functions below, freed by espalier_dataset_free. */
struct espalier_dataset {
    uint32_t count;
    uint32_t height, width;
    uint8_t *pixels;   /**< [count][height][width], 0 = background */
    uint8_t *labels;   /**< [count]; NULL if read without a label file */
    uint32_t *origins; /**< [count] place of each image in the file it came from; NULL: the images are the file's, in
                          its order */
};

/** Reads an IDX image file and its IDX label file (either may be gzip-compressed).
 *  @param labels_path  NULL to read images alone
 *  @param out  receives the set; zeroed on failure
 *  @return ESPALIER_ERR_IO if a file cannot be read, ESPALIER_ERR_FORMAT if it is malformed, truncated,
 *          longer than its header says, or the counts differ */
enum espalier_status espalier_dataset_read(const char *images_path, const char *labels_path,
                                           struct espalier_dataset *out, struct espalier_error *error);

/** Draws @p count of the set's images without repetition (Fisher-Yates with @p seed), keeping them in @p dataset
 *  in the order in which they were drawn; origins tells where they came from.
 *  @return ESPALIER_ERR_RANGE if count is 0 or more than there are */
enum espalier_status espalier_dataset_draw(struct espalier_dataset *dataset, uint32_t count, uint64_t seed,
                                           struct espalier_error *error);

/** Keeps the images @p first to first + count - 1 alone; origins tells where they came from.
 *  @return ESPALIER_ERR_RANGE if count is 0 or they are not there: the set is then as before */
enum espalier_status espalier_dataset_part(struct espalier_dataset *dataset, uint32_t first, uint32_t count,
                                           struct espalier_error *error);

void espalier_dataset_free(struct espalier_dataset *dataset);

#endif
