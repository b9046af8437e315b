#include "quant/sample.h"

#include <math.h>

#include "quant/stochastic.h"

float nib_sample_probability(const nib_sample *sample, float t)
{
    const nib_curve_sigmoid kind =
        sample->use_real_sigmoid ? NIB_CURVE_REAL : (nib_curve_sigmoid)sample->sigmoid;
    return nib_curve_sigmoid_of(kind, (float)sample->temperature * t);
}

float nib_sample_deviation(const nib_scale_group *group)
{
    double sum = 0.0, squares = 0.0;
    const double n = (double)(group->rows * group->cols);
    for (int64_t r = 0; r < group->rows; r++)
        for (int64_t c = 0; c < group->cols; c++)
            sum += (double)group->x[r * group->stride + c];
    for (int64_t r = 0; r < group->rows; r++)
        for (int64_t c = 0; c < group->cols; c++) {
            const double d = (double)group->x[r * group->stride + c] - sum / n;
            squares += d * d;
        }
    return (float)sqrt(squares / n) + 1e-7f;
}

typedef struct scaled {
    float factor, deviation;
} scaled;

static scaled fit(const nib_quantize_call *call, const nib_binary_options *o, int64_t channel)
{
    const nib_scale_group group = nib_scale_group_of(call, o->per, channel);
    return (scaled){nib_binary_factor(o, &group),
                    nib_scale_is_fitted(&o->scale) ? nib_sample_deviation(&group) : 1.0f};
}

static void sample_columns(const nib_quantize_call *call, const nib_binary_options *o,
                           const nib_sample *sample, const scaled *scales, int64_t from, int64_t n)
{
    float u[NIB_STOCHASTIC_CHUNK];
    for (int64_t r = 0; r < call->rows; r++) {
        nib_stochastic_draw(call, r, from, n, 0, u);
        for (int64_t c = 0; c < n; c++) {
            const int64_t at = r * call->stride + from + c;
            const float x = call->x[at], p = nib_sample_probability(sample, x / scales[c].deviation);
            const float low = o->use_01 ? 0.0f : -1.0f;
            const float sign = u[c] < p ? 1.0f : low;
            call->y[at] = isnan(p) ? p : scales[c].factor * sign;
        }
    }
}

void nib_sample_signs(const nib_quantize_call *call, const nib_binary_options *evaluated,
                      const nib_sample *sample)
{
    /* A scale of the whole tensor is fitted before anything is written, for y may be x. */
    const scaled whole = evaluated->per && call->cols > 0 ? fit(call, evaluated, 0) : (scaled){0.0f, 0.0f};
    scaled scales[NIB_STOCHASTIC_CHUNK];
    for (int64_t from = 0; from < call->cols; from += NIB_STOCHASTIC_CHUNK) {
        const int64_t left = call->cols - from, n = left < NIB_STOCHASTIC_CHUNK ? left : NIB_STOCHASTIC_CHUNK;
        for (int64_t c = 0; c < n; c++)
            scales[c] = evaluated->per ? whole : fit(call, evaluated, from + c);
        sample_columns(call, evaluated, sample, scales, from, n);
    }
}
