/* A small campaign of faults (faults/campaign.h; make faults is the large one): every kind at least once, no result
 * that is wrong, none that comes late, nothing kept. */
#include "faults/campaign.h"
#include "support/support.h"
#include "umockdev/mock_usb.h"

START_TEST(no_fault_makes_a_result_wrong_or_late_or_leaks)
{
    static struct campaign campaign;
    campaign.seed = test_seed();
    campaign.wanted = test_scale(3000);
    campaign_run(&campaign, NULL);
    campaign_print_table(&campaign, stdout);
    ck_assert_uint_ge(campaign_faults(&campaign), campaign.wanted / 2);
    ck_assert_uint_eq(campaign_failures(&campaign), 0);
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {no_fault_makes_a_result_wrong_or_late_or_leaks};
    (void)argc;
    mock_usb_enter(argv);
    return test_run("faults", tests, sizeof tests / sizeof tests[0]);
}
