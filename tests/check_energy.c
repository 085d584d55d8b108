/* The energy proxy by hand, and price files. */
#include "support/support.h"

#include <espalier/counters.h>
#include <espalier/energy.h>
#include <string.h>

/* One event of every kind, priced by hand: 8 positions, so an activation word has 64 bits. */
START_TEST(one_event_of_each_kind_costs_its_price)
{
    uint64_t counters[ESPALIER_COUNTERS] = {0};
    struct espalier_prices prices;
    struct espalier_energy energy;
    static const struct {
        unsigned counter;
        double picojoules, link;
    } cases[] = {
        {ESPALIER_COUNT_MULTIPLIES, 0.2, 0},     {ESPALIER_COUNT_ACC_UPDATES, 0.1, 0},
        {ESPALIER_COUNT_LIST_READS, 1.25, 0},    {ESPALIER_COUNT_ACT_READS, 20 + 2.5, 0},
        {ESPALIER_COUNT_ACT_WRITES, 20, 0},      {ESPALIER_COUNT_VALUE_BITS, 0.15625, 0},
        {ESPALIER_COUNT_INDEX_BITS, 0.15625, 0}, {ESPALIER_COUNT_OTHER_BITS, 0.15625, 0},
        {ESPALIER_COUNT_LINK_IN, 0, 162.5},      {ESPALIER_COUNT_LINK_OUT, 0, 162.5},
        {ESPALIER_COUNT_CYCLES, 0, 0},           {ESPALIER_COUNT_BUSY, 0, 0},
        {ESPALIER_COUNT_STALL_SETUP, 0, 0},      {ESPALIER_COUNT_FILLERS, 0, 0},
    };
    espalier_prices_default(&prices);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(counters, 0, sizeof counters);
        counters[cases[i].counter] = 1000;
        espalier_energy_of(counters, 8, &prices, &energy);
        ck_assert_double_eq_tol(energy.total, 1000 * cases[i].picojoules, 1e-9);
        ck_assert_double_eq_tol(energy.link, 1000 * cases[i].link, 1e-9);
    }
}
END_TEST

START_TEST(total_is_the_sum_of_the_parts_and_names_are_distinct)
{
    uint64_t counters[ESPALIER_COUNTERS];
    struct espalier_prices prices;
    struct espalier_energy energy;
    espalier_prices_default(&prices);
    for (size_t i = 0; i < ESPALIER_COUNTERS; i++)
        counters[i] = UINT64_C(5000000000) + i; /* sums go beyond 32 bits */
    espalier_energy_of(counters, 4, &prices, &energy);
    double sum = 0;
    for (int i = 0; i < ESPALIER_ENERGY_PARTS; i++) {
        ck_assert(energy.parts[i] > 0);
        sum += energy.parts[i];
        for (int k = 0; k < i; k++)
            ck_assert_str_ne(espalier_energy_part_name((enum espalier_energy_part)i),
                             espalier_energy_part_name((enum espalier_energy_part)k));
    }
    ck_assert_double_eq_tol(energy.total, sum, 1e-3);
    ck_assert_double_eq_tol(energy.parts[ESPALIER_ENERGY_MULTIPLY], 0.2 * (double)counters[ESPALIER_COUNT_MULTIPLIES],
                            1e-3);
}
END_TEST

START_TEST(a_price_file_replaces_the_prices_it_names)
{
    static const char text[] = "# mine\n\nmultiply 0.5\n  link_byte\t1e3 # USB\r\nadd 0\n";
    struct espalier_prices prices, defaults;
    struct espalier_error error = {0};
    test_write_file(test_path(0, "prices"), text, sizeof text - 1);
    espalier_prices_default(&prices);
    espalier_prices_default(&defaults);
    test_ok(espalier_prices_read(test_path(0, "prices"), &prices, &error));
    ck_assert_double_eq(prices.picojoules[ESPALIER_PRICE_MULTIPLY], 0.5);
    ck_assert_double_eq(prices.picojoules[ESPALIER_PRICE_LINK_BYTE], 1000);
    ck_assert_double_eq(prices.picojoules[ESPALIER_PRICE_ADD], 0);
    ck_assert_double_eq(prices.picojoules[ESPALIER_PRICE_ACT_BIT], defaults.picojoules[ESPALIER_PRICE_ACT_BIT]);
}
END_TEST

START_TEST(malformed_price_files_are_refused_with_the_line_and_change_nothing)
{
    static const char *const texts[] = {
        "multiply 1\nmultiplies 2\n", "add 1\nadd\n",       "add 1\nadd -1\n",     "add 1\nadd nan\n",
        "add 1\nadd inf\n",           "add 1\nadd 1 2 3\n", "add 1\nadd 1x # c\n",
    };
    struct espalier_prices prices, defaults;
    struct espalier_error error = {0};
    espalier_prices_default(&prices);
    espalier_prices_default(&defaults);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        test_write_file(test_path(0, "prices"), texts[i], strlen(texts[i]));
        ck_assert_int_eq(espalier_prices_read(test_path(0, "prices"), &prices, &error), ESPALIER_ERR_FORMAT);
        ck_assert_msg(strstr(error.message, "line 2") != NULL, "%s", error.message);
        ck_assert_mem_eq(&prices, &defaults, sizeof prices);
    }
    ck_assert_int_eq(espalier_prices_read(test_path(0, "no-such-file"), &prices, &error), ESPALIER_ERR_IO);
}
END_TEST

START_TEST(every_counter_has_a_name_of_its_own)
{
    const struct espalier_counter_info *table = espalier_counter_table();
    for (size_t i = 0; i < ESPALIER_COUNTERS; i++) {
        ck_assert_ptr_nonnull(table[i].name);
        ck_assert_ptr_nonnull(table[i].meaning);
        for (size_t k = 0; k < i; k++)
            ck_assert_str_ne(table[i].name, table[k].name);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        one_event_of_each_kind_costs_its_price,    total_is_the_sum_of_the_parts_and_names_are_distinct,
        a_price_file_replaces_the_prices_it_names, malformed_price_files_are_refused_with_the_line_and_change_nothing,
        every_counter_has_a_name_of_its_own,
    };
    return test_run("energy", tests, sizeof tests / sizeof *tests);
}
