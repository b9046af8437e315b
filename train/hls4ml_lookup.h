/** Looking things up in an HLSConfig: private to train/hls4ml_*.c. */
#ifndef NIB_TRAIN_HLS4ML_LOOKUP_H
#define NIB_TRAIN_HLS4ML_LOOKUP_H

#include "core/document.h"
#include "quant/fixed.h"

/** A layer as hls4ml names it. */
typedef struct nib_hls4ml_layer {
    const char *name, *class_name; /**< "fc1", "Dense" */
} nib_hls4ml_layer;

/** The three parts of HLSConfig; NULL where one is missing. */
typedef struct nib_hls4ml_lookup {
    const nib_doc *model, *type, *name;
} nib_hls4ml_lookup;

/** Find them in a project's YAML, or in HLSConfig itself. Errors: NIB_ERR_CONFIG. */
NIB_MUST_USE nib_status nib_hls4ml_lookup_open(const nib_doc *project, nib_hls4ml_lookup *lookup,
                                               nib_error *err);

/** The precision of a variable ("weight"); *is_auto where it is the word auto.
 *  Errors: NIB_ERR_CONFIG: nothing is configured, or it is no fixed-point type. */
NIB_MUST_USE nib_status nib_hls4ml_precision(const nib_hls4ml_lookup *lookup, const nib_hls4ml_layer *layer,
                                             const char *variable, nib_fixed *type, bool *is_auto,
                                             nib_error *err);

/** Model's default precision. */
NIB_MUST_USE nib_status nib_hls4ml_default(const nib_hls4ml_lookup *lookup, nib_fixed *type, nib_error *err);

/** A plain key ("Strategy") of a layer: by name, else by class, else (with_model) of Model; NULL: nowhere. */
const nib_doc *nib_hls4ml_key(const nib_hls4ml_lookup *lookup, const nib_hls4ml_layer *layer, const char *key,
                              bool with_model);

/** A type as hls4ml writes them: fixed<W,I,...>, ap_fixed, int<W>, uint<W>, ... */
NIB_MUST_USE nib_status nib_hls4ml_type(const nib_doc *value, nib_fixed *type, nib_error *err);

/** Whether a text is this word, upper and lower case being the same. */
bool nib_hls4ml_is(const nib_doc *value, const char *word);

#endif
