#include "quant/scale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/vector_math.h"

static const float epsilon = 1e-7f; /* of Keras */

float nib_scale_snapped(float v)
{
    /* v = f * 2^exponent, f in [1/2, 1); the constant is the last float below 1/sqrt(2). */
    int exponent;
    const float f = frexpf(v, &exponent);
    return ldexpf(1.0f, f <= 0.70710677f ? exponent - 1 : exponent);
}

nib_status nib_scale_read(const char *text, bool snap, nib_scale *scale, nib_error *err)
{
    static const char *const words[] = {
        [NIB_SCALE_NONE] = "none", [NIB_SCALE_AUTO] = "auto", [NIB_SCALE_AUTO_PO2] = "auto_po2"};
    *scale = (nib_scale){NIB_SCALE_NUMBER, 1.0f};
    for (int i = NIB_SCALE_NONE; i <= NIB_SCALE_AUTO_PO2; i++)
        if (words[i] && strcasecmp(text, words[i]) == 0) {
            scale->kind = (nib_scale_kind)i;
            if (snap && i == NIB_SCALE_AUTO)
                scale->kind = NIB_SCALE_AUTO_PO2;
            return NIB_OK;
        }
    char *end;
    const bool number = text[0] != '\0' && text[strspn(text, "0123456789.+-eE")] == '\0';
    const float value = number ? strtof(text, &end) : 0.0f;
    if (!number || *end)
        return nib_fail(err, NIB_ERR_CONFIG, "alpha: '%.40s' is not a number, none, auto or auto_po2", text);
    if (!(value >= 0x1p-60f && value <= 0x1p60f))
        return nib_fail(err, NIB_ERR_CONFIG, "alpha: %.40s is out of range (2^-60 to 2^60)", text);
    scale->value = snap ? nib_scale_snapped(value) : value;
    return NIB_OK;
}

bool nib_scale_is_fitted(const nib_scale *scale)
{
    return scale->kind == NIB_SCALE_AUTO || scale->kind == NIB_SCALE_AUTO_PO2;
}

nib_status nib_scale_need_values(const nib_quantize_call *call, const char *alpha, nib_error *err)
{
    if (call->x)
        return NIB_OK;
    return nib_fail(err, NIB_ERR_CONFIG,
                    "alpha=%s is fitted to the values of a weight; here the values come with the data: give "
                    "a number",
                    alpha);
}

float nib_scale_po2(float v)
{
    if (!(v < 0x1p100f)) /* no scale of weights that mean anything; NaN stays NaN */
        return v > 0.0f ? 0x1p100f : v;
    return ldexpf(1.0f, (int)rint(log2((double)(v + epsilon))));
}

int64_t nib_scale_groups(const nib_quantize_call *call, bool per_tensor)
{
    return per_tensor ? 1 : call->cols;
}

nib_scale_group nib_scale_group_of(const nib_quantize_call *call, bool per_tensor, int64_t index)
{
    return (nib_scale_group){.x = call->x + index,
                             .y = call->y + index,
                             .rows = call->rows,
                             .cols = per_tensor ? call->cols : 1,
                             .stride = call->stride};
}

float nib_scale_largest(const nib_scale_group *group)
{
    float largest = 0.0f;
    for (int64_t r = 0; r < group->rows; r++)
        for (int64_t c = 0; c < group->cols; c++) {
            const float magnitude = fabsf(group->x[r * group->stride + c]);
            largest = magnitude > largest ? magnitude : largest;
        }
    return largest;
}

float nib_scale_least_squares(const nib_scale_group *group, nib_scale_kind kind,
                              float (*q)(const void *context, float x), const void *context)
{
    double xq = 0.0, qq = 0.0;
    for (int64_t r = 0; r < group->rows; r++)
        for (int64_t c = 0; c < group->cols; c++) {
            const double x = (double)group->x[r * group->stride + c];
            const double level = (double)q(context, group->x[r * group->stride + c]);
            xq += x * level;
            qq += level * level;
        }
    const double n = (double)(group->rows * group->cols);
    const float scale = (float)(xq / n / (qq / n + (double)epsilon));
    return kind == NIB_SCALE_AUTO_PO2 ? nib_scale_po2(scale) : scale;
}

void nib_scale_apply(const nib_scale_group *group, float factor, float (*q)(const void *context, float x),
                     const void *context)
{
    for (int64_t r = 0; r < group->rows; r++)
        for (int64_t c = 0; c < group->cols; c++) {
            const int64_t i = r * group->stride + c;
            group->y[i] = factor * q(context, group->x[i]);
        }
}

void nib_scale_pass(const nib_quantize_call *call, float lowest, float highest)
{
    nib_grid_pass_rows(lowest, highest, call->rows, call->cols, call->stride, call->x, call->dy, call->dx);
}

void nib_scale_gradient(const nib_quantize_call *call, const nib_scale *scale, nib_scale_ste ste)
{
    if (ste != NIB_SCALE_STE_TANH && !(ste == NIB_SCALE_STE_AUTO && scale->kind == NIB_SCALE_NONE)) {
        const float end = ste == NIB_SCALE_STE_CLIP ? 1.0f : INFINITY;
        nib_scale_pass(call, -end, end);
        return;
    }
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->cols; c++) {
            const int64_t i = r * call->stride + c;
            const float t = nib_tanhf(call->x[i]);
            call->dx[i] = call->dy[i] * (1.0f - t * t);
        }
}
