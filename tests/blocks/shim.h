/** What C sees of a Verilated block: its ports as bytes, least significant first, and its evaluation. */
#ifndef ESPALIER_BLOCK_SHIM_H
#define ESPALIER_BLOCK_SHIM_H

#include <stdint.h>

enum { BLOCK_PORTS = 48 };

struct block_port {
    const char *name;
    unsigned bits;
    void *data; /**< whole bytes; the bits above the port's are 0 */
};

struct block_model {
    const char *module, *parameters;
    /** Makes a model whose registers and memories come up at random, drawn from @p seed. Tells its ports, the rest of
     * which are left as they are. @return NULL if out of memory */
    void *(*power_up)(uint32_t seed, struct block_port ports[BLOCK_PORTS]);
    void (*evaluate)(void *model);
    void (*power_down)(void *model);
};

/** One a line of blocks.txt, in its order. */
extern const struct block_model block_models[];
extern const unsigned block_model_count;

#endif
