/** The nets that `nibble bench` trains, and data for them. */
#ifndef NIB_TOOLS_BENCH_NET_H
#define NIB_TOOLS_BENCH_NET_H

#include "core/arena.h"
#include "datasets/dataset.h"

enum { NIB_BENCH_LAYERS = 8 };

/** A chain of dense layers with relu between them, named by its widths: "16-32-32-32-5". */
typedef struct nib_bench_net {
    char name[96];
    int n_layers;                        /**< dense layers: one less than there are widths */
    int64_t width[NIB_BENCH_LAYERS + 1]; /**< inputs, hidden, classes */
} nib_bench_net;

/** Errors: NIB_ERR_USAGE: not 2 to 9 whole numbers from 1 to 65536 with '-' between them, or one class only.
 */
NIB_MUST_USE nib_status nib_bench_net_parse(const char *text, nib_bench_net *net, nib_error *err);

/** Multiply-adds per sample and training step: forward and weight gradient of each layer, input gradient of
 * all but the first. Source: the usual count, spec of the benchmark section 3 (7648 for 16-32-32-32-5). */
int64_t nib_bench_net_macs(const nib_bench_net *net);

/** Rows to train on when nobody says: as many as jet data sets have (610 000) for narrow inputs, as MNIST
 * (60 000) for wide ones. */
int64_t nib_bench_net_rows(const nib_bench_net *net);

/** Seeded data that a net can learn in part: uniform features, classes by a quadratic
 * rule with noise. Input "x" [rows, width[0]], target "y" (classes). The arrays live in `arena`.
 *  Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_bench_net_data(nib_arena *arena, const nib_bench_net *net, int64_t rows,
                                           nib_dataset *data, nib_error *err);

#endif
