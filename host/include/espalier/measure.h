/** How fast the link to a device is. */
#ifndef ESPALIER_MEASURE_H
#define ESPALIER_MEASURE_H

#include <espalier/device.h>

/** A clock to measure with: seconds, or cycles of a simulated board. */
struct espalier_clock {
    double (*now)(void *context);
    void *context;
};

struct espalier_link_figures {
    double out, in; /**< payload bytes a tick of the clock, to and from the device, frames' own bytes apart */
    double least, median, most; /**< ticks from a request of 12 bytes to the end of its answer of 84 */
};

/** Measures a link: writes and reads the device's activation memory (what was in it is lost), several requests under
 * way at a time, and asks for its counters @p trips times, one after another.
 *  @param transport  is taken over, and closed, also on failure
 *  @param bytes      to carry each way, rounded up to whole requests
 *  @param trips      1 to 100,000
 *  @return what espalier_device_open and its like return */
enum espalier_status espalier_link_measure(const struct espalier_transport *transport,
                                           const struct espalier_clock *clock, uint64_t bytes, uint32_t trips,
                                           struct espalier_link_figures *out, struct espalier_error *error);

#endif
