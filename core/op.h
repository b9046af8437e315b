/** Ops: what a node of the graph computes.
 *
 *  An op is one .c file ending in one `const nib_op`, with forward, backward and its gradient-check cases
 * side by side. Nodes hold a `const nib_op *`, so quant and train add ops that core does not list. The files
 * are compiled once per instruction set (core/isa.h): graphs name the baseline's op, executors run the best.
 *
 *  Rows and padding. A tile-rate tensor is rows x width with stride nib_padded(width); padding lanes of x and
 * dy are zero when an op is called, and the op leaves zeros in the padding of y and dx. dim[0] of a tile-rate
 * tensor is the tile's capacity, `rows` says how many of them count. The others hold anything, in dy too: an
 * op may compute them as well where that is cheaper, but whatever sums over rows sums over `rows`.
 *
 *  Gradients. backward gets dy and fills dx[i]. Where `accumulate[i]` is false it must overwrite dx[i], else
 * add to it (fan-out, and the second and later tiles of a lane for step-rate inputs). dx[i].data == NULL: not
 * wanted. A step-rate input (kernel, bias) of a tile-rate op gets its gradient summed over the rows of the
 * tile by itself and then added to what is there: sums of tiles do not depend on where they are kept. Inputs
 * are filled in order, 0 first: a value may be several inputs of one node.
 */
#ifndef NIB_CORE_OP_H
#define NIB_CORE_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/gemm.h"
#include "core/isa.h"
#include "core/options.h"
#include "core/status.h"
#include "core/tensor.h"

/** step: depends on parameters only, runs once before the tiles. tile: runs for every tile. */
typedef enum nib_rate { NIB_RATE_STEP, NIB_RATE_TILE } nib_rate;

/** What a row stands for. Step-rate values have no rows of data. */
typedef enum nib_domain { NIB_DOMAIN_NONE, NIB_DOMAIN_SAMPLES, NIB_DOMAIN_ELEMENTS } nib_domain;

typedef enum nib_mode { NIB_MODE_EVALUATE, NIB_MODE_TRAIN } nib_mode;

enum { NIB_MAX_INPUTS = 8 };

/** Shape of a value. tile: rank counts the dims of one row (dim[0] = features); step: the whole array. */
typedef struct nib_shape {
    nib_rate rate;
    nib_domain domain;
    int rank;       /**< tile: 1 to 3; step: 1 or 2 */
    int64_t dim[3]; /**< unused dims are 1 */
} nib_shape;

/** Floats in one row (tile) or in one row of the matrix (step: the last dim). */
int64_t nib_shape_row(const nib_shape *shape);

/** The part of the batch an op is working on. */
typedef struct nib_tile {
    int64_t first;         /**< first sample of the tile in the batch */
    int64_t samples;       /**< samples in the tile that count */
    int64_t first_element; /**< the same for elements of sets */
    int64_t elements;
    const int64_t
        *offsets; /**< [samples + 1] elements of sample i are offsets[i] - offsets[0] ...; NULL: no sets */
    const float *weight;   /**< [tile capacity] sample weights, 0 beyond `samples` */
    int64_t batch_samples; /**< samples of the whole batch */
    int64_t batch_elements;
    uint64_t seed; /**< of the run */
    uint32_t step; /**< global step, for counter-based random numbers */
} nib_tile;

/** One call. All pointers belong to the executor. */
typedef struct nib_call {
    const void *options; /**< the node's option struct */
    uint32_t stream;     /**< nib_rng_stream("<node>/<op>") */
    nib_mode mode;
    int inputs;
    nib_domain domain; /**< of y */
    int64_t rows;      /**< tile: rows of y's domain that count; step: dim[0] */
    nib_tensor x[NIB_MAX_INPUTS];
    nib_tensor y;
    nib_tensor dx[NIB_MAX_INPUTS];
    bool accumulate[NIB_MAX_INPUTS];
    nib_tensor dy;
    float *saved;  /**< [rows x saved_row] of this tile, stride nib_padded(saved_row): forward keeps here what
                      backward needs; NULL when evaluating */
    double *state; /**< batch-wide ops: [state_doubles] results of the reduction, the same for all tiles */
    nib_fused fused_y; /**< NIB_OP_EPILOGUE: y is to be these steps of the result */
    nib_fused fused_x; /**< NIB_OP_EPILOGUE: x[0] was made by these steps; dx[0] is to be their input's
                          gradient. NIB_FUSABLE_GRID: .relu: backward is that of a relu and the step, x[0] is
                          the relu's input */
    float *prepared;   /**< [prepared_floats] what op->prepare made for this step, in this thread's memory, or
                          NULL */
    bool dry;          /**< `reduced` must not write running statistics (diagnosis) */
    const nib_tile
        *tile; /**< step-rate calls and `reduced`: only the batch's counts, seed and step are set */
} nib_call;

typedef enum nib_op_flag {
    NIB_OP_READS_X = 1,  /**< backward reads x */
    NIB_OP_READS_Y = 2,  /**< backward reads y */
    NIB_OP_IN_PLACE = 4, /**< elementwise: y may be x[0] (unless READS_X), and dx[0] may be dy */
    NIB_OP_BATCH_WIDE =
        8, /**< in training needs a reduction over the whole batch before forward (and backward) */
    NIB_OP_EPILOGUE = 32,      /**< a product that can take the steps of nib_fused along */
    NIB_OP_IDENTITY_EVAL = 16, /**< y = x when evaluating (dropout): the planner leaves it out */
    NIB_OP_COLUMNS = 64, /**< y and labels, one number a row, are taken with stride 1 as well as padded */
    NIB_OP_IN_PLACE_BACKWARD = 128 /**< dx[0] may be dy (with `accumulate` false), whatever y is */
} nib_op_flag;

/** The steps that a product can take along. */
typedef enum nib_fusable { NIB_FUSABLE_NOT, NIB_FUSABLE_RELU, NIB_FUSABLE_GRID } nib_fusable;

/** What the planner must know of a node; filled by op->infer. */
typedef struct nib_op_plan {
    nib_shape y;
    int64_t saved_row;       /**< floats kept per row between forward and backward */
    int64_t prepared_floats; /**< kept for a step by op->prepare, where dx[0] is wanted */
    int64_t state_doubles;   /**< batch-wide: results of the reduction */
    int64_t reduce_doubles;  /**< batch-wide: partial sums per lane, forward and backward each */
} nib_op_plan;

/** How a gradient-check case fills an input. */
typedef enum nib_fill {
    NIB_FILL_NORMAL,   /**< standard normal, kept 0.05 away from 0 (kinks) */
    NIB_FILL_POSITIVE, /**< uniform in [0.5, 1.5) */
    NIB_FILL_LABEL,    /**< integers 0..limit-1: no gradient */
    NIB_FILL_BINARY,   /**< 0 or 1: no gradient */
} nib_fill;

typedef struct nib_case_input {
    nib_rate rate;
    int64_t rows; /**< step-rate: rows of the array (0: rank 1); tile-rate: ignored */
    int64_t cols;
    nib_fill fill;
    int limit;
} nib_case_input;

typedef struct nib_op_case {
    const char *name;
    const char *options; /**< YAML of the op's option table, "" for defaults */
    int inputs;
    nib_case_input input[NIB_MAX_INPUTS];
    double tolerance; /**< relative to the largest gradient element; 0: 1e-3 */
} nib_op_case;

typedef struct nib_op {
    const char *name;
    const char *help;
    const char *source; /**< paper, specification or "definition" */
    nib_option_table options;
    int min_inputs, max_inputs;
    unsigned flags;
    unsigned
        no_gradient; /**< bit i: none flows to input i (targets, running statistics); dx[i].data is NULL */

    nib_fusable
        fusable; /**< the step of nib_fused that this op is: a product before it may do it on the way */
    /** NIB_FUSABLE_GRID: the numbers of the step, good until the executor goes, or NULL: this node is no such
     * step in this mode. backward gets the step's input as x[0] (READS_X). */
    const nib_grid_step *(*grid)(const void *options, nib_mode mode);

    /** Check the inputs' shapes and fill `plan`. The message names what does not fit; the graph adds the
     * node. */
    nib_status (*infer)(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err);
    void (*forward)(const nib_call *call);
    void (*backward)(const nib_call *call); /**< NULL: no gradient flows through */
    /** Once per step before the tiles, in training, for all threads or by each for itself: make `prepared`
     * from the step-rate inputs (the others hold nothing, or are NULL). NULL: nothing to make. */
    void (*prepare)(const nib_call *call);

    /* Batch-wide ops, tile-rate only. Training: partial sums of a tile are added to `sum` [reduce_doubles];
     * the sums of all lanes, added in order, become `state`. The backward pair does the same before backward;
     * it may use and extend `state`. Evaluating: `reduced` is called once before the tiles with sum == NULL
     * and makes `state` from step-rate inputs. */
    void (*reduce)(const nib_call *call, double *sum);
    void (*reduced)(const nib_call *call,
                    const double *sum); /**< may write step-rate x (running statistics) */
    void (*reduce_backward)(const nib_call *call, double *sum);
    void (*reduced_backward)(const nib_call *call, const double *sum);

    const nib_op_case *cases;
    int n_cases;
} nib_op;

/** All ops of core, in the order of core/ops.def. */
extern const nib_op *const nib_ops[];
extern const int nib_ops_count;

/** The same op with its loops compiled for an instruction set, which must be supported. `op` itself where it
 * is not one of nib_ops: whoever adds ops chooses among their variants. */
const nib_op *nib_op_for_isa(const nib_op *op, nib_isa isa);

/** The op of this name, or NULL. */
const nib_op *nib_op_find(const char *name);

/** An infer for ops whose inputs all have one shape, which is that of y; keeps nothing, no state. */
nib_status nib_op_infer_same(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                             nib_error *err);

/** A shape as text for messages: "[rows, 16]" (tile), "[16, 32]" (step). `text` has NIB_SHAPE_BYTES. */
enum { NIB_SHAPE_BYTES = 96 };
const char *nib_shape_text(const nib_shape *shape, char *text);

#endif
