/** Interleaved measurements: every round times each program once, so that a slow minute of the machine is
 * shared by all, and ratios are taken within a round. */
#ifndef NIB_TOOLS_BENCH_ROUNDS_H
#define NIB_TOOLS_BENCH_ROUNDS_H

#include "tools/bench_trainer.h"
#include "tools/progress.h"

enum { NIB_BENCH_CHOICES = 8, NIB_BENCH_ROUNDS = 1000 };

/** What is asked for. */
typedef struct nib_bench_plan {
    int n_nets, n_batches, n_threads;
    nib_bench_net net[NIB_BENCH_CHOICES];
    int64_t batch[NIB_BENCH_CHOICES], threads[NIB_BENCH_CHOICES];
    int64_t rows;   /**< of the data; 0: nib_bench_net_rows */
    int64_t rounds; /**< <= NIB_BENCH_ROUNDS */
    double seconds; /**< a measurement lasts whole epochs, and at least this long */
    bool hog;       /**< nibble once more with a spinning thread on the last processor */
    bool cpu_time;  /**< one thread: by the time that the thread got, not by the wall clock */
    bool straight;  /**< the straightforward trainer too */
} nib_bench_plan;

/** One trainer that is timed. */
typedef struct nib_bench_program {
    const char *name;
    int threads; /**< of nibble; 1 for the straightforward trainer */
    bool hog;
    bool variant;             /**< nibble, but not the dense float net: other work than the rest */
    nib_bench_nibble *nibble; /**< one of the two */
    nib_bench_straight *straight;
    double *rate;         /**< [rounds] samples/s */
    double *cpu;          /**< [rounds] share of a processor that the calling thread got */
    nib_bench_epoch last; /**< its latest epoch */
    int64_t epochs;       /**< done, the one to warm up included */
} nib_bench_program;

/** One net at one batch size: programs that do the same work. */
typedef struct nib_bench_case {
    const nib_bench_net *net;
    int64_t batch, rows, epochs; /**< epochs in a measurement */
    int n_programs;
    nib_bench_program *program;
    bool same_weights; /**< all of nibble's dense float programs hold the same bits at the end */
} nib_bench_case;

typedef struct nib_bench_result {
    nib_arena *arena; /**< owns all but the trainers */
    const nib_bench_plan *plan;
    int64_t rounds; /**< done */
    double *peak;   /**< [rounds] flop/s of one core */
    double others; /**< processors that other programs kept busy meanwhile, on average; negative: not known */
    int n_cases;
    nib_bench_case *cases;
} nib_bench_result;

/** Warm up and measure. Progress is drawn on a terminal. The result is to be destroyed whatever the status;
 * the plan must outlive it. Errors: NIB_ERR_INTERRUPTED, NIB_ERR_MEMORY, NIB_ERR_SYSTEM. */
NIB_MUST_USE nib_status nib_bench_run(const nib_bench_plan *plan, const volatile sig_atomic_t *stop,
                                      nib_progress *progress, nib_bench_result *result, nib_error *err);
void nib_bench_result_destroy(nib_bench_result *result);

#endif
