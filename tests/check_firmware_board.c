/* The whole board in the simulation: the client, a USB host that does as it likes, the firmware's bridge, SPI pin by
 * pin, rtl/link/spi_slave.v and the core of the board up5k, against the reference engine. */
#include "firmware/cable.h"
#include "support/support.h"

#include <espalier/dataset.h>
#include <espalier/engine.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { IMAGE = 28 * 28, SCORES = 10, DIGITS_MOST = 8 };

struct digits {
    uint32_t count;
    uint8_t pixels[DIGITS_MOST * IMAGE];
    int32_t logits[DIGITS_MOST * SCORES];
};

static struct espalier_model *draw_digits(const char *name, uint32_t count, struct digits *digits)
{
    struct espalier_dataset set;
    struct espalier_error error = {0};
    struct espalier_model *model;
    struct espalier_engine *engine;
    test_ok(espalier_dataset_read(ESPALIER_DATA_DIR "/t10k-images-idx3-ubyte.gz",
                                  ESPALIER_DATA_DIR "/t10k-labels-idx1-ubyte.gz", &set, &error));
    test_ok(espalier_dataset_draw(&set, count, test_seed(), &error));
    digits->count = count;
    memcpy(digits->pixels, set.pixels, (size_t)count * IMAGE);
    espalier_dataset_free(&set);
    test_ok(espalier_model_load(name, &model, &error));
    test_ok(espalier_engine_create(model, &engine, &error));
    for (uint32_t n = 0; n < count; n++)
        espalier_engine_run(engine, digits->pixels + n * IMAGE, digits->logits + n * SCORES);
    espalier_engine_free(engine);
    return model;
}

static void classify(struct cable *cable, const struct espalier_model *model, const struct digits *digits)
{
    struct espalier_error error = {0};
    const struct espalier_transport transport = cable_open(cable);
    struct espalier_device *device;
    int32_t given[DIGITS_MOST * SCORES];
    test_ok(espalier_device_open(&transport, &device, &error));
    test_ok(espalier_device_load(device, model, &error));
    for (unsigned again = 0; again < 2; again++) {
        const uint64_t begin = cable->bus.cycles;
        test_ok(espalier_device_run(device, digits->pixels, digits->count, given, &error));
        for (uint32_t n = 0; n < digits->count * SCORES; n++)
            ck_assert_msg(given[n] == digits->logits[n], "image %u, score %u: %d, not %d", n / SCORES, n % SCORES,
                          given[n], digits->logits[n]);
        printf("firmware_board: %u images in %" PRIu64 " cycles, %" PRIu64 " bits turned, %u resets so far\n",
               digits->count, cable->bus.cycles - begin, cable->bus.turned, cable->reset_count);
    }
    espalier_device_close(device);
}

static uint32_t images(void)
{
    return test_scale(10) == 10 ? DIGITS_MOST : 1;
}

START_TEST(digits_through_the_bridge_have_the_logits_of_the_reference_engine)
{
    static const char *const models[] = {ESPALIER_DATA_DIR "/models/lenet5-structured.esp",
                                         ESPALIER_DATA_DIR "/models/lenet5-gap.esp"};
    for (size_t n = 0; n < sizeof models / sizeof models[0]; n++) {
        static struct cable cable;
        static struct digits digits;
        struct espalier_model *model = draw_digits(models[n], images(), &digits);
        cable_plug_in(&cable, test_seed() + n);
        classify(&cable, model, &digits);
        cable_unplug(&cable);
        espalier_model_free(model);
    }
}
END_TEST

START_TEST(a_bad_cable_and_a_noisy_line_change_no_logit)
{
    static struct cable cable;
    static struct digits digits;
    struct espalier_model *model = draw_digits(ESPALIER_DATA_DIR "/models/lenet5-structured.esp", 1, &digits);
    cable_plug_in(&cable, test_seed());
    cable.resets = 0.002;
    cable.stalls = 0.01;
    cable.bus.noise = 2e-5;
    for (unsigned n = 0; n == 0 || (n < 30 && (cable.bus.turned == 0 || cable.reset_count == 0)); n++)
        classify(&cable, model, &digits); /* a few runs, until there was a reset */
    ck_assert(cable.bus.turned > 0 && cable.reset_count > 0);
    cable_unplug(&cable);
    espalier_model_free(model);
}
END_TEST

/* @return what a run over a line comes to that breaks when @p cycles have passed */
static enum espalier_status run_until_broken(struct cable *cable, const struct espalier_model *model,
                                             const struct digits *digits, enum spi_fault fault)
{
    struct espalier_error error = {0};
    const struct espalier_transport transport = cable_open(cable);
    struct espalier_device *device;
    int32_t given[DIGITS_MOST * SCORES];
    test_ok(espalier_device_open(&transport, &device, &error));
    test_ok(espalier_device_load(device, model, &error));
    cable->bus.miso = fault;
    const enum espalier_status status = espalier_device_run(device, digits->pixels, digits->count, given, &error);
    espalier_device_close(device);
    return status;
}

START_TEST(a_line_that_breaks_ends_the_run_with_an_error_and_can_be_mended)
{
    static struct cable cable;
    static struct digits digits;
    struct espalier_model *model = draw_digits(ESPALIER_DATA_DIR "/models/lenet5-structured.esp", 1, &digits);
    cable_plug_in(&cable, test_seed());
    for (enum spi_fault fault = SPI_STUCK_LOW; fault < SPI_FAULTS; fault++) {
        const unsigned configured = cable.fpga.configured;
        ck_assert_int_eq(run_until_broken(&cable, model, &digits, fault), ESPALIER_ERR_IO);
        ck_assert_int_eq(cable.supervisor.condition, CONDITION_NO_DEVICE);
        cable.bus.miso = SPI_GOOD;
        for (unsigned n = 0; cable.supervisor.condition != CONDITION_RUNNING; n++) {
            ck_assert_uint_lt(n, 2000000);
            cable_step(&cable);
        }
        ck_assert_uint_eq(cable.fpga.configured, configured + 1);
        classify(&cable, model, &digits);
    }
    cable_unplug(&cable);
    espalier_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        digits_through_the_bridge_have_the_logits_of_the_reference_engine,
        a_bad_cable_and_a_noisy_line_change_no_logit,
        a_line_that_breaks_ends_the_run_with_an_error_and_can_be_mended,
    };
    return test_run("firmware_board", tests, sizeof tests / sizeof tests[0]);
}
