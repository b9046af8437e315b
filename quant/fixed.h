/** Fixed-point types: fixed<W,I,Q,O> and ufixed<W,I,Q,O>, as ap_fixed has them.
 *
 *  W bits in all, I of them before the binary point (the sign counted where there is one), F = W - I after
 * it. A value is code * 2^-F with an integer code. I may be negative or above W. Casting rounds to a code
 * first (Q), then brings the code into range (O). nib_fixed_cast is the reference for everything else in
 * nibble that quantizes; it works on integers alone.
 *
 *  Denormal numbers count as zero, as everywhere in nibble: a float or double with |x| < 2^-126 is cast as 0.
 *  Source: the ap_fixed section of Xilinx UG902 / UG1399; checked against the ap_types headers of hls4ml.
 */
#ifndef NIB_QUANT_FIXED_H
#define NIB_QUANT_FIXED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

/** Q: what becomes of the bits that do not fit below. The names are those of ap_fixed without AP_. */
typedef enum nib_rounding {
    NIB_ROUNDING_TRN,         /**< down (floor) */
    NIB_ROUNDING_TRN_ZERO,    /**< toward zero */
    NIB_ROUNDING_RND,         /**< to nearest, ties up */
    NIB_ROUNDING_RND_ZERO,    /**< to nearest, ties toward zero */
    NIB_ROUNDING_RND_INF,     /**< to nearest, ties away from zero */
    NIB_ROUNDING_RND_MIN_INF, /**< to nearest, ties down */
    NIB_ROUNDING_RND_CONV,    /**< to nearest, ties to even codes */
    NIB_ROUNDING_COUNT
} nib_rounding;

/** O: what becomes of a code that is out of range. */
typedef enum nib_overflow {
    NIB_OVERFLOW_WRAP,     /**< the low W bits stay */
    NIB_OVERFLOW_SAT,      /**< the nearest end of the range */
    NIB_OVERFLOW_SAT_ZERO, /**< 0 */
    NIB_OVERFLOW_SAT_SYM,  /**< the nearest end of +-(2^(W-1) - 1); unsigned and with
                               one bit: as SAT */
    NIB_OVERFLOW_COUNT
} nib_overflow;

enum {
    NIB_FIXED_MAX_FAKE = 24,    /**< bits of a type that floats are put on: a float has 24 */
    NIB_FIXED_MAX_BITS = 32,    /**< bits of a type that a tensor can have, and that can be written */
    NIB_FIXED_MAX_ACCUM = 63,   /**< bits of an accumulator */
    NIB_FIXED_MAX_INTEGER = 64, /**< I is in +-64: steps and values are normal floats then */
    NIB_FIXED_TEXT_BYTES = 64   /**< room for a type as text */
};

typedef struct nib_fixed {
    int bits;       /**< W */
    int integer;    /**< I, the sign counted */
    bool is_signed; /**< fixed or ufixed */
    nib_rounding rounding;
    nib_overflow overflow;
} nib_fixed;

/** F = W - I: the step is 2^-F. */
int nib_fixed_fraction(const nib_fixed *type);

/** Smallest and largest code that the overflow mode lets through. SAT_SYM: -(2^(W-1) - 1) is the smallest;
 * but one bit with a sign is -1 or 0 under SAT_SYM too, as ap_fixed has it (the rule would leave 0 alone). */
int64_t nib_fixed_lowest(const nib_fixed *type);
int64_t nib_fixed_highest(const nib_fixed *type);

/** 2^-F, and code * 2^-F (exact for up to 53 bits). */
double nib_fixed_step(const nib_fixed *type);
double nib_fixed_value(const nib_fixed *type, int64_t code);

/** Check W against `max_bits` (one of the limits above), I and the modes.
 *  Errors: NIB_ERR_CONFIG with the number that is wrong and its limits. */
NIB_MUST_USE nib_status nib_fixed_check(const nib_fixed *type, int max_bits, nib_error *err);

/** The code of the number mantissa * 2^-fraction, for any mantissa, any fraction in +-100 000, and a type of
 * up to 63 bits. Exact; no errors. */
int64_t nib_fixed_cast(const nib_fixed *type, int64_t mantissa, int fraction);

/** The code of a number. |x| < 2^-126 is 0. An infinity is cast as a number beyond all others: to an end of
 * the range under SAT and SAT_SYM, to 0 under SAT_ZERO and WRAP. NaN becomes 0. (The float path, which
 * training runs, hands NaN on instead: see quant/grid.h.) */
int64_t nib_fixed_cast_double(const nib_fixed *type, double x);

/** A type from text, as people write it; blanks between the parts do not matter:
 *
 *      fixed<W,I>  fixed<W,I,Q>  fixed<W,I,Q,O>  and ufixed, ap_fixed, ap_ufixed; a fifth argument
 * (saturation bits) must be 0; ac_fixed<W,I,S>  ac_fixed<W,I,S,Q>  ac_fixed<W,I,S,Q,O>, S = true or false (1
 * or 0).
 *
 *  Q and O with or without AP_ or AC_. Missing modes are TRN and WRAP. W is 1 to 32.
 *  @param column  where the error is, counted from 1; may be NULL; not touched on success
 *  Errors: NIB_ERR_CONFIG: one line with the text, the character's place and what is wrong there. */
NIB_MUST_USE nib_status nib_fixed_parse(const char *text, nib_fixed *type, int *column, nib_error *err);

/** Dialects of types as text. */
typedef enum nib_fixed_style {
    NIB_FIXED_PLAIN, /**< fixed<8,3,RND,SAT> */
    NIB_FIXED_AP,    /**< ap_fixed<8,3,AP_RND,AP_SAT> */
    NIB_FIXED_AC     /**< ac_fixed<8,3,true,AC_RND,AC_SAT> */
} nib_fixed_style;

/** A type as text [NIB_FIXED_TEXT_BYTES] that parses to the same type; modes at their defaults are left out
 * from the right. Returns `text`. */
const char *nib_fixed_print(const nib_fixed *type, nib_fixed_style style, char *text);

/** "RND", "SAT"; the help of `nibble describe` and messages. */
const char *nib_rounding_name(nib_rounding rounding);
const char *nib_overflow_name(nib_overflow overflow);

#endif
