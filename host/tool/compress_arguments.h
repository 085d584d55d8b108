/* The command line of "espalier compress". */
#ifndef ESPALIER_TOOL_COMPRESS_ARGUMENTS_H
#define ESPALIER_TOOL_COMPRESS_ARGUMENTS_H

#include <espalier/compress.h>

struct compress_arguments {
    const char *baseline, *out, *data, *log, *pruned, *state; /* files; the last three may be NULL */
    bool json;
    uint32_t value_bits_count, levels_count;  /* how long these lists are; 0: not given */
    struct espalier_compress_options options; /* points into this: not to be copied */
    struct espalier_budget budgets[ESPALIER_LAYERS_MAX];
    struct espalier_family families[ESPALIER_LAYERS_MAX];
};

/* Reads the options; prints help, or what is wrong with them.
 * @return TOOL_GO_ON, or the exit code to end with */
int compress_read_arguments(int argc, char **argv, struct compress_arguments *arguments);

#endif
