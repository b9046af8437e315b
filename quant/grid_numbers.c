#include "quant/grid_numbers.h"

#include <math.h>

#include "core/tensor.h"

enum { VECTORS = NIB_GRID_NUMBERS };

nib_grid_numbers *nib_grid_numbers_create(nib_arena *arena, int64_t columns)
{
    const int64_t padded = nib_padded(columns);
    nib_grid_numbers *n = NIB_NEW(arena, nib_grid_numbers, 1);
    float *v = NIB_NEW(arena, float, VECTORS *padded);
    nib_quantizer_step *scratch = NIB_NEW(arena, nib_quantizer_step, columns);
    if (!n || !v || !scratch)
        return NULL;
    *n = (nib_grid_numbers){.columns = columns, .vectors = v, .scratch = scratch};
    return n;
}

static bool round_mode(nib_rounding rounding, nib_grid_rounding *mode)
{
    if (rounding != NIB_ROUNDING_RND_CONV && rounding != NIB_ROUNDING_RND && rounding != NIB_ROUNDING_TRN)
        return false;
    *mode = rounding == NIB_ROUNDING_RND_CONV ? NIB_GRID_HALF_EVEN
            : rounding == NIB_ROUNDING_RND    ? NIB_GRID_HALF_UP
                                              : NIB_GRID_FLOOR;
    return true;
}

/* Within what core/grid_vectors.h does exactly. */
static bool fits(const nib_quantizer_step *s, nib_grid_range range)
{
    int exponent;
    const nib_grid *g = &s->grid;
    if (s->lowest > 0.0f || g->lowest > 0.0f || g->highest < 0.0f)
        return false;
    if (frexpf(g->step, &exponent) != 0.5f || g->step * g->inverse != 1.0f)
        return false;
    if (range != NIB_GRID_CLAMP)
        return g->rounding != NIB_ROUNDING_TRN || g->step <= 1.0f;
    return g->lowest >= -0x1p22f && g->highest <= 0x1p22f - 1.0f && floorf(g->lowest) == g->lowest &&
           floorf(g->highest) == g->highest;
}

static void put(float *first, int64_t apart, const nib_quantizer_step *s)
{
    const nib_grid *g = &s->grid;
    const float values[VECTORS] = {g->step,
                                   s->lowest,
                                   s->highest,
                                   g->lowest * g->step,
                                   g->highest * g->step,
                                   0x1.8p23f * g->step,
                                   0.5f * g->step,
                                   g->inverse,
                                   g->modulus,
                                   1.0f / g->modulus,
                                   g->highest};
    for (int i = 0; i < VECTORS; i++)
        first[i * apart] = values[i];
}

/* The step's vectors lie so many floats apart. */
static void point(nib_grid_step *step, const float *v, int64_t apart)
{
    const float **const place[VECTORS] = {
        &step->step,    &step->pass_low,        &step->pass_high, &step->low,
        &step->high,    &step->magic,           &step->half,      &step->inverse,
        &step->modulus, &step->inverse_modulus, &step->code_high};
    for (int i = 0; i < VECTORS; i++)
        *place[i] = v + i * apart;
}

bool nib_grid_numbers_fill(nib_grid_numbers *numbers, const nib_quantizer_config *quantizer, bool training,
                           bool shared, bool open)
{
    const int64_t columns = numbers->columns;
    const nib_quantizer_step *s = numbers->scratch;
    const int64_t steps = nib_quantizer_grid(quantizer, training, shared ? 1 : columns, numbers->scratch);
    if (steps == 0 || s[0].grid.overflow == NIB_OVERFLOW_SAT_ZERO ||
        !round_mode(s[0].grid.rounding, &numbers->step.rounding))
        return false;
    const bool wraps = s[0].grid.overflow == NIB_OVERFLOW_WRAP;
    numbers->step.range = !wraps ? NIB_GRID_CLAMP : open ? NIB_GRID_OPEN : NIB_GRID_WRAP;
    const int64_t padded = nib_padded(columns);
    numbers->step.uniform = steps == 1;
    point(&numbers->step, steps == 1 ? numbers->one : numbers->vectors, steps == 1 ? 1 : padded);
    for (int64_t c = 0; c < steps; c++) {
        const nib_quantizer_step *own = &s[c];
        if (own->grid.rounding != s[0].grid.rounding || own->grid.overflow != s[0].grid.overflow ||
            !fits(own, numbers->step.range))
            return false;
        put(steps == 1 ? numbers->one : numbers->vectors + c, steps == 1 ? 1 : padded, own);
    }
    return true;
}
