#include "layer_fields.h"

#define FIELD(name, kind, bytes, low, high)                                                                            \
    {#name, ESPALIER_FIELD_##kind, offsetof(struct espalier_layer, name), bytes, low, high}

static const struct espalier_layer_field fields[] = {
    FIELD(in_channels, U16, 2, 1, 65535),
    FIELD(in_height, U16, 2, 1, 65535),
    FIELD(in_width, U16, 2, 1, 65535),
    FIELD(rows, U16, 2, 1, 65535),
    FIELD(kernel_height, U8, 1, 1, 255),
    FIELD(kernel_width, U8, 1, 1, 255),
    FIELD(stride, U8, 1, 1, 255),
    FIELD(pad, U8, 1, 0, 255),
    FIELD(pool, U8, 1, 1, 4),
    FIELD(relu, BOOL, 1, 0, 1),
    FIELD(raw, BOOL, 1, 0, 1),
    FIELD(format, FORMAT, 1, ESPALIER_DENSE, ESPALIER_GAP),
    FIELD(value_bits, U8, 1, 1, 8),
    FIELD(gap_bits, U8, 1, 0, 12),
    FIELD(count_bits, U8, 1, 0, 15),
    FIELD(bias_bits, U8, 1, 0, 16),
    FIELD(bias_shift, U8, 1, 0, 15),
    FIELD(has_codebook, BOOL, 1, 0, 1),
};

const struct espalier_layer_field *espalier_layer_fields(size_t *count)
{
    *count = sizeof fields / sizeof *fields;
    return fields;
}

uint32_t espalier_layer_field_get(const struct espalier_layer *layer, const struct espalier_layer_field *field)
{
    const void *place = (const char *)layer + field->offset;
    switch (field->kind) {
    case ESPALIER_FIELD_U8:
        return *(const uint8_t *)place;
    case ESPALIER_FIELD_U16:
        return *(const uint16_t *)place;
    case ESPALIER_FIELD_BOOL:
        return *(const bool *)place;
    case ESPALIER_FIELD_FORMAT:
        return (uint32_t)*(const enum espalier_format *)place;
    }
    return 0;
}

void espalier_layer_field_set(struct espalier_layer *layer, const struct espalier_layer_field *field, uint32_t value)
{
    void *place = (char *)layer + field->offset;
    switch (field->kind) {
    case ESPALIER_FIELD_U8:
        *(uint8_t *)place = (uint8_t)value;
        break;
    case ESPALIER_FIELD_U16:
        *(uint16_t *)place = (uint16_t)value;
        break;
    case ESPALIER_FIELD_BOOL:
        *(bool *)place = value != 0;
        break;
    case ESPALIER_FIELD_FORMAT:
        *(enum espalier_format *)place = (enum espalier_format)value;
        break;
    }
}
