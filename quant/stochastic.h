/** Random numbers for quantizers that round or sample at random while training. They are counter-based
 * (core/rng.h): the same for any cut of the batch into tiles and any number of threads. */
#ifndef NIB_QUANT_STOCHASTIC_H
#define NIB_QUANT_STOCHASTIC_H

#include "quant/quantizer.h"

enum { NIB_STOCHASTIC_CHUNK = 64 };

/** u [n] uniform in [0, 1) for the elements `col`, col + 1, ... of a row of the call; `word` 0 to 3 gives
 * independent numbers. */
void nib_stochastic_draw(const nib_quantize_call *call, int64_t row, int64_t col, int64_t n, int word,
                         float *u);

/** y = x rounded at random to the two codes beside it (nib_grid_apply_random). */
void nib_stochastic_grid(const nib_quantize_call *call, const nib_grid *grid);

/** v up or down to an integer, up with the probability of its fraction. */
float nib_stochastic_round(float v, float u);

/** Row of the option table that every quantizer which can round at random has. */
#define NIB_STOCHASTIC_ROW(type)                                                                             \
    NIB_ROW(type, use_stochastic_rounding, NIB_OPTION_BOOL, "false", 0, 0, NULL, "",                         \
            "in training, round up with the probability of the fraction")

/** Row of QKeras' switch for schedules that blend in the quantizer (float_share). */
#define NIB_STOCHASTIC_USE_STE_ROW(type)                                                                     \
    NIB_ROW(type, use_ste, NIB_OPTION_BOOL, "true", 0, 0, NULL, "",                                          \
            "false: no gradient through the quantized share, only through the float share of a blend")

/** dx = 0: the backward pass with use_ste=False. */
void nib_stochastic_no_gradient(const nib_quantize_call *call);

#endif
