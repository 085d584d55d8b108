#include <espalier/energy.h>

#include "file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PRICE_FILE_MAX = 1 << 16 };

/* Horowitz gives 10 pJ for 64 bits from a memory of 8 KB and 20 pJ from one of 32 KB. */
static const struct espalier_price_info table[ESPALIER_PRICES] = {
    [ESPALIER_PRICE_MULTIPLY] = {"multiply", "pJ an operation: 8-bit integer multiply, ISSCC 2014", 0.2},
    [ESPALIER_PRICE_ADD] = {"add", "pJ an operation: 32-bit integer add (accumulators have 24), ISSCC 2014", 0.1},
    [ESPALIER_PRICE_LIST_BIT] = {"list_bit", "pJ a bit: 64-bit read of an 8 KB SRAM / 64, ISSCC 2014", 10.0 / 64},
    [ESPALIER_PRICE_ACT_BIT] = {"act_bit", "pJ a bit: 64-bit read of a 32 KB SRAM / 64, ISSCC 2014", 20.0 / 64},
    [ESPALIER_PRICE_WEIGHT_BIT] = {"weight_bit", "pJ a bit: 64-bit read of an 8 KB SRAM / 64, ISSCC 2014", 10.0 / 64},
    [ESPALIER_PRICE_LINK_BYTE] = {"link_byte", "pJ a byte: priced as DRAM, 1,300 pJ for 64 bits, ISSCC 2014",
                                  1300.0 / 8},
};

/* How a part is priced: counter * units * price, and times POSITIONS where the unit is an activation word. */
static const struct {
    const char *name;
    unsigned counter, units;
    enum espalier_price price;
    int a_word;
} parts[ESPALIER_ENERGY_PARTS] = {
    [ESPALIER_ENERGY_MULTIPLY] = {"multiply", ESPALIER_COUNT_MULTIPLIES, 1, ESPALIER_PRICE_MULTIPLY, 0},
    [ESPALIER_ENERGY_ACCUMULATE] = {"accumulate", ESPALIER_COUNT_ACC_UPDATES, 1, ESPALIER_PRICE_ADD, 0},
    [ESPALIER_ENERGY_LIST_READS] = {"list_reads", ESPALIER_COUNT_LIST_READS, 8, ESPALIER_PRICE_LIST_BIT, 0},
    [ESPALIER_ENERGY_OFFSET_READS] = {"offset_reads", ESPALIER_COUNT_ACT_READS, 16, ESPALIER_PRICE_LIST_BIT, 0},
    [ESPALIER_ENERGY_ACT_READS] = {"act_reads", ESPALIER_COUNT_ACT_READS, 8, ESPALIER_PRICE_ACT_BIT, 1},
    [ESPALIER_ENERGY_ACT_WRITES] = {"act_writes", ESPALIER_COUNT_ACT_WRITES, 8, ESPALIER_PRICE_ACT_BIT, 1},
    [ESPALIER_ENERGY_VALUE_BITS] = {"value_bits", ESPALIER_COUNT_VALUE_BITS, 1, ESPALIER_PRICE_WEIGHT_BIT, 0},
    [ESPALIER_ENERGY_INDEX_BITS] = {"index_bits", ESPALIER_COUNT_INDEX_BITS, 1, ESPALIER_PRICE_WEIGHT_BIT, 0},
    [ESPALIER_ENERGY_OTHER_BITS] = {"other_bits", ESPALIER_COUNT_OTHER_BITS, 1, ESPALIER_PRICE_WEIGHT_BIT, 0},
};

const struct espalier_price_info *espalier_price_table(void)
{
    return table;
}

const char *espalier_energy_part_name(enum espalier_energy_part part)
{
    return parts[part].name;
}

void espalier_prices_default(struct espalier_prices *prices)
{
    for (size_t i = 0; i < ESPALIER_PRICES; i++)
        prices->picojoules[i] = table[i].picojoules;
}

/* One line without its end. An empty one changes nothing. @return what is wrong with it, or NULL */
static const char *read_line(char *line, struct espalier_prices *prices)
{
    char *rest = NULL, *number_end = NULL;
    line[strcspn(line, "#")] = '\0';
    const char *name = strtok_r(line, " \t\r", &rest);
    if (!name)
        return NULL;
    const char *number = strtok_r(NULL, " \t\r", &rest);
    if (!number || strtok_r(NULL, " \t\r", &rest))
        return "a name and a value are expected";
    double value = strtod(number, &number_end);
    if (*number_end != '\0' || !isfinite(value) || value < 0)
        return "the value is not a number of 0 or more";
    for (size_t i = 0; i < ESPALIER_PRICES; i++) {
        if (strcmp(name, table[i].name) == 0) {
            prices->picojoules[i] = value;
            return NULL;
        }
    }
    return "there is no price of this name";
}

enum espalier_status espalier_prices_read(const char *path, struct espalier_prices *prices,
                                          struct espalier_error *error)
{
    uint8_t *bytes;
    size_t size;
    enum espalier_status status = espalier_file_read(path, PRICE_FILE_MAX, &bytes, &size, error);
    if (status != ESPALIER_OK)
        return status;
    struct espalier_prices changed = *prices;
    unsigned number = 1;
    for (char *line = (char *)bytes, *next; line; line = next, number++) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        const char *fault = read_line(line, &changed);
        if (fault) {
            status = espalier_fail(error, ESPALIER_ERR_FORMAT, "%s, line %u: %s", path, number, fault);
            goto done;
        }
    }
    *prices = changed;
done:
    free(bytes);
    return status;
}

void espalier_energy_of(const uint64_t counters[ESPALIER_COUNTERS], uint32_t positions,
                        const struct espalier_prices *prices, struct espalier_energy *out)
{
    out->total = 0;
    for (size_t i = 0; i < ESPALIER_ENERGY_PARTS; i++) {
        double units = (double)parts[i].units * (parts[i].a_word ? positions : 1);
        out->parts[i] = (double)counters[parts[i].counter] * units * prices->picojoules[parts[i].price];
        out->total += out->parts[i];
    }
    uint64_t link_bytes = counters[ESPALIER_COUNT_LINK_IN] + counters[ESPALIER_COUNT_LINK_OUT];
    out->link = (double)link_bytes * prices->picojoules[ESPALIER_PRICE_LINK_BYTE];
}
