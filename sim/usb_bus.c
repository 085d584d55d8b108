#include "usb_bus.h"

#include <string.h>

enum {
    RESET_CYCLES = 16,
    POWER_UP_CYCLES =
        4 /* registers come up at random here, and at 0 in the chips: what is driven so early is no mistake */
};

static enum usb_wires wires_of(const struct usb_pins *pins)
{
    if (!pins->oe)
        return USB_RELEASED;
    return pins->dp ? pins->dn ? USB_SE1 : USB_J : pins->dn ? USB_K : USB_SE0;
}

static void usb_edge(struct usb_bus *bus)
{
    bool dp = bus->pins.pull_up, dn = false; /* nobody drives: the resistors do */
    if (bus->pins.oe) {
        dp = bus->pins.dp;
        dn = bus->pins.dn;
    }
    if (bus->host_oe) {
        dp = bus->host_dp;
        dn = bus->host_dn;
        bus->contentions += bus->pins.oe;
    }
    const enum usb_wires before = wires_of(&bus->pins);
    bus->model->usb_clock(bus->device, dp, dn, &bus->pins);
    bus->usb_cycles++;
    const enum usb_wires wires = wires_of(&bus->pins);
    if (wires != before && bus->edge_count < USB_EDGES)
        bus->edges[bus->edge_count++] = (struct usb_edge){bus->now, wires};
}

static void core_edge(struct usb_bus *bus)
{
    if (bus->application.before)
        bus->application.before(bus->application.context, &bus->stream);
    bus->core_busy = bus->model->clock(bus->device, &bus->stream);
    bus->core_cycles++;
    if (bus->application.after)
        bus->application.after(bus->application.context, &bus->stream);
}

bool usb_bus_stall(struct usb_bus *bus, usb_time duration)
{
    if (bus->core_next > bus->now + bus->core_period)
        return false;
    bus->core_next += duration;
    return true;
}

void usb_bus_step(struct usb_bus *bus)
{
    if (bus->usb_next <= bus->core_next) {
        bus->now = bus->usb_next;
        bus->usb_next += bus->usb_period;
        usb_edge(bus);
    } else {
        bus->now = bus->core_next;
        bus->core_next += bus->core_period;
        core_edge(bus);
    }
}

void usb_bus_run(struct usb_bus *bus, usb_time until)
{
    while (bus->usb_next <= until || bus->core_next <= until)
        usb_bus_step(bus);
    if (until > bus->now)
        bus->now = until;
}

void usb_bus_drive(struct usb_bus *bus, enum usb_wires wires)
{
    bus->host_oe = wires != USB_RELEASED;
    bus->host_dp = wires == USB_J || wires == USB_SE1;
    bus->host_dn = wires == USB_K || wires == USB_SE1;
}

void usb_bus_forget(struct usb_bus *bus)
{
    bus->edge_count = 0;
}

bool usb_bus_open(struct usb_bus *bus, const struct usb_model *model, uint32_t seed, double ppm, double phase,
                  double core_megahertz)
{
    memset(bus, 0, sizeof *bus);
    bus->model = model;
    bus->device = model->power_up(seed);
    if (!bus->device)
        return false;
    bus->usb_period = (usb_time)((double)USB_BIT / 4 / (1 + ppm * 1e-6));
    bus->core_period = (usb_time)((double)USB_MICROSECOND / core_megahertz);
    bus->usb_next = (usb_time)((double)bus->usb_period * phase);
    for (unsigned n = 0; n < 2 * RESET_CYCLES; n++) {
        const usb_time slower = bus->usb_period > bus->core_period ? bus->usb_period : bus->core_period;
        model->reset(bus->device, n < RESET_CYCLES);
        usb_bus_run(bus, bus->now + slower);
        if (n == POWER_UP_CYCLES)
            usb_bus_forget(bus);
    }
    return true;
}

void usb_bus_close(struct usb_bus *bus)
{
    if (bus->device)
        bus->model->power_down(bus->device);
    bus->device = NULL;
}
