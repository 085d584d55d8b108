/* From a trained, quantized network to the integer model that the hardware runs. */
#ifndef ESPALIER_EXPORT_H
#define ESPALIER_EXPORT_H

#include "quantized.h"

/* Folds the network, with the levels and steps that the quantizer has chosen, into an integer model that computes what
 * the quantized forward pass computes.
 * @param format   of every layer; the masks must suit it (dense: any, structured: all rows of a layer alike)
 * @param made_by  copied
 * @return what espalier_model_check returns of the result; *out is NULL on failure */
enum espalier_status espalier_export(const struct espalier_network *network, const struct espalier_quantizer *quantizer,
                                     enum espalier_format format, const char *made_by, struct espalier_model **out,
                                     struct espalier_error *error);

#endif
