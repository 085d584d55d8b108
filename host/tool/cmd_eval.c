/* espalier eval: accuracy of a model, in the reference engine or in the RTL. */
#include "commands.h"
#include "data.h"
#include "device.h"
#include "evaluate.h"
#include "json.h"
#include "tool.h"

#include <espalier/counters.h>
#include <espalier/energy.h>
#include <espalier/train.h>
#include <string.h>

static const char help[] =
    "usage: espalier eval MODEL.esp [--engine ref|rtl | --device WHICH] [OPTION]...\n"
    "       espalier eval CHECKPOINT.ckpt --engine float [OPTION]...\n\n"
    "Classifies images and counts how many it gets right. With --engine rtl the images go through simulated boards, "
    "one a\n"
    "core, which run the real board's RTL cycle by cycle; every logit is compared with the reference engine, and the\n"
    "hardware's event counters are summed. If a logit differs, the first divergence is named (image, layer, index, "
    "expected,\n"
    "got) and the exit code is 9. With --engine float it is a network before quantization, in float arithmetic,\n"
    "and its loss (mean cross-entropy, nats) is told, too.\n\n"
    "  --engine E         ref: plain C; rtl: the RTL; float: a checkpoint (default ref)\n"
    "  --board NAME       simulated board (see \"espalier boards\"; default the first)\n"
    "  --device WHICH     a device on USB instead; see below\n"
    "  --count N          draw N images without repetition (default: all, in order)\n"
    "  --seed S           seed of the draw (default 1)\n" DATA_HELP
    "  --threads N        threads (default: all cores)\n"
    "  --alone            also measure the cycles of one image alone\n"
    "  --trace FILE.fst   write the waves of one board for GTKWave (one thread; large: use a small --count)\n"
    "  --prices FILE      energy prices in pJ, lines \"NAME VALUE\" (default: 45 nm, ISSCC 2014)\n"
    "  --json             print JSON: engine, images, correct, accuracy, loss (float), mismatches, cycles_per_image, "
    "utilisation, "
    "counters, "
    "...\n\n" DEVICE_HELP "\n"
    "examples: espalier eval tests/data/models/lenet5-gap.esp\n"
    "          espalier eval tests/data/models/lenet5-gap.esp --engine rtl --count 200 --seed 7 --json\n";

struct arguments {
    const char *model, *prices, *device;
    struct data_source source;
    struct evaluation_options options;
    bool in_float, json;
};

enum option_code { ENGINE, BOARD, DEVICE, THREADS, ALONE, TRACE, PRICES, JSON };

static const struct option options[] = {
    {"engine", required_argument, NULL, ENGINE},
    {"board", required_argument, NULL, BOARD},
    {"device", required_argument, NULL, DEVICE},
    DATA_OPTIONS,
    {"threads", required_argument, NULL, THREADS},
    {"alone", no_argument, NULL, ALONE},
    {"trace", required_argument, NULL, TRACE},
    {"prices", required_argument, NULL, PRICES},
    {"json", no_argument, NULL, JSON},
    {"help", no_argument, NULL, TOOL_HELP},
    {NULL, 0, NULL, 0},
};

/* Takes one option. @return what is wrong with its value, or NULL */
static const char *take_option(int code, const char *value, void *context)
{
    struct arguments *arguments = context;
    switch (code) {
    case ENGINE:
        arguments->options.rtl = strcmp(value, "rtl") == 0;
        arguments->in_float = strcmp(value, "float") == 0;
        return arguments->options.rtl || arguments->in_float || strcmp(value, "ref") == 0
                   ? NULL
                   : "--engine is ref, rtl or float";
    case BOARD:
        arguments->options.board = value;
        return NULL;
    case DEVICE:
        arguments->device = value;
        return NULL;
    case THREADS:
        return tool_read_threads(value, &arguments->options.threads);
    case ALONE:
        arguments->options.alone = true;
        return NULL;
    case TRACE:
        arguments->options.trace = value;
        return NULL;
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

static const char *consistent(struct arguments *arguments)
{
    const char *fault = arguments->device ? device_choose(&arguments->options, arguments->device) : NULL;
    if (fault)
        return fault;
    if (arguments->in_float && arguments->device)
        return "--engine float and --device exclude one another";
    if (!arguments->options.rtl && (arguments->options.board || arguments->options.trace || arguments->options.alone))
        return "--board, --trace and --alone need --engine rtl";
    return data_fault(&arguments->source);
}

/* @return TOOL_GO_ON, or the exit code */
static int parse(int argc, char **argv, struct arguments *arguments)
{
    *arguments = (struct arguments){.source = {.seed = 1}, .options = {.label = "eval"}};
    int code = tool_options(argc, argv, options, help, take_option, arguments);
    if (code != TOOL_GO_ON)
        return code;
    const char *fault = argc - optind == 1 ? consistent(arguments) : "one model file is expected";
    if (fault)
        return tool_usage_error(argv[0], "%s", fault);
    arguments->model = argv[optind];
    return TOOL_GO_ON;
}

static void divergence_json(struct json *json, const struct divergence *first)
{
    json_open(json, "divergence", '{');
    json_unsigned(json, "image", first->image);
    json_unsigned(json, "origin", first->origin);
    json_unsigned(json, "layer", first->layer);
    json_unsigned(json, "index", first->index);
    json_signed(json, "expected", first->expected);
    json_signed(json, "got", first->got);
    json_close(json, '}');
}

static void hardware_json(struct json *json, const struct evaluation *result, const struct espalier_energy *energy)
{
    json_unsigned(json, "lanes", result->lanes);
    json_unsigned(json, "positions", result->positions);
    json_double(json, "cycles_per_image", result->cycles_per_image);
    if (result->cycles_alone > 0)
        json_double(json, "cycles_alone", result->cycles_alone);
    json_double(json, "utilisation", result->utilisation);
    json_unsigned(json, "load_bytes", result->load_bytes);
    json_open(json, "counters", '{');
    for (size_t i = 0; i < ESPALIER_COUNTERS; i++)
        json_unsigned(json, espalier_counter_table()[i].name, result->counters[i]);
    json_close(json, '}');
    json_open(json, "energy_pj_per_image", '{');
    for (size_t i = 0; i < ESPALIER_ENERGY_PARTS; i++)
        json_double(json, espalier_energy_part_name((enum espalier_energy_part)i), energy->parts[i] / result->images);
    json_double(json, "total", energy->total / result->images);
    json_double(json, "link", energy->link / result->images);
    json_close(json, '}');
}

static void print_json(const struct arguments *arguments, const struct evaluation *result,
                       const struct espalier_energy *energy)
{
    struct json json = {.out = stdout};
    json_open(&json, NULL, '{');
    json_string(&json, "model", arguments->model);
    json_string(&json, "engine", device_engine(&arguments->options));
    json_unsigned(&json, "images", result->images);
    json_unsigned(&json, "correct", result->correct);
    json_double(&json, "accuracy", (double)result->correct / result->images);
    json_unsigned(&json, "mismatches", result->mismatches);
    json_double(&json, "seconds", result->seconds);
    if (arguments->options.rtl)
        hardware_json(&json, result, energy);
    if (result->mismatches > 0)
        divergence_json(&json, &result->divergence);
    json_close(&json, '}');
}

static void print_hardware(const struct evaluation *result, const struct espalier_energy *energy)
{
    printf("%.0f cycles an image with all %u slots filled", result->cycles_per_image, result->positions);
    if (result->cycles_alone > 0)
        printf(", %.0f alone", result->cycles_alone);
    printf("; %u x %u multipliers %.1f %% used\n\nevent counters of all runs\n", result->lanes, result->positions,
           100 * result->utilisation);
    for (size_t i = 0; i < ESPALIER_COUNTERS; i++)
        printf("  %-13s %14llu  %s\n", espalier_counter_table()[i].name, (unsigned long long)result->counters[i],
               espalier_counter_table()[i].meaning);
    printf("\nenergy proxy an image (event counts times a price list)\n");
    for (size_t i = 0; i < ESPALIER_ENERGY_PARTS; i++)
        printf("  %-13s %11.1f nJ\n", espalier_energy_part_name((enum espalier_energy_part)i),
               energy->parts[i] / result->images / 1e3);
    printf("  %-13s %11.1f nJ  (link apart: %.1f nJ)\n", "total", energy->total / result->images / 1e3,
           energy->link / result->images / 1e3);
}

static void print_text(const struct arguments *arguments, const struct evaluation *result,
                       const struct espalier_energy *energy)
{
    printf("%s: %u of %u images right, accuracy %.2f %% (%s, %.1f s)\n", arguments->model, result->correct,
           result->images, 100.0 * result->correct / result->images,
           arguments->device        ? "device"
           : arguments->options.rtl ? "RTL"
                                    : "reference engine",
           result->seconds);
    if (!arguments->options.rtl)
        return;
    if (result->mismatches == 0)
        printf("all %llu logits equal the reference engine's\n", (unsigned long long)result->images * result->outputs);
    print_hardware(result, energy);
}

static int report(const char *command, const struct arguments *arguments, const struct evaluation *result,
                  const struct espalier_prices *prices)
{
    struct espalier_energy energy;
    struct espalier_error error = {0};
    espalier_energy_of(result->counters, result->positions, prices, &energy);
    (arguments->json ? print_json : print_text)(arguments, result, &energy);
    if (result->mismatches == 0)
        return TOOL_OK;
    evaluation_mismatch(result, &error);
    return tool_fail(command, &error);
}

/* Judges a checkpoint's network in float arithmetic, and reports it. */
static enum espalier_status evaluate_float(const struct arguments *arguments, struct espalier_error *error)
{
    struct espalier_network *network = NULL;
    struct espalier_dataset dataset = {0};
    struct espalier_judgement judgement = {0};
    enum espalier_status status = espalier_network_load(arguments->model, &network, NULL, error);

    if (status == ESPALIER_OK)
        status = data_read(&arguments->source, &dataset, error);
    if (status == ESPALIER_OK)
        status = espalier_network_judge(network, &dataset, 0, dataset.count, &judgement, error);
    if (status == ESPALIER_OK && arguments->json) {
        struct json json = {.out = stdout};
        json_open(&json, NULL, '{');
        json_string(&json, "model", arguments->model);
        json_string(&json, "engine", "float");
        json_unsigned(&json, "kept_weights", espalier_network_kept(network));
        json_unsigned(&json, "images", judgement.images);
        json_unsigned(&json, "correct", judgement.correct);
        json_double(&json, "accuracy", (double)judgement.correct / judgement.images);
        json_double(&json, "loss", judgement.loss);
        json_close(&json, '}');
    } else if (status == ESPALIER_OK) {
        printf("%s: %u of %u images right, accuracy %.2f %%, loss %.4f (float arithmetic), %llu weights\n",
               arguments->model, judgement.correct, judgement.images, 100.0 * judgement.correct / judgement.images,
               judgement.loss, (unsigned long long)espalier_network_kept(network));
    }
    espalier_dataset_free(&dataset);
    espalier_network_free(network);
    return status;
}

int espalier_cmd_eval(int argc, char **argv)
{
    struct arguments arguments;
    int code = parse(argc, argv, &arguments);
    if (code != TOOL_GO_ON)
        return code;
    struct espalier_error error = {0};
    if (arguments.in_float)
        return evaluate_float(&arguments, &error) == ESPALIER_OK ? TOOL_OK : tool_fail(argv[0], &error);
    struct espalier_prices prices;
    struct espalier_model *model = NULL;
    struct espalier_dataset dataset = {0};
    struct evaluation result = {0};
    espalier_prices_default(&prices);
    enum espalier_status status = ESPALIER_OK;
    if (arguments.prices)
        status = espalier_prices_read(arguments.prices, &prices, &error);
    if (status == ESPALIER_OK)
        status = espalier_model_load(arguments.model, &model, &error);
    if (status == ESPALIER_OK)
        status = data_read(&arguments.source, &dataset, &error);
    if (status == ESPALIER_OK)
        status = evaluate(model, &dataset, &arguments.options, &result, &error);
    code = status == ESPALIER_OK ? report(argv[0], &arguments, &result, &prices) : tool_fail(argv[0], &error);
    evaluation_free(&result);
    espalier_dataset_free(&dataset);
    espalier_model_free(model);
    return code;
}
