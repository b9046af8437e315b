/** Casts, loads and stores of rows in lanes of one width. Included once for each: NIB_LANE is int32_t or
 * int64_t, NIB_LANE_BITS without sign its counterpart, NIB_LANE_NAME(x) the names. Not for other modules. */
#ifndef NIB_LANE
#define NIB_LANE         int64_t
#define NIB_LANE_BITS    uint64_t
#define NIB_LANE_NAME(x) x##_i64
#endif

#include "core/vector_math.h"
#include "quant/engine_loops.h"

/* Every loop runs over whole groups of lanes, which tells the compiler that there is no remainder. */
#define NIB_EACH_LANE                                                                                        \
    for (int64_t block = 0; block < n; block += NIB_ENGINE_LANES)                                            \
    NIB_INDEPENDENT for (int64_t i = block; i < block + NIB_ENGINE_LANES; ++i)

static inline void NIB_LANE_NAME(round)(const nib_engine_step *step, int64_t at, int64_t n, NIB_LANE *v)
{
    const NIB_LANE *up = (const NIB_LANE *)step->up + at, *shift = (const NIB_LANE *)step->shift + at;
    const NIB_LANE *add = (const NIB_LANE *)step->add + at, *odd = (const NIB_LANE *)step->add_odd + at;
    const NIB_LANE *negative = (const NIB_LANE *)step->add_negative + at;
    if (step->has_up)
        NIB_EACH_LANE v[i] = (NIB_LANE)((NIB_LANE_BITS)v[i] << up[i]);
    if (step->has_general)
        NIB_EACH_LANE v[i] =
            (v[i] + add[i] + (v[i] < 0 ? negative[i] : 0) + ((v[i] >> shift[i]) & odd[i])) >> shift[i];
    else if (step->has_shift)
        NIB_EACH_LANE v[i] = (v[i] + add[i]) >> shift[i];
}

static inline void NIB_LANE_NAME(limit)(const nib_engine_step *step, int64_t at, int64_t n, NIB_LANE *v)
{
    const NIB_LANE *low = (const NIB_LANE *)step->low + at, *high = (const NIB_LANE *)step->high + at;
    switch (step->overflow) {
    case NIB_OVERFLOW_WRAP:
        NIB_EACH_LANE
        {
            const NIB_LANE_BITS above = (NIB_LANE_BITS)v[i] - (NIB_LANE_BITS)low[i];
            v[i] = (NIB_LANE)((above & (NIB_LANE_BITS)high[i]) + (NIB_LANE_BITS)low[i]);
        }
        return;
    case NIB_OVERFLOW_SAT_ZERO:
        NIB_EACH_LANE v[i] = (v[i] < low[i]) | (v[i] > high[i]) ? 0 : v[i];
        return;
    case NIB_OVERFLOW_SAT:
    case NIB_OVERFLOW_SAT_SYM:
    case NIB_OVERFLOW_COUNT:
        break;
    }
    NIB_EACH_LANE
    {
        const NIB_LANE least = v[i] < low[i] ? low[i] : v[i];
        v[i] = least > high[i] ? high[i] : least;
    }
}

/* v [n] through all steps; `row` chooses the numbers. */
static inline void NIB_LANE_NAME(cast)(const nib_engine_steps *steps, int64_t row, int64_t n, NIB_LANE *v)
{
    const int64_t at = row % steps->period * steps->stride;
    for (int k = 0; k < steps->n; ++k) {
        const nib_engine_step *step = &steps->step[k];
        if (step->relu)
            NIB_EACH_LANE v[i] = v[i] < 0 ? 0 : v[i];
        NIB_LANE_NAME(round)(step, at, n, v);
        if (step->has_limit)
            NIB_LANE_NAME(limit)(step, at, n, v);
        if (step->has_align) {
            const NIB_LANE *align = (const NIB_LANE *)step->align + at;
            NIB_EACH_LANE v[i] = (NIB_LANE)((NIB_LANE_BITS)v[i] << align[i]);
        }
    }
}

static inline void NIB_LANE_NAME(store)(const nib_engine_tensor *y, int64_t row, int64_t n, const NIB_LANE *v)
{
    const int64_t at = row * y->stride;
    uint8_t *u8 = (uint8_t *)y->data + at;
    int16_t *i16 = (int16_t *)y->data + at;
    int32_t *i32 = (int32_t *)y->data + at;
    int64_t *i64 = (int64_t *)y->data + at;
    const NIB_LANE offset = y->offset;
    switch (y->storage) {
    case NIB_ENGINE_U8:
        NIB_EACH_LANE u8[i] = (uint8_t)(v[i] + offset);
        return;
    case NIB_ENGINE_I16:
        NIB_EACH_LANE i16[i] = (int16_t)v[i];
        return;
    case NIB_ENGINE_I32:
        NIB_EACH_LANE i32[i] = (int32_t)v[i];
        return;
    case NIB_ENGINE_I64:
        NIB_EACH_LANE i64[i] = (int64_t)v[i];
        return;
    }
}

static inline void NIB_LANE_NAME(load)(const nib_engine_tensor *x, int64_t row, int64_t n, NIB_LANE *v)
{
    const int64_t at = row * x->stride;
    const uint8_t *u8 = (const uint8_t *)x->data + at;
    const int16_t *i16 = (const int16_t *)x->data + at;
    const int32_t *i32 = (const int32_t *)x->data + at;
    const int64_t *i64 = (const int64_t *)x->data + at;
    const NIB_LANE offset = x->offset;
    switch (x->storage) {
    case NIB_ENGINE_U8:
        NIB_EACH_LANE v[i] = (NIB_LANE)u8[i] - offset;
        return;
    case NIB_ENGINE_I16:
        NIB_EACH_LANE v[i] = i16[i];
        return;
    case NIB_ENGINE_I32:
        NIB_EACH_LANE v[i] = (NIB_LANE)i32[i];
        return;
    case NIB_ENGINE_I64:
        NIB_EACH_LANE v[i] = (NIB_LANE)i64[i];
        return;
    }
}

#undef NIB_EACH_LANE
