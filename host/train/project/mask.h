/* Masks that a generator makes: whoever knows seed, number and shape knows the positions, so no index need be stored.
 */
#ifndef ESPALIER_MASK_H
#define ESPALIER_MASK_H

#include <stddef.h>
#include <stdint.h>

/* Draws @p keep positions (all, if there are no more). Every row gets the same number, the first ones one more if it
 * does not divide: lanes are balanced. Within a row, each set of columns is equally likely; columns are gone through in
 * rising order, one draw each, and nothing is remembered but two counts (selection sampling, Knuth vol. 2, 3.4.2,
 * algorithm S), so a decoder could make the positions as it goes. Draws are those of random.h.
 * @param mask  receives [rows][columns] */
void espalier_draw_mask(uint64_t seed, size_t keep, size_t rows, size_t columns, uint8_t *mask);

#endif
