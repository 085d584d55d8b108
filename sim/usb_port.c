#include "usb_port.h"

#include <espalier/usb_ids.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    ADDRESS = 5,
    RESET_MICROSECONDS = 50,
    CLEAR_FEATURE_ENDPOINT = 0x0201, /* bmRequestType and bRequest */
    SET_ADDRESS = 0x0005,
    SET_CONFIGURATION = 0x0009,
    SET_INTERFACE = 0x010B,
    SET_FEATURE_PORT = 0x2303,
    PORT_RESET = 4
};

/* A device that computes nothing and has said nothing for so long says nothing any more: it breaks its own silence
 * within a frame after 2^22 cycles, 140 ms at 30 MHz. */
static const usb_time QUIET = (usb_time)200000 * 1000000000;

/* ---- queues ---- */

struct usb_urb *usb_urb_create(size_t length)
{
    struct usb_urb *urb = length > SIZE_MAX - sizeof *urb ? NULL : calloc(1, sizeof *urb + length);
    if (urb)
        urb->length = length;
    return urb;
}

static void empty(struct usb_urb_queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static void append(struct usb_urb_queue *queue, struct usb_urb *urb)
{
    urb->next = NULL;
    *queue->last = urb;
    queue->last = &urb->next;
}

/* Takes the transfer behind @p link out of a queue. */
static struct usb_urb *take(struct usb_urb_queue *queue, struct usb_urb **link)
{
    struct usb_urb *urb = *link;
    *link = urb->next;
    if (!*link)
        queue->last = link;
    return urb;
}

static void discard(struct usb_urb_queue *queue)
{
    while (queue->first)
        free(take(queue, &queue->first));
}

static void finish(struct usb_port *port, enum usb_pipe pipe, int status)
{
    struct usb_urb *urb = take(&port->queues[pipe], &port->queues[pipe].first);
    urb->status = status;
    port->tries[pipe] = 0;
    port->waits[pipe] = false;
    append(&port->finished, urb);
}

/* ---- the port ---- */

static bool connect(struct usb_port *port)
{
    uint8_t device[64];
    struct usb_host *host = &port->host;
    usb_host_reset(host, RESET_MICROSECONDS);
    if (usb_host_control(host, (struct usb_setup){0x80, 6, 0x0100, 0, sizeof device}, device) != 18 ||
        usb_host_control(host, (struct usb_setup){0x00, 5, ADDRESS, 0, 0}, NULL) != 0)
        return false;
    host->address = ADDRESS;
    return true;
}

bool usb_port_open(struct usb_port *port, const struct usb_model *model, uint64_t seed, double core_megahertz,
                   const char *serial)
{
    memset(port, 0, sizeof *port);
    for (unsigned pipe = 0; pipe < USB_PIPES; pipe++)
        empty(&port->queues[pipe]);
    empty(&port->finished);
    if (!usb_bus_open(&port->bus, model, (uint32_t)seed, 0, 0.4, core_megahertz))
        return false;
    usb_host_open(&port->host, &port->bus, seed);
    port->host.frames = true;
    port->moved = port->bus.now - QUIET;
    usb_host_idle(&port->host, 1000);
    if ((!serial || model->set_serial(port->bus.device, serial)) && connect(port))
        return true;
    usb_port_close(port);
    return false;
}

void usb_port_forget(struct usb_port *port)
{
    for (unsigned pipe = 0; pipe < USB_PIPES; pipe++) {
        discard(&port->queues[pipe]);
        port->tries[pipe] = 0;
        port->waits[pipe] = false;
    }
    discard(&port->finished);
    port->count = port->bytes = 0;
}

void usb_port_close(struct usb_port *port)
{
    usb_port_forget(port);
    usb_bus_close(&port->bus);
}

bool usb_port_reset(struct usb_port *port)
{
    usb_port_forget(port);
    return connect(port);
}

/* ---- endpoint 0 ---- */

/* What a request that was carried out changes at the host's end: its address, and toggles that begin again. */
static void follow(struct usb_host *host, const struct usb_setup *setup)
{
    const unsigned request = (unsigned)setup->type << 8 | setup->request;
    if (request == SET_ADDRESS)
        host->address = (uint8_t)setup->value;
    const bool all = request == SET_CONFIGURATION || request == SET_INTERFACE;
    if (all || (request == CLEAR_FEATURE_ENDPOINT && setup->index == ESPALIER_USB_ENDPOINT_OUT))
        host->toggle_out = false;
    if (all || (request == CLEAR_FEATURE_ENDPOINT && setup->index == ESPALIER_USB_ENDPOINT_IN))
        host->toggle_in = false;
}

int usb_port_control(struct usb_port *port, struct usb_setup setup, uint8_t *data)
{
    const int done = usb_host_control(&port->host, setup, data);
    if (done >= 0)
        follow(&port->host, &setup);
    return done;
}

/* A reset while transfers are queued, by the operating system's wish: the device is then as it was. */
static int reset_in_use(struct usb_port *port)
{
    const struct usb_setup configure = {0x00, 9, ESPALIER_USB_CONFIGURATION, 0, 0};
    const bool configured = port->bus.pins.configured;
    const bool back = connect(port) && (!configured || usb_port_control(port, configure, NULL) == 0);
    return back ? 0 : USB_FAILED;
}

static void serve_control(struct usb_port *port)
{
    struct usb_urb *urb = port->queues[USB_PIPE_CONTROL].first;
    const uint8_t *bytes = urb->setup;
    const struct usb_setup setup = {.type = bytes[0],
                                    .request = bytes[1],
                                    .value = (uint16_t)(bytes[2] | bytes[3] << 8),
                                    .index = (uint16_t)(bytes[4] | bytes[5] << 8),
                                    .length = (uint16_t)(bytes[6] | bytes[7] << 8)};
    const unsigned request = (unsigned)setup.type << 8 | setup.request;
    const int done = request == SET_FEATURE_PORT && setup.value == PORT_RESET
                         ? reset_in_use(port)
                         : usb_port_control(port, setup, urb->data);
    urb->done = done > 0 ? (size_t)done : 0;
    if (done >= 0)
        finish(port, USB_PIPE_CONTROL, urb->in && urb->whole && urb->done < urb->length ? -EREMOTEIO : 0);
    else
        finish(port, USB_PIPE_CONTROL, done == USB_STALLED ? -EPIPE : -EPROTO);
}

/* ---- endpoint 1 ---- */

/* A transaction that carried nothing. */
static void note_failure(struct usb_port *port, enum usb_pipe pipe, enum usb_reply reply)
{
    const bool silent = reply == USB_REPLY_SILENCE || reply == USB_REPLY_GARBLED;
    port->tries[pipe] = silent ? port->tries[pipe] + 1 : 0;
    port->waits[pipe] = reply == USB_REPLY_NAK;
    if (reply == USB_REPLY_STALL)
        finish(port, pipe, -EPIPE);
    else if (port->tries[pipe] == USB_TRIES)
        finish(port, pipe, -EPROTO);
}

static void note_packet(struct usb_port *port, enum usb_pipe pipe, size_t size)
{
    struct usb_urb *urb = port->queues[pipe].first;
    port->tries[pipe] = 0;
    port->waits[pipe] = false;
    port->moved = port->bus.now;
    urb->done += size;
    urb->packets++;
}

static void serve_out(struct usb_port *port)
{
    struct usb_urb *urb = port->queues[USB_PIPE_OUT].first;
    const size_t left = urb->length - urb->done, size = left < ESPALIER_USB_PACKET ? left : ESPALIER_USB_PACKET;
    enum usb_reply reply;
    if (!usb_host_bulk_out(&port->host, urb->data + urb->done, size, &reply)) {
        note_failure(port, USB_PIPE_OUT, reply);
        return;
    }
    note_packet(port, USB_PIPE_OUT, size);
    const bool one_more = urb->empty_end && size == ESPALIER_USB_PACKET;
    if (urb->done == urb->length && !one_more)
        finish(port, USB_PIPE_OUT, 0);
}

static void serve_in(struct usb_port *port)
{
    struct usb_urb *urb = port->queues[USB_PIPE_IN].first;
    enum usb_reply reply;
    const int size = usb_host_bulk_in_within(&port->host, urb->data + urb->done, urb->length - urb->done, &reply);
    if (size == USB_OVERFLOW) {
        finish(port, USB_PIPE_IN, -EOVERFLOW);
    } else if (size < 0) {
        note_failure(port, USB_PIPE_IN, reply);
    } else {
        note_packet(port, USB_PIPE_IN, (size_t)size);
        if (urb->done == urb->length)
            finish(port, USB_PIPE_IN, 0);
        else if (size < (int)ESPALIER_USB_PACKET)
            finish(port, USB_PIPE_IN, urb->whole ? -EREMOTEIO : 0);
    }
}

/* ---- transfers ---- */

/* What is wrong with a transfer before it has begun. */
static int fault_of(const struct usb_urb *urb)
{
    const unsigned length = (unsigned)(urb->setup[6] | urb->setup[7] << 8);
    const bool in = urb->setup[0] & 0x80;
    if (urb->endpoint == (ESPALIER_USB_ENDPOINT_OUT & 0x0f))
        return 0;
    if (urb->endpoint != 0)
        return -ENOENT;
    return urb->length == length && (length == 0 || in == urb->in) ? 0 : -EINVAL;
}

void usb_port_submit(struct usb_port *port, struct usb_urb *urb)
{
    port->count++;
    port->bytes += urb->length;
    urb->status = fault_of(urb);
    if (urb->status != 0)
        append(&port->finished, urb);
    else
        append(&port->queues[urb->endpoint == 0 ? USB_PIPE_CONTROL : urb->in ? USB_PIPE_IN : USB_PIPE_OUT], urb);
}

/* A transfer leaves the port. */
static struct usb_urb *give_back(struct usb_port *port, struct usb_urb *urb)
{
    port->count--;
    port->bytes -= urb->length;
    return urb;
}

bool usb_port_cancel(struct usb_port *port, uint32_t id)
{
    for (unsigned pipe = 0; pipe < USB_PIPES; pipe++)
        for (struct usb_urb **link = &port->queues[pipe].first; *link; link = &(*link)->next) {
            if ((*link)->id != id)
                continue;
            struct usb_urb *urb = take(&port->queues[pipe], link);
            port->waits[pipe] = false; /* the next one is tried anew */
            if (urb->packets == 0) {
                give_back(port, urb);
                free(urb);
                return true;
            }
            urb->status = -ECONNRESET;
            append(&port->finished, urb);
            return false;
        }
    return false;
}

struct usb_urb *usb_port_finished(struct usb_port *port)
{
    return port->finished.first ? give_back(port, take(&port->finished, &port->finished.first)) : NULL;
}

/* ---- time ---- */

bool usb_port_awake(const struct usb_port *port)
{
    for (unsigned pipe = 0; pipe < USB_PIPES; pipe++)
        if (port->queues[pipe].first && !port->waits[pipe])
            return true;
    return port->bus.core_busy || port->bus.now - port->moved < QUIET;
}

void usb_port_advance(struct usb_port *port, usb_time span)
{
    static void (*const serve[USB_PIPES])(struct usb_port *) = {serve_control, serve_out, serve_in};
    const usb_time end = port->bus.now + span;
    while (!port->finished.first && port->bus.now < end) {
        bool idle = true;
        for (unsigned pipe = 0; pipe < USB_PIPES; pipe++)
            if (port->queues[pipe].first) {
                idle = false;
                serve[pipe](port);
            }
        if (idle)
            usb_host_next_frame(&port->host);
        if (port->bus.core_busy)
            port->moved = port->bus.now;
    }
}
