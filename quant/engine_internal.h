/** What the files of the integer engine share. Not for other modules. */
#ifndef NIB_QUANT_ENGINE_INTERNAL_H
#define NIB_QUANT_ENGINE_INTERNAL_H

#include "quant/engine.h"
#include "quant/engine_loops.h"
#include "quant/engine_plain.h"
#include "quant/fixnet_internal.h"

typedef enum nib_engine_stage_kind {
    NIB_ENGINE_STAGE_INPUT,
    NIB_ENGINE_STAGE_DENSE,
    NIB_ENGINE_STAGE_MIX,
    NIB_ENGINE_STAGE_POOL,
    NIB_ENGINE_STAGE_LOOKUP,
    NIB_ENGINE_STAGE_RESHAPE,
    NIB_ENGINE_STAGE_PLAIN, /**< sample by sample, as in the trace */
    NIB_ENGINE_STAGE_NONE   /**< done by the stage before: its casts are fused */
} nib_engine_stage_kind;

/** What is known of the sums of a column of a dense node, all without casts. */
typedef struct nib_engine_column {
    nib_wide bias;      /**< what the sum starts from: it takes back the offset of x too */
    nib_wide low, high; /**< of the whole sum */
    /** Without the bias, of the low sum: pair: rest_high is the largest number of either sign; residue: of
     * what the high sum misses. */
    nib_wide rest_low, rest_high;
    nib_wide high_most;  /**< pair: of the high sum of either sign, without the bias */
    int split;           /**< of two sums; else 0 */
    nib_wide own_bias;   /**< without the offset */
    nib_wide squares[2]; /**< the sums of those of positive and of negative weights */
} nib_engine_column;

/** How a node is run on a tile. */
typedef struct nib_engine_stage {
    nib_engine_stage_kind kind;
    int target; /**< node whose tensor is written: another one than its own where casts are fused */
    nib_engine_dense_loop *product;
    nib_engine_tensor narrowed;       /**< dense: x in the kernel's storage; data NULL: x is so already */
    const nib_engine_column *columns; /**< dense: [features] */
    union {
        nib_engine_input input;
        nib_engine_dense dense;
        nib_engine_mix mix;
        nib_engine_pool pool;
        nib_engine_lookup lookup;
    } as;
} nib_engine_stage;

struct nib_engine {
    const nib_fixnet *net;
    nib_arena *arena;
    const nib_engine_loops *loops;
    const nib_engine_dense_loops *dense_loops;
    nib_fix_interval *interval; /**< [n_nodes] */
    nib_engine_plain *plain;    /**< [n_nodes] */
    int64_t **row;              /**< [n_nodes] codes of one sample */
    nib_engine_tensor *tensor;  /**< [n_nodes] aligned codes of a tile */
    int32_t **align;         /**< [n_nodes] bits by which codes are shifted up there, [elements]; NULL: 0 */
    nib_engine_stage *stage; /**< [n_nodes] */
    int64_t tile;            /**< samples */
    void *scratch;           /**< two rows of the widest tensor in int64_t, a dense block of sums, or a tile
                                  of an input in int32_t */
};

/** nib_engine_create with the loops of one instruction set, which must be supported. */
NIB_MUST_USE nib_status nib_engine_create_with(nib_engine **engine, const nib_fixnet *net,
                                               const nib_engine_loops *loops,
                                               const nib_engine_dense_loops *dense_loops, nib_error *err);

/** Choose storage and stage of every node. Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_engine_plan(nib_engine *engine, nib_error *err);

/** What the plan of a stage's casts knows: numbers before a cast, feature by feature. */
typedef struct nib_engine_cast {
    const nib_fix_node *node;   /**< whose type they are cast to */
    const nib_fix_span *before; /**< [features] */
    bool relu;
    bool wide; /**< lanes of 64 bits, not 32 */
} nib_engine_cast;

/** Append a cast to `steps`. *fits is false where lanes are too narrow, and `steps` is as before then.
 * *exact: nothing is rounded, limited or removed.
 *  Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_engine_plan_cast(nib_engine *engine, const nib_engine_cast *cast,
                                             nib_engine_steps *steps, bool *fits, bool *exact,
                                             nib_error *err);

/** Try the fast ways of a dense node. *done is false when none fits. */
NIB_MUST_USE nib_status nib_engine_plan_dense(nib_engine *engine, int node, bool *done, nib_error *err);

/** Biases of the two sums of column c where the whole one starts from `more` than its bias. False where one
 * of the sums, or both together without `split` bits, leave 32 bits. */
bool nib_engine_two_biases(const nib_engine_dense *dense, const nib_engine_column *c, nib_wide more,
                           int32_t *high_bias, int32_t *bias);

/** Casts in registers, where they can be; storage must be planned. Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_engine_plan_finish(nib_engine *engine, int node, nib_error *err);

/** A tensor from row `first` on. */
nib_engine_tensor nib_engine_rows(const nib_engine_tensor *tensor, int64_t first);
/** Lanes of a tensor's row. */
int64_t nib_engine_stride(const nib_fix_node *node);
/** Bits to shift the code of an element of a node up by, to the step of its tensor. */
int nib_engine_align(const nib_engine *engine, int node, int64_t element);
/** Smallest and largest aligned code of a node. */
void nib_engine_hull(const nib_engine *engine, int node, int64_t *low, int64_t *high);

#endif
