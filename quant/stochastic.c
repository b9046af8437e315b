#include "quant/stochastic.h"

#include "quant/grid_loops.h"

void nib_stochastic_draw(const nib_quantize_call *call, int64_t row, int64_t col, int64_t n, int word,
                         float *u)
{
    nib_rng_floats(&call->rng, (uint64_t)((call->first + row) * call->cols + col), n, word, u);
}

void nib_stochastic_grid(const nib_quantize_call *call, const nib_grid *grid)
{
    float u[NIB_STOCHASTIC_CHUNK];
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->cols; c += NIB_STOCHASTIC_CHUNK) {
            const int64_t left = call->cols - c,
                          n = left < NIB_STOCHASTIC_CHUNK ? left : NIB_STOCHASTIC_CHUNK;
            const int64_t at = r * call->stride + c;
            nib_stochastic_draw(call, r, c, n, 0, u);
            nib_grid_apply_random(grid, n, call->x + at, u, call->y + at);
        }
}

float nib_stochastic_round(float v, float u)
{
    const float t = nib_grid_floor(v);
    return t + (u < v - t ? 1.0f : 0.0f);
}

void nib_stochastic_no_gradient(const nib_quantize_call *call)
{
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->cols; c++)
            call->dx[r * call->stride + c] = 0.0f;
}
