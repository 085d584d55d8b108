#include "usb_pipe.h"

#include <string.h>
#include <time.h>

enum {
    TROUBLES_MAX = 9,    /* in a row */
    HALT_PATIENCE = 500, /* milliseconds for cancelled transfers to come back */
};

int64_t usb_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

void usb_handle_events(libusb_context *context, int64_t milliseconds)
{
    struct timeval time = {.tv_sec = (time_t)(milliseconds / 1000),
                           .tv_usec = (suseconds_t)(milliseconds % 1000 * 1000)};
    libusb_handle_events_timeout_completed(context, &time, NULL);
}

static void LIBUSB_CALL finished(struct libusb_transfer *transfer)
{
    struct usb_slot *slot = transfer->user_data;
    struct usb_pipe *pipe = slot->pipe;
    slot->flying = false;
    slot->size = transfer->actual_length > 0 ? (size_t)transfer->actual_length : 0;
    slot->taken = slot->size < pipe->header ? slot->size : pipe->header;
    switch (transfer->status) {
    case LIBUSB_TRANSFER_COMPLETED:
        pipe->troubles = slot->size > slot->taken ? 0 : pipe->troubles;
        break;
    case LIBUSB_TRANSFER_CANCELLED:
        break;
    case LIBUSB_TRANSFER_NO_DEVICE:
        pipe->gone = true;
        break;
    case LIBUSB_TRANSFER_STALL:
        pipe->halted = true;
        pipe->troubled = true;
        break;
    case LIBUSB_TRANSFER_ERROR:
    case LIBUSB_TRANSFER_TIMED_OUT:
    case LIBUSB_TRANSFER_OVERFLOW:
    default:
        pipe->troubled = true;
    }
}

enum espalier_status usb_pipe_open(struct usb_pipe *pipe, libusb_context *context, libusb_device_handle *handle,
                                   uint8_t endpoint, size_t count, size_t header, struct espalier_error *error)
{
    pipe->context = context;
    pipe->handle = handle;
    pipe->endpoint = endpoint;
    pipe->header = header;
    for (pipe->count = 0; pipe->count < count; pipe->count++) {
        struct usb_slot *slot = &pipe->slots[pipe->count];
        slot->pipe = pipe;
        slot->transfer = libusb_alloc_transfer(0);
        if (!slot->transfer)
            return espalier_fail(error, ESPALIER_ERR_MEMORY, "USB: no memory for a transfer");
    }
    return ESPALIER_OK;
}

void usb_pipe_cancel(struct usb_pipe *pipe)
{
    for (size_t i = 0; i < pipe->count; i++)
        if (pipe->slots[i].flying)
            libusb_cancel_transfer(pipe->slots[i].transfer);
}

bool usb_pipe_quiet(const struct usb_pipe *pipe)
{
    for (size_t i = 0; i < pipe->count; i++)
        if (pipe->slots[i].flying)
            return false;
    return true;
}

void usb_pipe_free(struct usb_pipe *pipe)
{
    for (size_t i = 0; i < pipe->count; i++)
        libusb_free_transfer(pipe->slots[i].transfer);
}

bool usb_pipe_submit(struct usb_pipe *pipe, size_t size)
{
    struct usb_slot *slot = &pipe->slots[pipe->next];
    libusb_fill_bulk_transfer(slot->transfer, pipe->handle, pipe->endpoint, slot->bytes, (int)size, finished, slot, 0);
    slot->size = slot->taken = 0;
    int code = libusb_submit_transfer(slot->transfer);
    slot->flying = code == 0;
    if (code == LIBUSB_ERROR_NO_DEVICE)
        pipe->gone = true;
    else if (code != 0)
        pipe->troubled = true;
    else
        pipe->next = (pipe->next + 1) % pipe->count;
    return slot->flying;
}

/* Gets all transfers back, and tells the endpoint to go on. What IN transfers brought stays in their slots. */
static void end_halt(struct usb_pipe *pipe)
{
    const int64_t deadline = usb_now() + HALT_PATIENCE;
    usb_pipe_cancel(pipe);
    while (!usb_pipe_quiet(pipe) && usb_now() < deadline)
        usb_handle_events(pipe->context, deadline - usb_now());
    if (libusb_clear_halt(pipe->handle, pipe->endpoint) == LIBUSB_ERROR_NO_DEVICE)
        pipe->gone = true;
    pipe->halted = false;
}

enum espalier_status usb_pipe_repair(struct usb_pipe *pipe)
{
    if (pipe->troubled && pipe->troubles < TROUBLES_MAX && !pipe->gone) {
        /* An unplugged device fails for a while before the system knows */
        const int64_t deadline = usb_now() + (1 << pipe->troubles++);
        for (int64_t now = usb_now(); now < deadline && !pipe->gone; now = usb_now())
            usb_handle_events(pipe->context, deadline - now);
        if (pipe->halted)
            end_halt(pipe);
        pipe->troubled = false;
    }
    if (pipe->gone)
        return ESPALIER_ERR_NO_DEVICE;
    return pipe->troubled ? ESPALIER_ERR_IO : ESPALIER_OK;
}
