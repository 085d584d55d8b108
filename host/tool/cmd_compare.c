/* espalier compare: several models on the same images and the same boards, in one table. */
#include "commands.h"
#include "data.h"
#include "evaluate.h"
#include "json.h"
#include "picture.h"
#include "tool.h"

#include <espalier/counters.h>
#include <espalier/energy.h>
#include <espalier/engine.h>
#include <espalier/pack.h>
#include <stdlib.h>
#include <string.h>

enum { MODELS_MAX = 8, BOARDS_MAX = 8, DIGITS_MAX = 8 };

static const char help[] =
    "usage: espalier compare [OPTION]... MODEL.esp...\n\n"
    "Runs up to 8 models on the same images on simulated boards (the RTL, cycle by cycle), compares every logit with "
    "the\n"
    "reference engine, and prints what each model costs: accuracy, weights, bits by kind, data-only and all-in ratio,\n"
    "cycles, multiplier utilisation, stalls, energy proxy and link bytes. Accuracy is also that of all images of the\n"
    "set, in the reference engine. Exit code 9, and the first divergence, if a logit differs.\n\n"
    "  --count N          draw N of the images for the RTL (default 240: all slots of the shipped builds stay filled)\n"
    "  --seed S           seed of the draw (default 1)\n" DATA_HELP
    "  --board NAME       simulated board; may be given several times (default: the first)\n"
    "  --show-digits N    first show N digits and what the hardware said of each (0 to 8, default 0)\n"
    "  --threads N        threads (default: all cores)\n"
    "  --prices FILE      energy prices in pJ, lines \"NAME VALUE\" (default: 45 nm, ISSCC 2014)\n"
    "  --json             print JSON\n\n"
    "example: espalier compare --board up5k --board ecp5-25k tests/data/models/*.esp\n";

struct arguments {
    const char *models[MODELS_MAX], *boards[BOARDS_MAX], *prices;
    uint32_t model_count, board_count, digits;
    struct data_source source;
    uint32_t threads;
    bool json;
};

/* One model, and what came of it on each board. */
struct entry {
    const char *name; /* the file's, without folder and ending */
    struct espalier_model *model;
    struct espalier_ledger ledger;
    struct evaluation reference; /* all images of the source, in the reference engine */
    struct evaluation boards[BOARDS_MAX];
    struct espalier_energy energy[BOARDS_MAX];
};

struct comparison {
    struct entry entries[MODELS_MAX];
    struct espalier_dataset all, drawn;
    uint64_t mismatches;
};

enum option_code { BOARD, DIGITS, THREADS, PRICES, JSON };

static const struct option options[] = {
    {"board", required_argument, NULL, BOARD},        DATA_OPTIONS,
    {"show-digits", required_argument, NULL, DIGITS}, {"threads", required_argument, NULL, THREADS},
    {"prices", required_argument, NULL, PRICES},      {"json", no_argument, NULL, JSON},
    {"help", no_argument, NULL, TOOL_HELP},           {NULL, 0, NULL, 0},
};

/* Takes one option. @return what is wrong with its value, or NULL */
static const char *take_option(int code, const char *value, void *context)
{
    struct arguments *arguments = context;
    uint64_t number = 0;
    switch (code) {
    case BOARD:
        if (arguments->board_count == BOARDS_MAX)
            return "at most 8 boards can be compared";
        arguments->boards[arguments->board_count++] = value;
        return NULL;
    case DIGITS:
        if (!tool_read_number(value, 0, DIGITS_MAX, &number))
            return "--show-digits is a number from 0 to 8";
        arguments->digits = (uint32_t)number;
        return NULL;
    case THREADS:
        return tool_read_threads(value, &arguments->threads);
    case PRICES:
        arguments->prices = value;
        return NULL;
    case JSON:
        arguments->json = true;
        return NULL;
    default:
        return data_option(code, value, &arguments->source);
    }
}

/* @return TOOL_GO_ON, or the exit code */
static int parse(int argc, char **argv, struct arguments *arguments)
{
    *arguments = (struct arguments){.source = {.count = 240, .seed = 1}};
    int code = tool_options(argc, argv, options, help, take_option, arguments);
    if (code != TOOL_GO_ON)
        return code;
    if (argc - optind < 1 || argc - optind > MODELS_MAX)
        return tool_usage_error(argv[0], "1 to 8 model files are expected");
    const char *fault = data_fault(&arguments->source);
    if (fault)
        return tool_usage_error(argv[0], "%s", fault);
    while (optind < argc)
        arguments->models[arguments->model_count++] = argv[optind++];
    if (arguments->board_count == 0)
        arguments->boards[arguments->board_count++] = NULL;
    return TOOL_GO_ON;
}

/* ---- Measuring ------------------------------------------------------------------------------------------------ */

static enum espalier_status measure_ledger(struct entry *entry, struct espalier_error *error)
{
    struct espalier_packed packed;
    enum espalier_status status = espalier_pack(entry->model, &packed, error);
    if (status != ESPALIER_OK)
        return status;
    entry->ledger = packed.ledger;
    espalier_packed_free(&packed);
    return ESPALIER_OK;
}

static enum espalier_status measure(const struct arguments *arguments, const struct espalier_prices *prices,
                                    const char *path, struct comparison *comparison, struct entry *entry,
                                    struct espalier_error *error)
{
    const char *slash = strrchr(path, '/');
    entry->name = slash ? slash + 1 : path;
    enum espalier_status status = espalier_model_load(path, &entry->model, error);
    if (status == ESPALIER_OK)
        status = measure_ledger(entry, error);
    struct evaluation_options how = {.threads = arguments->threads, .label = "reference engine, all images"};
    if (status == ESPALIER_OK)
        status = evaluate(entry->model, &comparison->all, &how, &entry->reference, error);
    for (uint32_t b = 0; b < arguments->board_count && status == ESPALIER_OK; b++) {
        how = (struct evaluation_options){.rtl = true,
                                          .board = arguments->boards[b],
                                          .threads = arguments->threads,
                                          .alone = true,
                                          .label = entry->name};
        struct evaluation *result = &entry->boards[b];
        status = evaluate(entry->model, &comparison->drawn, &how, result, error);
        if (status == ESPALIER_OK) {
            espalier_energy_of(result->counters, result->positions, prices, &entry->energy[b]);
            comparison->mismatches += result->mismatches;
            if (result->mismatches > 0)
                status = evaluation_mismatch(result, error);
        }
    }
    return status;
}

/* ---- The report for a person ---------------------------------------------------------------------------------- */

static void show_digits(const struct arguments *arguments, const struct comparison *comparison)
{
    const struct espalier_dataset *drawn = &comparison->drawn;
    uint32_t count = arguments->digits < drawn->count ? arguments->digits : drawn->count;
    const uint8_t *images[DIGITS_MAX];
    size_t size = (size_t)drawn->height * drawn->width;
    for (uint32_t i = 0; i < count; i++)
        images[i] = drawn->pixels + i * size;
    picture_draw(stdout, images, count, drawn->height, drawn->width, picture_colour(stdout));
    for (uint32_t m = 0; m < arguments->model_count; m++) {
        const struct evaluation *result = &comparison->entries[m].boards[0];
        printf("%-24s the hardware says:", comparison->entries[m].name);
        for (uint32_t i = 0; i < count; i++)
            printf(" %u", (unsigned)espalier_argmax(result->logits + (size_t)i * result->outputs, result->outputs));
        putchar('\n');
    }
    printf("%-24s                   ", "label");
    for (uint32_t i = 0; i < count; i++)
        printf(" %u", (unsigned)drawn->labels[i]);
    fputs("\n\n", stdout);
}

/* A line of the table: how it is called, and its value for an entry on a board. */
struct line {
    const char *title;
    const char *format; /* of a double */
    double (*value)(const struct entry *entry, uint32_t board);
};

static double images_of(const struct entry *entry, uint32_t board)
{
    return entry->boards[board].images;
}

#define LINE_VALUE(name, expression)                                                                                   \
    static double name(const struct entry *entry, uint32_t board)                                                      \
    {                                                                                                                  \
        (void)entry;                                                                                                   \
        (void)board;                                                                                                   \
        return expression;                                                                                             \
    }
#define COUNTER_SHARE(name, counter)                                                                                   \
    LINE_VALUE(name, 100 * (double)entry->boards[board].counters[counter] /                                            \
                         (double)entry->boards[board].counters[ESPALIER_COUNT_CYCLES])
#define ENERGY_PART(name, part) LINE_VALUE(name, entry->energy[board].parts[part] / images_of(entry, board) / 1e3)

LINE_VALUE(accuracy_all, 100.0 * entry->reference.correct / entry->reference.images)
LINE_VALUE(kept, (double)entry->ledger.kept_weights)
LINE_VALUE(pruning, (double)entry->model->dense_weights / (double)entry->ledger.kept_weights)
LINE_VALUE(value_bits, (double)entry->ledger.value_bits)
LINE_VALUE(index_bits, (double)entry->ledger.index_bits)
LINE_VALUE(entropy_bits, entry->ledger.entropy_index_bits)
LINE_VALUE(filler_bits, (double)entry->ledger.filler_bits)
LINE_VALUE(other_bits, (double)entry->ledger.other_bits)
LINE_VALUE(total_bits, (double)entry->ledger.total_bits)
LINE_VALUE(data_only, espalier_data_only_ratio(entry->model, &entry->ledger))
LINE_VALUE(all_in, espalier_all_in_ratio(entry->model, &entry->ledger))
LINE_VALUE(accuracy_rtl, 100.0 * entry->boards[board].correct / entry->boards[board].images)
LINE_VALUE(cycles_full, entry->boards[board].cycles_per_image)
LINE_VALUE(cycles_alone, entry->boards[board].cycles_alone)
LINE_VALUE(utilisation, 100 * entry->boards[board].utilisation)
COUNTER_SHARE(stall_setup, ESPALIER_COUNT_STALL_SETUP)
COUNTER_SHARE(stall_decode, ESPALIER_COUNT_STALL_DECODE)
COUNTER_SHARE(stall_stream, ESPALIER_COUNT_STALL_STREAM)
COUNTER_SHARE(stall_drain, ESPALIER_COUNT_STALL_DRAIN)
COUNTER_SHARE(stall_port, ESPALIER_COUNT_STALL_PORT)
LINE_VALUE(energy_total, entry->energy[board].total / images_of(entry, board) / 1e3)
ENERGY_PART(energy_multiply, ESPALIER_ENERGY_MULTIPLY)
ENERGY_PART(energy_accumulate, ESPALIER_ENERGY_ACCUMULATE)
ENERGY_PART(energy_lists, ESPALIER_ENERGY_LIST_READS)
ENERGY_PART(energy_offsets, ESPALIER_ENERGY_OFFSET_READS)
ENERGY_PART(energy_reads, ESPALIER_ENERGY_ACT_READS)
ENERGY_PART(energy_writes, ESPALIER_ENERGY_ACT_WRITES)
ENERGY_PART(energy_values, ESPALIER_ENERGY_VALUE_BITS)
ENERGY_PART(energy_index, ESPALIER_ENERGY_INDEX_BITS)
ENERGY_PART(energy_other, ESPALIER_ENERGY_OTHER_BITS)
LINE_VALUE(link_image, (double)(entry->boards[board].counters[ESPALIER_COUNT_LINK_IN] +
                                entry->boards[board].counters[ESPALIER_COUNT_LINK_OUT]) /
                           images_of(entry, board))
LINE_VALUE(link_load, (double)entry->boards[board].load_bytes)

static const struct line model_lines[] = {
    {"accuracy, all images, %", "%.2f", accuracy_all},
    {"weights kept", "%.0f", kept},
    {"fewer weights, x", "%.1f", pruning},
    {"value bits", "%.0f", value_bits},
    {"index bits", "%.0f", index_bits},
    {"  entropy bound of the index", "%.0f", entropy_bits},
    {"filler bits", "%.0f", filler_bits},
    {"other bits", "%.0f", other_bits},
    {"all bits", "%.0f", total_bits},
    {"data-only ratio, x", "%.1f", data_only},
    {"all-in ratio, x", "%.1f", all_in},
};
static const struct line board_lines[] = {
    {"accuracy in the RTL, %", "%.2f", accuracy_rtl},
    {"cycles an image, slots filled", "%.0f", cycles_full},
    {"cycles of one image alone", "%.0f", cycles_alone},
    {"multiplier utilisation, %", "%.1f", utilisation},
    {"stalls, % of cycles: setup", "%.1f", stall_setup},
    {"  decode", "%.1f", stall_decode},
    {"  stream", "%.1f", stall_stream},
    {"  drain", "%.1f", stall_drain},
    {"  memory port", "%.1f", stall_port},
    {"energy proxy an image, nJ", "%.1f", energy_total},
    {"  multiply", "%.1f", energy_multiply},
    {"  accumulate", "%.1f", energy_accumulate},
    {"  step-list reads", "%.1f", energy_lists},
    {"  offset reads", "%.1f", energy_offsets},
    {"  activation reads", "%.1f", energy_reads},
    {"  activation writes", "%.1f", energy_writes},
    {"  weight values", "%.1f", energy_values},
    {"  weight indices", "%.1f", energy_index},
    {"  other stream bits", "%.1f", energy_other},
    {"link bytes an image", "%.0f", link_image},
    {"link bytes to load", "%.0f", link_load},
};

static void print_lines(const struct arguments *arguments, const struct comparison *comparison,
                        const struct line *lines, size_t count, uint32_t board)
{
    for (size_t i = 0; i < count; i++) {
        printf("%-30s", lines[i].title);
        for (uint32_t m = 0; m < arguments->model_count; m++) {
            char text[32];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(text, sizeof text, lines[i].format, lines[i].value(&comparison->entries[m], board));
#pragma GCC diagnostic pop
            printf(" %22s", text);
        }
        putchar('\n');
    }
}

static void print_table(const struct arguments *arguments, const struct comparison *comparison)
{
    printf("%-30s", "");
    for (uint32_t m = 0; m < arguments->model_count; m++)
        printf(" %22.22s", comparison->entries[m].name);
    putchar('\n');
    print_lines(arguments, comparison, model_lines, sizeof model_lines / sizeof *model_lines, 0);
    for (uint32_t b = 0; b < arguments->board_count; b++) {
        const struct evaluation *any = &comparison->entries[0].boards[b];
        printf("\nboard %s: %u lanes x %u positions\n", arguments->boards[b] ? arguments->boards[b] : "(default)",
               any->lanes, any->positions);
        print_lines(arguments, comparison, board_lines, sizeof board_lines / sizeof *board_lines, b);
    }
    printf("\nThe energy proxy prices the hardware's own event counts at 45 nm (or --prices); \"espalier eval\" prints "
           "the counts.\n");
}

static void print_last_sentence(const struct arguments *arguments, const struct comparison *comparison)
{
    uint64_t logits = 0;
    for (uint32_t m = 0; m < arguments->model_count; m++)
        for (uint32_t b = 0; b < arguments->board_count; b++)
            logits += (uint64_t)comparison->entries[m].boards[b].images * comparison->entries[m].boards[b].outputs;
    printf("%u model%s ran %u real images each on %u simulated board%s and in the reference engine: all %llu logits "
           "were bit-exact.\n",
           arguments->model_count, arguments->model_count == 1 ? "" : "s", comparison->drawn.count,
           arguments->board_count, arguments->board_count == 1 ? "" : "s", (unsigned long long)logits);
}

/* ---- The report for a machine --------------------------------------------------------------------------------- */

static void lines_json(struct json *json, const struct line *lines, size_t count, const struct entry *entry,
                       uint32_t board)
{
    for (size_t i = 0; i < count; i++)
        json_double(json, lines[i].title + strspn(lines[i].title, " "), lines[i].value(entry, board));
}

static void board_json(struct json *json, const char *name, const struct entry *entry, uint32_t board)
{
    const struct evaluation *result = &entry->boards[board];
    json_open(json, NULL, '{');
    json_string(json, "board", name ? name : "default");
    json_unsigned(json, "lanes", result->lanes);
    json_unsigned(json, "positions", result->positions);
    json_unsigned(json, "images", result->images);
    json_unsigned(json, "correct", result->correct);
    json_unsigned(json, "mismatches", result->mismatches);
    lines_json(json, board_lines, sizeof board_lines / sizeof *board_lines, entry, board);
    json_open(json, "counters", '{');
    for (size_t i = 0; i < ESPALIER_COUNTERS; i++)
        json_unsigned(json, espalier_counter_table()[i].name, result->counters[i]);
    json_close(json, '}');
    json_close(json, '}');
}

static void print_json(const struct arguments *arguments, const struct comparison *comparison)
{
    struct json json = {.out = stdout};
    json_open(&json, NULL, '{');
    json_unsigned(&json, "images", comparison->drawn.count);
    json_unsigned(&json, "seed", arguments->source.seed);
    json_unsigned(&json, "mismatches", comparison->mismatches);
    json_open(&json, "models", '[');
    for (uint32_t m = 0; m < arguments->model_count; m++) {
        const struct entry *entry = &comparison->entries[m];
        json_open(&json, NULL, '{');
        json_string(&json, "model", arguments->models[m]);
        lines_json(&json, model_lines, sizeof model_lines / sizeof *model_lines, entry, 0);
        json_open(&json, "boards", '[');
        for (uint32_t b = 0; b < arguments->board_count; b++)
            board_json(&json, arguments->boards[b], entry, b);
        json_close(&json, ']');
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
}

static void print_report(const struct arguments *arguments, const struct comparison *comparison)
{
    if (arguments->json) {
        print_json(arguments, comparison);
        return;
    }
    if (arguments->digits > 0)
        show_digits(arguments, comparison);
    print_table(arguments, comparison);
    print_last_sentence(arguments, comparison);
}

static void comparison_free(struct comparison *comparison)
{
    for (uint32_t m = 0; m < MODELS_MAX; m++) {
        struct entry *entry = &comparison->entries[m];
        evaluation_free(&entry->reference);
        for (uint32_t b = 0; b < BOARDS_MAX; b++)
            evaluation_free(&entry->boards[b]);
        espalier_model_free(entry->model);
    }
    espalier_dataset_free(&comparison->all);
    espalier_dataset_free(&comparison->drawn);
    free(comparison);
}

int espalier_cmd_compare(int argc, char **argv)
{
    struct arguments arguments;
    int code = parse(argc, argv, &arguments);
    if (code != TOOL_GO_ON)
        return code;
    struct espalier_error error = {.message = "out of memory", .status = ESPALIER_ERR_MEMORY};
    struct comparison *comparison = calloc(1, sizeof *comparison);
    if (!comparison)
        return tool_fail(argv[0], &error);
    struct espalier_prices prices;
    espalier_prices_default(&prices);
    struct data_source all = arguments.source;
    all.count = 0;
    enum espalier_status status = ESPALIER_OK;
    if (arguments.prices)
        status = espalier_prices_read(arguments.prices, &prices, &error);
    if (status == ESPALIER_OK)
        status = data_read(&all, &comparison->all, &error);
    if (status == ESPALIER_OK)
        status = data_read(&arguments.source, &comparison->drawn, &error);
    for (uint32_t m = 0; m < arguments.model_count && status == ESPALIER_OK; m++)
        status = measure(&arguments, &prices, arguments.models[m], comparison, &comparison->entries[m], &error);
    if (status == ESPALIER_OK)
        print_report(&arguments, comparison);
    code = status == ESPALIER_OK ? TOOL_OK : tool_fail(argv[0], &error);
    comparison_free(comparison);
    return code;
}
