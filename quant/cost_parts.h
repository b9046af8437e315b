/** Parts of the cost model: private to quant/cost*.c. */
#ifndef NIB_QUANT_COST_PARTS_H
#define NIB_QUANT_COST_PARTS_H

#include "quant/cost.h"

/** One node with its operand. */
typedef struct nib_cost_call {
    const nib_fixnet *net;
    const nib_cost_options *options;
    const nib_fix_node *node, *x; /**< x: its first input; NULL: an input node */
    int64_t parallel;             /**< positions that have hardware of their own */
} nib_cost_call;

void nib_cost_dense(const nib_cost_call *call, nib_cost_node *cost);
void nib_cost_other(const nib_cost_call *call, nib_cost_node *cost);

/** Cycles of logic that takes this long after a register. */
double nib_cost_cycles(const nib_cost_options *options, double ns);

/** Levels of a tree over n operands. */
int nib_cost_levels(int64_t n);

/** Add a memory that is read in `reads` places at once. */
void nib_cost_add_memory(nib_cost_node *cost, int64_t depth, int64_t width, int64_t reads);

/** LUTs of a cast of numbers of type `from` into a type. */
double nib_cost_cast_lut(const nib_fixed *from, const nib_fixed *to);

/** Bits of HGQ2: the sign counts under SAT alone. */
double nib_cost_hgq2_bits(const nib_fixed *type);

/** Delays, in ns: one multiplication, one level of an adder tree. */
#define NIB_COST_MULTIPLY_NS 3.0
#define NIB_COST_ADD_NS      0.8
/** The part of the clock period that logic may take: Vivado HLS' default uncertainty is 12.5 %. */
#define NIB_COST_USABLE 0.875

#endif
