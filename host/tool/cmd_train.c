/* espalier train: float training of LeNet-5. */
#include "commands.h"
#include "data.h"
#include "json.h"
#include "tool.h"
#include "training.h"

#include <stdlib.h>

static const char help[] =
    "usage: espalier train --out FILE.ckpt [OPTION]...\n\n"
    "Trains LeNet-5 (20 and 50 filters of 5x5, 500 hidden, 10 out: 430,500 weights) in float arithmetic: Adam, "
    "dropout,\n"
    "mild shifts, rotations and shears. The last 5,000 training images are held out and judge; test images are not "
    "used.\n"
    "The same options give the same network bit for bit on the same processor.\n\n"
    "  --out FILE      checkpoint to write, for \"espalier compress\" (required)\n"
    "  --data DIR      folder with the IDX files of MNIST (default " DATA_FOLDER "; \"make data\" fills it)\n"
    "  --epochs N      passes over the training images (default 20; about 10 s each on one core with AVX-512)\n"
    "  --seed S        of the first weights, the order of images, augmentation and dropout (default 1)\n"
    "  --rate R        learning rate at the start, falling along a cosine (default 0.0015)\n"
    "  --batch N       images a step (default 64)\n"
    "  --threads N     threads that share a batch, whose size they divide (default 1); results differ with their "
    "number\n"
    "  --augment A     strength of random shift, rotation, scale and shear (default 1; 0: none)\n"
    "  --normalize     with batch normalization (folded away afterwards); ADMM chooses better without\n"
    "  --all-images    hold none out, once a recipe is chosen: all training images (of --quick: its 2,000) train,\n"
    "                  and nothing judges\n"
    "  --quick         4 epochs on 2,000 images, 1,000 held out, to try the tools\n"
    "  --state FILE    keep the state of the work here at every epoch's end, and take it up if it is there: the same\n"
    "                  network bit for bit as without an interruption; removed when the checkpoint is written. Ctrl-C "
    "stops\n"
    "                  at the next batch (exit code 130)\n"
    "  --log FILE.csv  write a row an epoch: stage, epoch, loss, held-out accuracy and loss, ... (.json: JSON)\n"
    "  --json          print JSON: epochs, loss, held_out_images, held_out_accuracy, held_out_loss, seconds, out\n\n"
    "example: espalier train --seed 1 --epochs 20 --data build/data --out build/lenet5.ckpt\n";

struct arguments {
    const char *out, *data, *log, *state;
    uint64_t epochs, seed, batch, threads;
    double rate, augment;
    bool quick, all_images, normalize, json;
};

enum option_code {
    OUT,
    DATA,
    EPOCHS,
    SEED,
    RATE,
    BATCH,
    THREADS,
    AUGMENT,
    NORMALIZE,
    ALL_IMAGES,
    QUICK,
    LOG,
    STATE,
    JSON
};

static const struct option options[] = {
    {"out", required_argument, NULL, OUT},
    {"data", required_argument, NULL, DATA},
    {"epochs", required_argument, NULL, EPOCHS},
    {"seed", required_argument, NULL, SEED},
    {"rate", required_argument, NULL, RATE},
    {"batch", required_argument, NULL, BATCH},
    {"threads", required_argument, NULL, THREADS},
    {"all-images", no_argument, NULL, ALL_IMAGES},
    {"quick", no_argument, NULL, QUICK},
    {"log", required_argument, NULL, LOG},
    {"json", no_argument, NULL, JSON},
    {"augment", required_argument, NULL, AUGMENT},
    {"normalize", no_argument, NULL, NORMALIZE},
    {"state", required_argument, NULL, STATE},
    {"help", no_argument, NULL, TOOL_HELP},
    {NULL, 0, NULL, 0},
};

/* Takes one option. @return what is wrong with its value, or NULL */
static const char *take_option(int code, const char *value, void *context)
{
    struct arguments *arguments = context;
    switch (code) {
    case OUT:
        arguments->out = value;
        return NULL;
    case DATA:
        arguments->data = value;
        return NULL;
    case LOG:
        arguments->log = value;
        return NULL;
    case STATE:
        arguments->state = value;
        return NULL;
    case EPOCHS:
        return tool_read_number(value, 1, 10000, &arguments->epochs) ? NULL : "--epochs is a number from 1 to 10000";
    case SEED:
        return tool_read_number(value, 0, UINT64_MAX, &arguments->seed) ? NULL : "--seed is a number from 0";
    case RATE:
        return training_read_decimal(value, 1e-9, 1e9, &arguments->rate) ? NULL : "--rate is a number over 0";
    case BATCH:
        return tool_read_number(value, 1, 1024, &arguments->batch) ? NULL : "--batch is a number from 1 to 1024";
    case THREADS:
        return tool_read_number(value, 1, 64, &arguments->threads) ? NULL : "--threads is a number from 1 to 64";
    case AUGMENT:
        return training_read_decimal(value, 0, 10, &arguments->augment) ? NULL : "--augment is a number from 0 to 10";
    case NORMALIZE:
        arguments->normalize = true;
        return NULL;
    case ALL_IMAGES:
        arguments->all_images = true;
        return NULL;
    case QUICK:
        arguments->quick = true;
        return NULL;
    case JSON:
        arguments->json = true;
        return NULL;
    default:
        return "unknown option";
    }
}

static void print_result(const struct arguments *arguments, const struct espalier_train_options *train,
                         const struct espalier_progress *last, double seconds)
{
    if (!arguments->json) {
        char judged[TRAINING_JUDGED_MAX];
        training_judged(last->accuracy, train->held_out, judged);
        printf("trained %u epochs in %.0f s: loss %.4f, %s; wrote %s\n", train->epochs, seconds, last->loss, judged,
               arguments->out);
        return;
    }
    struct json json = {.out = stdout};
    json_open(&json, NULL, '{');
    json_unsigned(&json, "epochs", train->epochs);
    json_double(&json, "loss", last->loss);
    json_unsigned(&json, "held_out_images", train->held_out);
    json_double(&json, "held_out_accuracy", last->accuracy);
    json_double(&json, "held_out_loss", last->held_out_loss);
    json_double(&json, "seconds", seconds);
    json_string(&json, "out", arguments->out);
    json_close(&json, '}');
}

static void set_options(const struct arguments *arguments, struct training_report *report,
                        struct espalier_train_options *train)
{
    *train = espalier_train_defaults();
    if (arguments->quick) {
        train->epochs = 4;
        train->use = 2000;
        train->held_out = 1000;
    }
    if (arguments->all_images)
        train->held_out = 0;
    if (arguments->epochs > 0)
        train->epochs = (uint32_t)arguments->epochs;
    if (arguments->rate > 0.0)
        train->learning_rate = (float)arguments->rate;
    if (arguments->batch > 0)
        train->batch = (uint32_t)arguments->batch;
    if (arguments->augment >= 0.0)
        train->augment = (float)arguments->augment;
    train->seed = arguments->seed;
    train->threads = (uint32_t)arguments->threads;
    train->normalize = arguments->normalize;
    train->state = arguments->state;
    train->progress = training_report_progress;
    train->context = report;
}

/* Trains a network and writes it. */
static enum espalier_status train(const struct arguments *arguments, const char *made_by, struct espalier_error *error)
{
    struct espalier_train_options train_options;
    struct espalier_dataset data = {0};
    struct espalier_network *network = NULL;
    struct training_report report = {
        .command = "train", .label = "training", .log_path = arguments->log, .state = arguments->state};
    uint32_t layers = 0;
    double begin = training_seconds();
    const struct espalier_shape *shapes = espalier_lenet5_shapes(&layers);

    set_options(arguments, &report, &train_options);
    enum espalier_status status = data_read_training(arguments->data, &data, error);
    if (status == ESPALIER_OK)
        status = espalier_network_create(shapes, layers, arguments->seed, &network, error);
    if (status == ESPALIER_OK)
        status = training_report_begin(&report, error);
    if (status == ESPALIER_OK)
        status = training_report_end(&report, espalier_train(network, &data, &train_options, error), error);
    if (status == ESPALIER_OK)
        status = espalier_network_save(network, made_by, arguments->out, error);
    if (status == ESPALIER_OK && arguments->state != NULL)
        (void)remove(arguments->state);
    if (status == ESPALIER_OK)
        print_result(arguments, &train_options, &report.last, training_seconds() - begin);
    if (status == ESPALIER_OK)
        status = training_report_check_log(&report, arguments->out, error);
    espalier_network_free(network);
    espalier_dataset_free(&data);
    return status;
}

int espalier_cmd_train(int argc, char **argv)
{
    struct arguments arguments = {.data = DATA_FOLDER, .seed = 1, .threads = 1, .augment = -1.0};
    char made_by[TRAINING_COMMAND_MAX];
    struct espalier_error error = {0};

    if (training_command_line("", argc, argv, made_by, &error) != ESPALIER_OK)
        return tool_fail(argv[0], &error);
    int code = tool_options(argc, argv, options, help, take_option, &arguments);
    if (code != TOOL_GO_ON)
        return code;
    if (argc != optind)
        return tool_usage_error(argv[0], "%s is not expected here", argv[optind]);
    if (arguments.out == NULL)
        return tool_usage_error(argv[0], "--out names the checkpoint to write");
    const struct training_file files[] = {{"--out", arguments.out, TRAINING_REPLACED},
                                          {"--state", arguments.state, TRAINING_REPLACED},
                                          {"--log", arguments.log, TRAINING_LOGGED}};
    code = training_check_files(argv[0], files, sizeof files / sizeof *files);
    if (code != TOOL_GO_ON)
        return code;
    training_single_blas();
    training_catch_signals();
    return train(&arguments, made_by, &error) == ESPALIER_OK ? TOOL_OK : training_fail(argv[0], &error);
}
