/* IDX files, plain and compressed, whole and damaged; drawing images. */
#include "support/support.h"

#include <espalier/dataset.h>
#include <espalier/random.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { COUNT = 37, HEIGHT = 5, WIDTH = 7, PIXELS = COUNT * HEIGHT * WIDTH };

/* A small set as the two files hold it. Pixel i is a function of i, so that a misplaced one is seen. */
struct files {
    uint8_t images[16 + PIXELS];
    uint8_t labels[8 + COUNT];
};

static uint8_t pixel_at(uint32_t index)
{
    return (uint8_t)(index * 73 + index / 251);
}

static struct files make_files(void)
{
    struct files files = {.images = {0, 0, 8, 3, 0, 0, 0, COUNT, 0, 0, 0, HEIGHT, 0, 0, 0, WIDTH},
                          .labels = {0, 0, 8, 1, 0, 0, 0, COUNT}};
    for (uint32_t i = 0; i < PIXELS; i++)
        files.images[16 + i] = pixel_at(i);
    for (uint32_t i = 0; i < COUNT; i++)
        files.labels[8 + i] = (uint8_t)(i % 10);
    return files;
}

static void write_gzip(const char *path, const void *bytes, unsigned size)
{
    gzFile file = gzopen(path, "wb9");
    ck_assert(file != NULL);
    ck_assert_int_eq(gzwrite(file, bytes, size), (int)size);
    ck_assert_int_eq(gzclose(file), Z_OK);
}

/* Reads what the two paths hold and checks every byte of it. */
static void check_reads(const char *images, const char *labels)
{
    struct espalier_dataset set;
    struct espalier_error error = {0};
    test_ok(espalier_dataset_read(images, labels, &set, &error));
    ck_assert_uint_eq(set.count, COUNT);
    ck_assert_uint_eq(set.height, HEIGHT);
    ck_assert_uint_eq(set.width, WIDTH);
    for (uint32_t i = 0; i < PIXELS; i++)
        ck_assert_uint_eq(set.pixels[i], pixel_at(i));
    for (uint32_t i = 0; i < COUNT; i++)
        ck_assert_uint_eq(set.labels[i], i % 10);
    espalier_dataset_free(&set);
    ck_assert_ptr_null(set.pixels);
}

/* Reading must fail with @p expected, name the file, and leave nothing behind. */
static void check_refused(const char *images, const char *labels, enum espalier_status expected, const char *place)
{
    struct espalier_dataset set;
    struct espalier_error error = {0};
    ck_assert_int_eq(espalier_dataset_read(images, labels, &set, &error), expected);
    ck_assert_int_eq(error.status, expected);
    ck_assert_msg(strstr(error.message, place) != NULL, "the message does not name %s: %s", place, error.message);
    ck_assert_ptr_null(set.pixels);
    ck_assert_ptr_null(set.labels);
    ck_assert_uint_eq(set.count, 0);
}

START_TEST(plain_and_compressed_files_read_alike)
{
    struct files files = make_files();
    const char *images = test_path(0, "images"), *labels = test_path(1, "labels");
    const char *images_gz = test_path(2, "images.gz"), *labels_gz = test_path(3, "labels.gz");
    test_write_file(images, files.images, sizeof files.images);
    test_write_file(labels, files.labels, sizeof files.labels);
    write_gzip(images_gz, files.images, sizeof files.images);
    write_gzip(labels_gz, files.labels, sizeof files.labels);
    check_reads(images, labels);
    check_reads(images_gz, labels_gz);
    check_reads(images, labels_gz);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    struct files files = make_files();
    const char *images = test_path(0, "images"), *labels = test_path(1, "labels");
    test_write_file(labels, files.labels, sizeof files.labels);
    for (size_t size = 0; size < sizeof files.images; size += size < 20 ? 1 : 97) {
        test_write_file(images, files.images, size);
        check_refused(images, labels, ESPALIER_ERR_FORMAT, images);
    }
    test_write_file(images, files.images, sizeof files.images);
    for (size_t size = 0; size < sizeof files.labels; size++) {
        test_write_file(labels, files.labels, size);
        check_refused(images, labels, ESPALIER_ERR_FORMAT, labels);
    }
}
END_TEST

START_TEST(damaged_compressed_files_are_refused)
{
    struct files files = make_files();
    const char *images = test_path(0, "images.gz"), *labels = test_path(1, "labels");
    uint8_t packed[4096];
    test_write_file(labels, files.labels, sizeof files.labels);
    write_gzip(images, files.images, sizeof files.images);
    FILE *file = fopen(images, "rb");
    ck_assert(file != NULL);
    size_t size = fread(packed, 1, sizeof packed, file);
    fclose(file);
    ck_assert(size > 100 && size < sizeof packed);
    for (size_t cut = 1; cut < size; cut += 41) { /* an empty file is plain, not compressed */
        test_write_file(images, packed, size - cut);
        check_refused(images, labels, ESPALIER_ERR_FORMAT, images);
    }
    packed[size - 6] ^= 0x40; /* zlib's check value */
    test_write_file(images, packed, size);
    check_refused(images, labels, ESPALIER_ERR_FORMAT, images);
}
END_TEST

START_TEST(wrong_headers_are_refused)
{
    static const struct {
        uint8_t offset, value;
    } faults[] = {
        {0, 1},     /* magic */
        {2, 13},    /* floats, not bytes */
        {3, 1},     /* one dimension in place of three */
        {7, 0},     /* no images */
        {7, 36},    /* an image too many behind the last */
        {4, 255},   /* four thousand million images */
        {11, 0},    /* no height */
        {10, 17},   /* height over the limit */
        {12, 0x80}, /* width over the limit */
    };
    struct files files = make_files();
    const char *images = test_path(0, "images"), *labels = test_path(1, "labels");
    test_write_file(labels, files.labels, sizeof files.labels);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        files = make_files();
        files.images[faults[i].offset] = faults[i].value;
        test_write_file(images, files.images, sizeof files.images);
        check_refused(images, labels, ESPALIER_ERR_FORMAT, images);
    }
}
END_TEST

START_TEST(counts_that_differ_are_refused)
{
    struct files files = make_files();
    const char *images = test_path(0, "images"), *labels = test_path(1, "labels");
    test_write_file(images, files.images, sizeof files.images);
    files.labels[7] = COUNT - 1;
    test_write_file(labels, files.labels, sizeof files.labels - 1);
    check_refused(images, labels, ESPALIER_ERR_FORMAT, labels);
}
END_TEST

START_TEST(missing_files_and_directories_are_io_errors)
{
    struct files files = make_files();
    const char *images = test_path(0, "images"), *missing = test_path(1, "missing");
    test_write_file(images, files.images, sizeof files.images);
    check_refused(missing, images, ESPALIER_ERR_IO, missing);
    check_refused(images, missing, ESPALIER_ERR_IO, missing);
    check_refused(test_directory(), images, ESPALIER_ERR_IO, test_directory());
}
END_TEST

/* A header that announces the largest set allowed, in a file of a few bytes, must not cost its memory. */
START_TEST(announced_sizes_are_not_believed)
{
    static const uint8_t header[20] = {0, 0, 8, 3, 0, 0, 0, 64, 0, 0, 0x10, 0, 0, 0, 0x10, 0};
    const char *images = test_path(0, "images");
    test_write_file(images, header, sizeof header);
    check_refused(images, images, ESPALIER_ERR_FORMAT, "ends after 4 of 1073741824 bytes");
}
END_TEST

START_TEST(draw_takes_distinct_images_and_tells_where_they_came_from)
{
    struct files files = make_files();
    const char *images = test_path(0, "images"), *labels = test_path(1, "labels");
    test_write_file(images, files.images, sizeof files.images);
    test_write_file(labels, files.labels, sizeof files.labels);
    for (uint32_t count = 1; count <= COUNT; count++) {
        struct espalier_dataset set;
        struct espalier_error error = {0};
        bool seen[COUNT] = {false};
        test_ok(espalier_dataset_read(images, labels, &set, &error));
        test_ok(espalier_dataset_draw(&set, COUNT, test_seed() + 1, &error)); /* a draw of a draw still knows */
        test_ok(espalier_dataset_draw(&set, count, test_seed() + count, &error));
        ck_assert_uint_eq(set.count, count);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t origin = set.origins[i];
            ck_assert_uint_lt(origin, COUNT);
            ck_assert(!seen[origin]);
            seen[origin] = true;
            ck_assert_uint_eq(set.labels[i], origin % 10);
            for (uint32_t p = 0; p < HEIGHT * WIDTH; p++)
                ck_assert_uint_eq(set.pixels[i * HEIGHT * WIDTH + p], pixel_at(origin * HEIGHT * WIDTH + p));
        }
        espalier_dataset_free(&set);
    }
}
END_TEST

START_TEST(draw_refuses_none_and_too_many_and_keeps_the_set)
{
    struct files files = make_files();
    const char *images = test_path(0, "images"), *labels = test_path(1, "labels");
    test_write_file(images, files.images, sizeof files.images);
    test_write_file(labels, files.labels, sizeof files.labels);
    struct espalier_dataset set;
    struct espalier_error error = {0};
    test_ok(espalier_dataset_read(images, labels, &set, &error));
    ck_assert_int_eq(espalier_dataset_draw(&set, 0, 1, &error), ESPALIER_ERR_RANGE);
    ck_assert_int_eq(espalier_dataset_draw(&set, COUNT + 1, 1, &error), ESPALIER_ERR_RANGE);
    ck_assert_uint_eq(set.count, COUNT);
    ck_assert_uint_eq(set.pixels[PIXELS - 1], pixel_at(PIXELS - 1));
    espalier_dataset_free(&set);
}
END_TEST

/* Every part of a set, and a part of a drawn one: which images they are, and what origins says of them. */
START_TEST(a_part_is_those_images_and_knows_where_they_came_from)
{
    struct files files = make_files();
    const char *images = test_path(0, "images"), *labels = test_path(1, "labels");
    test_write_file(images, files.images, sizeof files.images);
    test_write_file(labels, files.labels, sizeof files.labels);
    for (uint32_t first = 0; first < COUNT; first++)
        for (uint32_t count = 1; count <= COUNT - first; count++) {
            struct espalier_dataset set;
            struct espalier_error error = {0};
            uint32_t wanted[COUNT];
            bool drawn = (first + count) % 2 == 1;
            test_ok(espalier_dataset_read(images, count % 3 == 0 ? NULL : labels, &set, &error));
            if (drawn)
                test_ok(espalier_dataset_draw(&set, COUNT, test_seed() + first, &error));
            for (uint32_t i = 0; i < count; i++)
                wanted[i] = drawn ? set.origins[first + i] : first + i;
            test_ok(espalier_dataset_part(&set, first, count, &error));
            ck_assert_uint_eq(set.count, count);
            ck_assert_mem_eq(set.origins, wanted, count * sizeof *wanted);
            ck_assert_int_eq(set.labels == NULL, count % 3 == 0);
            for (uint32_t i = 0; i < count; i++) {
                ck_assert(set.labels == NULL || set.labels[i] == wanted[i] % 10);
                for (uint32_t p = 0; p < HEIGHT * WIDTH; p++)
                    ck_assert_uint_eq(set.pixels[i * HEIGHT * WIDTH + p], pixel_at(wanted[i] * HEIGHT * WIDTH + p));
            }
            espalier_dataset_free(&set);
        }
}
END_TEST

START_TEST(a_part_that_is_not_there_is_refused_and_keeps_the_set)
{
    static const uint32_t parts[][2] = {{0, 0},         {COUNT, 0}, {0, COUNT + 1},  {COUNT, 1},
                                        {COUNT + 1, 1}, {1, COUNT}, {1, UINT32_MAX}, {UINT32_MAX, COUNT}};
    struct files files = make_files();
    const char *images = test_path(0, "images");
    test_write_file(images, files.images, sizeof files.images);
    struct espalier_dataset set;
    struct espalier_error error = {0};
    test_ok(espalier_dataset_read(images, NULL, &set, &error));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_int_eq(espalier_dataset_part(&set, parts[i][0], parts[i][1], &error), ESPALIER_ERR_RANGE);
    ck_assert_uint_eq(set.count, COUNT);
    ck_assert_uint_eq(set.pixels[PIXELS - 1], pixel_at(PIXELS - 1));
    espalier_dataset_free(&set);
}
END_TEST

START_TEST(shipped_test_digits_are_there)
{
    struct espalier_dataset set;
    struct espalier_error error = {0};
    test_ok(espalier_dataset_read(ESPALIER_DATA_DIR "/t10k-images-idx3-ubyte.gz",
                                  ESPALIER_DATA_DIR "/t10k-labels-idx1-ubyte.gz", &set, &error));
    ck_assert_uint_eq(set.count, 10000);
    ck_assert_uint_eq(set.height, 28);
    ck_assert_uint_eq(set.width, 28);
    ck_assert_uint_eq(set.labels[0], 7);
    ck_assert_uint_eq(set.labels[9999], 6);
    espalier_dataset_free(&set);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        plain_and_compressed_files_read_alike,
        every_truncation_is_refused,
        damaged_compressed_files_are_refused,
        wrong_headers_are_refused,
        counts_that_differ_are_refused,
        missing_files_and_directories_are_io_errors,
        announced_sizes_are_not_believed,
        draw_takes_distinct_images_and_tells_where_they_came_from,
        draw_refuses_none_and_too_many_and_keeps_the_set,
        a_part_is_those_images_and_knows_where_they_came_from,
        a_part_that_is_not_there_is_refused_and_keeps_the_set,
        shipped_test_digits_are_there,
    };
    return test_run("dataset", tests, sizeof tests / sizeof *tests);
}
