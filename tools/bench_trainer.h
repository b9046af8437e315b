/** What `nibble bench` times: trainers of one net on one set of data, an epoch at a time. Both kinds shuffle,
 * gather, step and update alike, from the same weights in the same order of rows, so their losses agree. */
#ifndef NIB_TOOLS_BENCH_TRAINER_H
#define NIB_TOOLS_BENCH_TRAINER_H

#include <signal.h>

#include "tools/bench_net.h"
#include "train/trainer.h"

/** One epoch's sums. */
typedef struct nib_bench_epoch {
    double loss;     /**< mean over the rows */
    double accuracy; /**< hits / rows */
} nib_bench_epoch;

/** nibble itself: the steps that `nibble train` makes. */
typedef struct nib_bench_nibble nib_bench_nibble;

/** What nibble trains. */
typedef enum nib_bench_kind {
    NIB_BENCH_FLOAT,
    NIB_BENCH_QUANTIZED, /**< types of 6 bits for weights and activations, 8 for inputs and biases: training
                              with the arithmetic of the hardware */
    NIB_BENCH_PRUNED,    /**< float with masks: 80 % of each kernel pruned at step 100, masks made again every
                              100 steps */
} nib_bench_kind;

/** @param data  must outlive the trainer
 *  Errors: NIB_ERR_MEMORY, NIB_ERR_SYSTEM. */
NIB_MUST_USE nib_status nib_bench_nibble_create(nib_bench_nibble **trainer, const nib_bench_net *net,
                                                const nib_dataset *data, int64_t batch, int threads,
                                                nib_bench_kind kind, nib_error *err);
void nib_bench_nibble_destroy(nib_bench_nibble *trainer);
/** @param stop  not 0: return NIB_ERR_INTERRUPTED after the step; NULL: never */
NIB_MUST_USE nib_status nib_bench_nibble_epoch(nib_bench_nibble *trainer, const volatile sig_atomic_t *stop,
                                               nib_bench_epoch *epoch, nib_error *err);
const nib_params *nib_bench_nibble_params(const nib_bench_nibble *trainer);

/** The straightforward trainer: one cblas_sgemm per product, plain loops between them (tools/bench_loops.h).
 */
typedef struct nib_bench_straight nib_bench_straight;

/** @param start  weights to start from: those of a nibble trainer of the same net; copied */
NIB_MUST_USE nib_status nib_bench_straight_create(nib_bench_straight **trainer, const nib_bench_net *net,
                                                  const nib_dataset *data, int64_t batch,
                                                  const nib_params *start, nib_error *err);
void nib_bench_straight_destroy(nib_bench_straight *trainer);
NIB_MUST_USE nib_status nib_bench_straight_epoch(nib_bench_straight *trainer,
                                                 const volatile sig_atomic_t *stop, nib_bench_epoch *epoch,
                                                 nib_error *err);

#endif
