/** The two bulk endpoints: when the host may send, what it may fetch, and how it learns of a fault.
 *
 * While the FPGA is being configured the host is told to wait. At a fault both endpoints halt, for bytes have been
 * lost; a host that clears the halt while the fault lasts meets it again. What the controller does with a packet is
 * told by the functions below; nothing here waits. */
#ifndef ESPALIER_BRIDGE_PIPES_H
#define ESPALIER_BRIDGE_PIPES_H

#include "supervisor.h"

struct pipes {
    struct supervisor *supervisor;
    const struct endpoint_port *port;
    bool open;                           /**< configured by the host */
    bool halted[2], busy[2];             /**< OUT, IN: halted; the controller has a packet */
    uint8_t packet[ESPALIER_USB_PACKET]; /**< where the controller puts the host's */
};

enum { PIPE_OUT, PIPE_IN };

/** @param supervisor, port  must outlive the pipes */
void pipes_init(struct pipes *pipes, struct supervisor *supervisor, const struct endpoint_port *port);

/** SET_CONFIGURATION: the endpoints are there, empty and at DATA0. */
void pipes_open(struct pipes *pipes);

/** A reset of the bus, or no configuration: the endpoints are gone. A packet that the host has not confirmed is kept
 * for the next time: what has arrived of it the frame protocol's sequence numbers decide. */
void pipes_close(struct pipes *pipes);

/** A packet of @p size bytes has arrived in pipes->packet. */
void pipes_received(struct pipes *pipes, size_t size);

/** The host has confirmed the packet that it was given. */
void pipes_sent(struct pipes *pipes);

/** SET_FEATURE and CLEAR_FEATURE of ENDPOINT_HALT, from the host. */
void pipes_set_halt(struct pipes *pipes, bool in);
void pipes_clear_halt(struct pipes *pipes, bool in);

/** Gives the controller what it may have. Call it again and again. */
void pipes_step(struct pipes *pipes);

#endif
