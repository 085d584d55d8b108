/** The network's end of the sessions: one thread that listens, reads, writes, and in between lets time pass on the
 * boards' buses. */
#ifndef ESPALIER_USBIP_SERVER_H
#define ESPALIER_USBIP_SERVER_H

#include "session.h"

enum {
    USBIP_CLIENTS_MOST = 32,
    USBIP_HOST_CHARS = 64, /* a numeric address, with its zone */
    USBIP_PORT_CHARS = 8,
    USBIP_ASK_SECONDS = 10,  /**< in which a client must have asked for something */
    USBIP_STUCK_SECONDS = 30 /**< in which something that has been begun must get on, either way */
};

struct usbip_server;

/** Listens.
 *  @param address  numeric, IPv4 or IPv6
 *  @param port     0: any that is free
 *  @param why      receives what went wrong
 *  @return NULL if it cannot */
struct usbip_server *usbip_server_open(struct usbip_rack *rack, const char *address, const char *port,
                                       const char **why);
void usbip_server_close(struct usbip_server *server);

/** Where it listens, as "127.0.0.1" and "3240". */
void usbip_server_address(const struct usbip_server *server, char address[USBIP_HOST_CHARS],
                          char port[USBIP_PORT_CHARS]);

/** Serves until @p stop, a file descriptor, can be read. @return false if the system failed (errno) */
bool usbip_server_run(struct usbip_server *server, int stop);

#endif
