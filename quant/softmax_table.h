/** The tables of hls4ml's softmax, made from its types as the C++ makes them: in float, with expf. */
#ifndef NIB_QUANT_SOFTMAX_TABLE_H
#define NIB_QUANT_SOFTMAX_TABLE_H

#include "quant/fixnet.h"

/** The type whose top bits are the index of the table of exponentials: inp_norm, for latency that of x. */
nib_fixed nib_softmax_index_type(const nib_fix_softmax *softmax, const nib_fixed *x);

/** Entry i is exp_table(expf(-v)), for latency expf(v), with v the number whose top bits in the index type
 * are i. @param code  [exp_size] codes of exp_table. Not for argmax. */
void nib_softmax_exp_table(const nib_fix_softmax *softmax, const nib_fixed *x, int64_t *code);

/** Entry i is inv_table(1 / v) with v the number whose top bits in inv_inp are i; 1 / 0 is an infinity, which
 * the type's overflow mode answers. @param code  [inv_size] codes of inv_table. Not for argmax. */
void nib_softmax_inv_table(const nib_fix_softmax *softmax, int64_t *code);

/** The index into a table of 2^n entries: the top n bits of a code of the type. */
int64_t nib_softmax_index(const nib_fixed *type, int64_t size, int64_t code);

#endif
