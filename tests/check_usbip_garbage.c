/* What other programs may send to the USB/IP server: anything. It must go on serving those who speak the protocol, and
 * say once what it has refused. Sessions are fed in this process, where sanitizers see them, and over the network. */
#include "support/support.h"
#include "support/usbip_client.h"

#include <espalier/random.h>
#include <session.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { TALK_BYTES = 1 << 13, BOARDS = 2 };

static struct usbip_process server;

/* ---- sessions in this process ---- */

static struct usbip_rack open_rack(void)
{
    struct usbip_rack rack = {.boards = calloc(BOARDS, sizeof *rack.boards), .count = BOARDS};
    ck_assert(rack.boards);
    for (unsigned n = 0; n < BOARDS; n++)
        ck_assert(usbip_board_open(&rack.boards[n], n, test_seed() + n));
    return rack;
}

static void close_rack(struct usbip_rack *rack)
{
    for (unsigned n = 0; n < BOARDS; n++)
        usbip_board_close(&rack->boards[n]);
    free(rack->boards);
}

/* A conversation as a client would send it: attach to a board, transfers of all kinds, some of them unlinked. */
static size_t write_talk(struct espalier_random *random, struct usbip_client *client, uint8_t bytes[TALK_BYTES])
{
    static const uint8_t setups[][8] = {
        {0x80, 6, 0, 1, 0, 0, 18, 0}, {0x00, 9, 1, 0, 0, 0, 0, 0}, {0x80, 6, 0, 15, 0, 0, 57, 0}};
    static const uint8_t import[8] = {0x01, 0x11, 0x80, 0x03};
    size_t size = 40;
    memset(bytes, 0, TALK_BYTES);
    memcpy(bytes, import, sizeof import);
    memcpy(bytes + 8, "1-1", 3);
    *client = (struct usbip_client){.socket = -1, .device = 0x00010002};
    while (size < TALK_BYTES - 600 && espalier_random_below(random, 20) > 0) {
        const unsigned kind = espalier_random_below(random, 4);
        const uint8_t *setup = setups[espalier_random_below(random, 3)];
        const uint32_t length = kind == 0 ? setup[6] : espalier_random_below(random, 500);
        const bool in = kind == 0 ? setup[0] & 0x80 : kind == 1;
        usbip_client_encode(client, kind > 0, in, espalier_random_below(random, 2) * 0x40, length,
                            kind == 0 ? setup : NULL, bytes + size);
        if (kind == 3) { /* an unlink, of one of the last four */
            bytes[size + 3] = 2;
            memcpy(bytes + size + 0x14, bytes + size + 4, 4);
            bytes[size + 0x17] = (uint8_t)(bytes[size + 7] - espalier_random_below(random, 4));
        }
        size += 48 + (kind == 2 ? length : 0);
    }
    return size;
}

static void damage(struct espalier_random *random, uint8_t *bytes, size_t *size)
{
    for (unsigned n = espalier_random_below(random, 4); n > 0; n--) {
        const size_t at = espalier_random_below(random, (uint32_t)*size);
        switch (espalier_random_below(random, 4)) {
        case 0:
            bytes[at] = (uint8_t)espalier_random_below(random, 256);
            break;
        case 1:
            bytes[at] = (uint8_t)(bytes[at] ^ 1u << espalier_random_below(random, 8));
            break;
        case 2: { /* lost bytes */
            const size_t left = *size - at, lost = left > 40 ? espalier_random_below(random, 40) : 0;
            memmove(bytes + at, bytes + at + lost, left - lost);
            *size -= lost;
            break;
        }
        default: /* a large number */
            memset(bytes + (at < *size - 4 ? at & ~(size_t)3 : 0), 0xff, 4);
        }
    }
}

/* Feeds a session in pieces, time passing in between, and closes it. */
static void talk(struct espalier_random *random, struct usbip_rack *rack, const uint8_t *bytes, size_t size)
{
    struct usbip_session session;
    usbip_session_open(&session, rack, "test");
    while (size > 0 && session.stage != USBIP_STAGE_OVER) {
        const size_t most = 1 + espalier_random_below(random, 200), piece = most < size ? most : size;
        uint8_t *copy = malloc(piece); /* where a sanitizer notices what is read behind it */
        ck_assert(copy);
        memcpy(copy, bytes, piece);
        usbip_session_take(&session, copy, piece);
        free(copy);
        bytes += piece;
        size -= piece;
        if (session.board && espalier_random_below(random, 4) == 0) {
            usb_port_advance(&session.board->port, 100 * USB_MICROSECOND);
            usbip_session_collect(&session);
        }
        ck_assert_uint_le(session.out_end - session.out_begin, 1 << 20);
    }
    usbip_session_close(&session);
    for (unsigned n = 0; n < BOARDS; n++)
        ck_assert(!rack->boards[n].attached && rack->boards[n].port.count == 0 && rack->boards[n].port.bytes == 0);
}

/* Whoever comes next is served: device descriptor and all. */
static void check_service(struct usbip_rack *rack)
{
    static const uint8_t descriptor[8] = {0x80, 6, 0, 1, 0, 0, 18, 0};
    uint8_t bytes[40 + 48] = {0x01, 0x11, 0x80, 0x03, 0, 0, 0, 0, '1', '-', '1'};
    struct usbip_client client = {.device = 0x00010002};
    struct usbip_session session;
    usbip_client_encode(&client, 0, true, 0, 18, descriptor, bytes + 40);
    usbip_session_open(&session, rack, "good");
    usbip_session_take(&session, bytes, sizeof bytes);
    ck_assert(session.board == &rack->boards[0]);
    usb_port_advance(&session.board->port, USB_MICROSECOND);
    usbip_session_collect(&session);
    const uint8_t *reply = session.out + session.out_begin + 8 + 312;
    ck_assert_uint_eq(session.out_end - session.out_begin, 8 + 312 + 48 + 18);
    ck_assert_mem_eq(reply, "\0\0\0\3\0\0\0\1", 8);
    ck_assert_mem_eq(reply + 48, "\x12\1\x10\2", 4);
    usbip_session_close(&session);
}

START_TEST(random_bytes_end_a_session_and_nothing_else)
{
    struct espalier_random random;
    uint8_t bytes[512];
    espalier_random_seed(&random, test_seed() + 10);
    struct usbip_rack rack = open_rack();
    for (uint32_t n = 0; n < test_scale(1000); n++) {
        const size_t size = espalier_random_below(&random, sizeof bytes);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)espalier_random_below(&random, 256);
        if (n % 2 && size > 8) /* past the first look */
            memcpy(bytes, "\x01\x11\x80\x03", 4);
        talk(&random, &rack, bytes, size);
    }
    check_service(&rack);
    close_rack(&rack);
}
END_TEST

START_TEST(damaged_conversations_end_or_go_on_but_break_nothing)
{
    struct espalier_random random;
    uint8_t bytes[TALK_BYTES];
    struct usbip_client client;
    espalier_random_seed(&random, test_seed() + 11);
    struct usbip_rack rack = open_rack();
    for (uint32_t n = 0; n < test_scale(500); n++) {
        size_t size = write_talk(&random, &client, bytes);
        damage(&random, bytes, &size);
        talk(&random, &rack, bytes, size);
        if (n % 100 == 0)
            check_service(&rack);
    }
    check_service(&rack);
    close_rack(&rack);
}
END_TEST

/* ---- what is refused, and how it is told ---- */

/* Sends a message after attaching, or instead of it; the server must close, and say so. */
static void expect_closed(struct usbip_client client, const void *bytes, size_t size)
{
    uint8_t rest[1024];
    usbip_client_send(&client, bytes, size);
    while (usbip_client_receive(&client, rest, 1) > 0) /* fails if nothing comes and it does not close */
        ;
    usbip_client_close(&client);
}

static void expect_command_refused(uint32_t at, uint32_t value, const char *what)
{
    uint8_t bytes[48];
    struct usbip_client client = usbip_client_attach(&server, "1-1");
    usbip_client_encode(&client, 1, true, 0, 64, NULL, bytes);
    for (unsigned n = 0; n < 4; n++)
        bytes[at + n] = (uint8_t)(value >> (24 - 8 * n));
    expect_closed(client, bytes, sizeof bytes);
    usbip_process_expect(&server, what);
}

START_TEST(what_is_refused_is_told)
{
    static const char request[] = "GET / HTTP/1.1\r\n\r\n", old[] = "\x01\x06\x80\x05\0\0\0";
    uint8_t reply[8];
    usbip_process_start(&server, 1);
    expect_closed(usbip_client_connect(&server), request, sizeof request);
    usbip_process_expect(&server, "does not speak USB/IP");
    struct usbip_client client = usbip_client_connect(&server);
    usbip_client_send(&client, old, 8);
    ck_assert_uint_eq(usbip_client_receive(&client, reply, sizeof reply), sizeof reply);
    ck_assert_mem_eq(reply, "\x01\x11\0\5\0\0\0\1", 8);
    expect_closed(client, "", 0);
    usbip_process_expect(&server, "version 0x0106");
    expect_command_refused(0, 3, "no command 3");
    expect_command_refused(8, 0x00010003, "device 0x00010003");
    expect_command_refused(12, 2, "direction 2");
    expect_command_refused(0x18, (16 << 20) + 1, "16 MiB");
    expect_command_refused(0x18, 0xffffffff, "16 MiB");
    expect_command_refused(0x20, 1, "isochronous");
    usbip_process_end(&server, SIGTERM);
}
END_TEST

START_TEST(transfers_without_end_are_too_many)
{
    uint8_t bytes[48];
    usbip_process_start(&server, 1);
    for (uint32_t length = 1; length <= 1 << 24; length += (1 << 24) - 1) { /* too many; and too large together */
        struct usbip_client client = usbip_client_attach(&server, "1-1");
        usbip_client_configure(&client);
        for (unsigned n = 0; n < 4097; n++) {
            usbip_client_encode(&client, 1, true, 0, length, NULL, bytes);
            usbip_client_send(&client, bytes, sizeof bytes);
        }
        expect_closed(client, "", 0);
        usbip_process_expect(&server, "64 MiB under way");
    }
    usbip_client_attach(&server, "1-1");
    usbip_process_end(&server, SIGTERM);
}
END_TEST

/* ---- many at once ---- */

static void check_hello(struct usbip_client *client)
{
    static uint8_t device[18];
    ck_assert_int_eq(usbip_client_control(client, 0x80, 6, 0x0100, 0, 18, device), 18);
}

START_TEST(a_crowd_of_strangers_does_not_disturb_a_client)
{
    enum { CROWD = 50 };
    struct espalier_random random;
    struct usbip_client crowd[CROWD];
    uint8_t bytes[64];
    espalier_random_seed(&random, test_seed() + 12);
    usbip_process_start(&server, 2);
    struct usbip_client client = usbip_client_attach(&server, "1-2");
    for (unsigned n = 0; n < CROWD; n++)
        crowd[n] = usbip_client_connect(&server);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned n = 0; n < CROWD; n++) { /* silent ones, slow ones, and ones that talk nonsense */
            for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = (uint8_t)espalier_random_below(&random, 256);
            if (n % 3 == 1)
                usbip_client_send(&crowd[n], &"\x01\x11\x80\x03"[round % 4], 1);
            else if (n % 3 == 2)
                usbip_client_send(&crowd[n], bytes, espalier_random_below(&random, sizeof bytes));
        }
        check_hello(&client);
    }
    struct usbip_client other = usbip_client_attach(&server, "1-1"); /* though all places are taken */
    check_hello(&other);
    check_hello(&client);
    for (unsigned n = 0; n < CROWD; n++)
        usbip_client_close(&crowd[n]);
    usbip_client_close(&other);
    usbip_client_close(&client);
    usbip_process_end(&server, SIGTERM);
    ck_assert_msg(strstr(server.errors, "others come"), "%s", server.errors);
}
END_TEST

START_TEST(many_refusals_are_told_in_few_lines)
{
    enum { MANY = 400 };
    unsigned lines = 0;
    usbip_process_start(&server, 1);
    for (unsigned n = 0; n < MANY; n++)
        expect_closed(usbip_client_connect(&server), "GET / HTTP/1.1", 14);
    usbip_process_end(&server, SIGTERM);
    for (const char *at = server.errors; (at = strchr(at, '\n')); at++)
        lines++;
    ck_assert_uint_gt(lines, 0);
    ck_assert_uint_lt(lines, MANY / 2); /* 20, and one a second */
}
END_TEST

START_TEST(a_client_that_says_nothing_is_sent_away)
{
    usbip_process_start(&server, 1);
    expect_closed(usbip_client_connect(&server), "\x01\x11", 2);
    usbip_process_expect(&server, "neither sends nor takes");
    usbip_process_end(&server, SIGTERM);
}
END_TEST

/* It unlinks what is not there, without end, and takes no answer: the server stops listening to it, and to nobody else.
 */
START_TEST(a_client_that_takes_no_answers_is_not_listened_to)
{
    enum { TOO_MUCH = 64 << 20 }; /* bytes; the limit and the buffers of two sockets are a small part of it */
    static const uint8_t message[48] = {0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0, 2};
    static uint8_t many[1024 * sizeof message];
    size_t sent = 0, before;
    usbip_process_start(&server, 2);
    struct usbip_client deaf = usbip_client_attach(&server, "1-1"), client = usbip_client_attach(&server, "1-2");
    for (size_t n = 0; n < sizeof many; n++)
        many[n] = message[n % sizeof message];
    do {
        before = sent;
        for (ssize_t size = 0; size >= 0 && sent < TOO_MUCH; sent += size > 0 ? (size_t)size : 0)
            size = send(deaf.socket, many + sent % sizeof many, sizeof many - sent % sizeof many,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
        for (unsigned n = 0; n < 20; n++) /* in which the server could read a megabyte */
            check_hello(&client);
    } while (sent > before);
    ck_assert_uint_lt(sent, TOO_MUCH);
    usbip_client_close(&deaf);
    usbip_client_close(&client);
    usbip_process_end(&server, SIGTERM);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        random_bytes_end_a_session_and_nothing_else,
        damaged_conversations_end_or_go_on_but_break_nothing,
        what_is_refused_is_told,
        transfers_without_end_are_too_many,
        a_crowd_of_strangers_does_not_disturb_a_client,
        many_refusals_are_told_in_few_lines,
        a_client_that_says_nothing_is_sent_away,
        a_client_that_takes_no_answers_is_not_listened_to,
    };
    return test_run("usbip_garbage", tests, sizeof tests / sizeof tests[0]);
}
