/* Patterns of 3x3 kernels (Niu et al. 2020, "PatDNN"; Ma et al. 2020, "PCONV"): which 4 of its 9 weights a kernel may
 * have. Bit ky * 3 + kx of a pattern is 1 if the weight may be there. */
#ifndef ESPALIER_PATTERN_H
#define ESPALIER_PATTERN_H

#include <espalier/family.h>

/* Moves each kernel to its nearest pattern, the first among equals: the one within which its norm is largest.
 * @param values  [size], kernel after kernel of 9; changed in place
 * @param mask    [size], receives 1 = in the pattern */
void espalier_apply_patterns(const uint16_t *patterns, uint32_t count, size_t size, float *values, uint8_t *mask);

/* Whether all kernels have 4 weights or none, the former in at most @p most patterns.
 * @param mask  [size], kernel after kernel of 9 */
bool espalier_have_patterns(const uint8_t *mask, size_t size, uint32_t most);

/* Chooses @p count of the 126 patterns for a layer's kernels, one after another, each time the one that adds most to
 * the squared norm that the patterns keep. Which so many patterns keep most is a problem of maximum coverage, which is
 * NP-hard; choosing greedily keeps at least 1 - 1/e of the best choice's squared norm (Nemhauser, Wolsey and Fisher
 * 1978).
 * @param values    [size], kernel after kernel of 9
 * @param count     1 to ESPALIER_PATTERNS_MAX
 * @param patterns  receives [count] */
void espalier_choose_patterns(const float *values, size_t size, uint32_t count, uint16_t *patterns);

#endif
