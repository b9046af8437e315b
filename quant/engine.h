/** The integer engine: runs a fixnet on integers only, bit for bit as the hardware would.
 *
 *  Two ways to the same codes. nib_engine_run is fast: tables of narrow integers, vectorised per instruction
 * set where accumulators are proven wide enough that order cannot matter. nib_engine_trace is plain: node by
 * node with a cast at every place where the hardware casts, and counts what happens on the way.
 */
#ifndef NIB_QUANT_ENGINE_H
#define NIB_QUANT_ENGINE_H

#include "quant/fixnet.h"

typedef struct nib_engine nib_engine;

/** @param net  checked (nib_fixnet_check); must outlive the engine. One engine serves one thread, which has
 *  flushing of denormals on (core/cpu.h). Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_engine_create(nib_engine **engine, const nib_fixnet *net, nib_error *err);
void nib_engine_destroy(nib_engine *engine);

/** Run `rows` samples. No heap call.
 *  @param inputs  [n_inputs] preprocessed floats, row-major [rows, positions * features]
 *  @param codes   [n_outputs] each NULL or [rows, positions * features] codes of the output's type(s) */
void nib_engine_run(nib_engine *engine, const float *const *inputs, int64_t rows, int64_t *const *codes);

/** Codes of output i as numbers: value [rows, width] = code * 2^-F, rounded to float (exact up to 24 bits).
 */
void nib_engine_values(const nib_engine *engine, int output, const int64_t *codes, int64_t rows,
                       float *values);

/** What happened in the casts of a node, over all runs since the counts were last zero. */
typedef struct nib_engine_counts {
    int64_t casts;           /**< into the node's type, and so the next two */
    int64_t saturated;       /**< results brought to an end of the range */
    int64_t wrapped;         /**< results that lost high bits */
    int64_t accum_saturated; /**< the same in the accumulator */
    int64_t accum_wrapped;
    int64_t sums;           /**< of dense nodes */
    int64_t sums_overflown; /**< those with an addition that saturated or wrapped */
} nib_engine_counts;

/** The plain way. Slow; allocates nothing.
 *  @param codes   [n_nodes] each NULL or [rows, positions * features] codes of the node's tensor
 *  @param counts  [n_nodes] added to, or NULL */
void nib_engine_trace(nib_engine *engine, const float *const *inputs, int64_t rows, int64_t *const *codes,
                      nib_engine_counts *counts);

#endif
