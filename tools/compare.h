/** Float against quantized against integers, tensor by tensor. */
#ifndef NIB_TOOLS_COMPARE_H
#define NIB_TOOLS_COMPARE_H

#include <stdio.h>

#include "train/layer_trace.h"

typedef struct nib_span {
    double low, high;
} nib_span;

/** Bits of a type that its codes never use. */
typedef struct nib_unused_bits {
    int top;    /**< below the overflow: the type could be so many bits narrower */
    int bottom; /**< zeros at the end of every code: the step could be coarser */
} nib_unused_bits;

/** An input or the output of a layer. */
typedef struct nib_compared {
    const nib_traced *traced;
    const nib_fix_node *node;
    const char *kind; /**< "input", "dense", ..., "softmax" */
    const char *type; /**< as text */
    int64_t numbers;  /**< rows * width */
    nib_span plain, integer;
    nib_span range; /**< of the type (of all types together) */
    nib_unused_bits unused;
    double correlation;   /**< of float and integers; NaN when either is constant */
    double largest_error; /**< |integers - float| */
    double rms_error;
    int64_t differing;           /**< integers against quantized */
    int64_t first_row, first_at; /**< of the first of them, or -1 */
} nib_compared;

/** A kernel, bias, scale or shift. */
typedef struct nib_compared_weights {
    const nib_lowered_weights *weights;
    const char *type;
    int64_t numbers;
    int64_t pruned;  /**< by the mask */
    int64_t zero;    /**< codes of 0, the pruned ones among them */
    int64_t clipped; /**< values beyond the type's range */
    nib_span plain, range;
    nib_unused_bits unused;
    double rms_error;
} nib_compared_weights;

/** Class outputs: what becomes of the decision. */
typedef struct nib_compared_decision {
    const char *target;
    int64_t rows;
    int64_t changed;        /**< the first largest logit is another one than in float */
    int64_t ties;           /**< rows whose largest integer logit is shared */
    int64_t quantized_ties; /**< the same in the quantized float forward */
} nib_compared_decision;

typedef struct nib_comparison {
    int64_t rows;
    int n_tensors, n_weights, n_decisions;
    nib_compared *tensor;
    nib_compared_weights *weights;
    nib_compared_decision *decision;
    nib_exactness exactness;
    char why[256];
} nib_comparison;

/** @param trace  of the model and its lowering. In the arena. */
NIB_MUST_USE nib_status nib_compare(const nib_model *model, const nib_lowering *lowering,
                                    const nib_layer_trace *trace, nib_arena *arena,
                                    nib_comparison *comparison, nib_error *err);

/** The tables for a terminal. */
void nib_compare_print(const nib_comparison *comparison, const nib_lowering *lowering, FILE *out);

/** One line per tensor and per array of weights. Atomically. Errors: NIB_ERR_IO, NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_compare_csv(const nib_comparison *comparison, const char *path, nib_error *err);

/** Figures in a folder: a scatter for each tensor, a histogram with its grid for each kernel and bias, and
 * the ranges of all beside their types.
 *  @param suffix  "png", "svg" or "pdf" */
NIB_MUST_USE nib_status nib_compare_draw(const nib_comparison *comparison, const char *folder,
                                         const char *suffix, nib_error *err);

#endif
