#include "session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The session ends, and a person is told why. */
__attribute__((format(printf, 2, 3))) static void refuse(struct usbip_session *session, const char *format, ...)
{
    char text[160];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    usbip_note(&session->rack->notes, session->who, "closed: %s", text);
    session->stage = USBIP_STAGE_OVER;
}

/* ---- output ---- */

/* Room for more output. @return NULL if out of memory: the session is then over */
static uint8_t *reply_room(struct usbip_session *session, size_t size)
{
    const size_t waiting = session->out_end - session->out_begin;
    if (session->out_begin > 0) {
        memmove(session->out, session->out + session->out_begin, waiting);
        session->out_begin = 0;
        session->out_end = waiting;
    }
    if (waiting + size > session->out_room) {
        const size_t room = 2 * (waiting + size);
        uint8_t *out = realloc(session->out, room);
        if (!out) {
            refuse(session, "out of memory");
            return NULL;
        }
        session->out = out;
        session->out_room = room;
    }
    session->out_end = waiting + size;
    return session->out + waiting;
}

static void reply_operation(struct usbip_session *session, uint16_t request, uint32_t status)
{
    const struct usbip_operation reply = {USBIP_VERSION, (uint16_t)(request & ~USBIP_REQUEST), status};
    uint8_t *room = reply_room(session, USBIP_OPERATION_BYTES);
    if (room)
        usbip_write_operation(&reply, room);
}

static void reply_device(struct usbip_session *session, const struct usbip_device *device)
{
    uint8_t *room = reply_room(session, USBIP_DEVICE_BYTES);
    if (room)
        usbip_write_device(device, room);
}

static void reply_list(struct usbip_session *session)
{
    const struct usbip_rack *rack = session->rack;
    reply_operation(session, USBIP_REQUEST_LIST, USBIP_OK);
    uint8_t *room = reply_room(session, USBIP_COUNT_BYTES);
    if (room)
        usbip_write_count(rack->count, room);
    for (unsigned n = 0; n < rack->count; n++) {
        const struct usbip_device *device = usbip_board_tell(&rack->boards[n]);
        reply_device(session, device);
        for (unsigned i = 0; i < device->interfaces; i++)
            if ((room = reply_room(session, USBIP_INTERFACE_BYTES)))
                usbip_write_interface(device, i, room);
    }
}

static void reply_submitted(struct usbip_session *session, const struct usb_urb *urb)
{
    const size_t data = urb->in ? urb->done : 0;
    uint8_t *room = reply_room(session, USBIP_COMMAND_BYTES + data);
    if (!room)
        return;
    usbip_write_submitted(urb->id, urb->status, urb->done, session->packets, room);
    memcpy(room + USBIP_COMMAND_BYTES, urb->data, data);
}

static void reply_unlinked(struct usbip_session *session, uint32_t sequence, int status)
{
    uint8_t *room = reply_room(session, USBIP_COMMAND_BYTES);
    if (room)
        usbip_write_unlinked(sequence, status, room);
}

void usbip_session_collect(struct usbip_session *session)
{
    for (struct usb_urb *urb; session->board && (urb = usb_port_finished(&session->board->port)); free(urb))
        reply_submitted(session, urb);
}

/* ---- input ---- */

static void take_operation(struct usbip_session *session)
{
    struct usbip_operation operation;
    usbip_read_operation(session->message, &operation);
    if (operation.code != USBIP_REQUEST_LIST && operation.code != USBIP_REQUEST_IMPORT) {
        refuse(session, "it does not speak USB/IP (request 0x%04x of version 0x%04x)", operation.code,
               operation.version);
    } else if (operation.version != USBIP_VERSION) {
        reply_operation(session, operation.code, USBIP_NOT_AVAILABLE);
        refuse(session, "it speaks version 0x%04x of USB/IP, this server 0x%04x only", operation.version,
               USBIP_VERSION);
    } else if (operation.code == USBIP_REQUEST_IMPORT) {
        session->stage = USBIP_STAGE_IMPORT;
    } else {
        reply_list(session);
        session->stage = USBIP_STAGE_OVER;
    }
}

static struct usbip_board *find_board(const struct usbip_rack *rack, const char *bus_id)
{
    for (unsigned n = 0; n < rack->count; n++)
        if (strcmp(rack->boards[n].told.bus_id, bus_id) == 0)
            return &rack->boards[n];
    return NULL;
}

/* For a message: what a stranger sent may hold anything. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

static void take_import(struct usbip_session *session)
{
    char bus_id[USBIP_BUS_ID_BYTES + 1] = {0};
    memcpy(bus_id, session->message, USBIP_BUS_ID_BYTES);
    struct usbip_board *board = find_board(session->rack, bus_id);
    make_printable(bus_id);
    if (!board) {
        reply_operation(session, USBIP_REQUEST_IMPORT, USBIP_NO_DEVICE);
        refuse(session, "there is no board %s", bus_id);
    } else if (board->attached) {
        reply_operation(session, USBIP_REQUEST_IMPORT, USBIP_BUSY);
        refuse(session, "board %s is attached elsewhere; it is free again when that client detaches", bus_id);
    } else if (!usb_port_reset(&board->port)) {
        reply_operation(session, USBIP_REQUEST_IMPORT, USBIP_BROKEN);
        refuse(session, "board %s does not answer on its bus", bus_id);
    } else {
        usbip_note(&session->rack->notes, session->who, "attached %s", bus_id);
        board->attached = true;
        session->board = board;
        session->stage = USBIP_STAGE_COMMAND;
        reply_operation(session, USBIP_REQUEST_IMPORT, USBIP_OK);
        reply_device(session, usbip_board_tell(board));
    }
}

static void submit(struct usbip_session *session, struct usb_urb *urb)
{
    usb_port_submit(&session->board->port, urb);
}

/* @return what is wrong with a SUBMIT as a message, or NULL; what is wrong with it as a transfer, its reply tells */
static const char *fault_of(const struct usbip_session *session, const struct usbip_command *command)
{
    const struct usb_port *port = &session->board->port;
    if (command->packets != 0 && command->packets != UINT32_MAX)
        return "an isochronous transfer, and the device has no such endpoint";
    if (command->length > USBIP_TRANSFER_MOST)
        return "a transfer of more than 16 MiB";
    if (port->bytes + command->length > USBIP_BYTES_MOST || port->count == USBIP_TRANSFERS_MOST)
        return "more than 4,096 transfers or 64 MiB under way";
    return NULL;
}

static void take_submit(struct usbip_session *session, const struct usbip_command *command)
{
    const char *fault = fault_of(session, command);
    struct usb_urb *urb = fault ? NULL : usb_urb_create(command->length);
    if (!urb) {
        refuse(session, "%s", fault ? fault : "out of memory");
        return;
    }
    urb->id = command->sequence;
    urb->endpoint = command->endpoint;
    urb->in = command->direction == USBIP_IN;
    urb->empty_end = command->flags & USBIP_ZERO_PACKET;
    urb->whole = command->flags & USBIP_SHORT_NOT_OK;
    memcpy(urb->setup, command->setup, sizeof urb->setup);
    session->packets = command->packets;
    if (urb->in || urb->length == 0) {
        submit(session, urb);
    } else {
        session->arriving = urb;
        session->stage = USBIP_STAGE_DATA;
    }
}

/* A transfer that has ended, wholly or in part, is told before its UNLINK is answered: there was nothing to unlink. */
static void take_unlink(struct usbip_session *session, const struct usbip_command *command)
{
    const bool vanished = usb_port_cancel(&session->board->port, command->unlink);
    usbip_session_collect(session);
    reply_unlinked(session, command->sequence, vanished ? -ECONNRESET : 0);
}

static void take_command(struct usbip_session *session)
{
    struct usbip_command command;
    usbip_read_command(session->message, &command);
    const uint32_t device = usbip_device_number(&session->board->told);
    if (command.device != device || command.direction > USBIP_IN)
        refuse(session, "a command for device 0x%08x, direction %u; this is device 0x%08x, and directions are 0 and 1",
               command.device, command.direction, device);
    else if (command.command == USBIP_SUBMIT)
        take_submit(session, &command);
    else if (command.command == USBIP_UNLINK)
        take_unlink(session, &command);
    else
        refuse(session, "there is no command %u", command.command);
}

static void take_data(struct usbip_session *session)
{
    submit(session, session->arriving);
    session->arriving = NULL;
    session->stage = USBIP_STAGE_COMMAND;
}

/* ---- stages ---- */

static const struct {
    size_t bytes; /* of its message; 0: of the transfer's data */
    void (*take)(struct usbip_session *session);
} stages[] = {
    [USBIP_STAGE_OPERATION] = {USBIP_OPERATION_BYTES, take_operation},
    [USBIP_STAGE_IMPORT] = {USBIP_BUS_ID_BYTES, take_import},
    [USBIP_STAGE_COMMAND] = {USBIP_COMMAND_BYTES, take_command},
    [USBIP_STAGE_DATA] = {0, take_data},
};

void usbip_session_open(struct usbip_session *session, struct usbip_rack *rack, const char *who)
{
    *session = (struct usbip_session){.rack = rack, .who = who};
}

void usbip_session_close(struct usbip_session *session)
{
    if (session->board) {
        usb_port_forget(&session->board->port);
        session->board->attached = false;
        usbip_note(&session->rack->notes, session->who, "detached %s", session->board->told.bus_id);
    }
    free(session->arriving);
    free(session->out);
    *session = (struct usbip_session){.rack = NULL};
}

void usbip_session_take(struct usbip_session *session, const uint8_t *bytes, size_t size)
{
    while (size > 0 && session->stage != USBIP_STAGE_OVER) {
        uint8_t *to = session->arriving ? session->arriving->data : session->message;
        const size_t want = session->arriving ? session->arriving->length : stages[session->stage].bytes;
        const size_t piece = want - session->have < size ? want - session->have : size;
        memcpy(to + session->have, bytes, piece);
        session->have += piece;
        bytes += piece;
        size -= piece;
        if (session->have == want) {
            session->have = 0;
            stages[session->stage].take(session);
        }
    }
    usbip_session_collect(session);
}

bool usbip_session_expects(const struct usbip_session *session)
{
    return session->have > 0 || session->arriving;
}
