/** Quantizers of a function: y = clamp(round(f(x) / s)) * s, with f one of QKeras' sigmoids. */
#ifndef NIB_QUANT_CURVE_H
#define NIB_QUANT_CURVE_H

#include "quant/quantizer.h"

/** QKeras' sigmoids: hard clip(x / 2 + 1/2), smooth clip(3 x / 16 + 1/2), and the real one. */
typedef enum nib_curve_sigmoid {
    NIB_CURVE_HARD,
    NIB_CURVE_SMOOTH,
    NIB_CURVE_REAL,
    NIB_CURVE_TANH /**< tanh itself: for nib_curve alone */
} nib_curve_sigmoid;

/** Row of the option table: which sigmoid. */
#define NIB_CURVE_SIGMOID_ROW(type)                                                                          \
    NIB_ROW(type, sigmoid, NIB_OPTION_CHOICE, "hard", 0, 0, "hard|smooth|real", "",                          \
            "the sigmoid in use: clip(x/2 + 1/2), clip(3x/16 + 1/2), or 1/(1 + exp(-x))")

/** Sigmoid of x in [0, 1], and its slope. NaN stays NaN. */
float nib_curve_sigmoid_of(nib_curve_sigmoid kind, float x);
float nib_curve_slope_of(nib_curve_sigmoid kind, float x);

/** f(x) = sigmoid(x), or 2 sigmoid(x) - 1 (two_sided; tanh for NIB_CURVE_TANH), on a grid. */
typedef struct nib_curve {
    nib_curve_sigmoid kind;
    bool two_sided;
    bool random; /**< stochastic rounding in training */
    nib_fixed type;
    nib_grid grid; /**< of the type; `lowest` may be raised */
} nib_curve;

/** The functions of a descriptor. The gradient is f' where the rounded value is within the grid's ends, else
 * 0. */
void nib_curve_forward(const nib_quantize_call *call, const nib_curve *curve);
void nib_curve_backward(const nib_quantize_call *call, const nib_curve *curve);
void nib_curve_unquantized(const nib_quantize_call *call, const nib_curve *curve);
void nib_curve_unquantized_backward(const nib_quantize_call *call, const nib_curve *curve);

#endif
