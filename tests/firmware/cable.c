#include "firmware/cable.h"

#include <check.h>
#include <string.h>

enum { NANOSECONDS = 42 /* a cycle of 24 MHz */, STALL = 20 /* turns */ };

/** Cycles without a byte moving until the host gives up: more than the accelerator needs to end a broken frame, and
 * more than a run of the models used here takes. */
static const uint64_t PATIENCE = 3000000;

static bool chance(struct cable *cable, double chance)
{
    return chance > 0 && espalier_random_uniform(&cable->random) < chance;
}

/* The accelerator is there while the FPGA is configured, and comes out of its reset then. */
void cable_step(struct cable *cable)
{
    const uint64_t before = cable->bus.cycles;
    pipes_step(&cable->pipes);
    supervisor_step(&cable->supervisor, false);
    cable->bus.model->reset(cable->bus.device, !cable->fpga.running);
    spi_bus_wait(&cable->bus, 1);
    cable->fpga.nanoseconds += NANOSECONDS * (cable->bus.cycles - before);
}

void cable_plug_in(struct cable *cable, uint64_t seed)
{
    memset(cable, 0, sizeof *cable);
    espalier_random_seed(&cable->random, seed);
    ck_assert(spi_bus_open(&cable->bus, &spi_model_board, seed));
    stored_header(cable->area + STORED_HEADER_BYTES, CABLE_BITSTREAM, cable->area);
    fpga_power_up(&cable->fpga, cable->area + STORED_HEADER_BYTES, CABLE_BITSTREAM);
    cable->ports = (struct supervisor_ports){
        .spi = {.context = &cable->bus, .select = spi_bus_select, .exchange = spi_bus_exchange},
        .config = fpga_config_port(&cable->fpga),
        .clock = fpga_clock_port(&cable->fpga)};
    supervisor_start(&cable->supervisor, &cable->ports, cable->area, sizeof cable->area);
    cable->endpoints = usb_side_port(&cable->host);
    pipes_init(&cable->pipes, &cable->supervisor, &cable->endpoints);
    usb_side_plug_in(&cable->host, &cable->pipes, NULL, 0, cable->buffer);
    pipes_open(&cable->pipes);
    for (unsigned n = 0; cable->supervisor.condition != CONDITION_RUNNING; n++) {
        ck_assert_uint_lt(n, 100000);
        cable_step(cable);
    }
}

void cable_unplug(struct cable *cable)
{
    spi_bus_close(&cable->bus);
}

/* A reset of the bus, after which the host does not know whether the last packet was taken: it may come twice. */
static void disturb(struct cable *cable)
{
    if (chance(cable, cable->resets)) {
        cable->reset_count++;
        if (cable->host.sending && chance(cable, 0.5) &&
            cable->host.fetched_size + cable->host.sending_size <= CABLE_BUFFER) {
            memcpy(cable->buffer + cable->host.fetched_size, cable->host.sending, cable->host.sending_size);
            cable->host.fetched_size += cable->host.sending_size;
        }
        usb_side_reset(&cable->host);
    }
    if (chance(cable, cable->stalls))
        for (unsigned n = 0; n < STALL; n++)
            cable_step(cable);
}

static bool fetch(struct cable *cable)
{
    if (cable->host.fetched_size + ESPALIER_USB_PACKET > CABLE_BUFFER)
        return false;
    disturb(cable);
    return usb_side_fetch(&cable->host);
}

static enum espalier_status cable_send(void *context, const uint8_t *bytes, size_t size, size_t *sent)
{
    struct cable *cable = context;
    uint64_t since = cable->bus.cycles;
    cable->host.to_send = bytes;
    cable->host.to_send_size = size;
    cable->host.sent = 0;
    while (cable->host.sent < size && cable->bus.cycles - since < PATIENCE) {
        if (cable->host.halted[PIPE_OUT])
            return ESPALIER_ERR_IO;
        const bool moved = usb_side_send(&cable->host, ESPALIER_USB_PACKET), fetched = fetch(cable);
        since = moved || fetched ? cable->bus.cycles : since;
        cable_step(cable);
    }
    *sent = cable->host.sent;
    return *sent > 0 || size == 0 ? ESPALIER_OK : ESPALIER_ERR_TIMEOUT;
}

static enum espalier_status cable_receive(void *context, uint8_t *bytes, size_t size, bool wait, size_t *received)
{
    struct cable *cable = context;
    const uint64_t since = cable->bus.cycles;
    fetch(cable);
    while (wait && cable->host.fetched_size == 0 && cable->bus.cycles - since < PATIENCE) {
        if (cable->host.halted[PIPE_IN])
            return ESPALIER_ERR_IO;
        cable_step(cable);
        fetch(cable);
    }
    const size_t there = cable->host.fetched_size;
    *received = there < size ? there : size;
    memcpy(bytes, cable->buffer, *received);
    memmove(cable->buffer, cable->buffer + *received, there - *received);
    cable->host.fetched_size -= *received;
    return wait && there == 0 ? ESPALIER_ERR_TIMEOUT : ESPALIER_OK;
}

static void cable_close(void *context)
{
    (void)context;
}

struct espalier_transport cable_open(struct cable *cable)
{
    for (unsigned in = PIPE_OUT; in <= PIPE_IN; in++)
        if (cable->host.halted[in])
            usb_side_clear_halt(&cable->host, in == PIPE_IN);
    return (struct espalier_transport){
        .context = cable, .send = cable_send, .receive = cable_receive, .close = cable_close};
}
