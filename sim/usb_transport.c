/** A simulated USB cable behind struct espalier_transport. Sending and receiving are what makes time pass. */
#include "usb_transport.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUFFER_BYTES = 8192, /**< bytes that came while others were being sent */
    ADDRESS = 5
};

/** Bus time without a byte moving until a wait is given up: the device breaks its own silence after 2^22 cycles. */
static const usb_time PATIENCE = (usb_time)400000 * 1000000000, PATIENCE_BUSY = (usb_time)4000000 * 1000000000;

struct cable {
    struct espalier_usb_history *history;
    struct usb_bus bus;
    struct usb_host host;
    uint8_t buffer[BUFFER_BYTES]; /**< received and not yet asked for: [first, last) */
    size_t first, last;
};

/** One IN transaction, if there is room for what it may bring. @return true if bytes came */
static bool poll(struct cable *cable)
{
    uint8_t bytes[64];
    enum usb_reply reply;
    if (cable->first > 0) {
        memmove(cable->buffer, cable->buffer + cable->first, cable->last - cable->first);
        cable->last -= cable->first;
        cable->first = 0;
    }
    if (BUFFER_BYTES - cable->last < sizeof bytes)
        return false;
    const int size = usb_host_bulk_in(&cable->host, bytes, &reply);
    if (size <= 0)
        return false;
    memcpy(cable->buffer + cable->last, bytes, (size_t)size);
    cable->last += (size_t)size;
    return true;
}

static bool patient(const struct cable *cable, usb_time since)
{
    return cable->bus.now - since < (cable->bus.core_busy ? PATIENCE_BUSY : PATIENCE);
}

static enum espalier_status cable_send(void *context, const uint8_t *bytes, size_t size, size_t *sent)
{
    struct cable *cable = context;
    usb_time since = cable->bus.now;
    *sent = 0;
    while (*sent < size) {
        enum usb_reply reply;
        const size_t piece = size - *sent < 64 ? size - *sent : 64;
        if (usb_host_bulk_out(&cable->host, bytes + *sent, piece, &reply)) {
            *sent += piece;
            since = cable->bus.now;
        } else if (reply == USB_REPLY_STALL)
            return ESPALIER_ERR_IO;
        else if (!poll(cable) && !patient(cable, since)) /* it may wait for us to take what it has to say */
            break;
    }
    return *sent > 0 || size == 0 ? ESPALIER_OK : ESPALIER_ERR_TIMEOUT;
}

static enum espalier_status cable_receive(void *context, uint8_t *bytes, size_t size, bool wait, size_t *received)
{
    struct cable *cable = context;
    const usb_time since = cable->bus.now;
    while (cable->first == cable->last && !poll(cable) && wait && patient(cable, since))
        ;
    const size_t there = cable->last - cable->first;
    *received = there < size ? there : size;
    memcpy(bytes, cable->buffer + cable->first, *received);
    cable->first += *received;
    return wait && there == 0 ? ESPALIER_ERR_TIMEOUT : ESPALIER_OK;
}

static void cable_close(void *context)
{
    struct cable *cable = context;
    if (cable->history)
        *cable->history = (struct espalier_usb_history){
            .faults = cable->host.faults, .naks = cable->host.naks, .seconds = (double)cable->bus.now / 1e15};
    usb_bus_close(&cable->bus);
    free(cable);
}

enum espalier_status espalier_usb_cable_open(const struct espalier_usb_cable *wanted, struct espalier_transport *out,
                                             struct espalier_error *error)
{
    struct cable *cable = calloc(1, sizeof *cable);
    if (!cable)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "USB cable: out of memory");
    if (!usb_bus_open(&cable->bus, wanted->model, (uint32_t)wanted->seed, wanted->ppm, 0.4, wanted->core_megahertz)) {
        free(cable);
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "USB cable: out of memory");
    }
    usb_host_open(&cable->host, &cable->bus, wanted->seed);
    cable->host.frames = true;
    usb_host_idle(&cable->host, 1000);
    if (!usb_host_enumerate(&cable->host, ADDRESS)) {
        cable_close(cable);
        return espalier_fail(error, ESPALIER_ERR_IO, "the device at the USB cable does not enumerate");
    }
    cable->history = wanted->history;
    cable->host.fault_rate = wanted->fault_rate;
    cable->host.fault = wanted->fault;
    cable->host.deafness = wanted->deafness;
    cable->host.stalls = wanted->stalls;
    *out = (struct espalier_transport){
        .context = cable, .send = cable_send, .receive = cable_receive, .close = cable_close};
    return ESPALIER_OK;
}

struct usb_host *espalier_usb_cable_host(const struct espalier_transport *transport)
{
    struct cable *cable = transport->context;
    return &cable->host;
}
