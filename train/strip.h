/** Stripping: the same function in a smaller network.
 *
 *  Removed are whole groups of units (train/units.h) that are constant or that nobody uses: a pruned neuron,
 * its bias, its place in batch norms and its row in the kernels that follow. A constant c that a kernel did
 * see is folded into that layer's bias, b += W^T c, with the weights and the bias that the forward pass uses.
 * Every layer keeps at least one unit.
 */
#ifndef NIB_TRAIN_STRIP_H
#define NIB_TRAIN_STRIP_H

#include "core/team.h"
#include "train/model.h"

typedef struct nib_strip_count {
    int64_t neurons; /**< of all layers with a kernel */
    int64_t macs;    /**< products of kernels, zeros included */
    int64_t weights; /**< of kernels, that are not zero */
} nib_strip_count;

typedef struct nib_strip {
    nib_config *config; /**< with the new numbers of units */
    nib_model *model;
    int folds; /**< biases that took up a constant */
    nib_strip_count before, after;
} nib_strip;

/** Strip a model that has its weights. The caller owns the result (nib_strip_close); model and config are not
 * changed.
 *  @param shapes  inputs and targets with their widths; rows are not looked at
 *  Errors: NIB_ERR_UNSUPPORTED: a constant has no bias to go to, or the sum is not on the bias' grid, or the
 *  network works on sets; then nothing is changed. NIB_ERR_CONFIG: quantizers with a list of types, one for
 * each unit. */
NIB_MUST_USE nib_status nib_strip_model(const nib_model *model, nib_config *config, const nib_dataset *shapes,
                                        nib_team *team, nib_strip *strip, nib_error *err);
void nib_strip_close(nib_strip *strip);

#endif
