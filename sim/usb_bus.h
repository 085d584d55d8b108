/** One USB cable with a Verilated device at its end, in time: the device's two clocks tick at any rate and phase, the
 * host's end drives D+ and D- when it wants, and everything that the device drives is noted with its time. */
#ifndef ESPALIER_USB_BUS_H
#define ESPALIER_USB_BUS_H

#include "usb_model.h"

#include <stddef.h>

/** Times are in femtoseconds. */
typedef int64_t usb_time;

static const usb_time USB_BIT = 83333333; /**< 12 Mbit/s, as the host has it */
static const usb_time USB_MICROSECOND = 1000000000;

/** What is on the two wires. */
enum usb_wires { USB_SE0, USB_J, USB_K, USB_SE1, USB_RELEASED };

struct usb_edge {
    usb_time at;
    enum usb_wires wires;
};

enum { USB_EDGES = 4096 };

/** Who uses the streams: called before every cycle of the streams' clock, and told after it what moved. */
struct usb_application {
    void *context;
    void (*before)(void *context, struct usb_stream *stream);
    void (*after)(void *context, const struct usb_stream *stream);
};

struct usb_bus {
    const struct usb_model *model;
    void *device;
    usb_time now;
    usb_time usb_period, usb_next;   /**< the device's 48 MHz clock: its period, and its next edge */
    usb_time core_period, core_next; /**< the streams' clock */
    bool host_oe, host_dp, host_dn;
    struct usb_pins pins;
    struct usb_application application;
    struct usb_stream stream;
    bool core_busy;
    struct usb_edge edges[USB_EDGES]; /**< what the device drove since usb_bus_forget */
    size_t edge_count;
    uint64_t contentions; /**< device clocks in which both ends drove */
    uint64_t usb_cycles, core_cycles;
};

/** Powers a device up, holds both resets for a while and lets them go. All other members may be changed then.
 *  @param ppm   how much faster the device's clock is than the host's, in millionths
 *  @param phase of the device's clock against the host's, 0 to 1
 *  @return false if out of memory */
bool usb_bus_open(struct usb_bus *bus, const struct usb_model *model, uint32_t seed, double ppm, double phase,
                  double core_megahertz);
void usb_bus_close(struct usb_bus *bus);

/** The streams' clock has no edge for so long: what the device cannot pass on any more, it refuses with NAK.
 *  @return false if it stands still already: nothing is changed then */
bool usb_bus_stall(struct usb_bus *bus, usb_time duration);

/** Lets all clock edges up to a time happen. */
void usb_bus_run(struct usb_bus *bus, usb_time until);
/** Lets the next clock edge happen. */
void usb_bus_step(struct usb_bus *bus);

void usb_bus_drive(struct usb_bus *bus, enum usb_wires wires);
void usb_bus_forget(struct usb_bus *bus);

#endif
