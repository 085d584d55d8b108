/* espalier compress: ADMM pruning and quantization of a trained network. */
#include "choices.h"
#include "commands.h"
#include "json.h"
#include "tool.h"
#include "training.h"

#include <espalier/compress.h>
#include <espalier/engine.h>
#include <espalier/pack.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: espalier compress BASELINE.ckpt --format dense|structured|gap --out MODEL.esp [OPTION]...\n\n"
    "Compresses what \"espalier train\" wrote into an integer model. dense: 8-bit weights. structured, gap: ADMM "
    "prunes in\n"
    "progressive steps, each followed by the hard projection, the removal of rows and columns that nothing needs any "
    "more, and\n"
    "retraining; then weights, biases and activations are quantized inside the training loop.\n"
    "The last 5,000 training images judge; test images are not used.\n\n"
    "  --format F           dense; structured (whole rows and columns); gap (non-structured, gap-coded)\n"
    "  --out MODEL.esp      model to write (both required)\n"
    "  --data DIR           folder with the IDX files of MNIST (default build/data; \"make data\" fills it)\n"
    "  --ratio R            keep at most 1/R of the weights (default 100 for gap, 60 for structured)\n"
    "  --budget LIST        what each layer keeps instead, first layer first: weights, and rows if they shall be "
    "fewer\n"
    "                       too (gap), as in 140/14,1450/32,2250/80,400; rows x columns (structured), as in\n"
    "                       10x25,20x100,40x80,10x40\n"
    "  --search N           better the layers' shares of the total first, by N trials: each prunes, trains on at most\n"
    "                       15,000 images and is judged on the held-out ones\n"
    "  --family LIST        what is pruned as one, for all layers, or first layer first, as in patterns:8,elements "
    "(the\n"
    "                       last one goes for all that follow). Stored as gap:\n"
    "                         elements     single weights, a budget a layer\n"
    "                         global       single weights, one budget for all layers\n"
    "                         blocks:RxC   blocks of R rows by C columns\n"
    "                         N:M          at most N of each M columns of a row, as in 2:8 (whatever the ratio)\n"
    "                         banks:B      rows in B banks of columns, the same number kept in each\n"
    "                         patterns:P   3x3 kernels: 4 weights in one of P patterns, or none\n"
    "                         mask:S       positions that a generator makes from seed S\n"
    "                       Stored as structured or gap: filters (rows), channels, columns ((channel, y, x) "
    "positions).\n"
    "                       As structured only: filters+columns, under one constraint.\n"
    "                       Default: gap: elements, and fewer rows; structured: filters and columns, a constraint "
    "each\n"
    "  --balance L          in every L rows, each row keeps the same number (elements, global, blocks, banks), so "
    "that\n"
    "                       L lanes end together\n"
    "  --value-bits LIST    bits of a weight: 1 to 4 with a codebook a layer, 5 to 8 linear (default 4; dense 8); for "
    "all layers,\n"
    "                       or first layer first, as in 3,3,2,2 (the last one goes for all that follow)\n"
    "  --levels LIST        values of a layer's kept weights, for all layers or first layer first: clustered (any; "
    "the\n"
    "                       default), or codes times one scale, which is solved for: uniform, no-zero, binary (1 "
    "bit),\n"
    "                       ternary (2 bits)\n"
    "  --bias-bits B        bits of a bias, 2 to 16 (default 8)\n"
    "  --choose-epochs N    let sparse variational dropout choose, in N epochs, what is kept (per weight for gap; a "
    "noise a row\n"
    "                       and a column for structured), in place of ADMM unless --steps is given, too\n"
    "  --prior P            weight of its prior (default 1): more removes more\n"
    "  --steps N            progressive pruning steps (default 3)\n"
    "  --epochs N           passes over the training images in all, shared out as the format's recipe does\n"
    "  --retrain-epochs, --quantize-epochs N   the last two of these parts instead\n"
    "  --level-epochs N     N more epochs of ADMM towards the levels, before training with quantized weights\n"
    "  --batch N            images a step of training (default 64)\n"
    "  --augment A          strength of random shift, rotation, scale and shear (default 0.7; 0: none)\n"
    "  --distill A          share of the loss, 0 to 1, in which BASELINE's softened answers take the place of the "
    "labels\n"
    "                       (default 0), in ADMM, retraining and training with levels\n"
    "  --temperature T      that softens them (default 4)\n"
    "  --seed S             of the order of images and augmentation (default 1)\n"
    "  --choose-rate, --prune-rate, --retrain-rate, --quantize-rate R   learning rates at the start of a stage\n"
    "  --threads N          threads that share a batch (default 1); results differ in the last bits with their number\n"
    "  --no-normalize       retrain without batch normalization (which is folded away afterwards)\n"
    "  --quick              few epochs on 2,000 images, 1,000 held out, to try the tools\n"
    "  --pruned FILE.ckpt   keep the pruned network here before it is quantized; if the file is there, it is quantized "
    "as it is\n"
    "  --log FILE.csv|.json  write loss, ADMM residual ||W - Z|| / ||W|| and held-out accuracy, a row an epoch (.json: "
    "JSON)\n"
    "  --json               print JSON: format, dense_weights, kept_weights, ratio, stream_bytes, held_out_images,\n"
    "                       held_out_accuracy (integer arithmetic), seconds, out\n\n"
    "example: espalier compress build/lenet5.ckpt --format gap --ratio 100 --seed 1 --out build/lenet5-gap.esp\n";

static const char *const format_names[] = {
    [ESPALIER_DENSE] = "dense",
    [ESPALIER_STRUCTURED] = "structured",
    [ESPALIER_GAP] = "gap",
};

struct arguments {
    const char *baseline, *out, *data, *log, *format, *budget, *value_bits, *pruned, *family, *levels;
    uint64_t bias_bits, steps, epochs, seed, threads, choose_epochs, retrain_epochs, level_epochs, quantize_epochs,
        batch, balance, search;
    double prior, augment, distill, temperature, choose_rate, ratio, prune_rate, retrain_rate, quantize_rate;
    bool quick, no_normalize, json;
};

/* What an option's value is, and where it goes. */
enum kind { TEXT, NUMBER, DECIMAL, FLAG };
static const struct {
    const char *name;
    enum kind kind;
    size_t offset;
    double low, high; /* NUMBER and DECIMAL */
} table[] = {
    {"format", TEXT, offsetof(struct arguments, format), 0, 0},
    {"out", TEXT, offsetof(struct arguments, out), 0, 0},
    {"data", TEXT, offsetof(struct arguments, data), 0, 0},
    {"budget", TEXT, offsetof(struct arguments, budget), 0, 0},
    {"family", TEXT, offsetof(struct arguments, family), 0, 0},
    {"balance", NUMBER, offsetof(struct arguments, balance), 2, 65535},
    {"levels", TEXT, offsetof(struct arguments, levels), 0, 0},
    {"pruned", TEXT, offsetof(struct arguments, pruned), 0, 0},
    {"log", TEXT, offsetof(struct arguments, log), 0, 0},
    {"ratio", DECIMAL, offsetof(struct arguments, ratio), 1.0, 1e9},
    {"value-bits", TEXT, offsetof(struct arguments, value_bits), 0, 0},
    {"bias-bits", NUMBER, offsetof(struct arguments, bias_bits), 2, 16},
    {"choose-epochs", NUMBER, offsetof(struct arguments, choose_epochs), 1, 10000},
    {"prior", DECIMAL, offsetof(struct arguments, prior), 1e-9, 1e9},
    {"search", NUMBER, offsetof(struct arguments, search), 1, 10000},
    {"steps", NUMBER, offsetof(struct arguments, steps), 1, 16},
    {"epochs", NUMBER, offsetof(struct arguments, epochs), 1, 10000},
    {"retrain-epochs", NUMBER, offsetof(struct arguments, retrain_epochs), 1, 10000},
    {"level-epochs", NUMBER, offsetof(struct arguments, level_epochs), 1, 10000},
    {"quantize-epochs", NUMBER, offsetof(struct arguments, quantize_epochs), 1, 10000},
    {"batch", NUMBER, offsetof(struct arguments, batch), 1, 1024},
    {"seed", NUMBER, offsetof(struct arguments, seed), 0, 1e15},
    {"threads", NUMBER, offsetof(struct arguments, threads), 1, 64},
    {"distill", DECIMAL, offsetof(struct arguments, distill), 0, 1},
    {"temperature", DECIMAL, offsetof(struct arguments, temperature), 0.1, 100},
    {"augment", DECIMAL, offsetof(struct arguments, augment), 0, 10},
    {"choose-rate", DECIMAL, offsetof(struct arguments, choose_rate), 1e-9, 1e9},
    {"prune-rate", DECIMAL, offsetof(struct arguments, prune_rate), 1e-9, 1e9},
    {"retrain-rate", DECIMAL, offsetof(struct arguments, retrain_rate), 1e-9, 1e9},
    {"quantize-rate", DECIMAL, offsetof(struct arguments, quantize_rate), 1e-9, 1e9},
    {"quick", FLAG, offsetof(struct arguments, quick), 0, 0},
    {"no-normalize", FLAG, offsetof(struct arguments, no_normalize), 0, 0},
    {"json", FLAG, offsetof(struct arguments, json), 0, 0},
};
enum { OPTIONS = sizeof table / sizeof *table, FIRST_CODE = 256 };

static const char *take_option(int code, const char *value, void *context)
{
    static char fault[128];
    size_t index = (size_t)(code - FIRST_CODE);
    void *field = (char *)context + table[index].offset;
    bool good = true;

    switch (table[index].kind) {
    case TEXT:
        *(const char **)field = value;
        break;
    case NUMBER:
        good = tool_read_number(value, (uint64_t)table[index].low, (uint64_t)table[index].high, field);
        break;
    case DECIMAL:
        good = training_read_decimal(value, table[index].low, table[index].high, field);
        break;
    case FLAG:
        *(bool *)field = true;
        break;
    }
    snprintf(fault, sizeof fault, "--%s is a number from %g to %g", table[index].name, table[index].low,
             table[index].high);
    return good ? NULL : fault;
}

/* @return TOOL_GO_ON or an exit code */
static int read_options(int argc, char **argv, struct arguments *arguments)
{
    struct option options[OPTIONS + 2] = {{"help", no_argument, NULL, TOOL_HELP}};

    for (int i = 0; i < OPTIONS; i++)
        options[i + 1] = (struct option){table[i].name, table[i].kind == FLAG ? no_argument : required_argument, NULL,
                                         FIRST_CODE + i};
    return tool_options(argc, argv, options, help, take_option, arguments);
}

/* Reads one layer's part of the budget's list; NULL if it is not one, else its end. */
static char *read_budget(const char *text, enum espalier_format format, struct espalier_budget *budget)
{
    char *end, sign = format == ESPALIER_STRUCTURED ? 'x' : '/';
    unsigned long first = strtoul(text, &end, 10), second = 0;

    if (end == text || first == 0 || first > UINT32_MAX)
        return NULL;
    if (*end == sign) {
        text = end + 1;
        second = strtoul(text, &end, 10);
        if (end == text || second == 0 || second > UINT32_MAX)
            return NULL;
    } else if (format == ESPALIER_STRUCTURED) {
        return NULL;
    }
    *budget = format == ESPALIER_STRUCTURED
                  ? (struct espalier_budget){.rows = (uint32_t)first, .columns = (uint32_t)second}
                  : (struct espalier_budget){.weights = (uint32_t)first, .rows = (uint32_t)second};
    return end;
}

/* Reads the budget's list; *count receives how many there are. */
static bool read_budgets(const char *text, enum espalier_format format, struct espalier_budget *budgets,
                         uint32_t *count)
{
    for (*count = 0; *count < ESPALIER_LAYERS_MAX;) {
        const char *end = read_budget(text, format, &budgets[*count]);
        if (end == NULL)
            return false;
        ++*count;
        if (*end != ',')
            return *end == '\0';
        text = end + 1;
    }
    return false;
}

/* Reads the list of bits into [ESPALIER_LAYERS_MAX], its last one repeated. */
static bool read_value_bits(const char *text, uint8_t *bits)
{
    for (uint32_t i = 0; i < ESPALIER_LAYERS_MAX; i++) {
        if (*text < '1' || *text > '8' || (text[1] != ',' && text[1] != '\0'))
            return false;
        bits[i] = (uint8_t)(*text - '0');
        text += text[1] == ',' ? 2 : 0;
    }
    return text[1] == '\0';
}

/* Shares `epochs` out in the proportions of the recipe. */
static void scale_epochs(struct espalier_compress_options *options, uint64_t epochs)
{
    uint64_t all = (uint64_t)options->prune_epochs + options->retrain_epochs + options->quantize_epochs;

    options->prune_epochs = (uint32_t)(options->prune_epochs * epochs / all);
    if (options->format != ESPALIER_DENSE && options->prune_epochs < options->steps)
        options->prune_epochs = options->steps;
    options->retrain_epochs = (uint32_t)(options->retrain_epochs * epochs / all);
    uint64_t used = (uint64_t)options->prune_epochs + options->retrain_epochs;
    options->quantize_epochs = used < epochs ? (uint32_t)(epochs - used) : 0;
}

static void make_quick(struct espalier_compress_options *options)
{
    options->train.use = 2000;
    options->train.held_out = 1000;
    if (options->format == ESPALIER_DENSE)
        return;
    options->steps = 2;
    options->prune_epochs = 8;
    options->retrain_epochs = 10;
    options->quantize_epochs = 6;
}

static struct espalier_compress_options compress_options(const struct arguments *arguments, enum espalier_format format)
{
    struct espalier_compress_options options = espalier_compress_defaults(format);

    if (arguments->quick)
        make_quick(&options);
    if (format != ESPALIER_DENSE)
        options.choose_epochs = (uint32_t)arguments->choose_epochs;
    if (options.choose_epochs > 0 && arguments->steps == 0)
        options.prune_epochs = options.steps = 0;
    if (arguments->steps > 0 && format != ESPALIER_DENSE)
        options.steps = (uint32_t)arguments->steps;
    if (arguments->epochs > 0)
        scale_epochs(&options, arguments->epochs);
    if (arguments->retrain_epochs > 0)
        options.retrain_epochs = (uint32_t)arguments->retrain_epochs;
    options.level_epochs = (uint32_t)arguments->level_epochs;
    options.search_trials = (uint32_t)arguments->search;
    if (arguments->quantize_epochs > 0)
        options.quantize_epochs = (uint32_t)arguments->quantize_epochs;
    if (arguments->ratio > 0.0)
        options.ratio = arguments->ratio;
    if (arguments->bias_bits > 0)
        options.bias_bits = (uint8_t)arguments->bias_bits;
    if (arguments->prune_rate > 0.0)
        options.prune_rate = (float)arguments->prune_rate;
    if (arguments->retrain_rate > 0.0)
        options.retrain_rate = (float)arguments->retrain_rate;
    if (arguments->quantize_rate > 0.0)
        options.quantize_rate = (float)arguments->quantize_rate;
    if (arguments->batch > 0)
        options.train.batch = (uint32_t)arguments->batch;
    if (arguments->augment >= 0.0)
        options.train.augment = (float)arguments->augment;
    if (arguments->choose_rate > 0.0)
        options.choose_rate = (float)arguments->choose_rate;
    if (arguments->prior > 0.0)
        options.prior = (float)arguments->prior;
    options.train.distill = (float)arguments->distill;
    if (arguments->temperature > 0.0)
        options.train.temperature = (float)arguments->temperature;
    options.train.seed = arguments->seed;
    options.train.threads = (uint32_t)arguments->threads;
    options.train.normalize = !arguments->no_normalize;
    options.train.progress = training_report_progress;
    return options;
}

/* Counts the held-out images that the integer model classifies right. */
static enum espalier_status judge(const struct espalier_model *model, const struct espalier_dataset *data,
                                  uint32_t held_out, uint32_t *correct, struct espalier_error *error)
{
    const struct espalier_layer *last = &model->layers[model->layer_count - 1];
    uint32_t classes = last->rows * espalier_layer_out_height(last) * espalier_layer_out_width(last);
    int32_t *logits = malloc(classes * sizeof *logits);
    struct espalier_engine *engine = NULL;

    *correct = 0;
    if (logits == NULL)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "out of memory for %u logits", classes);
    enum espalier_status status = espalier_engine_create(model, &engine, error);
    for (uint32_t i = data->count - held_out; i < data->count && status == ESPALIER_OK; i++) {
        espalier_engine_run(engine, data->pixels + (size_t)i * data->height * data->width, logits);
        *correct += espalier_argmax(logits, classes) == data->labels[i];
    }
    espalier_engine_free(engine);
    free(logits);
    return status;
}

struct result {
    uint64_t dense_weights, kept_weights;
    size_t stream_bytes;
    uint32_t held_out, correct;
    double seconds;
};

static void print_result(const struct arguments *arguments, const struct result *result)
{
    double accuracy = result->held_out > 0 ? (double)result->correct / result->held_out : 0.0;
    double ratio = result->kept_weights > 0 ? (double)result->dense_weights / (double)result->kept_weights : 0.0;

    if (!arguments->json) {
        printf("%s: %llu of %llu weights kept (%.1fx fewer), %zu bytes of stream; %.2f %% of %u held-out images right "
               "in integer "
               "arithmetic; %.0f s; wrote %s\n",
               arguments->format, (unsigned long long)result->kept_weights, (unsigned long long)result->dense_weights,
               ratio, result->stream_bytes, 100.0 * accuracy, result->held_out, result->seconds, arguments->out);
        return;
    }
    struct json json = {.out = stdout};
    json_open(&json, NULL, '{');
    json_string(&json, "format", arguments->format);
    json_unsigned(&json, "dense_weights", result->dense_weights);
    json_unsigned(&json, "kept_weights", result->kept_weights);
    json_double(&json, "ratio", ratio);
    json_unsigned(&json, "stream_bytes", result->stream_bytes);
    json_unsigned(&json, "held_out_images", result->held_out);
    json_double(&json, "held_out_accuracy", accuracy);
    json_double(&json, "seconds", result->seconds);
    json_string(&json, "out", arguments->out);
    json_close(&json, '}');
}

/* Judges and writes a model that is done. */
static enum espalier_status finish(const struct arguments *arguments, const struct espalier_model *model,
                                   const struct espalier_dataset *data, struct result *result,
                                   struct espalier_error *error)
{
    struct espalier_packed packed;
    enum espalier_status status = espalier_pack(model, &packed, error);

    if (status != ESPALIER_OK)
        return status;
    result->dense_weights = model->dense_weights;
    result->kept_weights = packed.ledger.kept_weights;
    result->stream_bytes = packed.size;
    espalier_packed_free(&packed);
    status = judge(model, data, result->held_out, &result->correct, error);
    return status == ESPALIER_OK ? espalier_model_save(model, arguments->out, error) : status;
}

/* The commands that made a model whose pruned network was there: those that made it, then the last of these, unless it
 * is the same again. */
static enum espalier_status join_commands(const char *pruned, const char *commands, char joined[TRAINING_COMMAND_MAX],
                                          struct espalier_error *error)
{
    const char *last = commands, *next;

    while ((next = strstr(last, "; ")) != NULL)
        last = next + 2;
    bool same = strcmp(pruned, commands) == 0;
    int length = snprintf(joined, TRAINING_COMMAND_MAX, "%s%s%s", pruned, same ? "" : "; ", same ? "" : last);
    return length < TRAINING_COMMAND_MAX
               ? ESPALIER_OK
               : espalier_fail(error, ESPALIER_ERR_RANGE,
                               "the command lines have %d bytes, more than the %d that a model file holds", length,
                               TRAINING_COMMAND_MAX - 1);
}

/* Takes up a network that was pruned before. @param joined  receives the commands that make the model */
static enum espalier_status take_up(const char *path, const char *commands, struct espalier_network **pruned,
                                    char joined[TRAINING_COMMAND_MAX], struct espalier_error *error)
{
    char *made_by = NULL;

    fprintf(stderr, "espalier compress: %s is there: it is quantized, nothing is pruned\n", path);
    enum espalier_status status = espalier_network_load(path, pruned, &made_by, error);
    if (status == ESPALIER_OK)
        status = join_commands(made_by, commands, joined, error);
    free(made_by);
    return status;
}

/* Prunes and quantizes. With --pruned, what is there is not pruned again, and what was pruned is kept. */
static enum espalier_status train_model(const struct arguments *arguments, const struct espalier_network *network,
                                        const struct espalier_dataset *data,
                                        const struct espalier_compress_options *options, struct espalier_model **model,
                                        struct espalier_error *error)
{
    struct espalier_compress_options own = *options;
    struct espalier_network *pruned = NULL;
    char joined[TRAINING_COMMAND_MAX];
    bool there = arguments->pruned != NULL && access(arguments->pruned, F_OK) == 0;
    enum espalier_status status = there ? take_up(arguments->pruned, options->made_by, &pruned, joined, error)
                                        : espalier_prune(network, data, options, &pruned, error);

    own.made_by = there ? joined : options->made_by;
    if (status == ESPALIER_OK && arguments->pruned != NULL && !there)
        status = espalier_network_save(pruned, options->made_by, arguments->pruned, error);
    if (status == ESPALIER_OK)
        status = espalier_quantize(pruned, data, &own, model, error);
    espalier_network_free(pruned);
    return status;
}

/* Trains towards the model, with progress and log. */
static enum espalier_status run(const struct arguments *arguments, const struct espalier_network *network,
                                const struct espalier_dataset *data, struct espalier_compress_options *options,
                                struct espalier_model **model, struct espalier_error *error)
{
    struct training_report report;
    enum espalier_status status = training_report_begin(&report, "compressing", arguments->log, error);

    if (status != ESPALIER_OK)
        return status;
    options->train.context = &report;
    status = train_model(arguments, network, data, options, model, error);
    enum espalier_status ended = training_report_end(&report, status == ESPALIER_OK ? error : NULL);
    return status == ESPALIER_OK ? ended : status;
}

static enum espalier_status compress(const struct arguments *arguments, struct espalier_compress_options *options,
                                     int argc, char **argv, struct espalier_error *error)
{
    char command[TRAINING_COMMAND_MAX];
    struct espalier_network *network = NULL;
    struct espalier_dataset data = {0};
    struct espalier_model *model = NULL;
    struct result result = {.held_out = options->train.held_out};
    char *made_by = NULL;
    double begin = training_seconds();

    enum espalier_status status = espalier_network_load(arguments->baseline, &network, &made_by, error);
    if (status == ESPALIER_OK)
        status = training_command_line(made_by, argc, argv, command, error);
    if (status == ESPALIER_OK)
        status = training_read_data(arguments->data, &data, error);
    options->made_by = command;
    if (options->train.distill > 0.0F)
        options->train.teacher = network;
    if (status == ESPALIER_OK && options->families != NULL && options->family_count < network->layer_count)
        options->family_count = network->layer_count; /* the list's last one goes for all that follow */
    if (status == ESPALIER_OK)
        status = run(arguments, network, &data, options, &model, error);
    if (status == ESPALIER_OK)
        status = finish(arguments, model, &data, &result, error);
    result.seconds = training_seconds() - begin;
    if (status == ESPALIER_OK)
        print_result(arguments, &result);
    espalier_model_free(model);
    espalier_dataset_free(&data);
    espalier_network_free(network);
    free(made_by);
    return status;
}

/* The format of a name; false if there is none. */
static bool find_format(const char *name, enum espalier_format *format)
{
    for (size_t i = 0; i < sizeof format_names / sizeof *format_names; i++)
        if (name != NULL && strcmp(name, format_names[i]) == 0) {
            *format = (enum espalier_format)i;
            return true;
        }
    return false;
}

/* Reads families and levels. */
static enum espalier_status read_choices(const struct arguments *arguments, struct espalier_family *families,
                                         struct espalier_compress_options *options, struct espalier_error *error)
{
    enum espalier_status status = ESPALIER_OK;
    const char *family = arguments->family;

    if (family == NULL && arguments->balance > 0)
        family = "elements";
    if ((family != NULL || arguments->search > 0) && options->format == ESPALIER_DENSE)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "--format dense prunes nothing: no --family, --balance or --search");
    if (family != NULL) {
        options->families = families;
        status = choices_read_families(family, (uint32_t)arguments->balance, families, &options->family_count, error);
    }
    if (status == ESPALIER_OK && arguments->levels != NULL)
        status = choices_read_levels(arguments->levels, options->levels, options->value_bits, error);
    return status;
}

int espalier_cmd_compress(int argc, char **argv)
{
    struct arguments arguments = {.data = "build/data", .seed = 1, .threads = 1, .augment = -1.0};
    struct espalier_budget budgets[ESPALIER_LAYERS_MAX];
    struct espalier_family families[ESPALIER_LAYERS_MAX];
    struct espalier_error error = {0};
    enum espalier_format format = ESPALIER_DENSE;
    char *as_given[256]; /* getopt moves the arguments about */

    for (int i = 0; i < argc && i < 256; i++)
        as_given[i] = argv[i];
    int code = read_options(argc, argv, &arguments);
    if (code != TOOL_GO_ON)
        return code;
    if (argc - optind != 1)
        return tool_usage_error(argv[0], "one baseline is expected");
    if (argc > 256 || !find_format(arguments.format, &format))
        return tool_usage_error(argv[0], "--format is dense, structured or gap");
    if (arguments.out == NULL)
        return tool_usage_error(argv[0], "--out names the model to write");
    arguments.baseline = argv[optind];
    struct espalier_compress_options options = compress_options(&arguments, format);
    if (read_choices(&arguments, families, &options, &error) != ESPALIER_OK)
        return tool_usage_error(argv[0], "%s", error.message);
    if (arguments.value_bits != NULL && !read_value_bits(arguments.value_bits, options.value_bits))
        return tool_usage_error(argv[0], "--value-bits is a list of numbers from 1 to 8, such as 3,3,2,2");
    if (arguments.budget != NULL) {
        if (format == ESPALIER_DENSE || !read_budgets(arguments.budget, format, budgets, &options.budget_count))
            return tool_usage_error(argv[0],
                                    "--budget is a list such as 140/14,1450/32,400 (gap) or 10x25,20x100 (structured)");
        options.budgets = budgets;
    }
    training_single_blas();
    return compress(&arguments, &options, argc, as_given, &error) == ESPALIER_OK ? TOOL_OK : tool_fail(argv[0], &error);
}
