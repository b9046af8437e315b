#include "quant/curve.h"

#include "core/vector_math.h"
#include "quant/grid_loops.h"
#include "quant/stochastic.h"

static float line_of(nib_curve_sigmoid kind, float x)
{
    return (kind == NIB_CURVE_HARD ? 0.5f : 0.1875f) * x + 0.5f;
}

float nib_curve_sigmoid_of(nib_curve_sigmoid kind, float x)
{
    if (kind == NIB_CURVE_REAL)
        return nib_sigmoidf(x);
    const float t = line_of(kind, x), above = t < 0.0f ? 0.0f : t;
    return above > 1.0f ? 1.0f : above;
}

float nib_curve_slope_of(nib_curve_sigmoid kind, float x)
{
    if (kind == NIB_CURVE_REAL) {
        const float s = nib_sigmoidf(x);
        return s * (1.0f - s);
    }
    const float t = line_of(kind, x);
    const float slope = kind == NIB_CURVE_HARD ? 0.5f : 0.1875f;
    return t < 0.0f || t > 1.0f ? 0.0f : slope;
}

static float value_of(const nib_curve *c, float x)
{
    if (c->kind == NIB_CURVE_TANH)
        return nib_tanhf(x);
    const float s = nib_curve_sigmoid_of(c->kind, x);
    return c->two_sided ? 2.0f * s - 1.0f : s;
}

static float slope_of(const nib_curve *c, float x)
{
    if (c->kind == NIB_CURVE_TANH) {
        const float t = nib_tanhf(x);
        return 1.0f - t * t;
    }
    return (c->two_sided ? 2.0f : 1.0f) * nib_curve_slope_of(c->kind, x);
}

/* The code of f(x), before it is brought into range. */
static float code_of(const nib_curve *c, bool random, float x, float u)
{
    const float v = value_of(c, x) * c->grid.inverse;
    return random ? nib_stochastic_round(v, u) : nib_grid_half_even(v);
}

/* Both directions; the backward pass draws the numbers of the forward pass again. */
static void each(const nib_quantize_call *call, const nib_curve *c, bool backward)
{
    const bool random = c->random && call->training;
    float u[NIB_STOCHASTIC_CHUNK] = {0};
    for (int64_t i = 0; i < call->rows * call->cols; i++) {
        const int64_t r = i / call->cols, col = i % call->cols, at = r * call->stride + col;
        const int64_t k = col % NIB_STOCHASTIC_CHUNK, left = call->cols - col;
        if (random && k == 0)
            nib_stochastic_draw(call, r, col, left < NIB_STOCHASTIC_CHUNK ? left : NIB_STOCHASTIC_CHUNK, 0,
                                u);
        const float x = call->x[at], code = code_of(c, random, x, u[k]);
        if (backward) {
            const bool out = code < c->grid.lowest || code > c->grid.highest;
            call->dx[at] = out ? 0.0f : call->dy[at] * slope_of(c, x);
        } else {
            call->y[at] = nib_grid_bring_in(NIB_OVERFLOW_SAT, &c->grid, code, x) * c->grid.step;
        }
    }
}

void nib_curve_forward(const nib_quantize_call *call, const nib_curve *curve)
{
    each(call, curve, false);
}

void nib_curve_backward(const nib_quantize_call *call, const nib_curve *curve)
{
    each(call, curve, true);
}

void nib_curve_unquantized(const nib_quantize_call *call, const nib_curve *curve)
{
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->cols; c++)
            call->y[r * call->stride + c] = value_of(curve, call->x[r * call->stride + c]);
}

void nib_curve_unquantized_backward(const nib_quantize_call *call, const nib_curve *curve)
{
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->cols; c++) {
            const int64_t at = r * call->stride + c;
            call->dx[at] = call->dy[at] * slope_of(curve, call->x[at]);
        }
}
