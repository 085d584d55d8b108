/* The bridge (firmware/bridge) between a host that does as it likes and a model of the device: byte streams both ways,
 * faults of the line, of the FPGA and of the bus, and the way back from each. */
#include "firmware/fpga.h"
#include "firmware/slave.h"
#include "firmware/usb_side.h"
#include "support/support.h"

#include "identity.h"
#include "stored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM = 20000, ROOM = STREAM + 4096, BITSTREAM = 3000 };

struct bench {
    struct espalier_random random;
    uint8_t area[STORED_HEADER_BYTES + BITSTREAM];
    uint8_t out[STREAM], in[STREAM];           /* what the host sends, what the device gives */
    uint8_t out_taken[ROOM], in_fetched[ROOM]; /* what arrives */
    struct fpga fpga;
    struct slave slave;
    struct supervisor_ports ports;
    struct supervisor supervisor;
    struct usb_side host;
    struct endpoint_port endpoints;
    struct pipes pipes;
};

static uint32_t below(struct bench *bench, uint32_t bound)
{
    return espalier_random_below(&bench->random, bound);
}

static bool chance(struct bench *bench, double chance)
{
    return espalier_random_uniform(&bench->random) < chance;
}

static void draw_bytes(struct bench *bench, uint8_t *bytes, size_t size)
{
    for (size_t n = 0; n < size; n++)
        bytes[n] = (uint8_t)below(bench, 256);
}

/* Power on, with a good bitstream; the host has configured the device. */
static void plug_in(struct bench *bench, uint64_t seed, size_t depth)
{
    uint8_t *bitstream = bench->area + STORED_HEADER_BYTES;
    espalier_random_seed(&bench->random, seed);
    draw_bytes(bench, bitstream, BITSTREAM);
    draw_bytes(bench, bench->out, STREAM);
    draw_bytes(bench, bench->in, STREAM);
    stored_header(bitstream, BITSTREAM, bench->area);
    fpga_power_up(&bench->fpga, bitstream, BITSTREAM);
    slave_power_up(&bench->slave, &bench->random, depth, bench->out_taken, bench->in, STREAM);
    bench->ports = (struct supervisor_ports){.spi = slave_port(&bench->slave),
                                             .config = fpga_config_port(&bench->fpga),
                                             .clock = fpga_clock_port(&bench->fpga)};
    supervisor_start(&bench->supervisor, &bench->ports, bench->area, sizeof bench->area);
    bench->endpoints = usb_side_port(&bench->host);
    pipes_init(&bench->pipes, &bench->supervisor, &bench->endpoints);
    usb_side_plug_in(&bench->host, &bench->pipes, bench->out, STREAM, bench->in_fetched);
    pipes_open(&bench->pipes);
}

static struct bench *new_bench(void)
{
    struct bench *bench = malloc(sizeof *bench);
    ck_assert_ptr_nonnull(bench);
    return bench;
}

static void step(struct bench *bench)
{
    pipes_step(&bench->pipes);
    supervisor_step(&bench->supervisor, false);
}

/* @return whether the condition comes within a number of milliseconds */
static bool await(struct bench *bench, enum condition condition, unsigned milliseconds)
{
    const uint64_t deadline = bench->fpga.nanoseconds + milliseconds * UINT64_C(1000000);
    while (bench->supervisor.condition != condition && bench->fpga.nanoseconds < deadline)
        step(bench);
    pipes_step(&bench->pipes);
    return bench->supervisor.condition == condition;
}

static void check_streams(const struct bench *bench)
{
    ck_assert_uint_eq(bench->slave.taken_size, bench->host.sent);
    ck_assert_uint_eq(bench->host.fetched_size, bench->slave.given_size);
    ck_assert_mem_eq(bench->out_taken, bench->out, bench->host.sent);
    ck_assert_mem_eq(bench->in_fetched, bench->in, bench->slave.given_size);
}

/* Everything that is under way arrives, and the host's last transfer has come to its end. */
static void drain(struct bench *bench)
{
    bench->slave.take = 1;
    for (unsigned idle = 0, n = 0; idle < 20; idle++) {
        ck_assert_uint_lt(n++, 100000);
        step(bench);
        slave_run(&bench->slave, 300);
        if (usb_side_fetch(&bench->host) || bench->slave.taken_size < bench->host.sent)
            idle = 0;
    }
    check_streams(bench);
    ck_assert_uint_lt(bench->host.last, ESPALIER_USB_PACKET);
}

/* ---- streams ---- */

struct habits {
    double send, fetch, reset, halt, run;
    uint32_t packet;
};

static void draw_habits(struct bench *bench, struct habits *habits)
{
    *habits =
        (struct habits){.send = espalier_random_uniform(&bench->random),
                        .fetch = chance(bench, 0.2) ? 0 : espalier_random_uniform(&bench->random),
                        .reset = chance(bench, 0.3) ? 0.02 : 0,
                        .halt = chance(bench, 0.3) ? 0.05 : 0,
                        .run = espalier_random_uniform(&bench->random),
                        .packet = chance(bench, 0.5) ? ESPALIER_USB_PACKET : 1 + below(bench, ESPALIER_USB_PACKET)};
    bench->slave.take = chance(bench, 0.2) ? 0 : espalier_random_uniform(&bench->random);
    bench->slave.give = chance(bench, 0.2) ? 0 : espalier_random_uniform(&bench->random);
}

static void disturb(struct bench *bench, const struct habits *habits)
{
    if (chance(bench, habits->reset))
        usb_side_reset(&bench->host);
    if (!chance(bench, habits->halt))
        return;
    const bool in = chance(bench, 0.5);
    if (chance(bench, 0.5)) /* a halt may be cleared that was none: the toggle begins anew */
        usb_side_set_halt(&bench->host, in);
    step(bench);
    usb_side_clear_halt(&bench->host, in);
}

static void exchange(struct bench *bench, unsigned steps)
{
    struct habits habits;
    draw_habits(bench, &habits);
    for (unsigned n = 0; n < steps; n++) {
        pipes_step(&bench->pipes);
        if (chance(bench, habits.send))
            usb_side_send(&bench->host,
                          habits.packet == ESPALIER_USB_PACKET ? habits.packet : below(bench, habits.packet + 1));
        if (chance(bench, habits.fetch))
            usb_side_fetch(&bench->host);
        disturb(bench, &habits);
        supervisor_step(&bench->supervisor, chance(bench, 0.01));
        slave_run(&bench->slave, (unsigned)(400 * habits.run));
        ck_assert(!supervisor_faulty(&bench->supervisor));
    }
}

START_TEST(streams_arrive_whole_whatever_the_timing)
{
    struct bench *bench = new_bench();
    size_t most_sent = 0, most_given = 0;
    for (uint32_t n = 0; n < test_scale(100); n++) {
        plug_in(bench, test_seed() + n, (size_t)4 << n % 10);
        ck_assert(await(bench, CONDITION_RUNNING, 1000));
        for (unsigned stretch = 0; stretch < 8; stretch++)
            exchange(bench, 100);
        drain(bench);
        most_sent = bench->host.sent > most_sent ? bench->host.sent : most_sent;
        most_given = bench->slave.given_size > most_given ? bench->slave.given_size : most_given;
    }
    ck_assert_uint_gt(most_sent, RING_BYTES); /* around the ring's end, both */
    ck_assert_uint_gt(most_given, RING_BYTES);
    free(bench);
}
END_TEST

START_TEST(noise_on_headers_loses_nothing)
{
    struct bench *bench = new_bench();
    for (uint32_t n = 0; n < test_scale(50); n++) {
        plug_in(bench, test_seed() + n, 512);
        bench->slave.noise = 0.05;
        ck_assert(await(bench, CONDITION_RUNNING, 1000));
        for (unsigned stretch = 0; stretch < 8; stretch++)
            exchange(bench, 100);
        bench->slave.noise = 0;
        drain(bench);
    }
    free(bench);
}
END_TEST

START_TEST(a_host_that_does_not_fetch_holds_the_device_back)
{
    struct bench *bench = new_bench();
    plug_in(bench, test_seed(), 512);
    ck_assert(await(bench, CONDITION_RUNNING, 1000));
    bench->slave.give = 1;
    for (unsigned n = 0; n < 1000; n++) {
        step(bench);
        slave_run(&bench->slave, 300);
    }
    /* the ring, the slave's own, and the packet on offer, which may be a short one */
    ck_assert_uint_gt(bench->slave.given_size, RING_BYTES + 512);
    ck_assert_uint_le(bench->slave.given_size, RING_BYTES + 512 + ESPALIER_USB_PACKET);
    drain(bench);
    free(bench);
}
END_TEST

START_TEST(a_device_that_does_not_take_holds_the_host_back)
{
    struct bench *bench = new_bench();
    plug_in(bench, test_seed(), 512);
    ck_assert(await(bench, CONDITION_RUNNING, 1000));
    bench->slave.take = 0;
    for (unsigned n = 0; n < 1000; n++) {
        step(bench);
        usb_side_send(&bench->host, ESPALIER_USB_PACKET);
    }
    ck_assert_ptr_null(bench->host.receiving);
    ck_assert_uint_gt(bench->host.sent, RING_BYTES);
    ck_assert_uint_le(bench->host.sent, RING_BYTES + 512);
    bench->slave.take = 1;
    drain(bench);
    free(bench);
}
END_TEST

START_TEST(a_full_packet_is_followed_by_an_empty_one_and_no_other_is)
{
    struct bench *bench = new_bench();
    for (size_t size = 1; size <= 3 * ESPALIER_USB_PACKET; size++) {
        plug_in(bench, test_seed() + size, 512);
        bench->slave.given_most = 0; /* not a byte before it is time */
        ck_assert(await(bench, CONDITION_RUNNING, 1000));
        bench->slave.given_most = size;
        bench->slave.give = 1;
        slave_run(&bench->slave, (unsigned)size);
        step(bench);
        step(bench);
        for (size_t packet = 0; packet < size / ESPALIER_USB_PACKET; packet++, step(bench)) {
            ck_assert(usb_side_fetch(&bench->host));
            ck_assert_uint_eq(bench->host.last, ESPALIER_USB_PACKET);
        }
        ck_assert(usb_side_fetch(&bench->host));
        ck_assert_uint_eq(bench->host.last, size % ESPALIER_USB_PACKET);
        step(bench);
        ck_assert(!usb_side_fetch(&bench->host));
    }
    free(bench);
}
END_TEST

START_TEST(nothing_moves_while_the_bus_sleeps)
{
    struct bench *bench = new_bench();
    plug_in(bench, test_seed(), 512);
    ck_assert(await(bench, CONDITION_RUNNING, 1000));
    usb_side_send(&bench->host, 64);
    const uint64_t before = bench->slave.transfers;
    for (unsigned n = 0; n < 100; n++)
        supervisor_step(&bench->supervisor, true);
    ck_assert_uint_eq(bench->slave.transfers, before);
    drain(bench);
    free(bench);
}
END_TEST

/* ---- faults ---- */

static void check_product(const struct bench *bench, const char *expected)
{
    uint8_t string[IDENTITY_STRING_BYTES];
    char text[IDENTITY_STRING_BYTES] = "";
    const size_t size = identity_string(2, bench->supervisor.condition, "", string);
    for (size_t n = 2; n < size; n += 2)
        text[n / 2 - 1] = (char)string[n];
    ck_assert_str_eq(text, expected);
}

/* The host learns of the fault, and cannot clear it away. */
static void check_halted(struct bench *bench)
{
    for (unsigned in = PIPE_OUT; in <= PIPE_IN; in++) {
        ck_assert(bench->host.halted[in]);
        usb_side_clear_halt(&bench->host, in == PIPE_IN);
        pipes_step(&bench->pipes);
        ck_assert(bench->host.halted[in]);
    }
    ck_assert(!usb_side_send(&bench->host, 1) && !usb_side_fetch(&bench->host));
}

/* Once mended, all is as after power on: within two seconds, and with nothing of the old session. */
static void check_recovery(struct bench *bench)
{
    const unsigned configured = bench->fpga.configured;
    ck_assert(await(bench, CONDITION_LOADING, 2000));
    slave_power_up(&bench->slave, &bench->random, 512, bench->out_taken, bench->in, STREAM);
    ck_assert(await(bench, CONDITION_RUNNING, 1000));
    ck_assert_uint_gt(bench->fpga.configured, configured);
    check_product(bench, "Espalier accelerator");
    usb_side_plug_in(&bench->host, &bench->pipes, bench->out, STREAM, bench->in_fetched);
    bench->host.halted[PIPE_OUT] = bench->host.halted[PIPE_IN] = true;
    step(bench);
    ck_assert(!usb_side_send(&bench->host, 64) && !usb_side_fetch(&bench->host)); /* before the halts are cleared */
    usb_side_clear_halt(&bench->host, false);
    usb_side_clear_halt(&bench->host, true);
    exchange(bench, 400);
    drain(bench);
}

START_TEST(a_bad_line_is_told_and_recovered_from)
{
    struct bench *bench = new_bench();
    for (uint32_t n = 0; n < test_scale(30); n++) {
        plug_in(bench, test_seed() + n, 512);
        ck_assert(await(bench, CONDITION_RUNNING, 1000));
        exchange(bench, below(bench, 200));
        const size_t fetched = bench->host.fetched_size;
        bench->slave.fault = SLAVE_STUCK_LOW + n % (SLAVE_FAULTS - SLAVE_STUCK_LOW);
        ck_assert(await(bench, CONDITION_NO_DEVICE, 100));
        check_product(bench, "Espalier accelerator (no answer on SPI)");
        check_halted(bench);
        if (bench->slave.fault != SLAVE_BABBLE) /* a chance hit of the mark in 256 is believed */
            ck_assert_uint_eq(bench->host.fetched_size, fetched);
        for (unsigned again = 0; again < 2; again++) { /* it is tried again, and told again */
            ck_assert(await(bench, CONDITION_LOADING, 2000));
            ck_assert(await(bench, CONDITION_NO_DEVICE, 2000));
            check_halted(bench);
        }
        bench->slave.fault = SLAVE_GOOD;
        check_recovery(bench);
    }
    free(bench);
}
END_TEST

START_TEST(an_fpga_that_does_not_configure_is_told_and_tried_again)
{
    static const struct {
        enum fpga_fault fault;
        enum condition condition;
        const char *product;
    } cases[] = {
        {FPGA_DEAD, CONDITION_NOT_DONE, "Espalier accelerator (CDONE stays low)"},
        {FPGA_DONE_STUCK, CONDITION_NOT_RESET, "Espalier accelerator (CDONE stays high)"},
    };
    struct bench *bench = new_bench();
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        plug_in(bench, test_seed() + n, 512);
        bench->fpga.fault = cases[n].fault;
        for (unsigned again = 0; again < 3; again++) {
            ck_assert(await(bench, cases[n].condition, 2000));
            check_product(bench, cases[n].product);
            check_halted(bench);
            ck_assert(bench->fpga.reset && !bench->fpga.taken); /* it drives nothing, and nothing is driven */
            ck_assert_uint_eq(bench->slave.transfers, 0);
            ck_assert(await(bench, CONDITION_LOADING, 2000));
        }
        bench->fpga.fault = FPGA_GOOD;
        check_recovery(bench);
    }
    free(bench);
}
END_TEST

START_TEST(a_lost_configuration_is_loaded_again)
{
    struct bench *bench = new_bench();
    plug_in(bench, test_seed(), 512);
    ck_assert(await(bench, CONDITION_RUNNING, 1000));
    exchange(bench, 50);
    bench->fpga.done = false; /* a dip of its supply */
    ck_assert(await(bench, CONDITION_LOST, 10));
    check_product(bench, "Espalier accelerator (CDONE fell)");
    check_halted(bench);
    check_recovery(bench);
    free(bench);
}
END_TEST

START_TEST(a_device_that_takes_nothing_for_longer_than_any_run_is_reset)
{
    struct bench *bench = new_bench();
    plug_in(bench, test_seed(), 16);
    ck_assert(await(bench, CONDITION_RUNNING, 1000));
    bench->slave.take = 0;
    for (unsigned n = 0; n < 10; n++) {
        step(bench);
        usb_side_send(&bench->host, 64);
    }
    for (unsigned seconds = 0; seconds < 380; seconds++) {
        if (seconds == 190) { /* one byte is enough of a sign of life */
            bench->slave.take = 1;
            slave_run(&bench->slave, 1);
            bench->slave.take = 0;
        }
        step(bench);
        bench->fpga.nanoseconds += UINT64_C(1000000000);
        ck_assert_int_eq(bench->supervisor.condition, CONDITION_RUNNING);
    }
    bench->fpga.nanoseconds += UINT64_C(20000000000);
    step(bench);
    ck_assert_int_eq(bench->supervisor.condition, CONDITION_HUNG);
    step(bench);
    check_product(bench, "Espalier accelerator (takes no bytes)");
    check_halted(bench);
    check_recovery(bench);
    free(bench);
}
END_TEST

START_TEST(the_host_waits_while_the_fpga_is_configured)
{
    struct bench *bench = new_bench();
    plug_in(bench, test_seed(), 512);
    while (bench->supervisor.condition == CONDITION_LOADING) {
        ck_assert(!usb_side_send(&bench->host, 64) && !usb_side_fetch(&bench->host));
        ck_assert(!bench->host.halted[PIPE_OUT] && !bench->host.halted[PIPE_IN]);
        check_product(bench, "Espalier accelerator (loading)");
        step(bench);
    }
    ck_assert_int_eq(bench->supervisor.condition, CONDITION_RUNNING);
    exchange(bench, 100);
    drain(bench);
    free(bench);
}
END_TEST

/* ---- the bitstream ---- */

START_TEST(a_damaged_bitstream_is_never_sent)
{
    struct bench *bench = new_bench();
    for (uint32_t n = 0; n < test_scale(400); n++) {
        plug_in(bench, test_seed() + n, 512);
        const uint32_t bit = n < 8 * STORED_HEADER_BYTES ? n : below(bench, 8 * sizeof bench->area);
        bench->area[bit / 8] ^= (uint8_t)(1u << bit % 8);
        supervisor_start(&bench->supervisor, &bench->ports, bench->area, sizeof bench->area);
        ck_assert_int_eq(bench->supervisor.condition, CONDITION_NO_BITSTREAM);
        step(bench);
    }
    check_product(bench, "Espalier accelerator (no bitstream)");
    check_halted(bench);
    ck_assert_uint_eq(bench->fpga.received, 0);
    free(bench);
}
END_TEST

START_TEST(a_bitstream_is_found_only_where_it_is_whole)
{
    uint8_t bitstream[64], area[STORED_HEADER_BYTES + sizeof bitstream];
    const uint8_t *found;
    size_t size;
    struct espalier_random random;
    espalier_random_seed(&random, test_seed());
    for (uint32_t n = 0; n < test_scale(1000); n++) {
        const size_t told = 1 + espalier_random_below(&random, sizeof bitstream);
        for (size_t b = 0; b < told; b++)
            area[STORED_HEADER_BYTES + b] = (uint8_t)espalier_random_bits(&random);
        stored_header(area + STORED_HEADER_BYTES, told, area);
        for (size_t room = 0; room <= sizeof area; room++) {
            const bool whole = room >= STORED_HEADER_BYTES + told;
            ck_assert(stored_find(area, room, &found, &size) == whole);
            if (whole)
                ck_assert(found == area + STORED_HEADER_BYTES && size == told);
        }
    }
}
END_TEST

START_TEST(the_checksum_is_the_one_of_zlib)
{
    uint8_t header[STORED_HEADER_BYTES];
    stored_header((const uint8_t *)"123456789", 9, header);
    ck_assert_mem_eq(header + 8, "\x09\0\0\0\x26\x39\xf4\xcb", 8); /* the published check value of CRC-32: CBF43926 */
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        streams_arrive_whole_whatever_the_timing,
        noise_on_headers_loses_nothing,
        a_host_that_does_not_fetch_holds_the_device_back,
        a_device_that_does_not_take_holds_the_host_back,
        a_full_packet_is_followed_by_an_empty_one_and_no_other_is,
        nothing_moves_while_the_bus_sleeps,
        a_bad_line_is_told_and_recovered_from,
        an_fpga_that_does_not_configure_is_told_and_tried_again,
        a_lost_configuration_is_loaded_again,
        a_device_that_takes_nothing_for_longer_than_any_run_is_reset,
        the_host_waits_while_the_fpga_is_configured,
        a_damaged_bitstream_is_never_sent,
        a_bitstream_is_found_only_where_it_is_whole,
        the_checksum_is_the_one_of_zlib,
    };
    return test_run("firmware_bridge", tests, sizeof tests / sizeof tests[0]);
}
