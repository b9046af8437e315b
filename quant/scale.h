/** The option alpha of QKeras' quantizers: the factor between integers on the grid and the values they mean.
 */
#ifndef NIB_QUANT_SCALE_H
#define NIB_QUANT_SCALE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/options.h"
#include "core/status.h"
#include "quant/quantizer.h"

typedef enum nib_scale_kind {
    NIB_SCALE_NONE,    /**< alpha=None: 1 */
    NIB_SCALE_NUMBER,  /**< a given number */
    NIB_SCALE_AUTO,    /**< from the values, by least squares */
    NIB_SCALE_AUTO_PO2 /**< the same, a power of two */
} nib_scale_kind;

typedef struct nib_scale {
    nib_scale_kind kind;
    float value; /**< 1 unless NIB_SCALE_NUMBER */
} nib_scale;

/** Rows of the option table that every quantizer with a scale has. */
#define NIB_SCALE_ALPHA_ROW(type)                                                                            \
    NIB_ROW(type, alpha, NIB_OPTION_STRING, "none", 0, 0, NULL, "",                                          \
            "factor of the values: a number, none (1), auto (least squares) or auto_po2 (a power of two)")
#define NIB_SCALE_PER_ROW(type)                                                                              \
    NIB_ROW(type, per, NIB_OPTION_CHOICE, "channel", 0, 0, "channel|tensor", "",                             \
            "what has a scale of its own under alpha auto and auto_po2")
#define NIB_SCALE_SNAP_ROW(type)                                                                             \
    NIB_ROW(type, snap, NIB_OPTION_CHOICE, "none", 0, 0, "none|po2", "",                                     \
            "po2: the scale becomes the nearest power of two, which hardware has (auto becomes auto_po2)")
/** The gradients of binary and ternary. */
typedef enum nib_scale_ste {
    NIB_SCALE_STE_AUTO,
    NIB_SCALE_STE_PASS,
    NIB_SCALE_STE_CLIP,
    NIB_SCALE_STE_TANH
} nib_scale_ste;
#define NIB_SCALE_STE_ROW(type)                                                                              \
    NIB_ROW(type, ste, NIB_OPTION_CHOICE, "auto", 0, 0, "auto|pass|clip|tanh", "",                           \
            "gradient: passed, passed for |x| <= 1, or tanh's; auto is tanh for alpha=none, else pass")

/** Whether the scale comes from the values. */
bool nib_scale_is_fitted(const nib_scale *scale);

/** Whether a call brings the values that alpha ("auto") is fitted to. Errors: NIB_ERR_CONFIG. */
NIB_MUST_USE nib_status nib_scale_need_values(const nib_quantize_call *call, const char *alpha,
                                              nib_error *err);

/** The text of alpha, and what the option snap makes of it. Errors: NIB_ERR_CONFIG. */
NIB_MUST_USE nib_status nib_scale_read(const char *text, bool snap, nib_scale *scale, nib_error *err);

/** The power of two nearest to v > 0 on a logarithmic scale. */
float nib_scale_snapped(float v);

/** The power of two nearest to v + 1e-7 on a logarithmic scale. */
float nib_scale_po2(float v);

/** The values that share a scale: `rows` x `cols` at x. */
typedef struct nib_scale_group {
    const float *x;
    float *y;
    int64_t rows, cols, stride;
} nib_scale_group;

/** Group `index` of a call: a channel, or the whole tensor. */
nib_scale_group nib_scale_group_of(const nib_quantize_call *call, bool per_tensor, int64_t index);
int64_t nib_scale_groups(const nib_quantize_call *call, bool per_tensor);

float nib_scale_largest(const nib_scale_group *group);

/** The scale s that makes s * q(x) nearest to x in the least squares, for `q` of each element:
 *  mean(x q) / (mean(q^2) + 1e-7), a power of two if kind says so. `context` goes to q. */
float nib_scale_least_squares(const nib_scale_group *group, nib_scale_kind kind,
                              float (*q)(const void *context, float x), const void *context);

/** y = factor * q(x). */
void nib_scale_apply(const nib_scale_group *group, float factor, float (*q)(const void *context, float x),
                     const void *context);

/** dx = dy where lowest <= x <= highest, else 0. Infinite bounds let all pass. */
void nib_scale_pass(const nib_quantize_call *call, float lowest, float highest);

/** The backward pass of binary and ternary: dx = dy, dx = dy for |x| <= 1, or dx = dy * (1 - tanh(x)^2). */
void nib_scale_gradient(const nib_quantize_call *call, const nib_scale *scale, nib_scale_ste ste);

#endif
