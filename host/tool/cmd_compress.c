/* espalier compress: ADMM pruning and quantization of a trained network. */
#include "commands.h"
#include "compress_arguments.h"
#include "data.h"
#include "json.h"
#include "tool.h"
#include "training.h"

#include <espalier/engine.h>
#include <espalier/pack.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static void print_result(const struct compress_arguments *arguments, const struct result *result)
{
    double accuracy = result->held_out > 0 ? (double)result->correct / result->held_out : 0.0;
    double ratio = result->kept_weights > 0 ? (double)result->dense_weights / (double)result->kept_weights : 0.0;

    if (!arguments->json) {
        char judged[TRAINING_JUDGED_MAX];
        training_judged(accuracy, result->held_out, judged);
        printf("%s: %llu of %llu weights kept (%.1fx fewer), %zu bytes of stream; %s%s; %.0f s; wrote %s\n",
               espalier_format_name(arguments->options.format), (unsigned long long)result->kept_weights,
               (unsigned long long)result->dense_weights, ratio, result->stream_bytes, judged,
               result->held_out > 0 ? " in integer arithmetic" : "", result->seconds, arguments->out);
        return;
    }
    struct json json = {.out = stdout};
    json_open(&json, NULL, '{');
    json_string(&json, "format", espalier_format_name(arguments->options.format));
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
static enum espalier_status finish(const struct compress_arguments *arguments, const struct espalier_model *model,
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
    return training_commands_fit((size_t)length, error);
}

/* Takes up a network that was pruned before. @param joined  receives the commands that make the model */
static enum espalier_status take_up(const struct compress_arguments *arguments, const char *commands,
                                    struct espalier_network **pruned, char joined[TRAINING_COMMAND_MAX],
                                    struct espalier_error *error)
{
    char *made_by = NULL;

    if (arguments->state == NULL || access(arguments->state, F_OK) != 0)
        fprintf(stderr, "espalier compress: %s is there: it is quantized, nothing is pruned\n", arguments->pruned);
    enum espalier_status status = espalier_network_load(arguments->pruned, pruned, &made_by, error);
    if (status == ESPALIER_OK)
        status = join_commands(made_by, commands, joined, error);
    free(made_by);
    return status;
}

/* Where a pruned network is kept, and what made it. */
struct kept {
    const char *path, *made_by;
};

/* An espalier_keep_callback. */
static enum espalier_status keep(void *context, const struct espalier_network *pruned, struct espalier_error *error)
{
    const struct kept *kept = context;

    return espalier_network_save(pruned, kept->made_by, kept->path, error);
}

/* Prunes and quantizes. With --pruned, what is there is not pruned again, and what was pruned is kept. */
static enum espalier_status train_model(const struct compress_arguments *arguments,
                                        const struct espalier_network *network, const struct espalier_dataset *data,
                                        struct espalier_model **model, struct espalier_error *error)
{
    const struct espalier_compress_options *options = &arguments->options;
    struct espalier_compress_options own = *options;
    struct espalier_network *pruned = NULL;
    struct kept kept = {arguments->pruned, options->made_by};
    char joined[TRAINING_COMMAND_MAX];
    bool there = arguments->pruned != NULL && access(arguments->pruned, F_OK) == 0;
    enum espalier_status status = there ? take_up(arguments, options->made_by, &pruned, joined, error) : ESPALIER_OK;

    own.pruned = pruned;
    own.made_by = there ? joined : options->made_by;
    own.keep = arguments->pruned != NULL && !there ? keep : NULL;
    own.keep_context = &kept;
    if (status == ESPALIER_OK)
        status = espalier_compress(network, data, &own, model, error);
    espalier_network_free(pruned);
    return status;
}

/* Trains towards the model, with progress and log. */
static enum espalier_status run(struct compress_arguments *arguments, const struct espalier_network *network,
                                const struct espalier_dataset *data, struct training_report *report,
                                struct espalier_model **model, struct espalier_error *error)
{
    enum espalier_status status = training_report_begin(report, error);

    if (status != ESPALIER_OK)
        return status;
    arguments->options.train.context = report;
    status = train_model(arguments, network, data, model, error);
    return training_report_end(report, status, error);
}

/* Lists by layers may be shorter than the network, but not longer. */
static enum espalier_status check_lists(const struct compress_arguments *arguments,
                                        const struct espalier_network *network, struct espalier_error *error)
{
    const struct {
        const char *name;
        uint32_t count;
    } lists[] = {{"--value-bits", arguments->value_bits_count}, {"--levels", arguments->levels_count}};

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i].count > network->layer_count)
            return espalier_fail(error, ESPALIER_ERR_RANGE, "%s is a list of %u for %u layers", lists[i].name,
                                 lists[i].count, network->layer_count);
    return ESPALIER_OK;
}

static enum espalier_status compress(struct compress_arguments *arguments, int argc, char **argv,
                                     struct espalier_error *error)
{
    struct espalier_compress_options *options = &arguments->options;
    char command[TRAINING_COMMAND_MAX];
    struct espalier_network *network = NULL;
    struct espalier_dataset data = {0};
    struct espalier_model *model = NULL;
    struct result result = {.held_out = options->train.held_out};
    struct training_report report = {
        .command = "compress", .label = "compressing", .log_path = arguments->log, .state = arguments->state};
    char *made_by = NULL;
    double begin = training_seconds();

    enum espalier_status status = espalier_network_load(arguments->baseline, &network, &made_by, error);
    if (status == ESPALIER_OK)
        status = check_lists(arguments, network, error);
    if (status == ESPALIER_OK)
        status = training_command_line(made_by, argc, argv, command, error);
    if (status == ESPALIER_OK)
        status = data_read_training(arguments->data, &data, error);
    options->made_by = command;
    if (options->train.distill > 0.0F)
        options->train.teacher = network;
    if (status == ESPALIER_OK && options->families != NULL && options->family_count < network->layer_count)
        options->family_count = network->layer_count; /* the list's last one goes for all that follow */
    if (status == ESPALIER_OK)
        status = run(arguments, network, &data, &report, &model, error);
    if (status == ESPALIER_OK)
        status = finish(arguments, model, &data, &result, error);
    result.seconds = training_seconds() - begin;
    if (status == ESPALIER_OK && arguments->state != NULL)
        (void)remove(arguments->state);
    if (status == ESPALIER_OK)
        print_result(arguments, &result);
    if (status == ESPALIER_OK)
        status = training_report_check_log(&report, arguments->out, error);
    espalier_model_free(model);
    espalier_dataset_free(&data);
    espalier_network_free(network);
    free(made_by);
    return status;
}

/* What is there of --pruned is only read. */
static int check_files(const char *command, const struct compress_arguments *arguments)
{
    bool there = arguments->pruned != NULL && access(arguments->pruned, F_OK) == 0;
    const struct training_file files[] = {{"the baseline", arguments->baseline, TRAINING_READ},
                                          {"--pruned", arguments->pruned, there ? TRAINING_READ : TRAINING_REPLACED},
                                          {"--out", arguments->out, TRAINING_REPLACED},
                                          {"--state", arguments->state, TRAINING_REPLACED},
                                          {"--log", arguments->log, TRAINING_LOGGED}};

    return training_check_files(command, files, sizeof files / sizeof *files);
}

int espalier_cmd_compress(int argc, char **argv)
{
    struct compress_arguments arguments = {0};
    struct espalier_error error = {0};
    char *as_given[256]; /* getopt moves the arguments about */

    if (argc > 256)
        return tool_usage_error(argv[0], "no more than 255 words are expected");
    memcpy(as_given, argv, (size_t)argc * sizeof *argv);
    int code = compress_read_arguments(argc, argv, &arguments);
    if (code == TOOL_GO_ON)
        code = check_files(argv[0], &arguments);
    if (code != TOOL_GO_ON)
        return code;
    training_single_blas();
    training_catch_signals();
    return compress(&arguments, argc, as_given, &error) == ESPALIER_OK ? TOOL_OK : training_fail(argv[0], &error);
}
