/* espalier inspect: the ledger of a model. */
#include "commands.h"
#include "json.h"
#include "tool.h"

#include <espalier/pack.h>
#include <sys/stat.h>

static const char help[] =
    "usage: espalier inspect MODEL.esp [--json]\n\n"
    "Shows where the bits of a compressed model go, in all and layer by layer:\n"
    "  value     the kept weights themselves\n"
    "  index     which weights they are: their gap fields (non-structured)\n"
    "  filler    gap fields stored because a gap did not fit its width\n"
    "  other     keep lists, counts, codebooks, scales, biases, padding\n"
    "  entropy   log2 C(n, k) of each layer: what it takes to say which k of n weights are kept. Compare it with "
    "index\n"
    "            and filler, and the row counts (or the keep list) among other: they say it together\n"
    "The data-only ratio is dense 32-bit weights over value bits; the all-in ratio is the same over all bits.\n\n"
    "  --json    print JSON: dense_weights, kept_weights, fillers, value_bits, index_bits, filler_bits, other_bits, "
    "total_bits,\n"
    "            entropy_index_bits, data_only_ratio, all_in_ratio, file_bytes, made_by, layers\n\n"
    "example: espalier inspect tests/data/models/lenet5-gap.esp\n";

/* The columns of the ledger that are bit counts, by name. */
static const struct {
    const char *json, *heading;
    size_t offset;
} columns[] = {
    {"value_bits", "value", offsetof(struct espalier_ledger, value_bits)},
    {"index_bits", "index", offsetof(struct espalier_ledger, index_bits)},
    {"filler_bits", "filler", offsetof(struct espalier_ledger, filler_bits)},
    {"other_bits", "other", offsetof(struct espalier_ledger, other_bits)},
    {"total_bits", "total", offsetof(struct espalier_ledger, total_bits)},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static uint64_t column_of(const struct espalier_ledger *ledger, size_t column)
{
    return *(const uint64_t *)((const char *)ledger + columns[column].offset);
}

static void ledger_json(struct json *json, const struct espalier_ledger *ledger)
{
    json_unsigned(json, "kept_weights", ledger->kept_weights);
    json_unsigned(json, "fillers", ledger->fillers);
    for (size_t i = 0; i < COLUMNS; i++)
        json_unsigned(json, columns[i].json, column_of(ledger, i));
    json_double(json, "entropy_index_bits", ledger->entropy_index_bits);
}

static void layer_json(struct json *json, const struct espalier_layer *layer, const struct espalier_ledger *ledger)
{
    json_open(json, NULL, '{');
    json_string(json, "format", espalier_format_name(layer->format));
    json_unsigned(json, "rows", layer->rows);
    json_unsigned(json, "columns", espalier_layer_columns(layer));
    json_unsigned(json, "in_channels", layer->in_channels);
    json_unsigned(json, "in_height", layer->in_height);
    json_unsigned(json, "in_width", layer->in_width);
    json_unsigned(json, "kernel_height", layer->kernel_height);
    json_unsigned(json, "kernel_width", layer->kernel_width);
    json_unsigned(json, "stride", layer->stride);
    json_unsigned(json, "pad", layer->pad);
    json_unsigned(json, "pool", layer->pool);
    json_bool(json, "relu", layer->relu);
    json_bool(json, "raw", layer->raw);
    json_unsigned(json, "value_width", layer->value_bits);
    json_unsigned(json, "gap_width", layer->gap_bits);
    json_unsigned(json, "count_width", layer->count_bits);
    json_unsigned(json, "bias_width", layer->bias_bits);
    json_bool(json, "has_codebook", layer->has_codebook);
    ledger_json(json, ledger);
    json_close(json, '}');
}

static void print_json(const struct espalier_model *model, const struct espalier_packed *packed, uint64_t file_bytes)
{
    struct json json = {.out = stdout};
    json_open(&json, NULL, '{');
    json_unsigned(&json, "dense_weights", model->dense_weights);
    ledger_json(&json, &packed->ledger);
    json_double(&json, "data_only_ratio", espalier_data_only_ratio(model, &packed->ledger));
    json_double(&json, "all_in_ratio", espalier_all_in_ratio(model, &packed->ledger));
    json_unsigned(&json, "file_bytes", file_bytes);
    json_string(&json, "made_by", model->made_by);
    json_open(&json, "layers", '[');
    for (uint32_t i = 0; i < model->layer_count; i++)
        layer_json(&json, &model->layers[i], &packed->layers[i]);
    json_close(&json, ']');
    json_close(&json, '}');
}

static void print_row(const char *name, const char *shape, const char *format, const struct espalier_ledger *ledger)
{
    printf("%-6s %-12s %-10s %8llu", name, shape, format, (unsigned long long)ledger->kept_weights);
    for (size_t i = 0; i < COLUMNS; i++)
        printf(" %9llu", (unsigned long long)column_of(ledger, i));
    printf(" %9.0f\n", ledger->entropy_index_bits);
}

static void print_table(const struct espalier_model *model, const struct espalier_packed *packed, uint64_t file_bytes)
{
    printf("%-6s %-12s %-10s %8s", "layer", "shape", "format", "weights");
    for (size_t i = 0; i < COLUMNS; i++)
        printf(" %9s", columns[i].heading);
    printf(" %9s   (bits)\n", "entropy");
    for (uint32_t i = 0; i < model->layer_count; i++) {
        const struct espalier_layer *layer = &model->layers[i];
        char name[16], shape[32];
        snprintf(name, sizeof name, "%u", i + 1);
        snprintf(shape, sizeof shape, "%u x %zu", layer->rows, espalier_layer_columns(layer));
        print_row(name, shape, espalier_format_name(layer->format), &packed->layers[i]);
    }
    print_row("all", "", "", &packed->ledger);
    const struct espalier_ledger *ledger = &packed->ledger;
    printf("\n%llu of %llu weights kept (%.1fx fewer), %llu fillers; %llu bytes of stream, %llu of file\n",
           (unsigned long long)ledger->kept_weights, (unsigned long long)model->dense_weights,
           ledger->kept_weights ? (double)model->dense_weights / (double)ledger->kept_weights : 0.0,
           (unsigned long long)ledger->fillers, (unsigned long long)packed->size, (unsigned long long)file_bytes);
    printf("data-only ratio %.1fx, all-in ratio %.1fx\n", espalier_data_only_ratio(model, ledger),
           espalier_all_in_ratio(model, ledger));
    printf("made by: %s\n", model->made_by);
}

int espalier_cmd_inspect(int argc, char **argv)
{
    bool as_json;
    int code = tool_json_option(argc, argv, help, &as_json);
    if (code != TOOL_GO_ON)
        return code;
    if (argc - optind != 1)
        return tool_usage_error(argv[0], "one model file is expected");
    struct espalier_error error = {0};
    struct espalier_model *model;
    struct espalier_packed packed;
    struct stat file = {0};
    if (espalier_model_load(argv[optind], &model, &error) != ESPALIER_OK)
        return tool_fail(argv[0], &error);
    code = TOOL_OK;
    stat(argv[optind], &file);
    if (espalier_pack(model, &packed, &error) != ESPALIER_OK) {
        code = tool_fail(argv[0], &error);
    } else {
        (as_json ? print_json : print_table)(model, &packed, (uint64_t)file.st_size);
        espalier_packed_free(&packed);
    }
    espalier_model_free(model);
    return code;
}
