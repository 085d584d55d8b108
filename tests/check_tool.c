/* The tool as its users meet it: exit codes, messages, JSON, images; and that a board that computes something else than
 * the model is caught, with the right first divergence. */
#include "support/random_model.h"
#include "support/support.h"

#include "evaluate.h"

#include <espalier/counters.h>
#include <espalier/engine.h>
#include <espalier/network.h>
#include <espalier/pack.h>
#include <espalier_sim.h>
#include <png.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

enum { EDGE = 28, PIXELS = EDGE * EDGE, COMMAND_BYTES = 4096, OUTPUT_BYTES = 1 << 16 };

/* ---- running the tool ---- */

/* What a command printed and how it ended. Standard error follows standard output. */
struct outcome {
    int code;
    char text[OUTPUT_BYTES];
};

static void run_shell(const char *command, struct outcome *outcome)
{
    FILE *pipe = popen(command, "r");
    ck_assert(pipe != NULL);
    size_t size = fread(outcome->text, 1, sizeof outcome->text - 1, pipe);
    outcome->text[size] = '\0';
    int status = pclose(pipe);
    ck_assert_msg(WIFEXITED(status), "%s: ended by signal %d", command, WTERMSIG(status));
    outcome->code = WEXITSTATUS(status);
}

/* Runs "espalier ARGUMENTS", and fails the test unless it ends with @p code and says @p word. */
__attribute__((format(printf, 3, 4))) static void check_run(int code, const char *word, const char *format, ...)
{
    static struct outcome outcome;
    char arguments[COMMAND_BYTES], command[3 * COMMAND_BYTES];
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    snprintf(command, sizeof command, "'%s' %s 2>&1", test_tool(), arguments);
    run_shell(command, &outcome);
    ck_assert_msg(outcome.code == code, "espalier %s: exit code %d, not %d: %s", arguments, outcome.code, code,
                  outcome.text);
    ck_assert_msg(strstr(outcome.text, word) != NULL, "espalier %s: does not say \"%s\": %s", arguments, word,
                  outcome.text);
}

/* Runs "espalier ARGUMENTS --json" into a file, which check_json asks. */
__attribute__((format(printf, 2, 3))) static void run_json(int code, const char *format, ...)
{
    static struct outcome outcome;
    char arguments[COMMAND_BYTES], command[3 * COMMAND_BYTES];
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    snprintf(command, sizeof command, "'%s' %s --json 2>&1 > '%s'", test_tool(), arguments, test_path(3, "out.json"));
    run_shell(command, &outcome);
    ck_assert_msg(outcome.code == code, "espalier %s: exit code %d, not %d: %s", arguments, outcome.code, code,
                  outcome.text);
}

/* A Python expression over the JSON `d` of run_json, printed with str(), must give @p expected. */
__attribute__((format(printf, 2, 3))) static void check_json(const char *expression, const char *format, ...)
{
    static struct outcome outcome;
    char expected[1200], command[COMMAND_BYTES];
    va_list list;
    va_start(list, format);
    vsnprintf(expected, sizeof expected, format, list);
    va_end(list);
    snprintf(command, sizeof command, "python3 -c 'import json; d = json.load(open(\"%s\")); print(%s, end=\"\")' 2>&1",
             test_path(3, "out.json"), expression);
    run_shell(command, &outcome);
    ck_assert_msg(strcmp(outcome.text, expected) == 0, "%s: expected %s, got %s", expression, expected, outcome.text);
}

/* ---- models and images ---- */

static struct espalier_model *digit_model(uint64_t seed)
{
    struct random_model_limits limits = random_model_defaults();
    struct espalier_random random;
    limits.digits = EDGE;
    limits.raw_only = true;
    limits.rows = 12;
    limits.columns = 250; /* so that the step lists of the default board hold any two rows */
    espalier_random_seed(&random, seed);
    return random_model(&random, &limits);
}

/* Saves a model that reads digits; @p slot of test_path. */
static const char *save_model(const struct espalier_model *model, unsigned slot)
{
    static const char *const names[] = {"model0.esp", "model1.esp", "model2.esp"};
    struct espalier_error error = {0};
    const char *path = test_path(slot, names[slot]);
    test_ok(espalier_model_save(model, path, &error));
    return path;
}

static uint32_t output_count(const struct espalier_model *model)
{
    const struct espalier_layer *last = &model->layers[model->layer_count - 1];
    return last->rows * espalier_layer_out_height(last) * espalier_layer_out_width(last);
}

/* The reference engine's logits of one image, to be freed by the caller. */
static int32_t *logits_of(const struct espalier_model *model, const uint8_t *pixels)
{
    struct espalier_error error = {0};
    struct espalier_engine *engine;
    int32_t *logits = calloc(output_count(model), sizeof *logits);
    ck_assert(logits != NULL);
    test_ok(espalier_engine_create(model, &engine, &error));
    espalier_engine_run(engine, pixels, logits);
    espalier_engine_free(engine);
    return logits;
}

static void read_digits(struct espalier_dataset *set)
{
    struct espalier_error error = {0};
    test_ok(espalier_dataset_read(ESPALIER_DATA_DIR "/t10k-images-idx3-ubyte.gz",
                                  ESPALIER_DATA_DIR "/t10k-labels-idx1-ubyte.gz", set, &error));
}

static void write_png(const char *path, const uint8_t *pixels, uint32_t format, uint32_t height, uint32_t width)
{
    png_image image = {.version = PNG_IMAGE_VERSION, .height = height, .width = width, .format = format};
    ck_assert(png_image_write_to_file(&image, path, 0, pixels, 0, NULL));
}

/* ---- help, usage and errors ---- */

START_TEST(help_is_given_and_misuse_is_told)
{
    static const char *const commands[] = {"train",   "compress", "inspect", "eval",       "run",
                                           "compare", "boards",   "devices", "bench-link", "doctor"};
    check_run(0, "exit codes:", "--help");
    check_run(0, "espalier ", "--version");
    check_run(2, "usage:", " ");
    check_run(2, "there is no command \"frobnicate\"", "frobnicate");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        check_run(0, commands[i], "--help");
        check_run(0, "usage: espalier", "%s --help", commands[i]);
        check_run(2, "unknown option --frobnicate", "%s --frobnicate", commands[i]);
    }
    check_run(2, "one model file is expected", "inspect");
    check_run(2, "one model file is expected", "eval a b");
    check_run(2, "--engine needs a value", "eval a --engine");
    check_run(2, "--engine is ref, rtl or float", "eval a --engine fpga");
    check_run(2, "--count is a number", "eval a --count 0");
    check_run(2, "--count is a number", "eval a --count 5x");
    check_run(2, "--seed is a number", "eval a --seed -1");
    check_run(2, "--images and --labels go together", "eval a --images b");
    check_run(2, "--set is test, training or held-out", "eval a --set tests");
    check_run(2, "--set and --images exclude", "compare a --set training --images b --labels c");
    check_run(2, "need --engine rtl", "eval a --trace b");
    check_run(2, "a model file and an image are expected", "run a");
    check_run(2, "takes the place of", "run a b --engine rtl --device any");
    check_run(2, "takes the place of", "eval a --trace b --device any");
    check_run(2, "one of --device and --board", "bench-link");
    check_run(2, "one of --device and --board", "bench-link --device any --board up5k");
    check_run(2, "--bytes is a number", "bench-link --board up5k --bytes 0");
    check_run(2, "--trips is a number", "bench-link --board up5k --trips x");
    check_run(2, "there is no target \"nonsense\"", "doctor nonsense");
}
END_TEST

START_TEST(output_that_is_lost_is_a_failure)
{
    static const char *const words[] = {"--help", "--version", "compress --help", "boards --json"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        check_run(1, "what it printed is lost", "%s 2>&1 > /dev/full #", words[i]); /* # hides what follows */
        check_run(0, "", "%s > /dev/null", words[i]);
    }
    check_run(2, "unknown option", "boards --frobnicate 2>&1 > /dev/full #"); /* it says itself what is wrong */
}
END_TEST

START_TEST(each_kind_of_failure_has_its_exit_code_and_names_the_file)
{
    struct espalier_model *model = digit_model(test_seed());
    const char *path = save_model(model, 0), *bad = test_path(1, "bad.esp"), *missing = test_path(2, "missing");
    test_write_file(bad, "ESPALIER but not much of a model file, really", 45);
    check_run(1, missing, "inspect '%s'", missing);
    check_run(3, bad, "inspect '%s'", bad);
    check_run(3, "only version 1 is known", "eval '%s'", bad);
    check_run(4, "cannot draw 10001 of 10000 images", "eval '%s' --count 10001", path);
    check_run(4, "nonesuch", "eval '%s' --engine rtl --count 1 --board nonesuch", path);
    check_run(1, missing, "eval '%s' --images '%s' --labels '%s'", path, missing, missing);
    check_run(1, missing, "run '%s' '%s'", path, missing);
    check_run(3, "neither a PNG nor a PGM", "run '%s' '%s'", path, bad);
    check_run(4, "images 0 to 9999, not 10000", "run '%s' IDX:10000", path);
    check_run(3, "line 1", "eval '%s' --prices '%s'", path, bad);
    espalier_model_free(model);
}
END_TEST

START_TEST(a_network_too_large_for_the_board_is_refused)
{
    struct espalier_error error = {0};
    struct espalier_model *model;
    test_ok(espalier_model_create(1, &model, &error));
    struct espalier_layer *layer = &model->layers[0];
    layer->in_channels = 1;
    layer->in_height = layer->in_width = EDGE;
    layer->kernel_height = layer->kernel_width = 5;
    layer->stride = layer->pool = 1;
    layer->rows = 20;
    layer->raw = true;
    layer->value_bits = 8;
    model->dense_weights = 500;
    test_ok(espalier_layer_allocate(layer, &error)); /* 34,560 words of logits */
    check_run(5, "activation", "eval '%s' --engine rtl --board tiny --count 1", save_model(model, 0));
    espalier_model_free(model);
}
END_TEST

START_TEST(the_smallest_board_runs_the_shipped_compressed_models_and_refuses_the_dense_one)
{
    static const char *const shipped = ESPALIER_DATA_DIR "/models/lenet5";
    static const char *const equal = "all 10 logits equal the reference engine's";
    check_run(0, equal, "eval '%s-structured.esp' --engine rtl --board hx8k --count 1", shipped);
    check_run(0, equal, "eval '%s-gap.esp' --engine rtl --board hx8k --count 1", shipped);
    check_run(5, "room for 500 kept columns", "eval '%s-dense8.esp' --engine rtl --board hx8k --count 1", shipped);
}
END_TEST

START_TEST(missing_test_digits_are_named)
{
    struct espalier_model *model = digit_model(test_seed());
    setenv("ESPALIER_DATA", "/no/such/folder", 1);
    check_run(1, "/no/such/folder/t10k-images-idx3-ubyte", "eval '%s'", save_model(model, 0));
    unsetenv("ESPALIER_DATA");
    espalier_model_free(model);
}
END_TEST

/* ---- inspect, boards, doctor ---- */

START_TEST(inspect_tells_the_ledger)
{
    struct espalier_error error = {0};
    for (uint64_t n = 0; n < 3; n++) {
        struct espalier_model *model = digit_model(test_seed() + n);
        struct espalier_packed packed;
        free(model->made_by);
        model->made_by = strdup("say \"na\xc3\xafve\" \\ twice");
        model->dense_weights = 430500;
        const char *path = save_model(model, 0);
        struct stat file;
        ck_assert_int_eq(stat(path, &file), 0);
        test_ok(espalier_pack(model, &packed, &error));
        const struct espalier_ledger *ledger = &packed.ledger;
        run_json(0, "inspect '%s'", path);
        check_json("d[\"dense_weights\"], d[\"kept_weights\"], d[\"fillers\"], d[\"value_bits\"], d[\"index_bits\"], "
                   "d[\"filler_bits\"], d[\"other_bits\"], d[\"total_bits\"], \"%.3f\" % d[\"entropy_index_bits\"], "
                   "d[\"file_bytes\"], len(d[\"layers\"]), d[\"made_by\"], "
                   "abs(d[\"all_in_ratio\"] * d[\"total_bits\"] / (32 * 430500) - 1) < 1e-8, "
                   "abs(d[\"data_only_ratio\"] * d[\"value_bits\"] / (32 * 430500) - (d[\"value_bits\"] > 0)) < 1e-8, "
                   "sum(l[\"total_bits\"] for l in d[\"layers\"]) == d[\"total_bits\"]",
                   "430500 %llu %llu %llu %llu %llu %llu %llu %.3f %lld %u %s True True True",
                   (unsigned long long)ledger->kept_weights, (unsigned long long)ledger->fillers,
                   (unsigned long long)ledger->value_bits, (unsigned long long)ledger->index_bits,
                   (unsigned long long)ledger->filler_bits, (unsigned long long)ledger->other_bits,
                   (unsigned long long)packed.size * 8, ledger->entropy_index_bits, (long long)file.st_size,
                   model->layer_count, model->made_by);
        check_run(0, "data-only ratio", "inspect '%s'", path);
        espalier_packed_free(&packed);
        espalier_model_free(model);
    }
}
END_TEST

START_TEST(boards_lists_the_simulated_boards)
{
    size_t count;
    const struct espalier_sim_board *boards = espalier_sim_boards(&count);
    run_json(0, "boards");
    check_json("len(d), d[0][\"name\"], d[0][\"lanes\"] > 0", "%zu %s True", count, boards[0].name);
    check_run(0, boards[0].name, "boards");
}
END_TEST

START_TEST(doctor_finds_what_this_test_was_built_with)
{
    run_json(0, "doctor test");
    check_json("all(n[\"found\"] for n in d[\"needs\"]), d[\"remedies\"], "
               "[n[\"name\"] for n in d[\"needs\"] if n[\"name\"] == \"Check\"]",
               "True [] ['Check']");
    setenv("ESPALIER_DATA", "/no/such/folder", 1);
    check_run(10, "ESPALIER_DATA", "doctor demo");
    unsetenv("ESPALIER_DATA");
}
END_TEST

/* ---- eval ---- */

START_TEST(eval_counts_what_the_engine_gets_right)
{
    struct espalier_error error = {0};
    struct espalier_model *model = digit_model(test_seed());
    struct espalier_dataset set;
    uint32_t correct = 0, count = 150;
    read_digits(&set);
    test_ok(espalier_dataset_draw(&set, count, 77, &error));
    for (uint32_t i = 0; i < count; i++) {
        int32_t *logits = logits_of(model, set.pixels + (size_t)i * PIXELS);
        uint32_t best = 0;
        for (uint32_t k = 0; k < output_count(model); k++)
            best = logits[k] > logits[best] ? k : best;
        correct += best == set.labels[i];
        free(logits);
    }
    run_json(0, "eval '%s' --engine ref --count %u --seed 77", save_model(model, 0), count);
    check_json("d[\"images\"], d[\"correct\"], d[\"mismatches\"], d[\"accuracy\"] == d[\"correct\"] / d[\"images\"]",
               "%u %u 0 True", count, correct);
    espalier_dataset_free(&set);
    espalier_model_free(model);
}
END_TEST

/* The images that other IDX files hold are used, in their order. */
START_TEST(eval_reads_other_images)
{
    enum { COUNT = 5 };
    uint8_t images[16 + COUNT * PIXELS] = {0, 0, 8, 3, 0, 0, 0, COUNT, 0, 0, 0, EDGE, 0, 0, 0, EDGE};
    uint8_t labels[8 + COUNT] = {0, 0, 8, 1, 0, 0, 0, COUNT};
    struct espalier_model *model = digit_model(test_seed());
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t i = 0; i < COUNT; i++) {
        uint8_t *pixels = random_image(&random, model);
        memcpy(images + 16 + i * PIXELS, pixels, PIXELS);
        int32_t *logits = logits_of(model, pixels);
        labels[8 + i] = (uint8_t)(espalier_argmax(logits, output_count(model)) + (i == 3)); /* one is labelled wrong */
        free(logits);
        free(pixels);
    }
    test_write_file(test_path(1, "images"), images, sizeof images);
    test_write_file(test_path(2, "labels"), labels, sizeof labels);
    run_json(0, "eval '%s' --images '%s' --labels '%s'", save_model(model, 0), test_path(1, "images"),
             test_path(2, "labels"));
    check_json("d[\"images\"], d[\"correct\"]", "5 4");
    espalier_model_free(model);
}
END_TEST

/* The test digits as if they were training images: the last 5,000 are held out, and the others are not. */
START_TEST(eval_knows_which_images_are_held_out)
{
    enum { HELD_OUT = 5000 };
    struct espalier_model *model = digit_model(test_seed());
    struct espalier_dataset set;
    uint32_t correct[2] = {0};
    read_digits(&set);
    for (uint32_t i = 0; i < set.count; i++) {
        int32_t *logits = logits_of(model, set.pixels + (size_t)i * PIXELS);
        correct[i >= set.count - HELD_OUT] += espalier_argmax(logits, output_count(model)) == set.labels[i];
        free(logits);
    }
    test_link_digits();
    setenv("ESPALIER_DATA", test_directory(), 1);
    const char *path = save_model(model, 0);
    run_json(0, "eval '%s' --set held-out", path);
    check_json("d[\"images\"], d[\"correct\"]", "%u %u", HELD_OUT, correct[1]);
    run_json(0, "eval '%s' --set training", path);
    check_json("d[\"images\"], d[\"correct\"]", "%u %u", set.count - HELD_OUT, correct[0]);
    check_run(4, "cannot draw 5001 of 5000", "eval '%s' --set held-out --count 5001", path);
    setenv("ESPALIER_DATA", "/no/such/folder", 1);
    check_run(1, "make data", "eval '%s' --set training", path);
    unsetenv("ESPALIER_DATA");
    espalier_dataset_free(&set);
    espalier_model_free(model);
}
END_TEST

START_TEST(with_all_images_nothing_is_held_out_and_nothing_judges)
{
    const char *folder = test_directory(), *baseline = test_path(1, "all.ckpt"), *out = test_path(2, "all.esp");
    const char *none = "d[\"held_out_images\"], d[\"held_out_accuracy\"] == 0";
    test_link_digits();
    run_json(0, "train --quick --epochs 1 --all-images --data '%s' --out '%s'", folder, baseline);
    check_json(none, "0 True");
    run_json(0, "compress '%s' --format dense --quick --all-images --data '%s' --out '%s'", baseline, folder, out);
    check_json(none, "0 True");
    check_run(0, "no images held out", "train --quick --epochs 1 --all-images --data '%s' --out '%s'", folder,
              baseline);
    check_run(0, "no images held out", "compress '%s' --format dense --quick --all-images --data '%s' --out '%s'",
              baseline, folder, out);
    check_run(4, "needs held-out images", "compress '%s' --format gap --search 2 --all-images --data '%s' --out '%s'",
              baseline, folder, out);
}
END_TEST

/* ---- the files of train and compress; the shell puts the scratch directory in place of $D ---- */

static const char nothing_but_text[] = "neither a checkpoint nor a log";

/* Writes the file "text" in the scratch directory, which no command may touch. */
static const char *write_text(void)
{
    const char *path = test_path(0, "text");
    setenv("D", test_directory(), 1);
    test_write_file(path, nothing_but_text, sizeof nothing_but_text - 1);
    return path;
}

static void check_text(const char *path)
{
    size_t size;
    uint8_t *bytes = test_read_file(path, &size);
    ck_assert_uint_eq(size, sizeof nothing_but_text - 1);
    ck_assert_mem_eq(bytes, nothing_but_text, size);
    free(bytes);
}

START_TEST(two_files_of_a_training_that_are_the_same_are_refused)
{
    static const struct {
        const char *arguments, *told;
    } cases[] = {
        {"train --out $D/new --state $D/new", "--out and --state are the same file"},
        {"train --out $D/new --log $D/./new", "--out and --log are the same file"},
        {"train --out $D/new --state $D/text --log $D/hard", "--state and --log are the same file"},
        {"compress $D/text --format gap --out $D/text", "the baseline and --out are the same file"},
        {"compress $D/text --format gap --out $D/symbolic", "the baseline and --out are the same file"},
        {"compress $D/text --format gap --out $D/new --log $D/hard", "the baseline and --log are the same file"},
        {"compress $D/text --format gap --out $D/new --state $D//text", "the baseline and --state are the same file"},
        {"compress $D/text --format gap --out $D/new --pruned $D/text", "the baseline and --pruned are the same file"},
        {"compress $D/text --format gap --out $D/new --pruned $D/new", "--pruned and --out are the same file"},
        {"compress $D/text --format gap --out $D/new --state $D/new", "--out and --state are the same file"},
    };
    const char *text = write_text(), *hard = test_path(1, "hard"), *symbolic = test_path(2, "symbolic");
    ck_assert_int_eq(link(text, hard), 0);
    ck_assert_int_eq(symlink(text, symbolic), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_run(2, cases[i].told, "%s", cases[i].arguments);
        check_text(text);
        ck_assert_int_ne(access(test_path(3, "new"), F_OK), 0);
    }
}
END_TEST

START_TEST(files_that_could_not_be_written_are_refused_at_the_beginning)
{
    static const struct {
        const char *arguments, *told;
    } cases[] = {
        {"train --out /no/such/x", "--out /no/such/x: cannot be written: No such file"},
        {"train --out $D", ": is a folder"},
        {"train --out $D/new/", ": is a folder"},
        {"train --out $D/text/x", ": cannot be written: Not a directory"},
        {"train --out /dev/null", "--out /dev/null: is no regular file"},
        {"train --out $D/new --state /no/such/x", "--state /no/such/x: cannot be written"},
        {"train --out $D/new --log /no/such/x", "--log /no/such/x: cannot be written"},
        {"train --out $D/new --log $D/text", "is no log of training"},
        {"compress $D/text --format gap --out /no/such/x", "--out /no/such/x: cannot be written"},
        {"compress $D/text --format gap --out $D", ": is a folder"},
        {"compress $D/text --format gap --out $D/new --pruned /no/such/x", "--pruned /no/such/x: cannot be written"},
        {"compress $D/text --format gap --out $D/new --state $D", ": is a folder"},
        {"compress $D/new --format gap --out $D/newer --log $D/text", "is no log of training"},
    };
    static const char *const logs[] = {"",       "stage,epoch,loss\ntrain,1,0.5\n", "stage,ep", "[",
                                       "[\n]\n", "[\n{\"stage\": \"train\"}\n]\n"};
    const char *text = write_text();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_run(1, cases[i].told, "%s", cases[i].arguments);
        check_text(text);
        ck_assert_int_ne(access(test_path(3, "new"), F_OK), 0);
    }
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) { /* these may be written anew; the baseline is none */
        test_write_file(test_path(1, "log"), logs[i], strlen(logs[i]));
        check_run(3, "text: ", "compress $D/text --format gap --out $D/new --log $D/log");
    }
    check_run(3, "text: ", "compress $D/text --format gap --out $D/new --log /dev/null");
}
END_TEST

START_TEST(options_of_compress_that_would_say_nothing_are_refused)
{
    static const struct {
        int code;
        const char *arguments, *told;
    } cases[] = {
        {2, "dense --ratio 5", "--format dense prunes nothing: no --ratio"},
        {2, "dense --budget 1,2,3,4", "no --budget"},
        {2, "dense --family elements", "no --family"},
        {2, "dense --balance 4", "no --balance"},
        {2, "dense --search 4", "no --search"},
        {2, "dense --steps 2", "no --steps"},
        {2, "dense --choose-epochs 2", "no --choose-epochs"},
        {2, "dense --choose-rate 0.1", "no --choose-rate"},
        {2, "dense --prior 1", "no --prior"},
        {2, "dense --prune-rate 0.1", "no --prune-rate"},
        {2, "dense --retrain-epochs 2", "no --retrain-epochs"},
        {2, "dense --retrain-rate 0.1", "no --retrain-rate"},
        {2, "dense --no-normalize", "no --no-normalize"},
        {2, "dense --pruned $D/new", "--pruned names a network that is there"},
        {2, "structured --balance 4", "--balance goes with --format gap"},
        {2, "gap --budget 1,2,3,4 --ratio 5", "--budget takes the place of --ratio"},
        {2, "gap --budget -18446744073709551600,2,3,4", "--budget is a list"},
        {2, "gap --budget 1,+2,3,4", "--budget is a list"},
        {2, "gap --budget 1/-18446744073709551600,2,3,4", "--budget is a list"},
        {2, "gap --budget 99999999999999999999,2,3,4", "--budget is a list"},
        {2, "structured --budget 1x2,3x,5x6,7x8", "--budget is a list"},
        {4, "gap --value-bits 4,4,4,4,4", "--value-bits is a list of 5 for 4 layers"},
        {4, "gap --levels uniform,uniform,uniform,uniform,binary", "--levels is a list of 5 for 4 layers"},
        {4, "gap --quick --steps 16", "16 pruning steps in 8 epochs of pruning: each takes one or more; raise"},
    };
    struct espalier_error error = {0};
    struct espalier_network *network = NULL;
    uint32_t layers;
    const struct espalier_shape *shapes = espalier_lenet5_shapes(&layers);
    test_link_digits();
    setenv("D", test_directory(), 1);
    test_ok(espalier_network_create(shapes, layers, 1, &network, &error));
    test_ok(espalier_network_save(network, "nobody", test_path(0, "untrained.ckpt"), &error));
    espalier_network_free(network);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_run(cases[i].code, cases[i].told, "compress $D/untrained.ckpt --data $D --out $D/new.esp --format %s",
                  cases[i].arguments);
    /* What was pruned before is quantized in any format, also by a command that repeats how it was pruned. */
    check_run(
        0, "quantized, nothing is pruned",
        "compress $D/untrained.ckpt --data $D --out $D/new.esp --format gap --quick --ratio 20 --quantize-epochs 1 "
        "--value-bits 3,3,2,2 --pruned $(cp $D/untrained.ckpt $D/pruned.ckpt; echo $D/pruned.ckpt)");
    check_run(0, "quantized, nothing is pruned",
              "compress $D/untrained.ckpt --data $D --out $D/new.esp --format dense --quick --quantize-epochs 1 "
              "--pruned $D/pruned.ckpt");
}
END_TEST

START_TEST(a_log_that_cannot_be_written_costs_the_log_alone)
{
    static const char *const warning = "warning: /dev/full cannot be written: No space left on device; goes on without";
    static const char *const end = "is written, but the log, /dev/full, is not";
    struct espalier_error error = {0};
    struct espalier_model *model = NULL;
    test_link_digits();
    setenv("D", test_directory(), 1);
    check_run(1, end, "train --quick --epochs 2 --data $D --out $D/lost.ckpt --log /dev/full --state $D/lost.state");
    check_run(1, warning, "compress $D/lost.ckpt --format dense --quick --data $D --out $D/lost.esp --log /dev/full");
    check_run(1, end, "compress $D/lost.ckpt --format dense --quick --data $D --out $D/lost.esp --log /dev/full");
    check_run(0, "1", /* it is told once */
              "compress $D/lost.ckpt --format dense --quick --data $D --out $D/lost.esp --log /dev/full 2>&1 | "
              "grep -c warning");
    test_ok(espalier_model_load(test_path(0, "lost.esp"), &model, &error));
    ck_assert_int_ne(access(test_path(1, "lost.state"), F_OK), 0);
    espalier_model_free(model);
}
END_TEST

START_TEST(eval_on_every_board_agrees_with_the_engine_and_its_figures_add_up)
{
    size_t boards;
    const struct espalier_sim_board *board = espalier_sim_boards(&boards);
    for (size_t i = 0; i < boards; i++) {
        struct espalier_model *model = NULL;
        struct espalier_capabilities capabilities;
        struct espalier_transport transport;
        struct espalier_device *device;
        struct espalier_error error = {0};
        test_ok(espalier_sim_open(board[i].name, NULL, &transport, &error));
        test_ok(espalier_device_open(&transport, &device, &error));
        capabilities = *espalier_device_capabilities(device);
        espalier_device_close(device);
        enum espalier_status fits = ESPALIER_ERR_FIT; /* draw until one fits */
        for (uint64_t n = 0; n < 1000 && fits != ESPALIER_OK; n++) {
            struct espalier_plan plan;
            espalier_model_free(model);
            model = digit_model(test_seed() + n);
            fits = espalier_plan_create(model, &capabilities, &plan, &error);
            if (fits == ESPALIER_OK)
                espalier_plan_free(&plan);
        }
        ck_assert_msg(fits == ESPALIER_OK, "no model fits board %s", board[i].name);
        uint32_t slots = capabilities.words[ESPALIER_CAPS_POSITIONS];
        run_json(0, "eval '%s' --engine rtl --board %s --count %u --seed 5 --alone --threads 2", save_model(model, 0),
                 board[i].name, 3 * slots);
        check_json("d[\"images\"], d[\"mismatches\"], d[\"positions\"], len(d[\"counters\"]), "
                   "sum(v for k, v in d[\"counters\"].items() if k == \"busy\" or k.startswith(\"stall\")) == "
                   "d[\"counters\"][\"cycles\"], "
                   "abs(d[\"cycles_per_image\"] * d[\"images\"] - d[\"counters\"][\"cycles\"]) < 1e-3, "
                   "abs(d[\"utilisation\"] * d[\"lanes\"] * d[\"positions\"] * d[\"counters\"][\"cycles\"] / "
                   "max(1, d[\"counters\"][\"multiplies\"]) - (d[\"counters\"][\"multiplies\"] > 0)) < 1e-6, "
                   "d[\"cycles_alone\"] > 0 and d[\"load_bytes\"] > 0, "
                   "d[\"counters\"][\"link_in\"] > 784 * d[\"images\"]",
                   "%u 0 %u %u True True True True True", 3 * slots, slots, ESPALIER_COUNTERS);
        espalier_model_free(model);
    }
}
END_TEST

/* Idle cycles by cause may move by one between a board's first run and its later ones; their sum may not. */
static void merge_stalls(struct evaluation *evaluation)
{
    for (size_t i = ESPALIER_COUNT_STALL_SETUP + 1; i <= ESPALIER_COUNT_STALL_PORT; i++) {
        evaluation->counters[ESPALIER_COUNT_STALL_SETUP] += evaluation->counters[i];
        evaluation->counters[i] = 0;
    }
}

/* The last batch does not fill the slots, and threads share the batches: the results must not depend on it. */
START_TEST(compare_ends_well_when_every_logit_is_equal)
{
    const char *const shipped = ESPALIER_DATA_DIR "/models/lenet5-structured.esp";
    check_run(0, "all 40 logits were bit-exact", "compare --board up5k --board hx8k --count 2 '%s'", shipped);
    check_run(0, "\"all-in ratio, x\"", "compare --json --board up5k --count 1 '%s'", shipped);
    check_run(5, "room for 500 kept columns",
              "compare --board hx8k --count 1 '" ESPALIER_DATA_DIR "/models/lenet5-dense8.esp'");
}
END_TEST

START_TEST(threads_do_not_change_the_results)
{
    struct espalier_error error = {0};
    struct espalier_model *model = digit_model(test_seed());
    struct espalier_dataset set;
    struct evaluation one, three;
    read_digits(&set);
    test_ok(espalier_dataset_draw(&set, 37, test_seed(), &error));
    struct evaluation_options options = {.rtl = true, .threads = 1, .label = "test"};
    test_ok(evaluate(model, &set, &options, &one, &error));
    options.threads = 3;
    test_ok(evaluate(model, &set, &options, &three, &error));
    ck_assert_uint_eq(one.mismatches, 0);
    ck_assert_uint_eq(one.correct, three.correct);
    ck_assert_mem_eq(one.logits, three.logits, one.images * one.outputs * sizeof *one.logits);
    merge_stalls(&one);
    merge_stalls(&three);
    ck_assert_mem_eq(one.counters, three.counters, sizeof one.counters);
    ck_assert_double_eq(one.cycles_per_image, three.cycles_per_image);
    evaluation_free(&one);
    evaluation_free(&three);
    espalier_dataset_free(&set);
    espalier_model_free(model);
}
END_TEST

START_TEST(trace_writes_waves)
{
    struct stat file;
    struct espalier_model *model = digit_model(test_seed());
    const char *trace = test_path(1, "waves.fst");
    check_run(0, "logits equal", "eval '%s' --engine rtl --count 1 --trace '%s'", save_model(model, 0), trace);
    ck_assert_int_eq(stat(trace, &file), 0);
    ck_assert_int_gt(file.st_size, 1000);
    espalier_model_free(model);
}
END_TEST

/* ---- a board that computes something else ---- */

/* A link that flips one bit of the weight stream on its way to the board, and makes the frame's checksum right again.
 */
struct tamperer {
    struct espalier_transport inner;
    uint8_t pending[2 * (ESPALIER_HEADER_BYTES + ESPALIER_PAYLOAD_MAX + ESPALIER_TRAILER_BYTES)];
    size_t held;
    uint64_t stream_bit, bits_seen;
};

/* The bit of the stream that the next board opened gets wrong. Tests run in processes of their own. */
static uint64_t bit_to_flip;

static void tamper(struct tamperer *link, size_t payload)
{
    uint8_t *frame = link->pending;
    if (frame[1] == ESPALIER_REQ_WEIGHTS_REWIND)
        link->bits_seen = 0;
    if (frame[1] != ESPALIER_REQ_WEIGHTS)
        return;
    if (link->stream_bit >= link->bits_seen && link->stream_bit < link->bits_seen + 8 * payload) {
        uint64_t bit = link->stream_bit - link->bits_seen;
        frame[ESPALIER_HEADER_BYTES + bit / 8] ^= (uint8_t)(1u << bit % 8);
        uint32_t crc = (uint32_t)crc32(0, frame, (unsigned)(ESPALIER_HEADER_BYTES + payload));
        for (size_t i = 0; i < ESPALIER_TRAILER_BYTES; i++)
            frame[ESPALIER_HEADER_BYTES + payload + i] = (uint8_t)(crc >> 8 * i);
    }
    link->bits_seen += 8 * payload;
}

/* Gathers bytes into whole frames and passes those on. */
static enum espalier_status tampering_send(void *context, const uint8_t *bytes, size_t size, size_t *sent)
{
    struct tamperer *link = context;
    enum espalier_status status = ESPALIER_OK;
    *sent = 0;
    while (*sent < size && status == ESPALIER_OK) {
        link->pending[link->held++] = bytes[(*sent)++];
        if (link->held < ESPALIER_HEADER_BYTES)
            continue;
        size_t payload = (size_t)(link->pending[4] | link->pending[5] << 8);
        size_t whole = ESPALIER_HEADER_BYTES + payload + ESPALIER_TRAILER_BYTES;
        if (link->held < whole)
            continue;
        tamper(link, payload);
        for (size_t done = 0, part; done < whole && status == ESPALIER_OK; done += part)
            status = link->inner.send(link->inner.context, link->pending + done, whole - done, &part);
        link->held = 0;
    }
    return status;
}

static enum espalier_status tampering_receive(void *context, uint8_t *bytes, size_t size, bool wait, size_t *received)
{
    struct tamperer *link = context;
    return link->inner.receive(link->inner.context, bytes, size, wait, received);
}

static void tampering_close(void *context)
{
    struct tamperer *link = context;
    link->inner.close(link->inner.context);
    free(link);
}

static enum espalier_status open_tampered(const char *board, const char *trace, struct espalier_transport *out,
                                          struct espalier_error *error)
{
    struct tamperer *link = calloc(1, sizeof *link);
    ck_assert(link != NULL);
    link->stream_bit = bit_to_flip;
    enum espalier_status status = espalier_sim_open(board, trace, &link->inner, error);
    if (status != ESPALIER_OK) {
        free(link);
        return status;
    }
    *out = (struct espalier_transport){
        .context = link, .send = tampering_send, .receive = tampering_receive, .close = tampering_close};
    return ESPALIER_OK;
}

/* The model that the tampered board has: the same with one bit of its mult (a layer's first bits) flipped. */
static void flip_mult(struct espalier_model *model, uint32_t layer)
{
    struct espalier_error error = {0};
    struct espalier_packed packed;
    test_ok(espalier_pack(model, &packed, &error));
    bit_to_flip = 6;
    for (uint32_t i = 0; i < layer; i++)
        bit_to_flip += packed.layers[i].total_bits;
    model->layers[layer].mult ^= 1u << 6;
    espalier_packed_free(&packed);
}

/* Looks for the first divergence with two reference engines. @return whether logits differ */
static bool predict(const struct espalier_model *good, const struct espalier_model *bad, const uint8_t *pixels,
                    struct divergence *first)
{
    struct espalier_error error = {0};
    struct espalier_engine *engines[2];
    uint32_t outputs = output_count(good);
    int32_t *logits = calloc(2 * outputs, sizeof *logits);
    ck_assert(logits != NULL);
    test_ok(espalier_engine_create(good, &engines[0], &error));
    test_ok(espalier_engine_create(bad, &engines[1], &error));
    espalier_engine_run(engines[0], pixels, logits);
    espalier_engine_run(engines[1], pixels, logits + outputs);
    bool differ = memcmp(logits, logits + outputs, outputs * sizeof *logits) != 0;
    for (uint32_t i = 0; differ && i < good->layer_count; i++) {
        const struct espalier_layer *layer = &good->layers[i];
        uint32_t count = layer->rows * espalier_layer_out_height(layer) * espalier_layer_out_width(layer);
        const int8_t *expected = espalier_engine_activations(engines[0], i);
        const int8_t *got = espalier_engine_activations(engines[1], i);
        for (uint32_t k = 0; expected && k < count && first->layer == 0; k++)
            if (expected[k] != got[k])
                *first = (struct divergence){0, 0, i + 1, k, expected[k], got[k]};
    }
    espalier_engine_free(engines[0]);
    espalier_engine_free(engines[1]);
    free(logits);
    return differ;
}

START_TEST(a_board_that_computes_something_else_is_caught_at_the_right_place)
{
    struct espalier_dataset set;
    struct espalier_error error = {0};
    uint32_t caught = 0;
    read_digits(&set);
    test_ok(espalier_dataset_draw(&set, 11, test_seed(), &error));
    for (uint64_t n = 0; n < 60 && caught < 4; n++) {
        struct espalier_model *good = digit_model(test_seed() + n), *bad = digit_model(test_seed() + n);
        struct divergence expected = {0};
        uint32_t image = 0, layer = (uint32_t)n % 2;
        bool differ = false;
        if (layer + 1 < good->layer_count) {
            flip_mult(bad, layer);
            while (!differ && image < set.count)
                differ = predict(good, bad, set.pixels + (size_t)image++ * PIXELS, &expected);
        }
        if (differ) {
            const struct evaluation_options options = {.rtl = true, .open_board = open_tampered, .label = "test"};
            struct evaluation result;
            test_ok(evaluate(good, &set, &options, &result, &error));
            ck_assert_uint_gt(result.mismatches, 0);
            ck_assert_uint_eq(result.divergence.image, image - 1);
            ck_assert_uint_eq(result.divergence.origin, set.origins[image - 1]);
            ck_assert_uint_eq(result.divergence.layer, expected.layer);
            ck_assert_uint_eq(result.divergence.index, expected.index);
            ck_assert_int_eq(result.divergence.expected, expected.expected);
            ck_assert_int_eq(result.divergence.got, expected.got);
            ck_assert_int_eq(evaluation_mismatch(&result, &error), ESPALIER_ERR_MISMATCH);
            evaluation_free(&result);
            caught++;
        }
        espalier_model_free(good);
        espalier_model_free(bad);
    }
    ck_assert_uint_gt(caught, 0);
    espalier_dataset_free(&set);
}
END_TEST

/* ---- run ---- */

static void check_logits(const struct espalier_model *model, const uint8_t *pixels, const char *image,
                         const char *options)
{
    char expected[1024] = "";
    int32_t *logits = logits_of(model, pixels);
    uint32_t outputs = output_count(model);
    for (uint32_t i = 0; i < outputs && i < 10; i++)
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s%d", i ? ", " : "", logits[i]);
    run_json(0, "run '%s' '%s' %s", test_path(0, "model0.esp"), image, options);
    check_json("d[\"logits\"][:10], len(d[\"logits\"]), d[\"class\"], d[\"mismatches\"]", "[%s] %u %u 0", expected,
               outputs, espalier_argmax(logits, outputs));
    free(logits);
}

/* The same digit by every way in. */
START_TEST(run_reads_every_kind_of_image)
{
    struct espalier_model *model = digit_model(test_seed());
    struct espalier_dataset set;
    read_digits(&set);
    uint32_t index = (uint32_t)(test_seed() % 10000);
    const uint8_t *digit = set.pixels + (size_t)index * PIXELS;
    const char *image = test_path(1, "image");
    char numbered[64];
    static uint8_t bytes[8 * PIXELS + 64], colour[4 * PIXELS];
    save_model(model, 0);
    snprintf(numbered, sizeof numbered, "IDX:%u", index);
    check_logits(model, digit, numbered, "");
    check_logits(model, digit, numbered, "--engine rtl");
    char path[256];
    snprintf(path, sizeof path, "%s:%u", ESPALIER_DATA_DIR "/t10k-images-idx3-ubyte.gz", index);
    check_logits(model, digit, path, "");
    write_png(image, digit, PNG_FORMAT_GRAY, EDGE, EDGE);
    check_logits(model, digit, image, "");
    for (size_t i = 0; i < PIXELS; i++)
        memset(colour + 3 * i, digit[i], 3);
    write_png(image, colour, PNG_FORMAT_RGB, EDGE, EDGE);
    check_logits(model, digit, image, "");
    int header = sprintf((char *)bytes, "P5 # a comment\n28\t28\n255\n");
    memcpy(bytes + header, digit, PIXELS);
    test_write_file(image, bytes, (size_t)header + PIXELS);
    check_logits(model, digit, image, "");
    header = sprintf((char *)bytes, "P5\n28 28\n65535\n");
    for (size_t i = 0; i < PIXELS; i++)
        bytes[(size_t)header + 2 * i] = bytes[(size_t)header + 2 * i + 1] = digit[i];
    test_write_file(image, bytes, (size_t)header + 2 * PIXELS);
    check_logits(model, digit, image, "");
    int size = sprintf((char *)bytes, "P2\n28 28 255");
    for (size_t i = 0; i < PIXELS; i++)
        size += sprintf((char *)bytes + size, "%c%d", i % EDGE ? ' ' : '\n', digit[i]);
    test_write_file(image, bytes, (size_t)size);
    check_logits(model, digit, image, "");
    check_run(0, "<--", "run '%s' IDX:%u", test_path(0, "model0.esp"), index);
    espalier_dataset_free(&set);
    espalier_model_free(model);
}
END_TEST

START_TEST(run_refuses_other_sizes_and_damaged_images)
{
    static const uint8_t pixels[PIXELS] = {0};
    static const struct {
        const char *bytes;
        const char *word;
        int code;
    } faults[] = {
        {"P5\n28 27\n255\n", "27 pixels high and 28 wide, but the model needs 28 high, 28 wide", 4},
        {"P5\n28 28\n255\nshort", "pixel 5 of 784", 3},
        {"P5\n28 28\n0\nzero", "header", 3},
        {"P5\n28 28\n70000\nlarge", "header", 3},
        {"P5\n28 x\n255\nword", "header", 3},
        {"P5\n99999999999 28\n255\nlarge", "header", 3},
        {"P2\n28 28\n9\n1 2 3 10", "pixel 3 of 784", 3},
        {"\x89PNG\r\n\x1a\nrubbish", "image", 3},
        {"JFIF", "neither a PNG nor a PGM", 3},
    };
    struct espalier_model *model = digit_model(test_seed());
    const char *path = save_model(model, 0), *image = test_path(1, "image");
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        test_write_file(image, faults[i].bytes, strlen(faults[i].bytes));
        check_run(faults[i].code, faults[i].word, "run '%s' '%s'", path, image);
    }
    write_png(image, pixels, PNG_FORMAT_GRAY, EDGE, EDGE / 2);
    check_run(4, "28 pixels high and 14 wide, but the model needs 28 high, 28 wide", "run '%s' '%s'", path, image);
    write_png(image, pixels, PNG_FORMAT_GRAY, EDGE, EDGE);
    ck_assert_int_eq(truncate(image, 60), 0);
    check_run(3, image, "run '%s' '%s'", path, image);
    espalier_model_free(model);
}
END_TEST

/* The commands of a recipe, in their order, are those that the shipped model names: as made, so written down. */
START_TEST(shipped_models_name_the_commands_of_their_recipes)
{
    static const char *const models[] = {"lenet5-dense8", "lenet5-structured", "lenet5-gap"};
    struct espalier_error error = {0};
    size_t size;
    char *recipes = (char *)test_read_file(ESPALIER_SOURCE_DIR "/scripts/recipes.txt", &size);
    recipes[size - 1] = '\0'; /* the last line's end */
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        struct espalier_model *model;
        char path[512];
        size_t commands = 0;
        snprintf(path, sizeof path, "%s/models/%s.esp", ESPALIER_DATA_DIR, models[m]);
        test_ok(espalier_model_load(path, &model, &error));
        const char *at = model->made_by;
        for (const char *line = recipes; line != NULL; line = strchr(line, '\n')) {
            char name[64], command[16], options[512], wanted[600];
            line += *line == '\n';
            if (sscanf(line, "shipped %63s %15s %511[^\n]", name, command, options) != 3 ||
                (strcmp(name, "lenet5") != 0 && strcmp(name, models[m]) != 0))
                continue;
            snprintf(wanted, sizeof wanted, " %s --seed 1 ", options);
            ck_assert_msg(strstr(at, command) != NULL && strstr(at, wanted) != NULL, "%s: no \"%s\" in %s", models[m],
                          wanted, at);
            at = strstr(at, wanted) + strlen(wanted);
            commands++;
        }
        ck_assert_uint_eq(commands, m == 0 ? 2 : 3);
        ck_assert_ptr_null(strstr(at, "espalier ")); /* no command more */
        espalier_model_free(model);
    }
    free(recipes);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        help_is_given_and_misuse_is_told,
        output_that_is_lost_is_a_failure,
        each_kind_of_failure_has_its_exit_code_and_names_the_file,
        a_network_too_large_for_the_board_is_refused,
        the_smallest_board_runs_the_shipped_compressed_models_and_refuses_the_dense_one,
        missing_test_digits_are_named,
        inspect_tells_the_ledger,
        boards_lists_the_simulated_boards,
        doctor_finds_what_this_test_was_built_with,
        eval_counts_what_the_engine_gets_right,
        eval_reads_other_images,
        eval_knows_which_images_are_held_out,
        with_all_images_nothing_is_held_out_and_nothing_judges,
        two_files_of_a_training_that_are_the_same_are_refused,
        files_that_could_not_be_written_are_refused_at_the_beginning,
        options_of_compress_that_would_say_nothing_are_refused,
        a_log_that_cannot_be_written_costs_the_log_alone,
        eval_on_every_board_agrees_with_the_engine_and_its_figures_add_up,
        compare_ends_well_when_every_logit_is_equal,
        threads_do_not_change_the_results,
        trace_writes_waves,
        a_board_that_computes_something_else_is_caught_at_the_right_place,
        run_reads_every_kind_of_image,
        run_refuses_other_sizes_and_damaged_images,
        shipped_models_name_the_commands_of_their_recipes,
    };
    return test_run("tool", tests, sizeof tests / sizeof *tests);
}
