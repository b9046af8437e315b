/** How many multiply-adds one core can do per second, measured in registers alone. */
#ifndef NIB_TOOLS_BENCH_PEAK_H
#define NIB_TOOLS_BENCH_PEAK_H

#include "core/isa.h"

/** flop/s (a multiply-add is two) of the calling thread with the vectors of an instruction set that the
 * processor has: the best of several short bursts, about `seconds` in all. 0: the result of the arithmetic
 * was not what it must be, so something else than the multiply-adds was timed. */
double nib_bench_peak(nib_isa isa, double seconds);

#endif
