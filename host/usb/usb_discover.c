/* Which Espalier devices are on the bus, which of them is meant, and what stands in the way of opening it.
 *
 * A device is one of ours if its descriptors say so (vendor, product, and the interface with its two bulk endpoints:
 * the pair of numbers is one that others may use for tests too). Descriptors are known without opening; the strings are
 * not, so the serial number of a device that may not be opened stays unknown. */
#include "usb_discover.h"

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

void espalier_usb_rule(char line[ESPALIER_USB_RULE_BYTES])
{
    snprintf(line, ESPALIER_USB_RULE_BYTES,
             "SUBSYSTEM==\"usb\", ATTR{idVendor}==\"%04x\", ATTR{idProduct}==\"%04x\", MODE=\"0660\", "
             "GROUP=\"plugdev\", TAG+=\"uaccess\"",
             ESPALIER_USB_VENDOR, ESPALIER_USB_PRODUCT);
}

enum espalier_status espalier_usb_explain(const struct espalier_usb_info *info, struct espalier_error *error)
{
    char rule[ESPALIER_USB_RULE_BYTES];
    const enum espalier_status status = states[info->state].status;
    switch (info->state) {
    case ESPALIER_USB_DENIED:
        espalier_usb_rule(rule);
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

enum espalier_status usb_failed(int code, const char *doing, struct espalier_error *error)
{
    if (code == LIBUSB_ERROR_NO_MEM)
        return espalier_fail(error, ESPALIER_ERR_MEMORY, "USB: no memory for %s", doing);
    return espalier_fail(error, ESPALIER_ERR_IO, "USB: %s failed: %s", doing, libusb_strerror(code));
}

enum espalier_status usb_context(libusb_context **out, struct espalier_error *error)
{
    int code = libusb_init(out);
    return code == 0 ? ESPALIER_OK : usb_failed(code, "starting libusb", error);
}

/* ---- one device ---- */

static bool has_our_interface(const struct libusb_config_descriptor *configuration)
{
    bool in = false, out = false;
    if (configuration->bNumInterfaces <= ESPALIER_USB_INTERFACE ||
        configuration->interface[ESPALIER_USB_INTERFACE].num_altsetting < 1)
        return false;
    const struct libusb_interface_descriptor *interface = configuration->interface[ESPALIER_USB_INTERFACE].altsetting;
    for (uint8_t i = 0; i < interface->bNumEndpoints; i++) {
        bool bulk = (interface->endpoint[i].bmAttributes & 3) == LIBUSB_TRANSFER_TYPE_BULK;
        in |= bulk && interface->endpoint[i].bEndpointAddress == ESPALIER_USB_ENDPOINT_IN;
        out |= bulk && interface->endpoint[i].bEndpointAddress == ESPALIER_USB_ENDPOINT_OUT;
    }
    return interface->bInterfaceClass == LIBUSB_CLASS_VENDOR_SPEC && in && out;
}

static bool is_ours(libusb_device *device)
{
    struct libusb_device_descriptor descriptor;
    struct libusb_config_descriptor *configuration;
    if (libusb_get_device_descriptor(device, &descriptor) != 0 || descriptor.idVendor != ESPALIER_USB_VENDOR ||
        descriptor.idProduct != ESPALIER_USB_PRODUCT || libusb_get_config_descriptor(device, 0, &configuration) != 0)
        return false;
    bool ours = has_our_interface(configuration);
    libusb_free_config_descriptor(configuration);
    return ours;
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
static libusb_device_handle *look_at(libusb_device *device, struct espalier_usb_info *info)
{
    struct libusb_device_descriptor descriptor;
    libusb_device_handle *handle = NULL;
    *info =
        (struct espalier_usb_info){.bus = libusb_get_bus_number(device), .address = libusb_get_device_address(device)};
    write_path(device, info->path, sizeof info->path);
    int code = libusb_open(device, &handle);
    if (code != 0) {
        info->state = code == LIBUSB_ERROR_ACCESS ? ESPALIER_USB_DENIED : ESPALIER_USB_BROKEN;
        return NULL;
    }
    libusb_get_device_descriptor(device, &descriptor);
    if (read_string(handle, descriptor.iSerialNumber, info->serial, sizeof info->serial) &&
        read_string(handle, descriptor.iProduct, info->product, sizeof info->product))
        return handle;
    info->state = ESPALIER_USB_BROKEN;
    libusb_close(handle);
    return NULL;
}

/* @return whether the interface is ours now; else info->state tells why not */
static bool claim(libusb_device_handle *handle, struct espalier_usb_info *info)
{
    int code = libusb_claim_interface(handle, ESPALIER_USB_INTERFACE);
    if (code == LIBUSB_ERROR_BUSY)
        info->state =
            libusb_kernel_driver_active(handle, ESPALIER_USB_INTERFACE) == 1 ? ESPALIER_USB_DRIVER : ESPALIER_USB_BUSY;
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

static void list_one(libusb_device *device, struct espalier_usb_info *info)
{
    libusb_device_handle *handle = look_at(device, info);
    if (!handle)
        return;
    if (claim(handle, info))
        libusb_release_interface(handle, ESPALIER_USB_INTERFACE);
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
    for (size_t i = 0; list && i < there; i++)
        if (is_ours(devices[i]))
            list_one(devices[i], &list[(*count)++]);
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
    const char *which; /* NULL: any */
    libusb_device_handle *found;
    bool several;
    bool blamed; /* there is a device that may be the one meant, but cannot be opened */
    struct espalier_usb_info blame;
};

static bool is_meant(const struct search *search, const struct espalier_usb_info *info)
{
    return !search->which || strcmp(search->which, info->path) == 0 || strcmp(search->which, info->serial) == 0;
}

static void consider(struct search *search, libusb_device *device)
{
    struct espalier_usb_info info;
    libusb_device_handle *handle = look_at(device, &info);
    bool meant = is_meant(search, &info), unknown = !handle && info.serial[0] == '\0';
    if (handle && meant && search->found)
        search->several = true;
    else if (handle && meant && claim(handle, &info)) {
        search->found = handle;
        return;
    }
    if ((meant || unknown) && info.state != ESPALIER_USB_FREE && !search->blamed) {
        search->blamed = true;
        search->blame = info;
    }
    if (handle)
        libusb_close(handle);
}

static enum espalier_status judge(const struct search *search, struct espalier_error *error)
{
    if (search->several)
        return espalier_fail(error, ESPALIER_ERR_RANGE,
                             "several devices have the serial number %.40s: name one by its path (\"espalier devices\" "
                             "lists them)",
                             search->which);
    if (search->found)
        return ESPALIER_OK;
    if (search->blamed)
        return espalier_usb_explain(&search->blame, error);
    if (search->which)
        return espalier_fail(error, ESPALIER_ERR_NO_DEVICE,
                             "no device with serial number or path %.40s: \"espalier devices\" lists what is there",
                             search->which);
    return espalier_fail(error, ESPALIER_ERR_NO_DEVICE,
                         "no Espalier device on USB: plug one in; \"lsusb -d %04x:%04x\" shows whether the bus sees it",
                         ESPALIER_USB_VENDOR, ESPALIER_USB_PRODUCT);
}

void usb_release(libusb_device_handle *handle)
{
    libusb_release_interface(handle, ESPALIER_USB_INTERFACE);
    libusb_close(handle);
}

enum espalier_status usb_claim(libusb_context *context, const char *which, libusb_device_handle **out,
                               struct espalier_error *error)
{
    struct search search = {.which = which && strcmp(which, "any") != 0 ? which : NULL};
    libusb_device **devices = NULL;
    size_t count = 0;
    enum espalier_status status = get_devices(context, &devices, &count, error);
    if (status != ESPALIER_OK)
        return status;
    for (size_t i = 0; i < count && !(search.found && !search.which); i++)
        if (is_ours(devices[i]))
            consider(&search, devices[i]);
    libusb_free_device_list(devices, 1);
    status = judge(&search, error);
    if (status == ESPALIER_OK)
        *out = search.found;
    else if (search.found)
        usb_release(search.found);
    return status;
}
