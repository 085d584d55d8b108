/* Counting what a network classifies right. */
#ifndef ESPALIER_JUDGE_H
#define ESPALIER_JUDGE_H

#include <espalier/dataset.h>

#include "pass.h"

/* Counts the images first to first + count - 1 whose largest logit is their label's (rule A8: the lowest index among
 * equals).
 * @param batch  the batch size that @p pass was made for */
uint32_t espalier_count_correct(struct espalier_pass *pass, const struct espalier_view *views, uint32_t classes,
                                const struct espalier_dataset *data, uint32_t first, uint32_t count, uint32_t batch);

#endif
