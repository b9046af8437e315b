/** The loops of the integer engine's fast run, compiled once per instruction set (core/isa.h). Not for other
 * modules.
 *
 *  A tensor of a tile is rows x features of aligned codes: numbers at one step, the finest of its types. A
 * row is a position of a sample; rows are `stride` elements apart, padded to whole groups of
 * NIB_ENGINE_LANES.
 */
#ifndef NIB_QUANT_ENGINE_LOOPS_H
#define NIB_QUANT_ENGINE_LOOPS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/isa.h"
#include "quant/fixed.h"

enum { NIB_ENGINE_LANES = 16 };

typedef enum nib_engine_storage {
    NIB_ENGINE_U8,  /**< code + offset (0 or 128) as an unsigned byte */
    NIB_ENGINE_I16, /**< code + offset (0 or -32768) */
    NIB_ENGINE_I32,
    NIB_ENGINE_I64
} nib_engine_storage;

typedef struct nib_engine_tensor {
    nib_engine_storage storage;
    int32_t offset; /**< else 0 */
    int64_t features, stride;
    void *data; /**< [rows, stride] */
} nib_engine_tensor;

/** A cast of whole rows: all arrays [n] for one number in each lane, in int32_t or in int64_t.
 *
 *      v = relu ? max(v, 0) : v                                    v = v << up
 *      v = (v + add + (v < 0 ? add_negative : 0) + ((v >> shift) & add_odd)) >> shift
 *      v = into low to high by the overflow mode                   v = v << align
 */
typedef struct nib_engine_step {
    bool relu;
    bool has_up, has_shift, has_align; /**< whether the arrays have anything but zeros */
    bool has_odd, has_negative;
    bool has_limit; /**< whether anything can be out of range */
    nib_rounding rounding;
    nib_overflow overflow;
    const void *up, *shift, *add, *add_negative, *add_odd;
    const void *low, *high; /**< WRAP: high is the mask of W bits */
    const void *align;
} nib_engine_step;

enum { NIB_ENGINE_MAX_STEPS = 2 };

/** Casts one after the other; those of row r begin at element (r mod period) * stride of the arrays. */
typedef struct nib_engine_steps {
    int n;
    int64_t period, stride;
    nib_engine_step step[NIB_ENGINE_MAX_STEPS];
} nib_engine_steps;

/** Floats to codes: as quant/grid.h, but NaN is 0. */
typedef struct nib_engine_input {
    bool each; /**< a grid for each element of a sample, or one for all */
    nib_rounding rounding;
    nib_overflow overflow;
    const float *inverse, *lowest, *highest, *modulus; /**< [elements] or [1] */
    const int32_t *align;                              /**< [elements]; NULL: nothing to shift */
} nib_engine_input;

/** What is done about sums in the middle between two numbers, once a half is added and they are shifted down
 * to q. */
typedef enum nib_engine_tie {
    NIB_ENGINE_TIE_UP,        /**< nothing: they are q */
    NIB_ENGINE_TIE_EVEN,      /**< the even one of q and q - 1 */
    NIB_ENGINE_TIE_TO_ZERO,   /**< q - 1 if q is positive */
    NIB_ENGINE_TIE_FROM_ZERO, /**< q - 1 if q is not positive */
    NIB_ENGINE_CUT_TO_ZERO    /**< no half is added; q + 1 if q is negative and anything is lost */
} nib_engine_tie;

/** One cast, the same for all rows, in vectors of 32 bits. What rounding adds is part of the bias, and a relu
 * is a lower end of 0.
 *
 *      v = v >> shift    v = ties by `tie`    v = into low to high    v = (v << align) + offset
 *
 *  Where there are two sums for each number (nib_engine_dense.split): v = (high << up) + (low >> first) is
 * what is shifted. */
typedef struct nib_engine_finish {
    bool possible;
    /** Sums can stay in registers: they are rounded up or to even, cut off, and that is all. pair: up is 0;
     * residue: up and shift are. Two sums that go to 64 bits are not cast at all, and first is their split.
     */
    bool simple;
    int32_t after;  /**< narrow sums: added once they are shifted */
    bool saturates; /**< low and high change nothing where y is stored in 16 bits, which go to their ends */
    nib_engine_tie tie;
    nib_overflow overflow;
    bool relu;                         /**< not done by `low`: there is no lower end where numbers wrap */
    int32_t offset;                    /**< what is not in bias, low and high already */
    const int32_t *bias, *high_bias;   /**< [n_out]; high_bias: of the high sums */
    const int32_t *shift, *mask;       /**< [n_out]; mask: 2^shift - 1 */
    const int32_t *up, *first, *lost;  /**< [n_out]; lost: 2^first - 1 */
    const int32_t *one;                /**< [n_out] 1 where any bit is lost, else 0 */
    const int32_t *low, *high, *align; /**< [n_out] WRAP: high is the mask of W bits */
} nib_engine_finish;

/** Two sums for each number are there for the largest numbers that a row can have. A row whose own numbers
 * are small has sums of 32 bits (by Cauchy and Schwarz), and gets by with one:
 *
 *      sum over i of ((x_i ^ flip) scale_i >> 16)^2 <= limit */
typedef struct nib_engine_narrow {
    int32_t limit;        /**< below 0: no row */
    bool flip;            /**< of the highest bit: x is stored with an offset; else it has a sign */
    const int16_t *scale; /**< [stride of x, to the next 32] a power of two, or 0 for padding */
    const void *kernel;   /**< as for dot16 */
    nib_engine_finish finish;
    int32_t *total; /**< [rows of a tile, to the next 16] the sums above */
    int32_t *wide;  /**< [rows of a tile] scratch: numbers of those that are too large */
    int16_t *lot;   /**< [NIB_ENGINE_BLOCK, stride of x] scratch: such rows */
} nib_engine_narrow;

/** y = steps(x kernel + bias). One sum: it fits into 31 bits (wide: into 62).
 *
 *  Two sums for each number, which is high << split + low:
 *  blocks: sums of a block of inputs fit into 32 bits; behind each block but the last, what is above `split`
 * bits goes from the low sum to the high one. pair: weights are 256 high + low, each part with products and
 * sums of its own; split is 8. residue: the low sum is the whole one modulo 2^32. The high sum is a rough
 * one, from the upper bytes of x and of the weights: it is so near to the number that what is missing fits
 * into 32 bits, and so is the difference (low - (high << split)) modulo 2^32. */
typedef struct nib_engine_dense {
    int64_t n_in;       /**< padded to whole groups */
    int64_t n_out;      /**< padded to NIB_ENGINE_LANES */
    const void *kernel; /**< dot16, blocks, pair (low), residue: int16_t [n_out / 16][n_in / 2][16][2]; dot8:
                           int8_t [n_out / 16][n_in / 4][16][4]; wide: int64_t [n_in][n_out] */
    const void *high_kernel; /**< pair: as kernel; residue: as that of dot8 */
    const int32_t *split;    /**< [n_out] */
    const void *bias;        /**< [n_out], int32_t, or int64_t (wide) */
    const int32_t *high_bias;
    nib_engine_steps steps;   /**< in int32_t where one sum of 31 bits is all, else in int64_t */
    nib_engine_finish finish; /**< all but wide: instead of the steps, where that is possible */
    void *scratch;            /**< [NIB_ENGINE_BLOCK + 1, n_out] int64_t */
    nib_engine_narrow narrow; /**< two sums: rows with small numbers */
    uint8_t *bytes;           /**< residue: the upper bytes of x, [rows of a tile, stride of x] */
    int64_t n_blocks;
    const int32_t *block; /**< [n_blocks] how many pairs of inputs */
} nib_engine_dense;

enum { NIB_ENGINE_BLOCK = 12 /**< rows between product and casts: a multiple of every kernel's */ };

/** y = steps(sum over the inputs of x * factor, plus add), by element, in int64_t. Input i of n goes to the
 * features from `begin` on and has its own factors; a relu with a slope shifts positive numbers up first. */
typedef struct nib_engine_mix {
    int n;
    const nib_engine_tensor *x[8];
    int64_t begin[8];
    const int64_t *factor[8]; /**< [features of x]; NULL: 1 */
    const int64_t *add;       /**< [features]; NULL: 0 */
    int leaky_shift;          /**< 0: none */
    nib_engine_steps steps;
    int64_t *scratch; /**< two rows of y */
} nib_engine_mix;

typedef enum nib_engine_reduce { NIB_ENGINE_SUM, NIB_ENGINE_LARGEST } nib_engine_reduce;

/** Positions to one row: reduced, shifted up, divided toward zero, cast. */
typedef struct nib_engine_pool {
    nib_engine_reduce reduce;
    int64_t positions, divisor;
    int up;
    nib_engine_steps steps;
    int64_t *scratch; /**< two rows */
} nib_engine_pool;

typedef struct nib_engine_lookup {
    int32_t mask;         /**< of the input's bits */
    const int32_t *entry; /**< [mask + 1] aligned codes of y */
    int32_t *scratch;     /**< a row */
} nib_engine_lookup;

typedef struct nib_engine_loops {
    /** x [samples, positions * features of y]; `scratch` has a tile of int32_t. */
    void (*input)(const nib_engine_input *input, const float *x, int64_t samples, int64_t positions,
                  const nib_engine_tensor *y, int32_t *scratch);
    void (*mix)(const nib_engine_mix *mix, int64_t rows, const nib_engine_tensor *y);
    /** Rows of y; x has `positions` times as many. */
    void (*pool)(const nib_engine_pool *pool, const nib_engine_tensor *x, int64_t rows,
                 const nib_engine_tensor *y);
    void (*lookup)(const nib_engine_lookup *lookup, const nib_engine_tensor *x, int64_t rows,
                   const nib_engine_tensor *y);
    /** Rows as int64_t [rows, features], each shifted down by `align` [positions, features] (NULL: by
     * nothing). */
    void (*codes)(const nib_engine_tensor *x, int64_t rows, int64_t positions, const int32_t *align,
                  int64_t *v);
    /** A row as int64_t [stride], and back. */
    void (*load)(const nib_engine_tensor *x, int64_t row, int64_t *v);
    void (*store)(const nib_engine_tensor *y, int64_t row, const int64_t *v);
} nib_engine_loops;

typedef void nib_engine_dense_loop(const nib_engine_dense *dense, const nib_engine_tensor *x, int64_t rows,
                                   const nib_engine_tensor *y);

typedef struct nib_engine_dense_loops {
    nib_engine_dense_loop *dot8;    /**< x in U8, kernel in int8_t; NULL: no instruction for it */
    nib_engine_dense_loop *dot16;   /**< x in I16, kernel in int16_t */
    nib_engine_dense_loop *blocks;  /**< x in I16, kernel in int16_t; NULL: not to be used */
    nib_engine_dense_loop *residue; /**< x in I16, kernels in int16_t and int8_t; NULL as dot8 */
    nib_engine_dense_loop *pair;    /**< x in I16, kernel in two of int16_t */
    nib_engine_dense_loop *wide;    /**< x in I64, kernel and bias in int64_t */
    bool one_shift; /**< finish: shift, up, first and align must be the same for all columns */
} nib_engine_dense_loops;

extern const nib_engine_loops nib_engine_loops_of;
extern const nib_engine_dense_loops nib_engine_dense_loops_of;
#if NIB_ISA_X86
extern const nib_engine_loops nib_engine_loops_of_avx2, nib_engine_loops_of_avx512;
extern const nib_engine_dense_loops nib_engine_dense_loops_of_avx2, nib_engine_dense_loops_of_avx2vnni,
    nib_engine_dense_loops_of_avx512, nib_engine_dense_loops_of_avx512vnni;
#endif

/** The loops of an instruction set, which must be supported. */
const nib_engine_loops *nib_engine_loops_for(nib_isa isa);
/** The same; whether the processor has VNNI too (AVX-VNNI with AVX2) decides. */
const nib_engine_dense_loops *nib_engine_dense_loops_for(nib_isa isa);

#endif
