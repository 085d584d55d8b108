/* Which Espalier devices are on the bus, which of them is meant, and what stands in the way of opening it.
 *
 * A device is one of ours if its descriptors say so (vendor, product, and the interface with its two bulk endpoints:
 * the pair of numbers is one that others may use for tests too). A serial adapter is known by its chip, and may carry
 * anything. Descriptors are known without opening; the strings are not, so the serial number of a device that may not
 * be opened stays unknown. */
#include "usb_discover.h"
#include "usb_error.h"

#include "usb_pipe.h"

#include <espalier/usb_ids.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS_MAX = 7 }; /* USB 3.2, 10.4: hubs in a row, and the root's port */

static const struct {
    const char *name;
    enum espalier_status status;
} states[] = {
    [ESPALIER_USB_FREE] = {"free", ESPALIER_OK},
    [ESPALIER_USB_DENIED] = {"no permission", ESPALIER_ERR_PERMISSION},
    [ESPALIER_USB_BUSY] = {"in use", ESPALIER_ERR_BUSY},
    [ESPALIER_USB_DRIVER] = {"held by a driver", ESPALIER_ERR_BUSY},
    [ESPALIER_USB_BROKEN] = {"does not answer", ESPALIER_ERR_IO},
};

const char *espalier_usb_state_name(enum espalier_usb_state state)
{
    return states[state].name;
}

void espalier_usb_rule(const struct espalier_usb_info *info, char line[ESPALIER_USB_RULE_BYTES])
{
    snprintf(line, ESPALIER_USB_RULE_BYTES,
             "SUBSYSTEM==\"usb\", ATTR{idVendor}==\"%04x\", ATTR{idProduct}==\"%04x\", MODE=\"0660\", "
             "GROUP=\"plugdev\", TAG+=\"uaccess\"",
             info->vendor_id, info->product_id);
}

enum espalier_status espalier_usb_explain(const struct espalier_usb_info *info, struct espalier_error *error)
{
    char rule[ESPALIER_USB_RULE_BYTES];
    const enum espalier_status status = states[info->state].status;
    switch (info->state) {
    case ESPALIER_USB_DENIED:
        espalier_usb_rule(info, rule);
        return espalier_fail(error, status,
                             "no permission to open %s: put this line into /etc/udev/rules.d/70-espalier.rules and "
                             "plug it in again: %s",
                             info->path, rule);
    case ESPALIER_USB_BUSY:
        return espalier_fail(error, status,
                             "device %s is in use by another program: end it, or choose another device with its serial "
                             "number",
                             info->path);
    case ESPALIER_USB_DRIVER:
        return espalier_fail(error, status,
                             "device %s is held by a driver of the kernel: let it go with "
                             "\"echo %s:1.0 | sudo tee /sys/bus/usb/devices/%s:1.0/driver/unbind\"",
                             info->path, info->path, info->path);
    case ESPALIER_USB_BROKEN:
        return espalier_fail(error, status, "device %s does not answer: unplug it and plug it in again", info->path);
    case ESPALIER_USB_FREE:
    default:
        return ESPALIER_OK;
    }
}

enum espalier_status usb_context(libusb_context **out, struct espalier_error *error)
{
    int code = libusb_init(out);
    return code == 0 ? ESPALIER_OK : usb_failed(code, "starting libusb", error);
}

/* ---- one device ---- */

/* Finds a bulk pipe each way in function->interface. */
static bool find_pipes(const struct libusb_config_descriptor *configuration, struct usb_function *function)
{
    if (configuration->bNumInterfaces <= function->interface ||
        configuration->interface[function->interface].num_altsetting < 1)
        return false;
    const struct libusb_interface_descriptor *interface = configuration->interface[function->interface].altsetting;
    for (uint8_t i = 0; i < interface->bNumEndpoints; i++) {
        const struct libusb_endpoint_descriptor *endpoint = &interface->endpoint[i];
        if ((endpoint->bmAttributes & 3) != LIBUSB_TRANSFER_TYPE_BULK)
            continue;
        if (endpoint->bEndpointAddress & LIBUSB_ENDPOINT_IN) {
            function->in = endpoint->bEndpointAddress;
            function->packet = endpoint->wMaxPacketSize;
        } else {
            function->out = endpoint->bEndpointAddress;
        }
    }
    return interface->bInterfaceClass == LIBUSB_CLASS_VENDOR_SPEC && function->in && function->out &&
           function->packet > function->header && function->packet <= USB_SLOT_BYTES;
}

static bool is_board(const struct libusb_device_descriptor *descriptor)
{
    return descriptor->idVendor == ESPALIER_USB_VENDOR && descriptor->idProduct == ESPALIER_USB_PRODUCT;
}

/* Whether a device is of a kind; then also where its bytes go. */
static bool recognize(libusb_device *device, enum espalier_usb_kind kind, char port, struct usb_function *function)
{
    struct libusb_device_descriptor descriptor;
    struct libusb_config_descriptor *configuration;
    *function = (struct usb_function){.interface = ESPALIER_USB_INTERFACE};
    if (libusb_get_device_descriptor(device, &descriptor) != 0)
        return false;
    if (kind == ESPALIER_USB_ADAPTER) {
        function->chip = usb_ftdi_recognize(&descriptor);
        function->header = USB_FTDI_STATUS_BYTES;
        if (!function->chip || !usb_ftdi_interface(function->chip, port, &function->interface))
            return false;
    } else if (!is_board(&descriptor)) {
        return false;
    }
    if (libusb_get_config_descriptor(device, 0, &configuration) != 0)
        return false;
    const bool found = find_pipes(configuration, function);
    libusb_free_config_descriptor(configuration);
    return found && (kind == ESPALIER_USB_ADAPTER ||
                     (function->in == ESPALIER_USB_ENDPOINT_IN && function->out == ESPALIER_USB_ENDPOINT_OUT));
}

static void write_path(libusb_device *device, char *path, size_t size)
{
    uint8_t ports[PORTS_MAX];
    int count = libusb_get_port_numbers(device, ports, PORTS_MAX);
    size_t used = (size_t)snprintf(path, size, "%u", libusb_get_bus_number(device));
    for (int i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(path + used, size - used, "%c%u", i == 0 ? '-' : '.', ports[i]);
}

static bool read_string(libusb_device_handle *handle, uint8_t index, char *text, size_t size)
{
    int length = index == 0 ? 0 : libusb_get_string_descriptor_ascii(handle, index, (unsigned char *)text, (int)size);
    text[length > 0 ? length : 0] = '\0';
    return length >= 0;
}

/* Opens a device and reads its strings. @return the handle, or NULL: info->state tells why */
static libusb_device_handle *look_at(libusb_device *device, const struct usb_function *function,
                                     struct espalier_usb_info *info)
{
    struct libusb_device_descriptor descriptor;
    libusb_device_handle *handle = NULL;
    libusb_get_device_descriptor(device, &descriptor);
    *info = (struct espalier_usb_info){.kind = function->chip ? ESPALIER_USB_ADAPTER : ESPALIER_USB_BOARD,
                                       .vendor_id = descriptor.idVendor,
                                       .product_id = descriptor.idProduct,
                                       .bus = libusb_get_bus_number(device),
                                       .address = libusb_get_device_address(device)};
    write_path(device, info->path, sizeof info->path);
    int code = libusb_open(device, &handle);
    if (code != 0) {
        info->state = code == LIBUSB_ERROR_ACCESS ? ESPALIER_USB_DENIED : ESPALIER_USB_BROKEN;
        return NULL;
    }
    if (read_string(handle, descriptor.iSerialNumber, info->serial, sizeof info->serial) &&
        read_string(handle, descriptor.iProduct, info->product, sizeof info->product))
        return handle;
    info->state = ESPALIER_USB_BROKEN;
    libusb_close(handle);
    return NULL;
}

/* @return whether the interface is ours now; else info->state tells why not */
static bool claim(libusb_device_handle *handle, const struct usb_function *function, struct espalier_usb_info *info)
{
    int code = libusb_claim_interface(handle, function->interface);
    if (code == LIBUSB_ERROR_BUSY)
        info->state =
            libusb_kernel_driver_active(handle, function->interface) == 1 ? ESPALIER_USB_DRIVER : ESPALIER_USB_BUSY;
    else if (code != 0)
        info->state = ESPALIER_USB_BROKEN;
    return code == 0;
}

/* ---- all of them ---- */

static enum espalier_status get_devices(libusb_context *context, libusb_device ***devices, size_t *count,
                                        struct espalier_error *error)
{
    ssize_t code = libusb_get_device_list(context, devices);
    if (code < 0)
        return usb_failed((int)code, "listing the devices", error);
    *count = (size_t)code;
    return ESPALIER_OK;
}

/* A driver that serves an adapter is left alone, and no obstacle: it steps aside when the adapter is opened. */
static void list_one(libusb_device *device, const struct usb_function *function, struct espalier_usb_info *info)
{
    libusb_device_handle *handle = look_at(device, function, info);
    if (!handle)
        return;
    const bool served = function->chip && libusb_kernel_driver_active(handle, function->interface) == 1;
    if (!served && claim(handle, function, info))
        libusb_release_interface(handle, function->interface);
    libusb_close(handle);
}

enum espalier_status espalier_usb_list(struct espalier_usb_info **out, size_t *count, struct espalier_error *error)
{
    libusb_context *context;
    libusb_device **devices = NULL;
    size_t there = 0;
    *out = NULL;
    *count = 0;
    enum espalier_status status = usb_context(&context, error);
    if (status != ESPALIER_OK)
        return status;
    status = get_devices(context, &devices, &there, error);
    struct espalier_usb_info *list = there > 0 ? calloc(there, sizeof *list) : NULL;
    if (there > 0 && !list)
        status = espalier_fail(error, ESPALIER_ERR_MEMORY, "no memory for a list of %zu devices", there);
    for (size_t i = 0; list && i < there; i++) {
        struct usb_function function;
        if (recognize(devices[i], ESPALIER_USB_BOARD, 0, &function) ||
            recognize(devices[i], ESPALIER_USB_ADAPTER, 0, &function))
            list_one(devices[i], &function, &list[(*count)++]);
    }
    if (*count > 0)
        *out = list;
    else
        free(list);
    if (devices)
        libusb_free_device_list(devices, 1);
    libusb_exit(context);
    return status;
}

/* ---- the one that is meant ---- */

/* What a search has come to. */
struct search {
    const struct usb_which *which;
    size_t adapters; /* on the bus */
    libusb_device_handle *found;
    struct usb_function function;
    bool several;
    bool blamed; /* there is a device that may be the one meant, but cannot be opened */
    struct espalier_usb_info blame;
};

static bool is_meant(const struct search *search, const struct espalier_usb_info *info)
{
    const char *name = search->which->name;
    return name[0] == '\0' || strcmp(name, info->path) == 0 || strcmp(name, info->serial) == 0;
}

static void consider(struct search *search, libusb_device *device, const struct usb_function *function)
{
    struct espalier_usb_info info;
    libusb_device_handle *handle = look_at(device, function, &info);
    bool meant = is_meant(search, &info), unknown = !handle && info.serial[0] == '\0';
    if (handle && function->chip)
        libusb_set_auto_detach_kernel_driver(handle, 1);
    if (handle && meant && search->found)
        search->several = true;
    else if (handle && meant && claim(handle, function, &info)) {
        search->found = handle;
        search->function = *function;
        return;
    }
    if ((meant || unknown) && info.state != ESPALIER_USB_FREE && !search->blamed) {
        search->blamed = true;
        search->blame = info;
    }
    if (handle)
        libusb_close(handle);
}

static enum espalier_status nothing_found(const struct search *search, struct espalier_error *error)
{
    const struct usb_which *which = search->which;
    const bool adapter = which->kind == ESPALIER_USB_ADAPTER;
    if (which->name[0])
        return espalier_fail(error, ESPALIER_ERR_NO_DEVICE,
                             "no %s with serial number or path %s%s: \"espalier devices\" lists what is there",
                             adapter ? "serial adapter" : "device", which->name,
                             which->line.port ? " and that port" : "");
    if (adapter)
        return espalier_fail(error, ESPALIER_ERR_NO_DEVICE,
                             "no serial adapter%s that this program knows: plug one in; \"lsusb -d 0403:\" shows "
                             "whether the bus sees it",
                             which->line.port ? " with that port" : "");
    return espalier_fail(
        error, ESPALIER_ERR_NO_DEVICE,
        "no Espalier device on USB: plug one in; \"lsusb -d %04x:%04x\" shows whether the bus sees it%s",
        ESPALIER_USB_VENDOR, ESPALIER_USB_PRODUCT,
        search->adapters > 0 ? "; or is the board behind a serial adapter? Then say --device ftdi:any" : "");
}

static enum espalier_status judge(const struct search *search, struct espalier_error *error)
{
    if (search->several)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "several devices have the serial number %s: name one by its path (\"espalier devices\" "
                             "lists them)",
                             search->which->name);
    if (search->found)
        return ESPALIER_OK;
    return search->blamed ? espalier_usb_explain(&search->blame, error) : nothing_found(search, error);
}

void usb_release(libusb_device_handle *handle, const struct usb_function *function)
{
    libusb_release_interface(handle, function->interface);
    libusb_close(handle);
}

/* Looks at all devices of the kind that is meant, or at as many as it takes to find any. */
static void look_through(struct search *search, libusb_device *const *devices, size_t count)
{
    struct usb_function function;
    for (size_t i = 0; i < count && !(search->found && !search->which->name[0]); i++)
        if (recognize(devices[i], search->which->kind, search->which->line.port, &function))
            consider(search, devices[i], &function);
}

/* Bytes must not go to somebody else's adapter: among several, "any" is none. */
static enum espalier_status count_adapters(struct search *search, libusb_device *const *devices, size_t count,
                                           struct espalier_error *error)
{
    struct usb_function function;
    for (size_t i = 0; i < count; i++)
        search->adapters += recognize(devices[i], ESPALIER_USB_ADAPTER, search->which->line.port, &function);
    if (search->which->kind == ESPALIER_USB_ADAPTER && !search->which->name[0] && search->adapters > 1)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "there are %zu serial adapters: name the one with the board, --device ftdi:SERIAL "
                             "(\"espalier devices\" lists them)",
                             search->adapters);
    return ESPALIER_OK;
}

enum espalier_status usb_claim(libusb_context *context, const struct usb_which *which, libusb_device_handle **out,
                               struct usb_function *function, struct espalier_error *error)
{
    struct search search = {.which = which};
    libusb_device **devices = NULL;
    size_t count = 0;
    enum espalier_status status = get_devices(context, &devices, &count, error);
    if (status != ESPALIER_OK)
        return status;
    status = count_adapters(&search, devices, count, error);
    if (status == ESPALIER_OK) {
        look_through(&search, devices, count);
        status = judge(&search, error);
    }
    libusb_free_device_list(devices, 1);
    if (status == ESPALIER_OK) {
        *out = search.found;
        *function = search.function;
    } else if (search.found) {
        usb_release(search.found, &search.function);
    }
    return status;
}
