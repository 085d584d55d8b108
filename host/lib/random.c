/* xoshiro256** 1.0, its state filled by splitmix64 (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2018). Every draw takes the high bits, which are the best ones of this generator. */
#include <espalier/random.h>

#include <math.h>

static uint64_t rotate_left(uint64_t value, unsigned count)
{
    return (value << count) | (value >> (64 - count));
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

void espalier_random_seed(struct espalier_random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        random->state[i] = splitmix64(&seed);
}

uint64_t espalier_random_bits(struct espalier_random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint32_t espalier_random_below(struct espalier_random *random, uint32_t bound)
{
    /* Draws below 2^32 mod bound are thrown away, so that the rest divides evenly. */
    uint32_t threshold = (uint32_t)(-bound) % bound;
    uint32_t draw;
    do
        draw = (uint32_t)(espalier_random_bits(random) >> 32);
    while (draw < threshold);
    return draw % bound;
}

double espalier_random_uniform(struct espalier_random *random)
{
    return (double)(espalier_random_bits(random) >> 11) * 0x1p-53;
}

double espalier_random_normal(struct espalier_random *random)
{
    const double two_pi = 6.283185307179586;
    double radius = sqrt(-2.0 * log(1.0 - espalier_random_uniform(random)));
    return radius * cos(two_pi * espalier_random_uniform(random));
}

void espalier_random_shuffle(struct espalier_random *random, uint32_t *indices, uint32_t count)
{
    for (uint32_t last = count; last > 1; last--) {
        uint32_t drawn = espalier_random_below(random, last);
        uint32_t kept = indices[last - 1];
        indices[last - 1] = indices[drawn];
        indices[drawn] = kept;
    }
}
