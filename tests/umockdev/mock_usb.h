/* USB devices that are not there, for an unmodified libusb: umockdev redirects what a program asks /sys and /dev, and
 * the ioctls of usbfs are answered here. Behind each device is a transport, most often a simulated board: bulk OUT
 * bytes go to it, bulk IN bytes come from it; or a simulated bus with a simulated USB device. Time passes for it while
 * somebody looks for finished transfers.
 *
 * The program must run under umockdev-wrapper (mock_usb_enter). Its threads may use devices as they like; a device is
 * plugged, unplugged and looked at by one of them. */
#ifndef ESPALIER_TEST_MOCK_USB_H
#define ESPALIER_TEST_MOCK_USB_H

#include <espalier/device.h>
#include <usb_port.h>

/* What happens to a transfer. */
enum mock_fate {
    MOCK_SERVE,  /* what should */
    MOCK_VANISH, /* the device is unplugged as it is submitted */
    MOCK_REFUSE, /* it is not accepted (ENOMEM) */
    MOCK_STALL,  /* it, and all behind it, fail until somebody clears the halt; its bytes are lost */
    MOCK_ERROR,  /* it fails, its bytes lost */
    MOCK_LOSE,   /* its bytes are lost, and nobody says so */
    MOCK_FLIP,   /* a bit of it changes */
    MOCK_REPEAT, /* OUT: its bytes arrive twice */
    MOCK_SHORT,  /* IN: it brings a part, and another one the rest; OUT: it fails with a part arrived */
    MOCK_EMPTY,  /* IN: it is over with nothing in it; OUT: as MOCK_LOSE */
    MOCK_LATE,   /* it takes a while */
    MOCK_HANG,   /* it, and all behind it, wait for ever */
    MOCK_FATES
};

enum { MOCK_INTERFACES = 2, MOCK_PACKET_MAX = 512 };

/* What a device is: its descriptors, and what it does with requests of its own. */
struct mock_body {
    const char *manufacturer;
    uint16_t vendor, product, release;
    uint16_t packet;               /* bytes in a bulk packet at the most */
    unsigned speed;                /* Mbit/s */
    unsigned polls;                /* of the transport, each time somebody looks for a finished transfer */
    unsigned interfaces, function; /* how many, and the one that the transport is behind */
    uint8_t in[MOCK_INTERFACES], out[MOCK_INTERFACES]; /* bulk endpoints */
    /* A vendor request; @p context is the transport's. @return bytes of data, or -1: STALL. NULL: STALL */
    int (*control)(void *context, const uint8_t setup[8], uint8_t *data);
};

struct mock_spec {
    const struct mock_body *body;     /* NULL: an Espalier device */
    unsigned address;                 /* on bus 1, 1 to 127; the path is then "1-ADDRESS" */
    const char *serial, *product;     /* strings */
    const char *kernel_driver;        /* that is bound to all interfaces; NULL: none */
    bool foreign;                     /* the numbers are right, the interface is not */
    bool mute;                        /* its control endpoint stalls */
    struct espalier_transport behind; /* not closed here; send NULL: swallows everything and says nothing. What it gives
                                         at a time is a packet */
    /* Instead of it a port with a whole USB device, configured: it answers all transfers, those of endpoint 0 included,
     * and has the descriptors and strings. Of the fates, MOCK_SERVE, MOCK_VANISH and MOCK_REFUSE are then possible. */
    struct usb_port *port;
    /* The fate of bulk transfer @p number (from 0, submitted or refused); NULL: all are served. */
    enum mock_fate (*fate)(void *context, uint64_t number, bool in);
    void *context;
};

struct mock_bus;
struct mock_device;

/* Starts the program again under umockdev-wrapper unless it already is. Call it first in main. */
void mock_usb_enter(char **argv);

struct mock_bus *mock_bus_open(void);
void mock_bus_close(struct mock_bus *bus);

struct mock_device *mock_plug(struct mock_bus *bus, const struct mock_spec *spec);
/* Takes it from the bus; whoever has it open finds it gone. It is freed by mock_forget, after everybody has closed it.
 */
void mock_unplug(struct mock_bus *bus, struct mock_device *device);
void mock_forget(struct mock_device *device);

/* Makes opening it need permissions that this thread does not have, until mock_allow. */
void mock_deny(struct mock_bus *bus, struct mock_device *device);
void mock_allow(struct mock_bus *bus, struct mock_device *device);

/* What has happened to it. */
struct mock_tally {
    uint64_t transfers;             /* bulk, submitted or refused */
    uint64_t fates[MOCK_FATES];     /* of them */
    unsigned flying_in, flying_out; /* now */
    unsigned most_in, most_out;     /* at once so far */
    unsigned claims, drivers;       /* interfaces claimed now, and served by a driver of the kernel */
};
struct mock_tally mock_tally(struct mock_device *device);

#endif
