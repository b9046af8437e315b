/** The section `quant:` of a config, and what becomes of it: the quantizer of every tensor of a model.
 *
 *      quant: {default: {input: 'fixed<8,3,RND,SAT>', weight: ..., bias: ..., activation: ..., output: ...,
 *                        result: ..., accum: ...}, layers: {fc1: {weight: ...}}, fallback: 'fixed<16,6>',
 *              allow_float: false, allow_dead: false, wrap_in_training: true, start: 0, finish: 0}
 *
 *  `bits: B` is short for types of all tensors; `auto` in place of a type's integer bits means that they are
 * chosen before training (train/quant_prepare.h): of weights by least squares, of data by their range. The
 * resolved config has the numbers then.
 */
#ifndef NIB_TRAIN_QUANT_CONFIG_H
#define NIB_TRAIN_QUANT_CONFIG_H

#include "core/document.h"
#include "quant/fixed.h"
#include "quant/quantizer.h"

/** The keys of quant.default and quant.layers.NAME that name a tensor's quantizer. */
typedef enum nib_quant_key {
    NIB_QUANT_INPUT,
    NIB_QUANT_WEIGHT,
    NIB_QUANT_BIAS,
    NIB_QUANT_ACTIVATION, /**< outputs of activation layers */
    NIB_QUANT_OUTPUT,     /**< layers named in model.outputs */
    NIB_QUANT_RESULT,     /**< every other layer's output */
    NIB_QUANT_KEYS
} nib_quant_key;

/** "weight", ... */
const char *nib_quant_key_name(nib_quant_key key);

/** One of them, as configured. */
typedef struct nib_quant_entry {
    bool given;
    bool is_float; /**< the word none: it stays float although there is a default */
    bool is_type;  /**< a fixed-point type; else another quantizer */
    bool is_auto;  /**< its integer bits are chosen before training; type.integer means nothing yet */
    nib_fixed type;
    nib_quantizer_config quantizer; /**< .type is NULL where is_float or is_auto */
    nib_doc_place place;
} nib_quant_entry;

/** quant.default, or quant.layers.NAME. */
typedef struct nib_quant_set {
    const char *name; /**< of a layer or an input */
    nib_quant_entry entry[NIB_QUANT_KEYS];
    bool has_accum;
    nib_fixed accum;
} nib_quant_set;

enum { NIB_QUANT_FREEZE_AUTO = -1, NIB_QUANT_FREEZE_NEVER = -2 };

typedef struct nib_quant_config {
    bool present; /**< the config has the section */
    nib_doc_place place;
    nib_quant_set defaults;
    int n_sets;
    nib_quant_set *set;
    nib_fixed fallback; /**< what allow_float fills in at lowering */
    bool allow_float, allow_dead, wrap_in_training;
    double start, finish, exponent; /**< epochs; see nib_quant_blend */
    int64_t freeze;                 /**< of batch-norm statistics: epochs, or one of the words above */
} nib_quant_config;

/** What is configured for a tensor of a layer (or of an input): its own entry, else the default; NULL: it
 * stays float. */
const nib_quant_entry *nib_quant_find(const nib_quant_config *config, const char *name, nib_quant_key key);

/** Its own entry, the word none too, or NULL. Scale and shift of a batch norm are asked for in this way: the
 * default is for kernels and biases. */
const nib_quant_entry *nib_quant_find_own(const nib_quant_config *config, const char *name,
                                          nib_quant_key key);

/** The set of a layer or an input, made where there is none. */
nib_quant_set *nib_quant_set_of(nib_quant_config *config, const char *name);

/** The section as a canonical map. NULL when out of memory. */
nib_doc *nib_quant_write(nib_arena *arena, const nib_quant_config *config);

/** The set of a layer for `accum`: its own if that has one, else the default's; NULL: none is given. */
const nib_fixed *nib_quant_accum(const nib_quant_config *config, const char *name);

/** A fixed-point type as a quantizer, in the arena. */
NIB_MUST_USE nib_status nib_quant_of_type(nib_arena *arena, const nib_fixed *type,
                                          nib_quantizer_config *quantizer, nib_error *err);

/** A type with all its four parts: "fixed<8,3,TRN,WRAP>". `text` has NIB_FIXED_TEXT_BYTES; returns it. */
const char *nib_quant_type_text(const nib_fixed *type, char *text);

/** Share of the quantized value that training computes with after `epoch` epochs (with a fraction): 0 before
 * `start`, 1 from `finish` (at the earliest `start`) on, between them 1 - ((finish - epoch) / (finish -
 * start))^exponent, as the qnoise scheduler of QKeras. Evaluation always computes with the quantized value.
 */
double nib_quant_blend(const nib_quant_config *config, double epoch);

/** The quantizers of one layer. NULL: the tensor stays as it is. What they point to may be filled in between
 * the model's making and its first run (types with `auto`). */
typedef struct nib_layer_quant {
    const nib_quantizer_config *weight; /**< kernel; batch norm on a grid: its scale */
    const nib_quantizer_config *bias;   /**< batch norm on a grid: its shift */
    const nib_quantizer_config *result; /**< of the layer's output: the keys activation, output or result,
                                           whichever is the layer's; NULL: full width */
    bool has_accum;                     /**< the user gave it; else it is proven from the weights */
    nib_fixed accum;
} nib_layer_quant;

#endif
