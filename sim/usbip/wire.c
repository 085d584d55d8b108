#include "wire.h"

#include <string.h>

static uint8_t *put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    return put16(put16(at, value >> 16), value);
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t size)
{
    memcpy(at, bytes, size);
    return at + size;
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

uint32_t usbip_device_number(const struct usbip_device *device)
{
    return device->bus << 16 | device->number;
}

void usbip_read_operation(const uint8_t bytes[USBIP_OPERATION_BYTES], struct usbip_operation *operation)
{
    *operation =
        (struct usbip_operation){.version = get16(bytes), .code = get16(bytes + 2), .status = get32(bytes + 4)};
}

void usbip_write_operation(const struct usbip_operation *operation, uint8_t bytes[USBIP_OPERATION_BYTES])
{
    put32(put16(put16(bytes, operation->version), operation->code), operation->status);
}

void usbip_write_count(uint32_t count, uint8_t bytes[USBIP_COUNT_BYTES])
{
    put32(bytes, count);
}

void usbip_write_device(const struct usbip_device *device, uint8_t bytes[USBIP_DEVICE_BYTES])
{
    uint8_t *at = put(bytes, device->path, USBIP_PATH_BYTES);
    at = put(at, device->bus_id, USBIP_BUS_ID_BYTES);
    at = put32(put32(put32(at, device->bus), device->number), USBIP_FULL_SPEED);
    at = put16(put16(put16(at, device->vendor), device->product), device->release);
    at = put(at, device->class, sizeof device->class);
    *at++ = device->configuration;
    *at++ = device->configurations;
    *at++ = device->interfaces;
}

void usbip_write_interface(const struct usbip_device *device, unsigned interface, uint8_t bytes[USBIP_INTERFACE_BYTES])
{
    *put(bytes, device->interface_class[interface], sizeof device->interface_class[interface]) = 0;
}

void usbip_read_command(const uint8_t bytes[USBIP_COMMAND_BYTES], struct usbip_command *command)
{
    *command = (struct usbip_command){.command = get32(bytes),
                                      .sequence = get32(bytes + 4),
                                      .device = get32(bytes + 8),
                                      .direction = get32(bytes + 12),
                                      .endpoint = get32(bytes + 16),
                                      .flags = get32(bytes + 20),
                                      .length = get32(bytes + 24),
                                      .start_frame = get32(bytes + 28),
                                      .packets = get32(bytes + 32),
                                      .unlink = get32(bytes + 20)};
    memcpy(command->setup, bytes + 40, sizeof command->setup);
}

/* Replies leave out what only clients tell: device, direction and endpoint are 0. */
static uint8_t *begin_reply(uint32_t command, uint32_t sequence, int status, uint8_t bytes[USBIP_COMMAND_BYTES])
{
    memset(bytes, 0, USBIP_COMMAND_BYTES);
    put32(put32(bytes, command), sequence);
    return put32(bytes + 20, (uint32_t)status);
}

void usbip_write_submitted(uint32_t sequence, int status, size_t done, uint32_t packets,
                           uint8_t bytes[USBIP_COMMAND_BYTES])
{
    uint8_t *at = put32(begin_reply(USBIP_SUBMITTED, sequence, status, bytes), (uint32_t)done);
    put32(put32(at, 0), packets);
}

void usbip_write_unlinked(uint32_t sequence, int status, uint8_t bytes[USBIP_COMMAND_BYTES])
{
    begin_reply(USBIP_UNLINKED, sequence, status, bytes);
}
