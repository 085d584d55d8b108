/** The client's link to a device at the end of a simulated USB cable: every byte goes over D+ and D- bit by bit. */
#ifndef ESPALIER_USB_TRANSPORT_H
#define ESPALIER_USB_TRANSPORT_H

#include "usb_host.h"

#include <espalier/device.h>

/** What has happened on a cable. */
struct espalier_usb_history {
    uint64_t faults, naks;
    double seconds; /**< of the bus */
};

struct espalier_usb_cable {
    const struct usb_model *model;
    uint64_t seed;                        /**< of the power-up state and of the faults */
    double ppm;                           /**< device's clock against the host's */
    double core_megahertz;                /**< the core's clock */
    double fault_rate;                    /**< of the host's packets, once it has enumerated; see usb_host.h */
    enum usb_fault fault;                 /**< the same */
    double deafness;                      /**< of the device's */
    double stalls;                        /**< of the transactions, that the core's clock stands still: NAK storms */
    struct espalier_usb_history *history; /**< written when it is closed, or NULL */
};

/** Powers the device up, enumerates it as an operating system does, and gives the link to its bulk pipes.
 *  @return ESPALIER_ERR_IO if it does not enumerate, ESPALIER_ERR_MEMORY */
enum espalier_status espalier_usb_cable_open(const struct espalier_usb_cable *cable, struct espalier_transport *out,
                                             struct espalier_error *error);

/** The host's end of an open cable, to look at. */
struct usb_host *espalier_usb_cable_host(const struct espalier_transport *transport);

#endif
