#include "usb_wire.h"

#include <string.h>

/* 8.3.5: the remainder of message * x^width, the first width bits of the message inverted (which is what a register
 * that starts with ones does), divided by the polynomial; then inverted. */
void usb_crc_bits(const uint8_t *bits, size_t count, uint32_t polynomial, unsigned width, uint8_t *check)
{
    static const size_t most = 8 * (size_t)USB_PACKET_BYTES;
    uint8_t dividend[8 * USB_PACKET_BYTES + 16] = {0};
    if (count > most)
        count = most;
    memcpy(dividend, bits, count);
    for (size_t n = 0; n < width; n++)
        dividend[n] ^= 1;
    for (size_t n = 0; n < count; n++) {
        if (!dividend[n])
            continue;
        dividend[n] = 0;
        for (unsigned power = 0; power < width; power++)
            dividend[n + width - power] ^= polynomial >> power & 1;
    }
    for (unsigned n = 0; n < width; n++)
        check[n] = dividend[count + n] ^ 1;
}

static size_t to_bits(const uint8_t *bytes, size_t size, uint8_t *bits)
{
    for (size_t n = 0; n < 8 * size; n++)
        bits[n] = bytes[n / 8] >> n % 8 & 1;
    return 8 * size;
}

size_t usb_token(uint8_t pid, unsigned field, uint8_t packet[3])
{
    uint8_t bits[16];
    for (unsigned n = 0; n < 11; n++)
        bits[n] = field >> n & 1;
    usb_crc_bits(bits, 11, 0x05, 5, bits + 11);
    memset(packet, 0, 3);
    packet[0] = pid;
    for (unsigned n = 0; n < 16; n++)
        packet[1 + n / 8] |= (uint8_t)(bits[n] << n % 8);
    return 3;
}

size_t usb_data(uint8_t pid, const uint8_t *bytes, size_t size, uint8_t *packet)
{
    static _Thread_local uint8_t bits[8 * USB_PACKET_BYTES];
    uint8_t check[16];
    if (size > USB_PACKET_BYTES - 3)
        size = USB_PACKET_BYTES - 3;
    packet[0] = pid;
    if (size > 0)
        memmove(packet + 1, bytes, size);
    usb_crc_bits(bits, to_bits(packet + 1, size, bits), 0x8005, 16, check);
    packet[size + 1] = packet[size + 2] = 0;
    for (unsigned n = 0; n < 16; n++)
        packet[size + 1 + n / 8] |= (uint8_t)(check[n] << n % 8);
    return size + 3;
}

size_t usb_encode(const uint8_t *packet, size_t size, size_t flip, struct usb_symbols *symbols)
{
    enum usb_wires wires = USB_J;
    unsigned ones = 0;
    size_t count = 0;
    for (size_t n = 0; n < 8 * (size + 1); n++) {
        uint8_t bit = n < 8 ? n == 7 : packet[n / 8 - 1] >> n % 8 & 1;
        for (bool stuffed = false;; stuffed = true, bit = 0) {
            if ((bit ^ (count == flip)) == 0)
                wires = wires == USB_J ? USB_K : USB_J;
            symbols->wires[count++] = (uint8_t)wires;
            ones = bit ? ones + 1 : 0;
            if (ones < 6 || stuffed)
                break;
        }
    }
    symbols->count = count;
    symbols->wires[symbols->count++] = USB_SE0;
    symbols->wires[symbols->count++] = USB_SE0;
    symbols->wires[symbols->count++] = USB_J;
    return count;
}

/* Whole bits between two edges, 0 if it is no whole number. A sender with a crystal has edges exactly on its own bits.
 */
static size_t whole_bits(usb_time from, usb_time to, usb_time period)
{
    const usb_time bits = (to - from + 2 * period) / (4 * period), error = to - from - bits * 4 * period;
    return error <= period / 100 && error >= -period / 100 ? (size_t)bits : 0;
}

struct unstuffer {
    unsigned ones;
    size_t bits; /* SYNC's too */
    const char *mistake;
    uint8_t sync;
};

static void hear_bit(struct unstuffer *state, struct usb_heard *heard, unsigned bit)
{
    if (state->ones == 6) {
        if (bit)
            state->mistake = "seven ones in a row";
        state->ones = 0;
        return;
    }
    state->ones = bit ? state->ones + 1 : 0;
    if (state->bits < 8)
        state->sync |= (uint8_t)(bit << state->bits);
    else if (state->bits / 8 - 1 < USB_PACKET_BYTES)
        heard->packet[state->bits / 8 - 1] |= (uint8_t)(bit << state->bits % 8);
    state->bits++;
}

void usb_decode(const struct usb_edge *edges, size_t count, usb_time period, struct usb_heard *heard)
{
    struct unstuffer state = {0};
    memset(heard, 0, sizeof *heard);
    size_t first = 0;
    while (first < count && edges[first].wires == USB_J)
        first++;
    heard->begin = first < count ? edges[first].at : 0;
    heard->end = count > 0 ? edges[count - 1].at : 0;
    size_t n = first;
    for (; n + 1 < count && (edges[n].wires == USB_J || edges[n].wires == USB_K); n++) {
        const size_t bits = whole_bits(edges[n].at, edges[n + 1].at, period);
        if (bits == 0)
            state.mistake = "an edge off the bit";
        if (n > first && edges[n].wires == edges[n - 1].wires)
            state.mistake = "no edge";
        for (size_t bit = 0; bit < bits; bit++)
            hear_bit(&state, heard, bit > 0);
    }
    if (state.ones == 6)
        state.mistake = "a last stuffed bit is missing";
    if (n + 3 != count || edges[n].wires != USB_SE0 || edges[n + 1].wires != USB_J ||
        edges[n + 2].wires != USB_RELEASED)
        state.mistake = "no end of packet";
    else if (whole_bits(edges[n].at, edges[n + 1].at, period) != 2)
        state.mistake = "an end of packet that is not two bits of SE0";
    else if (edges[n + 2].at - edges[n + 1].at < 4 * period || edges[n + 2].at - edges[n + 1].at > 6 * period)
        state.mistake = "no bit of J behind SE0";
    if (state.sync != 0x80)
        state.mistake = "no SYNC";
    if (state.bits % 8 != 0)
        state.mistake = "no whole bytes";
    heard->size = state.bits < 8 ? 0 : state.bits / 8 - 1;
    if (heard->size > USB_PACKET_BYTES)
        heard->size = USB_PACKET_BYTES;
    heard->mistake = state.mistake;
}
