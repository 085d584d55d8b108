#include "umockdev/mock_ftdi.h"

#include "support/serial.h"

#include <espalier/random.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUFFER_MOST = 4096,
    STATUS_BYTES = 2,
    STEP_CYCLES = 256, /* of the board: time that passes when somebody looks for a packet, or finds no room */
    POLLS = 4,
    LATE = 3,        /* bytes that a chip may still send when it has been told to stop */
    NEARLY_FULL = 32 /* bytes of room at which it tells the other side to stop */
};

/* Of the second status byte. */
enum { DATA_OVERRUN = 1 << 1, DATA_BROKEN = 1 << 3, SENT_HOLDING = 1 << 5, SENT_ALL = 1 << 6 };

struct chip {
    struct mock_body body;
    unsigned buffer;   /* bytes, each way */
    double clock;      /* of the divisor */
    double fast_clock; /* the same with bit 17 of the divisor; 0: it has no such bit */
    uint8_t mark;      /* the bit of the first status byte that is always 1 */
};

struct queue {
    uint8_t bytes[BUFFER_MOST];
    size_t first, count, size;
};

/* What requests set. */
struct port {
    double baud;
    unsigned bits, parity, stop, flow, latency, mode;
};

struct mock_ftdi {
    struct mock_ftdi_spec spec;
    const struct chip *chip;
    struct port ports[MOCK_INTERFACES];
    struct queue out, in;
    void *board;
    struct uart_pins pins;
    struct serial line;
    struct espalier_random random;
    unsigned late;      /* bytes sent since CTS went away */
    unsigned swallowed; /* bytes of an overrun still to come */
    uint8_t trouble;    /* bits of the second status byte since the last packet */
    double last_packet; /* when the last IN packet went, in cycles of the board */
    struct mock_ftdi_tally tally;
};

static int serve_request(void *context, const uint8_t setup[8], uint8_t *data);

static const struct chip chips[] = {
    [MOCK_FT2232H] = {.body = {.manufacturer = "FTDI",
                               .vendor = 0x0403,
                               .product = 0x6010,
                               .release = 0x0700,
                               .packet = 512,
                               .speed = 480,
                               .polls = POLLS,
                               .interfaces = 2,
                               .function = 1,
                               .in = {0x81, 0x83},
                               .out = {0x02, 0x04},
                               .control = serve_request},
                      .buffer = 4096,
                      .clock = 3e6,
                      .fast_clock = 12e6,
                      .mark = 0x02},
    [MOCK_FT231X] = {.body = {.manufacturer = "FTDI",
                              .vendor = 0x0403,
                              .product = 0x6015,
                              .release = 0x1000,
                              .packet = 64,
                              .speed = 12,
                              .polls = POLLS,
                              .interfaces = 1,
                              .in = {0x81},
                              .out = {0x02},
                              .control = serve_request},
                     .buffer = 512,
                     .clock = 3e6,
                     .mark = 0x01},
};

/* ---- queues ---- */

static bool put(struct queue *queue, uint8_t byte)
{
    if (queue->count == queue->size)
        return false;
    queue->bytes[(queue->first + queue->count++) % queue->size] = byte;
    return true;
}

static uint8_t get(struct queue *queue)
{
    const uint8_t byte = queue->bytes[queue->first];
    queue->first = (queue->first + 1) % queue->size;
    queue->count--;
    return byte;
}

/* ---- requests ---- */

/* The rate of a divisor. AN232B-05: 0 is 1 and 1 is 1.5, otherwise whole and eighths by this code; nothing else
 * below 2.
 * @return 0 if there is no such divisor */
static double rate_of(const struct chip *chip, unsigned value, unsigned high)
{
    static const double fractions[8] = {0, 0.5, 0.25, 0.125, 0.375, 0.625, 0.75, 0.875};
    const unsigned whole = value & 0x3fff, fraction = value >> 14 | (high & 1) << 2;
    const double clock = high & 2 ? chip->fast_clock : chip->clock;
    if (fraction == 0 && whole < 2)
        return whole == 0 ? clock : clock / 1.5;
    return whole < 2 ? 0 : clock / (whole + fractions[fraction]);
}

static void reset_port(struct mock_ftdi *ftdi, struct port *port, unsigned what)
{
    if (what == 0)
        port->flow = 0;
    if (what == 0 || what == 1)
        ftdi->in.count = 0;
    if (what == 0 || what == 2)
        ftdi->out.count = 0;
}

/* @return whether the chip takes it */
static bool set(struct mock_ftdi *ftdi, struct port *port, unsigned request, unsigned value, unsigned high)
{
    switch (request) {
    case 0: /* reset, purge the buffer to the host, purge the one to the line */
        if (value <= 2)
            reset_port(ftdi, port, value);
        return value <= 2;
    case 2: /* flow control: none, RTS / CTS, DTR / DSR, XON / XOFF */
        port->flow = high;
        return high <= 4 && high != 3;
    case 3: /* baud rate */
        port->baud = rate_of(ftdi->chip, value, high);
        return port->baud > 0 && !ftdi->spec.broken;
    case 4: /* data format */
        port->bits = value & 0xff;
        port->parity = value >> 8 & 7;
        port->stop = value >> 11 & 7;
        return (port->bits == 7 || port->bits == 8) && port->parity <= 4 && port->stop <= 2;
    case 9: /* latency timer */
        port->latency = value;
        return value >= 1 && value <= 255;
    case 11: /* what the pins do: 0 is a UART */
        port->mode = value >> 8;
        return true;
    default:
        return false;
    }
}

/* Where wIndex names the port, and what else is in it: several ports, from 1 in its low byte (0 is the first one too);
 * a single port: all of it belongs to the baud rate, and the low byte to nothing else. */
static int serve_request(void *context, const uint8_t setup[8], uint8_t *data)
{
    struct mock_ftdi *ftdi = context;
    const struct mock_body *body = &ftdi->chip->body;
    const unsigned request = setup[1], value = setup[2] | (unsigned)setup[3] << 8;
    const bool several = body->interfaces > 1, rate = request == 3;
    const unsigned port = several && setup[4] > 0 ? setup[4] - 1u : 0, high = !several && rate ? setup[4] : setup[5];
    bool taken = setup[0] == 0x40 && setup[6] == 0 && setup[7] == 0 && port < body->interfaces;
    (void)data;
    taken = taken && set(ftdi, &ftdi->ports[port], request, value, high);
    ftdi->tally.refused += !taken;
    const struct port *wired = &ftdi->ports[body->function];
    ftdi->tally.baud = wired->baud;
    ftdi->tally.latency = wired->latency;
    if (taken && rate && ftdi->spec.board)
        ftdi->line.bit = ftdi->spec.board->hertz / (wired->baud * (1 + ftdi->spec.off));
    return taken ? 0 : -1;
}

/* ---- the line ---- */

/* Of the wired port: is it a UART of this format at all? */
static bool is_uart(const struct mock_ftdi *ftdi)
{
    const struct port *port = &ftdi->ports[ftdi->chip->body.function];
    return port->mode == 0 && port->bits == 8 && port->parity == 0 && port->stop == 0;
}

static bool has_flow(const struct mock_ftdi *ftdi)
{
    return ftdi->ports[ftdi->chip->body.function].flow == 1;
}

/* @return a fault that may happen here, or MOCK_BYTE_FAULTS: none */
static enum mock_ftdi_fault draw_fault(struct mock_ftdi *ftdi, unsigned kinds)
{
    if (ftdi->spec.rate == 0 || espalier_random_uniform(&ftdi->random) >= ftdi->spec.rate)
        return MOCK_BYTE_FAULTS;
    const enum mock_ftdi_fault fault = espalier_random_below(&ftdi->random, MOCK_BYTE_FAULTS);
    if (!(kinds & ftdi->spec.kinds & 1u << fault))
        return MOCK_BYTE_FAULTS;
    ftdi->tally.faults[fault]++;
    return fault;
}

static uint8_t flipped(struct mock_ftdi *ftdi, uint8_t byte)
{
    return (uint8_t)(byte ^ 1u << espalier_random_below(&ftdi->random, 8));
}

/* The level of the line to the board in this cycle. */
static bool drive(struct mock_ftdi *ftdi, double now)
{
    const bool stopped = has_flow(ftdi) && ftdi->spec.wired && ftdi->pins.rts_n;
    const bool may = is_uart(ftdi) && ftdi->out.count > 0 && (!stopped || ftdi->late < LATE);
    bool began;
    if (!stopped)
        ftdi->late = 0;
    const int next = may ? ftdi->out.bytes[ftdi->out.first] : SERIAL_NOTHING;
    const bool level = serial_send(&ftdi->line, now, next, &began);
    if (!began)
        return level;
    ftdi->late += stopped;
    const enum mock_ftdi_fault fault = draw_fault(ftdi, ~(1u << MOCK_BYTE_OVERRUN));
    ftdi->line.stop = fault != MOCK_BYTE_BROKEN;
    if (fault == MOCK_BYTE_FLIPPED)
        ftdi->line.sending = flipped(ftdi, (uint8_t)next);
    if (fault != MOCK_BYTE_REPEATED)
        get(&ftdi->out);
    if (fault == MOCK_BYTE_LOST)
        ftdi->line.sending = SERIAL_NOTHING; /* what is left of it is a pulse of a cycle */
    return level;
}

static void keep(struct mock_ftdi *ftdi, uint8_t byte)
{
    if (put(&ftdi->in, byte))
        return;
    ftdi->tally.full++;
    ftdi->trouble |= DATA_OVERRUN;
}

/* A byte has come from the board. */
static void hear(struct mock_ftdi *ftdi, uint8_t byte)
{
    if (ftdi->swallowed > 0) {
        ftdi->swallowed--;
        return;
    }
    switch (draw_fault(ftdi, ~0u)) {
    case MOCK_BYTE_FLIPPED:
        keep(ftdi, flipped(ftdi, byte));
        return;
    case MOCK_BYTE_LOST:
        return;
    case MOCK_BYTE_REPEATED:
        keep(ftdi, byte);
        break;
    case MOCK_BYTE_BROKEN:
        ftdi->trouble |= DATA_BROKEN;
        return;
    case MOCK_BYTE_OVERRUN:
        ftdi->trouble |= DATA_OVERRUN;
        ftdi->swallowed = espalier_random_below(&ftdi->random, 60);
        return;
    default:
        break;
    }
    keep(ftdi, byte);
}

static void cycle(struct mock_ftdi *ftdi)
{
    const double now = (double)ftdi->tally.cycles++ + ftdi->spec.phase;
    const bool full = ftdi->in.size - ftdi->in.count < NEARLY_FULL;
    /* the chip's RTS is the board's CTS: without flow control it says no */
    const bool cts_n = ftdi->spec.wired && (!has_flow(ftdi) || full);
    const bool level = drive(ftdi, now);
    ftdi->spec.board->clock(ftdi->board, level, cts_n, &ftdi->pins);
    ftdi->tally.overruns += ftdi->pins.overrun;
    ftdi->tally.bad += ftdi->pins.broken;
    const int heard = serial_hear(&ftdi->line, now, ftdi->pins.tx);
    if (heard >= 0 && is_uart(ftdi))
        hear(ftdi, (uint8_t)heard);
    if (heard == SERIAL_BROKEN)
        ftdi->trouble |= DATA_BROKEN;
}

static void pass_time(struct mock_ftdi *ftdi)
{
    for (unsigned i = 0; i < STEP_CYCLES && ftdi->board; i++)
        cycle(ftdi);
    if (!ftdi->board) {
        ftdi->tally.cycles += STEP_CYCLES;
        ftdi->out.count = 0;
    }
}

/* ---- transfers ---- */

static enum espalier_status chip_send(void *context, const uint8_t *bytes, size_t size, size_t *sent)
{
    struct mock_ftdi *ftdi = context;
    if (ftdi->out.count == ftdi->out.size)
        pass_time(ftdi);
    for (*sent = 0; *sent < size && put(&ftdi->out, bytes[*sent]); ++*sent)
        ;
    return ESPALIER_OK;
}

/* A packet goes when it is full, or when the latency timer has run out, with nothing in it if need be. */
static enum espalier_status chip_receive(void *context, uint8_t *packet, size_t size, bool wait, size_t *received)
{
    struct mock_ftdi *ftdi = context;
    const struct port *port = &ftdi->ports[ftdi->chip->body.function];
    const double clock = ftdi->spec.board ? ftdi->spec.board->hertz : 12e6;
    const size_t room = size - STATUS_BYTES;
    (void)wait;
    *received = 0;
    pass_time(ftdi);
    const double now = (double)ftdi->tally.cycles;
    if (ftdi->in.count < room && now - ftdi->last_packet < port->latency * 1e-3 * clock)
        return ESPALIER_OK;
    const bool cts = !ftdi->spec.wired || !ftdi->pins.rts_n;
    packet[0] = (uint8_t)(ftdi->chip->mark | cts << 4);
    packet[1] = (uint8_t)(ftdi->trouble | (ftdi->out.count == 0 ? SENT_HOLDING | SENT_ALL : 0));
    for (*received = STATUS_BYTES; *received < size && ftdi->in.count > 0; ++*received)
        packet[*received] = get(&ftdi->in);
    ftdi->tally.empty += *received == STATUS_BYTES;
    ftdi->tally.status[0]++;
    ftdi->tally.status[1] += ftdi->trouble != 0;
    ftdi->trouble = 0;
    ftdi->last_packet = now;
    return ESPALIER_OK;
}

/* ---- opening ---- */

struct mock_ftdi *mock_ftdi_open(const struct mock_ftdi_spec *spec)
{
    struct mock_ftdi *ftdi = calloc(1, sizeof *ftdi);
    ck_assert(ftdi != NULL);
    ftdi->spec = *spec;
    ftdi->chip = &chips[spec->kind];
    ftdi->in.size = ftdi->out.size = ftdi->chip->buffer;
    espalier_random_seed(&ftdi->random, spec->seed);
    for (size_t i = 0; i < MOCK_INTERFACES; i++)
        ftdi->ports[i] = (struct port){.baud = 9600,
                                       .bits = 7 + espalier_random_below(&ftdi->random, 2),
                                       .parity = espalier_random_below(&ftdi->random, 3),
                                       .flow = espalier_random_below(&ftdi->random, 3),
                                       .latency = 1 + espalier_random_below(&ftdi->random, 255),
                                       .mode = espalier_random_below(&ftdi->random, 3)};
    for (size_t i = 0; i < 100; i++)
        put(&ftdi->in, (uint8_t)espalier_random_below(&ftdi->random, 256));
    ftdi->line = serial_idle(1);
    if (spec->board) {
        ftdi->board = spec->board->power_up((uint32_t)spec->seed);
        ck_assert(ftdi->board != NULL);
        ftdi->line.bit = spec->board->hertz / ftdi->ports[0].baud;
    }
    return ftdi;
}

void mock_ftdi_close(struct mock_ftdi *ftdi)
{
    if (ftdi->board)
        ftdi->spec.board->power_down(ftdi->board);
    free(ftdi);
}

const struct mock_body *mock_ftdi_body(enum mock_ftdi_kind kind)
{
    return &chips[kind].body;
}

struct espalier_transport mock_ftdi_transport(struct mock_ftdi *ftdi)
{
    return (struct espalier_transport){.context = ftdi, .send = chip_send, .receive = chip_receive};
}

struct mock_ftdi_tally mock_ftdi_tally(const struct mock_ftdi *ftdi)
{
    return ftdi->tally;
}
