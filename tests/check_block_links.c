/* The links of rtl/link that sample their pins: byte_fifo against a queue, uart against a line of another rate,
 * spi_slave against a master written from its header. USB has its own programs, check_usb_*.c. */
#include "blocks/block.h"
#include "support/serial.h"
#include "support/support.h"

#include <espalier/spi.h>
#include <string.h>

/* ---- byte_fifo ---- */

START_TEST(byte_fifo_keeps_bytes_in_order_and_tells_what_it_holds)
{
    static uint8_t bytes[1 << 16];
    struct block block = {0};
    while (block_next(&block, "byte_fifo")) {
        const uint32_t depth = block_parameter(&block, "DEPTH");
        uint32_t written = 0, taken = 0;
        double write = 0.5, read = 0.5;
        for (uint32_t n = 0; n < test_scale(60000); n++) {
            if (n % 1000 == 0) {
                write = espalier_random_uniform(&block.random);
                read = espalier_random_uniform(&block.random);
            }
            const bool writes = block_chance(&block, write), reads = block_chance(&block, read);
            const bool full = block_get(&block, "o_full"), valid = block_get(&block, "o_valid");
            const uint32_t held = (uint32_t)block_get(&block, "o_held");
            ck_assert_uint_eq(held + valid, written - taken);
            ck_assert(full == (held == depth));
            if (valid)
                block_expect(&block, "o_data", bytes[taken % sizeof bytes]);
            block_set(&block, "i_write", writes);
            const uint8_t data = (uint8_t)block_draw(&block, "i_data");
            block_set(&block, "i_ready", reads);
            if (writes && !full)
                bytes[written++ % sizeof bytes] = data;
            taken += reads && valid;
            block_clock(&block);
        }
        ck_assert_uint_gt(taken, 0);
    }
}
END_TEST

/* ---- uart ---- */

/* Both ways at once, with flow control both ways: nothing lost, whatever the rates. */
static void uart_exchange(struct block *block, double rate, bool flow, double take)
{
    static uint8_t in[4096], out[4096];
    const unsigned divider = block_parameter(block, "DIVIDER"), margin = block_parameter(block, "MARGIN");
    const unsigned count = divider > 50 ? 60 : test_scale(600);
    struct serial line = serial_idle(divider * rate);
    unsigned sent = 0, got = 0, given = 0, heard = 0, late = 0;
    bool offered = false, cts_n = true;
    unsigned hold = 0;
    for (unsigned n = 0; n < count; n++) {
        in[n] = (uint8_t)block_below(block, 256);
        out[n] = (uint8_t)block_below(block, 256);
    }
    for (uint64_t cycle = 0; got < count || heard < count; cycle++) {
        bool began;
        ck_assert_msg(cycle < 4000000, "%u of %u in, %u of %u out", got, count, heard, count);
        const bool stopped = flow && block_get(block, "o_rts_n");
        late = stopped ? late : 0; /* a chip sends a few more bytes once it has been told to stop */
        const bool may = sent < count && (!stopped || late < margin - 2);
        block_set(block, "i_rx", serial_send(&line, (double)cycle, may ? in[sent] : SERIAL_NOTHING, &began));
        sent += began;
        late += began && stopped;
        if (hold-- == 0) {
            cts_n = flow && block_chance(block, 0.5);
            hold = block_below(block, 30 * divider);
        }
        block_set(block, "i_cts_n", cts_n);
        offered = offered || (given < count && block_chance(block, 0.5));
        block_set(block, "i_valid", offered && given < count);
        block_set(block, "i_data", given < count ? out[given] : 0);
        const bool takes = block_chance(block, take);
        block_set(block, "i_ready", takes);
        if (block_get(block, "o_valid") && takes) {
            ck_assert_uint_lt(got, count);
            block_expect(block, "o_data", in[got++]);
        }
        if (offered && given < count && block_get(block, "o_ready")) {
            given++;
            offered = false;
        }
        block_expect(block, "o_overrun", 0);
        block_expect(block, "o_broken", 0);
        block_clock(block);
        const int byte = serial_hear(&line, (double)cycle, block_get(block, "o_tx"));
        ck_assert_msg(byte >= 0 || byte == SERIAL_NOTHING, "a start or stop bit that is none: %d", byte);
        if (byte >= 0) {
            ck_assert_uint_lt(heard, given);
            ck_assert_uint_eq((unsigned)byte, out[heard++]);
        }
    }
}

START_TEST(uart_moves_bytes_both_ways_at_rates_3_percent_apart)
{
    struct block block = {0};
    while (block_next(&block, "uart")) {
        const double worst =
            block_parameter(&block, "DIVIDER") < 8 ? 0.01 : 0.03; /* a coarse count of cycles takes its share */
        block_set(&block, "i_rx", 1);
        block_clock(&block);
        for (unsigned n = 0; n < 3; n++)
            uart_exchange(&block, 1 + worst * ((double)n - 1), false, 1);
    }
}
END_TEST

START_TEST(uart_with_flow_control_loses_nothing)
{
    struct block block = {0};
    while (block_next(&block, "uart")) {
        block_set(&block, "i_rx", 1);
        block_clock(&block);
        uart_exchange(&block, 1, true, 0.3 / (10.0 * block_parameter(&block, "DIVIDER")));
    }
}
END_TEST

START_TEST(uart_drops_broken_bytes_and_noise_and_tells_of_overruns)
{
    struct block block = {0};
    while (block_next(&block, "uart")) {
        const unsigned divider = block_parameter(&block, "DIVIDER"), depth = block_parameter(&block, "DEPTH");
        block_set(&block, "i_rx", 1);
        for (unsigned n = 0; n < 4; n++)
            block_clock(&block);
        /* noise shorter than half a bit */
        block_set(&block, "i_rx", 0);
        for (unsigned n = 0; n < (divider - 1) / 2; n++)
            block_clock(&block);
        block_set(&block, "i_rx", 1);
        for (unsigned n = 0; n < 12 * divider; n++, block_clock(&block))
            ck_assert(!block_get(&block, "o_valid") && !block_get(&block, "o_broken"));
        /* broken, then depth + 2 good ones that nobody takes: one is at the output, one is lost */
        unsigned broken = 0, lost = 0;
        for (unsigned byte = 0; byte < depth + 3; byte++) {
            struct serial line = serial_idle(divider);
            bool began;
            line.stop = byte > 0;
            for (unsigned cycle = 0; cycle < 12 * divider; cycle++) {
                block_set(&block, "i_rx",
                          serial_send(&line, cycle, cycle == 0 ? (int)(byte & 0xff) : SERIAL_NOTHING, &began));
                block_clock(&block);
                broken += (unsigned)block_get(&block, "o_broken");
                lost += (unsigned)block_get(&block, "o_overrun");
            }
        }
        ck_assert_uint_eq(broken, 1);
        ck_assert_uint_eq(lost, 1);
        block_expect(&block, "o_rts_n", 1);
        block_set(&block, "i_ready", 1);
        for (unsigned n = 0; n <= depth; n++, block_clock(&block)) {
            block_expect(&block, "o_valid", 1);
            block_expect(&block, "o_data", (n + 1) & 0xff);
        }
        block_expect(&block, "o_valid", 0);
    }
}
END_TEST

/* ---- spi_slave ---- */

enum { SPI_BYTES = 20000 };

struct spi {
    struct block *block;
    double take, give;                     /* chances in a cycle */
    uint8_t out[SPI_BYTES], in[SPI_BYTES]; /* for the device; and from it */
    unsigned out_taken, in_given;
};

/* Cycles in which the streams move. */
static void spi_cycles(struct spi *spi, unsigned cycles)
{
    struct block *block = spi->block;
    for (; cycles > 0; cycles--) {
        const bool takes = block_chance(block, spi->take),
                   gives = spi->in_given < SPI_BYTES && block_chance(block, spi->give);
        block_set(block, "i_ready", takes);
        block_set(block, "i_valid", gives);
        block_set(block, "i_data", spi->in[gives ? spi->in_given : 0]);
        if (takes && block_get(block, "o_valid"))
            block_expect(block, "o_data", spi->out[spi->out_taken++]);
        spi->in_given += gives && block_get(block, "o_ready");
        block_clock(block);
    }
}

static uint8_t spi_byte(struct spi *spi, uint8_t out, unsigned half, unsigned bits)
{
    uint8_t in = 0;
    for (unsigned bit = 0; bit < bits; bit++) {
        block_set(spi->block, "i_mosi", out >> (7 - bit) & 1);
        spi_cycles(spi, half);
        in = (uint8_t)(in << 1 | block_get(spi->block, "o_miso"));
        block_set(spi->block, "i_sck", 1);
        spi_cycles(spi, half);
        block_set(spi->block, "i_sck", 0);
    }
    return in;
}

/* Sends as many bytes as there is room for, and @p excess more; returns the former. i_cs_n is low, and then high. */
static unsigned spi_send_all(struct spi *spi, unsigned sent, unsigned excess)
{
    const unsigned half = 5, room = spi_byte(spi, 0, half, 8);
    spi_byte(spi, 0, half, 8);
    spi_byte(spi, (uint8_t)(room + excess), half, 8);
    for (unsigned n = 0; n < room + excess; n++)
        spi_byte(spi, n < room ? spi->out[sent + n] : 0xEE, half, 8);
    spi_cycles(spi, 8);
    block_set(spi->block, "i_cs_n", 1);
    spi_cycles(spi, 8);
    return room;
}

START_TEST(spi_slave_takes_no_more_than_it_said_it_would)
{
    struct block block = {0};
    while (block_next(&block, "spi_slave")) {
        static struct spi spi;
        unsigned sent = 0;
        memset(&spi, 0, sizeof spi);
        spi.block = &block;
        for (unsigned n = 0; n < SPI_BYTES; n++)
            spi.out[n] = (uint8_t)block_below(&block, 128); /* 0xEE is none of them */
        block_set(&block, "i_cs_n", 1);
        spi_cycles(&spi, 8);
        for (unsigned when = 0; when < 8; when++) { /* the cycle in which a full buffer gets room for one more byte */
            unsigned room = 1;
            while (room > 0) {
                block_set(&block, "i_cs_n", 0);
                spi_cycles(&spi, 8);
                room = spi_send_all(&spi, sent, 0);
                sent += room;
            }
            block_set(&block, "i_cs_n", 0);
            spi_cycles(&spi, when);
            spi.take = 1;
            spi_cycles(&spi, 1);
            spi.take = 0;
            spi_cycles(&spi, 8 - when);
            sent += spi_send_all(&spi, sent, 1);
            spi.take = 1;
            spi_cycles(&spi, block_parameter(&block, "DEPTH") + 8);
            spi.take = 0;
            ck_assert_uint_eq(spi.out_taken, sent);
        }
    }
}
END_TEST

START_TEST(spi_slave_moves_bytes_as_its_header_says)
{
    struct block block = {0};
    while (block_next(&block, "spi_slave")) {
        static struct spi spi;
        memset(&spi, 0, sizeof spi);
        spi.block = &block;
        unsigned sent = 0, received = 0, full = 0, empty = 0;
        for (unsigned n = 0; n < SPI_BYTES; n++) {
            spi.out[n] = (uint8_t)block_below(&block, 256);
            spi.in[n] = (uint8_t)block_below(&block, 256);
        }
        block_set(&block, "i_cs_n", 1);
        spi_cycles(&spi, 8);
        for (uint32_t transfer = 0; transfer < 300 && sent < SPI_BYTES - 300 && received < SPI_BYTES - 300;
             transfer++) {
            if (transfer % 20 == 0) { /* the first time nothing is taken, the second time nothing given */
                spi.take =
                    transfer == 0 || block_chance(&block, 0.3) ? 0 : 0.2 * espalier_random_uniform(&block.random);
                spi.give =
                    transfer == 20 || block_chance(&block, 0.3) ? 0 : 0.2 * espalier_random_uniform(&block.random);
            }
            const unsigned half = 5 + block_below(&block, 4);
            block_set(&block, "i_cs_n", 0);
            block_expect(&block, "o_miso_oe", 0);
            spi_cycles(&spi, 8);
            block_expect(&block, "o_miso_oe", 1);
            const unsigned room = spi_byte(&spi, 0xA5, half, 8), there = spi_byte(&spi, 0x5A, half, 8);
            /* now and then more than there is room for */
            const bool greedy = room < 255 && block_chance(&block, 0.2);
            const unsigned wanted = greedy ? room + 1 : block_below(&block, room + 1),
                           told = wanted < room ? wanted : room;
            ck_assert_uint_eq(spi_byte(&spi, (uint8_t)wanted, half, 8), ESPALIER_SPI_MARK);
            full += room == 0;
            empty += there == 0;
            const unsigned length = block_chance(&block, 0.2) ? block_below(&block, 30)
                                    : wanted > there          ? wanted
                                                              : there;
            for (unsigned n = 0; n < length + 2; n++) {
                const uint8_t got = spi_byte(&spi, n < told ? spi.out[sent + n] : 0xEE, half, 8);
                ck_assert_uint_eq(got, n < there ? spi.in[received + n] : 0);
            }
            if (block_chance(&block, 0.3)) /* broken off inside a byte: it does not count */
                spi_byte(&spi, 0xEE, half, 1 + block_below(&block, 7));
            spi_cycles(&spi, 8);
            block_set(&block, "i_cs_n", 1);
            sent += told < length + 2 ? told : length + 2;
            received += there < length + 2 ? there : length + 2;
            spi_cycles(&spi, 8 + block_below(&block, 200));
            ck_assert_uint_le(spi.out_taken, sent);
        }
        spi.take = 1;
        spi_cycles(&spi, 2000);
        ck_assert_uint_eq(spi.out_taken, sent);
        ck_assert(sent > 0 && received > 0 && full > 0 && empty > 0);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        byte_fifo_keeps_bytes_in_order_and_tells_what_it_holds,
        uart_moves_bytes_both_ways_at_rates_3_percent_apart,
        uart_with_flow_control_loses_nothing,
        uart_drops_broken_bytes_and_noise_and_tells_of_overruns,
        spi_slave_takes_no_more_than_it_said_it_would,
        spi_slave_moves_bytes_as_its_header_says,
    };
    return test_run("block_links", tests, sizeof tests / sizeof tests[0]);
}
