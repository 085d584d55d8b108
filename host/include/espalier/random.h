/** One small seeded generator for training, drawing images and tests: same seed, same sequence, on every machine. */
#ifndef ESPALIER_RANDOM_H
#define ESPALIER_RANDOM_H

#include <stdint.h>

/** State of xoshiro256** (Blackman and Vigna 2018), seeded through splitmix64. */
struct espalier_random {
    uint64_t state[4];
};

void espalier_random_seed(struct espalier_random *random, uint64_t seed);
uint64_t espalier_random_bits(struct espalier_random *random);
/** Uniform integer in [0, bound), without bias; bound > 0. */
uint32_t espalier_random_below(struct espalier_random *random, uint32_t bound);
/** Uniform in [0, 1). */
double espalier_random_uniform(struct espalier_random *random);
/** Normal with mean 0 and deviation 1 (Box-Muller). */
double espalier_random_normal(struct espalier_random *random);
/** Fisher-Yates shuffle of @p count indices. */
void espalier_random_shuffle(struct espalier_random *random, uint32_t *indices, uint32_t count);

#endif
