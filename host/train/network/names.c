/* What kinds of families and of levels are called. */
#include <espalier/compress.h>
#include <espalier/family.h>

const char *espalier_family_kind_name(enum espalier_family_kind kind)
{
    static const char *const names[] = {[ESPALIER_ELEMENTS] = "elements",
                                        [ESPALIER_FILTERS] = "filters",
                                        [ESPALIER_CHANNELS] = "channels",
                                        [ESPALIER_COLUMNS] = "columns",
                                        [ESPALIER_FILTERS_COLUMNS] = "filters+columns",
                                        [ESPALIER_BLOCKS] = "blocks",
                                        [ESPALIER_N_OF_M] = "N:M",
                                        [ESPALIER_BANKS] = "banks",
                                        [ESPALIER_PATTERNS] = "patterns",
                                        [ESPALIER_MASK] = "mask"};

    return names[kind];
}

const char *espalier_level_kind_name(enum espalier_level_kind kind)
{
    static const char *const names[] = {[ESPALIER_LEVELS_CLUSTERED] = "clustered",
                                        [ESPALIER_LEVELS_UNIFORM] = "uniform",
                                        [ESPALIER_LEVELS_NO_ZERO] = "no-zero",
                                        [ESPALIER_LEVELS_BINARY] = "binary",
                                        [ESPALIER_LEVELS_TERNARY] = "ternary"};

    return names[kind];
}
