/** A single RTL module under test: its ports by name, its clock, and the parameters that it was built with. A name that
 * it does not have fails the test. */
#ifndef ESPALIER_BLOCK_H
#define ESPALIER_BLOCK_H

#include "shim.h"

#include <espalier/random.h>
#include <stdbool.h>
#include <stdint.h>

struct block {
    const struct block_model *model;
    void *state;
    struct block_port ports[BLOCK_PORTS];
    struct espalier_random random; /**< for the test's cases: another sequence for every block of the table */
    uint64_t cycles;
    bool changed; /**< an input has, since the last evaluation */
};

/** Powers up the next block of blocks.txt that is a @p module, after the one that @p block holds, which goes; begin
 * with an empty @p block. All inputs are 0; a block with i_reset has been reset. @return false behind the last one */
bool block_next(struct block *block, const char *module);

/** A parameter of its line in blocks.txt. */
unsigned block_parameter(const struct block *block, const char *name);

/** Sets an input, which has at most 64 bits; bits of @p value above are ignored. */
void block_set(struct block *block, const char *port, uint64_t value);
/** Sets @p bits of a port of any width, from @p first on. */
void block_set_bits(struct block *block, const char *port, unsigned first, unsigned bits, uint64_t value);
/** Gives an input of at most 64 bits a random value, which is returned. */
uint64_t block_draw(struct block *block, const char *port);

/** An output of at most 64 bits, as it follows from the inputs now. */
uint64_t block_get(struct block *block, const char *port);
/** Reads @p bits of a port of any width, from @p first on. */
uint64_t block_get_bits(struct block *block, const char *port, unsigned first, unsigned bits);

/** A cycle: the rising edge of i_clk, with the inputs as they are. */
void block_clock(struct block *block);

/** Fails the test unless an output has this value. */
void block_expect(struct block *block, const char *port, uint64_t expected);
/** The same of @p bits of an output of any width, from @p first on. */
void block_expect_bits(struct block *block, const char *port, unsigned first, unsigned bits, uint64_t expected);

/** True with this @p probability. */
bool block_chance(struct block *block, double probability);
/** From 0 to @p bound - 1. */
uint32_t block_below(struct block *block, uint32_t bound);

#endif
