/* The whole device at the end of a simulated cable: the client, over D+ and D- bit by bit, through rtl/link and the
 * core of the board up5k, against the reference engine. */
#include "support/support.h"

#include <espalier/dataset.h>
#include <espalier/engine.h>
#include <inttypes.h>
#include <stdio.h>
#include <usb_transport.h>

enum { IMAGE = 28 * 28, SCORES = 10 };

struct digits {
    uint32_t count;
    uint8_t pixels[8 * IMAGE];
    int32_t logits[8 * SCORES];
};

static void draw_digits(uint32_t count, struct digits *digits)
{
    struct espalier_dataset set;
    struct espalier_error error = {0};
    test_ok(espalier_dataset_read(ESPALIER_DATA_DIR "/t10k-images-idx3-ubyte.gz",
                                  ESPALIER_DATA_DIR "/t10k-labels-idx1-ubyte.gz", &set, &error));
    test_ok(espalier_dataset_draw(&set, count, test_seed(), &error));
    digits->count = count;
    for (uint32_t n = 0; n < count * IMAGE; n++)
        digits->pixels[n] = set.pixels[n];
    espalier_dataset_free(&set);
}

static struct espalier_model *read_model(struct digits *digits)
{
    struct espalier_error error = {0};
    struct espalier_model *model;
    struct espalier_engine *engine;
    test_ok(espalier_model_load(ESPALIER_DATA_DIR "/models/lenet5-structured.esp", &model, &error));
    test_ok(espalier_engine_create(model, &engine, &error));
    for (uint32_t n = 0; n < digits->count; n++)
        espalier_engine_run(engine, digits->pixels + n * IMAGE, digits->logits + n * SCORES);
    espalier_engine_free(engine);
    return model;
}

static void check_logits(const struct digits *digits, const int32_t *given)
{
    for (uint32_t n = 0; n < digits->count * SCORES; n++)
        ck_assert_msg(given[n] == digits->logits[n], "image %u, score %u: %d, not %d", n / SCORES, n % SCORES, given[n],
                      digits->logits[n]);
}

/* @return NAKs that the host heard for every fault; 0 without faults */
static double classify_over(const struct espalier_usb_cable *cable, const char *what)
{
    struct espalier_error error = {0};
    struct espalier_transport transport;
    struct espalier_device *device;
    struct digits digits;
    int32_t given[8 * SCORES];
    draw_digits(test_scale(10) == 10 ? 8 : 1, &digits);
    struct espalier_model *model = read_model(&digits);
    test_ok(espalier_usb_cable_open(cable, &transport, &error));
    struct usb_host *host = espalier_usb_cable_host(&transport);
    test_ok(espalier_device_open(&transport, &device, &error));
    test_ok(espalier_device_load(device, model, &error));
    for (unsigned again = 0; again < 2; again++) {
        const usb_time begin = host->bus->now;
        test_ok(espalier_device_run(device, digits.pixels, digits.count, given, &error));
        check_logits(&digits, given);
        printf("usb_board: %s: %u images in %.2f ms of bus time, %" PRIu64 " faults and %" PRIu64 " NAKs so far\n",
               what, digits.count, (double)(host->bus->now - begin) / 1e12, host->faults, host->naks);
    }
    ck_assert_msg(host->violation == NULL, "%s", host->violation);
    ck_assert(host->bus->contentions == 0);
    ck_assert((cable->fault_rate == 0 && cable->stalls == 0) || host->faults > 0);
    const double storm = host->faults > 0 ? (double)host->naks / (double)host->faults : 0;
    espalier_device_close(device);
    espalier_model_free(model);
    return storm;
}

START_TEST(digits_over_the_cable_have_the_logits_of_the_reference_engine)
{
    const struct espalier_usb_cable cable = {
        .model = &usb_model_board, .seed = test_seed(), .ppm = 1700, .core_megahertz = 30};
    classify_over(&cable, "a good cable");
}
END_TEST

START_TEST(a_bad_cable_changes_no_logit)
{
    const struct espalier_usb_cable cable = {.model = &usb_model_board,
                                             .seed = test_seed() + 1,
                                             .ppm = -2500,
                                             .core_megahertz = 17,
                                             .fault_rate = 0.05,
                                             .deafness = 0.05};
    classify_over(&cable, "a bad cable");
}
END_TEST

/* The core's clock stands still in the middle of anything, 2 ms on average: some hundred NAKs each time. */
START_TEST(storms_of_naks_change_no_logit)
{
    const struct espalier_usb_cable cable = {
        .model = &usb_model_board, .seed = test_seed() + 2, .ppm = 900, .core_megahertz = 30, .stalls = 0.05};
    ck_assert_double_gt(classify_over(&cable, "storms of NAKs"), 100);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        digits_over_the_cable_have_the_logits_of_the_reference_engine,
        a_bad_cable_changes_no_logit,
        storms_of_naks_change_no_logit,
    };
    return test_run("usb_board", tests, sizeof tests / sizeof tests[0]);
}
