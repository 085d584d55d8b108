/** A proxy of the energy that a computation takes: event counts of the hardware times a list of prices.
 *
 *  It is a proxy: it prices what was counted as if it happened in the technology of the list, and nothing else (no
 * clock, no leakage, no wires). Compare designs with it, and never without the counts. */
#ifndef ESPALIER_ENERGY_H
#define ESPALIER_ENERGY_H

#include <espalier/protocol.h>
#include <espalier/status.h>
#include <stdint.h>

/** What has a price. */
enum espalier_price {
    ESPALIER_PRICE_MULTIPLY,   /**< an 8-bit multiplication */
    ESPALIER_PRICE_ADD,        /**< an addition into the accumulator */
    ESPALIER_PRICE_LIST_BIT,   /**< a bit read from step list or column table */
    ESPALIER_PRICE_ACT_BIT,    /**< a bit read from or written to the activation memory */
    ESPALIER_PRICE_WEIGHT_BIT, /**< a bit of the weight stream read from the weight memory */
    ESPALIER_PRICE_LINK_BYTE,  /**< a byte over the link */
    ESPALIER_PRICES
};

/** A price with its origin. */
struct espalier_price_info {
    const char *name;   /**< as in a price file */
    const char *source; /**< where the default comes from, and its unit */
    double picojoules;  /**< the default: 45 nm (Horowitz, ISSCC 2014) */
};

/** [ESPALIER_PRICES] the table. Static storage. */
const struct espalier_price_info *espalier_price_table(void);

struct espalier_prices {
    double picojoules[ESPALIER_PRICES];
};

void espalier_prices_default(struct espalier_prices *prices);

/** Replaces prices by those of a text file: lines "NAME VALUE" (picojoules, 0 or more), "#" begins a comment.
 *  Prices that it does not name stay as they are.
 *  @return ESPALIER_ERR_IO, or ESPALIER_ERR_FORMAT with the line; @p prices is then unchanged */
enum espalier_status espalier_prices_read(const char *path, struct espalier_prices *prices,
                                          struct espalier_error *error);

/** The parts of the proxy. */
enum espalier_energy_part {
    ESPALIER_ENERGY_MULTIPLY,     /**< multiplies */
    ESPALIER_ENERGY_ACCUMULATE,   /**< acc_updates, an addition each */
    ESPALIER_ENERGY_LIST_READS,   /**< list_reads, 8 bits (a weight) each */
    ESPALIER_ENERGY_OFFSET_READS, /**< act_reads, 16 bits (the offset that led to the activation) each */
    ESPALIER_ENERGY_ACT_READS,    /**< act_reads, a word of POSITIONS bytes each */
    ESPALIER_ENERGY_ACT_WRITES,   /**< act_writes, a word of POSITIONS bytes each */
    ESPALIER_ENERGY_VALUE_BITS,   /**< value_bits */
    ESPALIER_ENERGY_INDEX_BITS,   /**< index_bits, fillers included */
    ESPALIER_ENERGY_OTHER_BITS,   /**< other_bits */
    ESPALIER_ENERGY_PARTS
};

/** The name of a part, as it stands in JSON. Static storage. */
const char *espalier_energy_part_name(enum espalier_energy_part part);

/** In picojoules. */
struct espalier_energy {
    double parts[ESPALIER_ENERGY_PARTS];
    double total; /**< the sum of the parts */
    double link;  /**< link_in and link_out; apart, for it says more of the board than of the accelerator */
};

/** Prices what was counted.
 *  @param counters   [ESPALIER_COUNTERS] sums, indexed by ESPALIER_COUNT_*
 *  @param positions  bytes of an activation word (capability POSITIONS) */
void espalier_energy_of(const uint64_t counters[ESPALIER_COUNTERS], uint32_t positions,
                        const struct espalier_prices *prices, struct espalier_energy *out);

#endif
