#define _DEFAULT_SOURCE /* syscall */
#include "umockdev/mock_usb.h"

#include <espalier/usb_ids.h>

#include <check.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/ioctl.h>
#include <linux/usbdevice_fs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <umockdev.h>
#include <unistd.h>

enum {
    URBS_MAX = 256,
    CONTROL = 0x00, /* usbfs keeps endpoint 0 under this address */
    SETUP_BYTES = 8,
    PORT_MICROSECONDS = 300, /* of bus time, each time somebody looks for a finished transfer */
    LATE_LOOKS = 50          /* looks until a late transfer is served */
};

/* The device of rtl/link/usb_descriptors.v. */
static const struct mock_body espalier_body = {.manufacturer = "Espalier",
                                               .vendor = ESPALIER_USB_VENDOR,
                                               .product = ESPALIER_USB_PRODUCT,
                                               .release = ESPALIER_USB_RELEASE,
                                               .packet = ESPALIER_USB_PACKET,
                                               .speed = 12,
                                               .polls = 64,
                                               .interfaces = 1,
                                               .in = {ESPALIER_USB_ENDPOINT_IN},
                                               .out = {ESPALIER_USB_ENDPOINT_OUT}};

/* A transfer in the order of submission. */
struct urb {
    struct usbdevfs_urb *urb; /* the client's: the handlers share its memory */
    const void *client;
    uint32_t id; /* on the port */
    enum mock_fate fate;
    unsigned waited;
    int done; /* OUT: bytes that have been taken */
    bool finished;
};

struct mock_device {
    struct mock_spec spec;
    const struct mock_body *body;
    UMockdevIoctlBase *handler;
    pthread_mutex_t lock; /* of everything below; handlers run in a thread of umockdev */
    bool gone, halted_in, halted_out;
    const void *owner[MOCK_INTERFACES]; /* a client */
    bool driven[MOCK_INTERFACES];       /* by the kernel's driver */
    struct urb urbs[URBS_MAX];
    size_t count;
    uint32_t ids;                  /* given to transfers on the port */
    uint8_t rest[MOCK_PACKET_MAX]; /* IN bytes that a short transfer left */
    size_t rest_size;
    struct mock_tally tally;
};

struct mock_bus {
    UMockdevTestbed *testbed;
};

void mock_usb_enter(char **argv)
{
    const char *preloaded = getenv("LD_PRELOAD");
    if (preloaded && strstr(preloaded, "libumockdev-preload"))
        return;
    char *arguments[16] = {"umockdev-wrapper"};
    for (size_t i = 0; argv[i] && i + 2 < sizeof arguments / sizeof arguments[0]; i++)
        arguments[i + 1] = argv[i];
    setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 0); /* the wrapper's library comes before AddressSanitizer's */
    setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 0); /* it would count as in use what has been freed */
    execvp(arguments[0], arguments);
    perror("umockdev-wrapper");
    exit(EXIT_FAILURE);
}

/* ---- transfers ---- */

static bool is_in(const struct usbdevfs_urb *urb)
{
    return urb->endpoint & 0x80;
}

static bool is_bulk(const struct usbdevfs_urb *urb)
{
    return urb->type == USBDEVFS_URB_TYPE_BULK;
}

static void finish(struct mock_device *device, struct urb *entry, int status, int length)
{
    entry->urb->status = status;
    entry->urb->actual_length = length;
    entry->finished = true;
    if (is_bulk(entry->urb))
        is_in(entry->urb) ? device->tally.flying_in-- : device->tally.flying_out--;
}

/* All that is under way ends as the kernel ends it when a device disappears. */
static void vanish(struct mock_device *device)
{
    device->gone = true;
    memset(device->owner, 0, sizeof device->owner);
    for (size_t i = 0; i < device->count; i++)
        if (!device->urbs[i].finished)
            finish(device, &device->urbs[i], -ESHUTDOWN, 0);
    if (device->spec.port)
        usb_port_forget(device->spec.port);
}

/* A string descriptor. @return its length */
static int write_string(const char *text, uint8_t *bytes, int room)
{
    uint8_t whole[255] = {(uint8_t)(2 + 2 * strlen(text)), 3};
    for (size_t i = 0; text[i]; i++)
        whole[2 + 2 * i] = (uint8_t)text[i];
    int size = whole[0] < room ? whole[0] : room;
    memcpy(bytes, whole, (size_t)size);
    return size;
}

/* The only requests that reach a device here: its strings, and those that are its own. */
static void serve_control(struct mock_device *device, struct urb *entry)
{
    static const uint8_t languages[4] = {4, 3, 9, 4};
    const char *const strings[] = {NULL, device->body->manufacturer, device->spec.product, device->spec.serial};
    const uint8_t *setup = entry->urb->buffer;
    uint8_t *data = (uint8_t *)entry->urb->buffer + SETUP_BYTES;
    int room = entry->urb->buffer_length - SETUP_BYTES;
    if (!device->spec.mute && (setup[0] & 0x60) == 0x40 && device->body->control) {
        const int size = device->body->control(device->spec.behind.context, setup, data);
        finish(device, entry, size < 0 ? -EPIPE : 0, size < 0 ? 0 : size);
    } else if (device->spec.mute || setup[0] != 0x80 || setup[1] != 6 || setup[3] != 3 || setup[2] > 3) {
        finish(device, entry, -EPIPE, 0);
    } else if (setup[2] == 0) {
        int size = room < 4 ? room : 4;
        memcpy(data, languages, (size_t)size);
        finish(device, entry, 0, size);
    } else {
        finish(device, entry, 0, write_string(strings[setup[2]], data, room));
    }
}

/* Gives the board bytes. @return whether it has taken all */
static bool give(struct mock_device *device, const uint8_t *bytes, int size, int *done)
{
    const struct espalier_transport *board = &device->spec.behind;
    size_t sent = 0;
    if (!board->send)
        *done = size;
    else if (board->send(board->context, bytes + *done, (size_t)(size - *done), &sent) == ESPALIER_OK)
        *done += (int)sent;
    return *done == size;
}

static void serve_out(struct mock_device *device, struct urb *entry)
{
    uint8_t *bytes = entry->urb->buffer;
    int size = entry->urb->buffer_length, half = size / 2;
    switch (entry->fate) {
    case MOCK_ERROR:
        finish(device, entry, -EPROTO, 0);
        return;
    case MOCK_LOSE:
    case MOCK_EMPTY:
        finish(device, entry, 0, size);
        return;
    case MOCK_SHORT:
        if (give(device, bytes, half, &entry->done))
            finish(device, entry, -EPROTO, half);
        return;
    case MOCK_FLIP:
        bytes[size / 3] ^= 0x10;
        entry->fate = MOCK_SERVE;
        break;
    default:
        break;
    }
    if (!give(device, bytes, size, &entry->done))
        return;
    if (entry->fate == MOCK_REPEAT) {
        entry->fate = MOCK_SERVE;
        entry->done = 0;
    } else {
        finish(device, entry, 0, size);
    }
}

/* Brings a packet. @return its size, 0 if there is none */
static size_t bring(struct mock_device *device, uint8_t packet[MOCK_PACKET_MAX])
{
    const struct espalier_transport *board = &device->spec.behind;
    size_t size = device->rest_size;
    memcpy(packet, device->rest, size);
    device->rest_size = 0;
    for (unsigned i = 0; board->receive && size == 0 && i < device->body->polls; i++)
        if (board->receive(board->context, packet, device->body->packet, false, &size) != ESPALIER_OK)
            size = 0;
    return size;
}

static void serve_in(struct mock_device *device, struct urb *entry)
{
    uint8_t packet[MOCK_PACKET_MAX];
    size_t size;
    if (entry->fate == MOCK_EMPTY) {
        finish(device, entry, 0, 0);
        return;
    }
    if ((size = bring(device, packet)) == 0)
        return;
    switch (entry->fate) {
    case MOCK_ERROR:
        finish(device, entry, -EPROTO, 0);
        return;
    case MOCK_LOSE:
        entry->fate = MOCK_SERVE;
        return;
    case MOCK_FLIP:
        packet[size / 3] ^= 0x10;
        break;
    case MOCK_SHORT:
        device->rest_size = size - size / 2;
        memcpy(device->rest, packet + size / 2, device->rest_size);
        size /= 2;
        break;
    default:
        break;
    }
    ck_assert_int_ge(entry->urb->buffer_length, device->body->packet); /* less would be an overflow on a bus */
    memcpy(entry->urb->buffer, packet, size);
    finish(device, entry, 0, (int)size);
}

static void serve(struct mock_device *device, struct urb *entry)
{
    bool *halted = is_in(entry->urb) ? &device->halted_in : &device->halted_out;
    *halted |= entry->fate == MOCK_STALL;
    if (*halted)
        finish(device, entry, -EPIPE, 0);
    else if (entry->fate == MOCK_LATE && ++entry->waited < LATE_LOOKS)
        return;
    else if (entry->fate != MOCK_HANG)
        (is_in(entry->urb) ? serve_in : serve_out)(device, entry);
}

/* ---- transfers on a port ---- */

static void pass_on(struct mock_device *device, struct urb *entry)
{
    const struct usbdevfs_urb *urb = entry->urb;
    const uint8_t *bytes = urb->buffer;
    const size_t setup = is_bulk(urb) ? 0 : SETUP_BYTES, length = (size_t)urb->buffer_length - setup;
    struct usb_urb *transfer = usb_urb_create(length);
    ck_assert(transfer != NULL);
    memcpy(transfer->setup, bytes, setup);
    entry->id = transfer->id = ++device->ids;
    transfer->endpoint = urb->endpoint & 0x0f;
    transfer->in = is_bulk(urb) ? is_in(urb) : transfer->setup[0] & 0x80;
    transfer->empty_end = urb->flags & USBDEVFS_URB_ZERO_PACKET;
    transfer->whole = urb->flags & USBDEVFS_URB_SHORT_NOT_OK;
    if (!transfer->in)
        memcpy(transfer->data, bytes + setup, length);
    usb_port_submit(device->spec.port, transfer);
}

static struct urb *find_transfer(struct mock_device *device, uint32_t id)
{
    for (size_t i = 0; i < device->count; i++)
        if (device->urbs[i].id == id && !device->urbs[i].finished)
            return &device->urbs[i];
    return NULL;
}

/* Hands back what the port has finished; the kernel says ENOENT of what was cancelled. */
static void collect(struct mock_device *device)
{
    for (struct usb_urb *transfer; (transfer = usb_port_finished(device->spec.port)); free(transfer)) {
        struct urb *entry = find_transfer(device, transfer->id);
        if (!entry)
            continue; /* nobody waits for it any more */
        uint8_t *data = (uint8_t *)entry->urb->buffer + (is_bulk(entry->urb) ? 0 : SETUP_BYTES);
        if (transfer->in)
            memcpy(data, transfer->data, transfer->done);
        finish(device, entry, transfer->status == -ECONNRESET ? -ENOENT : transfer->status, (int)transfer->done);
    }
}

static void take_back(struct mock_device *device, struct urb *entry)
{
    if (usb_port_cancel(device->spec.port, entry->id))
        finish(device, entry, -ENOENT, 0);
    else
        collect(device);
}

/* Not while something finished waits to be fetched: a bus waits for nobody, but here a program that closes many
 * transfers would wait for the bus at each of them. */
static void let_time_pass(struct mock_device *device)
{
    for (size_t i = 0; i < device->count; i++)
        if (device->urbs[i].finished)
            return;
    if (usb_port_awake(device->spec.port))
        usb_port_advance(device->spec.port, PORT_MICROSECONDS * USB_MICROSECOND);
    collect(device);
}

/* Lets a little time pass: the oldest transfer of each endpoint gets on. */
static void advance(struct mock_device *device)
{
    bool busy[2] = {false, false};
    if (device->spec.port) {
        let_time_pass(device);
        return;
    }
    for (size_t i = 0; i < device->count; i++) {
        struct urb *entry = &device->urbs[i];
        if (entry->finished || !is_bulk(entry->urb) || busy[is_in(entry->urb)])
            continue;
        busy[is_in(entry->urb)] = true;
        serve(device, entry);
    }
}

/* ---- ioctls ---- */

/* @return MOCK_INTERFACES if there is no such endpoint */
static unsigned interface_of(const struct mock_device *device, uint8_t endpoint)
{
    for (unsigned i = 0; i < device->body->interfaces; i++)
        if (device->body->in[i] == endpoint || device->body->out[i] == endpoint)
            return i;
    return MOCK_INTERFACES;
}

static int submit(struct mock_device *device, const void *client, struct usbdevfs_urb *urb)
{
    enum mock_fate fate = MOCK_SERVE;
    struct mock_tally *tally = &device->tally;
    if (is_bulk(urb)) {
        const unsigned interface = interface_of(device, urb->endpoint);
        if (interface == MOCK_INTERFACES)
            return ENOENT;
        if (device->owner[interface] != client)
            return EINVAL;                                    /* claim first */
        ck_assert_uint_eq(interface, device->body->function); /* the others are none of the client's business */
        if (device->spec.fate)
            fate = device->spec.fate(device->spec.context, tally->transfers, is_in(urb));
        tally->transfers++;
        tally->fates[fate]++;
    }
    if (fate == MOCK_VANISH)
        vanish(device);
    if (device->gone)
        return ENODEV;
    if (fate == MOCK_REFUSE || device->count == URBS_MAX)
        return ENOMEM;
    struct urb *entry = &device->urbs[device->count++];
    *entry = (struct urb){.urb = urb, .client = client, .fate = fate};
    if (device->spec.port)
        pass_on(device, entry);
    else if (!is_bulk(urb))
        serve_control(device, entry);
    if (!is_bulk(urb))
        return 0;
    unsigned *flying = is_in(urb) ? &tally->flying_in : &tally->flying_out;
    unsigned *most = is_in(urb) ? &tally->most_in : &tally->most_out;
    ++*flying;
    *most = *flying > *most ? *flying : *most;
    return 0;
}

static void forget_urb(struct mock_device *device, size_t index)
{
    device->count--;
    memmove(&device->urbs[index], &device->urbs[index + 1], (device->count - index) * sizeof device->urbs[0]);
}

static int reap(struct mock_device *device, const void *client, struct usbdevfs_urb **out)
{
    advance(device);
    for (size_t i = 0; i < device->count; i++) {
        if (device->urbs[i].client != client || !device->urbs[i].finished)
            continue;
        *out = device->urbs[i].urb;
        forget_urb(device, i);
        return 0;
    }
    return device->gone ? ENODEV : EAGAIN;
}

static int discard(struct mock_device *device, const struct usbdevfs_urb *urb)
{
    if (device->gone)
        return ENODEV;
    for (size_t i = 0; i < device->count; i++)
        if (device->urbs[i].urb == urb && !device->urbs[i].finished) {
            if (device->spec.port)
                take_back(device, &device->urbs[i]);
            else
                finish(device, &device->urbs[i], -ENOENT, 0);
            return 0;
        }
    return EINVAL;
}

static int claim(struct mock_device *device, const void *client, unsigned interface)
{
    if (interface >= device->body->interfaces)
        return ENOENT;
    if (device->driven[interface] || (device->owner[interface] && device->owner[interface] != client))
        return EBUSY;
    device->owner[interface] = client;
    return 0;
}

static int release(struct mock_device *device, const void *client, unsigned interface)
{
    if (interface >= device->body->interfaces || device->owner[interface] != client)
        return EINVAL;
    device->owner[interface] = NULL;
    return 0;
}

static int get_driver(const struct mock_device *device, struct usbdevfs_getdriver *out)
{
    if (out->interface >= device->body->interfaces)
        return ENOENT;
    const char *name = device->driven[out->interface]  ? device->spec.kernel_driver
                       : device->owner[out->interface] ? "usbfs"
                                                       : NULL;
    if (!name)
        return ENODATA;
    snprintf(out->driver, sizeof out->driver, "%s", name);
    return 0;
}

/* The kernel's driver lets go, if it is not usbfs, and the client has the interface. */
static int disconnect_claim(struct mock_device *device, const void *client,
                            const struct usbdevfs_disconnect_claim *wanted)
{
    if (wanted->interface >= device->body->interfaces)
        return ENOENT;
    device->driven[wanted->interface] = false;
    return claim(device, client, wanted->interface);
}

/* Lets the kernel's driver have an interface again, or not. */
static int tell_driver(struct mock_device *device, const struct usbdevfs_ioctl *wanted)
{
    const bool connect = (unsigned)wanted->ioctl_code == USBDEVFS_CONNECT;
    if (wanted->ifno < 0 || (unsigned)wanted->ifno >= device->body->interfaces)
        return ENOENT;
    if (connect && device->owner[wanted->ifno])
        return EBUSY;
    if (!connect && !device->driven[wanted->ifno])
        return ENODATA;
    device->driven[wanted->ifno] = connect && device->spec.kernel_driver;
    return 0;
}

static int clear_halt(struct mock_device *device, unsigned endpoint)
{
    const struct usb_setup clear = {0x02, 1, 0, (uint16_t)endpoint, 0};
    if (device->spec.port)
        return usb_port_control(device->spec.port, clear, NULL) == 0 ? 0 : EPIPE;
    *(endpoint & 0x80 ? &device->halted_in : &device->halted_out) = false;
    return 0;
}

/* @return an errno, 0, or -1 for a request that is not known here */
static int answer(struct mock_device *device, const void *client, unsigned long request, void *argument)
{
    bool reaps = request == USBDEVFS_REAPURB || request == USBDEVFS_REAPURBNDELAY;
    if (device->gone && !reaps)
        return ENODEV;
    switch (request) {
    case USBDEVFS_GET_CAPABILITIES:
        *(uint32_t *)argument = USBDEVFS_CAP_BULK_CONTINUATION | USBDEVFS_CAP_NO_PACKET_SIZE_LIM |
                                USBDEVFS_CAP_ZERO_PACKET | USBDEVFS_CAP_REAP_AFTER_DISCONNECT;
        return 0;
    case USBDEVFS_CLAIMINTERFACE:
        return claim(device, client, *(unsigned *)argument);
    case USBDEVFS_RELEASEINTERFACE:
        return release(device, client, *(unsigned *)argument);
    case USBDEVFS_DISCONNECT_CLAIM:
        return disconnect_claim(device, client, argument);
    case USBDEVFS_IOCTL:
        return tell_driver(device, argument);
    case USBDEVFS_GETDRIVER:
        return get_driver(device, argument);
    case USBDEVFS_CLEAR_HALT:
        return clear_halt(device, *(unsigned *)argument);
    case USBDEVFS_SUBMITURB:
        return submit(device, client, argument);
    case USBDEVFS_REAPURB:
    case USBDEVFS_REAPURBNDELAY:
        return reap(device, client, argument);
    case USBDEVFS_DISCARDURB:
        return discard(device, argument);
    default:
        return -1;
    }
}

static gboolean handle_ioctl(UMockdevIoctlBase *base, UMockdevIoctlClient *client, struct mock_device *device)
{
    (void)base;
    void *argument = *(void **)(void *)umockdev_ioctl_client_get_arg(client)->data;
    pthread_mutex_lock(&device->lock);
    int code = answer(device, client, umockdev_ioctl_client_get_request(client), argument);
    pthread_mutex_unlock(&device->lock);
    if (code < 0)
        return FALSE;
    umockdev_ioctl_client_complete(client, code == 0 ? 0 : -1, code);
    return TRUE;
}

/* A file descriptor has been closed: what it had is given back. */
static void handle_vanished(UMockdevIoctlBase *base, UMockdevIoctlClient *client, struct mock_device *device)
{
    (void)base;
    pthread_mutex_lock(&device->lock);
    for (unsigned i = 0; i < device->body->interfaces; i++)
        release(device, client, i);
    for (size_t i = device->count; i-- > 0;)
        if (device->urbs[i].client == client) {
            if (!device->urbs[i].finished && device->spec.port)
                take_back(device, &device->urbs[i]);
            if (!device->urbs[i].finished)
                finish(device, &device->urbs[i], -ENOENT, 0);
            forget_urb(device, i);
        }
    pthread_mutex_unlock(&device->lock);
}

/* ---- plugging ---- */

struct mock_bus *mock_bus_open(void)
{
    struct mock_bus *bus = calloc(1, sizeof *bus);
    ck_assert(bus != NULL);
    bus->testbed = umockdev_testbed_new();
    return bus;
}

void mock_bus_close(struct mock_bus *bus)
{
    g_object_unref(bus->testbed);
    free(bus);
}

static void write_hexadecimal(const uint8_t *bytes, size_t count, char *text, size_t size)
{
    for (size_t i = 0; i < count && 2 * i + 2 < size; i++)
        snprintf(text + 2 * i, size - 2 * i, "%02x", bytes[i]);
}

/* Device and configuration, as the device tells them. */
static void read_descriptors(struct usb_port *port, char *text, size_t size)
{
    uint8_t bytes[18 + 64];
    const struct usb_setup device = {0x80, 6, 0x0100, 0, 18}, configuration = {0x80, 6, 0x0200, 0, 64};
    ck_assert_int_eq(usb_port_control(port, device, bytes), 18);
    const int more = usb_port_control(port, configuration, bytes + 18);
    ck_assert_int_gt(more, 0);
    write_hexadecimal(bytes, 18 + (size_t)more, text, size);
}

/* Device, configuration, and an interface with two bulk endpoints for each, in hexadecimal. */
static void write_descriptors(const struct mock_device *device, char *text, size_t size)
{
    const struct mock_body *body = device->body;
    const uint8_t packet[2] = {(uint8_t)body->packet, (uint8_t)(body->packet >> 8)};
    uint8_t bytes[128] = {18, 1, 0, 2, 0, 0, 0, 64, (uint8_t)body->vendor, (uint8_t)(body->vendor >> 8),
                          (uint8_t)body->product, (uint8_t)(body->product >> 8), (uint8_t)body->release,
                          (uint8_t)(body->release >> 8), 1, 2, 3, 1,
                          /* configuration */
                          9, 2, (uint8_t)(9 + 23 * body->interfaces), 0, (uint8_t)body->interfaces, 1, 0, 0x80, 125};
    size_t used = 27;
    for (uint8_t i = 0; i < body->interfaces; i++) {
        const uint8_t interface[23] = {9,           4,         i,         0,         2, device->spec.foreign ? 3 : 0xff,
                                       0,           0,         0,         7,         5, body->out[i],
                                       2,           packet[0], packet[1], 0,         7, 5,
                                       body->in[i], 2,         packet[0], packet[1], 0};
        memcpy(bytes + used, interface, sizeof interface);
        used += sizeof interface;
    }
    write_hexadecimal(bytes, used, text, size);
}

static void node_of(const struct mock_device *device, char node[32])
{
    snprintf(node, 32, "/dev/bus/usb/001/%03u", device->spec.address);
}

struct mock_device *mock_plug(struct mock_bus *bus, const struct mock_spec *spec)
{
    char node[32], descriptors[256], text[1024];
    GError *error = NULL;
    struct mock_device *device = calloc(1, sizeof *device);
    ck_assert(device != NULL);
    device->spec = *spec;
    device->body = spec->body ? spec->body : &espalier_body;
    for (unsigned i = 0; i < device->body->interfaces; i++)
        device->driven[i] = spec->kernel_driver;
    pthread_mutex_init(&device->lock, NULL);
    device->handler = umockdev_ioctl_base_new();
    g_object_connect(device->handler, "signal-after::handle-ioctl", handle_ioctl, device,
                     "signal-after::client-vanished", handle_vanished, device, NULL);
    node_of(device, node);
    if (spec->port)
        read_descriptors(spec->port, descriptors, sizeof descriptors);
    else
        write_descriptors(device, descriptors, sizeof descriptors);
    snprintf(text, sizeof text,
             "P: /devices/usb1/1-%u\nN: bus/usb/001/%03u\nE: SUBSYSTEM=usb\nE: DRIVER=usb\nE: BUSNUM=001\n"
             "E: DEVNUM=%03u\nE: DEVNAME=%s\nE: DEVTYPE=usb_device\nA: bConfigurationValue=1\\n\n"
             "A: busnum=1\\n\nA: devnum=%u\\n\nA: speed=%u\\n\nH: descriptors=%s\n",
             spec->address, spec->address, spec->address, node, spec->address, device->body->speed, descriptors);
    ck_assert(umockdev_testbed_attach_ioctl(bus->testbed, node, device->handler, &error));
    ck_assert_msg(umockdev_testbed_add_from_string(bus->testbed, text, &error), "%s", error ? error->message : "");
    return device;
}

void mock_unplug(struct mock_bus *bus, struct mock_device *device)
{
    char node[32], path[64];
    node_of(device, node);
    snprintf(path, sizeof path, "/sys/devices/usb1/1-%u", device->spec.address);
    pthread_mutex_lock(&device->lock);
    vanish(device);
    pthread_mutex_unlock(&device->lock);
    umockdev_testbed_uevent(bus->testbed, path, "remove");
    umockdev_testbed_remove_device(bus->testbed, path);
    umockdev_testbed_detach_ioctl(bus->testbed, node, NULL);
}

void mock_forget(struct mock_device *device)
{
    g_object_unref(device->handler);
    pthread_mutex_destroy(&device->lock);
    free(device);
}

/* ---- permissions ---- */

static void change_mode(struct mock_bus *bus, const struct mock_device *device, mode_t mode)
{
    char node[32], path[512];
    gchar *root = umockdev_testbed_get_root_dir(bus->testbed);
    node_of(device, node);
    snprintf(path, sizeof path, "%s%s", root, node);
    ck_assert_int_eq(chmod(path, mode), 0);
    g_free(root);
}

/* Nothing is forbidden to root: while permissions matter, this thread does without its right to override them. */
static void override(bool allowed)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    const uint32_t rights = 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH;
    ck_assert_int_eq(syscall(SYS_capget, &header, data), 0);
    data[0].effective = allowed ? data[0].effective | (data[0].permitted & rights) : data[0].effective & ~rights;
    ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}

void mock_deny(struct mock_bus *bus, struct mock_device *device)
{
    change_mode(bus, device, 0);
    override(false);
}

void mock_allow(struct mock_bus *bus, struct mock_device *device)
{
    override(true);
    change_mode(bus, device, 0600);
}

struct mock_tally mock_tally(struct mock_device *device)
{
    pthread_mutex_lock(&device->lock);
    struct mock_tally tally = device->tally;
    for (unsigned i = 0; i < device->body->interfaces; i++) {
        tally.claims += device->owner[i] != NULL;
        tally.drivers += device->driven[i];
    }
    pthread_mutex_unlock(&device->lock);
    return tally;
}
