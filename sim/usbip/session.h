/** What a client says, and what it is told: USB/IP without the network. Bytes go in, in pieces of any size, bytes come
 * out; nothing that a client may send makes it wait, grow past the limits, or fail otherwise than by ending. */
#ifndef ESPALIER_USBIP_SESSION_H
#define ESPALIER_USBIP_SESSION_H

#include "board.h"
#include "notes.h"

enum {
    USBIP_TRANSFER_MOST = 16 << 20, /* bytes of a transfer; what a program on Linux may have under way by default */
    USBIP_BYTES_MOST = 64 << 20,    /* of all transfers that a client has under way */
    USBIP_TRANSFERS_MOST = 4096
};

/** What all sessions share. */
struct usbip_rack {
    struct usbip_board *boards; /**< [count] */
    unsigned count;
    struct usbip_notes notes;
};

enum usbip_stage {
    USBIP_STAGE_OPERATION, /**< it may ask for the list or for a board */
    USBIP_STAGE_IMPORT,    /**< it says for which */
    USBIP_STAGE_COMMAND,   /**< it has a board */
    USBIP_STAGE_DATA,      /**< and sends the data of a transfer */
    USBIP_STAGE_OVER       /**< when it has been sent all that there is for it, it is to be closed */
};

struct usbip_session {
    struct usbip_rack *rack;
    const char *who; /**< its name in messages */
    struct usbip_board *board;
    enum usbip_stage stage;
    uint8_t message[USBIP_COMMAND_BYTES];
    struct usb_urb *arriving; /**< its data go here in USBIP_STAGE_DATA */
    size_t have;              /**< bytes of the message or of the data */
    uint32_t packets;         /**< how this client says "not isochronous": 0 or all ones */
    uint8_t *out;             /**< to be sent: bytes [out_begin, out_end) */
    size_t out_begin, out_end, out_room;
};

/** @param rack, who  must outlive the session */
void usbip_session_open(struct usbip_session *session, struct usbip_rack *rack, const char *who);
/** Lets its board go, and with it all transfers. */
void usbip_session_close(struct usbip_session *session);

/** Takes bytes of the client; none of them count once its stage is USBIP_STAGE_OVER. */
void usbip_session_take(struct usbip_session *session, const uint8_t *bytes, size_t size);
/** Puts replies for all transfers that have ended in the output. */
void usbip_session_collect(struct usbip_session *session);

/** Whether the client owes the rest of something it has begun. */
bool usbip_session_expects(const struct usbip_session *session);

#endif
