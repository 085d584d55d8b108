/* rtl/link under load: how fast the bulk pipes are at bus level, and whether every byte arrives once and in order while
 * the bus does everything wrong that it can. */
#include "support/support.h"
#include "support/usb.h"

#include <stdio.h>
#include <string.h>

/* What full speed allows a bulk pipe: 19 packets of 64 bytes a frame (5.8.4). */
static const double FULL_SPEED = 19 * 64 * 1000;

static void open_loaded(struct usb_test *test, uint64_t extra, double ppm, double megahertz)
{
    usb_test_open(test, 300 + extra, ppm, 0.37, megahertz);
    usb_test_enumerate(test);
    test->host.frames = true;
    test->host.frame_begin = test->bus.now;
    for (size_t n = 0; n < USB_TEST_BYTES; n++)
        test->give[n] = (uint8_t)espalier_random_below(&test->random, 256);
}

static double out_rate(struct usb_test *test, const uint8_t *bytes, size_t size, unsigned *naks)
{
    const usb_time begin = test->bus.now;
    for (size_t done = 0; done < size;) {
        enum usb_reply reply;
        if (usb_host_bulk_out(&test->host, bytes + done, 64, &reply))
            done += 64;
        else
            ++*naks;
    }
    const double seconds = (double)(test->bus.now - begin) / 1e15;
    usb_host_idle(&test->host, 600);
    ck_assert_uint_eq(test->taken_size, size);
    ck_assert_mem_eq(test->taken, bytes, size);
    return (double)size / seconds;
}

static double in_rate(struct usb_test *test, size_t size)
{
    test->give_size = size;
    usb_host_idle(&test->host, 100);
    const usb_time begin = test->bus.now;
    for (size_t done = 0; done < size;) {
        uint8_t bytes[64];
        enum usb_reply reply;
        const int got = usb_host_bulk_in(&test->host, bytes, &reply);
        if (got < 0)
            continue;
        ck_assert_mem_eq(bytes, test->give + done, (size_t)got);
        done += (size_t)got;
    }
    return (double)size / ((double)(test->bus.now - begin) / 1e15);
}

/* With a core clock as slow as 8 MHz, which takes a byte a cycle, and at both ends of the clock tolerance. */
START_TEST(bulk_pipes_reach_what_full_speed_allows)
{
    static const double megahertz[] = {8, 12, 30, 80};
    const size_t size = 64 * test_scale(1000);
    for (size_t n = 0; n < 4; n++) {
        struct usb_test test;
        unsigned naks = 0;
        open_loaded(&test, n, n % 2 ? -2500 : 2500, megahertz[n]);
        const double in = in_rate(&test, size), out = out_rate(&test, test.give, size, &naks);
        printf("usb_stress: core at %.0f MHz: bulk OUT %.3f MB/s (%.1f %% of 1.216), %u NAKs; bulk IN %.3f MB/s (%.1f "
               "%%)\n",
               megahertz[n], out / 1e6, 100 * out / FULL_SPEED, naks, in / 1e6, 100 * in / FULL_SPEED);
        ck_assert_uint_eq(naks, 0);
        ck_assert(out >= 0.95 * FULL_SPEED);
        ck_assert(in >= 0.95 * FULL_SPEED);
        usb_test_close(&test);
    }
}
END_TEST

/* ---- faults ---- */

struct score {
    const uint8_t *out; /* what the host sends */
    size_t out_done, in_done, piece;
    uint32_t naks, silences, stalls, reads, reads_failed;
};

static void step_out(struct usb_test *test, struct score *score)
{
    enum usb_reply reply;
    if (score->piece == SIZE_MAX) {
        const size_t left = USB_TEST_BYTES - score->out_done;
        score->piece = espalier_random_below(&test->random, 3) ? 64 : espalier_random_below(&test->random, 65);
        score->piece = score->piece < left ? score->piece : left;
    }
    if (usb_host_bulk_out(&test->host, score->out + score->out_done, score->piece, &reply)) {
        score->out_done += score->piece;
        score->piece = SIZE_MAX;
    }
    score->naks += reply == USB_REPLY_NAK;
    score->silences += reply == USB_REPLY_SILENCE;
    score->stalls += reply == USB_REPLY_STALL;
}

static void step_in(struct usb_test *test, struct score *score)
{
    uint8_t bytes[64];
    enum usb_reply reply;
    const int got = usb_host_bulk_in(&test->host, bytes, &reply);
    score->stalls += reply == USB_REPLY_STALL;
    if (got <= 0)
        return;
    ck_assert_uint_le(score->in_done + (size_t)got, test->given);
    ck_assert_mem_eq(bytes, test->give + score->in_done, (size_t)got);
    score->in_done += (size_t)got;
}

/* A read of the configuration descriptor: if it ends well, it is right. */
static void step_control(struct usb_test *test, struct score *score)
{
    static const uint8_t begin[9] = {9, 2, 32, 0, 1, 1, 0, 0x80, 125};
    uint8_t bytes[64];
    const int got = usb_host_control(&test->host, (struct usb_setup){0x80, 6, 0x0200, 0, 64}, bytes);
    ck_assert(got == 32 || got == USB_FAILED);
    if (got == 32)
        ck_assert_mem_eq(bytes, begin, 9);
    score->reads += got == 32;
    score->reads_failed += got != 32;
}

/* Traffic of other devices, as a hub repeats it to this one: tokens and data of the host, no answers. */
static void step_other(struct usb_test *test)
{
    uint8_t packet[80], bytes[64];
    const unsigned field = 24 + espalier_random_below(&test->random, 90);
    for (size_t n = 0; n < 64; n++)
        bytes[n] = (uint8_t)espalier_random_below(&test->random, 256);
    usb_host_send(&test->host, packet, usb_token(USB_OUT, field, packet), USB_FAULT_NONE);
    usb_host_send(&test->host, packet, usb_data(USB_DATA0, bytes, 64, packet), USB_FAULT_NONE);
    ck_assert_int_eq(usb_host_listen(&test->host), USB_REPLY_SILENCE);
}

static void check_score(const struct usb_test *test, const struct score *score)
{
    usb_test_check(test);
    ck_assert_uint_eq(score->stalls, 0);
    /* the piece under way may have arrived, and only its confirmation been lost */
    const size_t at_most = score->out_done + (score->piece == SIZE_MAX ? 0 : score->piece);
    ck_assert_msg(test->taken_size <= at_most, "%zu bytes out of %zu", test->taken_size, at_most);
    ck_assert(memcmp(test->taken, score->out, test->taken_size) == 0);
}

/* Many stretches, each with its own rates of clocks, faults, load and flow. */
START_TEST(under_faults_every_byte_arrives_once_and_in_order)
{
    static uint8_t out[USB_TEST_BYTES];
    uint64_t faults = 0, bytes = 0;
    struct score sum = {0};
    for (uint32_t stretch = 0; stretch < test_scale(30); stretch++) {
        struct usb_test test;
        struct espalier_random random;
        espalier_random_seed(&random, test_seed() * 77 + stretch);
        const double ppm = 5000 * espalier_random_uniform(&random) - 2500;
        open_loaded(&test, 1000 + stretch, ppm, 8 + 70 * espalier_random_uniform(&random));
        for (size_t n = 0; n < USB_TEST_BYTES; n++)
            out[n] = espalier_random_below(&random, 4) ? (uint8_t)espalier_random_below(&random, 256) : 0xff;
        test.give_size = USB_TEST_BYTES;
        /* half of the stretches slower than the bus, so that buffers run full, or empty */
        test.give_rate = espalier_random_uniform(&random) * (stretch % 2 ? 1 : 0.03);
        test.take_rate = espalier_random_uniform(&random) * (stretch / 2 % 2 ? 1 : 0.03);
        test.burst = 1 + espalier_random_below(&random, 2000);
        test.host.gap_least = 1; /* the least that is allowed: 2 bits from SE0 to SYNC */
        test.host.gap_most = 1 + espalier_random_below(&random, 6);
        test.host.jitter = 0.11 * espalier_random_uniform(&random);
        test.host.skew = 0.1 * espalier_random_uniform(&random);
        test.host.fault_rate = 0.3 * espalier_random_uniform(&random);
        test.host.deafness = 0.2 * espalier_random_uniform(&random);
        struct score score = {.out = out, .piece = SIZE_MAX};
        for (unsigned n = 0; n < 1000; n++) {
            const uint32_t what = espalier_random_below(&random, 40);
            if (what < 18)
                step_out(&test, &score);
            else if (what < 36)
                step_in(&test, &score);
            else if (what < 37)
                step_control(&test, &score);
            else if (what < 39)
                step_other(&test);
            else
                usb_host_idle(&test.host, espalier_random_below(&random, 300));
            check_score(&test, &score);
        }
        /* and at the end, on a good line, the rest of it */
        faults += test.host.faults;
        test.host.fault_rate = test.host.deafness = 0;
        test.take_rate = 1;
        test.give_rate = 1;
        test.give_size = test.given;
        usb_host_idle(&test.host, 2000);
        for (unsigned n = 0; score.piece != SIZE_MAX && n < 10000; n++)
            step_out(&test, &score);
        for (unsigned n = 0; n < 20 || (score.in_done < test.given && n < 10000); n++)
            step_in(&test, &score);
        usb_host_idle(&test.host, 2000);
        check_score(&test, &score);
        ck_assert_uint_eq(test.taken_size, score.out_done);
        ck_assert_uint_eq(score.in_done, test.given);
        bytes += score.out_done + score.in_done;
        sum.naks += score.naks;
        sum.silences += score.silences;
        sum.reads += score.reads;
        sum.reads_failed += score.reads_failed;
        usb_test_close(&test);
    }
    printf("usb_stress: %llu faults, %llu bytes, %u NAKs, %u silences, %u descriptor reads, %u of them given up\n",
           (unsigned long long)faults, (unsigned long long)bytes, sum.naks, sum.silences, sum.reads + sum.reads_failed,
           sum.reads_failed);
    ck_assert_uint_gt(faults, 100);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        bulk_pipes_reach_what_full_speed_allows,
        under_faults_every_byte_arrives_once_and_in_order,
    };
    return test_run("usb_stress", tests, sizeof tests / sizeof tests[0]);
}
