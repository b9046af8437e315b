/** Quantizing a trained model without training: types given, calibrated, or as hls4ml has them. */
#ifndef NIB_TOOLS_QUANTIZE_H
#define NIB_TOOLS_QUANTIZE_H

#include "quant/calibrate.h"
#include "tools/session.h"
#include "train/hls4ml_types.h"

/** Where the types come from. */
typedef enum nib_quantize_kind {
    NIB_QUANTIZE_GIVEN,   /**< --set quant... and the run's own config */
    NIB_QUANTIZE_TYPE,    /**< one type for weights and biases, one for data; proven accumulators */
    NIB_QUANTIZE_HLS4ML,  /**< the same for accumulators too, and a softmax with hls4ml's tables */
    NIB_QUANTIZE_PROJECT, /**< those of an hls4ml project's YAML */
    NIB_QUANTIZE_BITS     /**< quant.bits with all integer bits calibrated */
} nib_quantize_kind;

typedef struct nib_quantize_types {
    nib_quantize_kind kind;
    nib_fixed weight, data; /**< TYPE, HLS4ML */
    int bits;               /**< BITS */
    const char *project;    /**< PROJECT: name of the file */
} nib_quantize_types;

typedef struct nib_quantize_job {
    const nib_session *session; /**< with all parts of the data */
    nib_calibration how;
    int64_t rows;    /**< most rows of the training part to calibrate on; 0: 65536 */
    bool allow_dead; /**< layers may lose all weights: scans */
    int n_sets;
    const char *const *sets; /**< --set, after what the types ask for */
    const nib_log *log;
} nib_quantize_job;

enum { NIB_QUANTIZE_PARTS = 2 };

/** A quantized model with its scores by the integer engine. */
typedef struct nib_quantized {
    nib_arena *arena;
    nib_config *config;
    nib_model *model;
    nib_lowering lowering;
    nib_hls4ml_types like; /**< HLS4ML, PROJECT */
    int parts;             /**< of validation and test, those with rows */
    nib_evaluator *evaluator[NIB_QUANTIZE_PARTS];
    const char *title[NIB_QUANTIZE_PARTS];
} nib_quantized;

/** The model and its network, without scores. @param job  PROJECT needs no data in the session
 *  Errors as below. */
NIB_MUST_USE nib_status nib_quantize_build(const nib_quantize_job *job, const nib_quantize_types *types,
                                           nib_quantized *quantized, nib_error *err);

/** The same with scores. Errors: NIB_ERR_CONFIG, NIB_ERR_UNSUPPORTED: what the config, calibration, lowering
 * and hls4ml's types refuse. On failure *quantized is destroyed already. */
NIB_MUST_USE nib_status nib_quantize(const nib_quantize_job *job, const nib_quantize_types *types,
                                     nib_quantized *quantized, nib_error *err);
void nib_quantized_destroy(nib_quantized *quantized);

/** A scan: values of one of bits, integer and fraction. */
typedef enum nib_scan_kind { NIB_SCAN_BITS, NIB_SCAN_INTEGER, NIB_SCAN_FRACTION } nib_scan_kind;
enum { NIB_SCAN_MAX = 64 };

typedef struct nib_scan {
    nib_scan_kind kind;
    int count, value[NIB_SCAN_MAX];
} nib_scan;

/** "bits=16,14,12", "integer=2:8", "fraction=2:12:2". Errors: NIB_ERR_USAGE. */
NIB_MUST_USE nib_status nib_scan_parse(const char *text, nib_scan *scan, nib_error *err);
const char *nib_scan_name(nib_scan_kind kind);

/** `type` with a value of the scan: bits at its I, integer bits at its F, fraction bits at its I.
 *  Errors: NIB_ERR_USAGE when that is no type of 1 to 32 bits. */
NIB_MUST_USE nib_status nib_scan_type(const nib_scan *scan, int index, nib_fixed *type, nib_error *err);

#endif
