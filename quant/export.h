/** Exporters: files for other programs, made from a fixnet.
 *
 *  Every number and every type comes from the fixnet; names, preprocessing, scores, where the model comes
 * from and the golden samples come from a plain record that `tools` fills. Each exporter is one .c file
 * ending in one descriptor, listed in quant/exporters.def; it makes its files in memory, so that equal
 * records give equal bytes, and `tools` writes them.
 */
#ifndef NIB_QUANT_EXPORT_H
#define NIB_QUANT_EXPORT_H

#include <stdio.h>

#include "core/document.h"
#include "core/h5.h"
#include "core/log.h"
#include "quant/engine.h"
#include "quant/fixnet.h"

/** How the precisions reach hls4ml. */
typedef enum nib_export_route {
    NIB_EXPORT_AUTO,     /**< the first of the next three that can say the net exactly */
    NIB_EXPORT_BITEXACT, /**< types of activations are stated and trusted, hls4ml derives the rest */
    NIB_EXPORT_FPQ,      /**< FixedPointQuantizer layers: a type for each channel */
    NIB_EXPORT_EXPLICIT, /**< every precision is written down: given accumulators, softmax */
    NIB_EXPORT_ROUTES
} nib_export_route;

/** "auto", "bitexact", ... */
extern const char *const nib_export_route_names[NIB_EXPORT_ROUTES];

/** How a dense node is built, in hls4ml's words. */
typedef struct nib_export_strategy {
    const char *strategy; /**< "Latency", "Resource", "distributed_arithmetic" */
    int64_t reuse_factor;
} nib_export_strategy;

/** One input as people have it. */
typedef struct nib_export_input {
    const char *preprocess;        /**< "none", "standardize", ... */
    const double *shift, *divisor; /**< [features] x = (raw - shift) / divisor, in double, rounded to float */
    const char *const *features;   /**< [features] names, or NULL */
    /** [features] what the first layers have taken in; NULL: nothing. Then shift is 0 and divisor 1. */
    const double *folded_shift, *folded_divisor;
} nib_export_input;

/** Samples with their answers. */
typedef struct nib_export_golden {
    int64_t rows, traced;            /**< samples; the first `traced` of them with the codes of every node */
    const float *const *raw;         /**< [net inputs][rows, positions * features] */
    const float *const *x;           /**< the same, preprocessed */
    int64_t *const *code;            /**< [net outputs][rows, positions * features] */
    int64_t *const *trace;           /**< [nodes][traced, positions * features] */
    const nib_engine_counts *counts; /**< [nodes] of all samples, or NULL: no accumulator can overflow */
} nib_export_golden;

typedef struct nib_export {
    const char *name;       /**< of the project: a C identifier */
    const char *given_name; /**< the same where the user chose it, else NULL */
    const nib_fixnet *net;
    const nib_fix_interval *interval; /**< [nodes], from nib_fixnet_intervals */
    nib_export_route route;
    const char *backend, *part;           /**< "Vitis", "xcvu13p-flga2577-2-e" */
    double clock_period;                  /**< ns */
    bool stream;                          /**< io_stream, else io_parallel */
    const nib_export_strategy *strategy;  /**< [nodes]; of dense nodes */
    const nib_export_input *input;        /**< [net inputs] */
    const char *const *const *class_name; /**< [net outputs] each NULL or [features] */
    nib_export_golden golden;
    const char *version; /**< of nibble */
    const char *source;  /**< digest of the model that is exported */
    const char *cost;    /**< JSON: per layer, with the assumptions */
    const char *metrics; /**< JSON, or NULL: not known */
    const nib_log *log;
    /** Put the parts of /nibble that only the model's owner knows (config, data, param, mask) into a file. */
    nib_status (*put_model)(void *context, nib_h5 *file, nib_error *err);
    void *context;
} nib_export;

/** What an exporter made. */
typedef struct nib_export_file {
    const char *name; /**< in the folder */
    const void *data;
    size_t bytes;
} nib_export_file;

enum { NIB_EXPORT_MAX_FILES = 32 };

typedef struct nib_export_files {
    nib_arena *arena; /**< owns names and contents */
    int count;
    nib_export_file file[NIB_EXPORT_MAX_FILES];
} nib_export_files;

/** Append a file; `data` must live as long as the arena. */
NIB_MUST_USE nib_status nib_export_add(nib_export_files *files, const char *name, const void *data,
                                       size_t bytes, nib_error *err);
NIB_MUST_USE nib_status nib_export_add_text(nib_export_files *files, const char *name, const char *text,
                                            nib_error *err);

/** The same with what `print` writes. */
NIB_MUST_USE nib_status nib_export_add_printed(nib_export_files *files, const char *name,
                                               void (*print)(const nib_export *export, FILE *out),
                                               const nib_export *export, nib_error *err);

typedef struct nib_exporter {
    const char *name, *help, *source;
    /** Make the files. Errors: NIB_ERR_UNSUPPORTED or NIB_ERR_CONFIG naming node, reason and what mends it.
     */
    nib_status (*write)(const nib_export *export, nib_export_files *files, nib_error *err);
} nib_exporter;

extern const nib_exporter *const nib_exporters[];
extern const int nib_exporters_count;
const nib_exporter *nib_exporter_find(const char *name);

/* For exporters. */

/** Does the node's type hold every result that can occur as it is, without a cast that rounds or overflows?
 */
NIB_MUST_USE nib_status nib_export_is_exact(const nib_export *export, int node, nib_arena *arena,
                                            bool *is_exact, nib_error *err);

/** Element `index` of an array as a number, and the smallest type (TRN, WRAP) that holds all of them. */
double nib_export_value(const nib_fix_array *array, int64_t index);
NIB_MUST_USE nib_status nib_export_array_type(const nib_fix_array *array, nib_fixed *type, nib_error *err);

/** Is the node read out? Is it read by other nodes? */
bool nib_export_is_output(const nib_fixnet *net, int node);

/** "fixed<8,3,RND,SAT>" in the arena. */
const char *nib_export_type(nib_arena *arena, const nib_fixed *type);

#endif
