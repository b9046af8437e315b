/** The fixed-point network (fixnet): what the hardware computes, and nothing else.
 *
 *  A DAG of nodes over a closed set of operations. Every node makes one tensor of integer codes; the type of
 * every tensor says what a code means. Weights are integers. The engine, the cost model, the files and the
 * exporters read this struct alone, and switch over its kinds exhaustively; layers and quantizers lower into
 * it and never add to it.
 *
 *  A tensor is positions x features per sample: positions is 1 for rows of features, N for sets of N
 * elements. Nodes are in topological order. The arithmetic is that of the Vivado and Vitis C++ emulation of
 * hls4ml, operation by operation; see each record.
 */
#ifndef NIB_QUANT_FIXNET_H
#define NIB_QUANT_FIXNET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "quant/fixed.h"

typedef enum nib_fix_kind {
    NIB_FIX_INPUT,      /**< the preprocessed float, cast to the type */
    NIB_FIX_CAST,       /**< x, cast */
    NIB_FIX_DENSE,      /**< x kernel + bias at every position */
    NIB_FIX_ADD,        /**< the exact sum of two or more tensors, cast once */
    NIB_FIX_CONCAT,     /**< features one after the other, each cast */
    NIB_FIX_RELU,       /**< x > 0 ? cast(x) : 0 */
    NIB_FIX_LEAKY_RELU, /**< x > 0 ? cast(x) : cast(x * 2^-shift) */
    NIB_FIX_TABLE,      /**< table[raw bits of x] */
    NIB_FIX_SOFTMAX,    /**< over the features of a position */
    NIB_FIX_POOL,       /**< positions to one: sum, mean, max */
    NIB_FIX_SCALE,      /**< cast(x * scale + shift), by feature: batch norm on a grid */
    NIB_FIX_RESHAPE,    /**< the same codes with other positions and features */
    NIB_FIX_KIND_COUNT
} nib_fix_kind;

enum {
    NIB_FIX_MAX_INPUTS = 8,
    NIB_FIX_MAX_NODES = 1024,
    NIB_FIX_MAX_ELEMENTS = 1 << 20, /**< of a tensor: positions x features */
    NIB_FIX_MAX_KERNEL = 1 << 24,   /**< weights of a node */
    NIB_FIX_MAX_TABLE_BITS = 16,    /**< of a table's index; nibble's own tables have at most 12 */
    NIB_FIX_NAME_BYTES = 128        /**< of a node's, layer's or target's name, the final NUL counted */
};

/** The types of a tensor's or an array's numbers: one for all (count 1), one per feature (column), or one per
 * element; the count says which. bits 0 means removed: the value is 0 and nothing is stored or cast. */
typedef struct nib_fix_types {
    nib_rounding rounding; /**< of casts into it */
    nib_overflow overflow;
    int64_t count;
    const int8_t *bits, *integer; /**< [count] W (0 to NIB_FIXED_MAX_ACCUM) and I */
    const bool *is_signed;        /**< [count] */
} nib_fix_types;

/** The type of element `index`, counted row-major over the whole tensor or array whatever the count is;
 * .bits is 0 where it is removed. */
nib_fixed nib_fix_type_at(const nib_fix_types *types, int64_t index);

/** One type for all, in the arena. count is 0 when out of memory. */
nib_fix_types nib_fix_types_of(nib_arena *arena, const nib_fixed *type);

/** `count` types of their own, rounding and overflow those of the first; bits 0 is allowed. In the arena;
 * count is 0 when out of memory. */
nib_fix_types nib_fix_types_each(nib_arena *arena, const nib_fixed *type, int64_t count);

/** Integer constants with their types: value i is code[i] * 2^-F of type i. */
typedef struct nib_fix_array {
    int64_t rows, cols;
    const int64_t *code; /**< [rows x cols] row-major */
    nib_fix_types type;  /**< count 1, cols or rows * cols */
} nib_fix_array;

/** The order of the additions; it matters only where an accumulator can overflow or round. */
typedef enum nib_fix_order {
    NIB_FIX_ORDER_LATENCY,  /**< inputs 0, 1, 2, ... */
    NIB_FIX_ORDER_RESOURCE, /**< inputs 0, R, 2R, ..., 1, R + 1, ... with R the reuse factor */
    NIB_FIX_ORDER_COUNT
} nib_fix_order;

/** acc = accum(bias); acc = accum(acc + accum(product)) for each input in order; y = cast(acc). */
typedef struct nib_fix_dense {
    nib_fix_array kernel; /**< [n_in, n_out] */
    nib_fix_array bias;   /**< [1, n_out], or rows 0: none */
    nib_fixed accum;
    bool proven;   /**< accum holds every partial sum exactly, in any order, for every input of its type */
    int64_t reuse; /**< reuse factor, >= 1 */
    nib_fix_order order;
} nib_fix_dense;

/** Entry i of the table is the output for the input with the raw bits i, as UnaryLUT of hls4ml has it. */
typedef struct nib_fix_table {
    const char *function; /**< "tanh", "sigmoid", ...: for people */
    int64_t size;         /**< 2^W of the input */
    const int64_t *code;  /**< [size] in y's type, which is one for all, as x's is */
} nib_fix_table;

typedef enum nib_fix_softmax_kind {
    NIB_FIX_SOFTMAX_STABLE,
    NIB_FIX_SOFTMAX_LATENCY,
    NIB_FIX_SOFTMAX_ARGMAX,
    NIB_FIX_SOFTMAX_KIND_COUNT
} nib_fix_softmax_kind;

/** hls4ml's softmax over the features of a position; x has one type.
 *
 *  stable: d = inp_norm(max - x), e = accum(exp[top bits of d]); latency: e = accum(exp[top bits of x]).
 *  Both: s = inv_inp(sum of e by a balanced tree, cast to accum after each add), y = cast(e * inv[top bits of
 *  s]). argmax: cast(1) at the first maximum, else 0; the other fields do not count then.
 *  The tables are made from the types (quant/softmax_table.h). */
typedef struct nib_fix_softmax {
    nib_fix_softmax_kind kind;
    nib_fixed inp_norm, exp_table, inv_inp, inv_table, accum;
    int64_t exp_size, inv_size; /**< entries: powers of two of at least 2; exp_size <= 2^W of inp_norm
                                     (latency: of x), inv_size <= 2^W of inv_inp, both <= 2^16 */
} nib_fix_softmax;

typedef enum nib_fix_pool_kind {
    NIB_FIX_POOL_SUM,
    NIB_FIX_POOL_MEAN,
    NIB_FIX_POOL_MAX,
    NIB_FIX_POOL_KIND_COUNT
} nib_fix_pool_kind;

/** sum: acc = 0; acc = accum(acc + x) for each position; y = cast(acc). mean: acc divided by the number of
 * positions toward zero at accum's step, then cast. max: y = cast(accum(largest x)). */
typedef struct nib_fix_pool {
    nib_fix_pool_kind kind;
    nib_fixed accum;
    bool proven; /**< accum holds every partial sum (max: every x) exactly */
} nib_fix_pool;

typedef struct nib_fix_scale {
    nib_fix_array scale, shift; /**< [1, features] */
} nib_fix_scale;

typedef struct nib_fix_node {
    nib_fix_kind kind;
    const char *name;  /**< unique: the layer's name, with a suffix where a layer makes several nodes */
    const char *layer; /**< the layer it comes from; an input's: the input */
    int n_inputs;
    int input[NIB_FIX_MAX_INPUTS]; /**< nodes before this one */
    int64_t positions, features;
    nib_fix_types type; /**< of y; count 1, features or positions * features */
    union {
        nib_fix_dense dense;
        nib_fix_table table;
        nib_fix_softmax softmax;
        nib_fix_pool pool;
        nib_fix_scale scale;
        int leaky_shift;
    } as;
} nib_fix_node;

/** What is read out. */
typedef struct nib_fix_output {
    const char *target;
    int node;
} nib_fix_output;

typedef struct nib_fixnet {
    int n_nodes;
    nib_fix_node *node;
    int n_inputs; /**< nodes of kind NIB_FIX_INPUT, in the order of the data's inputs; they come first */
    int n_outputs;
    nib_fix_output *output;
} nib_fixnet;

/** Check everything: topology, names, shapes, counts, types, codes within their types, table sizes, that
 * `proven` is true, and that no intermediate number needs more than 125 bits. For fixnets that were read or
 * built by hand; a lowered one passes. Errors: NIB_ERR_INPUT naming node and limit; NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_fixnet_check(const nib_fixnet *net, nib_error *err);

/** "dense", "relu", ...; and the other way (-1: no such kind). */
const char *nib_fix_kind_name(nib_fix_kind kind);
int nib_fix_kind_find(const char *name);

/** The node of this name, or -1. */
int nib_fixnet_find(const nib_fixnet *net, const char *name);

/** The range of the codes of a node's features, at a common step. */
typedef struct nib_fix_interval {
    int fraction; /**< step 2^-fraction, of all features */
    const int64_t *low,
        *high; /**< [features] the hull over all positions; low <= high, both 0 where removed */
} nib_fix_interval;

/** Interval arithmetic from the actual weights: for every node the codes it can give for any input of the
 * input's type. In the arena, [n_nodes]. Needs a net that is in order but for `proven`, which is not looked
 * at: what does overflow is followed as the hardware does it. Errors: NIB_ERR_MEMORY; NIB_ERR_CONFIG when a
 * number needs more than 63 bits, with the node named. */
NIB_MUST_USE nib_status nib_fixnet_intervals(const nib_fixnet *net, nib_arena *arena,
                                             nib_fix_interval **intervals, nib_error *err);

/** The interval of one node from those of the nodes before it: for lowering, which chooses accumulators as it
 * goes. @param before  [node]. Memory and errors as above. */
NIB_MUST_USE nib_status nib_fixnet_interval(const nib_fixnet *net, int node, const nib_fix_interval *before,
                                            nib_arena *arena, nib_fix_interval *interval, nib_error *err);

/** The smallest type that holds every partial sum of a dense node in any order (bias first), given the
 * interval of its input: what `accum` is where the user gives none. Its step is the largest at which all
 * products and the bias are exact; modes are TRN, WRAP. Errors: NIB_ERR_CONFIG beyond 63 bits. */
NIB_MUST_USE nib_status nib_fix_dense_accum(const nib_fix_dense *dense, const nib_fix_interval *x,
                                            nib_fixed *accum, nib_error *err);

/** The same for a pool over `positions` of `features`.
 *  @param finer  bits of fraction beyond x's own, for the quotient of a mean: with log2(positions) of them
 *                the mean over a power of two is exact */
NIB_MUST_USE nib_status nib_fix_pool_accum(const nib_fix_pool *pool, int64_t positions, int64_t features,
                                           const nib_fix_interval *x, int finer, nib_fixed *accum,
                                           nib_error *err);

/** The smallest type with step 2^-fraction that holds low to high (codes at that step), with TRN, WRAP; at
 * least one bit; signed where low < 0. Errors: NIB_ERR_CONFIG beyond 63 bits. */
NIB_MUST_USE nib_status nib_fix_smallest_type(int64_t low, int64_t high, int fraction, nib_fixed *type,
                                              nib_error *err);

#endif
