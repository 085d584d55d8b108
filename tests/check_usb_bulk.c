/* Endpoint 1 of rtl/link by the bus: every byte once and in order, both ways, whatever is repeated, refused or lost. */
#include "support/support.h"
#include "support/usb.h"

#include <string.h>

enum { PACKET = 64, BUFFER = 256 /* usb_link's by default */ };

static const struct usb_setup halt_out = {2, 3, 0, 0x01, 0}, halt_in = {2, 3, 0, 0x81, 0};
static const struct usb_setup clear_out = {2, 1, 0, 0x01, 0}, clear_in = {2, 1, 0, 0x81, 0};
static const struct usb_setup configure = {0, 9, 1, 0, 0}, set_interface = {1, 11, 0, 0, 0};

static void open_configured(struct usb_test *test, double core_megahertz)
{
    usb_test_open(test, 200, 0, 0.3, core_megahertz);
    usb_test_enumerate(test);
    for (size_t n = 0; n < USB_TEST_BYTES; n++)
        test->give[n] = (uint8_t)espalier_random_below(&test->random, 256);
}

static void settle(struct usb_test *test)
{
    usb_host_idle(&test->host, 400);
}

static enum usb_reply out(struct usb_test *test, bool toggle, const uint8_t *bytes, size_t size)
{
    return usb_host_out(&test->host, USB_OUT, 1, toggle ? USB_DATA1 : USB_DATA0, bytes, size);
}

static void check_taken(struct usb_test *test, const uint8_t *bytes, size_t size)
{
    ck_assert_uint_eq(test->taken_size, size);
    ck_assert_mem_eq(test->taken, bytes, size);
}

START_TEST(out_packets_of_every_size_arrive)
{
    static uint8_t bytes[65 * 66 / 2];
    struct usb_test test;
    open_configured(&test, 30);
    size_t done = 0;
    for (size_t n = 0; n < sizeof bytes; n++)
        bytes[n] = (uint8_t)(n * 37 + n / 256);
    for (size_t size = 0; size <= PACKET; done += size++) {
        enum usb_reply reply;
        ck_assert(usb_host_bulk_out(&test.host, bytes + done, size, &reply));
    }
    settle(&test);
    check_taken(&test, bytes, done);
    usb_test_close(&test);
}
END_TEST

START_TEST(a_repeated_out_packet_is_confirmed_and_not_stored)
{
    uint8_t bytes[256];
    struct usb_test test;
    open_configured(&test, 30);
    for (size_t n = 0; n < sizeof bytes; n++)
        bytes[n] = (uint8_t)(n * 11);
    for (unsigned n = 0; n < 4; n++)
        for (unsigned again = 0; again <= n; again++)
            ck_assert_int_eq(out(&test, n % 2, bytes + 64 * n, 64), USB_REPLY_ACK);
    settle(&test);
    check_taken(&test, bytes, 256);
    usb_test_close(&test);
}
END_TEST

START_TEST(a_full_buffer_says_nak_and_loses_nothing)
{
    static uint8_t bytes[40 * PACKET];
    struct usb_test test;
    open_configured(&test, 12);
    for (size_t n = 0; n < sizeof bytes; n++)
        bytes[n] = (uint8_t)espalier_random_below(&test.random, 256);
    test.take_rate = 0;
    size_t done = 0;
    unsigned naks = 0;
    while (done < sizeof bytes) {
        enum usb_reply reply;
        const bool confirmed = usb_host_bulk_out(&test.host, bytes + done, PACKET, &reply);
        done += confirmed ? PACKET : 0;
        if (reply == USB_REPLY_NAK && ++naks == 5) { /* all the room there is has been used */
            ck_assert_uint_ge(done, BUFFER - PACKET);
            ck_assert_uint_le(test.taken_size, 1);
            test.take_rate = 0.02;
        }
        ck_assert(reply == USB_REPLY_ACK || reply == USB_REPLY_NAK);
    }
    ck_assert_uint_gt(naks, 10);
    test.take_rate = 1;
    settle(&test);
    check_taken(&test, bytes, done);
    usb_test_close(&test);
}
END_TEST

START_TEST(a_repetition_is_confirmed_even_while_the_buffer_is_full)
{
    uint8_t bytes[PACKET] = {1, 2, 3};
    struct usb_test test;
    open_configured(&test, 30);
    test.take_rate = 0;
    usb_host_idle(&test.host, 10);
    bool toggle = false;
    for (; out(&test, toggle, bytes, PACKET) == USB_REPLY_ACK; toggle = !toggle)
        ck_assert_int_eq(out(&test, toggle, bytes, PACKET), USB_REPLY_ACK);
    ck_assert_int_eq(out(&test, !toggle, bytes, PACKET), USB_REPLY_ACK);
    ck_assert_int_eq(out(&test, toggle, bytes, PACKET), USB_REPLY_NAK);
    usb_test_close(&test);
}
END_TEST

START_TEST(damaged_and_overlong_out_packets_leave_nothing)
{
    uint8_t bytes[300], packet[400], token[3];
    struct usb_test test;
    open_configured(&test, 30);
    memset(bytes, 0x5a, sizeof bytes);
    bool toggle = false;
    size_t stored = 0;
    for (uint32_t n = 0; n < test_scale(1000); n++) {
        const unsigned how = n % 5;
        const size_t size = how == 3 ? 65 + n % 200 : n % 65;
        usb_host_send(&test.host, token, usb_token(USB_OUT, 23 | 1 << 7, token), USB_FAULT_NONE);
        usb_host_send(&test.host, packet, usb_data(toggle ? USB_DATA1 : USB_DATA0, bytes, size, packet),
                      how == 0   ? USB_FAULT_FLIP
                      : how == 1 ? USB_FAULT_CUT
                      : how == 2 ? USB_FAULT_LOST
                      : how == 4 ? USB_FAULT_NO_END
                                 : USB_FAULT_NONE);
        ck_assert_int_eq(usb_host_listen(&test.host), USB_REPLY_SILENCE);
        if (n % 7 == 0) {
            usb_host_idle(&test.host, 20);
            ck_assert_int_eq(out(&test, toggle, bytes, size % 65), USB_REPLY_ACK);
            stored += size % 65;
            toggle = !toggle;
        }
    }
    settle(&test);
    ck_assert_uint_eq(test.taken_size, stored);
    usb_test_close(&test);
}
END_TEST

/* ---- IN ---- */

/* Whole packets too: an empty one follows them, once. */
START_TEST(in_packets_come_full_and_end_with_a_short_one)
{
    static const size_t sizes[] = {1, 2, 63, 64, 65, 127, 128, 129, 192, 256, 64, 500, 640, 3, 1024};
    struct usb_test test;
    open_configured(&test, 30);
    uint8_t bytes[PACKET];
    enum usb_reply reply;
    size_t done = 0;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        test.give_size += sizes[s];
        usb_host_idle(&test.host, 600);
        size_t got = 0;
        for (int n = PACKET; n == PACKET;) {
            n = usb_host_bulk_in(&test.host, bytes, &reply);
            ck_assert_msg(n >= 0, "%zu of %zu bytes: %d", got, sizes[s], (int)reply);
            ck_assert_mem_eq(bytes, test.give + done + got, (size_t)n);
            got += (size_t)n;
        }
        ck_assert_uint_eq(got, sizes[s]);
        done += got;
        for (unsigned n = 0; n < 3; n++)
            ck_assert_int_eq(usb_host_in(&test.host, 1, true), USB_REPLY_NAK);
    }
    usb_test_close(&test);
}
END_TEST

START_TEST(an_in_packet_stays_the_same_until_it_is_confirmed)
{
    struct usb_test test;
    open_configured(&test, 30);
    uint8_t bytes[PACKET];
    enum usb_reply reply;
    size_t done = 0;
    for (uint32_t n = 0; n < test_scale(200); n++) {
        const size_t first = 1 + espalier_random_below(&test.random, 40);
        test.give_size += first;
        usb_host_idle(&test.host, 100);
        ck_assert_int_eq(usb_host_in(&test.host, 1, false), n % 2 ? USB_REPLY_DATA1 : USB_REPLY_DATA0);
        ck_assert_uint_eq(test.host.heard.size - 3, first);
        test.give_size += 20; /* more has come meanwhile */
        usb_host_idle(&test.host, 100);
        for (unsigned again = 0; again < n % 3; again++)
            ck_assert_int_eq(usb_host_in(&test.host, 1, false), n % 2 ? USB_REPLY_DATA1 : USB_REPLY_DATA0);
        ck_assert_int_eq(usb_host_bulk_in(&test.host, bytes, &reply), (int)first);
        ck_assert_mem_eq(bytes, test.give + done, first);
        done += first;
        ck_assert_int_eq(usb_host_in(&test.host, 1, false), n % 2 ? USB_REPLY_DATA0 : USB_REPLY_DATA1);
        ck_assert_uint_eq(test.host.heard.size - 3, 20);
        ck_assert_int_eq(usb_host_bulk_in(&test.host, bytes, &reply), 20);
        ck_assert_mem_eq(bytes, test.give + done, 20);
        done += 20;
        test.give_size += 1; /* keeps the toggles turning */
        usb_host_idle(&test.host, 100);
        ck_assert_int_eq(usb_host_bulk_in(&test.host, bytes, &reply), 1);
        done++;
    }
    usb_test_close(&test);
}
END_TEST

START_TEST(an_ack_for_another_or_a_late_one_confirms_nothing)
{
    struct usb_test test;
    open_configured(&test, 30);
    const uint8_t ack = USB_ACK;
    uint8_t token[3], bytes[PACKET];
    enum usb_reply reply;
    test.give_size = 10;
    usb_host_idle(&test.host, 100);
    for (unsigned how = 0; how < 4; how++) {
        ck_assert_int_eq(usb_host_in(&test.host, 1, false), USB_REPLY_DATA0);
        if (how == 0) /* a token to another device, whose answer we do not see */
            usb_host_send(&test.host, token, usb_token(USB_IN, 99 | 1 << 7, token), USB_FAULT_NONE);
        if (how == 1) /* a start of frame */
            usb_host_send(&test.host, token, usb_token(USB_SOF, 5, token), USB_FAULT_NONE);
        if (how == 2) /* NAK is not ACK */
            usb_host_send(&test.host, (const uint8_t[]){USB_NAK}, 1, USB_FAULT_NONE);
        if (how == 3)
            usb_host_idle(&test.host, 30);
        usb_host_send(&test.host, &ack, 1, USB_FAULT_NONE);
    }
    ck_assert_int_eq(usb_host_bulk_in(&test.host, bytes, &reply), 10);
    ck_assert_int_eq(usb_host_in(&test.host, 1, true), USB_REPLY_NAK);
    usb_test_close(&test);
}
END_TEST

START_TEST(a_token_after_a_lost_data_packet_is_served)
{
    struct usb_test test;
    open_configured(&test, 30);
    uint8_t token[3], bytes[PACKET] = {7};
    test.give_size = 5;
    usb_host_idle(&test.host, 100);
    usb_host_send(&test.host, token, usb_token(USB_OUT, 23 | 1 << 7, token), USB_FAULT_NONE);
    ck_assert_int_eq(usb_host_in(&test.host, 1, true), USB_REPLY_DATA0);
    usb_host_send(&test.host, token, usb_token(USB_OUT, 23 | 1 << 7, token), USB_FAULT_NONE);
    ck_assert_int_eq(out(&test, false, bytes, 1), USB_REPLY_ACK);
    /* data to another device are not ours, even right behind a token of ours */
    usb_host_send(&test.host, token, usb_token(USB_OUT, 23 | 1 << 7, token), USB_FAULT_NONE);
    usb_host_send(&test.host, token, usb_token(USB_OUT, 24 | 1 << 7, token), USB_FAULT_NONE);
    uint8_t packet[80];
    usb_host_send(&test.host, packet, usb_data(USB_DATA1, bytes, 9, packet), USB_FAULT_NONE);
    ck_assert_int_eq(usb_host_listen(&test.host), USB_REPLY_SILENCE);
    settle(&test);
    check_taken(&test, bytes, 1);
    usb_test_close(&test);
}
END_TEST

/* ---- halts and toggles ---- */

static void check_halts(struct usb_test *test, bool out_halted, bool in_halted)
{
    const uint8_t halted[2] = {1, 0}, not_halted[2] = {0, 0};
    usb_expect_read(test, (struct usb_setup){0x82, 0, 0, 0x01, 2}, out_halted ? halted : not_halted, 2);
    usb_expect_read(test, (struct usb_setup){0x82, 0, 0, 0x81, 2}, in_halted ? halted : not_halted, 2);
    if (out_halted)
        ck_assert_int_eq(out(test, false, NULL, 0), USB_REPLY_STALL);
    if (in_halted)
        ck_assert_int_eq(usb_host_in(&test->host, 1, true), USB_REPLY_STALL);
}

/* Each way of ending a halt, and which toggles it sets back. */
START_TEST(a_halt_stalls_and_its_end_sets_the_toggle_back)
{
    static const struct {
        const struct usb_setup *request;
        bool out, in;
    } ends[] = {
        {&clear_out, true, false}, {&clear_in, false, true}, {&configure, true, true}, {&set_interface, true, true}};
    const uint8_t bytes[3] = {1, 2, 3};
    for (unsigned odd = 0; odd < 2; odd++)
        for (size_t n = 0; n < 4; n++) {
            struct usb_test test;
            open_configured(&test, 30);
            bool out_toggle = false, in_toggle = false;
            size_t sent = 0;
            for (unsigned i = 0; i < 2 + odd; i++) { /* toggles to any state */
                test.give_size += 2;
                ck_assert_int_eq(out(&test, out_toggle, bytes, 3), USB_REPLY_ACK);
                sent += 3;
                settle(&test);
                ck_assert_int_eq(usb_host_in(&test.host, 1, true), in_toggle ? USB_REPLY_DATA1 : USB_REPLY_DATA0);
                out_toggle = !out_toggle;
                in_toggle = !in_toggle;
            }
            usb_expect_done(&test, halt_out);
            check_halts(&test, true, false);
            usb_expect_done(&test, halt_in);
            check_halts(&test, true, true);
            usb_expect_done(&test, *ends[n].request);
            check_halts(&test, !ends[n].out, !ends[n].in);
            if (ends[n].out) {
                ck_assert_int_eq(out(&test, true, bytes, 3), USB_REPLY_ACK); /* taken for a repetition */
                ck_assert_int_eq(out(&test, false, bytes, 3), USB_REPLY_ACK);
                sent += 3;
            }
            test.give_size += 2;
            settle(&test);
            if (ends[n].in)
                ck_assert_int_eq(usb_host_in(&test.host, 1, true), USB_REPLY_DATA0);
            ck_assert_uint_eq(test.taken_size, sent);
            usb_test_close(&test);
        }
}
END_TEST

START_TEST(a_halted_pipe_leaves_the_other_one_alone)
{
    struct usb_test test;
    open_configured(&test, 30);
    uint8_t bytes[PACKET] = {9, 8};
    enum usb_reply reply;
    usb_expect_done(&test, halt_out);
    test.give_size = 3;
    settle(&test);
    ck_assert_int_eq(usb_host_bulk_in(&test.host, bytes, &reply), 3);
    ck_assert_int_eq(out(&test, false, bytes, 2), USB_REPLY_STALL);
    usb_expect_done(&test, halt_in);
    usb_expect_done(&test, clear_out);
    ck_assert_int_eq(usb_host_in(&test.host, 1, true), USB_REPLY_STALL);
    ck_assert_int_eq(out(&test, false, bytes, 2), USB_REPLY_ACK);
    settle(&test);
    check_taken(&test, bytes, 2);
    usb_test_close(&test);
}
END_TEST

/* A reset at any moment: what was confirmed is delivered, nothing is delivered twice but what the host could not know
 * of. */
START_TEST(a_reset_in_the_middle_of_everything)
{
    struct usb_test test;
    open_configured(&test, 30);
    uint8_t bytes[PACKET], token[3], packet[80];
    enum usb_reply reply;
    size_t confirmed = 0, received = 0;
    for (uint32_t n = 0; n < test_scale(300); n++) {
        const size_t size = 1 + n % 64;
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(n + 3 * i);
        test.give_size += 30;
        switch (n % 6) {
        case 0: /* in a token, or a data packet */
        case 1:
            usb_host_send(&test.host, token, usb_token(USB_OUT, 23 | 1 << 7, token), USB_FAULT_NONE);
            if (n % 6 == 1)
                usb_host_send(&test.host, packet, usb_data(USB_DATA0, bytes, size, packet), USB_FAULT_NO_END);
            break;
        case 2: /* in the device's answer */
            usb_host_send(&test.host, token, usb_token(USB_IN, 23 | 1 << 7, token), USB_FAULT_NONE);
            usb_host_idle(&test.host, 5 + n % 40);
            break;
        case 3: /* between its data and our ACK */
            usb_host_idle(&test.host, 200);
            usb_host_in(&test.host, 1, false);
            break;
        case 4: /* in a control transfer */
            usb_host_out(&test.host, USB_SETUP, 0, USB_DATA0, (const uint8_t[8]){0xc0, 0x4d, 0, 0, 7, 0, 162, 0}, 8);
            usb_host_idle(&test.host, n % 9);
            usb_host_in(&test.host, 0, n % 4 == 0);
            break;
        default: /* in nothing */
            break;
        }
        const uint64_t contentions =
            test.bus.contentions; /* case 2: the host does not care that the device is talking */
        usb_test_enumerate(&test);
        ck_assert(test.bus.contentions == contentions || n % 6 == 2);
        test.bus.contentions = 0;
        ck_assert(usb_host_bulk_out(&test.host, bytes, size, &reply));
        settle(&test);
        ck_assert_uint_eq(test.taken_size, confirmed + size);
        ck_assert_mem_eq(test.taken + confirmed, bytes, size);
        confirmed += size;
        while ((reply = USB_REPLY_NAK, received < test.give_size)) {
            const int got = usb_host_bulk_in(&test.host, bytes, &reply);
            ck_assert_int_ge(got, 0);
            ck_assert_mem_eq(bytes, test.give + received, (size_t)got);
            received += (size_t)got;
        }
        ck_assert_uint_eq(received, test.give_size);
    }
    usb_test_close(&test);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        out_packets_of_every_size_arrive,
        a_repeated_out_packet_is_confirmed_and_not_stored,
        a_full_buffer_says_nak_and_loses_nothing,
        a_repetition_is_confirmed_even_while_the_buffer_is_full,
        damaged_and_overlong_out_packets_leave_nothing,
        in_packets_come_full_and_end_with_a_short_one,
        an_in_packet_stays_the_same_until_it_is_confirmed,
        an_ack_for_another_or_a_late_one_confirms_nothing,
        a_token_after_a_lost_data_packet_is_served,
        a_halt_stalls_and_its_end_sets_the_toggle_back,
        a_halted_pipe_leaves_the_other_one_alone,
        a_reset_in_the_middle_of_everything,
    };
    return test_run("usb_bulk", tests, sizeof tests / sizeof tests[0]);
}
