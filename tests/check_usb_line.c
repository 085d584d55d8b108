/* rtl/link and the line itself: clocks that differ, jitter, skew, ends of packets of all lengths, resets and suspend.
 */
#include "support/support.h"
#include "support/usb.h"

#include <stdio.h>
#include <string.h>

/* Some traffic both ways, all of which must go well at the first attempt. */
static void exchange(struct usb_test *test, const char *where)
{
    uint8_t out[64], in[64];
    enum usb_reply reply;
    ck_assert_msg(usb_host_enumerate(&test->host, 23), "%s: enumeration failed", where);
    const size_t before = test->taken_size;
    size_t sent = 0;
    for (unsigned n = 0; n < 3; n++) {
        for (size_t i = 0; i < 64; i++) /* many ones: long stretches without an edge */
            out[i] =
                espalier_random_below(&test->random, 2) ? 0xff : (uint8_t)espalier_random_below(&test->random, 256);
        ck_assert_msg(usb_host_bulk_out(&test->host, out, 64, &reply), "%s: OUT answered %d", where, (int)reply);
        sent += 64;
        usb_host_idle(&test->host, 400);
        ck_assert_uint_eq(test->taken_size, before + sent);
        ck_assert_mem_eq(test->taken + before + sent - 64, out, 64);
        const size_t at = test->given;
        memcpy(test->give + at, out, 64);
        test->give_size = at + 64;
        usb_host_idle(&test->host, 400);
        ck_assert_msg(usb_host_bulk_in(&test->host, in, &reply) == 64, "%s: IN answered %d", where, (int)reply);
        ck_assert_mem_eq(in, out, 64);
    }
    usb_test_check(test);
}

/* The two ends may be 2,500 ppm apart each way (7.1.11); all phases. Jitter: 18.5 ns between successive edges (7.1.15)
 * is 0.11 bits either way for each; skew of the two lines up to 0.2 bits. */
START_TEST(every_phase_and_rate_within_the_tolerance)
{
    static const double rates[] = {-2500, -1250, 0, 400, 2500};
    const unsigned phases = test_scale(16);
    double least = 99, most = 0;
    for (size_t r = 0; r < 5; r++)
        for (unsigned p = 0; p < phases; p++)
            for (unsigned noise = 0; noise < 3; noise++) {
                struct usb_test test;
                char where[80];
                snprintf(where, sizeof where, "%.0f ppm, phase %.2f, noise %u", rates[r], (double)p / phases, noise);
                usb_test_open(&test, r * 100 + p * 3 + noise, rates[r], (double)p / phases, 11 + 7 * noise);
                test.host.jitter = noise == 1 ? 0.11 : 0;
                test.host.skew = noise == 2 ? 0.2 : 0;
                test.host.gap_most = 9;
                exchange(&test, where);
                least = test.host.turn_least < least ? test.host.turn_least : least;
                most = test.host.turn_most > most ? test.host.turn_most : most;
                usb_test_close(&test);
            }
    printf("usb_line: answers began %.2f to %.2f bit times after the host's packet\n", least, most);
}
END_TEST

/* How far beyond the tolerance it goes, for the README: not a requirement, except that it ends somewhere. */
START_TEST(far_beyond_the_tolerance_it_fails)
{
    struct usb_test test;
    usb_test_open(&test, 1, 120000, 0.1, 30);
    ck_assert(!usb_host_enumerate(&test.host, 23));
    test.host.violation = NULL; /* there may be any */
    usb_test_close(&test);
}
END_TEST

/* ---- ends of packets ---- */

/* Sends a packet with an SE0 of this many bits, and this many repetitions of its last bit before it. */
static enum usb_reply send_with_end(struct usb_test *test, const uint8_t *packet, size_t size, double se0,
                                    double dribble)
{
    struct usb_host *host = &test->host;
    struct usb_symbols *symbols = &host->symbols;
    const usb_time begin = host->sent_end + 4 * USB_BIT;
    const size_t bits = usb_encode(packet, size, SIZE_MAX, symbols);
    usb_bus_run(&test->bus, begin);
    usb_bus_forget(&test->bus);
    for (size_t n = 0; n < bits; n++) {
        usb_bus_run(&test->bus, begin + (usb_time)n * USB_BIT);
        usb_bus_drive(&test->bus, (enum usb_wires)symbols->wires[n]);
    }
    const usb_time end = begin + (usb_time)(((double)bits + dribble) * (double)USB_BIT);
    usb_bus_run(&test->bus, end);
    usb_bus_drive(&test->bus, USB_SE0);
    host->sent_end = end + (usb_time)(se0 * (double)USB_BIT);
    usb_bus_run(&test->bus, host->sent_end);
    usb_bus_drive(&test->bus, USB_J);
    usb_bus_run(&test->bus, host->sent_end + USB_BIT);
    usb_bus_drive(&test->bus, USB_RELEASED);
    return usb_host_listen(host);
}

/* 82 ns of SE0 must do (7.1.13.2.1): 0.984 bits. A last bit stretched by a hub looks like one more. */
START_TEST(short_and_long_ends_and_a_dribbling_bit)
{
    static const double ends[] = {0.99, 1.2, 1.5, 1.9, 2, 2.1, 2.5, 4, 10};
    static const double dribbles[] = {0, 0.3, 0.6, 0.9};
    for (unsigned phase = 0; phase < 8; phase++)
        for (size_t e = 0; e < sizeof ends / sizeof ends[0]; e++)
            for (size_t d = 0; d < 4; d++) {
                struct usb_test test;
                uint8_t packet[80], token[3];
                usb_test_open(&test, 2, 1000, phase / 8.0, 30);
                usb_test_enumerate(&test);
                size_t size = usb_token(USB_IN, 23 | 1 << 7, token);
                ck_assert_int_eq(send_with_end(&test, token, size, ends[e], dribbles[d]), USB_REPLY_NAK);
                size = usb_token(USB_OUT, 23 | 1 << 7, token);
                usb_host_send(&test.host, token, size, USB_FAULT_NONE);
                size = usb_data(USB_DATA0, (const uint8_t *)"Espalier", 8, packet);
                enum usb_reply reply = send_with_end(&test, packet, size, ends[e], dribbles[d]);
                ck_assert_msg(reply == USB_REPLY_ACK, "SE0 of %.2f bits, dribble of %.1f, phase %u: %d", ends[e],
                              dribbles[d], phase, (int)reply);
                usb_host_idle(&test.host, 100);
                ck_assert_uint_eq(test.taken_size, 8);
                usb_test_close(&test);
            }
}
END_TEST

START_TEST(too_short_an_end_is_none)
{
    for (unsigned phase = 0; phase < 8; phase++) {
        struct usb_test test;
        uint8_t packet[80], token[3];
        usb_test_open(&test, 3, 0, phase / 8.0, 30);
        usb_test_enumerate(&test);
        usb_host_send(&test.host, token, usb_token(USB_OUT, 23 | 1 << 7, token), USB_FAULT_NONE);
        const size_t size = usb_data(USB_DATA0, (const uint8_t *)"Espalier", 8, packet);
        ck_assert_int_eq(send_with_end(&test, packet, size, 0.4, 0), USB_REPLY_SILENCE);
        usb_host_idle(&test.host, 100);
        ck_assert_uint_eq(test.taken_size, 0);
        ck_assert_int_eq(usb_host_out(&test.host, USB_OUT, 1, USB_DATA0, (const uint8_t *)"x", 1), USB_REPLY_ACK);
        usb_test_close(&test);
    }
}
END_TEST

/* ---- reset and suspend ---- */

static bool is_at_address_0(struct usb_test *test)
{
    uint8_t data[18];
    test->host.address = 0;
    return usb_host_control(&test->host, (struct usb_setup){0x80, 6, 0x0100, 0, 18}, data) == 18;
}

/* 7.1.7.5: a reset is seen after 2.5 us to 10 ms of SE0; 7.1.7.4 and below: shorter SE0 is none. */
START_TEST(a_reset_is_2_7_microseconds_of_se0)
{
    static const double lengths[] = {0.17, 0.5, 1, 2, 2.4, 2.9, 3.5, 10, 1000, 20000};
    for (size_t n = 0; n < sizeof lengths / sizeof lengths[0]; n++) {
        struct usb_test test;
        usb_test_open(&test, 4, 2500, 0.2, 30);
        usb_test_enumerate(&test);
        usb_bus_drive(&test.bus, USB_SE0);
        usb_bus_run(&test.bus, test.bus.now + (usb_time)(lengths[n] * (double)USB_MICROSECOND));
        usb_bus_drive(&test.bus, USB_RELEASED);
        usb_host_idle(&test.host, 30);
        const bool reset = lengths[n] > 2.5;
        ck_assert_msg(is_at_address_0(&test) == reset, "%.1f us of SE0", lengths[n]);
        ck_assert_int_eq(test.bus.pins.configured, !reset);
        usb_test_close(&test);
    }
}
END_TEST

/* 7.1.7.6: suspended after 3 ms without traffic, and not before; any activity resumes. */
START_TEST(three_milliseconds_of_silence_suspend)
{
    struct usb_test test;
    uint8_t data[18];
    usb_test_open(&test, 5, 0, 0.7, 30);
    usb_test_enumerate(&test);
    for (unsigned n = 0; n < 2; n++) {
        usb_bus_run(&test.bus, test.bus.now + 2990 * USB_MICROSECOND);
        ck_assert(!test.bus.pins.suspended);
        usb_bus_run(&test.bus, test.bus.now + 150 * USB_MICROSECOND);
        ck_assert(test.bus.pins.suspended);
        usb_bus_run(&test.bus, test.bus.now + 9000 * USB_MICROSECOND);
        ck_assert(test.bus.pins.suspended);
        if (n == 0) { /* resume: 20 ms of K and an end of packet of low speed */
            usb_bus_drive(&test.bus, USB_K);
            usb_bus_run(&test.bus, test.bus.now + 20000 * USB_MICROSECOND);
            ck_assert(!test.bus.pins.suspended);
            usb_bus_drive(&test.bus, USB_SE0);
            usb_host_idle(&test.host, 16);
            usb_bus_drive(&test.bus, USB_RELEASED);
            usb_host_idle(&test.host, 50);
            ck_assert(!test.bus.pins.suspended && test.bus.pins.configured);
            ck_assert_int_eq(usb_host_control(&test.host, (struct usb_setup){0x80, 6, 0x0100, 0, 18}, data), 18);
        }
    }
    usb_host_reset(&test.host, 10000); /* a reset ends it as well, and is none itself */
    ck_assert(!test.bus.pins.suspended && !test.bus.pins.configured);
    ck_assert(is_at_address_0(&test));
    /* Starts of frame keep it awake */
    test.host.frames = true;
    for (unsigned n = 0; n < 20; n++) {
        usb_bus_run(&test.bus, test.bus.now + 900 * USB_MICROSECOND);
        usb_host_in(&test.host, 5, false);
        ck_assert(!test.bus.pins.suspended);
    }
    usb_test_close(&test);
}
END_TEST

/* Power-up: nothing is driven, and nothing is said before the first reset of the bus that could disturb another device.
 */
START_TEST(power_up_is_quiet)
{
    for (uint64_t seed = 0; seed < test_scale(50); seed++) {
        struct usb_test test;
        usb_test_open(&test, 1000 + seed, 0, 0.5, 30);
        ck_assert_uint_eq(test.bus.edge_count, 0);
        ck_assert(!test.bus.pins.oe && test.bus.pins.pull_up && !test.bus.pins.configured);
        ck_assert_int_eq(usb_host_in(&test.host, 1, true), USB_REPLY_SILENCE);
        ck_assert_int_eq(usb_host_in(&test.host, 0, true), USB_REPLY_STALL);
        ck_assert(usb_host_enumerate(&test.host, 7));
        usb_test_close(&test);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_phase_and_rate_within_the_tolerance,
        far_beyond_the_tolerance_it_fails,
        short_and_long_ends_and_a_dribbling_bit,
        too_short_an_end_is_none,
        a_reset_is_2_7_microseconds_of_se0,
        three_milliseconds_of_silence_suspend,
        power_up_is_quiet,
    };
    return test_run("usb_line", tests, sizeof tests / sizeof tests[0]);
}
