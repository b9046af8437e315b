/** Cost of a fixnet in hardware, without synthesis: every number with its formula and source
 *  (quant/cost_numbers.def). */
#ifndef NIB_QUANT_COST_H
#define NIB_QUANT_COST_H

#include "quant/device.h"
#include "quant/fixnet.h"

#define NIB_COST(NAME, key, title, formula, source) NIB_COST_##NAME,
typedef enum nib_cost_number {
#include "quant/cost_numbers.def"
    NIB_COST_NUMBERS
} nib_cost_number;
#undef NIB_COST

typedef struct nib_cost_about {
    const char *key;     /**< "dsp": JSON */
    const char *title;   /**< "DSP": tables */
    const char *formula; /**< for people */
    const char *source;
} nib_cost_about;
extern const nib_cost_about nib_cost_abouts[NIB_COST_NUMBERS];

/** How the net is built. */
typedef struct nib_cost_options {
    double clock_ns; /**< period */
    bool stream;     /**< io_stream: the positions of a set one after the other through the same hardware */
} nib_cost_options;

typedef struct nib_cost_node {
    const nib_fix_node *node;
    int64_t reuse; /**< of dense nodes; 0: others */
    /** Reuse factors of a resource strategy that hls4ml would change: what it takes instead, and the valid
     * ones on both sides (0: none there). valid_reuse is 0 where it changes nothing. */
    int64_t valid_reuse, valid_below, valid_above;
    double value[NIB_COST_NUMBERS]; /**< counts are whole numbers */
    double ready;                   /**< cycles until its result is there, from the inputs */
} nib_cost_node;

typedef struct nib_cost {
    nib_cost_options options;
    int n_nodes;
    nib_cost_node *node; /**< [n_nodes], in the net's order */
    double total[NIB_COST_NUMBERS];
} nib_cost;

/** The cost of a checked net. In the arena. Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_cost_create(const nib_fixnet *net, const nib_cost_options *options,
                                        nib_arena *arena, nib_cost **cost, nib_error *err);

/** Whether hls4ml takes this reuse factor for n_in x n_out weights under a resource strategy: it divides
 * n_in n_out; below n_in the multipliers ceil(n_in n_out / R) are a multiple of n_out, from there on R is a
 * multiple of n_in. Source: hls4ml 1.3.0, FPGABackend. */
bool nib_cost_reuse_is_valid(int64_t n_in, int64_t n_out, int64_t reuse);

/** What hls4ml takes instead: the nearer of the valid factors on both sides (*above is 0 where there is
 * none), the smaller of two that are as near. */
int64_t nib_cost_valid_reuse(int64_t n_in, int64_t n_out, int64_t reuse, int64_t *below, int64_t *above);

/** Blocks that one memory of `depth` words of `width` bits takes. */
int64_t nib_cost_bram18(int64_t depth, int64_t width);
int64_t nib_cost_m20k(int64_t depth, int64_t width); /**< 0 where nib_cost_mlab has it */
int64_t nib_cost_mlab(int64_t depth, int64_t width);

/** DSPs of one multiplier, by the rule of NIB_COST_DSP. */
int64_t nib_cost_dsp(int bits_x, int bits_w);

/** Nonzero digits of |code| in canonical signed digits; bits between its highest and lowest set bit (0: 0).
 */
int nib_cost_csd_digits(int64_t code);
int nib_cost_span(int64_t code);

/** Use of a device, in per cent: of dsp, lut, ff, bram18, m20k, mlab; < 0 where the device has none of it. */
double nib_cost_percent(const double *value, const nib_device *device, nib_cost_number what);

#endif
