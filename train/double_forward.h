/** Evaluation of a quantized model in double: layers, weights and quantizers as training has them, with
 * numbers that hold every sum of up to 53 bits, where those of float would round.
 *
 *  It walks the model itself and not its fixed-point network, quantizes the weights by the float path of
 * their quantizers, and casts by quant/double_loops.h: nothing that the integer engine computes with is in
 * it. That it gives the engine's numbers to the last bit is a statement about both.
 */
#ifndef NIB_TRAIN_DOUBLE_FORWARD_H
#define NIB_TRAIN_DOUBLE_FORWARD_H

#include "core/team.h"
#include "quant/double_loops.h"
#include "train/model.h"

typedef struct nib_double_forward nib_double_forward;

/** With the model's present weights, batch norms folded as at lowering. For models that nib_lower_exactness
 * found fit for it.
 *  @param model, team  must outlive it
 *  Errors: NIB_ERR_MEMORY; NIB_ERR_UNSUPPORTED naming a layer that has no form in double; what a quantizer
 *  without values says. */
NIB_MUST_USE nib_status nib_double_forward_create(nib_double_forward **forward, const nib_model *model,
                                                  nib_team *team, nib_error *err);
void nib_double_forward_destroy(nib_double_forward *forward);

/** Run rows. Allocates nothing; the result does not depend on the number of threads.
 *  @param inputs  [n_inputs] preprocessed floats [rows, width]
 *  @param logits  [n_outputs] of the model: each NULL or [rows, width], rounded to float; NULL: none
 *  @param layers  [n_layers] each NULL or [rows, width]; NULL: none. A dense layer that takes a batch norm in
 *                 has that layer's numbers */
void nib_double_forward_run(nib_double_forward *forward, const float *const *inputs, int64_t rows,
                            float *const *logits, double *const *layers);

/* For layers. */

/** A layer being prepared and run. Rows of tensors lie `stride` doubles apart, a multiple of NIB_DOUBLE_LANE;
 * what is behind the width is any number, 0 in weights. */
struct nib_double_layer {
    nib_arena *arena;
    const nib_model *model;
    int index; /**< of the layer */
    const void *options;
    const nib_double_loops *loops;
    int n_inputs;
    int64_t in_width[NIB_MAX_INPUTS], in_stride[NIB_MAX_INPUTS];
    int64_t width, stride;
    double *kernel, *bias; /**< dense: [inputs, stride] and [stride]; batch norm: scale and shift [stride] */
};

/** A parameter of a layer, dense rows x cols in the arena; NULL: there is none.
 *  @param masked  1 where it counts, in the same form; NULL: all of it */
typedef struct nib_double_parameter {
    int64_t rows, cols;
    float *value, *mask;
    bool is_vector; /**< one vector that shares a scale */
} nib_double_parameter;

NIB_MUST_USE nib_status nib_double_find(const nib_double_layer *layer, int index, const char *var,
                                        nib_double_parameter *parameter, nib_error *err);

/** mask * Q(value) [rows, stride] in the arena. `quantizer` must not be NULL. */
NIB_MUST_USE nib_status nib_double_weights(const nib_double_layer *layer,
                                           const nib_double_parameter *parameter,
                                           const nib_quantizer_config *quantizer, double **weights,
                                           nib_error *err);

/** For layers that hand their input on. */
void nib_double_copy(const nib_double_layer *layer, int64_t rows, const double *const *x, double *y);

#endif
