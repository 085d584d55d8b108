/* sim/usb_port.h: queues of transfers on a bus with the RTL's USB core at its end, and an application behind it that
 * takes and gives bytes. */
#include "support/support.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <usb_port.h>

enum { STREAM_BYTES = 1 << 18, MILLISECOND = 1000, PACKET = 64 };

struct rig {
    struct usb_port port;
    uint8_t give[STREAM_BYTES], taken[STREAM_BYTES];
    size_t given, give_size, taken_size;
    bool deaf; /* takes nothing */
};

static void before(void *context, struct usb_stream *stream)
{
    const struct rig *rig = context;
    stream->give = rig->given < rig->give_size;
    stream->give_byte = stream->give ? rig->give[rig->given] : 0;
    stream->take = !rig->deaf && rig->taken_size < STREAM_BYTES;
}

static void after(void *context, const struct usb_stream *stream)
{
    struct rig *rig = context;
    if (stream->given)
        rig->given++;
    if (stream->taken)
        rig->taken[rig->taken_size++] = stream->taken_byte;
}

static void pass(struct rig *rig, unsigned microseconds)
{
    usb_port_advance(&rig->port, microseconds * USB_MICROSECOND);
}

static struct rig *open_rig(const char *serial)
{
    struct rig *rig = calloc(1, sizeof *rig);
    ck_assert(rig);
    for (size_t n = 0; n < STREAM_BYTES; n++)
        rig->give[n] = (uint8_t)(n * 7 + (n >> 8));
    ck_assert(usb_port_open(&rig->port, &usb_model_link, test_seed(), 30, serial));
    rig->port.bus.application = (struct usb_application){.context = rig, .before = before, .after = after};
    return rig;
}

static void configure(struct rig *rig)
{
    ck_assert_int_eq(usb_port_control(&rig->port, (struct usb_setup){0x00, 9, 1, 0, 0}, NULL), 0);
}

static struct rig *open_configured(void)
{
    struct rig *rig = open_rig(NULL);
    configure(rig);
    return rig;
}

static void close_rig(struct rig *rig)
{
    ck_assert_msg(rig->port.host.violation == NULL, "%s", rig->port.host.violation);
    ck_assert(rig->port.bus.contentions == 0);
    usb_port_close(&rig->port);
    free(rig);
}

static struct usb_urb *bulk(uint32_t id, bool in, size_t length)
{
    struct usb_urb *urb = usb_urb_create(length);
    ck_assert(urb);
    urb->id = id;
    urb->endpoint = 1;
    urb->in = in;
    for (size_t n = 0; !in && n < length; n++)
        urb->data[n] = (uint8_t)(n + id * 31);
    return urb;
}

static void submit(struct rig *rig, uint32_t id, bool in, size_t length)
{
    usb_port_submit(&rig->port, bulk(id, in, length));
}

/* Lets time pass until a transfer is at its end, which must be this one, ended so. The caller frees it. */
static struct usb_urb *expect(struct rig *rig, uint32_t id, int status, size_t done)
{
    for (unsigned n = 0; n < 100 && !rig->port.finished.first; n++)
        pass(rig, MILLISECOND);
    struct usb_urb *urb = usb_port_finished(&rig->port);
    ck_assert_msg(urb, "transfer %u does not end", id);
    ck_assert_uint_eq(urb->id, id);
    ck_assert_int_eq(urb->status, status);
    ck_assert_uint_eq(urb->done, done);
    return urb;
}

static void expect_end(struct rig *rig, uint32_t id, int status, size_t done)
{
    free(expect(rig, id, status, done));
}

/* An IN transfer's bytes must be those of the application's stream from @p at on. */
static void expect_bytes(struct rig *rig, uint32_t id, int status, size_t done, size_t at)
{
    struct usb_urb *urb = expect(rig, id, status, done);
    ck_assert_mem_eq(urb->data, rig->give + at, done);
    free(urb);
}

/* ---- endings ---- */

START_TEST(a_transfer_in_ends_when_it_is_full_or_with_a_short_packet)
{
    struct rig *rig = open_configured();
    rig->give_size = 300;
    submit(rig, 1, true, 128);
    submit(rig, 2, true, 4096);
    expect_bytes(rig, 1, 0, 128, 0);
    expect_bytes(rig, 2, 0, 172, 128);
    rig->give_size = 428; /* two full packets: an empty one ends the transfer */
    submit(rig, 3, true, 4096);
    expect_bytes(rig, 3, 0, 128, 300);
    close_rig(rig);
}
END_TEST

START_TEST(a_short_packet_is_a_failure_where_none_is_wanted)
{
    struct rig *rig = open_configured();
    struct usb_urb *urb = bulk(1, true, 256);
    urb->whole = true;
    usb_port_submit(&rig->port, urb);
    rig->give_size = 100;
    expect_bytes(rig, 1, -EREMOTEIO, 100, 0);
    close_rig(rig);
}
END_TEST

START_TEST(what_a_transfer_has_no_room_for_is_not_lost)
{
    struct rig *rig = open_configured();
    rig->give_size = 50;
    submit(rig, 1, true, 10);
    submit(rig, 2, true, 0);
    submit(rig, 3, true, 64);
    expect_end(rig, 1, -EOVERFLOW, 0);
    expect_end(rig, 2, -EOVERFLOW, 0);
    expect_bytes(rig, 3, 0, 50, 0);
    close_rig(rig);
}
END_TEST

START_TEST(an_empty_packet_follows_a_full_one_only_if_wanted)
{
    for (unsigned wanted = 0; wanted < 2; wanted++)
        for (size_t length = 0; length <= 2 * PACKET; length += PACKET / 2) {
            struct rig *rig = open_configured();
            struct usb_urb *urb = bulk(1, false, length);
            urb->empty_end = wanted;
            usb_port_submit(&rig->port, urb);
            urb = expect(rig, 1, 0, length);
            const size_t full = length / PACKET, rest = length % PACKET;
            ck_assert_uint_eq(urb->packets, full + (rest > 0 || full == 0 || wanted));
            ck_assert_int_eq(rig->port.host.toggle_out, urb->packets % 2);
            free(urb);
            submit(rig, 2, false, 5); /* the device has counted the same */
            expect_end(rig, 2, 0, 5);
            pass(rig, MILLISECOND);
            ck_assert_uint_eq(rig->taken_size, length + 5);
            close_rig(rig);
        }
}
END_TEST

START_TEST(a_halted_pipe_fails_all_transfers_until_it_is_cleared)
{
    for (unsigned in = 0; in < 2; in++) {
        struct rig *rig = open_configured();
        const uint16_t endpoint = in ? 0x81 : 0x01;
        rig->give_size = 20; /* a packet: the next toggle is DATA1, which clearing sets back */
        submit(rig, 1, in, 20);
        expect_end(rig, 1, 0, 20);
        ck_assert_int_eq(usb_port_control(&rig->port, (struct usb_setup){0x02, 3, 0, endpoint, 0}, NULL), 0);
        submit(rig, 2, in, 20);
        submit(rig, 3, in, 20);
        expect_end(rig, 2, -EPIPE, 0);
        expect_end(rig, 3, -EPIPE, 0);
        ck_assert_int_eq(usb_port_control(&rig->port, (struct usb_setup){0x02, 1, 0, endpoint, 0}, NULL), 0);
        rig->give_size = 40;
        submit(rig, 4, in, 20);
        expect_end(rig, 4, 0, 20);
        pass(rig, MILLISECOND);
        ck_assert_uint_eq(in ? rig->given : rig->taken_size, 40);
        close_rig(rig);
    }
}
END_TEST

START_TEST(nobody_answers_for_an_endpoint_that_is_not_there)
{
    struct rig *rig = open_rig(NULL);
    submit(rig, 1, false, 10); /* not configured: no endpoint 1 */
    submit(rig, 2, true, 10);
    expect_end(rig, 1, -EPROTO, 0);
    expect_end(rig, 2, -EPROTO, 0);
    struct usb_urb *urb = bulk(3, true, 10);
    urb->endpoint = 2;
    usb_port_submit(&rig->port, urb);
    expect_end(rig, 3, -ENOENT, 0);
    close_rig(rig);
}
END_TEST

/* ---- endpoint 0 ---- */

static void submit_control(struct rig *rig, uint32_t id, const uint8_t setup[8], bool in, size_t length)
{
    struct usb_urb *urb = usb_urb_create(length);
    ck_assert(urb);
    urb->id = id;
    urb->in = in;
    memcpy(urb->setup, setup, 8);
    usb_port_submit(&rig->port, urb);
}

START_TEST(a_request_that_contradicts_its_transfer_is_refused)
{
    static const uint8_t device[8] = {0x80, 6, 0, 1, 0, 0, 18, 0}, halt[8] = {0x02, 3, 0, 0, 0x81, 0, 0, 0};
    struct rig *rig = open_configured();
    submit_control(rig, 1, device, true, 18);
    expect_end(rig, 1, 0, 18);
    submit_control(rig, 2, device, true, 17);
    expect_end(rig, 2, -EINVAL, 0);
    submit_control(rig, 3, device, false, 18);
    expect_end(rig, 3, -EINVAL, 0);
    submit_control(rig, 4, halt, true, 0); /* without data the direction means nothing */
    expect_end(rig, 4, 0, 0);
    submit_control(rig, 5, (const uint8_t[8]){0x80, 6, 0, 7, 0, 0, 18, 0}, true, 18);
    expect_end(rig, 5, -EPIPE, 0);
    close_rig(rig);
}
END_TEST

START_TEST(the_host_follows_an_address_and_a_reset_of_the_port)
{
    static const uint8_t address[8] = {0x00, 5, 77, 0, 0, 0, 0, 0}, reset[8] = {0x23, 3, 4, 0, 1, 0, 0, 0};
    static const uint8_t configuration[8] = {0x80, 8, 0, 0, 0, 0, 1, 0};
    struct rig *rig = open_configured();
    submit(rig, 1, false, 10);
    expect_end(rig, 1, 0, 10);
    submit_control(rig, 2, address, false, 0);
    expect_end(rig, 2, 0, 0);
    ck_assert_uint_eq(rig->port.host.address, 77);
    submit(rig, 3, false, 10);
    expect_end(rig, 3, 0, 10);
    submit(rig, 4, false, 10);
    expect_end(rig, 4, 0, 10);
    submit(rig, 5, true, 100); /* waits, and is there after the reset */
    submit_control(rig, 6, reset, false, 0);
    expect_end(rig, 6, 0, 0);
    submit_control(rig, 7, configuration, true, 1);
    struct usb_urb *urb = expect(rig, 7, 0, 1);
    ck_assert_uint_eq(urb->data[0], 1);
    free(urb);
    submit(rig, 8, false, 10);
    expect_end(rig, 8, 0, 10);
    rig->give_size = 30;
    expect_bytes(rig, 5, 0, 30, 0);
    ck_assert_uint_eq(rig->taken_size, 40);
    close_rig(rig);
}
END_TEST

START_TEST(a_reset_forgets_transfers_and_configuration)
{
    struct rig *rig = open_configured();
    uint8_t byte = 0xff;
    submit(rig, 1, true, 100);
    submit(rig, 2, false, 0);
    expect_end(rig, 2, 0, 0);
    ck_assert(usb_port_reset(&rig->port));
    ck_assert_uint_eq(rig->port.count + rig->port.bytes, 0);
    ck_assert_int_eq(usb_port_control(&rig->port, (struct usb_setup){0x80, 8, 0, 0, 1}, &byte), 1);
    ck_assert_uint_eq(byte, 0);
    configure(rig);
    submit(rig, 3, false, 10);
    expect_end(rig, 3, 0, 10);
    close_rig(rig);
}
END_TEST

START_TEST(a_serial_number_is_written_over_the_one_of_the_build)
{
    uint8_t bytes[64];
    struct rig *rig = open_rig("7");
    ck_assert_int_eq(usb_port_control(&rig->port, (struct usb_setup){0x80, 6, 0x0303, 0x0409, 64}, bytes), 4);
    ck_assert_mem_eq(bytes, "\x04\x03\x37\x00", 4);
    close_rig(rig);
    struct usb_port port;
    ck_assert(!usb_port_open(&port, &usb_model_link, 1, 30, "77"));
    ck_assert(!usb_port_open(&port, &usb_model_link, 1, 30, ""));
    ck_assert(!usb_port_open(&port, &usb_model_link, 1, 30, "\n"));
}
END_TEST

/* ---- cancelling ---- */

START_TEST(a_cancelled_transfer_vanishes_or_tells_what_it_has_carried)
{
    struct rig *rig = open_configured();
    submit(rig, 1, true, 1000);
    submit(rig, 2, true, 1000);
    pass(rig, MILLISECOND);
    ck_assert(usb_port_cancel(&rig->port, 1));
    ck_assert(!usb_port_cancel(&rig->port, 1));
    rig->give_size = 70;
    expect_bytes(rig, 2, 0, 70, 0);
    rig->deaf = true; /* the buffer of 256 bytes fills, the rest waits */
    submit(rig, 3, false, 1000);
    submit(rig, 4, false, 10);
    pass(rig, 2 * MILLISECOND);
    ck_assert(!usb_port_cancel(&rig->port, 3));
    struct usb_urb *urb = usb_port_finished(&rig->port);
    ck_assert(urb && urb->id == 3 && urb->status == -ECONNRESET);
    ck_assert(urb->done > 0 && urb->done < 1000);
    const size_t done = urb->done;
    free(urb);
    rig->deaf = false;
    expect_end(rig, 4, 0, 10);
    pass(rig, MILLISECOND);
    ck_assert_uint_eq(rig->taken_size, done + 10);
    ck_assert_uint_eq(rig->port.count + rig->port.bytes, 0);
    close_rig(rig);
}
END_TEST

/* ---- sleep ---- */

START_TEST(no_time_need_pass_when_nothing_can_happen)
{
    struct rig *rig = open_configured();
    ck_assert(!usb_port_awake(&rig->port));
    submit(rig, 1, true, 100);
    ck_assert(usb_port_awake(&rig->port));
    pass(rig, MILLISECOND);
    ck_assert(!usb_port_awake(&rig->port)); /* put off, by a device that has been silent since power-up */
    submit(rig, 2, false, 100);
    ck_assert(usb_port_awake(&rig->port));
    expect_end(rig, 2, 0, 100);
    ck_assert(usb_port_awake(&rig->port)); /* it may have an answer */
    const usb_time begin = rig->port.bus.now;
    while (usb_port_awake(&rig->port))
        pass(rig, MILLISECOND);
    ck_assert(rig->port.bus.now - begin > 140 * MILLISECOND * USB_MICROSECOND); /* 2^22 cycles at 30 MHz */
    close_rig(rig);
}
END_TEST

/* ---- anything ---- */

struct score {
    struct espalier_random random;
    struct rig *rig;
    uint32_t submitted, ended;
    uint32_t next[2];     /* the id that ends next, [in] */
    bool vanished[10000]; /* cancelled before it carried anything */
    size_t out, in;       /* bytes carried */
    uint8_t out_bytes[STREAM_BYTES];
};

static void note_end(struct score *score, struct usb_urb *urb)
{
    const bool in = urb->id % 2;
    while (score->vanished[score->next[in]])
        score->next[in] += 2;
    ck_assert_uint_eq(urb->id, score->next[in]); /* in order within a pipe */
    score->next[in] += 2;
    score->ended++;
    ck_assert_uint_le(urb->done, urb->length);
    if (in) {
        ck_assert_mem_eq(urb->data, score->rig->give + score->in, urb->done);
        score->in += urb->done;
        const bool odd = urb->length == 0 || urb->length % PACKET > 0, overflow = urb->status == -EOVERFLOW && odd;
        ck_assert_msg(overflow || urb->status == 0 || (urb->status == -ECONNRESET && urb->packets > 0), "%d",
                      urb->status);
    } else {
        memcpy(score->out_bytes + score->out, urb->data, urb->done);
        score->out += urb->done;
        ck_assert(urb->status == 0 ? urb->done == urb->length : urb->status == -ECONNRESET && urb->packets > 0);
    }
    free(urb);
}

static void submit_random(struct score *score, uint32_t ids[2])
{
    const bool in = espalier_random_below(&score->random, 2);
    struct usb_urb *urb = bulk(ids[in], in, espalier_random_below(&score->random, 300));
    urb->empty_end = espalier_random_below(&score->random, 2);
    ids[in] += 2;
    score->submitted++;
    usb_port_submit(&score->rig->port, urb);
}

static void do_something(struct score *score, uint32_t ids[2])
{
    struct rig *rig = score->rig;
    const bool in = espalier_random_below(&score->random, 2);
    const uint32_t id = ids[in] - 2 * espalier_random_below(&score->random, 4);
    switch (espalier_random_below(&score->random, 6)) {
    case 0:
    case 1:
        submit_random(score, ids);
        break;
    case 2:
        if (id < 10000 && usb_port_cancel(&rig->port, id)) {
            score->vanished[id] = true;
            score->ended++;
        }
        break;
    case 3:
        rig->give_size += rig->give_size < STREAM_BYTES - 200 ? espalier_random_below(&score->random, 200) : 0;
        break;
    case 4:
        rig->deaf = !rig->deaf;
        break;
    default:
        pass(rig, espalier_random_below(&score->random, 500));
    }
    for (struct usb_urb *urb; (urb = usb_port_finished(&rig->port));)
        note_end(score, urb);
}

START_TEST(no_byte_is_lost_or_carried_twice_whatever_is_cancelled)
{
    struct score *score = calloc(1, sizeof *score);
    ck_assert(score);
    espalier_random_seed(&score->random, test_seed() + 5);
    score->rig = open_configured();
    score->next[1] = 1;
    uint32_t ids[2] = {0, 1};
    for (uint32_t n = 0; n < test_scale(4000) && ids[0] < 9990 && ids[1] < 9990; n++)
        do_something(score, ids);
    struct rig *rig = score->rig;
    rig->deaf = false;
    rig->give_size = STREAM_BYTES;
    for (unsigned n = 0; n < 1000 && rig->port.count > 0; n++) {
        pass(rig, MILLISECOND);
        for (struct usb_urb *urb; (urb = usb_port_finished(&rig->port));)
            note_end(score, urb);
    }
    pass(rig, MILLISECOND);
    ck_assert_uint_eq(score->ended, score->submitted);
    ck_assert_uint_eq(rig->port.count + rig->port.bytes, 0);
    ck_assert_uint_eq(rig->taken_size, score->out);
    ck_assert_mem_eq(rig->taken, score->out_bytes, score->out);
    printf("usb_port: %u transfers, %zu bytes out, %zu in\n", score->submitted, score->out, score->in);
    ck_assert(score->out > 0 && score->in > 0);
    close_rig(rig);
    free(score);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_transfer_in_ends_when_it_is_full_or_with_a_short_packet,
        a_short_packet_is_a_failure_where_none_is_wanted,
        what_a_transfer_has_no_room_for_is_not_lost,
        an_empty_packet_follows_a_full_one_only_if_wanted,
        a_halted_pipe_fails_all_transfers_until_it_is_cleared,
        nobody_answers_for_an_endpoint_that_is_not_there,
        a_request_that_contradicts_its_transfer_is_refused,
        the_host_follows_an_address_and_a_reset_of_the_port,
        a_reset_forgets_transfers_and_configuration,
        a_serial_number_is_written_over_the_one_of_the_build,
        a_cancelled_transfer_vanishes_or_tells_what_it_has_carried,
        no_time_need_pass_when_nothing_can_happen,
        no_byte_is_lost_or_carried_twice_whatever_is_cancelled,
    };
    return test_run("usb_port", tests, sizeof tests / sizeof tests[0]);
}
