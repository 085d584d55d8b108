/** The messages of USB/IP, protocol version 1.1.1, as the documentation of Linux lays them out (usbip_protocol.rst).
 * All numbers are big-endian, but for the eight bytes of a SETUP packet, which are as on the bus. */
#ifndef ESPALIER_USBIP_WIRE_H
#define ESPALIER_USBIP_WIRE_H

#include <stddef.h>
#include <stdint.h>

enum {
    USBIP_VERSION = 0x0111,
    USBIP_PORT = 3240,

    USBIP_REQUEST_LIST = 0x8005,
    USBIP_REQUEST_IMPORT = 0x8003,
    USBIP_REQUEST = 0x8000, /* the bit that its reply lacks */

    USBIP_OK = 0, /* status of a reply: usbip names them */
    USBIP_NOT_AVAILABLE = 1,
    USBIP_BUSY = 2,
    USBIP_BROKEN = 3,
    USBIP_NO_DEVICE = 4,

    USBIP_SUBMIT = 1,
    USBIP_UNLINK = 2,
    USBIP_SUBMITTED = 3,
    USBIP_UNLINKED = 4,

    USBIP_IN = 1, /* direction */
    USBIP_SHORT_NOT_OK = 0x0001,
    USBIP_ZERO_PACKET = 0x0040, /* flags */

    USBIP_FULL_SPEED = 2,

    USBIP_OPERATION_BYTES = 8, /* a request or reply, without what follows */
    USBIP_BUS_ID_BYTES = 32,
    USBIP_PATH_BYTES = 256,
    USBIP_COUNT_BYTES = 4,
    USBIP_DEVICE_BYTES = 312,
    USBIP_INTERFACE_BYTES = 4,
    USBIP_INTERFACES = 8, /* told of a device at the most */
    USBIP_COMMAND_BYTES = 48
};

/** A request before a device is attached. */
struct usbip_operation {
    uint16_t version, code;
    uint32_t status;
};

/** What is told of a device. */
struct usbip_device {
    char path[USBIP_PATH_BYTES], bus_id[USBIP_BUS_ID_BYTES];
    uint32_t bus, number;
    uint16_t vendor, product, release;
    uint8_t class[3]; /**< class, subclass, protocol */
    uint8_t configuration, configurations;
    uint8_t interfaces;
    uint8_t interface_class[USBIP_INTERFACES][3];
};

/** A command to a device that is attached. */
struct usbip_command {
    uint32_t command, sequence, device, direction, endpoint;
    uint32_t flags, length, start_frame, packets; /**< USBIP_SUBMIT */
    uint8_t setup[8];
    uint32_t unlink; /**< USBIP_UNLINK: the sequence number of what is to end */
};

/** The number that stands for a device in commands. */
uint32_t usbip_device_number(const struct usbip_device *device);

void usbip_read_operation(const uint8_t bytes[USBIP_OPERATION_BYTES], struct usbip_operation *operation);
void usbip_write_operation(const struct usbip_operation *operation, uint8_t bytes[USBIP_OPERATION_BYTES]);
void usbip_write_count(uint32_t count, uint8_t bytes[USBIP_COUNT_BYTES]);
void usbip_write_device(const struct usbip_device *device, uint8_t bytes[USBIP_DEVICE_BYTES]);
void usbip_write_interface(const struct usbip_device *device, unsigned interface, uint8_t bytes[USBIP_INTERFACE_BYTES]);

void usbip_read_command(const uint8_t bytes[USBIP_COMMAND_BYTES], struct usbip_command *command);
/** @param packets  as the command had it: none of its two ways to say "not isochronous" is ours to correct */
void usbip_write_submitted(uint32_t sequence, int status, size_t done, uint32_t packets,
                           uint8_t bytes[USBIP_COMMAND_BYTES]);
void usbip_write_unlinked(uint32_t sequence, int status, uint8_t bytes[USBIP_COMMAND_BYTES]);

#endif
