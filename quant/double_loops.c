/* Compiled once per instruction set: see core/isa.h. */
#include "quant/double_loops.h"

#include <math.h>

#include "core/vector_math.h"

/* ---- Casts ---- */

/* Nearest integer, ties to even: adding 2^52 leaves no bits below one; a double of 2^52 and more has none. */
static inline double half_even(double v)
{
    const double magnitude = fabs(v);
    const double rounded = copysign((magnitude + 0x1p52) - 0x1p52, v);
    return magnitude < 0x1p52 ? rounded : v;
}

static inline double down(double v)
{
    const double t = half_even(v);
    return t - (t > v ? 1.0 : 0.0);
}

/* v - t is exact, but for a v that is tiny beside 1, where rounding it changes no comparison. */
static inline double rounded_as(nib_rounding rounding, double v)
{
    double t;
    switch (rounding) {
    case NIB_ROUNDING_TRN:
        return down(v);
    case NIB_ROUNDING_TRN_ZERO:
        return copysign(down(fabs(v)), v);
    case NIB_ROUNDING_RND:
        t = down(v);
        return t + (v - t >= 0.5 ? 1.0 : 0.0);
    case NIB_ROUNDING_RND_ZERO:
        t = half_even(fabs(v));
        return copysign(t - (t - fabs(v) == 0.5 ? 1.0 : 0.0), v);
    case NIB_ROUNDING_RND_INF:
        t = half_even(fabs(v));
        return copysign(t + (fabs(v) - t == 0.5 ? 1.0 : 0.0), v);
    case NIB_ROUNDING_RND_MIN_INF:
        t = half_even(v);
        return t - (t - v == 0.5 ? 1.0 : 0.0);
    case NIB_ROUNDING_RND_CONV:
    case NIB_ROUNDING_COUNT:
        break;
    }
    return half_even(v);
}

#define ROUND(mode)                                                                                          \
    static void round_##mode(double inverse, int64_t n, const double *x, double *y)                          \
    {                                                                                                        \
        NIB_INDEPENDENT                                                                                      \
        for (int64_t i = 0; i < n; i++)                                                                      \
            y[i] = rounded_as(NIB_ROUNDING_##mode, x[i] * inverse);                                          \
    }
ROUND(TRN)
ROUND(TRN_ZERO)
ROUND(RND)
ROUND(RND_ZERO)
ROUND(RND_INF)
ROUND(RND_MIN_INF)
ROUND(RND_CONV)

/* Exact: code and multiples of 2^W are multiples of code's last place, and the difference is below 2^W. */
static void wrap(const nib_double_grid *grid, int64_t n, double *y)
{
    const nib_double_grid g = *grid;
    const double inverse = 1.0 / g.modulus;
    for (int64_t i = 0; i < n; i++) {
        const double low = y[i] - g.modulus * down(y[i] * inverse);
        y[i] = (low > g.highest ? low - g.modulus : low) * g.step;
    }
}

static void saturate(const nib_double_grid *grid, int64_t n, double *y)
{
    const nib_double_grid g = *grid;
    const bool zero = g.overflow == NIB_OVERFLOW_SAT_ZERO;
    const double below = zero ? 0.0 : g.lowest, above = zero ? 0.0 : g.highest;
    for (int64_t i = 0; i < n; i++) {
        const double code = y[i] < g.lowest ? below : y[i];
        y[i] = (code > g.highest ? above : code) * g.step;
    }
}

static void cast(const nib_double_grid *grid, int64_t n, const double *x, double *y)
{
    static void (*const rounds[NIB_ROUNDING_COUNT])(double, int64_t, const double *, double *) = {
        [NIB_ROUNDING_TRN] = round_TRN,           [NIB_ROUNDING_TRN_ZERO] = round_TRN_ZERO,
        [NIB_ROUNDING_RND] = round_RND,           [NIB_ROUNDING_RND_ZERO] = round_RND_ZERO,
        [NIB_ROUNDING_RND_INF] = round_RND_INF,   [NIB_ROUNDING_RND_MIN_INF] = round_RND_MIN_INF,
        [NIB_ROUNDING_RND_CONV] = round_RND_CONV,
    };
    if (grid->step == 0) {
        for (int64_t i = 0; i < n; i++)
            y[i] = 0;
        return;
    }
    rounds[grid->rounding](grid->inverse, n, x, y);
    if (grid->overflow == NIB_OVERFLOW_WRAP)
        wrap(grid, n, y);
    else
        saturate(grid, n, y);
}

/* ---- Products ---- */

enum { LANE = NIB_DOUBLE_LANE, TOGETHER = 4 };

/* `count` rows of a product, NIB_DOUBLE_LANE outputs at a time, which stay in registers. */
static inline void some_rows(int count, int64_t n_in, int64_t n_out, const double *restrict x,
                             int64_t x_stride, const double *restrict w, const double *restrict bias,
                             double *restrict y, int64_t y_stride)
{
    for (int64_t from = 0; from < n_out; from += LANE) {
        double sum[TOGETHER][LANE];
        for (int r = 0; r < count; r++)
            for (int c = 0; c < LANE; c++)
                sum[r][c] = bias[from + c];
        for (int64_t i = 0; i < n_in; i++)
            for (int r = 0; r < count; r++)
                for (int c = 0; c < LANE; c++)
                    sum[r][c] += x[r * x_stride + i] * w[i * n_out + from + c];
        for (int r = 0; r < count; r++)
            for (int c = 0; c < LANE; c++)
                y[r * y_stride + from + c] = sum[r][c];
    }
}

static void product(int64_t rows, int64_t n_in, int64_t n_out, const double *x, int64_t x_stride,
                    const double *w, const double *bias, double *y, int64_t y_stride)
{
    int64_t r = 0;
    for (; r + TOGETHER <= rows; r += TOGETHER)
        some_rows(TOGETHER, n_in, n_out, x + r * x_stride, x_stride, w, bias, y + r * y_stride, y_stride);
    for (; r < rows; r++)
        some_rows(1, n_in, n_out, x + r * x_stride, x_stride, w, bias, y + r * y_stride, y_stride);
}

const nib_double_loops NIB_ISA_NAME(nib_double_loops_of) = {cast, product};
