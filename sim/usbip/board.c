#include "board.h"

#include <espalier/usb_ids.h>

#include <stdio.h>
#include <string.h>

enum {
    BUS = 1,
    GET_DESCRIPTOR = 6,
    DEVICE = 1,
    CONFIGURATION = 2,
    INTERFACE = 4, /* kinds of descriptors */
    DESCRIPTORS_MOST = 1024
};

static const double CORE_MEGAHERTZ = 30; /* what the build up5k closes */

static int read_descriptor(struct usb_port *port, unsigned kind, uint16_t length, uint8_t *bytes)
{
    const struct usb_setup setup = {0x80, GET_DESCRIPTOR, (uint16_t)(kind << 8), 0, length};
    return usb_port_control(port, setup, bytes);
}

static bool ask_device(struct usbip_board *board)
{
    uint8_t bytes[18];
    if (read_descriptor(&board->port, DEVICE, sizeof bytes, bytes) != (int)sizeof bytes)
        return false;
    board->told.vendor = (uint16_t)(bytes[8] | bytes[9] << 8);
    board->told.product = (uint16_t)(bytes[10] | bytes[11] << 8);
    board->told.release = (uint16_t)(bytes[12] | bytes[13] << 8);
    board->told.configurations = bytes[17];
    memcpy(board->told.class, bytes + 4, sizeof board->told.class);
    return true;
}

/* The interfaces are among the descriptors that follow the configuration's own. */
static bool ask_interfaces(struct usbip_board *board)
{
    uint8_t bytes[DESCRIPTORS_MOST];
    const int size = read_descriptor(&board->port, CONFIGURATION, sizeof bytes, bytes);
    for (int at = 0; at + 8 <= size && bytes[at] > 0; at += bytes[at]) {
        const bool first = bytes[at + 1] == INTERFACE && bytes[at + 3] == 0; /* of alternate settings */
        if (first && board->told.interfaces < USBIP_INTERFACES)
            memcpy(board->told.interface_class[board->told.interfaces++], bytes + at + 5, 3);
    }
    return size > 0;
}

bool usbip_board_open(struct usbip_board *board, unsigned index, uint64_t seed)
{
    memset(board, 0, sizeof *board);
    board->told.bus = BUS;
    board->told.number = index + 2; /* 1 would be the hub in the computer */
    snprintf(board->told.bus_id, sizeof board->told.bus_id, "%u-%u", BUS, index + 1);
    snprintf(board->told.path, sizeof board->told.path, "/espalier-sim/usb%u/%s", BUS, board->told.bus_id);
    snprintf(board->serial, sizeof board->serial, "SIM%04u", (index + 1) % 10000);
    if (!usb_port_open(&board->port, &usb_model_board, seed, CORE_MEGAHERTZ, board->serial))
        return false;
    if (ask_device(board) && ask_interfaces(board))
        return true;
    usbip_board_close(board);
    return false;
}

void usbip_board_close(struct usbip_board *board)
{
    usb_port_close(&board->port);
}

const struct usbip_device *usbip_board_tell(struct usbip_board *board)
{
    board->told.configuration = board->port.bus.pins.configured ? ESPALIER_USB_CONFIGURATION : 0;
    return &board->told;
}
