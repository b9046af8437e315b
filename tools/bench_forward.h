/** Inference on one thread: the float forward pass beside the integer engine on the same net, in turns. */
#ifndef NIB_TOOLS_BENCH_FORWARD_H
#define NIB_TOOLS_BENCH_FORWARD_H

#include <signal.h>

#include "tools/bench_report.h"

enum { NIB_BENCH_WIDTHS = 4 /**< of the quantized nets: 4, 8, 12 and 16 bits */ };

/** One net. */
typedef struct nib_bench_forward_case {
    const nib_bench_net *net;
    nib_bench_spread float_rate; /**< samples/s */
    int bits[NIB_BENCH_WIDTHS];
    nib_bench_spread rate[NIB_BENCH_WIDTHS];  /**< of the engine at that width, samples/s */
    nib_bench_spread ratio[NIB_BENCH_WIDTHS]; /**< to the float forward, taken in each round */
} nib_bench_forward_case;

typedef struct nib_bench_forward {
    int n_cases;
    nib_bench_forward_case cases[NIB_BENCH_CHOICES];
} nib_bench_forward;

/** Weights, biases, activations and inputs of each width; results in full width. Nets, rounds, seconds and
 * cpu_time of the plan count. Errors: NIB_ERR_INTERRUPTED, NIB_ERR_MEMORY, NIB_ERR_SYSTEM. */
NIB_MUST_USE nib_status nib_bench_forward_run(const nib_bench_plan *plan, const volatile sig_atomic_t *stop,
                                              nib_bench_forward *result, nib_error *err);

void nib_bench_forward_print(const nib_bench_forward *result, FILE *out);
cJSON *nib_bench_forward_json(const nib_bench_forward *result);

#endif
