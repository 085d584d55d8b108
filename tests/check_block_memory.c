/* The memories of rtl/prim, rtl/array and rtl/core against arrays, and bit_window and crc32 against their definitions.
 */
#include "blocks/block.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Latencies of weight_memory, as its header gives them. All other blocks here answer after one cycle, or at once. */
enum {
    WEIGHT_SPACE = 1, /* o_space is that late */
    WEIGHT_FETCH = 2, /* a word becomes visible, or a run starts, until it is on offer */
};

/* ---- ram_1r1w ---- */

START_TEST(ram_1r1w_reads_what_was_written_and_holds_it)
{
    struct block block = {0};
    while (block_next(&block, "ram_1r1w")) {
        const uint32_t depth = block_parameter(&block, "DEPTH");
        uint64_t words[512], held = 0;
        bool written[512] = {false}, known = false;
        ck_assert_uint_le(depth, 512);
        for (uint32_t n = 0; n < test_scale(50000); n++) {
            const bool write = block_chance(&block, 0.5), read = block_chance(&block, 0.5);
            const uint32_t to = block_below(&block, depth), from = block_below(&block, depth);
            block_set(&block, "i_write", write);
            block_set(&block, "i_write_addr", to);
            uint64_t data = block_draw(&block, "i_write_data");
            block_set(&block, "i_read", read);
            block_set(&block, "i_read_addr", from);
            if (read) {
                held = words[from];
                known = written[from] && !(write && to == from);
            }
            if (write) {
                words[to] = data;
                written[to] = true;
            }
            block_clock(&block);
            if (known)
                block_expect(&block, "o_read_data", held);
        }
    }
}
END_TEST

/* ---- ram_single ---- */

START_TEST(ram_single_writes_bytes_by_mask_and_reads_otherwise)
{
    struct block block = {0};
    while (block_next(&block, "ram_single")) {
        const uint32_t depth = block_parameter(&block, "DEPTH");
        static uint8_t bytes[16384][2];
        static bool written[16384][2];
        memset(written, 0, sizeof written);
        for (uint32_t n = 0; n < test_scale(100000); n++) {
            /* mostly few addresses, among them the last one */
            const uint32_t at =
                block_chance(&block, 0.9) ? depth - 1 - block_below(&block, 5) : block_below(&block, depth);
            const bool write = block_chance(&block, 0.5);
            block_set(&block, "i_addr", at);
            block_set(&block, "i_write", write);
            uint64_t data = block_draw(&block, "i_write_data"), mask = block_draw(&block, "i_write_mask");
            block_clock(&block);
            for (unsigned b = 0; b < 2; b++)
                if (write && mask >> b & 1) {
                    bytes[at][b] = (uint8_t)(data >> 8 * b);
                    written[at][b] = true;
                } else if (!write && written[at][b])
                    block_expect_bits(&block, "o_read_data", 8 * b, 8, bytes[at][b]);
        }
    }
}
END_TEST

/* ---- activation_memory ---- */

START_TEST(activation_memory_reads_every_port_and_writes_only_the_slots_it_is_told)
{
    enum { WORDS = 64, SLOTS = 16 };
    struct block block = {0};
    while (block_next(&block, "activation_memory")) {
        const unsigned slots = block_parameter(&block, "POSITIONS"), ports = block_parameter(&block, "PORTS");
        const uint32_t words = block_parameter(&block, "WORDS");
        const bool single = block_parameter(&block, "SINGLE_PORT");
        uint8_t bytes[WORDS][SLOTS];
        bool written[WORDS][SLOTS] = {{false}};
        ck_assert(words > 32 && words <= WORDS && slots <= SLOTS);
        for (uint32_t n = 0; n < test_scale(20000); n++) {
            const bool write = block_chance(&block, 0.5);
            const uint32_t to = block_below(&block, words);
            uint32_t from[SLOTS];
            block_set(&block, "i_write", write);
            block_set(&block, "i_write_addr", to);
            const uint64_t mask = block_draw(&block, "i_write_slots");
            for (unsigned p = 0; p < ports; p++) {
                from[p] = block_below(&block, words);
                block_set_bits(&block, "i_read_addrs", 6 * p, 6, from[p]);
            }
            uint8_t data[SLOTS];
            for (unsigned s = 0; s < slots; s++) {
                data[s] = (uint8_t)block_below(&block, 256);
                block_set_bits(&block, "i_write_data", 8 * s, 8, data[s]);
            }
            block_clock(&block);
            for (unsigned p = 0; p < ports; p++)
                for (unsigned s = 0; s < slots; s++)
                    if (written[from[p]][s] && !(write && (single || from[p] == to)))
                        block_expect_bits(&block, "o_read_data", 8 * (slots * p + s), 8, bytes[from[p]][s]);
            for (unsigned s = 0; s < slots; s++)
                if (write && mask >> s & 1) {
                    bytes[to][s] = data[s];
                    written[to][s] = true;
                }
        }
    }
}
END_TEST

/* ---- weight_memory ---- */

/* Everything is counted from when the ring was last emptied. */
struct ring {
    uint32_t words, store[2048];
    uint32_t written, committed, taken;
    unsigned waiting; /* cycles for which a visible word has not been on offer */
    bool streamed;
    struct room {
        uint32_t least, most;
    } rooms[WEIGHT_SPACE]; /* of the last cycles */
};

/* A streamed word on offer has been read and may be free, or not. */
static struct room room_of(const struct ring *ring)
{
    const uint32_t room = ring->words - (ring->written - (ring->streamed ? ring->taken : 0));
    return (struct room){room, room + ring->streamed};
}

static void check_ring(struct block *block, struct ring *ring)
{
    const uint32_t space = (uint32_t)block_get(block, "o_space");
    const struct room room = ring->rooms[block->cycles % WEIGHT_SPACE];
    if (space < room.least || space > room.most)
        ck_abort_msg("%s, cycle %llu: space for %u, not %u", block->model->parameters,
                     (unsigned long long)block->cycles, space, room.least);
    block_expect(block, "o_exhausted", ring->taken == ring->committed);
    if (!block_get(block, "o_word_valid")) {
        ring->waiting = ring->taken == ring->committed ? 0 : ring->waiting + 1;
        if (ring->waiting > WEIGHT_FETCH)
            ck_abort_msg("a visible word is not offered");
        return;
    }
    ring->waiting = 0;
    if (ring->taken == ring->committed)
        ck_abort_msg("a word is offered that was not committed");
    block_expect(block, "o_word_data", ring->store[ring->taken % ring->words]);
}

/* One cycle: at most one of commit, discard, rewind and start. A start and a rewind come without a write. */
static void ring_cycle(struct block *block, struct ring *ring, const double chances[5], double write, double ready)
{
    static const char *const names[] = {"i_commit", "i_discard", "i_rewind", "i_start"};
    double drawn = espalier_random_uniform(&block->random);
    size_t event = 0;
    while (event < 4 && drawn >= chances[event])
        drawn -= chances[event++];
    for (size_t n = 0; n < 4; n++)
        block_set(block, names[n], n == event);
    if (event == 3) /* a resident run follows another one or a rewind */
        ring->streamed = ring->streamed || block_chance(block, 0.6);
    block_set(block, "i_streamed", ring->streamed);
    ring->rooms[block->cycles % WEIGHT_SPACE] = room_of(ring);
    const bool writes = event != 1 && event != 2 && event != 3 && block_chance(block, write) &&
                        ring->written - (ring->streamed ? ring->taken : 0) < ring->words;
    const bool takes = block_chance(block, ready);
    block_set(block, "i_write", writes);
    const uint32_t data = (uint32_t)block_draw(block, "i_write_data");
    block_set(block, "i_word_ready", takes);
    if (takes && event != 2 && event != 3)
        ring->taken += (uint32_t)block_get(block, "o_word_valid");
    if (writes)
        ring->store[ring->written++ % ring->words] = data;
    if (event == 0)
        ring->committed = ring->written;
    if (event == 1)
        ring->written = ring->committed;
    if (event == 2 || (event == 3 && ring->streamed))
        ring->written = ring->committed = 0;
    if (event == 2 || event == 3) {
        ring->taken = 0;
        ring->waiting = 0;
    }
    block_clock(block);
    if (event == 2)
        ring->streamed = false;
}

START_TEST(weight_memory_gives_the_committed_words_in_order_and_tells_its_room)
{
    struct block block = {0};
    while (block_next(&block, "weight_memory")) {
        struct ring ring = {.words = block_parameter(&block, "WORDS")};
        ck_assert_uint_le(ring.words, 2048);
        for (unsigned n = 0; n < WEIGHT_SPACE; n++, block_clock(&block))
            ring.rooms[n] = room_of(&ring);
        for (uint32_t stretch = 0; stretch < test_scale(150); stretch++) {
            const bool calm = block_chance(&block, 0.8);
            const double write = espalier_random_uniform(&block.random);
            const double ready = block_chance(&block, 0.3) ? 0 : espalier_random_uniform(&block.random);
            const double chances[5] = {0.1, 0.005, calm ? 0 : 0.002, calm ? 0 : 0.005};
            for (uint32_t n = 0; n < 1000; n++) {
                check_ring(&block, &ring);
                ring_cycle(&block, &ring, chances, write, ready);
            }
        }
    }
}
END_TEST

/* ---- bit_window ---- */

START_TEST(bit_window_shows_the_bits_from_its_offset_on)
{
    struct block block = {0};
    while (block_next(&block, "bit_window")) {
        const unsigned in = block_parameter(&block, "IN"), out = block_parameter(&block, "OUT");
        for (uint32_t n = 0; n < test_scale(20000); n++) {
            bool bits[256] = {false};
            for (unsigned b = 0; b < in; b++) {
                bits[b] = block_chance(&block, 0.5);
                block_set_bits(&block, "i_data", b, 1, bits[b]);
            }
            const uint64_t offset = block_draw(&block, "i_offset");
            for (unsigned b = 0; b < out; b++)
                block_expect_bits(&block, "o_bits", b, 1, bits[offset + b]);
        }
    }
}
END_TEST

/* ---- crc32 ---- */

START_TEST(crc32_of_every_prefix_is_that_of_zlib)
{
    struct block block = {0};
    while (block_next(&block, "crc32"))
        for (uint32_t n = 0; n < test_scale(1000); n++) {
            uLong crc = crc32(0, NULL, 0);
            block_set(&block, "i_clear", 1);
            block_draw(&block, "i_shift");
            block_draw(&block, "i_feed");
            block_clock(&block);
            block_set(&block, "i_clear", 0);
            block_set(&block, "i_shift", 0);
            for (uint32_t left = block_below(&block, 50); left > 0; left--) {
                const bool feed = block_chance(&block, 0.8);
                uint8_t byte = (uint8_t)block_draw(&block, "i_data");
                if (block_chance(&block, 0.1))
                    block_set(&block, "i_data", byte = (uint8_t)crc);
                block_set(&block, "i_feed", feed);
                if (block_draw(&block, "i_relative"))
                    byte ^= (uint8_t)~crc;
                block_clock(&block);
                if (feed)
                    crc = crc32(crc, &byte, 1);
                block_expect(&block, "o_low", ~crc & 0xff);
            }
            block_set(&block, "i_shift", 1);
            for (unsigned b = 0; b < 4; b++) {
                block_expect(&block, "o_low", ~(crc >> 8 * b) & 0xff);
                block_draw(&block, "i_feed");
                block_clock(&block);
            }
        }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        ram_1r1w_reads_what_was_written_and_holds_it,
        ram_single_writes_bytes_by_mask_and_reads_otherwise,
        activation_memory_reads_every_port_and_writes_only_the_slots_it_is_told,
        weight_memory_gives_the_committed_words_in_order_and_tells_its_room,
        bit_window_shows_the_bits_from_its_offset_on,
        crc32_of_every_prefix_is_that_of_zlib,
    };
    return test_run("block_memory", tests, sizeof tests / sizeof tests[0]);
}
