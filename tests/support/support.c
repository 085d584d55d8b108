#include "support/support.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t test_seed(void)
{
    const char *text = getenv("ESPALIER_TEST_SEED");
    return text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL) / 86400;
}

uint32_t test_scale(uint32_t full)
{
    const char *scale = getenv("ESPALIER_TEST_SCALE");
    if (scale && strcmp(scale, "small") == 0)
        return full >= 10 ? full / 10 : 1;
    return full;
}

/* The directory's name is made by the parent before Check forks, so that all tests share it and the parent removes it.
 */
static char scratch[] = "/tmp/espalier-test-XXXXXX";
static bool scratch_made;

const char *test_directory(void)
{
    if (!scratch_made) {
        scratch_made = mkdtemp(scratch) != NULL;
        if (!scratch_made) {
            perror(scratch);
            exit(EXIT_FAILURE);
        }
    }
    return scratch;
}

const char *test_path(unsigned slot, const char *name)
{
    static char paths[4][512];
    ck_assert_uint_lt(slot, 4);
    snprintf(paths[slot], sizeof paths[slot], "%s/%s", test_directory(), name);
    return paths[slot];
}

static void remove_scratch(void)
{
    DIR *directory = scratch_made ? opendir(scratch) : NULL;
    if (!directory)
        return;
    char path[512];
    for (const struct dirent *entry; (entry = readdir(directory));) {
        snprintf(path, sizeof path, "%s/%s", scratch, entry->d_name);
        unlink(path);
    }
    closedir(directory);
    rmdir(scratch);
    scratch_made = false;
}

void test_write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file != NULL, "%s: cannot be opened", path);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

uint8_t *test_read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s: cannot be opened", path);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size + 1);
    ck_assert(bytes != NULL);
    ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

void test_link_digits(void)
{
    const char *const files[2][2] = {{"t10k-images-idx3-ubyte.gz", "train-images-idx3-ubyte.gz"},
                                     {"t10k-labels-idx1-ubyte.gz", "train-labels-idx1-ubyte.gz"}};
    for (size_t i = 0; i < 2; i++) {
        char target[4096];
        snprintf(target, sizeof target, "%s/%s", ESPALIER_DATA_DIR, files[i][0]);
        ck_assert(symlink(target, test_path(0, files[i][1])) == 0 || errno == EEXIST); /* by another test */
    }
}

const char *test_tool(void)
{
    static char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 32);
    ck_assert(length > 0);
    path[length] = '\0';
    dirname(dirname(path));
    strcat(path, "/espalier");
    return path;
}

int test_run(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    for (size_t i = 0; i < count; i++) {
        TCase *test_case = tcase_create(tests[i]->name);
        tcase_set_timeout(test_case, 300 * (test_scale(10) == 10 ? 1 : 4)); /* slow builds get more */
        tcase_add_test(test_case, tests[i]);
        suite_add_tcase(suite, test_case);
    }
    SRunner *runner = srunner_create(suite);
    printf("%s: random cases use ESPALIER_TEST_SEED=%" PRIu64 "\n", name, test_seed());
    fflush(stdout);
    test_directory();
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    remove_scratch();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
