/** Powers of two: what quantized_po2 and quantized_relu_po2 share. */
#ifndef NIB_QUANT_PO2_H
#define NIB_QUANT_PO2_H

#include "quant/quantizer.h"

/** Options of both that have the same meaning. */
typedef struct nib_po2 {
    double max_value;    /**< |x| above it counts as it; 0: none */
    bool random;         /**< between the two powers beside |x|, so that the mean is |x| */
    bool quadratic;      /**< even exponents: those of sqrt|x|, doubled */
    bool floor;          /**< of the exponent, instead of to nearest */
    int lowest, highest; /**< exponents (of the square root where `quadratic`) */
} nib_po2;

/** Rows of the option table. */
#define NIB_PO2_MAX_VALUE_ROW(type)                                                                          \
    NIB_ROW(type, max_value, NIB_OPTION_FLOAT, "0", 0, 1e30, NULL, "", "largest |x|; 0: none")
#define NIB_PO2_QUADRATIC_ROW(type)                                                                          \
    NIB_ROW(type, quadratic_approximation, NIB_OPTION_BOOL, "false", 0, 0, NULL, "", "even exponents only")
#define NIB_PO2_ROUNDING_ROW(type)                                                                           \
    NIB_ROW(type, log2_rounding, NIB_OPTION_CHOICE, "rnd", 0, 0, "rnd|floor", "", "of the exponent")

/** Exponents of `code_bits` bits, one of them a sign unless 0 < max_value <= 1: fills lowest and highest.
 *  Errors: NIB_ERR_CONFIG: no bit is left. */
NIB_MUST_USE nib_status nib_po2_exponents(nib_po2 *po2, int64_t code_bits, nib_error *err);

/** The exponent of the power of two for a magnitude; |x| < 1e-7 gets the lowest. `u` in [0, 1) is used where
 * po2->random and `training`. */
int nib_po2_exponent(const nib_po2 *po2, bool training, float magnitude, float u);

/** Smallest and largest exponent of all possible values. */
void nib_po2_range(const nib_po2 *po2, int *lowest, int *highest);

/** A type that holds 2^lowest to 2^highest, and their negatives if `is_signed`.
 *  Errors: NIB_ERR_CONFIG: too wide. */
NIB_MUST_USE nib_status nib_po2_type(int lowest, int highest, bool is_signed, nib_fixed *type,
                                     nib_error *err);

/** The largest value. */
float nib_po2_largest(const nib_po2 *po2);

#endif
