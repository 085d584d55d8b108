/** The reference engine: plain integer C that specifies what the hardware computes (rtl/array/ARITHMETIC.md). */
#ifndef ESPALIER_ENGINE_H
#define ESPALIER_ENGINE_H

#include <espalier/model.h>

/** Runs one layer. @p input is [in_channels][in_height][in_width].
 *  @p output receives [rows][out_height][out_width] activations, or is NULL for a raw layer;
 *  @p logits receives [rows][out_height][out_width] accumulators of a raw layer, else is NULL. */
void espalier_engine_layer(const struct espalier_layer *layer, const int8_t *input, int8_t *output, int32_t *logits);

/** Opaque: the working memory of one thread. */
struct espalier_engine;
/** Makes one for a checked model, which must outlive it. To be freed by espalier_engine_free; NULL on failure
 *  (ESPALIER_ERR_MEMORY). */
enum espalier_status espalier_engine_create(const struct espalier_model *model, struct espalier_engine **out,
                                            struct espalier_error *error);
void espalier_engine_free(struct espalier_engine *engine);

/** Classifies one image of [in_channels][height][width] pixels 0 to 255 (rule A1) whose size is the first layer's
 * input.
 *  @p logits receives the last layer's rows * out_height * out_width accumulators (its activations if it is not raw).
 */
void espalier_engine_run(struct espalier_engine *engine, const uint8_t *pixels, int32_t *logits);
/** After espalier_engine_run: the activations layer @p index gave (NULL for the raw last layer). */
const int8_t *espalier_engine_activations(const struct espalier_engine *engine, uint32_t index);

/** Rule A8: index of the largest logit, the lowest among equals. */
uint32_t espalier_argmax(const int32_t *logits, uint32_t count);

#endif
