/** Option structs of the ops that others build nodes of. Each op's table (core/op_<name>.c) describes the
 * struct. */
#ifndef NIB_CORE_OP_OPTIONS_H
#define NIB_CORE_OP_OPTIONS_H

#include "core/options.h"

typedef struct nib_leaky_relu_options {
    double negative_slope; /**< Keras 2 calls it alpha, 0.3 */
} nib_leaky_relu_options;

typedef struct nib_dropout_options {
    double rate; /**< share of values set to 0 while training */
} nib_dropout_options;

typedef struct nib_batch_norm_options {
    double momentum; /**< of the running statistics, 0.99 */
    double epsilon;  /**< added to the variance, 1e-3 */
} nib_batch_norm_options;

typedef struct nib_scale_options {
    double factor;
} nib_scale_options;

typedef struct nib_l1_l2_options {
    double l1, l2;
} nib_l1_l2_options;

typedef struct nib_categorical_crossentropy_options {
    double label_smoothing;
    nib_floats class_weight; /**< [classes] or empty: 1; in training only, as Keras does */
} nib_categorical_crossentropy_options;

typedef struct nib_huber_options {
    double delta;
} nib_huber_options;

#endif
