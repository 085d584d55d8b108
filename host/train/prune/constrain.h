/* Which constraints a step of progressive pruning puts on which layers: from families and budgets to sets. */
#ifndef ESPALIER_CONSTRAIN_H
#define ESPALIER_CONSTRAIN_H

#include <espalier/compress.h>

#include "admm.h"

enum { ESPALIER_CONSTRAINTS_MAX = 2 * ESPALIER_LAYERS_MAX };

struct espalier_step {
    const struct espalier_compress_options *options;
    const struct espalier_network *network;
    const struct espalier_budget *first, *target; /* [layers] kept before the first step, and after the last */
    double part; /* how far this step goes from the one to the other, geometrically: 0 to 1 */
};

/* Fills the constraints of a step; returns how many there are. Without families: single weights and, if the target
 * limits them, rows (gap); rows and columns (structured). The last layer keeps its rows. A budget of weights gives a
 * family as many units as are that many weights, but one at least; N:M and given masks are as the family says.
 * A structured family counts in rows and columns wherever the target has columns, in the gap format, too.
 * @param constraints  room for ESPALIER_CONSTRAINTS_MAX */
size_t espalier_constrain(const struct espalier_step *step, struct espalier_constraint *constraints);

/* Refuses families that do not suit the format, the layers or one another. */
enum espalier_status espalier_check_families(const struct espalier_compress_options *options,
                                             const struct espalier_network *network, struct espalier_error *error);

#endif
