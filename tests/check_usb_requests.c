/* Endpoint 0 of rtl/link by the bus: what chapter 9 of the USB 2.0 specification asks of a device with one
 * configuration and one interface, every standard request right and wrong. */
#include "support/support.h"
#include "support/usb.h"

#include <string.h>

enum { ADDRESS = 23 }; /* usb_test_enumerate's */
enum {
    GET_STATUS,
    CLEAR_FEATURE,
    SET_FEATURE = 3,
    SET_ADDRESS = 5,
    GET_DESCRIPTOR,
    SET_DESCRIPTOR,
    GET_CONFIGURATION,
    SET_CONFIGURATION,
    GET_INTERFACE,
    SET_INTERFACE,
    SYNCH_FRAME
};

/* ---- the descriptors, written here once more from the specifications ---- */

static const uint8_t device_descriptor[18] = {18,   1,    0x10, 0x02, 0,    0, 0, 64, 0x09,
                                              0x12, 0x01, 0x00, 0x00, 0x01, 1, 2, 3,  1};
static const uint8_t configuration_descriptor[32] = {9, 2, 32, 0, 1,    1, 0,  0x80, 125, 9, 4, 0,    0, 2,  0xff, 0,
                                                     0, 0, 7,  5, 0x01, 2, 64, 0,    0,   7, 5, 0x81, 2, 64, 0,    0};
static const uint8_t bos_descriptor[57] = {
    5,    15,   57,   0,    2,    28,   16,   5,    0,    0xdf, 0x60, 0xdd, 0xd8, 0x89, 0x45, 0xc7, 0x4c, 0x9c, 0xd2,
    0x65, 0x9d, 0x9e, 0x64, 0x8a, 0x9f, 0,    0,    3,    6,    162,  0,    0x4d, 0,    24,   16,   5,    0,    0x38,
    0xb6, 0x08, 0x34, 0xa9, 0x09, 0xa0, 0x47, 0x8b, 0xfd, 0xa0, 0x76, 0x88, 0x15, 0xb6, 0x65, 0,    1,    0x57, 0};

static size_t put(uint8_t *to, size_t at, const void *bytes, size_t size)
{
    memcpy(to + at, bytes, size);
    return at + size;
}

static size_t put_wide(uint8_t *to, size_t at, const char *text)
{
    for (; *text; text++) {
        to[at++] = (uint8_t)*text;
        to[at++] = 0;
    }
    return at;
}

static size_t string_descriptor(uint8_t *to, const char *text)
{
    const size_t size = put_wide(to, 2, text);
    to[0] = (uint8_t)size;
    to[1] = 3;
    return size;
}

static size_t microsoft_descriptors(uint8_t *to)
{
    memset(to, 0, 162);
    size_t at = put(to, 0, "\x0a\0\0\0\0\0\x03\x06\xa2\0", 10);
    at = put(to, at, "\x14\0\x03\0WINUSB\0\0\0\0\0\0\0\0\0\0", 20);
    at = put(to, at, "\x84\0\x04\0\x07\0\x2a\0", 8);
    at = put_wide(to, at, "DeviceInterfaceGUIDs") + 2;
    at = put(to, at, "\x50\0", 2);
    return put_wide(to, at, "{9E5C1F3B-6A57-4B1E-8C53-E59A11E2D0C4}") + 4;
}

static void open_device(struct usb_test *test)
{
    usb_test_open(test, 100, 0, 0.3, 30);
    usb_host_reset(&test->host, 50);
}

static struct usb_setup get_descriptor(uint16_t value, uint16_t length)
{
    return (struct usb_setup){0x80, GET_DESCRIPTOR, value, (value >> 8) == 3 && (value & 0xff) ? 0x0409 : 0, length};
}

START_TEST(every_descriptor_at_every_length)
{
    uint8_t strings[4][82] = {{4, 3, 9, 4}}, microsoft[162];
    const struct {
        uint16_t value;
        const uint8_t *bytes;
        size_t size;
    } all[] = {
        {0x0100, device_descriptor, sizeof device_descriptor},
        {0x0200, configuration_descriptor, sizeof configuration_descriptor},
        {0x0f00, bos_descriptor, sizeof bos_descriptor},
        {0x0300, strings[0], 4},
        {0x0301, strings[1], string_descriptor(strings[1], "Espalier")},
        {0x0302, strings[2], string_descriptor(strings[2], "Espalier accelerator")},
        {0x0303, strings[3], string_descriptor(strings[3], "1")},
    };
    static const uint16_t lengths[] = {0,  1,  2,  7,   8,   9,   17,  18,  19,  31,  32,  33,  57,   58,
                                       63, 64, 65, 127, 128, 161, 162, 163, 255, 256, 257, 512, 4096, 65535};
    struct usb_test test;
    open_device(&test);
    ck_assert_uint_eq(microsoft_descriptors(microsoft), sizeof microsoft);
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        for (size_t d = 0; d < sizeof all / sizeof all[0]; d++)
            usb_expect_read(&test, get_descriptor(all[d].value, lengths[l]), all[d].bytes,
                            lengths[l] < all[d].size ? lengths[l] : (int)all[d].size);
        usb_expect_read(&test, (struct usb_setup){0xc0, 0x4d, 0, 7, lengths[l]}, microsoft,
                        lengths[l] < sizeof microsoft ? lengths[l] : (int)sizeof microsoft);
    }
    usb_test_close(&test);
}
END_TEST

START_TEST(descriptors_that_there_are_not_are_refused)
{
    struct usb_test test;
    open_device(&test);
    for (uint16_t type = 0; type < 256; type++)
        for (unsigned index = 0; index < 256; index += index < 6 ? 1 : 83) {
            const bool there = (type == 3 && index < 4) || ((type == 1 || type == 2 || type == 15) && index == 0);
            if (!there)
                usb_expect_stall(&test, get_descriptor((uint16_t)(type << 8 | index), 64));
        }
    usb_expect_stall(&test, (struct usb_setup){0x81, GET_DESCRIPTOR, 0x0200, 0, 64});
    usb_expect_stall(&test, (struct usb_setup){0x00, SET_DESCRIPTOR, 0x0100, 0, 18});
    usb_expect_read(&test, get_descriptor(0x0100, 18), device_descriptor, 18);
    usb_test_close(&test);
}
END_TEST

/* In the address state and in the configured one. */
START_TEST(status_and_interface_as_the_state_allows)
{
    struct usb_test test;
    open_device(&test);
    usb_expect_done(&test, (struct usb_setup){0, SET_ADDRESS, ADDRESS, 0, 0});
    test.host.address = ADDRESS;
    for (int configured = 0; configured < 2; configured++) {
        const uint8_t value = (uint8_t)configured;
        usb_expect_read(&test, (struct usb_setup){0x80, GET_CONFIGURATION, 0, 0, 1}, &value, 1);
        usb_expect_read(&test, (struct usb_setup){0x80, GET_CONFIGURATION, 0, 0, 8}, &value, 1);
        usb_expect_read(&test, (struct usb_setup){0x80, GET_STATUS, 0, 0, 2}, (const uint8_t *)"\0\0", 2);
        usb_expect_read(&test, (struct usb_setup){0x80, GET_STATUS, 0, 0, 64}, (const uint8_t *)"\0\0", 2);
        usb_expect_read(&test, (struct usb_setup){0x82, GET_STATUS, 0, 0, 2}, (const uint8_t *)"\0\0", 2);
        usb_expect_read(&test, (struct usb_setup){0x82, GET_STATUS, 0, 0x80, 2}, (const uint8_t *)"\0\0", 2);
        const struct usb_setup configured_only[] = {
            {0x81, GET_STATUS, 0, 0, 2},
            {0x82, GET_STATUS, 0, 0x01, 2},
            {0x82, GET_STATUS, 0, 0x81, 2},
        };
        for (size_t n = 0; n < 3; n++)
            if (configured)
                usb_expect_read(&test, configured_only[n], (const uint8_t *)"\0\0", 2);
            else
                usb_expect_stall(&test, configured_only[n]);
        if (configured)
            usb_expect_read(&test, (struct usb_setup){0x81, GET_INTERFACE, 0, 0, 1}, (const uint8_t *)"\0", 1);
        else
            usb_expect_stall(&test, (struct usb_setup){0x81, GET_INTERFACE, 0, 0, 1});
        const struct usb_setup writes[] = {
            {0x01, SET_INTERFACE, 0, 0, 0},    {0x02, SET_FEATURE, 0, 0x01, 0},   {0x02, SET_FEATURE, 0, 0x81, 0},
            {0x02, CLEAR_FEATURE, 0, 0x01, 0}, {0x02, CLEAR_FEATURE, 0, 0x81, 0},
        };
        for (size_t n = 0; n < 5; n++)
            if (configured)
                usb_expect_done(&test, writes[n]);
            else
                usb_expect_stall(&test, writes[n]);
        if (!configured)
            usb_expect_done(&test, (struct usb_setup){0, SET_CONFIGURATION, 1, 0, 0});
    }
    usb_test_close(&test);
}
END_TEST

START_TEST(illegal_requests_are_refused_and_change_nothing)
{
    static const struct usb_setup illegal[] = {
        {0x80, GET_STATUS, 1, 0, 2},
        {0x80, GET_STATUS, 0, 1, 2},
        {0x81, GET_STATUS, 0, 1, 2},
        {0x82, GET_STATUS, 0, 2, 2},
        {0x82, GET_STATUS, 0, 0x82, 2},
        {0x82, GET_STATUS, 0, 0x11, 2},
        {0x82, GET_STATUS, 0, 0x0181, 2},
        {0x83, GET_STATUS, 0, 0, 2},
        {0x00, GET_STATUS, 0, 0, 0},
        {0x00, CLEAR_FEATURE, 1, 0, 0},
        {0x00, SET_FEATURE, 1, 0, 0},
        {0x00, SET_FEATURE, 2, 0x100, 0},
        {0x01, CLEAR_FEATURE, 0, 0, 0},
        {0x01, SET_FEATURE, 0, 0, 0},
        {0x02, SET_FEATURE, 1, 0x81, 0},
        {0x02, SET_FEATURE, 0, 0x82, 0},
        {0x02, SET_FEATURE, 0, 0x00, 0},
        {0x02, SET_FEATURE, 0, 0x80, 0},
        {0x02, CLEAR_FEATURE, 0, 0x02, 0},
        {0x02, CLEAR_FEATURE, 0x100, 1, 0},
        {0x02, SET_FEATURE, 0, 0x0181, 0},
        {0x00, SET_ADDRESS, 128, 0, 0},
        {0x00, SET_ADDRESS, 0x105, 0, 0},
        {0x00, SET_ADDRESS, 5, 1, 0},
        {0x01, SET_ADDRESS, 5, 0, 0},
        {0x00, SET_CONFIGURATION, 2, 0, 0},
        {0x00, SET_CONFIGURATION, 255, 0, 0},
        {0x00, SET_CONFIGURATION, 0x101, 0, 0},
        {0x00, SET_CONFIGURATION, 0, 1, 0},
        {0x01, SET_INTERFACE, 1, 0, 0},
        {0x01, SET_INTERFACE, 0, 1, 0},
        {0x81, GET_INTERFACE, 0, 1, 1},
        {0x81, GET_INTERFACE, 1, 0, 1},
        {0x80, GET_CONFIGURATION, 1, 0, 1},
        {0x80, GET_CONFIGURATION, 0, 1, 1},
        {0x82, SYNCH_FRAME, 0, 0x81, 2},
        {0x82, SYNCH_FRAME, 0, 0, 2},
        {0x00, 2, 0, 0, 0},
        {0x80, 4, 0, 0, 1},
        {0x80, 0x0d, 0, 0, 1},
        {0x00, 0xff, 0, 0, 0},
        {0x21, 0x09, 0, 0, 8},
        {0xa1, 0x01, 0, 0, 8},
        {0x40, 0x4d, 0, 7, 0},
        {0xc0, 0x4d, 0, 5, 16},
        {0xc0, 0x4d, 1, 7, 16},
        {0xc0, 0x57, 1, 2, 16},
        {0xc1, 0x4d, 0, 7, 16},
        {0xff, 0xff, 0xffff, 0xffff, 0xffff},
    };
    struct usb_test test;
    open_device(&test);
    usb_test_enumerate(&test);
    for (size_t n = 0; n < sizeof illegal / sizeof illegal[0]; n++) {
        uint8_t data[65535] = {0};
        const int got = usb_host_control(&test.host, illegal[n], data);
        ck_assert_msg(got == USB_STALLED, "request %zu: %d, not STALL", n, got);
        usb_expect_read(&test, (struct usb_setup){0x80, GET_CONFIGURATION, 0, 0, 1}, (const uint8_t *)"\1", 1);
        usb_expect_read(&test, (struct usb_setup){0x82, GET_STATUS, 0, 0x01, 2}, (const uint8_t *)"\0\0", 2);
        usb_expect_read(&test, (struct usb_setup){0x82, GET_STATUS, 0, 0x81, 2}, (const uint8_t *)"\0\0", 2);
    }
    usb_test_close(&test);
}
END_TEST

START_TEST(a_write_with_a_length_is_refused)
{
    struct usb_test test;
    open_device(&test);
    usb_test_enumerate(&test);
    static const struct usb_setup writes[] = {{0, SET_ADDRESS, 5, 0, 1},
                                              {0, SET_CONFIGURATION, 0, 0, 1},
                                              {1, SET_INTERFACE, 0, 0, 2},
                                              {2, SET_FEATURE, 0, 0x81, 256}};
    for (size_t n = 0; n < 4; n++) {
        uint8_t data[256] = {0};
        ck_assert_int_eq(usb_host_control(&test.host, writes[n], data), USB_STALLED);
        usb_expect_read(&test, (struct usb_setup){0x82, GET_STATUS, 0, 0x81, 2}, (const uint8_t *)"\0\0", 2);
    }
    usb_test_close(&test);
}
END_TEST

/* ---- addresses ---- */

static bool answers_at(struct usb_test *test, uint8_t address)
{
    uint8_t data[18];
    test->host.address = address;
    return usb_host_control(&test->host, get_descriptor(0x0100, 18), data) == 18;
}

START_TEST(an_address_is_taken_after_the_status_stage_only)
{
    static const uint8_t setup[8] = {0, SET_ADDRESS, 42};
    struct usb_test test;
    open_device(&test);
    ck_assert_int_eq(usb_host_out(&test.host, USB_SETUP, 0, USB_DATA0, setup, 8), USB_REPLY_ACK);
    usb_host_idle(&test.host, 1000);
    test.host.address = 42; /* not yet */
    ck_assert_int_eq(usb_host_in(&test.host, 0, true), USB_REPLY_SILENCE);
    test.host.address = 0; /* the status stage, but our ACK is lost: not yet either */
    ck_assert_int_eq(usb_host_in(&test.host, 0, false), USB_REPLY_DATA1);
    usb_host_idle(&test.host, 100);
    test.host.address = 42;
    ck_assert_int_eq(usb_host_in(&test.host, 0, true), USB_REPLY_SILENCE);
    test.host.address = 0;
    ck_assert_int_eq(usb_host_in(&test.host, 0, true), USB_REPLY_DATA1);
    ck_assert(!answers_at(&test, 0));
    ck_assert(answers_at(&test, 42));
    usb_test_close(&test);
}
END_TEST

START_TEST(every_address_is_one_and_no_other_is_answered)
{
    struct usb_test test;
    open_device(&test);
    uint8_t now = 0;
    for (uint8_t address = 1; address < 128; address = (uint8_t)(address + (test_scale(10) == 10 ? 1 : 7))) {
        test.host.address = now;
        usb_expect_done(&test, (struct usb_setup){0, SET_ADDRESS, address, 0, 0});
        now = address;
        ck_assert(answers_at(&test, now));
        for (unsigned bit = 0; bit < 7; bit++)
            ck_assert(!answers_at(&test, now ^ (uint8_t)(1u << bit)));
    }
    usb_host_reset(&test.host, 10);
    ck_assert(answers_at(&test, 0));
    usb_test_close(&test);
}
END_TEST

/* ---- stages ---- */

START_TEST(a_read_may_end_early_and_be_asked_for_again)
{
    static const uint8_t setup[8] = {0xc0, 0x4d, 0, 0, 7, 0, 162, 0};
    uint8_t microsoft[162];
    struct usb_test test;
    open_device(&test);
    microsoft_descriptors(microsoft);
    for (unsigned packets = 0; packets < 4; packets++) {
        ck_assert_int_eq(usb_host_out(&test.host, USB_SETUP, 0, USB_DATA0, setup, 8), USB_REPLY_ACK);
        for (unsigned n = 0; n < packets; n++) {
            /* without our ACK the same packet comes again, and again */
            for (unsigned again = 0; again < 3; again++) {
                enum usb_reply reply;
                while ((reply = usb_host_in(&test.host, 0, again == 2)) == USB_REPLY_NAK)
                    ;
                ck_assert_int_eq(reply, n % 2 ? USB_REPLY_DATA0 : USB_REPLY_DATA1);
                ck_assert_uint_eq(test.host.heard.size - 3, n < 2 ? 64 : 34);
                ck_assert_mem_eq(test.host.heard.packet + 1, microsoft + 64 * n, test.host.heard.size - 3);
            }
        }
        /* the status stage, twice: the first ACK was lost */
        if (packets == 0)
            usb_host_idle(&test.host, 50);
        ck_assert_int_eq(usb_host_out(&test.host, USB_OUT, 0, USB_DATA1, NULL, 0), USB_REPLY_ACK);
        ck_assert_int_eq(usb_host_out(&test.host, USB_OUT, 0, USB_DATA1, NULL, 0), USB_REPLY_ACK);
    }
    usb_test_close(&test);
}
END_TEST

START_TEST(a_full_last_packet_is_followed_by_an_empty_one)
{
    /* 64 of the 162 bytes asked for: the host knows. 128 likewise. No answer is a multiple of 64 long by itself. */
    static const uint8_t setup[8] = {0xc0, 0x4d, 0, 0, 7, 0, 64, 0};
    struct usb_test test;
    open_device(&test);
    ck_assert_int_eq(usb_host_out(&test.host, USB_SETUP, 0, USB_DATA0, setup, 8), USB_REPLY_ACK);
    usb_host_idle(&test.host, 20);
    ck_assert_int_eq(usb_host_in(&test.host, 0, true), USB_REPLY_DATA1);
    ck_assert_uint_eq(test.host.heard.size, 67);
    ck_assert_int_eq(usb_host_in(&test.host, 0, true), USB_REPLY_DATA0);
    ck_assert_uint_eq(test.host.heard.size, 3);
    usb_test_close(&test);
}
END_TEST

START_TEST(a_stall_stands_until_the_next_setup)
{
    static const uint8_t illegal[8] = {0x80, GET_DESCRIPTOR, 0, 77, 0, 0, 18, 0};
    struct usb_test test;
    open_device(&test);
    for (unsigned n = 0; n < 3; n++) {
        ck_assert_int_eq(usb_host_out(&test.host, USB_SETUP, 0, USB_DATA0, illegal, 8), USB_REPLY_ACK);
        usb_host_idle(&test.host, 20);
        for (unsigned again = 0; again < 4; again++) {
            ck_assert_int_eq(usb_host_in(&test.host, 0, true), USB_REPLY_STALL);
            ck_assert_int_eq(usb_host_out(&test.host, USB_OUT, 0, USB_DATA1, NULL, 0), USB_REPLY_STALL);
        }
        usb_expect_read(&test, get_descriptor(0x0100, 18), device_descriptor, 18);
    }
    usb_test_close(&test);
}
END_TEST

START_TEST(a_setup_may_break_into_every_stage)
{
    static const uint8_t setups[][8] = {{0xc0, 0x4d, 0, 0, 7, 0, 162, 0},
                                        {0, SET_CONFIGURATION, 1},
                                        {0, SET_ADDRESS, 99},
                                        {0x80, 99, 0, 0, 0, 0, 64, 0}};
    struct usb_test test;
    open_device(&test);
    for (size_t s = 0; s < 4; s++)
        for (unsigned stage = 0; stage < 4; stage++) {
            ck_assert_int_eq(usb_host_out(&test.host, USB_SETUP, 0, USB_DATA0, setups[s], 8), USB_REPLY_ACK);
            usb_host_idle(&test.host, 20 * stage);
            for (unsigned n = 0; n < stage && s != 2; n++)
                usb_host_in(&test.host, 0, n % 2 == 0);
            usb_expect_read(&test, get_descriptor(0x0100, 64), device_descriptor, 18);
        }
    usb_test_close(&test);
}
END_TEST

START_TEST(a_damaged_setup_is_not_answered_and_can_be_sent_again)
{
    static const uint8_t setup[8] = {0x80, GET_DESCRIPTOR, 0, 1, 0, 0, 18, 0};
    uint8_t packet[80], token[3];
    struct usb_test test;
    open_device(&test);
    for (uint32_t n = 0; n < test_scale(300); n++) {
        const unsigned how = n % 6;
        size_t size = usb_data(how == 0 ? USB_DATA1 : USB_DATA0, setup, how == 1 ? 7 : how == 2 ? 0 : 8, packet);
        if (how == 3) {
            memset(packet + 1, 0x80, 64);
            size = usb_data(USB_DATA0, packet + 1, 9 + n % 50, packet);
        }
        usb_host_send(&test.host, token, usb_token(USB_SETUP, 0, token), USB_FAULT_NONE);
        usb_host_send(&test.host, packet, size, how == 4 ? USB_FAULT_FLIP : how == 5 ? USB_FAULT_CUT : USB_FAULT_NONE);
        ck_assert_int_eq(usb_host_listen(&test.host), USB_REPLY_SILENCE);
        if (n % 4 == 0)
            usb_expect_read(&test, get_descriptor(0x0100, 64), device_descriptor, 18);
    }
    usb_test_close(&test);
}
END_TEST

START_TEST(other_endpoints_and_strange_packets_are_not_answered)
{
    uint8_t packet[80];
    struct usb_test test;
    open_device(&test);
    usb_test_enumerate(&test);
    for (unsigned endpoint = 0; endpoint < 16; endpoint++) {
        const uint8_t bytes[8] = {0};
        if (endpoint > 1) {
            ck_assert_int_eq(usb_host_out(&test.host, USB_OUT, endpoint, USB_DATA0, bytes, 8), USB_REPLY_SILENCE);
            ck_assert_int_eq(usb_host_in(&test.host, endpoint, true), USB_REPLY_SILENCE);
        }
        if (endpoint > 0)
            ck_assert_int_eq(usb_host_out(&test.host, USB_SETUP, endpoint, USB_DATA0, bytes, 8), USB_REPLY_SILENCE);
    }
    for (unsigned pid = 0; pid < 256;
         pid++) { /* every identifier, with and without a right check, but for tokens to us */
        const bool ours = pid == USB_IN || pid == USB_OUT || pid == USB_SETUP;
        usb_host_send(&test.host, packet, usb_token((uint8_t)pid, ours ? 99 : ADDRESS, packet), USB_FAULT_NONE);
        ck_assert_int_eq(usb_host_listen(&test.host), USB_REPLY_SILENCE);
        packet[0] = (uint8_t)pid;
        usb_host_send(&test.host, packet, 1, USB_FAULT_NONE);
        ck_assert_int_eq(usb_host_listen(&test.host), USB_REPLY_SILENCE);
        usb_host_send(&test.host, packet, usb_data((uint8_t)pid, (const uint8_t *)"12345678", 8, packet),
                      USB_FAULT_NONE);
        ck_assert_int_eq(usb_host_listen(&test.host), USB_REPLY_SILENCE);
        packet[1] ^= 1;
    }
    usb_expect_read(&test, get_descriptor(0x0100, 64), device_descriptor, 18);
    usb_test_close(&test);
}
END_TEST

START_TEST(endpoint_1_is_there_only_while_configured)
{
    struct usb_test test;
    open_device(&test);
    usb_expect_done(&test, (struct usb_setup){0, SET_ADDRESS, ADDRESS, 0, 0});
    test.host.address = ADDRESS;
    for (unsigned n = 0; n < 6; n++) {
        const bool configured = n % 2;
        usb_expect_done(&test, (struct usb_setup){0, SET_CONFIGURATION, configured, 0, 0});
        ck_assert_int_eq(test.bus.pins.configured, configured);
        ck_assert_int_eq(usb_host_in(&test.host, 1, true), configured ? USB_REPLY_NAK : USB_REPLY_SILENCE);
        ck_assert_int_eq(usb_host_out(&test.host, USB_OUT, 1, USB_DATA0, NULL, 0),
                         configured ? USB_REPLY_ACK : USB_REPLY_SILENCE);
    }
    usb_test_close(&test);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_descriptor_at_every_length,
        descriptors_that_there_are_not_are_refused,
        status_and_interface_as_the_state_allows,
        illegal_requests_are_refused_and_change_nothing,
        a_write_with_a_length_is_refused,
        an_address_is_taken_after_the_status_stage_only,
        every_address_is_one_and_no_other_is_answered,
        a_read_may_end_early_and_be_asked_for_again,
        a_full_last_packet_is_followed_by_an_empty_one,
        a_stall_stands_until_the_next_setup,
        a_setup_may_break_into_every_stage,
        a_damaged_setup_is_not_answered_and_can_be_sent_again,
        other_endpoints_and_strange_packets_are_not_answered,
        endpoint_1_is_there_only_while_configured,
    };
    return test_run("usb_requests", tests, sizeof tests / sizeof tests[0]);
}
