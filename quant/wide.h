/** Numbers of 128 bits: what an exact product or sum of fixed-point numbers can need before it is cast.
 *
 *  A number is mantissa * 2^-fraction. Mantissas have at most 125 bits beside the sign (nib_fixnet_check sees
 * to it), so that the sum of two still fits.
 */
#ifndef NIB_QUANT_WIDE_H
#define NIB_QUANT_WIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "quant/fixed.h"

__extension__ typedef __int128 nib_wide;
__extension__ typedef unsigned __int128 nib_wide_bits;

enum { NIB_WIDE_BITS = 125 };

/** Bits of |mantissa|: 0 for 0, 3 for 4 to 7. */
int nib_wide_width(nib_wide mantissa);

/** mantissa * 2^shift, shift >= 0; ends at +-2^125 when that is exceeded. */
nib_wide nib_wide_shift_up(nib_wide mantissa, int shift);

/** mantissa * 2^-shift as an integer by the rules of the mode; a negative shift is nib_wide_shift_up. */
nib_wide nib_wide_round(nib_rounding rounding, nib_wide mantissa, int shift);

/** The code of mantissa * 2^-fraction: nib_fixed_cast for wide mantissas, and 0 for a type of 0 bits.
 *  @param lost  whether the rounded number was out of range; may be NULL */
int64_t nib_wide_cast(const nib_fixed *type, nib_wide mantissa, int fraction, bool *lost);

#endif
