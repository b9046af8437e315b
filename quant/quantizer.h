/** Quantizers: functions that put floats on a grid in the forward pass and let a gradient through.
 *
 *  Each is one .c file ending in one `const nib_quantizer`, listed in quant/quantizers.def. In a config a
 * quantizer is a text or a map, with the same options:
 *
 *      'fixed<8,3,RND,SAT>'                                  a type by itself
 *      'quantized_bits(4, 0, alpha="auto_po2")'              by position and by keyword, as in QKeras
 *      {quantized_bits: {bits: 4, integer: 0, alpha: auto_po2}}
 *
 *  NaN stays NaN in all of them, so that training notices it; fitted scales make it NaN for all who share
 * one.
 *
 *  The rows of QKeras compute what release 0.9.0 computes, with these deliberate differences:
 *  - y is the value on the grid, where QKeras returns x + (y - x), which loses y for large |x|;
 *  - alpha=None is 1 everywhere (QKeras layers turn it into auto_po2 behind one's back);
 *  - rounding half up is exact (QKeras' floor(v + 0.5) is 1 for 0.49999997);
 *  - a vector has one scale (QKeras fits one for each element of a bias under auto_po2);
 *  - a channel of zeros is 0 under alpha=auto (QKeras: NaN);
 *  - powers of two are found from the exponent of the float, not from a rounded logarithm;
 *  - quantized_bits refuses alpha=auto and auto_po2 with one bit (QKeras: all zeros) and with
 *    keep_negative=False (QKeras: negative values);
 *  - the exponents of quantized_po2 end at -126, above the denormals.
 */
#ifndef NIB_QUANT_QUANTIZER_H
#define NIB_QUANT_QUANTIZER_H

#include <stdint.h>

#include "core/options.h"
#include "core/status.h"

/** One call on a matrix: a kernel [inputs, outputs], a batch [rows, features], or a vector that shares its
 * scale [n, 1]. A channel is a column. */
typedef struct nib_quantize_call {
    const void *options; /**< as nib_quantizer_read filled them */
    int64_t rows, cols;
    int64_t stride;  /**< floats from one row to the next, of all four */
    const float *x;  /**< input, in both directions */
    float *y;        /**< forward: out; may be x */
    const float *dy; /**< backward: in */
    float *dx;       /**< backward: out; may be dy */
} nib_quantize_call;

typedef struct nib_quantizer {
    const char *name;
    const char *help;
    const char *source;
    nib_option_table options;
    int n_positional; /**< the first rows of the table may be given by position */
    /** Options against each other, once they are read; fills what the table does not have. *warning may be
     * set to one line. The caller puts place and name in front of messages. */
    nib_status (*check)(void *options, const char **warning, nib_error *err);
    void (*forward)(const nib_quantize_call *call);
    void (*backward)(const nib_quantize_call *call); /**< scales are constants to it */
    const char *const *cases; /**< texts of this quantizer that the table tests run, NULL at the end */
} nib_quantizer;

/** All quantizers, in the order of quant/quantizers.def. */
extern const nib_quantizer *const nib_quantizers[];
extern const int nib_quantizers_count;

/** A quantizer with its options. */
typedef struct nib_quantizer_config {
    const nib_quantizer *type;
    void *options;
    const char *warning; /**< one line worth telling the user, or NULL */
} nib_quantizer_config;

/** A quantizer from a config's value. Everything lives in the arena.
 *  @param path  dotted name of the value, for messages ("quant.default.weight")
 *  Errors: NIB_ERR_CONFIG with file:line:column of the part of the text that is wrong. */
NIB_MUST_USE nib_status nib_quantizer_read(nib_arena *arena, const nib_doc *value, const char *path,
                                           nib_quantizer_config *config, nib_error *err);

/** The same from a text alone. */
NIB_MUST_USE nib_status nib_quantizer_parse(nib_arena *arena, const char *text, nib_quantizer_config *config,
                                            nib_error *err);

/** The quantizer as a text that reads back the same, every option by keyword (a type stays a type unless an
 * option of it was changed). In the arena; NULL when out of memory. */
const char *nib_quantizer_print(nib_arena *arena, const nib_quantizer_config *config);

#endif
