/** The configuration of a run: YAML and `--set` in, typed sections and the resolved canonical tree out.
 *
 *  Order: parse the file; apply `--set` in order (a path below data.source, data.inputs, data.targets,
 * model.layers, model.outputs, train.loss, train.metrics or train.optimizer is applied after the shorthand
 * that makes it is expanded); expand `x:`, `y:`, `mlp:` and bare names; read every section with its option
 * table; write it back resolved. resolve(resolve(x)) == resolve(x).
 */
#ifndef NIB_TRAIN_CONFIG_H
#define NIB_TRAIN_CONFIG_H

#include "datasets/data.h"
#include "train/hardware_config.h"
#include "train/layer.h"
#include "train/loss.h"
#include "train/lr_schedule.h"
#include "train/metric.h"
#include "train/optimizer.h"
#include "train/prune_config.h"
#include "train/quant_config.h"

/** model.outputs: {target: layer} */
typedef struct nib_output_config {
    const char *target, *layer;
    nib_doc_place place;
} nib_output_config;

typedef struct nib_model_config {
    int n_layers;
    nib_layer_config *layer;
    int n_outputs;
    nib_output_config *output;
    const char *init_from; /**< run folder or model file, or NULL */
} nib_model_config;

typedef struct nib_metric_config {
    const nib_metric *type;
    const void *options;
} nib_metric_config;

/** One target's loss and metrics. */
typedef struct nib_objective_config {
    const char *target;
    nib_doc_place place; /**< of the loss */
    const nib_loss *loss;
    const void *loss_options; /**< of loss->op */
    double weight;
    int n_metrics;
    nib_metric_config *metric;
} nib_objective_config;

typedef struct nib_early_stopping {
    int64_t patience; /**< epochs; 0: never stop */
    double min_delta;
    bool restore_best;
} nib_early_stopping;

/** train.distill: a loss against the outputs of another network beside that against the data. */
typedef struct nib_distill_config {
    const char *teacher; /**< run folder or model file; NULL: none */
    nib_doc_place place;
    double temperature;
    double alpha; /**< share of the teacher's loss; 1 - alpha is the data's */
    bool joined;  /**< models are to be built for it: whoever trains has the teacher (train/distill.h) */
} nib_distill_config;

typedef struct nib_train_config {
    int64_t seed, epochs, batch;
    bool shuffle;
    const char *monitor; /**< "val_loss", "val_accuracy", "val_<target>_<metric>", "loss" */
    int monitor_mode;    /**< 0 auto, 1 min, 2 max */
    const nib_optimizer *optimizer;
    const void *optimizer_options;
    const nib_lr_schedule *lr_schedule;
    const void *lr_schedule_options;
    double warmup;                /**< epochs of linear warm-up before the schedule, 0: none */
    double clip_norm, clip_value; /**< 0: none */
    nib_early_stopping early_stopping;
    nib_distill_config distill;
    nib_ints keep;     /**< epochs whose weights are kept by name */
    double checkpoint; /**< seconds between checkpoints; 0: every epoch */
    int n_objectives;
    nib_objective_config *objective; /**< in the order of the targets */
} nib_train_config;

typedef struct nib_config {
    nib_arena *arena; /**< owns all of it */
    const char *path; /**< of the file, for messages */
    const char *name; /**< base name without suffix: names the run folder */
    nib_doc *resolved;
    nib_data_config *data;
    nib_model_config model;
    nib_train_config train;
    nib_quant_config quant;
    nib_prune_config prune;
    nib_hls_config hls;
    nib_target_config target;
} nib_config;

/** Which key names the quantizer of a layer's output: activation, output or result. */
nib_quant_key nib_quant_result_key(const nib_model_config *model, const nib_layer_config *layer);

/** A section's option table, for `nibble describe` and the reference page. */
typedef struct nib_config_section {
    const char *name; /**< "train" */
    const char *path; /**< "model.layers.NAME" */
    const char *help;
    const nib_option_table *table;
} nib_config_section;
extern const nib_config_section nib_config_sections[]; /* those of data: nib_data_sections */
extern const int nib_config_sections_count;

/** Read a config file and apply `sets` ("path=value"). Errors: NIB_ERR_CONFIG, NIB_ERR_INPUT. */
NIB_MUST_USE nib_status nib_config_read(const char *path, const char *const *sets, int n_sets,
                                        nib_config **config, nib_error *err);
/** The same from text (checkpoints, tests, fuzzing). @param folder  relative file names are relative to it */
NIB_MUST_USE nib_status nib_config_parse(const char *name, const char *folder, const char *text, size_t bytes,
                                         const char *const *sets, int n_sets, nib_config **config,
                                         nib_error *err);
void nib_config_destroy(nib_config *config);

/** The resolved tree as YAML text, in the config's arena. NULL when out of memory. */
const char *nib_config_text(const nib_config *config);

#endif
