/* Projections: each against every member of its set, found from the set's definition by brute force; how families are
 * spelled and where they are refused; masks of every family through the model file's formats. */
#include "support/networks.h"
#include "support/random_model.h"
#include "support/support.h"

#include <espalier/pack.h>
#include <espalier/random.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "project/mask.h"
#include "project/pattern.h"
#include "project/project.h"
#include "prune/admm.h"
#include "quantize/export.h"
#include "quantize/quantize.h"

enum { WEIGHTS_MAX = 14 }; /* of a case: 2^14 masks are tried */

static struct espalier_error error;

/* Half of all cases are of small whole numbers, so that ties and zeros are there. */
static void draw_values(struct espalier_random *random, float *values, size_t count)
{
    bool whole = espalier_random_below(random, 2);
    for (size_t i = 0; i < count; i++)
        values[i] = whole ? (float)espalier_random_below(random, 5) - 2.0F : (float)espalier_random_normal(random);
}

static struct espalier_matrix draw_matrix(struct espalier_random *random, size_t most, float *values)
{
    size_t rows = 1 + espalier_random_below(random, 5);
    size_t columns = 1 + espalier_random_below(random, (uint32_t)(most / rows));
    draw_values(random, values, rows * columns);
    return (struct espalier_matrix){rows, columns, 1 + espalier_random_below(random, 4), values};
}

/* ---- the sets, by definition: a mask is a number whose bit i is weight i ---- */

static bool has(uint32_t mask, const struct espalier_matrix *matrix, size_t row, size_t column)
{
    return mask >> (row * matrix->columns + column) & 1;
}

/* Rectangles of so many rows and columns, from the corner, that have any weight. */
static size_t rectangles_used(uint32_t mask, const struct espalier_matrix *matrix, size_t rows, size_t columns)
{
    bool used[WEIGHTS_MAX][WEIGHTS_MAX] = {0};
    size_t count = 0;
    for (size_t r = 0; r < matrix->rows; r++)
        for (size_t c = 0; c < matrix->columns; c++)
            if (has(mask, matrix, r, c) && !used[r / rows][c / columns]) {
                used[r / rows][c / columns] = true;
                count++;
            }
    return count;
}

/* Tiles (tile_rows x tile_columns) in use within rows first..first+tile_rows-1, columns from..to-1. */
static size_t tiles_used(uint32_t mask, const struct espalier_matrix *matrix, size_t first, size_t tile_rows,
                         size_t tile_columns, size_t from, size_t to)
{
    size_t count = 0;
    for (size_t column = from; column < to; column += tile_columns) {
        bool any = false;
        for (size_t r = first; r < first + tile_rows && r < matrix->rows; r++)
            for (size_t c = column; c < column + tile_columns && c < to; c++)
                any = any || has(mask, matrix, r, c);
        count += any;
    }
    return count;
}

/* Sum over groups of `lanes` rows of the most tiles that a strip, `tile_rows` high, has in a bank of `bank` columns. */
static size_t steps_used(uint32_t mask, const struct espalier_matrix *matrix, size_t lanes, size_t tile_rows,
                         size_t tile_columns, size_t bank)
{
    size_t steps = 0;
    for (size_t group = 0; group < matrix->rows; group += lanes) {
        size_t most = 0;
        for (size_t strip = group; strip < group + lanes && strip < matrix->rows; strip += tile_rows)
            for (size_t from = 0; from < matrix->columns; from += bank) {
                size_t to = from + bank < matrix->columns ? from + bank : matrix->columns;
                size_t used = tiles_used(mask, matrix, strip, tile_rows, tile_columns, from, to);
                most = used > most ? used : most;
            }
        steps += most;
    }
    return steps;
}

static bool n_of_m(uint32_t mask, const struct espalier_matrix *matrix, size_t n, size_t m)
{
    for (size_t row = 0; row < matrix->rows; row++)
        for (size_t from = 0; from < matrix->columns; from += m) {
            size_t count = 0;
            for (size_t c = from; c < from + m && c < matrix->columns; c++)
                count += has(mask, matrix, row, c);
            if (count > n)
                return false;
        }
    return true;
}

/* How much of `keep` a mask uses up. */
static size_t used(const struct espalier_set *set, const struct espalier_matrix *matrix, uint32_t mask)
{
    const struct espalier_family *family = &set->family;
    size_t rows = matrix->rows, columns = matrix->columns, lanes = family->lanes > 1 ? family->lanes : 0;
    switch (family->kind) {
    case ESPALIER_ELEMENTS:
        return lanes ? steps_used(mask, matrix, lanes, 1, 1, columns) : (size_t)__builtin_popcount(mask);
    case ESPALIER_FILTERS:
        return rectangles_used(mask, matrix, 1, columns);
    case ESPALIER_CHANNELS:
        return rectangles_used(mask, matrix, rows, matrix->kernel);
    case ESPALIER_COLUMNS:
        return rectangles_used(mask, matrix, rows, 1);
    case ESPALIER_BLOCKS:
        return lanes ? steps_used(mask, matrix, lanes, family->first, family->second, columns)
                     : rectangles_used(mask, matrix, family->first, family->second);
    case ESPALIER_BANKS:
        return steps_used(mask, matrix, lanes ? lanes : 1, 1, 1, (columns + family->first - 1) / family->first);
    case ESPALIER_N_OF_M:
        return n_of_m(mask, matrix, set->keep, family->second) ? 0 : set->keep + 1;
    default:
        ck_abort_msg("no definition");
        return 0;
    }
}

static double norm_kept(const struct espalier_matrix *matrix, uint32_t mask)
{
    double norm = 0.0;
    for (size_t i = 0; i < matrix->rows * matrix->columns; i++)
        norm += mask >> i & 1 ? (double)matrix->values[i] * (double)matrix->values[i] : 0.0;
    return norm;
}

static uint32_t mask_bits(const uint8_t *mask, size_t count)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < count; i++)
        bits |= (uint32_t)mask[i] << i;
    return bits;
}

/* Projects a copy, checks that values and mask agree, and returns the mask. */
static uint32_t project_copy(const struct espalier_set *set, const struct espalier_matrix *matrix)
{
    float values[WEIGHTS_MAX * 4];
    uint8_t mask[WEIGHTS_MAX * 4], *masks[] = {mask};
    struct espalier_matrix copy = *matrix;
    size_t count = matrix->rows * matrix->columns;
    memcpy(values, matrix->values, count * sizeof *values);
    copy.values = values;
    test_ok(espalier_project(set, &copy, masks, 1, &error));
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_le(mask[i], 1);
        ck_assert(values[i] == (mask[i] ? matrix->values[i] : 0.0F));
    }
    return mask_bits(mask, count);
}

/* A family of one of the counted kinds, with sizes that need not divide those of the matrix. */
static struct espalier_family draw_counted(struct espalier_random *random, const struct espalier_matrix *matrix,
                                           uint32_t round)
{
    static const struct espalier_family families[] = {{.kind = ESPALIER_ELEMENTS},
                                                      {.kind = ESPALIER_FILTERS},
                                                      {.kind = ESPALIER_CHANNELS},
                                                      {.kind = ESPALIER_COLUMNS},
                                                      {.kind = ESPALIER_BLOCKS},
                                                      {.kind = ESPALIER_N_OF_M},
                                                      {.kind = ESPALIER_BANKS},
                                                      {.kind = ESPALIER_ELEMENTS, .lanes = 2},
                                                      {.kind = ESPALIER_BLOCKS, .lanes = 2},
                                                      {.kind = ESPALIER_BANKS, .lanes = 2}};
    struct espalier_family family = families[round % (sizeof families / sizeof *families)];
    uint32_t rows = (uint32_t)matrix->rows, columns = (uint32_t)matrix->columns;
    family.first = 1 + espalier_random_below(random, family.kind == ESPALIER_BANKS ? columns : rows);
    family.second = 1 + espalier_random_below(random, columns);
    if (family.lanes > 0)
        family.lanes = family.kind == ESPALIER_BLOCKS ? family.first * (1 + espalier_random_below(random, 3))
                                                      : 2 + espalier_random_below(random, 4);
    return family;
}

START_TEST(counted_projections_give_the_nearest_matrix_of_their_set)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(1500); round++) {
        float values[WEIGHTS_MAX];
        struct espalier_matrix matrix = draw_matrix(&random, WEIGHTS_MAX - round % 5, values);
        struct espalier_set set = {.family = draw_counted(&random, &matrix, round)};
        size_t count = matrix.rows * matrix.columns;
        double best = 0.0;
        set.keep = espalier_random_below(&random, (uint32_t)espalier_units(&set.family, &matrix) + 2);
        for (uint32_t mask = 0; mask < 1U << count; mask++)
            if (used(&set, &matrix, mask) <= set.keep)
                best = fmax(best, norm_kept(&matrix, mask));
        uint32_t got = project_copy(&set, &matrix);
        ck_assert_msg(used(&set, &matrix, got) <= set.keep, "round %u: not in the set", round);
        ck_assert_msg(fabs(norm_kept(&matrix, got) - best) < 1e-9, "round %u: %g kept, %g can be", round,
                      norm_kept(&matrix, got), best);
    }
}
END_TEST

START_TEST(keeping_all_changes_nothing_and_keeping_none_leaves_nothing)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(400); round++) {
        float values[WEIGHTS_MAX];
        struct espalier_matrix matrix = draw_matrix(&random, WEIGHTS_MAX, values);
        struct espalier_set set = {.family = draw_counted(&random, &matrix, round)};
        uint32_t all = (1U << matrix.rows * matrix.columns) - 1;
        ck_assert_uint_eq(project_copy(&set, &matrix), 0);
        set.keep = espalier_units(&set.family, &matrix);
        ck_assert_uint_eq(project_copy(&set, &matrix), all);
        set.keep = SIZE_MAX;
        ck_assert_uint_eq(project_copy(&set, &matrix), all);
    }
}
END_TEST

START_TEST(a_unit_is_as_many_weights_as_it_adds_where_sizes_divide)
{
    static const struct {
        const char *family;
        uint32_t lanes;
        size_t units, weights;
    } cases[] = {{"elements", 0, 192, 1},   {"elements", 4, 48, 4}, {"filters", 0, 8, 24},
                 {"channels", 0, 6, 32},    {"columns", 0, 24, 8},  {"blocks:2x3", 0, 32, 6},
                 {"blocks:2x3", 4, 16, 12}, {"banks:4", 0, 48, 4},  {"banks:4", 8, 6, 32}};
    struct espalier_random random;
    float values[192], projected[192];
    uint8_t mask[192], *masks[] = {mask};
    espalier_random_seed(&random, test_seed());
    draw_values(&random, values, 192);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct espalier_matrix matrix = {8, 24, 4, projected};
        struct espalier_set set = {0};
        test_ok(espalier_family_read(cases[i].family, &set.family, &error));
        set.family.lanes = cases[i].lanes;
        ck_assert_uint_eq(espalier_units(&set.family, &matrix), cases[i].units);
        ck_assert_uint_eq(espalier_unit_weights(&set.family, &matrix), cases[i].weights);
        for (set.keep = 0; set.keep <= cases[i].units; set.keep++) {
            size_t kept = 0;
            memcpy(projected, values, sizeof values);
            test_ok(espalier_project(&set, &matrix, masks, 1, &error));
            for (size_t k = 0; k < 192; k++)
                kept += mask[k];
            ck_assert_uint_eq(kept, set.keep * cases[i].weights);
        }
    }
}
END_TEST

/* ---- several matrices under one budget ---- */

START_TEST(a_global_budget_is_shared_out_as_is_nearest)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(300); round++) {
        float values[3][5], projected[3][5];
        uint8_t flags[3][5], *masks[] = {flags[0], flags[1], flags[2]};
        struct espalier_matrix matrices[3], copies[3];
        struct espalier_set set = {
            .family = {.kind = ESPALIER_ELEMENTS, .lanes = round % 3 == 2 ? 2 : 0, .global = true}, .least = round % 4};
        size_t sizes[3], all = 0;
        uint32_t got[3];
        double best = -1.0, norm = 0.0;
        for (size_t i = 0; i < 3; i++) {
            matrices[i] = draw_matrix(&random, 5, values[i]);
            sizes[i] = matrices[i].rows * matrices[i].columns;
            memcpy(projected[i], values[i], sizeof values[i]);
            copies[i] = matrices[i];
            copies[i].values = projected[i];
            all += sizes[i];
        }
        set.keep = 3 * set.least + espalier_random_below(&random, (uint32_t)all);
        for (uint32_t mask = 0; mask < 1U << all; mask++) {
            size_t uses = 0;
            double kept = 0.0;
            bool enough = true;
            for (size_t i = 0, at = 0; i < 3; at += sizes[i++]) {
                uint32_t part = mask >> at & ((1U << sizes[i]) - 1);
                size_t here = used(&set, &matrices[i], part);
                uses += here;
                enough = enough && (here >= set.least || here == used(&set, &matrices[i], (1U << sizes[i]) - 1));
                kept += norm_kept(&matrices[i], part);
            }
            if (uses <= set.keep && enough)
                best = fmax(best, kept);
        }
        test_ok(espalier_project(&set, copies, masks, 3, &error));
        size_t uses = 0;
        for (size_t i = 0; i < 3; i++) {
            got[i] = mask_bits(flags[i], sizes[i]);
            uses += used(&set, &matrices[i], got[i]);
            norm += norm_kept(&matrices[i], got[i]);
        }
        ck_assert_uint_le(uses, set.keep);
        ck_assert_msg(fabs(norm - best) < 1e-9, "round %u: %g kept, %g can be", round, norm, best);
    }
}
END_TEST

/* ---- rows and columns together ---- */

/* Squared norm within rows and columns, each a number whose bits are kept lines. */
static double norm_within(const struct espalier_matrix *matrix, uint32_t rows, uint32_t columns)
{
    double norm = 0.0;
    for (size_t i = 0; i < matrix->rows * matrix->columns; i++)
        if (rows >> (i / matrix->columns) & 1 && columns >> (i % matrix->columns) & 1)
            norm += (double)matrix->values[i] * (double)matrix->values[i];
    return norm;
}

/* The best of all choices of lines; NULL: all choices of that side, else only this one. */
static double best_lines(const struct espalier_matrix *matrix, const struct espalier_set *set, const uint32_t *rows,
                         const uint32_t *columns)
{
    double best = 0.0;
    for (uint32_t r = 0; r < 1U << matrix->rows; r++)
        for (uint32_t c = 0; c < 1U << matrix->columns; c++)
            if ((rows ? r == *rows : (size_t)__builtin_popcount(r) <= set->keep) &&
                (columns ? c == *columns : (size_t)__builtin_popcount(c) <= set->keep_columns))
                best = fmax(best, norm_within(matrix, r, c));
    return best;
}

START_TEST(rows_and_columns_together_cannot_be_bettered_on_one_side_and_are_nearest_if_one_side_is_free)
{
    struct espalier_random random;
    double kept = 0.0, optimal = 0.0;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(400); round++) {
        float values[36];
        struct espalier_matrix matrix = draw_matrix(&random, 12, values);
        struct espalier_set set = {.family = {.kind = ESPALIER_FILTERS_COLUMNS},
                                   .keep = espalier_random_below(&random, (uint32_t)matrix.rows + 2),
                                   .keep_columns = espalier_random_below(&random, (uint32_t)matrix.columns + 2)};
        if (round % 4 != 0) { /* larger ones, where the two sides depend on one another */
            matrix.rows = 4 + espalier_random_below(&random, 2);
            matrix.columns = 4 + espalier_random_below(&random, 3);
            set.keep = 1 + espalier_random_below(&random, (uint32_t)matrix.rows - 1);
            set.keep_columns = 1 + espalier_random_below(&random, (uint32_t)matrix.columns - 1);
            for (size_t i = 0; i < 36; i++)
                values[i] = (float)espalier_random_normal(&random);
        }
        uint32_t mask = project_copy(&set, &matrix), rows = 0, columns = 0;
        for (size_t i = 0; i < matrix.rows * matrix.columns; i++)
            if (mask >> i & 1) {
                rows |= 1U << i / matrix.columns;
                columns |= 1U << i % matrix.columns;
            }
        double norm = norm_kept(&matrix, mask), best = best_lines(&matrix, &set, NULL, NULL);
        ck_assert(rows == 0 || norm == norm_within(&matrix, rows, columns));
        ck_assert_uint_le((size_t)__builtin_popcount(rows), set.keep);
        ck_assert_uint_le((size_t)__builtin_popcount(columns), set.keep_columns);
        if (rows != 0) {
            ck_assert_double_eq_tol(best_lines(&matrix, &set, &rows, NULL), norm, 1e-9);
            ck_assert_double_eq_tol(best_lines(&matrix, &set, NULL, &columns), norm, 1e-9);
        }
        if (set.keep >= matrix.rows || set.keep_columns >= matrix.columns || set.keep * set.keep_columns == 0)
            ck_assert_double_eq_tol(norm, best, 1e-9);
        ck_assert_double_le(norm, best + 1e-9);
        kept += norm;
        optimal += best;
    }
    ck_assert_msg(kept > 0.995 * optimal, "%g kept of %g: worse than it was found to be", kept, optimal);
}
END_TEST

/* ---- patterns ---- */

static unsigned entries_of(uint16_t pattern)
{
    return (unsigned)__builtin_popcount(pattern);
}

/* The most that `keep` kernels and such patterns can keep, over every choice of a pattern or none for each kernel. */
static double best_patterns(const struct espalier_set *set, const float *values, size_t kernels)
{
    size_t choices = set->pattern_count + 1, ways = 1;
    double best = 0.0;
    for (size_t i = 0; i < kernels; i++)
        ways *= choices;
    for (size_t way = 0; way < ways; way++) {
        double norm = 0.0;
        size_t kept = 0, left = way;
        for (size_t k = 0; k < kernels; k++, left /= choices)
            if (left % choices != 0) {
                kept++;
                for (unsigned i = 0; i < 9; i++)
                    if (set->patterns[left % choices - 1] >> i & 1)
                        norm += (double)values[k * 9 + i] * (double)values[k * 9 + i];
            }
        if (kept <= set->keep)
            best = fmax(best, norm);
    }
    return best;
}

START_TEST(patterns_and_connectivity_give_the_nearest_kernels)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(400); round++) {
        float values[54], projected[54];
        uint8_t mask[54], *masks[] = {mask};
        size_t rows = 1 + espalier_random_below(&random, 3), channels = 1 + espalier_random_below(&random, 2);
        size_t kernels = rows * channels, kept = 0;
        struct espalier_matrix matrix = {rows, channels * 9, 9, projected};
        struct espalier_set set = {.family = {.kind = ESPALIER_PATTERNS},
                                   .keep = espalier_random_below(&random, (uint32_t)kernels + 2),
                                   .pattern_count = 1 + espalier_random_below(&random, 4)};
        double norm = 0.0;
        draw_values(&random, values, kernels * 9);
        espalier_choose_patterns(values, kernels * 9, set.pattern_count, set.patterns);
        memcpy(projected, values, sizeof values);
        test_ok(espalier_project(&set, &matrix, masks, 1, &error));
        for (size_t k = 0; k < kernels; k++) {
            uint16_t pattern = (uint16_t)mask_bits(mask + 9 * k, 9);
            bool known = pattern == 0;
            for (uint32_t p = 0; p < set.pattern_count; p++)
                known = known || pattern == set.patterns[p];
            ck_assert(known);
            kept += pattern != 0;
        }
        for (size_t i = 0; i < kernels * 9; i++) {
            ck_assert(projected[i] == (mask[i] ? values[i] : 0.0F));
            norm += (double)projected[i] * (double)projected[i];
        }
        ck_assert_uint_le(kept, set.keep);
        ck_assert_double_eq_tol(norm, best_patterns(&set, values, kernels), 1e-9);
    }
}
END_TEST

static double norm_of(const float *values, size_t count)
{
    double norm = 0.0;
    for (size_t i = 0; i < count; i++)
        norm += (double)values[i] * (double)values[i];
    return norm;
}

START_TEST(kernels_that_have_patterns_keep_them_or_go_as_a_whole)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(300); round++) {
        enum { KERNELS = 12 };
        struct espalier_set set = {.family = {.kind = ESPALIER_PATTERNS},
                                   .keep = espalier_random_below(&random, KERNELS)};
        float values[KERNELS * 9], before[KERNELS * 9];
        uint8_t mask[KERNELS * 9], kept[KERNELS * 9], *masks[] = {kept};
        uint32_t different = 0, whole = 0;
        for (size_t k = 0; k < KERNELS; k++) { /* none, or one of a few patterns of 4 */
            const unsigned pattern = espalier_random_below(&random, 4) * 37 % 6;
            for (unsigned i = 0; i < 9; i++)
                mask[k * 9 + i] = pattern > 0 && i >= pattern - 1 && i < pattern + 3;
            bool known = pattern == 0;
            for (size_t other = 0; other < k; other++)
                known = known || memcmp(mask + other * 9, mask + k * 9, 9) == 0;
            different += !known;
        }
        for (size_t i = 0; i < KERNELS * 9; i++) /* some are 0 though they are there */
            before[i] = values[i] =
                mask[i] && espalier_random_below(&random, 5) > 0 ? (float)espalier_random_normal(&random) : 0.0F;
        ck_assert(espalier_have_patterns(mask, KERNELS * 9, different));
        ck_assert(different == 0 || !espalier_have_patterns(mask, KERNELS * 9, different - 1));
        const size_t turned = espalier_random_below(&random, KERNELS * 9);
        mask[turned] ^= 1;
        ck_assert(!espalier_have_patterns(mask, KERNELS * 9, KERNELS));
        const struct espalier_matrix matrix = {3, KERNELS * 9 / 3, 9, values};
        test_ok(espalier_project(&set, &matrix, masks, 1, &error));
        double least_kept = HUGE_VAL, most_gone = 0.0;
        for (size_t k = 0; k < KERNELS * 9; k += 9) {
            const double norm = norm_of(before + k, 9);
            for (size_t i = 0; i < 9; i++) {
                ck_assert_uint_eq(kept[k + i], kept[k]);
                ck_assert_float_eq(values[k + i], kept[k] ? before[k + i] : 0.0F);
            }
            whole += kept[k];
            least_kept = kept[k] ? fmin(least_kept, norm) : least_kept;
            most_gone = kept[k] ? most_gone : fmax(most_gone, norm);
        }
        ck_assert_uint_eq(whole, set.keep);
        ck_assert_double_ge(least_kept, most_gone);
    }
}
END_TEST

/* What the best of some patterns keep of all kernels. */
static double coverage(const uint16_t *patterns, uint32_t count, const float *values, size_t kernels)
{
    double norm = 0.0;
    for (size_t k = 0; k < kernels; k++) {
        double best = 0.0;
        for (uint32_t p = 0; p < count; p++) {
            double here = 0.0;
            for (unsigned i = 0; i < 9; i++)
                here += patterns[p] >> i & 1 ? (double)values[k * 9 + i] * (double)values[k * 9 + i] : 0.0;
            best = fmax(best, here);
        }
        norm += best;
    }
    return norm;
}

START_TEST(chosen_patterns_keep_what_a_greedy_choice_must)
{
    enum { KERNELS = 20 };
    struct espalier_random random;
    uint16_t all[ESPALIER_PATTERNS_MAX];
    float values[KERNELS * 9];
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(20); round++) {
        uint16_t chosen[2];
        double single = 0.0, second = 0.0, pair = 0.0;
        draw_values(&random, values, KERNELS * 9);
        espalier_choose_patterns(values, KERNELS * 9, ESPALIER_PATTERNS_MAX, all);
        for (uint32_t i = 0; i < ESPALIER_PATTERNS_MAX; i++) {
            ck_assert_uint_eq(entries_of(all[i]), ESPALIER_PATTERN_ENTRIES);
            single = fmax(single, coverage(&all[i], 1, values, KERNELS));
            for (uint32_t j = 0; j < i; j++) {
                ck_assert_uint_ne(all[i], all[j]);
                pair = fmax(pair, coverage((uint16_t[]){all[i], all[j]}, 2, values, KERNELS));
            }
        }
        espalier_choose_patterns(values, KERNELS * 9, 2, chosen);
        for (uint32_t i = 0; i < ESPALIER_PATTERNS_MAX; i++)
            second = fmax(second, coverage((uint16_t[]){chosen[0], all[i]}, 2, values, KERNELS));
        ck_assert_double_eq_tol(coverage(chosen, 1, values, KERNELS), single, 1e-9);
        ck_assert_double_eq_tol(coverage(chosen, 2, values, KERNELS), second, 1e-9);
        ck_assert_double_ge(coverage(chosen, 2, values, KERNELS), 0.75 * pair); /* 1 - (1 - 1/2)^2 for two */
    }
}
END_TEST

/* ---- masks of a generator ---- */

START_TEST(drawn_masks_come_from_their_seed_and_are_balanced)
{
    enum { ROWS = 7, COLUMNS = 20, DRAWS = 4000 };
    uint8_t mask[ROWS * COLUMNS], again[ROWS * COLUMNS];
    uint32_t seen[ROWS * COLUMNS] = {0};
    for (size_t keep = 0; keep <= ROWS * COLUMNS + 9; keep += 3) {
        size_t all = 0;
        espalier_draw_mask(keep, keep, ROWS, COLUMNS, mask);
        for (size_t row = 0; row < ROWS; row++) {
            size_t here = 0;
            for (size_t c = 0; c < COLUMNS; c++)
                here += mask[row * COLUMNS + c];
            ck_assert(here == keep / ROWS || here == keep / ROWS + 1 || here == COLUMNS);
            all += here;
        }
        ck_assert_uint_eq(all, keep < ROWS * COLUMNS ? keep : ROWS * COLUMNS);
    }
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        espalier_draw_mask(seed, ROWS * 5, ROWS, COLUMNS, mask);
        espalier_draw_mask(seed, ROWS * 5, ROWS, COLUMNS, again);
        ck_assert_mem_eq(mask, again, sizeof mask);
        for (size_t i = 0; i < ROWS * COLUMNS; i++)
            seen[i] += mask[i];
    }
    for (size_t i = 0; i < ROWS * COLUMNS; i++) /* a quarter of the draws; deviation 27 */
        ck_assert_msg(seen[i] > 1000 - 160 && seen[i] < 1000 + 160, "position %zu in %u of %d masks", i, seen[i],
                      DRAWS);
}
END_TEST

START_TEST(a_given_mask_is_what_stays)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < test_scale(200); round++) {
        float values[WEIGHTS_MAX];
        uint8_t mask[WEIGHTS_MAX];
        struct espalier_matrix matrix = draw_matrix(&random, WEIGHTS_MAX, values);
        struct espalier_set set = {.family = {.kind = ESPALIER_MASK, .seed = round},
                                   .keep = espalier_random_below(&random, WEIGHTS_MAX)};
        espalier_draw_mask(round, set.keep, matrix.rows, matrix.columns, mask);
        ck_assert_uint_eq(project_copy(&set, &matrix), mask_bits(mask, matrix.rows * matrix.columns));
    }
}
END_TEST

/* ---- spelling ---- */

START_TEST(families_are_read_as_they_are_spelled)
{
    static const struct {
        const char *text;
        struct espalier_family family;
    } good[] = {{"elements", {.kind = ESPALIER_ELEMENTS}},
                {"global", {.kind = ESPALIER_ELEMENTS, .global = true}},
                {"filters+columns", {.kind = ESPALIER_FILTERS_COLUMNS}},
                {"channels", {.kind = ESPALIER_CHANNELS}},
                {"blocks:4x16", {.kind = ESPALIER_BLOCKS, .first = 4, .second = 16}},
                {"2:8", {.kind = ESPALIER_N_OF_M, .first = 2, .second = 8}},
                {"banks:16", {.kind = ESPALIER_BANKS, .first = 16}},
                {"patterns", {.kind = ESPALIER_PATTERNS, .first = 8}},
                {"patterns:6", {.kind = ESPALIER_PATTERNS, .first = 6}},
                {"mask:77", {.kind = ESPALIER_MASK, .seed = 77}}};
    static const char *const bad[] = {"",         "element", "elementsx", "blocks", "blocks:4",  "blocks:4x",
                                      "2:",       ":8",      "2:8:1",     "2: 8",   "banks:-1",  "banks:99999",
                                      "filters+", "mask:",   "banks:1e3", "4x2",    "blocks:x2", "banks:65536"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct espalier_family family;
        test_ok(espalier_family_read(good[i].text, &family, &error));
        ck_assert(family.kind == good[i].family.kind && family.global == good[i].family.global && family.lanes == 0);
        if (family.kind == ESPALIER_MASK)
            ck_assert_uint_eq(family.seed, good[i].family.seed);
        else
            ck_assert(family.first == good[i].family.first && family.second == good[i].family.second);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct espalier_family family;
        ck_assert_msg(espalier_family_read(bad[i], &family, &error) == ESPALIER_ERR_RANGE, "\"%s\"", bad[i]);
        ck_assert_msg(strstr(error.message, "blocks:RxC") != NULL, "%s", error.message);
    }
}
END_TEST

START_TEST(families_that_do_not_suit_a_layer_are_refused_with_the_reason)
{
    static const struct {
        const char *family;
        uint32_t lanes;
        const char *reason; /* NULL: none */
    } cases[] = {{"patterns", 0, "3x3"},      {"blocks:9x1", 0, "no block"}, {"blocks:0x1", 0, "no block"},
                 {"8:8", 0, "not a part"},    {"0:4", 0, "not a part"},      {"banks:0", 0, "banks"},
                 {"banks:51", 0, "banks"},    {"filters", 4, "balanced"},    {"2:4", 4, "balanced"},
                 {"blocks:3x1", 4, "divide"}, {"blocks:2x1", 4, NULL},       {"banks:50", 4, NULL},
                 {"blocks:8x50", 0, NULL},    {"elements", 4, NULL},         {"mask", 0, NULL}};
    const struct espalier_shape shape = {
        .in_channels = 2, .in_height = 9, .in_width = 9, .kernel_height = 5, .kernel_width = 5, .stride = 1, .rows = 8};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct espalier_family family;
        test_ok(espalier_family_read(cases[i].family, &family, &error));
        family.lanes = cases[i].lanes;
        enum espalier_status status = espalier_family_check(&family, &shape, 3, &error);
        ck_assert_msg(status == (cases[i].reason == NULL ? ESPALIER_OK : ESPALIER_ERR_RANGE), "case %zu", i);
        if (cases[i].reason != NULL)
            ck_assert_msg(strstr(error.message, cases[i].reason) != NULL && strstr(error.message, "layer 3") != NULL,
                          "%s", error.message);
    }
}
END_TEST

/* ---- through the formats ---- */

/* Cuts every layer of a network down to about a third by a family. */
static void cut(struct espalier_network *network, const struct espalier_family *family)
{
    for (uint32_t i = 0; i < network->layer_count; i++) {
        struct espalier_float_layer *layer = &network->layers[i];
        struct espalier_matrix matrix = espalier_matrix_of(layer);
        struct espalier_set set = {.family = *family};
        size_t units = espalier_units(family, &matrix);
        if (family->kind == ESPALIER_PATTERNS && matrix.kernel != 9)
            set.family.kind = ESPALIER_ELEMENTS;
        set.keep = family->kind == ESPALIER_N_OF_M ? family->first : 1 + units / 3;
        set.keep_columns = 1 + matrix.columns / 3;
        set.pattern_count = family->first;
        if (set.family.kind == ESPALIER_PATTERNS)
            espalier_choose_patterns(matrix.values, matrix.rows * matrix.columns, family->first, set.patterns);
        test_ok(espalier_project(&set, &matrix, &layer->mask, 1, &error));
    }
}

START_TEST(masks_of_every_family_come_back_from_the_packed_stream)
{
    static const struct {
        const char *family;
        enum espalier_format format;
    } cases[] = {{"elements", ESPALIER_GAP},       {"filters", ESPALIER_GAP},
                 {"filters", ESPALIER_STRUCTURED}, {"channels", ESPALIER_STRUCTURED},
                 {"columns", ESPALIER_STRUCTURED}, {"filters+columns", ESPALIER_STRUCTURED},
                 {"blocks:4x2", ESPALIER_GAP},     {"2:8", ESPALIER_GAP},
                 {"banks:3", ESPALIER_GAP},        {"patterns:5", ESPALIER_GAP},
                 {"mask:9", ESPALIER_GAP}};
    uint8_t bits[ESPALIER_LAYERS_MAX];
    struct espalier_dataset data = network_task(test_seed(), 80, 12, 60);
    memset(bits, 3, sizeof bits);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct espalier_shape shapes[] = {{.in_channels = 1,
                                           .in_height = 12,
                                           .in_width = 12,
                                           .kernel_height = 3,
                                           .kernel_width = 3,
                                           .pool = 2,
                                           .relu = true,
                                           .rows = 8},
                                          {.kernel_height = 3, .kernel_width = 3, .relu = true, .rows = 9},
                                          {.relu = true, .rows = 14},
                                          {.rows = 4}};
        struct espalier_network *network = network_of(shapes, 4, test_seed());
        struct espalier_quantizer quantizer;
        struct espalier_model *model = NULL, *back = NULL;
        struct espalier_family family;
        const char *file = test_path(0, "family.esp");
        test_ok(espalier_family_read(cases[i].family, &family, &error));
        cut(network, &family);
        test_ok(espalier_quantizer_create(network, bits, 8, &quantizer, &error));
        test_ok(espalier_quantizer_refresh(&quantizer, network, &data, 64, &error));
        espalier_quantizer_apply(&quantizer, network);
        test_ok(espalier_export(network, &quantizer, cases[i].format, "test", &model, &error));
        test_ok(espalier_model_save(model, file, &error));
        test_ok(espalier_model_load(file, &back, &error));
        ck_assert_msg(models_equal(model, back), "%s", cases[i].family);
        for (uint32_t k = 0; k < 4 && cases[i].format == ESPALIER_GAP; k++)
            ck_assert_mem_eq(back->layers[k].mask, network->layers[k].mask,
                             back->layers[k].rows * espalier_layer_columns(&back->layers[k]));
        espalier_model_free(model);
        espalier_model_free(back);
        espalier_quantizer_free(&quantizer);
        espalier_network_free(network);
    }
    espalier_dataset_free(&data);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        counted_projections_give_the_nearest_matrix_of_their_set,
        keeping_all_changes_nothing_and_keeping_none_leaves_nothing,
        a_unit_is_as_many_weights_as_it_adds_where_sizes_divide,
        a_global_budget_is_shared_out_as_is_nearest,
        rows_and_columns_together_cannot_be_bettered_on_one_side_and_are_nearest_if_one_side_is_free,
        patterns_and_connectivity_give_the_nearest_kernels,
        kernels_that_have_patterns_keep_them_or_go_as_a_whole,
        chosen_patterns_keep_what_a_greedy_choice_must,
        drawn_masks_come_from_their_seed_and_are_balanced,
        a_given_mask_is_what_stays,
        families_are_read_as_they_are_spelled,
        families_that_do_not_suit_a_layer_are_refused_with_the_reason,
        masks_of_every_family_come_back_from_the_packed_stream,
    };
    return test_run("project", tests, sizeof tests / sizeof *tests);
}
