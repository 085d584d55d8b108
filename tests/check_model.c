/* What the model check refuses, and the .esp file: whole, truncated, damaged, forged. */
#include "support/random_model.h"
#include "support/support.h"

#include <dirent.h>
#include <espalier/pack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

/* ---- models and their files ---- */

static struct espalier_model *draw(uint64_t seed)
{
    struct random_model_limits limits = random_model_defaults();
    struct espalier_random random;
    limits.rows = 12;
    limits.columns = 120;
    espalier_random_seed(&random, seed);
    return random_model(&random, &limits);
}

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    ck_assert(file != NULL);
    uint8_t *bytes = malloc(1 << 20);
    ck_assert(bytes != NULL);
    *size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

/* The file of a model, in memory. */
static uint8_t *file_image(const struct espalier_model *model, size_t *size)
{
    struct espalier_error error = {0};
    const char *path = test_path(0, "image.esp");
    test_ok(espalier_model_save(model, path, &error));
    return read_file(path, size);
}

static void repair_checksum(uint8_t *image, size_t size)
{
    uint32_t crc = (uint32_t)crc32(0, image, (unsigned)size - 4);
    for (int i = 0; i < 4; i++)
        image[size - 4 + (size_t)i] = (uint8_t)(crc >> 8 * i);
}

/* Parsing must fail as a fault of the file, say which file, and give no model. */
static void check_refused(const uint8_t *image, size_t size)
{
    struct espalier_error error = {0};
    struct espalier_model *model;
    ck_assert_int_eq(espalier_model_parse(image, size, "some.esp", &model, &error), ESPALIER_ERR_FORMAT);
    ck_assert_ptr_null(model);
    ck_assert_msg(strncmp(error.message, "some.esp: ", 10) == 0, "no file name: %s", error.message);
}

/* ---- the file ---- */

START_TEST(loading_gives_the_saved_model_back)
{
    uint32_t cases = test_scale(60);
    for (uint32_t n = 0; n < cases; n++) {
        struct espalier_error error = {0};
        struct espalier_model *model = draw(test_seed() + n), *loaded;
        const char *path = test_path(0, "model.esp");
        test_ok(espalier_model_save(model, path, &error));
        test_ok(espalier_model_load(path, &loaded, &error));
        ck_assert(models_equal(model, loaded));
        espalier_model_free(loaded);
        espalier_model_free(model);
    }
}
END_TEST

START_TEST(the_stream_is_stored_as_it_is_packed)
{
    struct espalier_error error = {0};
    struct espalier_model *model = draw(test_seed());
    struct espalier_packed packed;
    size_t size, record = 22, header = 28;
    uint8_t *image = file_image(model, &size);
    test_ok(espalier_pack(model, &packed, &error));
    size_t before = header + model->layer_count * record + strlen(model->made_by);
    ck_assert_uint_eq(size, before + packed.size + 4);
    ck_assert_mem_eq(image, "ESPALIER\1\0", 10);
    ck_assert_mem_eq(image + before, packed.bytes, packed.size);
    ck_assert_uint_eq(image[header + 6], model->layers[0].rows & 255);
    ck_assert_uint_eq(image[header + record - 1], model->layers[0].has_codebook);
    espalier_packed_free(&packed);
    espalier_model_free(model);
    free(image);
}
END_TEST

START_TEST(made_by_of_any_legal_length_survives)
{
    static const size_t lengths[] = {0, 1, 1023};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct espalier_error error = {0};
        struct espalier_model *model = draw(test_seed()), *loaded;
        free(model->made_by);
        model->made_by = calloc(lengths[i] + 1, 1);
        memset(model->made_by, 'x', lengths[i]);
        test_ok(espalier_model_save(model, test_path(0, "model.esp"), &error));
        test_ok(espalier_model_load(test_path(0, "model.esp"), &loaded, &error));
        ck_assert(models_equal(model, loaded));
        espalier_model_free(loaded);
        espalier_model_free(model);
    }
}
END_TEST

START_TEST(a_zero_byte_in_made_by_is_refused)
{
    size_t size;
    struct espalier_model *model = draw(test_seed());
    uint8_t *image = file_image(model, &size);
    image[28 + 22 * model->layer_count + 3] = 0;
    repair_checksum(image, size);
    check_refused(image, size);
    free(image);
    espalier_model_free(model);
}
END_TEST

START_TEST(truncation_at_every_byte_is_refused)
{
    for (uint64_t n = 0; n < 3; n++) {
        size_t size;
        struct espalier_model *model = draw(test_seed() + n);
        uint8_t *image = file_image(model, &size);
        for (size_t length = 0; length < size; length++) {
            uint8_t *exact = malloc(length ? length : 1); /* so that a sanitizer sees a read behind the end */
            ck_assert(exact != NULL);
            memcpy(exact, image, length);
            check_refused(exact, length);
            if (length > 28 + 4) {
                repair_checksum(exact, length);
                check_refused(exact, length);
            }
            free(exact);
        }
        free(image);
        espalier_model_free(model);
    }
}
END_TEST

START_TEST(every_flipped_bit_is_refused)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    size_t size;
    struct espalier_model *model = draw(test_seed());
    uint8_t *image = file_image(model, &size);
    uint32_t flips = test_scale(10000);
    for (uint32_t i = 0; i < flips; i++) {
        uint32_t bit = espalier_random_below(&random, (uint32_t)size * 8);
        image[bit / 8] ^= (uint8_t)(1u << bit % 8);
        check_refused(image, size);
        image[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    struct espalier_model *loaded;
    struct espalier_error error = {0};
    test_ok(espalier_model_parse(image, size, "some.esp", &loaded, &error));
    espalier_model_free(loaded);
    espalier_model_free(model);
    free(image);
}
END_TEST

/* Forged files: bits flipped and the checksum made right again. Refused, or a model that keeps every promise. */
START_TEST(forged_files_never_give_an_unsound_model)
{
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    uint32_t rounds = test_scale(60), refused = 0, accepted = 0;
    for (uint32_t n = 0; n < rounds; n++) {
        size_t size;
        struct espalier_model *model = draw(test_seed() + n);
        uint8_t *image = file_image(model, &size), *whole = malloc(size);
        ck_assert(whole != NULL);
        memcpy(whole, image, size);
        size_t head = 28 + model->layer_count * 22;
        for (int i = 0; i < 200; i++) {
            struct espalier_error error = {0};
            struct espalier_model *loaded;
            /* The header and the layer records hold the lengths: every other flip goes there. */
            uint32_t reach = (uint32_t)(i % 2 ? head : size - 4);
            uint32_t bit = espalier_random_below(&random, reach * 8);
            image[bit / 8] ^= (uint8_t)(1u << bit % 8);
            repair_checksum(image, size);
            if (espalier_model_parse(image, size, "some.esp", &loaded, &error) == ESPALIER_OK) {
                test_ok(espalier_model_check(loaded, &error));
                espalier_model_free(loaded);
                accepted++;
            } else {
                ck_assert_int_eq(error.status, ESPALIER_ERR_FORMAT);
                refused++;
            }
            if (i % 4 == 3) /* up to four flips add up */
                memcpy(image, whole, size);
        }
        free(whole);
        free(image);
        espalier_model_free(model);
    }
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_gt(accepted, 0);
}
END_TEST

/* A file of a hundred bytes that announces the largest layer: refused before its memory is asked for. */
START_TEST(a_small_file_cannot_ask_for_much_memory)
{
    struct espalier_model *model = draw(test_seed());
    size_t size;
    uint8_t *image = file_image(model, &size);
    uint8_t forged[28 + 22 + 4 + 4] = {0};
    memcpy(forged, image, 28);
    forged[10] = 1;              /* one layer */
    forged[12] = forged[13] = 0; /* no made_by */
    forged[24] = 4;              /* a stream of four bytes */
    forged[25] = forged[26] = forged[27] = 0;
    uint8_t *record = forged + 28;
    const uint8_t layer[22] = {1, 0, 255, 0, 255, 0, 0, 16, 255, 255, 1, 0, 1, 0, 0, 2, 1, 8, 1, 0, 0, 0};
    memcpy(record, layer, sizeof layer); /* 4,096 rows of 65,025 columns in the gap format: 266 million positions */
    repair_checksum(forged, sizeof forged);
    struct espalier_error error = {0};
    struct espalier_model *loaded;
    ck_assert_int_eq(espalier_model_parse(forged, sizeof forged, "some.esp", &loaded, &error), ESPALIER_ERR_FORMAT);
    ck_assert_msg(strstr(error.message, "too many weights for a stream of 4 bytes") != NULL, "%s", error.message);
    free(image);
    espalier_model_free(model);
}
END_TEST

START_TEST(a_failed_save_leaves_nothing_and_keeps_what_was_there)
{
    struct espalier_error error = {0};
    struct espalier_model *model = draw(test_seed());
    const char *missing = test_path(0, "no-such-folder/model.esp"), *occupied = test_path(1, "folder.esp");
    const char *good = test_path(2, "good.esp");
    ck_assert_int_eq(mkdir(occupied, 0700), 0);
    ck_assert_int_eq(espalier_model_save(model, missing, &error), ESPALIER_ERR_IO);
    ck_assert_int_eq(espalier_model_save(model, occupied, &error), ESPALIER_ERR_IO); /* cannot be renamed over */
    test_ok(espalier_model_save(model, good, &error));
    model->layers[0].mask[0] = 2;
    ck_assert_int_eq(espalier_model_save(model, good, &error), ESPALIER_ERR_RANGE);
    struct espalier_model *loaded;
    test_ok(espalier_model_load(good, &loaded, &error));
    espalier_model_free(loaded);
    DIR *directory = opendir(test_directory());
    ck_assert(directory != NULL);
    for (const struct dirent *entry; (entry = readdir(directory));)
        ck_assert_msg(strstr(entry->d_name, ".tmp") == NULL, "%s was left", entry->d_name);
    closedir(directory);
    ck_assert_int_eq(remove(occupied), 0);
    espalier_model_free(model);
}
END_TEST

START_TEST(missing_files_and_directories_are_io_errors)
{
    struct espalier_error error = {0};
    struct espalier_model *model;
    ck_assert_int_eq(espalier_model_load(test_path(0, "missing.esp"), &model, &error), ESPALIER_ERR_IO);
    ck_assert_int_eq(espalier_model_load(test_directory(), &model, &error), ESPALIER_ERR_IO);
    ck_assert_ptr_null(model);
    test_write_file(test_path(0, "empty.esp"), "", 0);
    ck_assert_int_eq(espalier_model_load(test_path(0, "empty.esp"), &model, &error), ESPALIER_ERR_FORMAT);
}
END_TEST

/* ---- the check ---- */

/* Two gap layers with a codebook, and a raw last: 1x6x6 -> 3 rows of 3x3, pooled to 2x2 -> 4 rows of 12 columns. */
static struct espalier_model *small_model(void)
{
    struct espalier_error error = {0};
    struct espalier_model *model;
    test_ok(espalier_model_create(2, &model, &error));
    const struct espalier_layer common = {.stride = 1,
                                          .pool = 1,
                                          .format = ESPALIER_GAP,
                                          .value_bits = 2,
                                          .gap_bits = 4,
                                          .count_bits = 4,
                                          .bias_bits = 8,
                                          .bias_shift = 2,
                                          .has_codebook = true,
                                          .codebook = {-3, -1, 1, 3},
                                          .mult = 100,
                                          .shift = 8};
    struct espalier_layer *first = &model->layers[0], *last = &model->layers[1];
    *first = *last = common;
    first->in_channels = 1;
    first->in_height = first->in_width = 6;
    first->kernel_height = first->kernel_width = 3;
    first->pool = 2;
    first->relu = true;
    first->rows = 3;
    last->in_channels = 3;
    last->in_height = last->in_width = last->kernel_height = last->kernel_width = 2;
    last->rows = 4;
    last->raw = true;
    for (int i = 0; i < 2; i++) {
        struct espalier_layer *layer = &model->layers[i];
        test_ok(espalier_layer_allocate(layer, &error));
        for (size_t k = 0; k < layer->rows * espalier_layer_columns(layer); k++)
            layer->weights[k] = layer->codebook[k % 4];
    }
    model->dense_weights = 75;
    model->made_by = strdup("na\xc3\xafve test \xe2\x82\xac");
    return model;
}

static void set_made_by(struct espalier_model *model, const char *text)
{
    free(model->made_by);
    model->made_by = strdup(text);
}

/* One fault each, and a word that the message must hold. */
#define FAULT(name, statement)                                                                                         \
    static void name(struct espalier_model *model)                                                                     \
    {                                                                                                                  \
        struct espalier_layer *first = &model->layers[0], *last = &model->layers[1];                                   \
        (void)first, (void)last;                                                                                       \
        statement;                                                                                                     \
    }
FAULT(no_stride, first->stride = 0)
FAULT(large_pool, first->pool = 5)
FAULT(no_rows, last->rows = 0)
FAULT(large_kernel, first->kernel_width = 7)
FAULT(nothing_left_to_pool, first->pool = 4; first->kernel_height = 4)
FAULT(wide_values, first->value_bits = 9)
FAULT(codebook_of_wide_values, first->value_bits = 5)
FAULT(dense_with_gap_bits, first->format = ESPALIER_DENSE)
FAULT(gap_without_gap_bits, first->gap_bits = 0)
FAULT(wide_gap, first->gap_bits = 13)
FAULT(unknown_format, first->format = (enum espalier_format)3)
FAULT(raw_first, first->raw = true; first->relu = false; first->pool = 1;
      first->kernel_height = first->kernel_width = 5)
FAULT(raw_relu, last->relu = true)
FAULT(wrong_channels, last->in_channels = 2)
FAULT(wrong_height, last->in_height = 3)
FAULT(large_shift, first->shift = 32)
FAULT(bad_keep, first->keep[3] = 0)
FAULT(bad_mask, first->mask[5] = 7)
FAULT(weight_without_code, first->weights[11] = 2)
FAULT(weight_not_stored, first->mask[2] = 0)
FAULT(narrow_count, last->count_bits = 3)
FAULT(odd_bias, first->bias[1] = 6)
FAULT(large_bias, first->bias[1] = 512)
FAULT(negative_bias, first->bias[1] = -516)
FAULT(bias_without_field, first->bias_bits = 0; first->bias[0] = 4)
FAULT(overflow, last->bias_bits = 16; last->bias_shift = 8; last->bias[3] = 32767 * 256)
FAULT(no_dense_weights, model->dense_weights = 0)
FAULT(control_character, set_made_by(model, "a\033[2J"))
FAULT(broken_utf8, set_made_by(model, "a\xc3"))
FAULT(overlong_utf8, set_made_by(model, "\xc0\xaf"))
FAULT(surrogate_utf8, set_made_by(model, "\xed\xa0\x80"))
FAULT(c1_control, set_made_by(model, "\xc2\x9b"))
FAULT(no_layers, model->layer_count = 0)
FAULT(missing_arrays, free(last->bias); last->bias = NULL)

START_TEST(the_check_refuses_each_fault_and_says_where)
{
    static const struct {
        void (*inject)(struct espalier_model *model);
        const char *word;
    } faults[] = {
        {no_stride, "layer 1: stride is 0"},
        {large_pool, "layer 1: pool is 5"},
        {no_rows, "layer 2: rows is 0"},
        {large_kernel, "layer 1: kernel 3x7"},
        {nothing_left_to_pool, "layer 1: kernel 4x3 with pooling 4"},
        {wide_values, "layer 1: value_bits is 9"},
        {codebook_of_wide_values, "layer 1: a codebook"},
        {dense_with_gap_bits, "layer 1: gap_bits 4"},
        {gap_without_gap_bits, "layer 1: gap_bits 0"},
        {wide_gap, "layer 1: gap_bits is 13"},
        {unknown_format, "layer 1: format is 3"},
        {raw_first, "layer 1 is raw"},
        {raw_relu, "layer 2: a raw layer"},
        {wrong_channels, "layer 2: its input is 2x2x2, but layer 1 gives 3x2x2"},
        {wrong_height, "layer 2: its input is 3x3x2"},
        {large_shift, "layer 1: shift is 32"},
        {bad_keep, "layer 1, column 3: keep"},
        {bad_mask, "layer 1, row 0, column 5"},
        {weight_without_code, "layer 1, row 1, column 2: weight 2"},
        {weight_not_stored, "layer 1, row 0, column 2: weight 1"},
        {narrow_count, "layer 2, row 0: count field of 3 bits cannot hold 12"},
        {odd_bias, "layer 1, row 1: bias 6"},
        {large_bias, "layer 1, row 1: bias 512"},
        {negative_bias, "layer 1, row 1: bias -516"},
        {bias_without_field, "layer 1, row 0: bias 4"},
        {overflow, "layer 2, row 3: bias 8388352"},
        {no_dense_weights, "dense_weights"},
        {control_character, "made_by is not printable UTF-8 at byte 1"},
        {broken_utf8, "at byte 1"},
        {overlong_utf8, "at byte 0"},
        {surrogate_utf8, "at byte 0"},
        {c1_control, "at byte 0"},
        {no_layers, "1 to 64 layers, not 0"},
        {missing_arrays, "layer 2: its arrays"},
    };
    struct espalier_error error = {0};
    struct espalier_model *sound = small_model();
    test_ok(espalier_model_check(sound, &error));
    espalier_model_free(sound);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct espalier_model *model = small_model();
        uint32_t layers = model->layer_count;
        faults[i].inject(model);
        ck_assert_msg(espalier_model_check(model, &error) == ESPALIER_ERR_RANGE, "fault %zu (%s) was accepted", i,
                      faults[i].word);
        ck_assert_msg(strstr(error.message, faults[i].word) != NULL, "fault %zu: expected \"%s\", got \"%s\"", i,
                      faults[i].word, error.message);
        model->layer_count = layers;
        espalier_model_free(model);
    }
}
END_TEST

/* The largest magnitudes that rule A4 admits are admitted: one less than 2^23. */
START_TEST(the_accumulator_bound_is_exact)
{
    struct espalier_error error = {0};
    struct espalier_model *model = small_model();
    struct espalier_layer *last = &model->layers[1];
    last->bias_bits = 16;
    last->bias_shift = 8;
    int64_t sum = 0;
    for (size_t i = 0; i < 12; i++)
        sum += abs(last->weights[i]);
    int64_t room = (1 << 23) - 128 * sum;
    last->bias[0] = (int32_t)((room - 1) / 256 * 256);
    test_ok(espalier_model_check(model, &error));
    last->bias[0] = (int32_t)((room + 255) / 256 * 256);
    ck_assert_int_eq(espalier_model_check(model, &error), ESPALIER_ERR_RANGE);
    espalier_model_free(model);
}
END_TEST

START_TEST(output_sizes_follow_from_the_geometry)
{
    struct espalier_layer layer = {.in_channels = 3,
                                   .in_height = 28,
                                   .in_width = 17,
                                   .kernel_height = 5,
                                   .kernel_width = 4,
                                   .stride = 2,
                                   .pad = 1,
                                   .pool = 3};
    ck_assert_uint_eq(espalier_layer_columns(&layer), 60);
    ck_assert_uint_eq(espalier_layer_conv_height(&layer), 13);
    ck_assert_uint_eq(espalier_layer_conv_width(&layer), 8);
    ck_assert_uint_eq(espalier_layer_out_height(&layer), 4);
    ck_assert_uint_eq(espalier_layer_out_width(&layer), 2);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        loading_gives_the_saved_model_back,
        the_stream_is_stored_as_it_is_packed,
        made_by_of_any_legal_length_survives,
        a_zero_byte_in_made_by_is_refused,
        truncation_at_every_byte_is_refused,
        every_flipped_bit_is_refused,
        forged_files_never_give_an_unsound_model,
        a_small_file_cannot_ask_for_much_memory,
        a_failed_save_leaves_nothing_and_keeps_what_was_there,
        missing_files_and_directories_are_io_errors,
        the_check_refuses_each_fault_and_says_where,
        the_accumulator_bound_is_exact,
        output_sizes_follow_from_the_geometry,
    };
    return test_run("model", tests, sizeof tests / sizeof *tests);
}
