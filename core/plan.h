/** The plan of a graph for one mode: what runs in which order, and where every value lies. Made once by
 * nib_exec_create, never changed. Private to core.
 *
 *  Order. Tile-rate nodes are cut into segments at batch-wide nodes (in training). A phase is one walk over
 * all tiles: forward of segment 0, 1, ...; the last segment forward and backward; backward of the others in
 * reverse. A phase is a list of actions; a batch-wide node whose sums a phase collects is finished between
 * two phases. Steps that a product takes along (plan_fuse.c) have no action of their own.
 *
 *  Place. A buffer that lives within one phase lies in the tile arena of a thread, where dead buffers of
 * equal width are used again (so padding stays zero) and elementwise ops work in place. A buffer that lives
 * longer lies in the batch arena.
 */
#ifndef NIB_CORE_PLAN_H
#define NIB_CORE_PLAN_H

#include "core/graph.h"

typedef enum nib_space {
    NIB_SPACE_NONE,
    NIB_SPACE_TILE,     /**< of a thread, tile after tile */
    NIB_SPACE_THREAD,   /**< of a thread, for a step */
    NIB_SPACE_BATCH,    /**< all tiles of a batch */
    NIB_SPACE_STEP,     /**< step-rate values that are no parameters */
    NIB_SPACE_PARAM,    /**< params->value */
    NIB_SPACE_GRADIENT, /**< of step-rate values: a lane's vector within tiles, the sum of all lanes outside
                         */
} nib_space;

typedef struct nib_place {
    nib_space space;
    int64_t offset; /**< floats into the space; BATCH: of row 0 of tile 0 */
    int64_t stride;
    nib_domain domain;
} nib_place;

typedef enum nib_action_kind {
    NIB_ACTION_GATHER,          /**< rows of a graph input into the tile */
    NIB_ACTION_FORWARD,         /**< of a node */
    NIB_ACTION_LOSS,            /**< sum a loss over the tile (item: index of the mark) */
    NIB_ACTION_WATCH,           /**< the same for a watch */
    NIB_ACTION_OUTPUT,          /**< copy an output out */
    NIB_ACTION_REDUCE,          /**< partial sums of a batch-wide node */
    NIB_ACTION_SEED,            /**< gradient of a loss (item: index of the mark) */
    NIB_ACTION_BACKWARD,        /**< of a node */
    NIB_ACTION_REDUCE_BACKWARD, /**< partial sums of a batch-wide node's gradient */
} nib_action_kind;

typedef struct nib_action {
    nib_action_kind kind;
    int item;         /**< node, or index of the mark */
    nib_value value;  /**< node the action is about */
    const nib_op *op; /**< of that node, with loops for this machine; NULL for inputs */
    bool accumulate;  /**< SEED: the gradient is there already */
    int64_t fetched;  /**< in the first phase: rows of the next batch that are to be asked for by its end */
} nib_action;

typedef struct nib_phase {
    int first, backward, end; /**< actions [first, backward) forward, [backward, end) backward */
} nib_phase;

typedef struct nib_plan_node {
    nib_value source; /**< the node whose value this one's is: itself, or past an op that is left out */
    bool used;
    bool dense;                 /**< one number a row, side by side: value and gradient have stride 1 */
    bool gradient;              /**< its gradient is computed */
    nib_fused fused_y, fused_x; /**< steps that its call takes along; .raw is filled in by the executor */
    bool keeps_raw;             /**< fused_y.grid: its own value is kept for backward */
    bool keeps_pass;            /**< fused_y.grid: bits of who passes a gradient lie in its value's place */
    nib_value operand;          /**< whose value x[0] is: input 0's, or that of the relu's input */
    nib_value gate;             /**< fused_x.grid: whose value decides what passes */
    nib_value result; /**< whose value its forward writes: its own, or that of the step taken along */
    nib_value
        receiver; /**< whose gradient dx[0] is: input 0's, or that of the input of the step taken along */
    bool taken_forward, taken_backward; /**< a step that a product takes along: no action of its own */
    int segment;
    bool lends_gradient; /**< step-rate: the node that uses it alone works on its gradient in place */
    bool notes_pass;     /**< a parameter's step on a grid: forward leaves bits of who passes a gradient */
    nib_place value_at, gradient_at, saved_at, prepared_at;
    int64_t state;                   /**< batch-wide: doubles into the states */
    int64_t sums;                    /**< batch-wide: doubles into a lane's sums */
    bool wants[NIB_MAX_INPUTS];      /**< dx[i] is computed */
    bool accumulate[NIB_MAX_INPUTS]; /**< dx[i] was written before in this tile */
} nib_plan_node;

typedef struct nib_plan {
    const nib_graph *graph;
    nib_mode mode;
    int64_t tile_rows;     /**< samples of a tile */
    int64_t tile_elements; /**< most elements of a tile */
    int64_t max_tiles;
    int nodes, n_actions, n_phases;
    nib_plan_node *node;
    nib_action *action;
    nib_phase *phase;
    bool fuses;          /**< not NIBBLE_FUSE=0 */
    bool has_step_nodes; /**< that are computed */
    bool step_backward;  /**< some of them do more backward than letting pass by bits */
    int64_t tile_floats, thread_floats, batch_floats, step_floats;
    int64_t lane_floats;     /**< gradients that tiles contribute to: all parameters, then step-rate nodes */
    int64_t gradient_floats; /**< and those that only step-rate nodes contribute to */
    int64_t lane_doubles;    /**< losses, watches, sums of batch-wide nodes */
    int64_t state_doubles;
} nib_plan;

/** Order, segments, gradients and accumulation. `arena` takes the plan. */
NIB_MUST_USE nib_status nib_plan_create(nib_plan **plan, nib_arena *arena, const nib_graph *graph,
                                        nib_mode mode, int64_t max_batch, int64_t max_elements,
                                        nib_error *err);

/** Part of nib_plan_create: let products take along the activation behind them, and backward the one before
 * them. NIBBLE_FUSE=0 leaves everything as passes of their own: the same bits forward. `uses` [nodes] is
 * scratch. */
void nib_plan_fuse(nib_plan *plan, int *uses);

/** Second half of nib_plan_create: give every buffer its place. `scratch` may go afterwards. */
NIB_MUST_USE nib_status nib_plan_place(nib_plan *plan, nib_arena *scratch, nib_error *err);

/** Floats from row to row of a tile-rate value. */
int64_t nib_plan_stride(const nib_plan *plan, nib_value value);

/** Rows of `domain` in a tile. */
int64_t nib_plan_capacity(const nib_plan *plan, nib_domain domain);

#endif
