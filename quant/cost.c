#include "quant/cost.h"

#include <math.h>

#include "quant/cost_parts.h"

#define NIB_COST(NAME, key, title, formula, source) {#key, title, formula, source},
const nib_cost_about nib_cost_abouts[NIB_COST_NUMBERS] = {
#include "quant/cost_numbers.def"
};
#undef NIB_COST

/* ---- Rules ---- */

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

int64_t nib_cost_dsp(int bits_x, int bits_w)
{
    const int wide = bits_x > bits_w ? bits_x : bits_w, narrow = bits_x > bits_w ? bits_w : bits_x;
    return wide < 10 ? 0 : divide_up(wide, 27) * divide_up(narrow, 18);
}

int nib_cost_csd_digits(int64_t code)
{
    const uint64_t size = code < 0 ? 0 - (uint64_t)code : (uint64_t)code;
    /* The digits of 3x - x in which one of the two has a bit and the other has none. */
    return __builtin_popcountll((size + (size << 1)) ^ size);
}

int nib_cost_span(int64_t code)
{
    const uint64_t size = code < 0 ? 0 - (uint64_t)code : (uint64_t)code;
    return size ? 64 - __builtin_clzll(size) - __builtin_ctzll(size) : 0;
}

bool nib_cost_reuse_is_valid(int64_t n_in, int64_t n_out, int64_t reuse)
{
    if (reuse < 1 || (n_in * n_out) % reuse != 0)
        return false;
    return reuse < n_in ? (n_in * n_out / reuse) % n_out == 0 : reuse % n_in == 0;
}

static int64_t blocks(int64_t depth, int64_t width, const int (*shape)[2], int count)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < count; i++) {
        const int64_t n = divide_up(depth, shape[i][0]) * divide_up(width, shape[i][1]);
        least = n < least ? n : least;
    }
    return least;
}

int64_t nib_cost_bram18(int64_t depth, int64_t width)
{
    static const int shapes[][2] = {{512, 36}, {1024, 18}, {2048, 9}, {4096, 4}, {8192, 2}, {16384, 1}};
    return blocks(depth, width, shapes, 6);
}

int64_t nib_cost_m20k(int64_t depth, int64_t width)
{
    static const int shapes[][2] = {{512, 40}, {1024, 20}, {2048, 10}};
    return depth <= 32 ? 0 : blocks(depth, width, shapes, 3);
}

int64_t nib_cost_mlab(int64_t depth, int64_t width)
{
    return depth <= 32 ? divide_up(width, 20) : 0;
}

double nib_cost_cycles(const nib_cost_options *options, double ns)
{
    const double cycles = ceil(ns / (NIB_COST_USABLE * options->clock_ns) - 1e-9);
    return cycles < 1 ? 1 : cycles;
}

int nib_cost_levels(int64_t n)
{
    int levels = 0;
    while (((int64_t)1 << levels) < n)
        levels++;
    return levels;
}

void nib_cost_add_memory(nib_cost_node *cost, int64_t depth, int64_t width, int64_t reads)
{
    const double copies = (double)divide_up(reads, 2); /* both kinds of block have two ports */
    cost->value[NIB_COST_BRAM18] += copies * (double)nib_cost_bram18(depth, width);
    cost->value[NIB_COST_M20K] += copies * (double)nib_cost_m20k(depth, width);
    cost->value[NIB_COST_MLAB] += (double)(reads * nib_cost_mlab(depth, width));
}

double nib_cost_cast_lut(const nib_fixed *from, const nib_fixed *to)
{
    const bool drops = nib_fixed_fraction(from) > nib_fixed_fraction(to);
    const bool clips = from->integer > to->integer || (from->is_signed && !to->is_signed);
    double lut = 0;
    if (drops && to->rounding != NIB_ROUNDING_TRN)
        lut += to->bits;
    if (clips && to->overflow != NIB_OVERFLOW_WRAP)
        lut += to->bits;
    return lut;
}

double nib_cost_hgq2_bits(const nib_fixed *type)
{
    if (type->bits == 0)
        return 0;
    return type->bits - (type->is_signed && type->overflow != NIB_OVERFLOW_SAT ? 1 : 0);
}

/* ---- The net ---- */

int64_t nib_cost_valid_reuse(int64_t n_in, int64_t n_out, int64_t reuse, int64_t *below, int64_t *above)
{
    const int64_t most = n_in * n_out;
    for (*below = reuse < most ? reuse : most; !nib_cost_reuse_is_valid(n_in, n_out, *below); --*below)
        continue; /* 1 is valid */
    for (*above = reuse; *above <= most && !nib_cost_reuse_is_valid(n_in, n_out, *above); ++*above)
        continue;
    *above = *above <= most ? *above : 0;
    return *above && *above - reuse < reuse - *below ? *above : *below;
}

static void check_reuse(const nib_fix_dense *dense, nib_cost_node *cost)
{
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    if (dense->order == NIB_FIX_ORDER_RESOURCE && !nib_cost_reuse_is_valid(n_in, n_out, dense->reuse))
        cost->valid_reuse =
            nib_cost_valid_reuse(n_in, n_out, dense->reuse, &cost->valid_below, &cost->valid_above);
}

static void cost_of_node(const nib_fixnet *net, const nib_cost_options *options, int index, nib_cost *cost)
{
    const nib_fix_node *node = &net->node[index];
    nib_cost_node *c = &cost->node[index];
    const nib_fix_node *x = node->n_inputs > 0 ? &net->node[node->input[0]] : NULL;
    const int64_t at_once = node->kind == NIB_FIX_POOL && x ? x->positions : node->positions;
    const nib_cost_call call = {net, options, node, x, options->stream ? 1 : at_once};
    c->node = node;
    if (node->kind == NIB_FIX_DENSE) {
        c->reuse = node->as.dense.reuse;
        nib_cost_dense(&call, c);
        check_reuse(&node->as.dense, c);
    } else {
        nib_cost_other(&call, c);
    }
    if (options->stream && node->kind != NIB_FIX_INPUT && c->value[NIB_COST_II] > 0)
        c->value[NIB_COST_II] *= (double)at_once;
    double before = 0;
    for (int i = 0; i < node->n_inputs; i++)
        before = fmax(before, cost->node[node->input[i]].ready);
    c->ready = before + c->value[NIB_COST_LATENCY];
}

static void add_up(nib_cost *cost)
{
    for (int i = 0; i < cost->n_nodes; i++) {
        const nib_cost_node *c = &cost->node[i];
        for (int k = 0; k < NIB_COST_NUMBERS; k++)
            if (k != NIB_COST_LATENCY && k != NIB_COST_II)
                cost->total[k] += c->value[k];
        cost->total[NIB_COST_II] = fmax(cost->total[NIB_COST_II], c->value[NIB_COST_II]);
        cost->total[NIB_COST_LATENCY] = fmax(cost->total[NIB_COST_LATENCY], c->ready);
    }
    cost->total[NIB_COST_II] = fmax(cost->total[NIB_COST_II], 1);
}

nib_status nib_cost_create(const nib_fixnet *net, const nib_cost_options *options, nib_arena *arena,
                           nib_cost **cost, nib_error *err)
{
    nib_cost *c = NIB_NEW(arena, nib_cost, 1);
    if (c)
        c->node = NIB_NEW(arena, nib_cost_node, net->n_nodes);
    if (!c || !c->node)
        return nib_fail_memory(err, "cost");
    c->options = *options;
    c->n_nodes = net->n_nodes;
    for (int i = 0; i < net->n_nodes; i++)
        cost_of_node(net, options, i, c);
    add_up(c);
    *cost = c;
    return NIB_OK;
}

double nib_cost_percent(const double *value, const nib_device *device, nib_cost_number what)
{
    double used = value[what];
    const int64_t has = what == NIB_COST_DSP      ? device->dsp
                        : what == NIB_COST_LUT    ? device->lut
                        : what == NIB_COST_FF     ? device->ff
                        : what == NIB_COST_BRAM18 ? device->bram18
                        : what == NIB_COST_M20K   ? device->m20k
                        : what == NIB_COST_MLAB   ? device->mlab
                                                  : 0;
    if (has == 0)
        return -1;
    if (what == NIB_COST_DSP && device->dsp_share == 2)
        used -= floor(value[NIB_COST_DSP_NARROW] / 2);
    return 100 * used / (double)has;
}
