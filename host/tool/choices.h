/* Lists of choices, one a layer, as the command compress is given them: first layer first, separated by commas, the
 * last one going for all layers that follow. */
#ifndef ESPALIER_TOOL_CHOICES_H
#define ESPALIER_TOOL_CHOICES_H

#include <espalier/compress.h>

/* Reads families into [ESPALIER_LAYERS_MAX], all with rows balanced over @p lanes.
 * @param count  receives how many are named
 * @return ESPALIER_ERR_RANGE if one is none, or they are too many */
enum espalier_status choices_read_families(const char *text, uint32_t lanes, struct espalier_family *families,
                                           uint32_t *count, struct espalier_error *error);

/* The same for kinds of levels; @p bits [ESPALIER_LAYERS_MAX] becomes what a kind needs if it can be one width only. */
enum espalier_status choices_read_levels(const char *text, enum espalier_level_kind *levels, uint8_t *bits,
                                         uint32_t *count, struct espalier_error *error);

#endif
