/** How the executor works on a tile. Private to core: exec.c drives the phases, exec_tile.c walks a tile. */
#ifndef NIB_CORE_EXEC_TILE_H
#define NIB_CORE_EXEC_TILE_H

#include <stdatomic.h>

#include "core/exec.h"
#include "core/kernels.h"
#include "core/plan.h"

/** What a thread owns: an arena for the tile at hand and a ready-made call per node. Whole cache lines, and
 * two of them between threads, because the processor fetches lines in pairs. */
typedef struct nib_worker {
    _Alignas(NIB_ALIGN) float *arena; /**< [plan->tile_floats] */
    float *prepared;                  /**< [plan->thread_floats] */
    uint64_t prepared_for;            /**< exec->batches when it was made */
    const nib_params *params;         /**< whose values it works with: all threads' or its own copy */
    nib_params copy;                  /**< of the parameters, for steps that go together */
    float *slot[NIB_EXEC_SLOTS];      /**< and of what the update writes besides */
    uint64_t copied;                  /**< exec->steps after which these were everybody's */
    float *weight;                    /**< [tile_rows] */
    bool ones;                        /**< all of weight is 1 */
    int64_t *offsets;                 /**< [tile_rows + 1] */
    nib_tile tile;
    int64_t number; /**< of the tile in the batch */
    int lane;
    bool first;      /**< the first tile of its lane */
    float *gradient; /**< where it adds gradients: a lane's vector, or NULL: the sum of all lanes */
    bool overwrites; /**< what is there is of the last batch */
    nib_call *call;  /**< [nodes] pointers into the worker's arena are set once */
    _Alignas(NIB_ALIGN) char gap[NIB_ALIGN];
} nib_worker;

/** An input whose rows are fetched before they are asked for. */
typedef struct nib_fetch {
    int feed;
    int64_t row_bytes; /**< from row to row */
    int64_t bytes;     /**< fetched of each: the processor itself goes on with a long row */
} nib_fetch;

/** Where lanes put their gradients in a step. The sums are the same, bit by bit. */
typedef enum nib_lane_use {
    NIB_LANES_APART, /**< each in a vector of its own, added at the end */
    NIB_LANES_ADDED, /**< one thread: lane after lane in one vector that is added when the lane is done */
    NIB_LANES_NONE,  /**< one thread, one tile a lane: tiles add to the sum */
} nib_lane_use;

/** Floats of the sum of gradients. */
typedef struct nib_range {
    float *data;
    int64_t floats;
} nib_range;

struct nib_exec {
    nib_arena *arena;
    const nib_graph *graph;
    nib_params *params;
    nib_plan *plan;
    nib_team *team;
    const nib_kernels *kernels;
    int threads, n_losses, n_watches;
    const nib_graph_mark *loss, *watch;
    int64_t max_batch;

    nib_worker *worker;   /* [threads] */
    float *batch_arena;   /* [plan->batch_floats] */
    float *step_arena;    /* [plan->step_floats] */
    float *lane_gradient; /* [NIB_LANES][plan->lane_floats] */
    float *step_gradient; /* [gradient_floats - params->size]: sums of step-rate nodes */
    double *lane_sum;     /* [NIB_LANES][lane_stride]: losses, watches, batch-wide nodes */
    int64_t lane_stride;  /* lane_doubles and room, so that threads do not write side by side */
    double *sum;          /* [lane_doubles]: of all lanes */
    double *state;        /* [state_doubles] */
    nib_call *step_call;  /* [nodes]: step-rate nodes; `reduced` of batch-wide ones */
    const nib_op **op;    /* [nodes]: with loops for this machine */
    bool *moves_values;   /* [nodes]: x, y or saved lie elsewhere for every tile */
    bool *skip;           /* [nodes]: cannot be computed, an input is missing */
    nib_value *prepared;  /* [n_prepared]: products that make something of the weights once per step */
    int n_prepared;
    int64_t *first_element; /* [max_tiles + 1] */
    bool one_writer;        /* a tile adds to each gradient once */
    unsigned char *pass;    /* [params->size / 4] bits: whose gradient passes, 1 where nobody decides */
    nib_range *unwritten;   /* [n_unwritten]: gradients that no tile writes */
    int n_unwritten;
    int *input_feed;  /* [nodes]: index into batch->feeds */
    nib_fetch *fetch; /* [n_fetches] */
    int n_fetches;
    nib_value *step_work; /* [n_step_work]: nodes that are computed once per step */
    int n_step_work;
    nib_param_step *param_step; /* [n_param_steps]: all steps of parameters, before that work */
    int n_param_steps;
    bool renewable; /* they are all flat: an update can renew the parameters on their grids piece by piece */
    bool renewed;   /* the last step's update did: nothing is to be done before the tiles */
    bool copies;    /* threads have room for copies of the parameters */

    /* The batch at hand. Threads read it from here to the end when they begin. */
    _Alignas(NIB_ALIGN) nib_batch batch;
    uint64_t batches; /* so far, this one included */
    uint64_t steps;   /* of training, likewise */
    float *const *outputs;
    const nib_phase *phase;
    nib_tile whole; /* counts of the batch */
    int64_t tiles;
    int lanes;
    int parts;     /* of the team, where all is one phase */
    bool together; /* every thread updates its own copy, as `update` says */
    bool skips;    /* some node is skipped */
    nib_lane_use use;
    _Alignas(NIB_ALIGN) nib_exec_update update;

    _Alignas(NIB_ALIGN) _Atomic int claimed; /* lanes of the phase */
};

/* ---- Questions about the plan ---- */

static inline const nib_node *nib_exec_node(const nib_exec *exec, nib_value v)
{
    return nib_graph_node(exec->graph, v);
}

static inline bool nib_exec_is_op(const nib_exec *exec, nib_value v, nib_rate rate)
{
    const nib_node *node = nib_exec_node(exec, v);
    return exec->plan->node[v].used && node->kind == NIB_NODE_OP && node->shape.rate == rate;
}

static inline bool nib_exec_is_wide(const nib_exec *exec, nib_value v)
{
    return nib_exec_is_op(exec, v, NIB_RATE_TILE) && (nib_exec_node(exec, v)->op->flags & NIB_OP_BATCH_WIDE);
}

/* Something of a tile-rate node is made once per step for all threads. */
static inline bool nib_exec_is_prepared(const nib_exec *exec, nib_value v)
{
    return exec->plan->node[v].prepared_at.space == NIB_SPACE_STEP;
}

/* ---- Memory and tiles ---- */

/** Where a gradient of a step-rate value is summed over all lanes; NULL: `place` is none. */
float *nib_exec_total_gradient(const nib_exec *exec, nib_place place);

/** Where `place` lies for the tile the worker is on. */
float *nib_worker_address(const nib_exec *exec, const nib_worker *worker, nib_place place);

/** Point all calls of the worker at its memory. Once, after everything is allocated. */
void nib_worker_bind(const nib_exec *exec, nib_worker *worker);

/** Set the worker on a tile of the batch at hand. */
void nib_worker_start_tile(const nib_exec *exec, nib_worker *worker, int64_t number);

/** Ask for rows [first, end) that this tile will have in the next batch: random rows come from far away, so
 * they are asked for a few at a time between the actions of this batch. */
void nib_worker_fetch_next(const nib_exec *exec, const nib_worker *worker, int64_t first, int64_t end);

/** One action on that tile. */
void nib_worker_act(const nib_exec *exec, nib_worker *worker, const nib_action *action);

/** A thread's share of the lanes of the phase at hand, as the team calls it. */
void nib_exec_run_lanes(void *exec, int part, int parts);

/* ---- Steps in which every thread updates parameters of its own: core/exec_together.c ---- */

/** Room for them, and exec->copies, if there can be such steps. Once, when all else is there.
 *  Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_exec_make_copies(nib_exec *exec, nib_error *err);

/** Whether the batch at hand is such a step: nothing stands between the threads' lanes and an update each. */
bool nib_exec_goes_together(const nib_exec *exec);

/** A thread's part of it, for nib_team_split_open. */
void nib_exec_run_together(void *exec, int part, int parts);

#endif
