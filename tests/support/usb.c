#include "support/usb.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

static bool mood(struct usb_test *test, unsigned *left, bool now, double rate)
{
    if (*left > 0) {
        --*left;
        return now;
    }
    *left = espalier_random_below(&test->random, test->burst);
    return espalier_random_uniform(&test->random) < rate;
}

/* A byte once offered stays offered. */
static void before(void *context, struct usb_stream *stream)
{
    struct usb_test *test = context;
    const bool waits = stream->give && !stream->given;
    test->giving = mood(test, &test->give_left, test->giving, test->give_rate);
    test->taking = mood(test, &test->take_left, test->taking, test->take_rate);
    stream->give = (waits || test->giving) && test->given < test->give_size;
    stream->give_byte = stream->give ? test->give[test->given] : 0xEE;
    stream->take = test->taking && test->taken_size < USB_TEST_BYTES;
}

static void after(void *context, const struct usb_stream *stream)
{
    struct usb_test *test = context;
    if (stream->given)
        test->given++;
    if (stream->taken)
        test->taken[test->taken_size++] = stream->taken_byte;
}

void usb_test_open(struct usb_test *test, uint64_t extra, double ppm, double phase, double core_megahertz)
{
    memset(test, 0, sizeof *test);
    const uint64_t seed = test_seed() * 1000 + extra;
    test->give = malloc(USB_TEST_BYTES);
    test->taken = malloc(USB_TEST_BYTES);
    ck_assert(test->give && test->taken);
    espalier_random_seed(&test->random, seed);
    test->give_rate = test->take_rate = 1;
    test->burst = 1;
    ck_assert(usb_bus_open(&test->bus, &usb_model_link, (uint32_t)seed, ppm, phase, core_megahertz));
    test->bus.application = (struct usb_application){.context = test, .before = before, .after = after};
    usb_host_open(&test->host, &test->bus, seed + 1);
    usb_host_idle(&test->host, 20);
}

void usb_test_close(struct usb_test *test)
{
    usb_test_check(test);
    usb_bus_close(&test->bus);
    free(test->give);
    free(test->taken);
}

void usb_test_check(const struct usb_test *test)
{
    ck_assert_msg(test->host.violation == NULL, "%s", test->host.violation);
    ck_assert_msg(test->bus.contentions == 0, "both ends drove the line");
}

void usb_expect_read(struct usb_test *test, struct usb_setup setup, const uint8_t *bytes, int size)
{
    uint8_t data[65536];
    const int got = usb_host_control(&test->host, setup, data);
    ck_assert_msg(got == size, "request %02x %02x %04x %04x %u: %d, not %d", setup.type, setup.request, setup.value,
                  setup.index, setup.length, got, size);
    if (bytes && size > 0)
        ck_assert_mem_eq(data, bytes, (size_t)size);
}

void usb_expect_done(struct usb_test *test, struct usb_setup setup)
{
    usb_expect_read(test, setup, NULL, 0);
}

void usb_expect_stall(struct usb_test *test, struct usb_setup setup)
{
    usb_expect_read(test, setup, NULL, USB_STALLED);
}

void usb_test_enumerate(struct usb_test *test)
{
    ck_assert_msg(usb_host_enumerate(&test->host, 23), "enumeration failed");
}
