#include "firmware/slave.h"

#include <check.h>
#include <espalier/spi.h>
#include <string.h>

void slave_power_up(struct slave *slave, struct espalier_random *random, size_t depth, uint8_t *taken, uint8_t *given,
                    size_t given_size)
{
    *slave = (struct slave){.random = random,
                            .depth = depth,
                            .take = 0.5,
                            .give = 0.5,
                            .taken = taken,
                            .given = given,
                            .given_most = given_size};
    ck_assert_uint_le(depth, sizeof slave->in);
}

static bool chance(struct slave *slave, double chance)
{
    return espalier_random_uniform(slave->random) < chance;
}

static void take(struct slave *slave)
{
    slave->taken[slave->taken_size++] = slave->in[0];
    memmove(slave->in, slave->in + 1, --slave->in_held);
}

void slave_run(struct slave *slave, unsigned steps)
{
    for (; steps > 0; steps--) {
        if (slave->in_held > 0 && chance(slave, slave->take))
            take(slave);
        if (slave->out_held < slave->depth && slave->given_size < slave->given_most && chance(slave, slave->give)) {
            slave->given_size++;
            slave->out_held++;
        }
    }
}

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void select_slave(void *context, bool selected)
{
    struct slave *slave = context;
    ck_assert(slave->selected != selected);
    slave->selected = selected;
    slave->place = slave->count = slave->moved_in = slave->moved_out = 0;
    slave->room = at_most(slave->depth - slave->in_held, ESPALIER_SPI_MOST);
    slave->there = at_most(slave->out_held, ESPALIER_SPI_MOST);
    slave->damaged = selected && chance(slave, slave->noise);
    slave->transfers += selected;
}

static uint8_t next_given(struct slave *slave)
{
    if (slave->moved_out == slave->there)
        return 0;
    slave->moved_out++;
    return slave->given[slave->given_size - slave->out_held--];
}

static void receive(struct slave *slave, uint8_t byte)
{
    if (slave->moved_in == slave->count)
        return;
    slave->moved_in++;
    slave->in[slave->in_held++] = byte;
}

static uint8_t clock_byte(struct slave *slave, uint8_t byte)
{
    const size_t place = slave->place < ESPALIER_SPI_HEADER ? slave->place++ : ESPALIER_SPI_HEADER;
    if (place == 0)
        return (uint8_t)slave->room;
    if (place == 1)
        return (uint8_t)slave->there;
    if (place == 2) {
        if (slave->fault == SLAVE_GOOD && !slave->damaged)
            ck_assert_msg(byte <= slave->room, "%u bytes told, but room for %zu", byte, slave->room);
        slave->count = at_most(byte, slave->room);
        return ESPALIER_SPI_MARK;
    }
    receive(slave, byte);
    return next_given(slave);
}

static uint8_t distort(struct slave *slave, uint8_t byte)
{
    const uint8_t noise = (uint8_t)espalier_random_bits(slave->random);
    if (slave->damaged && slave->place <= ESPALIER_SPI_HEADER)
        return (uint8_t)(byte ^ (noise | 1)); /* all of the header: never the mark by chance */
    const uint8_t heard[SLAVE_FAULTS] = {
        [SLAVE_GOOD] = byte, [SLAVE_STUCK_LOW] = 0, [SLAVE_STUCK_HIGH] = 0xFF, [SLAVE_BABBLE] = noise};
    return heard[slave->fault];
}

static void exchange(void *context, const uint8_t *out, uint8_t *in, size_t size)
{
    struct slave *slave = context;
    ck_assert(slave->selected);
    for (size_t n = 0; n < size; n++) {
        in[n] = distort(slave, clock_byte(slave, out[n]));
        slave_run(slave, 1);
    }
}

struct spi_port slave_port(struct slave *slave)
{
    return (struct spi_port){.context = slave, .select = select_slave, .exchange = exchange};
}
