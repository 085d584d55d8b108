/** A simulated board that can be attached, and what a list tells of it. */
#ifndef ESPALIER_USBIP_BOARD_H
#define ESPALIER_USBIP_BOARD_H

#include "wire.h"

#include <stdbool.h>
#include <usb_port.h>

enum { USBIP_BOARDS_MOST = 16, USBIP_SERIAL_BYTES = 8 };

struct usbip_board {
    struct usb_port port;
    struct usbip_device told; /**< its configuration: see usbip_board_tell */
    char serial[USBIP_SERIAL_BYTES];
    bool attached; /**< a client has it */
};

/** Powers a board up and asks it for its descriptors.
 *  @param index  0 to USBIP_BOARDS_MOST - 1: its bus id is 1-(index + 1), its serial number SIM and the same
 *  @return false if out of memory, or if the device does not enumerate */
bool usbip_board_open(struct usbip_board *board, unsigned index, uint64_t seed);
void usbip_board_close(struct usbip_board *board);

/** What a list tells of it now. */
const struct usbip_device *usbip_board_tell(struct usbip_board *board);

#endif
