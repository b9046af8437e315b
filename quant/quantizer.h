/** Quantizers: functions that put floats on a grid in the forward pass and let a gradient through.
 *
 *  Each is one .c file ending in one `const nib_quantizer`, listed in quant/quantizers.def. In a config a
 * quantizer is a text or a map, with the same options:
 *
 *      'fixed<8,3,RND,SAT>'                                  a type by itself
 *      'quantized_bits(4, 0, alpha="auto_po2")'              by position and by keyword, as in QKeras
 *      {quantized_bits: {bits: 4, integer: 0, alpha: auto_po2}}
 *      fixed('fixed<8,3,RND,SAT>', integer=[3, 2, 4])         a type for each channel
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
 *  - the exponents of quantized_po2 end at -126, above the denormals;
 *  - quantized_relu, quantized_tanh and quantized_sigmoid round at random to the values beside x (QKeras: to
 * half steps, which are no values of theirs);
 *  - bernoulli is drawn in training only, like the other two (QKeras draws in evaluation, too);
 *  - stochastic_ternary refuses an alpha that is a number (QKeras fails on it in training);
 *  - binary and ternary have no use_stochastic_rounding: stochastic_binary and stochastic_ternary are for
 * that.
 *
 *  quantized_linear is that of QKeras after 0.9.0, learned_scale that of Brevitas, by their definitions
 * (tests/peers/spec_golden.py). `fixed` computes what HGQ2 0.2.0 computes, but for floats where its floor(x +
 * 0.5) rounds wrongly, and with the width kept where HGQ2 would have none.
 */
#ifndef NIB_QUANT_QUANTIZER_H
#define NIB_QUANT_QUANTIZER_H

#include <stdint.h>

#include "core/options.h"
#include "core/rng.h"
#include "core/status.h"
#include "quant/grid.h"

/** One call on a matrix: a kernel [inputs, outputs], a batch [rows, features], or a vector that shares its
 * scale [n, 1]. A channel is a column. Fields that are left out are 0: evaluation, fully quantized. */
typedef struct nib_quantize_call {
    const void *options; /**< as nib_quantizer_read filled them */
    int64_t rows, cols;
    int64_t stride;  /**< floats from one row to the next, of all four */
    const float *x;  /**< input, in both directions */
    float *y;        /**< forward: out; may be x, unless float_share > 0 */
    const float *dy; /**< backward: in */
    float *dx;       /**< backward: out; may be dy, unless float_share > 0 */

    /** Learned scales (nib_quantizer.n_scales of them): a trained row of the parameter table, role
     * NIB_ROLE_SCALE. NULL, and a scale of 0, which is one that nobody has set yet: the scales that
     * nib_quantizer.init_scales finds in x, in every call. */
    const float *scale;
    float *dscale; /**< backward: their gradients are added to it; NULL: not wanted */

    bool training; /**< random rounding and sampling happen in training only; evaluation is exact */
    nib_rng rng;   /**< training: seed, stream and step of this tensor (nib_rng_stream("fc1/kernel_q")) */
    int64_t first; /**< training: row of the batch that row 0 is; element = (first + row) * cols + column */

    /** 1 - q of QKeras' qnoise_factor q, from 0 (quantized) to 1 (float): y = x + (1 - float_share)(xq - x).
     * Only nib_quantizer_forward and nib_quantizer_backward look at it. */
    float float_share;
} nib_quantize_call;

/** One step y = grid.step * clamp(round(x * grid.inverse), grid.lowest, grid.highest) and its gradient
 * dx = x < lowest or x > highest ? 0 : dy (infinite: all pass). grid.step * grid.inverse is 1 unless the
 * quantizer multiplies its values by an alpha. What a kernel's epilogue needs. */
typedef struct nib_quantizer_step {
    nib_grid grid;
    float lowest, highest;
} nib_quantizer_step;

/** What the values of a quantizer are in hardware. */
typedef struct nib_lowered {
    nib_fixed *type; /**< [n_types] filled; room for as many as the call has columns */
    int64_t n_types; /**< 1, or one for each channel. A type of 0 bits: the channel is 0 (removed) */
    /** y is x cast to the type, to the last bit, for every x: what an activation is in hardware. Else every y
     * lies on the type's grid, which is all that weights need. */
    bool is_cast;
    /** y is no cast, but a function of the element alone, so hardware can look it up in a table (tanh; a sign
     * or a leaky relu, too): its entries are y of the inputs' values, in the type. False where a scale is
     * fitted to the values. */
    bool is_table;
} nib_lowered;

typedef struct nib_quantizer {
    const char *name;
    const char *help;
    const char *source;
    nib_option_table options;
    int n_positional; /**< the first rows of the table may be given by position */
    /** Options against each other, once they are read; fills what the table does not have. *warning may be
     * set to one line. The caller puts place and name in front of messages. */
    nib_status (*check)(void *options, const char **warning, nib_error *err);
    /** Columns that a call must have, for options that list channels; 0 or NULL: any number. */
    int64_t (*channels)(const void *options);
    void (*forward)(const nib_quantize_call *call);
    void (*backward)(const nib_quantize_call *call); /**< fitted scales are constants to it */
    /** Learned scales of a tensor with so many channels; NULL: the quantizer has none. */
    int64_t (*n_scales)(const void *options, int64_t channels);
    /** First values of the scales from x: of a weight, or of a batch of activations. */
    void (*init_scales)(const nib_quantize_call *call, float *scale);
    /** The float function that the quantizer stands for, and its gradient (q = 0): y from x, dx from x and
     * dy, element by element. NULL: y = x. */
    void (*unquantized)(const nib_quantize_call *call);
    void (*unquantized_backward)(const nib_quantize_call *call);
    /** The exact types of the values, see nib_quantizer_lower. */
    nib_status (*lower)(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err);
    /** Fill steps [channels] and return 1 (the same step for all channels) or `channels`; 0: the quantizer is
     * no such step (then nothing is filled). NULL: it never is. */
    int64_t (*grid)(const void *options, bool training, int64_t channels, nib_quantizer_step *steps);
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

/** Both directions of a quantizer, float_share included. No errors: the options were checked. */
void nib_quantizer_forward(const nib_quantizer *type, const nib_quantize_call *call);
void nib_quantizer_backward(const nib_quantizer *type, const nib_quantize_call *call);

/** Columns that a tensor must have for this quantizer (its options list channels), or 0: any number. */
int64_t nib_quantizer_channels(const nib_quantizer_config *config);

/** Whether this quantizer with these options is one step on a grid in the forward pass and a clip in the
 * backward pass: see nib_quantizer.grid. Training asks for the training forward (a random one is no step). */
int64_t nib_quantizer_grid(const nib_quantizer_config *config, bool training, int64_t channels,
                           nib_quantizer_step *steps);

/** The fixed-point types that all values of a quantizer lie on, and whether it is a cast to them.
 *  @param call  shape, learned scales and, where a scale is fitted to the values or a type would be too wide
 * for all values that are possible, x: the tensor that is lowered. x NULL where there are no values
 * (activations)
 *  Errors: NIB_ERR_CONFIG: a scale that is no power of two (snap=po2 mends it), no values to fit a scale to,
 *  a type beyond NIB_FIXED_MAX_BITS or +-NIB_FIXED_MAX_INTEGER; with the channel where there are several. */
NIB_MUST_USE nib_status nib_quantizer_lower(const nib_quantizer_config *config, const nib_quantize_call *call,
                                            nib_lowered *lowered, nib_error *err);

/** The quantizer as a text that reads back the same, every option by keyword (a type stays a type unless an
 * option of it was changed). In the arena; NULL when out of memory. */
const char *nib_quantizer_print(nib_arena *arena, const nib_quantizer_config *config);

#endif
