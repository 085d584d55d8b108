/* espalier run: one image, seen and classified. */
#include "commands.h"
#include "data.h"
#include "device.h"
#include "evaluate.h"
#include "json.h"
#include "picture.h"
#include "tool.h"

#include <espalier/engine.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: espalier run MODEL.esp IMAGE [--engine ref|rtl] [--board NAME] [--device WHICH] [--json]\n\n"
    "Classifies one image, shows it, and prints the score (logit) of every class. IMAGE is\n"
    "  FILE.png, FILE.pgm   a picture of exactly the model's input size (colours become grey)\n"
    "  IDX:n                test digit n of MNIST, from 0 ($ESPALIER_DATA if set)\n"
    "  FILE:n               image n of an IDX file, plain or gzip\n"
    "MNIST's digits are white on black: a photograph of ink on paper must be inverted first.\n\n"
    "  --engine ref|rtl     plain C, or the RTL, compared with the plain C (default ref)\n"
    "  --board NAME         simulated board of --engine rtl (see \"espalier boards\")\n"
    "  --device WHICH       a device on USB instead, compared with the plain C; see below\n"
    "  --json               print JSON: engine, class, logits, mismatches\n\n" DEVICE_HELP "\n"
    "examples: espalier run tests/data/models/lenet5-gap.esp IDX:7\n"
    "          espalier run tests/data/models/lenet5-gap.esp seven.png --engine rtl\n"
    "          espalier run tests/data/models/lenet5-gap.esp IDX:7 --device any\n"
    "          espalier run tests/data/models/lenet5-gap.esp IDX:7 --device ftdi:any\n";

struct arguments {
    const char *model, *image, *device;
    struct evaluation_options options;
    bool json;
};

enum option_code { ENGINE, BOARD, DEVICE, JSON };

static const struct option options[] = {
    {"engine", required_argument, NULL, ENGINE}, {"board", required_argument, NULL, BOARD},
    {"device", required_argument, NULL, DEVICE}, {"json", no_argument, NULL, JSON},
    {"help", no_argument, NULL, TOOL_HELP},      {NULL, 0, NULL, 0},
};

/* @return what is wrong with the option, or NULL */
static const char *take_option(int code, const char *value, void *context)
{
    struct arguments *arguments = context;
    switch (code) {
    case ENGINE:
        arguments->options.rtl = strcmp(value, "rtl") == 0;
        return arguments->options.rtl || strcmp(value, "ref") == 0 ? NULL : "--engine is ref or rtl";
    case BOARD:
        arguments->options.board = value;
        return NULL;
    case DEVICE:
        arguments->device = value;
        return NULL;
    case JSON:
        arguments->json = true;
        return NULL;
    default:
        return "unknown option";
    }
}

static void print_json(const struct arguments *arguments, const struct evaluation *result)
{
    struct json json = {.out = stdout};
    json_open(&json, NULL, '{');
    json_string(&json, "engine", device_engine(&arguments->options));
    json_unsigned(&json, "class", espalier_argmax(result->logits, result->outputs));
    json_open(&json, "logits", '[');
    for (uint32_t i = 0; i < result->outputs; i++)
        json_signed(&json, NULL, result->logits[i]);
    json_close(&json, ']');
    json_unsigned(&json, "mismatches", result->mismatches);
    json_close(&json, '}');
}

/* A bar a class, from the smallest score to the largest. */
static void print_scores(const struct evaluation *result)
{
    enum { BAR = 40 };
    uint32_t best = espalier_argmax(result->logits, result->outputs);
    int32_t least = result->logits[best];
    for (uint32_t i = 0; i < result->outputs; i++)
        least = result->logits[i] < least ? result->logits[i] : least;
    double range = (double)result->logits[best] - least;
    for (uint32_t i = 0; i < result->outputs; i++) {
        int length = range > 0 ? (int)(((double)result->logits[i] - least) / range * BAR + 0.5) : 0;
        printf("%3u %9d ", i, result->logits[i]);
        for (int k = 0; k < length; k++)
            fputs("▪", stdout);
        printf("%s\n", i == best ? " <--" : "");
    }
    printf("\nclass %u\n", best);
}

static int report(const char *command, const struct arguments *arguments, const struct espalier_model *model,
                  const uint8_t *pixels, const struct evaluation *result)
{
    struct espalier_error error = {0};
    const struct espalier_layer *first = &model->layers[0];
    if (arguments->json) {
        print_json(arguments, result);
    } else {
        picture_draw(stdout, &pixels, 1, first->in_height, first->in_width, picture_colour(stdout));
        print_scores(result);
    }
    if (result->mismatches == 0)
        return TOOL_OK;
    evaluation_mismatch(result, &error);
    return tool_fail(command, &error);
}

/* Loads, classifies, reports. */
static int run(const char *command, const struct arguments *arguments)
{
    const struct data_source test_digits = {0};
    struct espalier_error error = {0};
    struct espalier_model *model = NULL;
    struct evaluation result = {0};
    uint8_t *pixels = NULL, label = 0;
    enum espalier_status status = espalier_model_load(arguments->model, &model, &error);
    if (status == ESPALIER_OK)
        status = data_read_image(arguments->image, &test_digits, model, &pixels, &error);
    if (status == ESPALIER_OK) {
        const struct espalier_layer *first = &model->layers[0];
        const struct espalier_dataset one = {
            .count = 1, .height = first->in_height, .width = first->in_width, .pixels = pixels, .labels = &label};
        status = evaluate(model, &one, &arguments->options, &result, &error);
    }
    int code = status == ESPALIER_OK ? report(command, arguments, model, pixels, &result) : tool_fail(command, &error);
    evaluation_free(&result);
    free(pixels);
    espalier_model_free(model);
    return code;
}

int espalier_cmd_run(int argc, char **argv)
{
    struct arguments arguments = {.options = {.label = "run", .threads = 1}};
    int code = tool_options(argc, argv, options, help, take_option, &arguments);
    if (code != TOOL_GO_ON)
        return code;
    if (argc - optind != 2)
        return tool_usage_error(argv[0], "a model file and an image are expected");
    if (arguments.options.board && !arguments.options.rtl)
        return tool_usage_error(argv[0], "--board needs --engine rtl");
    const char *fault = arguments.device ? device_choose(&arguments.options, arguments.device) : NULL;
    if (fault)
        return tool_usage_error(argv[0], "%s", fault);
    arguments.model = argv[optind];
    arguments.image = argv[optind + 1];
    return run(argv[0], &arguments);
}
