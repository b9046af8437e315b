/* Both directions of any quantizer, and its blend with the function it stands for. */
#include "core/vector_math.h"
#include "quant/quantizer.h"

enum { CHUNK = 64 };

/* One row's columns from `from` on: what is left of the call is a row of at most CHUNK. */
static nib_quantize_call part_of(const nib_quantize_call *call, int64_t row, int64_t from)
{
    const int64_t at = row * call->stride + from;
    nib_quantize_call part = *call;
    part.rows = 1;
    part.cols = call->cols - from < CHUNK ? call->cols - from : CHUNK;
    part.x += at;
    part.first += row;
    part.y = call->y ? call->y + at : NULL;
    part.dy = call->dy ? call->dy + at : NULL;
    part.dx = call->dx ? call->dx + at : NULL;
    return part;
}

/* y += share * (base - y); written as QKeras has it, for the same bits: base + q (y - base). */
static void blend_row(int64_t n, float q, const float *base, float *y)
{
    NIB_INDEPENDENT
    for (int64_t i = 0; i < n; i++)
        y[i] = base[i] + q * (y[i] - base[i]);
}

void nib_quantizer_forward(const nib_quantizer *type, const nib_quantize_call *call)
{
    type->forward(call);
    if (call->float_share == 0.0f)
        return;
    float base[CHUNK];
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->cols; c += CHUNK) {
            nib_quantize_call part = part_of(call, r, c);
            float *y = part.y;
            part.y = base;
            if (type->unquantized)
                type->unquantized(&part);
            blend_row(part.cols, 1.0f - call->float_share, type->unquantized ? base : part.x, y);
        }
}

void nib_quantizer_backward(const nib_quantizer *type, const nib_quantize_call *call)
{
    type->backward(call);
    if (call->float_share == 0.0f)
        return;
    float base[CHUNK];
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->cols; c += CHUNK) {
            nib_quantize_call part = part_of(call, r, c);
            float *dx = part.dx;
            part.dx = base;
            if (type->unquantized_backward)
                type->unquantized_backward(&part);
            const float *slope = type->unquantized_backward ? base : part.dy;
            for (int64_t i = 0; i < part.cols; i++)
                dx[i] += call->float_share * (slope[i] - dx[i]);
        }
}

int64_t nib_quantizer_channels(const nib_quantizer_config *config)
{
    return config->type->channels ? config->type->channels(config->options) : 0;
}

int64_t nib_quantizer_grid(const nib_quantizer_config *config, bool training, int64_t channels,
                           nib_quantizer_step *steps)
{
    return config->type->grid ? config->type->grid(config->options, training, channels, steps) : 0;
}
