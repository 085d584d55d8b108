/** What the bridge needs of the board that it runs on. All functions return soon: none waits for the other side. */
#ifndef ESPALIER_BRIDGE_PORTS_H
#define ESPALIER_BRIDGE_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The SPI link to the accelerator (rtl/link/spi_slave.v), of which this is the master. */
struct spi_port {
    void *context;
    /** CS down or up, and the time that the slave then needs. */
    void (*select)(void *context, bool selected);
    /** Clocks @p size bytes out and as many in. */
    void (*exchange)(void *context, const uint8_t *out, uint8_t *in, size_t size);
};

/** The pins by which an iCE40 is configured as an SPI slave. They are shared with its flash: not driven outside begin
 * and end. */
struct config_port {
    void *context;
    /** Takes the pins: CRESET down, then SS down, SCK down. */
    void (*begin)(void *context);
    /** Gives all pins back but CRESET. */
    void (*end)(void *context);
    void (*reset)(void *context, bool down);
    void (*select)(void *context, bool selected);
    /** Sends bytes, most significant bit first, taken at rising edges of SCK. */
    void (*send)(void *context, const uint8_t *bytes, size_t size);
    bool (*done)(void *context); /**< the level of CDONE */
};

/** Time that wraps around. */
struct clock_port {
    void *context;
    uint32_t (*microseconds)(void *context);
};

/** The two bulk endpoints of the USB device controller. */
struct endpoint_port {
    void *context;
    /** Lets the host send one packet of up to ESPALIER_USB_PACKET bytes into @p packet; until then it is told to wait.
     */
    void (*receive)(void *context, uint8_t *packet);
    /** Lets the host fetch one packet. */
    void (*send)(void *context, const uint8_t *packet, size_t size);
    /** Halts an endpoint, OUT or IN: what was under way there is called off. */
    void (*halt)(void *context, bool in);
    /** Calls off what is under way, and begins again with DATA0. */
    void (*restart)(void *context, bool in);
};

#endif
