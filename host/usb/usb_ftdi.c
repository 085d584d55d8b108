/* The vendor requests are those that FTDI's application notes and the Linux driver ftdi_sio use; AN232B-05 has the
 * encoding of the baud rate. wIndex names the port, from 1, on a chip with several, and is 0 on one with a single port.
 */
#include "usb_ftdi.h"

#include "usb_error.h"

#include <stdlib.h>

enum {
    VENDOR = 0x0403,
    PATIENCE = 1000, /* milliseconds, for one request */
    LATENCY = 1,     /* milliseconds that the chip waits for a packet to fill: the least it can */
    PERCENT_OFF = 1  /* of a baud rate; the board's end may be off by as much */
};

/* bRequest */
enum { RESET = 0, SET_FLOW = 2, SET_BAUD = 3, SET_DATA = 4, SET_LATENCY = 9, SET_BITMODE = 11 };

struct usb_ftdi_chip {
    const char *name;
    uint16_t product, release; /* idProduct, bcdDevice */
    uint8_t ports;
    char usual;     /* the port that boards use for a UART: the other one loads the FPGA */
    uint32_t clock; /* Hz; the rate is clock over the divisor */
    uint32_t flags; /* of the divisor: bit 17 chooses the clock of 12 MHz where there are two */
};

static const struct usb_ftdi_chip chips[] = {
    {"FT2232H", 0x6010, 0x0700, 2, 'B', 12000000, 1u << 17},
    {"FT231X", 0x6015, 0x1000, 1, 'A', 3000000, 0},
};

const struct usb_ftdi_chip *usb_ftdi_recognize(const struct libusb_device_descriptor *descriptor)
{
    for (size_t i = 0; descriptor->idVendor == VENDOR && i < sizeof chips / sizeof chips[0]; i++)
        if (descriptor->idProduct == chips[i].product && descriptor->bcdDevice == chips[i].release)
            return &chips[i];
    return NULL;
}

const char *usb_ftdi_name(const struct usb_ftdi_chip *chip)
{
    return chip->name;
}

bool usb_ftdi_interface(const struct usb_ftdi_chip *chip, char port, uint8_t *interface)
{
    *interface = (uint8_t)((port ? port : chip->usual) - 'A');
    return *interface < chip->ports;
}

/* The divisor for a rate: 14 bits of whole, and a code for the eighths above them. 1 and 1.5 are written 0 and 1; there
 * is nothing else below 2. */
static bool divide(const struct usb_ftdi_chip *chip, uint32_t baud, uint32_t *divisor)
{
    static const uint8_t codes[8] = {0, 3, 2, 4, 1, 5, 6, 7};
    uint32_t eighths = (uint32_t)(((uint64_t)chip->clock * 8 + baud / 2) / baud);
    if (eighths < 16)
        eighths = eighths < 10 ? 8 : eighths < 14 ? 12 : 16;
    const uint64_t actual = (uint64_t)chip->clock * 8 / eighths;
    const uint64_t off = actual > baud ? actual - baud : baud - actual;
    *divisor = eighths == 8 ? 0 : eighths == 12 ? 1 : eighths >> 3 | (uint32_t)codes[eighths & 7] << 14;
    *divisor |= chip->flags;
    return eighths >> 3 < 1u << 14 && off * 100 <= (uint64_t)baud * PERCENT_OFF;
}

enum espalier_status usb_ftdi_configure(libusb_device_handle *handle, const struct usb_ftdi_chip *chip,
                                        uint8_t interface, const struct usb_line *line, struct espalier_error *error)
{
    enum { FLOW_NONE = 0, FLOW_RTS_CTS = 1, PURGE_IN = 1, PURGE_OUT = 2, EIGHT_BITS = 8, PORT = 0, AS_UART = 0 };
    const bool several = chip->ports > 1;
    const uint16_t port = several ? (uint16_t)(interface + 1) : 0;
    uint32_t divisor;
    if (!divide(chip, line->baud, &divisor))
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "a %s cannot do %u baud: it divides %u by 1, 1.5, or 2 and more in eighths", chip->name,
                             line->baud, chip->clock);
    const uint16_t high = (uint16_t)(divisor >> 16);
    const struct {
        const char *doing;
        uint8_t request;
        uint16_t value, index;
    } steps[] = {
        {"resetting the serial adapter", RESET, PORT, port},
        {"making the serial adapter a UART", SET_BITMODE, AS_UART, port},
        {"setting the serial adapter's latency timer", SET_LATENCY, LATENCY, port},
        {"setting the serial adapter's data format", SET_DATA, EIGHT_BITS, port},
        {"setting the serial adapter's flow control", SET_FLOW, 0,
         (uint16_t)((line->rts_cts ? FLOW_RTS_CTS : FLOW_NONE) << 8 | port)},
        {"setting the serial adapter's baud rate", SET_BAUD, (uint16_t)divisor,
         several ? (uint16_t)(high << 8 | port) : high},
        {"emptying the serial adapter", RESET, PURGE_IN, port},
        {"emptying the serial adapter", RESET, PURGE_OUT, port},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const int code = libusb_control_transfer(handle, (int)LIBUSB_REQUEST_TYPE_VENDOR | (int)LIBUSB_RECIPIENT_DEVICE,
                                                 steps[i].request, steps[i].value, steps[i].index, NULL, 0, PATIENCE);
        if (code < 0)
            return usb_failed(code, steps[i].doing, error);
    }
    return ESPALIER_OK;
}
