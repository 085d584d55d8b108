#include "identity.h"

#include <espalier/usb_descriptors.h>
#include <string.h>

enum {
    STRING_DESCRIPTOR = 3,          /* USB 2.0, table 9-5 */
    FROM_DEVICE_BY_VENDOR = 0xC0,   /* table 9-2 */
    MICROSOFT_DESCRIPTOR_INDEX = 7, /* Microsoft OS 2.0 descriptors specification, table 2 */
    LANGUAGES = 0,
    MANUFACTURER,
    PRODUCT, /* as the device descriptor numbers them */
    SERIAL
};

const uint8_t *identity_device(void)
{
    return usb_descriptor_device;
}

const uint8_t *identity_configuration(void)
{
    return usb_descriptor_configuration;
}

const uint8_t *identity_bos(void)
{
    return usb_descriptor_bos;
}

/* Lengthens a string descriptor as far as there is room. */
static void append(uint8_t out[IDENTITY_STRING_BYTES], const char *text)
{
    for (; *text && out[0] + 2 <= IDENTITY_STRING_BYTES; out[0] = (uint8_t)(out[0] + 2)) {
        out[out[0]] = (uint8_t)*text++;
        out[out[0] + 1] = 0;
    }
}

static void append_condition(uint8_t out[IDENTITY_STRING_BYTES], enum condition condition)
{
    const char *text = condition_text(condition);
    if (!*text)
        return;
    append(out, " (");
    append(out, text);
    append(out, ")");
}

size_t identity_string(uint8_t index, enum condition condition, const char *serial, uint8_t out[IDENTITY_STRING_BYTES])
{
    static const uint8_t empty[2] = {sizeof empty, STRING_DESCRIPTOR};
    static const uint8_t *const strings[] = {
        [LANGUAGES] = usb_descriptor_languages,
        [MANUFACTURER] = usb_descriptor_manufacturer,
        [PRODUCT] = usb_descriptor_product,
        [SERIAL] = empty,
    };
    if (index >= sizeof strings / sizeof strings[0])
        return 0;
    memcpy(out, strings[index], strings[index][0]);
    if (index == PRODUCT)
        append_condition(out, condition);
    if (index == SERIAL)
        append(out, serial);
    return out[0];
}

size_t identity_request(uint8_t request_type, uint8_t request, uint16_t value, uint16_t index, const uint8_t **bytes)
{
    if (request_type != FROM_DEVICE_BY_VENDOR || request != ESPALIER_USB_VENDOR_MICROSOFT || value != 0 ||
        index != MICROSOFT_DESCRIPTOR_INDEX)
        return 0;
    *bytes = usb_descriptor_microsoft;
    return sizeof usb_descriptor_microsoft;
}
