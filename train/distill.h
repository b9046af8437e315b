/** Distillation: a network learns from the outputs of another one, the teacher, beside the data.
 *
 *      loss = (1 - alpha) loss(data) + alpha T^2 KL(softmax(teacher / T) || softmax(network / T))
 *
 *  for classes; sigmoid outputs use the divergence of each output, real ones the squared error to the
 * teacher's. The teacher's logits are computed once, in evaluation mode, for all rows of the training and
 * validation parts. Models opened again for evaluation know no teacher: their loss is that of the data.
 *  Source: Hinton, Vinyals and Dean, arXiv:1503.02531.
 */
#ifndef NIB_TRAIN_DISTILL_H
#define NIB_TRAIN_DISTILL_H

#include "core/team.h"
#include "train/model.h"

/** Run the teacher of config->train.distill on the data and hand its logits to the model, which was created
 * while config->train.distill.joined was set. `data` must stay where it is.
 *  Errors: NIB_ERR_INPUT: no such run; NIB_ERR_CONFIG with the place in the config: other inputs, other
 *  preprocessing or other outputs than the model's. */
NIB_MUST_USE nib_status nib_distill_attach(nib_model *model, const nib_config *config, const nib_data *data,
                                           nib_team *team, nib_error *err);

#endif
