#include "usb_host.h"

#include <string.h>

/* The time for an answer to begin, bits after the end of the packet (7.1.19), and for the host to give up. */
static const double TURN_LEAST = 2, TURN_MOST = 6.5, GIVE_UP = 18;

enum { STALL_MICROSECONDS = 4000 }; /* at the most */
enum { FRAME_MICROSECONDS = 1000, TRANSACTION_BITS = 760 /* the longest one, stuffed, with gaps */ };

static usb_time in_bits(double bits)
{
    return (usb_time)(bits * (double)USB_BIT);
}

static double uniform(struct usb_host *host)
{
    return espalier_random_uniform(&host->random);
}

void usb_host_open(struct usb_host *host, struct usb_bus *bus, uint64_t seed)
{
    memset(host, 0, sizeof *host);
    host->bus = bus;
    host->gap_least = host->gap_most = 3;
    host->turn_least = GIVE_UP;
    espalier_random_seed(&host->random, seed);
    host->frame_begin = host->sent_end = bus->now;
}

void usb_host_idle(struct usb_host *host, double bits)
{
    usb_bus_run(host->bus, host->bus->now + in_bits(bits));
}

void usb_host_reset(struct usb_host *host, double microseconds)
{
    usb_bus_drive(host->bus, USB_SE0);
    usb_bus_run(host->bus, host->bus->now + (usb_time)(microseconds * (double)USB_MICROSECOND));
    usb_bus_drive(host->bus, USB_RELEASED);
    usb_host_idle(host, 20);
    host->address = 0;
    host->toggle_out = host->toggle_in = false;
}

/* ---- packets ---- */

/* One edge: D+ and D- do not change at quite the same time. */
static void change(struct usb_host *host, enum usb_wires wires)
{
    struct usb_bus *bus = host->bus;
    const usb_time skew = in_bits(host->skew * uniform(host));
    if (skew > 0 && bus->host_oe) {
        const bool dp_first = espalier_random_below(&host->random, 2);
        const bool dp = wires == USB_J, dn = wires == USB_K;
        if (dp_first)
            bus->host_dp = dp;
        else
            bus->host_dn = dn;
        usb_bus_run(bus, bus->now + skew);
    }
    usb_bus_drive(bus, wires);
}

static void drive(struct usb_host *host, const struct usb_symbols *symbols)
{
    struct usb_bus *bus = host->bus;
    const usb_time begin = bus->now;
    enum usb_wires before = USB_RELEASED;
    for (size_t n = 0; n < symbols->count; n++) {
        const enum usb_wires wires = (enum usb_wires)symbols->wires[n];
        if (wires != before) {
            const double jitter = host->jitter * (2 * uniform(host) - 1);
            usb_bus_run(bus, begin + in_bits((double)n + (n > 0 ? jitter : 0)));
            change(host, wires);
            host->sent_end = bus->now;
        }
        before = wires;
    }
    usb_bus_run(bus, begin + in_bits((double)symbols->count));
    usb_bus_drive(bus, USB_RELEASED);
}

/* Ends the symbols at a random bit behind SYNC. */
static void cut(struct usb_host *host, struct usb_symbols *symbols, size_t bits, bool end)
{
    size_t keep = 8 + espalier_random_below(&host->random, (uint32_t)bits - 8);
    symbols->count = keep;
    if (end) {
        symbols->wires[symbols->count++] = USB_SE0;
        symbols->wires[symbols->count++] = USB_SE0;
    }
    symbols->wires[symbols->count++] = USB_J;
}

static enum usb_fault draw_fault(struct usb_host *host)
{
    if (host->fault_rate == 0 || uniform(host) >= host->fault_rate)
        return USB_FAULT_NONE;
    if (host->fault != USB_FAULT_NONE)
        return host->fault;
    return (enum usb_fault)(1 + espalier_random_below(&host->random, USB_FAULTS - 1));
}

static void send(struct usb_host *host, const uint8_t *packet, size_t size, enum usb_fault fault)
{
    static _Thread_local uint8_t babble[USB_PACKET_BYTES];
    struct usb_bus *bus = host->bus;
    struct usb_symbols *symbols = &host->symbols;
    const unsigned spread = host->gap_most - host->gap_least + 1;
    usb_bus_run(bus, host->sent_end + in_bits(1.0 + host->gap_least + espalier_random_below(&host->random, spread)));
    if (fault == USB_FAULT_BABBLE) {
        if (packet[0] != USB_DATA0 && packet[0] != USB_DATA1)
            fault = USB_FAULT_FLIP;
        else {
            const size_t more = size + 62 + espalier_random_below(&host->random, 200);
            memset(babble, 0xA7, sizeof babble);
            memcpy(babble, packet + 1, size - 3);
            size = usb_data(packet[0], babble, more, babble);
            packet = babble;
        }
    }
    const size_t bits = usb_encode(packet, size, SIZE_MAX, symbols);
    host->faults += fault != USB_FAULT_NONE;
    usb_bus_forget(bus);
    switch (fault) {
    case USB_FAULT_FLIP:
        usb_encode(packet, size, 1 + espalier_random_below(&host->random, (uint32_t)bits - 1), symbols);
        break;
    case USB_FAULT_CUT:
    case USB_FAULT_NO_END:
        cut(host, symbols, bits, fault == USB_FAULT_CUT);
        break;
    case USB_FAULT_GLITCH:
        usb_bus_drive(bus, espalier_random_below(&host->random, 2) ? USB_K : USB_SE0);
        usb_host_idle(host, 0.1 + 0.6 * uniform(host));
        usb_bus_drive(bus, USB_RELEASED);
        usb_host_idle(host, 1 + 30 * uniform(host));
        break;
    case USB_FAULT_LOST:
        usb_host_idle(host, (double)symbols->count);
        host->sent_end = bus->now - in_bits(1);
        return;
    default:
        break;
    }
    drive(host, symbols);
}

/* Starts of frame that are due, and enough of the frame left for a transaction. */
static void keep_frames(struct usb_host *host)
{
    struct usb_bus *bus = host->bus;
    const usb_time length = FRAME_MICROSECONDS * USB_MICROSECOND;
    while (host->frames && bus->now + in_bits(TRANSACTION_BITS) > host->frame_begin + length) {
        uint8_t packet[3];
        host->frame_begin += length;
        if (bus->now < host->frame_begin)
            usb_bus_run(bus, host->frame_begin);
        host->frame = (host->frame + 1) % 2048;
        send(host, packet, usb_token(USB_SOF, host->frame, packet), draw_fault(host));
    }
}

void usb_host_next_frame(struct usb_host *host)
{
    usb_bus_run(host->bus, host->frame_begin + FRAME_MICROSECONDS * USB_MICROSECOND);
    keep_frames(host);
}

void usb_host_send(struct usb_host *host, const uint8_t *packet, size_t size, enum usb_fault fault)
{
    send(host, packet, size, fault == USB_FAULT_NONE ? draw_fault(host) : fault);
}

static void blame(struct usb_host *host, const char *what)
{
    if (!host->violation)
        host->violation = what;
}

static enum usb_reply judge(struct usb_host *host)
{
    const struct usb_heard *heard = &host->heard;
    uint8_t right[USB_PACKET_BYTES];
    if (heard->size == 0)
        return USB_REPLY_GARBLED;
    switch (heard->packet[0]) {
    case USB_ACK:
        return heard->size == 1 ? USB_REPLY_ACK : USB_REPLY_GARBLED;
    case USB_NAK:
        return heard->size == 1 ? USB_REPLY_NAK : USB_REPLY_GARBLED;
    case USB_STALL:
        return heard->size == 1 ? USB_REPLY_STALL : USB_REPLY_GARBLED;
    case USB_DATA0:
    case USB_DATA1:
        if (heard->size < 3 || heard->size > 64 + 3)
            return USB_REPLY_GARBLED;
        usb_data(heard->packet[0], heard->packet + 1, heard->size - 3, right);
        if (memcmp(right, heard->packet, heard->size) != 0)
            return USB_REPLY_GARBLED;
        return heard->packet[0] == USB_DATA0 ? USB_REPLY_DATA0 : USB_REPLY_DATA1;
    default:
        return USB_REPLY_GARBLED;
    }
}

enum usb_reply usb_host_listen(struct usb_host *host)
{
    struct usb_bus *bus = host->bus;
    const usb_time deadline = host->sent_end + in_bits(GIVE_UP);
    while (bus->edge_count == 0 && bus->now < deadline)
        usb_bus_step(bus);
    if (bus->edge_count == 0) {
        host->sent_end = bus->now;
        return USB_REPLY_SILENCE;
    }
    const usb_time longest = bus->now + in_bits(1200);
    while (bus->edges[bus->edge_count - 1].wires != USB_RELEASED && bus->now < longest && bus->edge_count < USB_EDGES)
        usb_bus_step(bus);
    usb_decode(bus->edges, bus->edge_count, bus->usb_period, &host->heard);
    const double turn = (double)(host->heard.begin - host->sent_end) / (double)USB_BIT;
    host->turn_least = turn < host->turn_least ? turn : host->turn_least;
    host->turn_most = turn > host->turn_most ? turn : host->turn_most;
    if (turn < TURN_LEAST || turn > TURN_MOST)
        blame(host, "an answer too early or too late");
    host->sent_end = host->heard.end - in_bits(1); /* its J */
    enum usb_reply reply = host->heard.mistake ? USB_REPLY_GARBLED : judge(host);
    if (reply == USB_REPLY_GARBLED)
        blame(host, host->heard.mistake ? host->heard.mistake : "an answer that is no packet");
    if (host->deafness > 0 && uniform(host) < host->deafness) {
        host->faults++;
        return espalier_random_below(&host->random, 2) ? USB_REPLY_SILENCE : USB_REPLY_GARBLED;
    }
    host->naks += reply == USB_REPLY_NAK;
    return reply;
}

/* ---- transactions ---- */

static void send_token(struct usb_host *host, uint8_t pid, unsigned endpoint)
{
    uint8_t packet[3];
    keep_frames(host);
    if (host->stalls > 0 && uniform(host) < host->stalls)
        host->faults +=
            usb_bus_stall(host->bus, (usb_time)(uniform(host) * STALL_MICROSECONDS * (double)USB_MICROSECOND));
    usb_host_send(host, packet, usb_token(pid, host->address | endpoint << 7, packet), USB_FAULT_NONE);
}

enum usb_reply usb_host_out(struct usb_host *host, uint8_t token, unsigned endpoint, uint8_t data, const uint8_t *bytes,
                            size_t size)
{
    uint8_t packet[USB_PACKET_BYTES];
    send_token(host, token, endpoint);
    usb_host_send(host, packet, usb_data(data, bytes, size, packet), USB_FAULT_NONE);
    return usb_host_listen(host);
}

static bool is_data(enum usb_reply reply)
{
    return reply == USB_REPLY_DATA0 || reply == USB_REPLY_DATA1;
}

/* Confirms the data in host->heard, which stay there. */
static void acknowledge(struct usb_host *host)
{
    const uint8_t ack = USB_ACK;
    const struct usb_heard heard = host->heard;
    usb_host_send(host, &ack, 1, USB_FAULT_NONE);
    host->heard = heard;
}

enum usb_reply usb_host_in(struct usb_host *host, unsigned endpoint, bool confirm)
{
    send_token(host, USB_IN, endpoint);
    enum usb_reply reply = usb_host_listen(host);
    if (confirm && is_data(reply))
        acknowledge(host);
    return reply;
}

/* ---- transfers ---- */

enum { NAKS_MOST = 100000 };

/* One transaction until it is neither NAK nor nothing. */
static enum usb_reply persist(struct usb_host *host, uint8_t token, uint8_t data, const uint8_t *bytes, size_t size)
{
    unsigned tries = 0;
    for (unsigned naks = 0; naks < NAKS_MOST; naks++) {
        enum usb_reply reply =
            token == USB_IN ? usb_host_in(host, 0, true) : usb_host_out(host, token, 0, data, bytes, size);
        if (reply == USB_REPLY_SILENCE || reply == USB_REPLY_GARBLED) {
            if (++tries == USB_TRIES)
                return USB_REPLY_SILENCE;
        } else if (reply != USB_REPLY_NAK)
            return reply;
    }
    return USB_REPLY_SILENCE;
}

static int failure(enum usb_reply reply)
{
    return reply == USB_REPLY_STALL ? USB_STALLED : USB_FAILED;
}

/* The data stage of a read: packets with alternating toggles, until a short one or all of it. */
static int read_stage(struct usb_host *host, uint8_t *data, size_t length)
{
    size_t done = 0;
    bool toggle = true;
    unsigned repeats = 0;
    while (done < length) {
        enum usb_reply reply = persist(host, USB_IN, 0, NULL, 0);
        if (!is_data(reply))
            return failure(reply);
        if ((reply == USB_REPLY_DATA1) != toggle) { /* once more: our ACK was lost */
            if (++repeats > USB_TRIES)
                return USB_FAILED;
            continue;
        }
        const size_t size = host->heard.size - 3;
        if (size > length - done)
            return USB_FAILED;
        memcpy(data + done, host->heard.packet + 1, size);
        done += size;
        toggle = !toggle;
        if (size < 64)
            break;
    }
    return (int)done;
}

static void put16(uint8_t *bytes, uint16_t word)
{
    bytes[0] = (uint8_t)(word & 0xff);
    bytes[1] = (uint8_t)(word >> 8);
}

int usb_host_control(struct usb_host *host, struct usb_setup setup, uint8_t *data)
{
    uint8_t bytes[8] = {setup.type, setup.request};
    put16(bytes + 2, setup.value);
    put16(bytes + 4, setup.index);
    put16(bytes + 6, setup.length);
    enum usb_reply reply = persist(host, USB_SETUP, USB_DATA0, bytes, 8);
    if (reply != USB_REPLY_ACK) {
        if (reply != USB_REPLY_SILENCE)
            blame(host, "a SETUP that was not confirmed");
        return USB_FAILED;
    }
    const bool read = setup.type & 0x80 && setup.length > 0;
    int done = 0;
    if (read) {
        done = read_stage(host, data, setup.length);
        if (done < 0)
            return done;
        reply = persist(host, USB_OUT, USB_DATA1, NULL, 0);
        return reply == USB_REPLY_ACK ? done : failure(reply);
    }
    if (setup.length > 0) {
        bool toggle = true;
        for (size_t at = 0; at < setup.length; toggle = !toggle) {
            const size_t size = setup.length - at < 64 ? setup.length - at : 64;
            reply = persist(host, USB_OUT, toggle ? USB_DATA1 : USB_DATA0, data + at, size);
            if (reply != USB_REPLY_ACK)
                return failure(reply);
            at += size;
        }
        done = setup.length;
    }
    reply = persist(host, USB_IN, 0, NULL, 0);
    if (reply == USB_REPLY_DATA1 && host->heard.size == 3)
        return done;
    return failure(reply);
}

bool usb_host_bulk_out(struct usb_host *host, const uint8_t *bytes, size_t size, enum usb_reply *reply)
{
    *reply = usb_host_out(host, USB_OUT, 1, host->toggle_out ? USB_DATA1 : USB_DATA0, bytes, size);
    if (*reply != USB_REPLY_ACK)
        return false;
    host->toggle_out = !host->toggle_out;
    return true;
}

int usb_host_bulk_in_within(struct usb_host *host, uint8_t *bytes, size_t room, enum usb_reply *reply)
{
    *reply = usb_host_in(host, 1, false);
    if (!is_data(*reply))
        return USB_FAILED;
    const size_t size = host->heard.size - 3;
    const bool again = (*reply == USB_REPLY_DATA1) != host->toggle_in; /* once more: our ACK was lost */
    if (!again && size > room)
        return USB_OVERFLOW;
    acknowledge(host);
    if (again)
        return USB_FAILED;
    host->toggle_in = !host->toggle_in;
    if (size > 0)
        memcpy(bytes, host->heard.packet + 1, size);
    return (int)size;
}

int usb_host_bulk_in(struct usb_host *host, uint8_t bytes[64], enum usb_reply *reply)
{
    return usb_host_bulk_in_within(host, bytes, 64, reply);
}

bool usb_host_enumerate(struct usb_host *host, uint8_t address)
{
    uint8_t bytes[256];
    usb_host_reset(host, 50);
    if (usb_host_control(host, (struct usb_setup){0x80, 6, 0x0100, 0, 64}, bytes) != 18)
        return false;
    if (usb_host_control(host, (struct usb_setup){0x00, 5, address, 0, 0}, NULL) != 0)
        return false;
    host->address = address;
    if (usb_host_control(host, (struct usb_setup){0x80, 6, 0x0100, 0, 18}, bytes) != 18)
        return false;
    if (usb_host_control(host, (struct usb_setup){0x80, 6, 0x0200, 0, 9}, bytes) != 9)
        return false;
    const uint16_t total = (uint16_t)(bytes[2] | bytes[3] << 8);
    if (total > sizeof bytes || usb_host_control(host, (struct usb_setup){0x80, 6, 0x0200, 0, total}, bytes) != total)
        return false;
    host->toggle_out = host->toggle_in = false;
    return usb_host_control(host, (struct usb_setup){0x00, 9, bytes[5], 0, 0}, NULL) == 0;
}
