/* The link to a device on USB: a bulk pipe each way (usb_pipe.h) behind struct espalier_transport.
 *
 * Nobody but the caller handles events. That is enough to keep both ways busy: what has been submitted is carried out
 * by the system meanwhile, and there is always something submitted, to listen with and, while OUT slots last, to send.
 */
#include "usb_discover.h"
#include "usb_pipe.h"

#include <espalier/protocol.h>
#include <espalier/uart.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    IN_SLOTS = 32, /* of a packet each: 1.7 ms of a full-speed bus */
    OUT_SLOTS = 8,
    CLOSE_PATIENCE = 1000, /* milliseconds */
    UART_BITS = 10,        /* of a byte, start and stop bit included */
    FRAMES_UNDER_WAY = 5   /* at the most: requests, and the answer to the last */
};

struct usb_link {
    libusb_context *context;
    libusb_device_handle *handle;
    struct usb_function function;
    struct usb_pipe in, out;
    int64_t patience, deadline; /* milliseconds; a wait for bytes ends then, */
    bool overdue;               /* but for what had come by then, which is given once */
    atomic_bool cancelled;
};

/* Whether the link can go on, after trouble also. */
static enum espalier_status check(struct usb_link *link)
{
    if (atomic_load(&link->cancelled))
        return ESPALIER_ERR_CANCELLED;
    enum espalier_status in = usb_pipe_repair(&link->in), out = usb_pipe_repair(&link->out);
    if (in == ESPALIER_ERR_NO_DEVICE || out == ESPALIER_ERR_NO_DEVICE)
        return ESPALIER_ERR_NO_DEVICE;
    return in != ESPALIER_OK ? in : out;
}

/* Lets time pass until the oldest slot of a pipe is back. */
static enum espalier_status wait_for_slot(struct usb_link *link, const struct usb_pipe *pipe, int64_t deadline)
{
    enum espalier_status status = check(link);
    while (status == ESPALIER_OK && pipe->slots[pipe->next].flying) {
        const int64_t now = usb_now();
        if (now >= deadline)
            return ESPALIER_ERR_TIMEOUT;
        usb_handle_events(link->context, deadline - now);
        status = check(link);
    }
    return status;
}

static enum espalier_status usb_send(void *context, const uint8_t *bytes, size_t size, size_t *sent)
{
    struct usb_link *link = context;
    const size_t piece = size < USB_SLOT_BYTES ? size : USB_SLOT_BYTES;
    link->deadline = usb_now() + link->patience;
    link->overdue = false;
    *sent = 0;
    while (*sent == 0 && piece > 0) {
        enum espalier_status status = wait_for_slot(link, &link->out, link->deadline);
        if (status != ESPALIER_OK)
            return status;
        memcpy(link->out.slots[link->out.next].bytes, bytes, piece);
        *sent = usb_pipe_submit(&link->out, piece) ? piece : 0;
    }
    return ESPALIER_OK;
}

/* Takes up to @p size bytes out of what has come, and listens on with every slot that is empty. */
static size_t take(struct usb_link *link, uint8_t *bytes, size_t size)
{
    struct usb_pipe *in = &link->in;
    const size_t packet = link->function.packet;
    size_t taken = 0;
    for (struct usb_slot *slot = &in->slots[in->next]; !slot->flying; slot = &in->slots[in->next]) {
        const size_t there = slot->size - slot->taken, now = there < size - taken ? there : size - taken;
        memcpy(bytes + taken, slot->bytes + slot->taken, now);
        taken += now;
        slot->taken += now;
        if (slot->taken < slot->size || !usb_pipe_submit(in, packet))
            break;
    }
    return taken;
}

static enum espalier_status usb_receive(void *context, uint8_t *bytes, size_t size, bool wait, size_t *received)
{
    struct usb_link *link = context;
    *received = 0;
    if (wait && link->overdue)
        return ESPALIER_ERR_TIMEOUT;
    link->overdue = wait && usb_now() >= link->deadline;
    usb_handle_events(link->context, 0);
    enum espalier_status status = check(link);
    if (status == ESPALIER_OK)
        *received = take(link, bytes, size);
    while (status == ESPALIER_OK && wait && *received == 0) {
        status = wait_for_slot(link, &link->in, link->deadline);
        if (status == ESPALIER_OK)
            *received = take(link, bytes, size);
    }
    return status;
}

static void usb_close(void *context)
{
    struct usb_link *link = context;
    const int64_t deadline = usb_now() + CLOSE_PATIENCE;
    usb_pipe_cancel(&link->in);
    usb_pipe_cancel(&link->out);
    while (!(usb_pipe_quiet(&link->in) && usb_pipe_quiet(&link->out)) && usb_now() < deadline)
        usb_handle_events(link->context, deadline - usb_now());
    if (link->handle)
        usb_release(link->handle, &link->function); /* this ends what is still under way */
    usb_pipe_free(&link->in);
    usb_pipe_free(&link->out);
    libusb_exit(link->context);
    free(link);
}

/* Milliseconds that everything under way takes on a serial line. */
static int64_t time_on_line(const struct usb_line *line)
{
    const int64_t bits =
        FRAMES_UNDER_WAY * UART_BITS * (ESPALIER_HEADER_BYTES + ESPALIER_PAYLOAD_MAX + ESPALIER_TRAILER_BYTES);
    return bits * 1000 / line->baud;
}

/* Gets everything that a link needs. */
static enum espalier_status equip(struct usb_link *link, const struct usb_which *which, struct espalier_error *error)
{
    struct usb_function *function = &link->function;
    enum espalier_status status = usb_claim(link->context, which, &link->handle, function, error);
    if (status == ESPALIER_OK && function->chip) {
        status = usb_ftdi_configure(link->handle, function->chip, function->interface, &which->line, error);
        link->patience += time_on_line(&which->line);
    }
    if (status == ESPALIER_OK)
        status = usb_pipe_open(&link->in, link->context, link->handle, function->in, IN_SLOTS, function->header, error);
    if (status == ESPALIER_OK)
        status = usb_pipe_open(&link->out, link->context, link->handle, function->out, OUT_SLOTS, 0, error);
    return status;
}

enum espalier_status espalier_usb_open(const char *which, uint32_t patience, struct espalier_transport *out,
                                       struct espalier_error *error)
{
    struct usb_which wanted;
    enum espalier_status status = usb_which_read(which, &wanted, error);
    if (status != ESPALIER_OK)
        return status;
    if (patience == 0)
        return espalier_fail(error, ESPALIER_ERR_RANGE, "USB: a patience of 0 ms");
    struct usb_link *link = calloc(1, sizeof *link);
    if (!link)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "USB: no memory for a link");
    atomic_init(&link->cancelled, false);
    link->patience = patience;
    status = usb_context(&link->context, error);
    if (status != ESPALIER_OK) {
        free(link);
        return status;
    }
    status = equip(link, &wanted, error);
    if (status != ESPALIER_OK) {
        usb_close(link);
        return status;
    }
    const bool can_be_stopped = !link->function.chip || wanted.line.rts_cts;
    *out = (struct espalier_transport){.context = link,
                                       .send = usb_send,
                                       .receive = usb_receive,
                                       .close = usb_close,
                                       .room = can_be_stopped ? 0 : ESPALIER_UART_DEPTH};
    return ESPALIER_OK;
}

void espalier_usb_cancel(const struct espalier_transport *transport)
{
    struct usb_link *link = transport->context;
    atomic_store(&link->cancelled, true);
    libusb_interrupt_event_handler(link->context);
}
