/** The losses of given logits, without the net before them: for outputs that somebody else computed. */
#ifndef NIB_TRAIN_LOSS_HEAD_H
#define NIB_TRAIN_LOSS_HEAD_H

#include "train/model.h"

typedef struct nib_loss_head nib_loss_head;

/** @param data  with all targets; it and model and team must outlive the head */
NIB_MUST_USE nib_status nib_loss_head_create(nib_loss_head **head, const nib_model *model,
                                             const nib_dataset *data, nib_team *team, nib_error *err);
void nib_loss_head_destroy(nib_loss_head *head);

/** @param logits  [n_outputs][rows, width]
 *  @param losses  [n_outputs] weighted sums over the rows (no factor, not divided)
 *  @return the loss of all outputs: sum of factor * losses / rows */
double nib_loss_head_run(nib_loss_head *head, float *const *logits, double *losses);

#endif
