/* Projections onto levels: the nearest values that a layer's kept weights may have when they are quantized. A kind's
 * levels are integer codes times one scale a layer, which is solved for together with the codes; or free (clustered).
 */
#ifndef ESPALIER_LEVELS_H
#define ESPALIER_LEVELS_H

#include <espalier/compress.h>

/* The codes low to high, 0 among them or not; there is one over 0. */
struct espalier_codes {
    int32_t low, high;
    bool no_zero;
};

/* The codes of a kind that is not clustered.
 * @param value_bits  1 to 8 */
struct espalier_codes espalier_codes_of(enum espalier_level_kind kind, uint8_t value_bits);

/* The code nearest to @p wanted, a value over the scale. */
int32_t espalier_nearest_code(const struct espalier_codes *codes, double wanted);

/* Solves min over s >= 0 and codes q_i of sum (w_i - s q_i)^2, exactly.
 *
 * For given codes the best scale is s = sum w q / sum q^2, and what it leaves is sum w^2 - (sum w q)^2 / sum q^2. For a
 * given scale the best codes are the nearest ones. So the codes at the optimum are those nearest to w / s for some s,
 * and as s falls from infinity to 0 a weight's code goes up by one (in magnitude) at s = |w| / (k - 1/2), k being the
 * new magnitude: going through these breakpoints in order meets every such choice of codes once, and the best of them
 * is the optimum. With codes -1 and 1 this is s = mean |w| (Rastegari et al. 2016, "XNOR-Net", eq. 6); with -1, 0 and 1
 * it is the mean of the k largest |w| for the best k.
 *
 * @param scale  receives s; 0 if all values are
 * @param gain   receives (sum w q)^2 / sum q^2, how much of sum w^2 the levels keep
 * @return ESPALIER_OK or ESPALIER_ERR_MEMORY */
enum espalier_status espalier_solve_scale(const struct espalier_codes *codes, const float *values, size_t size,
                                          float *scale, double *gain, struct espalier_error *error);

/* The same over the codes of a kind, which a codebook may also hold with the sign turned: uniform codes reach further
 * to one side, and the better side is chosen.
 * @param codes  receives the kind's codes, perhaps turned */
enum espalier_status espalier_solve_codes(enum espalier_level_kind kind, uint8_t value_bits, const float *values,
                                          size_t size, struct espalier_codes *codes, float *scale,
                                          struct espalier_error *error);

/* Moves the values whose mask is 1 to the nearest ones that have at most 2^value_bits levels of that kind (clustered:
 * with the reservation of cluster.h).
 * @param values      [size], changed in place where mask is 1
 * @param value_bits  1 to 8; clustered and no_zero: 1 to 4 */
enum espalier_status espalier_project_levels(enum espalier_level_kind kind, uint8_t value_bits, const uint8_t *mask,
                                             size_t size, float *values, struct espalier_error *error);

#endif
