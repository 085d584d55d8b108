/* How well a network classifies images. */
#ifndef ESPALIER_JUDGE_H
#define ESPALIER_JUDGE_H

#include <espalier/dataset.h>
#include <espalier/train.h>

#include "pass.h"

/* Judges the images first to first + count - 1; right are those whose largest logit is their label's (rule A8: the
 * lowest index among equals).
 * @param batch  the batch size that @p pass was made for */
struct espalier_judgement espalier_judge(struct espalier_pass *pass, const struct espalier_view *views,
                                         uint32_t classes, const struct espalier_dataset *data, uint32_t first,
                                         uint32_t count, uint32_t batch);

/* @return ESPALIER_ERR_RANGE if one of the images first to first + count - 1 has no label, or one that is no class */
enum espalier_status espalier_check_labels(const struct espalier_dataset *data, uint32_t first, uint32_t count,
                                           uint32_t classes, struct espalier_error *error);

#endif
