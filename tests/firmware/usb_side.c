#include "firmware/usb_side.h"

#include <check.h>
#include <string.h>

void usb_side_plug_in(struct usb_side *side, struct pipes *pipes, const uint8_t *to_send, size_t to_send_size,
                      uint8_t *fetched)
{
    *side = (struct usb_side){.pipes = pipes, .to_send = to_send, .to_send_size = to_send_size, .fetched = fetched};
}

static void port_receive(void *context, uint8_t *packet)
{
    struct usb_side *side = context;
    ck_assert_msg(!side->receiving && !side->halted[PIPE_OUT], "armed twice, or while halted");
    side->receiving = packet;
}

static void port_send(void *context, const uint8_t *packet, size_t size)
{
    struct usb_side *side = context;
    ck_assert_msg(!side->sending && !side->halted[PIPE_IN], "armed twice, or while halted");
    ck_assert_uint_le(size, ESPALIER_USB_PACKET);
    side->sending = packet;
    side->sending_size = size;
}

static void call_off(struct usb_side *side, bool in)
{
    if (in)
        side->sending = NULL;
    else
        side->receiving = NULL;
}

static void port_halt(void *context, bool in)
{
    struct usb_side *side = context;
    call_off(side, in);
    side->halted[in] = true;
}

static void port_restart(void *context, bool in)
{
    struct usb_side *side = context;
    call_off(side, in);
    side->halted[in] = false;
}

struct endpoint_port usb_side_port(struct usb_side *side)
{
    return (struct endpoint_port){
        .context = side, .receive = port_receive, .send = port_send, .halt = port_halt, .restart = port_restart};
}

bool usb_side_send(struct usb_side *side, size_t size)
{
    const size_t left = side->to_send_size - side->sent, packet = size < left ? size : left;
    if (!side->receiving)
        return false;
    memcpy(side->receiving, side->to_send + side->sent, packet);
    side->receiving = NULL;
    side->sent += packet;
    pipes_received(side->pipes, packet);
    return true;
}

bool usb_side_fetch(struct usb_side *side)
{
    if (!side->sending)
        return false;
    memcpy(side->fetched + side->fetched_size, side->sending, side->sending_size);
    side->fetched_size += side->sending_size;
    side->last = side->sending_size;
    side->sending = NULL;
    pipes_sent(side->pipes);
    return true;
}

void usb_side_reset(struct usb_side *side)
{
    call_off(side, false);
    call_off(side, true);
    side->halted[PIPE_OUT] = side->halted[PIPE_IN] = false;
    pipes_close(side->pipes);
    pipes_step(side->pipes);
    ck_assert(!side->receiving && !side->sending);
    pipes_open(side->pipes);
}

void usb_side_clear_halt(struct usb_side *side, bool in)
{
    side->halted[in] = false;
    pipes_clear_halt(side->pipes, in);
}

void usb_side_set_halt(struct usb_side *side, bool in)
{
    pipes_set_halt(side->pipes, in);
    ck_assert(side->halted[in]);
}
