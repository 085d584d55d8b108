/* The fields of a layer that are plain numbers: one table that the model check, the .esp writer and the .esp reader
 * share. Private to the library. */
#ifndef ESPALIER_LAYER_FIELDS_H
#define ESPALIER_LAYER_FIELDS_H

#include <espalier/model.h>

/** How a field is held in struct espalier_layer. */
enum espalier_field_kind { ESPALIER_FIELD_U8, ESPALIER_FIELD_U16, ESPALIER_FIELD_BOOL, ESPALIER_FIELD_FORMAT };

struct espalier_layer_field {
    const char *name;
    enum espalier_field_kind kind;
    size_t offset;      /**< in struct espalier_layer */
    size_t file_bytes;  /**< in an .esp layer record: 1 or 2 */
    uint32_t low, high; /**< legal range */
};

/** The fields in the order of an .esp layer record, *count of them. Static storage. */
const struct espalier_layer_field *espalier_layer_fields(size_t *count);
uint32_t espalier_layer_field_get(const struct espalier_layer *layer, const struct espalier_layer_field *field);
/** @p value must be within the field's range. */
void espalier_layer_field_set(struct espalier_layer *layer, const struct espalier_layer_field *field, uint32_t value);

/** Most columns a layer may have: the layer descriptor counts them in 16 bits. */
enum { ESPALIER_COLUMNS_MAX = 65535 };

/** Most weight positions of a model, and most that a byte of packed weights may stand for: what a reader allocates. */
#define ESPALIER_POSITIONS_MAX (UINT64_C(1) << 28)
#define ESPALIER_POSITIONS_A_BYTE (UINT64_C(1) << 16)

/** Checks what shapes and widths promise, without looking at a layer's arrays or at codebook, mult and shift:
 *  field ranges, the chain from layer to layer, and the limits above. The arrays may be allocated only after this. */
enum espalier_status espalier_model_check_shapes(const struct espalier_model *model, struct espalier_error *error);

#endif
