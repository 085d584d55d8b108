/* What the `which` of espalier_usb_open says; private to host/usb. */
#ifndef ESPALIER_USB_WHICH_H
#define ESPALIER_USB_WHICH_H

#include <espalier/usb.h>

#include <stdbool.h>
#include <stdint.h>

/* How a serial adapter is set up. */
struct usb_line {
    uint32_t baud;
    char port;    /* 'A' to 'D'; 0: the one that boards use */
    bool rts_cts; /* RTS and CTS are wired */
};

struct usb_which {
    enum espalier_usb_kind kind;
    char name[44]; /* a serial number or a path; empty: any */
    struct usb_line line;
};

/* @return ESPALIER_ERR_RANGE with what is wrong and what would be right */
enum espalier_status usb_which_read(const char *text, struct usb_which *out, struct espalier_error *error);

#endif
