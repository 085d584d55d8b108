/* Images from outside: the data set of a command line, and single image files. */
#ifndef ESPALIER_TOOL_DATA_H
#define ESPALIER_TOOL_DATA_H

#include <espalier/dataset.h>
#include <espalier/model.h>

/* Of a folder with the files of MNIST. Held out are the last training images, those by which training judges. */
enum data_set { DATA_TEST, DATA_TRAINING, DATA_HELD_OUT };

/* Where the images come from. Zeroed: the 10,000 test digits of MNIST. */
struct data_source {
    enum data_set set;           /* if no files are named */
    const char *images, *labels; /* IDX files; both or neither */
    uint64_t count, seed;        /* draw this many with this seed; count 0: all, in the file's order */
};

/* The options that choose the images: rows of an option table, and what takes them.
 * @return what is wrong with the option, or NULL */
enum { DATA_COUNT = 256, DATA_SEED, DATA_SET, DATA_IMAGES, DATA_LABELS };
#define DATA_FOLDER "build/data" /* that "make data" fills */
#define DATA_HELP                                                                                                      \
    "  --set NAME         test (default), or training, or held-out: the training images but for the last 5,000, or "   \
    "those\n"                                                                                                          \
    "                     (of MNIST: 10,000 test and 60,000 training digits; from $ESPALIER_DATA if set)\n"            \
    "  --images FILE      IDX images instead, plain or gzip; with\n"                                                   \
    "  --labels FILE      their IDX labels\n"
#define DATA_OPTIONS                                                                                                   \
    {"count", required_argument, NULL, DATA_COUNT}, {"seed", required_argument, NULL, DATA_SEED},                      \
        {"set", required_argument, NULL, DATA_SET}, {"images", required_argument, NULL, DATA_IMAGES},                  \
    {                                                                                                                  \
        "labels", required_argument, NULL, DATA_LABELS                                                                 \
    }
const char *data_option(int code, const char *value, struct data_source *source);
/* What is wrong with all of them together, or NULL. */
const char *data_fault(const struct data_source *source);

/* Reads the source's images. MNIST is looked for in the folder that the environment's ESPALIER_DATA names, else its
 * test digits in the one compiled in, its training images in DATA_FOLDER. */
enum espalier_status data_read(const struct data_source *source, struct espalier_dataset *out,
                               struct espalier_error *error);

/* Reads train-images-idx3-ubyte and train-labels-idx1-ubyte, plain or with .gz behind, from a folder.
 * @return as espalier_dataset_read; the message tells how to obtain MNIST */
enum espalier_status data_read_training(const char *folder, struct espalier_dataset *out, struct espalier_error *error);

/* Whether @p dataset suits the model's input: one channel of the same size.
 * @return ESPALIER_ERR_RANGE with both sizes */
enum espalier_status data_check_input(const struct espalier_model *model, uint32_t height, uint32_t width,
                                      const char *name, struct espalier_error *error);

/* Reads one image for @p model: NAME.png, NAME.pgm (P2 or P5), or FILE:n, image n (from 0) of an IDX file, where the
 * name IDX stands for the test digits (or @p source's files). Colours become grey; transparency becomes black.
 * @param pixels  receives [height][width] bytes of the model's input, to be freed by the caller */
enum espalier_status data_read_image(const char *name, const struct data_source *source,
                                     const struct espalier_model *model, uint8_t **pixels,
                                     struct espalier_error *error);

#endif
