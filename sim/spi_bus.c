#include "spi_bus.h"

enum {
    HALF_LEAST = 5, /* cycles that SCK is high or low at the least: spi_slave.v */
    SELECT = 8,     /* cycles between CS and SCK, and between transfers: the same */
    RESET = 4
};

bool spi_bus_open(struct spi_bus *bus, const struct spi_model *model, uint64_t seed)
{
    *bus = (struct spi_bus){.model = model, .pins = {.cs_n = true}};
    espalier_random_seed(&bus->random, seed);
    bus->device = model->power_up((uint32_t)espalier_random_bits(&bus->random));
    if (!bus->device)
        return false;
    spi_bus_wait(bus, RESET);
    model->reset(bus->device, false);
    return true;
}

void spi_bus_close(struct spi_bus *bus)
{
    bus->model->power_down(bus->device);
}

void spi_bus_wait(struct spi_bus *bus, unsigned cycles)
{
    bus->cycles += cycles;
    for (; cycles > 0; cycles--)
        bus->model->clock(bus->device, &bus->pins);
}

void spi_bus_select(void *context, bool selected)
{
    struct spi_bus *bus = context;
    bus->pins.cs_n = !selected;
    spi_bus_wait(bus, SELECT);
}

static bool over_the_line(struct spi_bus *bus, bool bit)
{
    const bool turn = bus->noise > 0 && espalier_random_uniform(&bus->random) < bus->noise;
    bus->turned += turn;
    return bit != turn;
}

/* What the master hears: a line that nobody drives floats. */
static bool hear(struct spi_bus *bus)
{
    const bool noise = espalier_random_below(&bus->random, 2) != 0;
    const bool heard[SPI_FAULTS] = {[SPI_GOOD] = bus->pins.miso_oe ? bus->pins.miso : noise,
                                    [SPI_STUCK_LOW] = false,
                                    [SPI_STUCK_HIGH] = true,
                                    [SPI_BABBLE] = noise};
    return heard[bus->miso];
}

static unsigned half(struct spi_bus *bus)
{
    return HALF_LEAST + espalier_random_below(&bus->random, HALF_LEAST / 2 + 1);
}

void spi_bus_exchange(void *context, const uint8_t *out, uint8_t *in, size_t size)
{
    struct spi_bus *bus = context;
    for (size_t n = 0; n < size; n++) {
        in[n] = 0;
        for (unsigned bit = 8; bit-- > 0;) {
            bus->pins.mosi = over_the_line(bus, out[n] >> bit & 1);
            spi_bus_wait(bus, half(bus));
            in[n] = (uint8_t)(in[n] << 1 | over_the_line(bus, hear(bus)));
            bus->pins.sck = true;
            spi_bus_wait(bus, half(bus));
            bus->pins.sck = false;
        }
    }
}
