/* The command line of "espalier compress": its options are a table. */
#include "compress_arguments.h"
#include "data.h"

#include "choices.h"
#include "tool.h"
#include "training.h"

#include <ctype.h>
#include <errno.h>
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
    "  --data DIR           folder with the IDX files of MNIST (default " DATA_FOLDER "; \"make data\" fills it)\n"
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
    "                         mask:S       positions that a generator makes from seed S (stored with their "
    "indices)\n"
    "                       Stored as structured or gap: filters (rows), channels, columns ((channel, y, x) "
    "positions).\n"
    "                       As structured only: filters+columns, under one constraint.\n"
    "                       N:M, banks, patterns, mask and whatever --balance balances need ADMM (--steps with\n"
    "                       --choose-epochs, whose noise is then a weight's)\n"
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
    "  --choose-epochs N    let sparse variational dropout choose, in N epochs, what is kept, in place of ADMM unless\n"
    "                       --steps is given, too; then it chooses ADMM's start and budgets. One noise for each of "
    "what\n"
    "                       --family prunes as one (weights, rows, columns, channels, blocks); without it a weight\n"
    "                       (gap), a row and a column (structured)\n"
    "  --prior P            weight of its prior (default 1): more makes more weights noisy\n"
    "  --steps N            progressive pruning steps (default 3)\n"
    "  --epochs N           passes over the training images of ADMM, retraining and training with quantized weights "
    "in\n"
    "                       all, shared out as the format's recipe does\n"
    "  --retrain-epochs, --quantize-epochs N   the last two of these parts instead\n"
    "  --level-epochs N     N more epochs of ADMM towards the levels, before training with quantized weights\n"
    "  --batch N            images a step of training (default 64)\n"
    "  --augment A          strength of random shift, rotation, scale and shear (default 0.7; 0: none)\n"
    "  --noise V            variance, 0 to 1, of the noise by which the inputs of all layers are multiplied (default\n"
    "                       0); a network of few weights then learns less by heart\n"
    "  --distill A          share of the loss, 0 to 1, in which BASELINE's softened answers take the place of the "
    "labels\n"
    "                       (default 0), in ADMM, retraining and training with levels\n"
    "  --temperature T      that softens them (default 4)\n"
    "  --seed S             of the order of images and augmentation (default 1)\n"
    "  --choose-rate, --prune-rate, --retrain-rate, --quantize-rate R   learning rates at the start of a stage\n"
    "                       (default 0.002, 0.001, 0.003, 0.005; dense quantizes with 0.0002); --quantize-rate moves\n"
    "                       weights in proportion to the width of their layer's levels\n"
    "  --rho-first, --rho-last R   penalty of ADMM at the start and at the end of a step, growing geometrically "
    "between\n"
    "                       (default 0.01 and 1; gap 0.5)\n"
    "  --reset-updates N    ADMM's learning rate begins anew after N updates of Z and U, of which an epoch has 4 "
    "(default:\n"
    "                       it falls over the whole of a step)\n"
    "  --dampen D           0 to 1 (default 0.05; 0: none): while weights with levels are trained, what pushes them "
    "to\n"
    "                       and fro between two levels moves them less and less\n"
    "  --threads N          threads that share a batch, whose size they divide (default 1); results differ with "
    "their\n"
    "                       number\n"
    "  --no-normalize       retrain without batch normalization (which is folded away afterwards)\n"
    "  --all-images         hold none out, once a recipe is chosen: all training images (of --quick: its 2,000)\n"
    "                       train, and nothing judges\n"
    "  --quick              few epochs on 2,000 images, 1,000 held out, to try the tools\n"
    "  --pruned FILE.ckpt   keep the pruned network here before it is quantized; if the file is there, it is quantized "
    "as it is\n"
    "  --state FILE         keep the state of the work here at every epoch's end, and take it up if it is there: a run "
    "that was\n"
    "                       interrupted goes on behind its last whole epoch and gives the same model bit for bit; "
    "removed when\n"
    "                       the model is written. Ctrl-C stops at the next batch (exit code 130)\n"
    "  --log FILE.csv|.json  write a row an epoch (.json: JSON): loss, ADMM residual ||W - Z|| / ||W||, held-out "
    "accuracy\n"
    "                       and loss, kept_weights, and packed_bits: the size, measured by packing it, of a model with "
    "the masks "
    "of that\n"
    "                       moment and weights of --value-bits; in the stage \"quantize\" it is the model of that "
    "moment\n"
    "  --json               print JSON: format, dense_weights, kept_weights, ratio, stream_bytes, held_out_images,\n"
    "                       held_out_accuracy (integer arithmetic), seconds, out\n\n"
    "example: espalier compress build/lenet5.ckpt --format gap --ratio 100 --seed 1 --out build/lenet5-gap.esp\n";

/* What the options say, before it is known what they mean together. */
struct given {
    const char *out, *data, *log, *format, *budget, *value_bits, *pruned, *family, *levels, *state;
    uint64_t bias_bits, reset_updates, steps, epochs, seed, threads, choose_epochs, retrain_epochs, level_epochs,
        quantize_epochs, batch, balance, search;
    double prior, augment, noise, dampen, rho_first, rho_last, distill, temperature, choose_rate, ratio, prune_rate,
        retrain_rate, quantize_rate;
    bool quick, all_images, no_normalize, json;
};

/* What an option's value is, and where it goes. */
enum kind { TEXT, NUMBER, DECIMAL, FLAG };
static const struct {
    const char *name;
    enum kind kind;
    size_t offset;
    double low, high; /* NUMBER and DECIMAL */
} table[] = {
    {"format", TEXT, offsetof(struct given, format), 0, 0},
    {"out", TEXT, offsetof(struct given, out), 0, 0},
    {"data", TEXT, offsetof(struct given, data), 0, 0},
    {"budget", TEXT, offsetof(struct given, budget), 0, 0},
    {"family", TEXT, offsetof(struct given, family), 0, 0},
    {"balance", NUMBER, offsetof(struct given, balance), 2, 65535},
    {"levels", TEXT, offsetof(struct given, levels), 0, 0},
    {"pruned", TEXT, offsetof(struct given, pruned), 0, 0},
    {"log", TEXT, offsetof(struct given, log), 0, 0},
    {"state", TEXT, offsetof(struct given, state), 0, 0},
    {"ratio", DECIMAL, offsetof(struct given, ratio), 1.0, 1e9},
    {"value-bits", TEXT, offsetof(struct given, value_bits), 0, 0},
    {"bias-bits", NUMBER, offsetof(struct given, bias_bits), 2, 16},
    {"choose-epochs", NUMBER, offsetof(struct given, choose_epochs), 1, 10000},
    {"prior", DECIMAL, offsetof(struct given, prior), 1e-9, 1e9},
    {"search", NUMBER, offsetof(struct given, search), 1, 10000},
    {"steps", NUMBER, offsetof(struct given, steps), 1, 16},
    {"epochs", NUMBER, offsetof(struct given, epochs), 1, 10000},
    {"retrain-epochs", NUMBER, offsetof(struct given, retrain_epochs), 1, 10000},
    {"level-epochs", NUMBER, offsetof(struct given, level_epochs), 1, 10000},
    {"quantize-epochs", NUMBER, offsetof(struct given, quantize_epochs), 1, 10000},
    {"batch", NUMBER, offsetof(struct given, batch), 1, 1024},
    {"seed", NUMBER, offsetof(struct given, seed), 0, 1e15},
    {"threads", NUMBER, offsetof(struct given, threads), 1, 64},
    {"distill", DECIMAL, offsetof(struct given, distill), 0, 1},
    {"temperature", DECIMAL, offsetof(struct given, temperature), 0.1, 100},
    {"augment", DECIMAL, offsetof(struct given, augment), 0, 10},
    {"noise", DECIMAL, offsetof(struct given, noise), 0, 1},
    {"dampen", DECIMAL, offsetof(struct given, dampen), 0, 1},
    {"rho-first", DECIMAL, offsetof(struct given, rho_first), 1e-9, 1e9},
    {"rho-last", DECIMAL, offsetof(struct given, rho_last), 1e-9, 1e9},
    {"reset-updates", NUMBER, offsetof(struct given, reset_updates), 1, 40000},
    {"choose-rate", DECIMAL, offsetof(struct given, choose_rate), 1e-9, 1e9},
    {"prune-rate", DECIMAL, offsetof(struct given, prune_rate), 1e-9, 1e9},
    {"retrain-rate", DECIMAL, offsetof(struct given, retrain_rate), 1e-9, 1e9},
    {"quantize-rate", DECIMAL, offsetof(struct given, quantize_rate), 1e-9, 1e9},
    {"quick", FLAG, offsetof(struct given, quick), 0, 0},
    {"all-images", FLAG, offsetof(struct given, all_images), 0, 0},
    {"no-normalize", FLAG, offsetof(struct given, no_normalize), 0, 0},
    {"json", FLAG, offsetof(struct given, json), 0, 0},
};
enum { OPTIONS = sizeof table / sizeof *table, FIRST_CODE = 256 };

/* What only pruning looks at; none of these can be 0. */
static const char *const only_pruning[] = {
    "budget", "ratio", "family",     "balance",        "search",       "choose-epochs", "choose-rate",
    "prior",  "steps", "prune-rate", "retrain-epochs", "retrain-rate", "no-normalize",
};

static bool is_given(const struct given *given, const char *name)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const void *field = (const char *)given + table[i].offset;
        if (strcmp(name, table[i].name) != 0)
            continue;
        switch (table[i].kind) {
        case TEXT:
            return *(const char *const *)field != NULL;
        case NUMBER:
            return *(const uint64_t *)field > 0;
        case DECIMAL:
            return *(const double *)field > 0.0;
        case FLAG:
            return *(const bool *)field;
        }
    }
    return false;
}

/* Refuses options that would say nothing beside others. A network that was pruned before may be quantized in any
 * format, and by a command that repeats how. */
static enum espalier_status check_together(const struct given *given, enum espalier_format format,
                                           struct espalier_error *error)
{
    const size_t count = format == ESPALIER_DENSE ? sizeof only_pruning / sizeof *only_pruning : 0;

    for (size_t i = 0; i < count; i++)
        if (is_given(given, only_pruning[i]))
            return espalier_fail(error, ESPALIER_ERR_RANGE, "--format dense prunes nothing: no --%s", only_pruning[i]);
    if (format == ESPALIER_DENSE && given->pruned != NULL && access(given->pruned, F_OK) != 0)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "--format dense prunes nothing: --pruned names a network that is there");
    if (format == ESPALIER_STRUCTURED && given->balance > 0)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "--balance goes with --format gap");
    if (given->budget != NULL && given->ratio > 0.0)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "--budget takes the place of --ratio: give one of them");
    return ESPALIER_OK;
}

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
static int read_options(int argc, char **argv, struct given *given)
{
    struct option options[OPTIONS + 2] = {{"help", no_argument, NULL, TOOL_HELP}};

    for (int i = 0; i < OPTIONS; i++)
        options[i + 1] = (struct option){table[i].name, table[i].kind == FLAG ? no_argument : required_argument, NULL,
                                         FIRST_CODE + i};
    return tool_options(argc, argv, options, help, take_option, given);
}

/* Reads a count, which is not 0; NULL if it is none, else its end. */
static const char *read_count(const char *text, uint32_t *count)
{
    char *end;

    if (!isdigit((unsigned char)*text))
        return NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || number == 0 || number > UINT32_MAX)
        return NULL;
    *count = (uint32_t)number;
    return end;
}

/* Reads one layer's part of the budget's list; NULL if it is not one, else its end. */
static const char *read_budget(const char *text, enum espalier_format format, struct espalier_budget *budget)
{
    uint32_t first = 0, second = 0;
    const char *end = read_count(text, &first);
    bool two = end != NULL && *end == (format == ESPALIER_STRUCTURED ? 'x' : '/');

    if (two)
        end = read_count(end + 1, &second);
    else if (format == ESPALIER_STRUCTURED)
        return NULL;
    *budget = format == ESPALIER_STRUCTURED ? (struct espalier_budget){.rows = first, .columns = second}
                                            : (struct espalier_budget){.weights = first, .rows = second};
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

/* Reads the list of bits into [ESPALIER_LAYERS_MAX], its last one repeated; *count receives how many there are. */
static bool read_value_bits(const char *text, uint8_t *bits, uint32_t *count)
{
    *count = 1;
    for (uint32_t i = 0; i < ESPALIER_LAYERS_MAX; i++) {
        if (*text < '1' || *text > '8' || (text[1] != ',' && text[1] != '\0'))
            return false;
        bits[i] = (uint8_t)(*text - '0');
        *count += text[1] == ',';
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

/* The options of the library that the numbers ask for. */
static struct espalier_compress_options compress_options(const struct given *given, enum espalier_format format)
{
    struct espalier_compress_options options = espalier_compress_defaults(format);

    if (given->quick)
        make_quick(&options);
    if (given->all_images)
        options.train.held_out = 0;
    if (format != ESPALIER_DENSE)
        options.choose_epochs = (uint32_t)given->choose_epochs;
    if (options.choose_epochs > 0 && given->steps == 0)
        options.prune_epochs = options.steps = 0;
    if (given->steps > 0 && format != ESPALIER_DENSE)
        options.steps = (uint32_t)given->steps;
    if (given->epochs > 0)
        scale_epochs(&options, given->epochs);
    if (given->retrain_epochs > 0)
        options.retrain_epochs = (uint32_t)given->retrain_epochs;
    options.level_epochs = (uint32_t)given->level_epochs;
    options.search_trials = (uint32_t)given->search;
    if (given->quantize_epochs > 0)
        options.quantize_epochs = (uint32_t)given->quantize_epochs;
    if (given->ratio > 0.0)
        options.ratio = given->ratio;
    if (given->bias_bits > 0)
        options.bias_bits = (uint8_t)given->bias_bits;
    if (given->prune_rate > 0.0)
        options.prune_rate = (float)given->prune_rate;
    if (given->retrain_rate > 0.0)
        options.retrain_rate = (float)given->retrain_rate;
    if (given->quantize_rate > 0.0)
        options.quantize_rate = (float)given->quantize_rate;
    if (given->batch > 0)
        options.train.batch = (uint32_t)given->batch;
    if (given->augment >= 0.0)
        options.train.augment = (float)given->augment;
    options.train.noise = (float)given->noise;
    if (given->dampen >= 0.0)
        options.dampen = (float)given->dampen;
    if (given->rho_first > 0.0)
        options.rho_first = (float)given->rho_first;
    if (given->rho_last > 0.0)
        options.rho_last = (float)given->rho_last;
    options.reset_updates = (uint32_t)given->reset_updates;
    if (given->choose_rate > 0.0)
        options.choose_rate = (float)given->choose_rate;
    if (given->prior > 0.0)
        options.prior = (float)given->prior;
    options.train.distill = (float)given->distill;
    if (given->temperature > 0.0)
        options.train.temperature = (float)given->temperature;
    options.train.seed = given->seed;
    options.train.threads = (uint32_t)given->threads;
    options.train.normalize = !given->no_normalize;
    options.train.state = given->state;
    options.train.progress = training_report_progress;
    return options;
}

/* The format of a name; false if there is none. */
static bool find_format(const char *name, enum espalier_format *format)
{
    for (int i = ESPALIER_DENSE; i <= ESPALIER_GAP; i++)
        if (name != NULL && strcmp(name, espalier_format_name((enum espalier_format)i)) == 0) {
            *format = (enum espalier_format)i;
            return true;
        }
    return false;
}

/* Reads families and levels. */
static enum espalier_status read_choices(const struct given *given, struct compress_arguments *arguments,
                                         struct espalier_error *error)
{
    struct espalier_compress_options *options = &arguments->options;
    enum espalier_status status = ESPALIER_OK;
    const char *family = given->family;

    if (family == NULL && given->balance > 0)
        family = "elements";
    if (family != NULL) {
        options->families = arguments->families;
        status =
            choices_read_families(family, (uint32_t)given->balance, arguments->families, &options->family_count, error);
    }
    if (status == ESPALIER_OK && given->levels != NULL)
        status =
            choices_read_levels(given->levels, options->levels, options->value_bits, &arguments->levels_count, error);
    return status;
}

int compress_read_arguments(int argc, char **argv, struct compress_arguments *arguments)
{
    struct given given = {.data = DATA_FOLDER, .seed = 1, .threads = 1, .augment = -1.0, .dampen = -1.0};
    struct espalier_compress_options *options = &arguments->options;
    struct espalier_error error = {0};
    enum espalier_format format = ESPALIER_DENSE;

    int code = read_options(argc, argv, &given);
    if (code != TOOL_GO_ON)
        return code;
    if (argc - optind != 1)
        return tool_usage_error(argv[0], "one baseline is expected");
    if (!find_format(given.format, &format))
        return tool_usage_error(argv[0], "--format is dense, structured or gap");
    if (given.out == NULL)
        return tool_usage_error(argv[0], "--out names the model to write");
    *options = compress_options(&given, format);
    if (check_together(&given, format, &error) != ESPALIER_OK || read_choices(&given, arguments, &error) != ESPALIER_OK)
        return tool_usage_error(argv[0], "%s", error.message);
    if (given.value_bits != NULL &&
        !read_value_bits(given.value_bits, options->value_bits, &arguments->value_bits_count))
        return tool_usage_error(argv[0], "--value-bits is a list of numbers from 1 to 8, such as 3,3,2,2");
    if (given.budget != NULL) {
        options->budgets = arguments->budgets;
        if (!read_budgets(given.budget, format, arguments->budgets, &options->budget_count))
            return tool_usage_error(argv[0],
                                    "--budget is a list such as 140/14,1450/32,400 (gap) or 10x25,20x100 (structured)");
    }
    arguments->baseline = argv[optind];
    arguments->out = given.out;
    arguments->data = given.data;
    arguments->log = given.log;
    arguments->pruned = given.pruned;
    arguments->state = given.state;
    arguments->json = given.json;
    return TOOL_GO_ON;
}
