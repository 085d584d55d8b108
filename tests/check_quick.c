/* The complete pipeline in little, as "make quick" runs it: training, compression in the three formats, packing, the
 * reference engine and the RTL, by the script that makes the shipped models. Demands are far below what comes of it, so
 * that no seed fails; each part that breaks does. */
#include "support/support.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const models[] = {"lenet5-dense8", "lenet5-structured", "lenet5-gap"};

/* Runs the script on the shipped digits, the tool being that of this build; what it says comes to @p text. */
static int run_script(char *text, size_t size)
{
    char command[3 * 4096], tool[4096];
    snprintf(tool, sizeof tool, "%s", test_tool());
    /* BUILD is where the tool is, and where the script works: the scratch directory has a link to the one */
    ck_assert(symlink(tool, test_path(1, "espalier")) == 0);
    snprintf(command, sizeof command, "BUILD='%s' DATA='%s' '%s/scripts/models' --quick 2>&1", test_directory(),
             test_directory(), ESPALIER_SOURCE_DIR);
    FILE *pipe = popen(command, "r");
    ck_assert(pipe != NULL);
    size_t length = fread(text, 1, size - 1, pipe);
    text[length] = '\0';
    int status = pclose(pipe);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The row of a model in the table: float accuracy, weights, data-only and all-in ratio, accuracy, bits. */
static void read_row(const char *text, const char *model, double figures[6])
{
    char line[64];
    snprintf(line, sizeof line, "\n%-18s    1 ", model);
    const char *row = strstr(text, line);
    ck_assert_msg(row != NULL, "no row of %s: %s", model, text);
    int read = sscanf(row + strlen(line), "%lf %lf %lf %lf %lf %lf", &figures[0], &figures[1], &figures[2], &figures[3],
                      &figures[4], &figures[5]);
    ck_assert_msg(read == 6, "%s", row);
}

/* Rows of a log but the first, and their last number. */
static uint32_t count_rows(const char *path, unsigned long long *last)
{
    size_t size;
    char *text = (char *)test_read_file(path, &size);
    uint32_t rows = 0;
    text[size] = '\0';
    for (char *at = strchr(text, '\n'); at != NULL && at[1] != '\0'; at = strchr(at + 1, '\n'), rows++) {
        char *end = strchr(at + 1, '\n'), *comma = end;
        ck_assert(end != NULL);
        while (*comma != ',')
            comma--;
        *last = strtoull(comma + 1, NULL, 10);
    }
    free(text);
    return rows;
}

START_TEST(the_pipeline_makes_models_that_know_digits_and_run_in_the_rtl)
{
    static char text[1 << 16];
    static const char *const equal = "logits equal the reference engine's";
    size_t compared = 0;
    test_link_digits();
    int code = run_script(text, sizeof text);
    ck_assert_msg(code == 0, "exit code %d: %s", code, text);
    for (const char *at = text; (at = strstr(at, equal)) != NULL; at++)
        compared++;
    ck_assert_msg(compared == 3, "%s", text);
    for (size_t m = 0; m < 3; m++) {
        double figures[6];
        char log[512];
        unsigned long long bits = 0;
        read_row(text, models[m], figures);
        ck_assert_msg(figures[0] >= 60.0 && figures[4] >= 60.0, "%s: %s", models[m], text);
        ck_assert_msg(m == 0 ? figures[1] == 430500 : figures[1] <= 430500 / 20, "%s: %s", models[m], text);
        ck_assert_msg(figures[3] > (m == 0 ? 3.9 : 60.0) && figures[3] <= figures[2], "%s: %s", models[m], text);
        snprintf(log, sizeof log, "%s/quick/%s-1-1.csv", test_directory(), models[m]);
        ck_assert_uint_eq(count_rows(log, &bits), m == 0 ? 2 : 24);
        ck_assert_uint_eq(bits, (unsigned long long)figures[5]); /* the last epoch knew */
    }
    /* The scratch directory takes files only */
    char remove[512];
    snprintf(remove, sizeof remove, "rm -rf '%s/quick'", test_directory());
    ck_assert_int_eq(system(remove), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {the_pipeline_makes_models_that_know_digits_and_run_in_the_rtl};

    return test_run("quick", tests, sizeof tests / sizeof *tests);
}
