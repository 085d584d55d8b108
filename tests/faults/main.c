/* make faults: the whole campaign. Prints a table; the exit code is 1 if a session ended as none may. */
#include "faults/campaign.h"
#include "support/support.h"
#include "umockdev/mock_usb.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: faults [COUNT [SEED [FILE.json]]]\n"
                            "COUNT faults (100000) of all kinds, on all levels; SEED (that of the tests) draws them\n";

static bool read_number(const char *text, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0';
}

static bool write_json(const struct campaign *campaign, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return false;
    campaign_print_json(campaign, file);
    return fclose(file) == 0;
}

static struct campaign campaign = {.wanted = 100000};
static const char *json_path;

/* What drives devices fails a test when it cannot go on, so there must be one. */
START_TEST(whole_campaign)
{
    campaign_run(&campaign, stderr);
    campaign_print_table(&campaign, stdout);
    printf("\n%" PRIu64 " faults with seed %" PRIu64 ", %" PRIu64 " failures\n", campaign_faults(&campaign),
           campaign.seed, campaign_failures(&campaign));
    if (json_path && !write_json(&campaign, json_path))
        ck_abort_msg("%s cannot be written", json_path);
    ck_assert_uint_eq(campaign_failures(&campaign), 0);
}
END_TEST

int main(int argc, char **argv)
{
    campaign.seed = test_seed();
    if ((argc > 1 && !read_number(argv[1], &campaign.wanted)) || (argc > 2 && !read_number(argv[2], &campaign.seed)) ||
        argc > 4) {
        fputs(usage, stderr);
        return 2;
    }
    json_path = argc > 3 ? argv[3] : NULL;
    mock_usb_enter(argv);
    Suite *suite = suite_create("faults");
    TCase *test_case = tcase_create("whole campaign");
    tcase_set_timeout(test_case, 0); /* none */
    tcase_add_test(test_case, whole_campaign);
    suite_add_tcase(suite, test_case);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
