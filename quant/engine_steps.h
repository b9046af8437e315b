/** Casts, loads and stores of rows in lanes of 32 and of 64 bits: cast_i32, cast_i64, ... Not for other
 * modules.
 */
#ifndef NIB_QUANT_ENGINE_STEPS_H
#define NIB_QUANT_ENGINE_STEPS_H

#include "core/vector_math.h"
#include "quant/engine_loops.h"

#define NIB_LANE         int32_t
#define NIB_LANE_BITS    uint32_t
#define NIB_LANE_NAME(x) x##_i32
#include "quant/engine_steps.inc"
#undef NIB_LANE
#undef NIB_LANE_BITS
#undef NIB_LANE_NAME
#define NIB_LANE         int64_t
#define NIB_LANE_BITS    uint64_t
#define NIB_LANE_NAME(x) x##_i64
#include "quant/engine_steps.inc"
#undef NIB_LANE
#undef NIB_LANE_BITS
#undef NIB_LANE_NAME

#endif
