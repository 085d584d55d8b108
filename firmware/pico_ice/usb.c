/* TinyUSB behind the bridge's pipes and identity: its callbacks, and a class driver of its own (TinyUSB's vendor class
 * has buffers of its own, does not restart a pipe whose halt was cleared, and cannot refuse bytes). */
#include "usb.h"

#include "identity.h"
#include "pipes.h"

#include <device/usbd_pvt.h>
#include <hardware/structs/usb.h>
#include <pico/unique_id.h>
#include <tusb.h>

static struct supervisor *served;
static struct pipes pipes;

/* ---- endpoints ---- */

static uint8_t endpoint_of(bool in)
{
    return in ? ESPALIER_USB_ENDPOINT_IN : ESPALIER_USB_ENDPOINT_OUT;
}

/* A reset of the bus takes the endpoints away in the interrupt, and TinyUSB tells of it later: what is still asked of
 * them in between must not be done. The device's address says so. @return whether the endpoints are there; the
 * controller's interrupt is off then until the call of after */
static bool before(void)
{
    usbd_int_set(false);
    if (usb_hw->dev_addr_ctrl != 0)
        return true;
    usbd_int_set(true);
    return false;
}

static void after(void)
{
    usbd_int_set(true);
}

static void transfer(bool in, uint8_t *bytes, size_t size)
{
    if (!before())
        return;
    usbd_edpt_xfer(0, endpoint_of(in), bytes, (uint16_t)size);
    after();
}

static void endpoint_receive(void *context, uint8_t *packet)
{
    (void)context;
    transfer(false, packet, ESPALIER_USB_PACKET);
}

static void endpoint_send(void *context, const uint8_t *packet, size_t size)
{
    (void)context;
    transfer(true, (uint8_t *)packet, size); /* it is only read */
}

static void endpoint_halt(void *context, bool in)
{
    (void)context;
    if (!before())
        return;
    usbd_edpt_stall(0, endpoint_of(in));
    after();
}

/* A halt is what calls off a transfer; clearing it sets DATA0. */
static void endpoint_restart(void *context, bool in)
{
    (void)context;
    if (!before())
        return;
    usbd_edpt_stall(0, endpoint_of(in));
    usbd_edpt_clear_stall(0, endpoint_of(in));
    after();
}

static const struct endpoint_port endpoint_port = {
    .receive = endpoint_receive, .send = endpoint_send, .halt = endpoint_halt, .restart = endpoint_restart};

/* ---- class driver ---- */

static void driver_init(void)
{
}

static void driver_reset(uint8_t port)
{
    (void)port;
    pipes_close(&pipes);
}

static uint16_t driver_open(uint8_t port, const tusb_desc_interface_t *interface, uint16_t room)
{
    const uint16_t size = sizeof(tusb_desc_interface_t) + 2 * sizeof(tusb_desc_endpoint_t);
    uint8_t out, in;
    if (room < size ||
        !usbd_open_edpt_pair(port, tu_desc_next(interface), interface->bNumEndpoints, TUSB_XFER_BULK, &out, &in))
        return 0;
    pipes_open(&pipes);
    return size;
}

static bool is_halt(const tusb_control_request_t *request, uint8_t what)
{
    return request->bmRequestType_bit.recipient == TUSB_REQ_RCPT_ENDPOINT && request->bRequest == what &&
           request->wValue == TUSB_REQ_FEATURE_EDPT_HALT;
}

/* TinyUSB answers these requests itself, whatever is returned. SET_INTERFACE begins both toggles anew
 * (USB 2.0, 9.1.1.5). */
static bool driver_control(uint8_t port, uint8_t stage, const tusb_control_request_t *request)
{
    const bool in = (request->wIndex & TUSB_DIR_IN_MASK) != 0;
    (void)port;
    if (stage != CONTROL_STAGE_SETUP || request->bmRequestType_bit.type != TUSB_REQ_TYPE_STANDARD)
        return false;
    if (is_halt(request, TUSB_REQ_SET_FEATURE))
        pipes_set_halt(&pipes, in);
    else if (is_halt(request, TUSB_REQ_CLEAR_FEATURE))
        pipes_clear_halt(&pipes, in);
    else if (request->bRequest == TUSB_REQ_SET_INTERFACE) {
        pipes_clear_halt(&pipes, false);
        pipes_clear_halt(&pipes, true);
    }
    return false;
}

static bool driver_transferred(uint8_t port, uint8_t endpoint, xfer_result_t result, uint32_t size)
{
    (void)port;
    (void)result; /* this controller knows success only */
    if (endpoint == ESPALIER_USB_ENDPOINT_OUT)
        pipes_received(&pipes, size);
    else
        pipes_sent(&pipes);
    return true;
}

const usbd_class_driver_t *usbd_app_driver_get_cb(uint8_t *count)
{
    static const usbd_class_driver_t driver = {.name = "espalier",
                                               .init = driver_init,
                                               .reset = driver_reset,
                                               .open = driver_open,
                                               .control_xfer_cb = driver_control,
                                               .xfer_cb = driver_transferred};
    *count = 1;
    return &driver;
}

/* ---- descriptors ---- */

const uint8_t *tud_descriptor_device_cb(void)
{
    return identity_device();
}

const uint8_t *tud_descriptor_configuration_cb(uint8_t index)
{
    (void)index; /* TinyUSB cannot refuse one here */
    return identity_configuration();
}

const uint8_t *tud_descriptor_bos_cb(void)
{
    return identity_bos();
}

const uint16_t *tud_descriptor_string_cb(uint8_t index, uint16_t language)
{
    static uint16_t words[IDENTITY_STRING_BYTES / 2];
    char serial[2 * PICO_UNIQUE_BOARD_ID_SIZE_BYTES + 1];
    (void)language; /* there is one */
    pico_get_unique_board_id_string(serial, sizeof serial);
    return identity_string(index, served->condition, serial, (uint8_t *)words) > 0 ? words : NULL;
}

bool tud_vendor_control_xfer_cb(uint8_t port, uint8_t stage, const tusb_control_request_t *request)
{
    const uint8_t *bytes;
    if (stage != CONTROL_STAGE_SETUP)
        return true;
    const size_t size =
        identity_request(request->bmRequestType, request->bRequest, request->wValue, request->wIndex, &bytes);
    return size > 0 && tud_control_xfer(port, request, (uint8_t *)bytes, (uint16_t)size); /* it is only read */
}

/* ---- the whole ---- */

void usb_init(struct supervisor *supervisor)
{
    served = supervisor;
    pipes_init(&pipes, supervisor, &endpoint_port);
    tusb_init();
}

void usb_step(void)
{
    tud_task();
    pipes_step(&pipes);
}

bool usb_asleep(void)
{
    return tud_suspended();
}
