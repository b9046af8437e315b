/* Every op's gradient, through the cases of its own table row. */
#include <criterion/criterion.h>

#include <ctype.h>
#include <string.h>

#include "tests/core/gradient_check.h"

Test(gradients, every_op_agrees_with_central_differences, .timeout = 300)
{
    for (int i = 0; i < nib_ops_count; ++i)
        for (int k = 0; k < nib_ops[i]->n_cases; ++k)
            for (int v = 0; v < NIB_CHECK_VARIANTS; ++v) {
                char message[NIB_CHECK_MESSAGE_BYTES];
                cr_expect(
                    nib_check_gradient(nib_ops[i], &nib_ops[i]->cases[k], (nib_check_variant)v, message),
                    "%s", message);
            }
}

Test(gradients, every_op_row_has_help_source_and_a_case)
{
    cr_assert(nib_ops_count >= 19, "only %d ops are listed", nib_ops_count);
    for (int i = 0; i < nib_ops_count; ++i) {
        const nib_op *op = nib_ops[i];
        cr_assert(op->name && islower((unsigned char)op->name[0]), "op %d has no name", i);
        cr_expect(op->help && strlen(op->help) > 5, "%s has no help", op->name);
        cr_expect(op->source && op->source[0], "%s has no source", op->name);
        cr_expect(op->n_cases > 0, "%s has no case", op->name);
        cr_expect(op->min_inputs >= 1 && op->max_inputs <= NIB_MAX_INPUTS, "%s: number of inputs", op->name);
        cr_expect(op->infer && op->forward, "%s: infer or forward is missing", op->name);
        bool wide = (op->flags & NIB_OP_BATCH_WIDE) != 0;
        cr_expect(wide == (op->reduce != NULL) && wide == (op->reduced != NULL), "%s: reduction", op->name);
        cr_expect(nib_op_find(op->name) == op, "%s is found under its name", op->name);
    }
    cr_expect(nib_op_find("no_such_op") == NULL, "an unknown op is not found");
}
