#include "capabilities.h"

#include <string.h>

enum { PAYLOAD_MIN = 256 /* the least that a device must take */ };

static const struct {
    unsigned word;
    uint32_t low, high;
    const char *name;
} ranges[] = {
    {ESPALIER_CAPS_LANES, 1, 4096, "LANES"},
    {ESPALIER_CAPS_POSITIONS, 1, 255, "POSITIONS"},
    {ESPALIER_CAPS_ACT_WORDS, 1, 65536, "ACT_WORDS"},
    {ESPALIER_CAPS_PAYLOAD_MAX, PAYLOAD_MIN, 65535, "PAYLOAD_MAX"},
    {ESPALIER_CAPS_COUNTERS, ESPALIER_COUNTERS, ESPALIER_COUNTERS, "COUNTERS"},
};

enum espalier_status espalier_capabilities_read(const struct espalier_frame *answer, struct espalier_capabilities *out,
                                                struct espalier_error *error)
{
    static const uint8_t magic[4] = {'E', 'S', 'P', 'L'};
    if (answer->size != 4 * ESPALIER_CAPS_WORDS || memcmp(answer->payload, magic, sizeof magic) != 0)
        return espalier_fail(error, ESPALIER_ERR_DEVICE,
                             "the device is no Espalier accelerator: its answer to HELLO is not a capability "
                             "descriptor");
    for (size_t i = 0; i < ESPALIER_CAPS_WORDS; i++) {
        const uint8_t *bytes = answer->payload + 4 * i;
        out->words[i] = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    }
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        uint32_t value = out->words[ranges[i].word];
        if (value < ranges[i].low || value > ranges[i].high)
            return espalier_fail(error, ESPALIER_ERR_DEVICE, "the device's capability descriptor says %s=%u",
                                 ranges[i].name, value);
    }
    return ESPALIER_OK;
}
