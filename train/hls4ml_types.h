/** The types of an hls4ml project, for a model of nibble: what `nibble emulate --types` and
 *  `nibble quantize --like hls4ml` compute with.
 *
 *  Read are Model, LayerType and LayerName of HLSConfig with Precision, Strategy, ReuseFactor, and of a
 * softmax Implementation, Skip, TableSize and the keys exp_table_t, inv_table_t, inv_inp_t, inp_norm_t. A
 * precision is looked up as hls4ml 1.3.0 does: by layer and variable, by layer, by class and variable, by
 * class, by variable of Model, Model's default. `auto` of an accumulator and a result is wide enough for the
 * types of its operands, `auto` of anything else the default. A softmax is its own tables,
 * fixed<18,8,RND,SAT> unless a key says otherwise (Precision has no influence on them), and takes the rest
 * like other layers.
 *
 *  It is turned into a section `quant:` of nibble's config, so that lowering and engine are those of every
 * quantized model.
 */
#ifndef NIB_TRAIN_HLS4ML_TYPES_H
#define NIB_TRAIN_HLS4ML_TYPES_H

#include "core/log.h"
#include "train/lower.h"

/** A softmax behind an output. */
typedef struct nib_hls4ml_head {
    const char *target, *name;
    nib_fix_softmax softmax;
    nib_fixed result;
} nib_hls4ml_head;

typedef struct nib_hls4ml_dense {
    const char *layer;
    nib_fix_order order;
    int64_t reuse;
} nib_hls4ml_dense;

typedef struct nib_hls4ml_types {
    nib_doc *quant; /**< default, layers */
    int n_heads;
    nib_hls4ml_head head[NIB_MAX_OUTPUTS];
    int n_dense;
    nib_hls4ml_dense *dense;
} nib_hls4ml_types;

/** @param project  the YAML of a project, or its HLSConfig alone
 *  @param model    gives layers and shapes; its own quantizers do not count
 *  @param log      says what was left out
 *  Errors: NIB_ERR_CONFIG with the place in the YAML; NIB_ERR_UNSUPPORTED naming a layer that is not
 * emulated. */
NIB_MUST_USE nib_status nib_hls4ml_types_read(const nib_doc *project, const nib_config *config,
                                              const nib_model *model, nib_arena *arena, const nib_log *log,
                                              nib_hls4ml_types *types, nib_error *err);

/** One type for weights and biases and one for everything else, as Model.Precision alone gives them. */
NIB_MUST_USE nib_status nib_hls4ml_types_uniform(const nib_fixed *weight, const nib_fixed *data,
                                                 const nib_config *config, const nib_model *model,
                                                 nib_arena *arena, const nib_log *log,
                                                 nib_hls4ml_types *types, nib_error *err);

/** Kernels and biases as hls4ml writes and reads them: a decimal number with as many digits behind the point
 * as the type has bits there, cast. For a model whose quantizers are fixed-point types.
 *  @param values  [params->size] out */
NIB_MUST_USE nib_status nib_hls4ml_weights(const nib_model *model, float *values, nib_error *err);

/** Reuse and order of a lowered net's dense nodes, and its softmaxes. The nodes are copied into the arena. */
NIB_MUST_USE nib_status nib_hls4ml_finish(const nib_hls4ml_types *types, nib_arena *arena, nib_fixnet *net,
                                          nib_error *err);

#endif
