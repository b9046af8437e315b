/** Gradient check of ops by central differences, through a real graph and executor.
 *
 *  A tile-rate input x of the op becomes one_hot(row) P with P a parameter [rows of the batch, width], so
 * that dP is the op's dx; step-rate inputs are parameters themselves. The loss is a random projection of y.
 * In the other variants the inputs are used a second time, before or after the op, so that the op once
 * overwrites and once accumulates its gradients.
 */
#ifndef NIB_TESTS_GRADIENT_CHECK_H
#define NIB_TESTS_GRADIENT_CHECK_H

#include <stdbool.h>

#include "core/op.h"

typedef enum nib_check_variant {
    NIB_CHECK_PLAIN,      /**< two tiles, the second one short */
    NIB_CHECK_USED_LATER, /**< and each input is used once more behind the op: the op accumulates */
    NIB_CHECK_USED_FIRST, /**< each input is used once more before the op: the op overwrites */
    NIB_CHECK_MANY_TILES, /**< nine tiles: lane 0 gets two */
    NIB_CHECK_VARIANTS
} nib_check_variant;

enum { NIB_CHECK_MESSAGE_BYTES = 400 };

/** @return true when every gradient agrees; else `message` [NIB_CHECK_MESSAGE_BYTES] says which does not */
bool nib_check_gradient(const nib_op *op, const nib_op_case *what, nib_check_variant variant, char *message);

#endif
