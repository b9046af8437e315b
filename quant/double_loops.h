/** Arithmetic of doubles that holds fixed-point numbers exactly: casts and products for networks whose
 * numbers a float cannot hold.
 *
 *  A double has every sum of up to 53 bits, and every step of a cast below is exact, so the results are those
 * of integers. Nothing here is shared with the integer engine or with the casts of quant/fixed.h, which makes
 * the two a check of each other.
 */
#ifndef NIB_QUANT_DOUBLE_LOOPS_H
#define NIB_QUANT_DOUBLE_LOOPS_H

#include "core/isa.h"
#include "quant/fixed.h"

enum { NIB_DOUBLE_LANE = 8 }; /**< rows of doubles are padded to multiples of it */

/** y = s * clamp(round(x / s), lo, hi), as nib_grid has it for floats. */
typedef struct nib_double_grid {
    double step, inverse;   /**< 2^-F and 2^F; a type of 0 bits: 0 and 0, all becomes 0 */
    double lowest, highest; /**< in steps; WRAP: of the range wrapped into */
    double modulus;         /**< WRAP: 2^W in steps */
    nib_rounding rounding;
    nib_overflow overflow;
} nib_double_grid;

/** @param type  of up to NIB_FIXED_MAX_BITS bits; 0 bits: the tensor is removed */
nib_double_grid nib_double_grid_of(const nib_fixed *type);

/** The loops of one instruction set. */
typedef struct nib_double_loops {
    /** y [n] = x [n] on the grid; y may be x. NaN stays NaN (with 0 bits: 0); an infinity saturates, is 0
     * under SAT_ZERO and NaN under WRAP. |x| below 2^900 steps. */
    void (*cast)(const nib_double_grid *grid, int64_t n, const double *x, double *y);
    /** y [rows, n_out] = bias + x [rows, n_in] w [n_in, n_out]; n_out and the strides (doubles from row to
     * row) are multiples of NIB_DOUBLE_LANE. y may not overlap x. */
    void (*product)(int64_t rows, int64_t n_in, int64_t n_out, const double *x, int64_t x_stride,
                    const double *w, const double *bias, double *y, int64_t y_stride);
} nib_double_loops;

extern const nib_double_loops nib_double_loops_of;
#if NIB_ISA_X86
extern const nib_double_loops nib_double_loops_of_avx2;
extern const nib_double_loops nib_double_loops_of_avx512;
#endif

/** The loops of an instruction set, which must be supported. */
const nib_double_loops *nib_double_loops_for(nib_isa isa);

#endif
