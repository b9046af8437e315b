/** The executor: a graph planned for one mode and run on batches by a team.
 *
 *  The planner sorts nodes by rate, cuts the tile-rate nodes into segments at batch-wide nodes, gives every
 * value a place (tile arena of a thread; batch arena for what crosses a cut; step arena), lets elementwise
 * ops work in place, and reuses gradient buffers of equal width once they are dead. Nothing is allocated
 * after nib_exec_create.
 *
 *  A step: step-rate nodes once; for each segment all tiles, an ordered reduction, the next; the last segment
 * runs forward and backward on a tile while it is in cache; the others backward in reverse order; lanes'
 * gradients are added in order 0..7; step-rate nodes backward once on the sums. Results do not depend on the
 * number of threads.
 */
#ifndef NIB_CORE_EXEC_H
#define NIB_CORE_EXEC_H

#include "core/graph.h"
#include "core/team.h"

enum { NIB_LANES = 8 };

typedef struct nib_exec nib_exec;

/** Data of one graph input. */
typedef struct nib_feed {
    const void *data; /**< float [rows, width] dense, or int32 [rows]; NULL allowed in evaluation for inputs
                         that only losses read (then those losses are not computed) */
    const int64_t *offsets; /**< NIB_DOMAIN_ELEMENTS: [data rows + 1] first element of each data row, the same
                               for all such inputs; else NULL */
    const uint8_t *bytes;   /**< of labels: the same, a byte each, or NULL. Rows are read at random; labels so
                               small mostly stay in L2 */
} nib_feed;

typedef struct nib_batch {
    int64_t rows;         /**< samples, 1 <= rows <= max_batch */
    const int32_t *index; /**< [rows] data rows, or NULL: first, first + 1, ... */
    int64_t first;
    const int32_t *next; /**< [next_rows] data rows of the batch after this one, fetched into the cache
                            meanwhile, or NULL */
    int64_t next_rows;
    const nib_feed *feeds; /**< [number of graph inputs] in the order they were added */
    const float *weight;   /**< sample weight by data row, or NULL: 1 */
    uint64_t seed;
    uint32_t step;
} nib_batch;

/** Sums of a batch, in double. Order of losses and watches: as added to the graph. */
typedef struct nib_sums {
    double loss;           /**< the total: tile-rate losses / rows + step-rate ones, each times its factor */
    const double *losses;  /**< [losses] tile-rate: sum_i w_i y_i (no factor, not divided); step-rate: y; 0
                              when  an input was missing (nib_feed) */
    const double *watches; /**< [watches] sum_i y_i */
} nib_sums;

/** @param max_batch  most samples in a batch (sets: most elements follow from `max_elements` per sample)
 *  @param team       must outlive the executor
 *  Parameters are allocated before, and params->value and gradient stay where they are. The calling thread,
 *  which is the one that runs the executor, gets flush-to-zero and denormals-are-zero.
 *  Errors: NIB_ERR_MEMORY; NIB_ERR_SHAPE when a training graph has no loss. */
NIB_MUST_USE nib_status nib_exec_create(nib_exec **exec, const nib_graph *graph, nib_mode mode,
                                        int64_t max_batch, int64_t max_elements, nib_team *team,
                                        nib_error *err);
void nib_exec_destroy(nib_exec *exec);

/** Forward and backward of one batch: gradients of the total loss go to params->gradient, trainable rows or
 * not. Running statistics (batch norm) are updated. The weights are not. `sums` stays valid until the next
 * call. */
void nib_exec_train(nib_exec *exec, const nib_batch *batch, nib_sums *sums);

/** A parameter that is used on a grid: y = step(value) lies in `y`, and who passes a gradient in `pass`, both
 * for the whole parameter. */
typedef struct nib_param_step {
    nib_value node;            /**< of the graph: the step */
    const nib_grid_step *flat; /**< its numbers where they are uniform, else NULL */
    int64_t first, floats;     /**< in the flat vectors */
    float *y;
    unsigned char *pass; /**< see nib_fused.pass */
} nib_param_step;

/** Vectors of params->size floats that an update works on. */
typedef struct nib_exec_flat {
    const nib_params *params; /**< value is written, gradient is read and written */
    float *const *slot;       /**< as nib_exec_update.slot */
    const float *second; /**< NULL, or a vector that is to be added to the gradient first; then neither of
                            them is written */
} nib_exec_flat;

enum { NIB_EXEC_SLOTS = 3 };

/** What follows a step's backward pass while the gradients are in the cache: an optimizer's update.
 *
 *  Without `begin`, threads may each work at copies of their own of the flat vectors, and those other than
 * the calling one may still be at it when nib_exec_step has returned: what `range` reads by `context` may
 * change in `prepare` only. */
typedef struct nib_exec_update {
    void *context;
    size_t context_bytes; /**< that `range` will read of it, so that threads can ask for it early; may be 0 */
    float *const *slot; /**< [n_slots] vectors that range writes besides the values, NULL or [params->size] */
    int n_slots;        /**< at most NIB_EXEC_SLOTS */
    /** NULL, or what is called on the calling thread before all else, while no range is at work. */
    void (*prepare)(void *context);
    /** NULL, or work of the caller's own that has nothing to do with the step: called once, on the calling
     * thread, while the others come to their tiles. */
    void (*meanwhile)(void *context);
    /** On the calling thread, when the sums are there. @return false: the gradients are not wanted, no
     * update. NULL: they are if the loss is finite. */
    bool (*begin)(void *context, const nib_sums *sums);
    /** Update floats [first, first + count) of the flat vectors, multiples of 16, by the gradient there.
     * Ranges go to the threads of the team at the same time; a float's bits must not depend on its range. */
    void (*range)(void *context, const nib_exec_flat *flat, int64_t first, int64_t count);
    /** NULL, or the same with parameters on grids, which are `flat` and lie apart in rising order: their
     * gradients pass by `pass` first, and y and pass are made again from the new values. Never with masks. */
    void (*range_on_grids)(void *context, int64_t first, int64_t count, const nib_param_step *steps, int n);
    bool adds;  /**< `range` takes nib_exec_flat.second */
    bool whole; /**< `begin` looks at params->gradient */
    bool alone; /**< until the next step nobody but this update writes params->value and the slots: parameters
                   that are used on a grid are put there while they are in the cache, and threads may keep
                   copies */
} nib_exec_update;

/** nib_exec_train, then the update. params->gradient is undefined unless the update wants it `whole`. */
void nib_exec_step(nib_exec *exec, const nib_batch *batch, const nib_exec_update *update, nib_sums *sums);

/** Forward only. `outputs[i]` (NULL: not wanted) receives output i as a dense rows x width array. */
void nib_exec_forward(nib_exec *exec, const nib_batch *batch, float *const *outputs, nib_sums *sums);

/** Diagnose a loss that is not finite: the name of the first parameter that is not finite, else of the first
 * node whose output on this batch is not; NULL when all is finite. Slow, allocates nothing. */
const char *nib_exec_find_nonfinite(nib_exec *exec, const nib_batch *batch);

/** Rows of a tile: 64 unless the net is so wide that a tile would leave L2; depends on the graph alone. */
int64_t nib_exec_tile_rows(const nib_exec *exec);

/** Bytes taken, by arena, for summaries and tests. */
typedef struct nib_exec_memory {
    size_t tile_bytes, thread_bytes, batch_bytes, step_bytes, lane_bytes;
} nib_exec_memory;
nib_exec_memory nib_exec_memory_use(const nib_exec *exec);

#endif
