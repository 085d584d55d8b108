#include "project.h"
#include "mask.h"
#include "pattern.h"

#include <stdlib.h>
#include <string.h>

/* ---- Scores */

struct scored {
    double score; /* squared norm */
    size_t strand, index;
};

/* Strand by strand, largest score first, then lowest index. */
static int compare(const void *left, const void *right)
{
    const struct scored *a = left, *b = right;

    if (a->strand != b->strand)
        return a->strand > b->strand ? 1 : -1;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static enum espalier_status no_memory(const struct espalier_matrix *matrix, struct espalier_error *error)
{
    return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for a projection of %zu x %zu weights",
                         matrix->rows, matrix->columns);
}

/* ---- Counted families */

struct layout {
    struct espalier_extent tile, strand, group;
};

static size_t parts(size_t whole, size_t part)
{
    return (whole + part - 1) / part;
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* An extent of so many rows and columns, or of what there is. */
static struct espalier_extent within(size_t rows, size_t columns, struct espalier_extent whole)
{
    return (struct espalier_extent){least_of(rows, whole.rows), least_of(columns, whole.columns)};
}

/* How the matrix is cut for a counted family: project.h has the table. */
static struct layout layout_of(const struct espalier_family *family, const struct espalier_matrix *matrix)
{
    const struct espalier_extent all = {matrix->rows, matrix->columns}, one = {1, 1}, row = {1, matrix->columns};
    const struct espalier_extent kernel = within(1, matrix->kernel, all), column = {matrix->rows, 1};
    const struct espalier_extent block = within(family->first, family->second, all),
                                 run = within(1, family->second, all);
    const struct espalier_extent bank = {1, family->first > 0 ? parts(matrix->columns, family->first) : 1};
    const struct layout layouts[] = {
        [ESPALIER_ELEMENTS] = {one, all, all},
        [ESPALIER_FILTERS] = {row, all, all},
        [ESPALIER_CHANNELS] = {{matrix->rows, kernel.columns}, all, all},
        [ESPALIER_COLUMNS] = {column, all, all},
        [ESPALIER_FILTERS_COLUMNS] = {row, all, all},
        [ESPALIER_BLOCKS] = {block, all, all},
        [ESPALIER_N_OF_M] = {one, run, run},
        [ESPALIER_BANKS] = {one, bank, row},
        [ESPALIER_PATTERNS] = {kernel, all, all},
        [ESPALIER_MASK] = {one, all, all},
    };
    struct layout layout = layouts[family->kind];

    if (family->lanes > 1) {
        layout.strand.rows = layout.tile.rows;
        layout.group = within(family->lanes, matrix->columns, all);
    }
    return layout;
}

/* Parts of a whole, side by side and one below the other. */
static size_t count_of(struct espalier_extent whole, struct espalier_extent part)
{
    return parts(whole.rows, part.rows) * parts(whole.columns, part.columns);
}

/* Which part of the matrix has element (row, column). */
static size_t part_at(size_t row, size_t column, const struct espalier_matrix *matrix, struct espalier_extent part)
{
    return row / part.rows * parts(matrix->columns, part.columns) + column / part.columns;
}

static struct espalier_extent extent_of(const struct espalier_matrix *matrix)
{
    return (struct espalier_extent){matrix->rows, matrix->columns};
}

struct espalier_extent espalier_tile(const struct espalier_family *family, const struct espalier_matrix *matrix)
{
    return layout_of(family, matrix).tile;
}

size_t espalier_units(const struct espalier_family *family, const struct espalier_matrix *matrix)
{
    struct layout layout = layout_of(family, matrix);

    return count_of(extent_of(matrix), layout.group) * count_of(layout.strand, layout.tile);
}

size_t espalier_unit_weights(const struct espalier_family *family, const struct espalier_matrix *matrix)
{
    struct layout layout = layout_of(family, matrix);
    size_t of_a_tile =
        family->kind == ESPALIER_PATTERNS ? ESPALIER_PATTERN_ENTRIES : layout.tile.rows * layout.tile.columns;

    return of_a_tile * count_of(layout.group, layout.strand);
}

/* The units of all matrices. */
struct pool {
    const struct espalier_set *set;
    const struct espalier_matrix *matrices;
    size_t count;
    size_t tiles, units;   /* of all matrices */
    struct scored *scored; /* [tiles or units, if they are more] */
    size_t *unit_of_tile;  /* [tiles] matrix by matrix */
    double *scores;        /* [units] matrix by matrix, group by group */
    uint8_t *kept;         /* [units] */
};

static void free_pool(struct pool *pool)
{
    free(pool->scored);
    free(pool->unit_of_tile);
    free(pool->scores);
    free(pool->kept);
}

static enum espalier_status create_pool(struct pool *pool, struct espalier_error *error)
{
    for (size_t i = 0; i < pool->count; i++) {
        struct layout layout = layout_of(&pool->set->family, &pool->matrices[i]);
        pool->tiles += count_of(extent_of(&pool->matrices[i]), layout.tile);
        pool->units += espalier_units(&pool->set->family, &pool->matrices[i]);
    }
    size_t most = pool->tiles > pool->units ? pool->tiles : pool->units;
    pool->scored = malloc(most * sizeof *pool->scored);
    pool->unit_of_tile = malloc(pool->tiles * sizeof *pool->unit_of_tile);
    pool->scores = calloc(pool->units, sizeof *pool->scores);
    pool->kept = calloc(pool->units, 1);
    if (pool->scored == NULL || pool->unit_of_tile == NULL || pool->scores == NULL || pool->kept == NULL)
        return no_memory(&pool->matrices[0], error);
    return ESPALIER_OK;
}

/* Fills the scores of one matrix's tiles. */
static void score_tiles(const struct espalier_matrix *matrix, const struct layout *layout, struct scored *scored)
{
    size_t across = parts(matrix->columns, layout->tile.columns);
    size_t tiles = count_of(extent_of(matrix), layout->tile);

    for (size_t t = 0; t < tiles; t++) {
        size_t row = t / across * layout->tile.rows, column = t % across * layout->tile.columns;
        scored[t] = (struct scored){0.0, part_at(row, column, matrix, layout->strand), t};
    }
    for (size_t row = 0; row < matrix->rows; row++)
        for (size_t column = 0; column < matrix->columns; column++) {
            double value = (double)matrix->values[row * matrix->columns + column];
            scored[row / layout->tile.rows * across + column / layout->tile.columns].score += value * value;
        }
}

/* Gives the sorted tiles of one matrix to the units of their groups: the k-th of a strand to the k-th. */
static void fill_units(const struct espalier_matrix *matrix, const struct layout *layout, const struct scored *scored,
                       size_t *unit_of_tile, double *scores)
{
    size_t tiles = count_of(extent_of(matrix), layout->tile), across = parts(matrix->columns, layout->tile.columns);
    size_t in_group = count_of(layout->strand, layout->tile), k = 0;

    for (size_t i = 0; i < tiles; i++) {
        size_t tile = scored[i].index;
        size_t row = tile / across * layout->tile.rows, column = tile % across * layout->tile.columns;
        k = i > 0 && scored[i].strand == scored[i - 1].strand ? k + 1 : 0;
        size_t unit = part_at(row, column, matrix, layout->group) * in_group + k;
        unit_of_tile[tile] = unit;
        scores[unit] += scored[i].score;
    }
}

/* Scores all units. */
static void score_units(struct pool *pool)
{
    size_t *unit_of_tile = pool->unit_of_tile;
    double *scores = pool->scores;

    for (size_t i = 0; i < pool->count; i++) {
        const struct espalier_matrix *matrix = &pool->matrices[i];
        struct layout layout = layout_of(&pool->set->family, matrix);
        size_t tiles = count_of(extent_of(matrix), layout.tile);
        score_tiles(matrix, &layout, pool->scored);
        qsort(pool->scored, tiles, sizeof *pool->scored, compare);
        fill_units(matrix, &layout, pool->scored, unit_of_tile, scores);
        unit_of_tile += tiles;
        scores += espalier_units(&pool->set->family, matrix);
    }
}

/* Takes the best of the units from..from+units-1 until `keep` of all are taken or `most` of these; returns how many are
 * taken now. */
static size_t take_best(struct pool *pool, size_t from, size_t units, size_t most, size_t taken)
{
    size_t here = 0;

    for (size_t i = 0; i < units; i++)
        pool->scored[i] = (struct scored){pool->scores[from + i], 0, from + i};
    qsort(pool->scored, units, sizeof *pool->scored, compare);
    for (size_t i = 0; i < units && here < most && taken < pool->set->keep; i++) {
        here++;
        taken += !pool->kept[pool->scored[i].index];
        pool->kept[pool->scored[i].index] = 1;
    }
    return taken;
}

/* Of all groups together. */
static void choose_units(struct pool *pool)
{
    size_t taken = 0, from = 0;

    for (size_t i = 0; i < pool->count && pool->set->least > 0; i++) {
        size_t units = espalier_units(&pool->set->family, &pool->matrices[i]);
        taken = take_best(pool, from, units, pool->set->least, taken);
        from += units;
    }
    (void)take_best(pool, 0, pool->units, pool->units, taken);
}

/* Of each group: N:M. */
static void choose_of_each(struct pool *pool)
{
    for (size_t i = 0, from = 0; i < pool->count; i++) {
        struct layout layout = layout_of(&pool->set->family, &pool->matrices[i]);
        size_t units = espalier_units(&pool->set->family, &pool->matrices[i]);
        size_t in_group = count_of(layout.strand, layout.tile);
        for (size_t unit = 0; unit < units; unit++)
            pool->kept[from + unit] = unit % in_group < pool->set->keep;
        from += units;
    }
}

/* Clears the masks of the tiles whose units are not kept. */
static void apply_units(const struct pool *pool, uint8_t *const *masks)
{
    const size_t *unit_of_tile = pool->unit_of_tile;
    const uint8_t *kept = pool->kept;

    for (size_t i = 0; i < pool->count; i++) {
        const struct espalier_matrix *matrix = &pool->matrices[i];
        struct layout layout = layout_of(&pool->set->family, matrix);
        for (size_t row = 0; row < matrix->rows; row++)
            for (size_t column = 0; column < matrix->columns; column++) {
                size_t at = row * matrix->columns + column;
                masks[i][at] &= kept[unit_of_tile[part_at(row, column, matrix, layout.tile)]];
            }
        unit_of_tile += count_of(extent_of(matrix), layout.tile);
        kept += espalier_units(&pool->set->family, matrix);
    }
}

static enum espalier_status project_counted(const struct espalier_set *set, const struct espalier_matrix *matrices,
                                            uint8_t *const *masks, size_t count, struct espalier_error *error)
{
    struct pool pool = {.set = set, .matrices = matrices, .count = count};
    enum espalier_status status = create_pool(&pool, error);

    if (status == ESPALIER_OK) {
        score_units(&pool);
        if (set->family.kind == ESPALIER_N_OF_M)
            choose_of_each(&pool);
        else
            choose_units(&pool);
        apply_units(&pool, masks);
    }
    free_pool(&pool);
    return status;
}

/* ---- Families that are not counted, or not only */

/* Each kernel goes to its nearest pattern; then the kernels of largest norm stay. Exact: which pattern is nearest to a
 * kernel does not depend on the others, and the norm kept of it is largest there. Without patterns whole kernels stay.
 */
static enum espalier_status project_patterns(const struct espalier_set *set, const struct espalier_matrix *matrices,
                                             uint8_t *const *masks, size_t count, struct espalier_error *error)
{
    for (size_t i = 0; i < count && set->pattern_count > 0; i++)
        espalier_apply_patterns(set->patterns, set->pattern_count, matrices[i].rows * matrices[i].columns,
                                matrices[i].values, masks[i]);
    return project_counted(set, matrices, masks, count, error);
}

static enum espalier_status project_mask(const struct espalier_set *set, const struct espalier_matrix *matrices,
                                         uint8_t *const *masks, size_t count, struct espalier_error *error)
{
    (void)error;
    for (size_t i = 0; i < count; i++)
        espalier_draw_mask(set->family.seed, set->keep, matrices[i].rows, matrices[i].columns, masks[i]);
    return ESPALIER_OK;
}

/* Flags of rows and of columns. */
struct crossing {
    uint8_t *kept[2];      /* [rows], [columns] */
    struct scored *scored; /* room for the longer side */
};

/* Keeps the rows (side 0) or columns (side 1) of largest norm within what is kept of the other side: the exact best of
 * this half of the problem. Returns the squared norm kept. */
static double choose_side(struct crossing *crossing, const struct espalier_matrix *matrix, unsigned side, size_t keep)
{
    size_t lines = side == 0 ? matrix->rows : matrix->columns;
    double norm = 0.0;

    for (size_t i = 0; i < lines; i++)
        crossing->scored[i] = (struct scored){0.0, 0, i};
    for (size_t row = 0; row < matrix->rows; row++)
        for (size_t column = 0; column < matrix->columns; column++) {
            double value = (double)matrix->values[row * matrix->columns + column];
            if (side == 0 ? crossing->kept[1][column] : crossing->kept[0][row])
                crossing->scored[side == 0 ? row : column].score += value * value;
        }
    qsort(crossing->scored, lines, sizeof *crossing->scored, compare);
    for (size_t i = 0; i < lines; i++) {
        crossing->kept[side][crossing->scored[i].index] = i < keep;
        norm += i < keep ? crossing->scored[i].score : 0.0;
    }
    return norm;
}

/* Chooses one side for all of the other, then the other side for this one and so on until nothing is gained. */
static double climb(struct crossing *crossing, const struct espalier_matrix *matrix, const struct espalier_set *set,
                    unsigned first_side)
{
    const size_t keep[2] = {set->keep, set->keep_columns};
    double before, norm = -1.0;

    memset(crossing->kept[0], 1, matrix->rows);
    memset(crossing->kept[1], 1, matrix->columns);
    do {
        before = norm;
        (void)choose_side(crossing, matrix, first_side, keep[first_side]);
        norm = choose_side(crossing, matrix, !first_side, keep[!first_side]);
    } while (norm > before);
    return norm;
}

static enum espalier_status cross_one(const struct espalier_set *set, const struct espalier_matrix *matrix,
                                      uint8_t *mask, struct espalier_error *error)
{
    size_t longer = matrix->rows > matrix->columns ? matrix->rows : matrix->columns;
    struct crossing crossing = {.kept = {malloc(matrix->rows), malloc(matrix->columns)},
                                .scored = malloc(longer * sizeof *crossing.scored)};
    enum espalier_status status = ESPALIER_OK;

    if (crossing.kept[0] == NULL || crossing.kept[1] == NULL || crossing.scored == NULL) {
        status = no_memory(matrix, error);
        goto done;
    }
    double columns_first = climb(&crossing, matrix, set, 1), rows_first = climb(&crossing, matrix, set, 0);
    if (columns_first > rows_first)
        (void)climb(&crossing, matrix, set, 1);
    for (size_t i = 0; i < matrix->rows * matrix->columns; i++)
        mask[i] = crossing.kept[0][i / matrix->columns] & crossing.kept[1][i % matrix->columns];

done:
    free(crossing.kept[0]);
    free(crossing.kept[1]);
    free(crossing.scored);
    return status;
}

/* Rows and columns together: the best of two climbs, one from all rows, one from all columns. Each step is the exact
 * best of one side given the other, so the norm kept never falls and a climb ends where neither side alone can be
 * bettered. If one side keeps all, the result is a nearest matrix. In general it need not be: to find the best rows and
 * columns is NP-hard, for it would find a balanced complete bipartite subgraph (Garey and Johnson 1979, GT24). */
static enum espalier_status project_crossed(const struct espalier_set *set, const struct espalier_matrix *matrices,
                                            uint8_t *const *masks, size_t count, struct espalier_error *error)
{
    enum espalier_status status = ESPALIER_OK;

    for (size_t i = 0; i < count && status == ESPALIER_OK; i++)
        status = cross_one(set, &matrices[i], masks[i], error);
    return status;
}

/* ---- The table */

/* Clears the flags, all 1, of what the nearest matrices do not keep. */
typedef enum espalier_status projection(const struct espalier_set *set, const struct espalier_matrix *matrices,
                                        uint8_t *const *masks, size_t count, struct espalier_error *error);

static projection *const projections[] = {
    [ESPALIER_ELEMENTS] = project_counted,        [ESPALIER_FILTERS] = project_counted,
    [ESPALIER_CHANNELS] = project_counted,        [ESPALIER_COLUMNS] = project_counted,
    [ESPALIER_FILTERS_COLUMNS] = project_crossed, [ESPALIER_BLOCKS] = project_counted,
    [ESPALIER_N_OF_M] = project_counted,          [ESPALIER_BANKS] = project_counted,
    [ESPALIER_PATTERNS] = project_patterns,       [ESPALIER_MASK] = project_mask,
};

enum espalier_status espalier_project(const struct espalier_set *set, const struct espalier_matrix *matrices,
                                      uint8_t *const *masks, size_t count, struct espalier_error *error)
{
    for (size_t i = 0; i < count; i++)
        memset(masks[i], 1, matrices[i].rows * matrices[i].columns);
    enum espalier_status status = projections[set->family.kind](set, matrices, masks, count, error);

    for (size_t i = 0; i < count && status == ESPALIER_OK; i++)
        for (size_t at = 0; at < matrices[i].rows * matrices[i].columns; at++)
            matrices[i].values[at] = masks[i][at] ? matrices[i].values[at] : 0.0F;
    return status;
}
