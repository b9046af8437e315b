/* Cost of a dense node. */
#include <math.h>

#include "quant/cost_parts.h"

enum { MAX_DSP = 16 };

/* Sums over the weights of one position. */
typedef struct sums {
    double zeros, units;      /* units: nonzero weights of value +-1 */
    double products[MAX_DSP]; /* nonzero weights that are multiplied, by the DSPs one takes */
    double narrow;            /* of those with a DSP: operands of at most 18 bits */
    double ebops, fabric_ebops, fabric_bits, mac_bits, hgq2, bops_linear;
    double additions, csd;
    double x_bits;   /* of all inputs */
    int64_t deepest; /* most nonzero weights of an output */
} sums;

/* Whether all nonzero weights are +- the same power of two: binary, ternary, the ones of a sum. */
static bool only_adds(const nib_fix_array *w)
{
    bool any = false;
    int exponent = 0;
    for (int64_t k = 0; k < w->rows * w->cols; k++) {
        if (w->code[k] == 0)
            continue;
        const nib_fixed type = nib_fix_type_at(&w->type, k);
        const uint64_t size = (uint64_t)(w->code[k] < 0 ? -w->code[k] : w->code[k]);
        const int e = __builtin_ctzll(size) - nib_fixed_fraction(&type);
        if ((size & (size - 1)) != 0 || (any && e != exponent))
            return false;
        exponent = e;
        any = true;
    }
    return any;
}

static bool is_unit(const nib_fixed *type, int64_t code)
{
    return fabs(nib_fixed_value(type, code)) == 1.0;
}

typedef struct walk {
    const nib_fix_dense *dense;
    const nib_fix_types *x;
    int64_t position;
    bool adders_only, unrolled;
} walk;

static void add_weight(const walk *w, const nib_fixed *x, int64_t i, int64_t j, sums *s, double *digits,
                       int64_t *terms)
{
    const nib_fix_array *kernel = &w->dense->kernel;
    const int64_t k = i * kernel->cols + j, code = kernel->code[k];
    const nib_fixed type = nib_fix_type_at(&kernel->type, k);
    s->hgq2 += nib_cost_hgq2_bits(x) * nib_cost_hgq2_bits(&type);
    s->bops_linear += x->bits + type.bits + log2((double)kernel->rows);
    if (code == 0 || x->bits == 0) {
        s->zeros++;
        return;
    }
    const int span = nib_cost_span(code);
    int64_t dsp = nib_cost_dsp(x->bits, type.bits);
    s->ebops += x->bits * span;
    s->mac_bits += x->bits * type.bits;
    *digits += nib_cost_csd_digits(code);
    ++*terms;
    if (w->adders_only || (w->unrolled && is_unit(&type, code))) {
        s->units++;
        s->fabric_ebops += x->bits * span;
        return;
    }
    dsp = dsp < MAX_DSP ? dsp : MAX_DSP - 1;
    s->products[dsp]++;
    if (dsp == 0) {
        s->fabric_ebops += x->bits * span;
        s->fabric_bits += x->bits * type.bits;
    } else if (x->bits <= 18 && type.bits <= 18) {
        s->narrow++;
    }
}

static void add_position(const walk *w, sums *s)
{
    const nib_fix_array *kernel = &w->dense->kernel, *bias = &w->dense->bias;
    for (int64_t i = 0; i < kernel->rows; i++)
        s->x_bits += nib_fix_type_at(w->x, w->position * kernel->rows + i).bits;
    for (int64_t j = 0; j < kernel->cols; j++) {
        double digits = 0;
        int64_t terms = 0;
        for (int64_t i = 0; i < kernel->rows; i++) {
            const nib_fixed x = nib_fix_type_at(w->x, w->position * kernel->rows + i);
            add_weight(w, &x, i, j, s, &digits, &terms);
        }
        const int with_bias = bias->rows > 0 && bias->code[j] != 0;
        if (terms > 0) {
            s->additions += (double)(terms - 1 + with_bias);
            s->csd += digits - 1 + with_bias;
        }
        s->deepest = terms + with_bias > s->deepest ? terms + with_bias : s->deepest;
    }
}

static double bias_bits(const nib_fix_array *bias, double (*bits)(const nib_fixed *type))
{
    double sum = 0;
    for (int64_t j = 0; j < bias->rows * bias->cols; j++) {
        const nib_fixed type = nib_fix_type_at(&bias->type, j);
        sum += bits(&type);
    }
    return sum;
}

static double all_bits(const nib_fixed *type)
{
    return type->bits;
}

/* Weights and biases that are stored, and the memory of weights that take turns. */
static void add_weight_memory(const nib_fix_dense *dense, nib_cost_node *cost)
{
    const nib_fix_array *kernel = &dense->kernel;
    int widest = 0;
    for (int64_t k = 0; k < kernel->rows * kernel->cols; k++) {
        const int bits = nib_fix_type_at(&kernel->type, k).bits;
        cost->value[NIB_COST_WEIGHT_BITS] += bits;
        widest = bits > widest ? bits : widest;
    }
    cost->value[NIB_COST_WEIGHT_BITS] += bias_bits(&dense->bias, all_bits);
    if (dense->reuse > 1) {
        const int64_t words = (kernel->rows * kernel->cols + dense->reuse - 1) / dense->reuse;
        nib_cost_add_memory(cost, dense->reuse, words * widest, 1);
    }
}

static double result_lut(const nib_cost_call *call)
{
    const nib_fix_node *node = call->node;
    double lut = 0;
    for (int64_t j = 0; j < node->features; j++) {
        const nib_fixed y = nib_fix_type_at(&node->type, j);
        lut += y.bits ? nib_cost_cast_lut(&node->as.dense.accum, &y) : 0;
    }
    return lut;
}

static double result_bits(const nib_fix_node *node)
{
    double bits = 0;
    for (int64_t j = 0; j < node->features; j++)
        bits += nib_fix_type_at(&node->type, j).bits;
    return bits;
}

/* Products of one cycle that meet in one sum. */
static int64_t terms_at_once(const nib_fix_dense *dense, const sums *s)
{
    const int64_t n_in = dense->kernel.rows, r = dense->reuse;
    return r == 1 ? s->deepest : (n_in + r - 1) / r + 1; /* and the accumulator */
}

static void add_logic(const nib_cost_call *call, const sums *s, nib_cost_node *cost)
{
    const nib_fix_dense *dense = &call->node->as.dense;
    const double r = (double)dense->reuse, at_once = (double)call->parallel;
    const double n_in = (double)dense->kernel.rows, accum = dense->accum.bits;
    double with_dsp = 0, all = s->units;
    for (int d = 0; d < MAX_DSP; d++) {
        with_dsp += d > 0 ? s->products[d] : 0;
        all += s->products[d];
    }
    const double l_mult = nib_cost_cycles(
        call->options, NIB_COST_MULTIPLY_NS + NIB_COST_ADD_NS * nib_cost_levels(terms_at_once(dense, s)));
    double lut, ff = result_bits(call->node) + (l_mult - 1) * accum * (double)dense->kernel.cols;
    if (dense->reuse == 1) {
        lut = s->fabric_ebops + with_dsp * accum;
    } else {
        const double turns = fmin(r, n_in);
        lut = ceil((s->fabric_bits + all * accum) / r) + ceil(s->x_bits / turns) * ceil((turns - 1) / 3);
        ff += s->x_bits;
    }
    cost->value[NIB_COST_LUT] = (lut + result_lut(call)) * at_once;
    cost->value[NIB_COST_FF] = ff * at_once;
    cost->value[NIB_COST_LATENCY] = l_mult + (dense->reuse > 1 ? r - 1 + 2 : 0);
    cost->value[NIB_COST_II] = r;
}

void nib_cost_dense(const nib_cost_call *call, nib_cost_node *cost)
{
    const nib_fix_dense *dense = &call->node->as.dense;
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols, positions = call->node->positions;
    const bool each = call->x->type.count == positions * n_in && positions > 1;
    const int64_t walks = each ? positions : 1;
    const double r = (double)dense->reuse;
    sums s = {0};
    walk w = {dense, &call->x->type, 0, only_adds(&dense->kernel), dense->reuse == 1};
    for (; w.position < walks; w.position++)
        add_position(&w, &s);
    /* Numbers of work count every position, numbers of hardware those that work at once. */
    const double work = (double)(positions / walks), hardware = (double)call->parallel / (double)walks;
    const double per_walk = 1 / (double)walks;
    double *v = cost->value, multiplied = 0, dsp = 0;
    for (int d = 0; d < MAX_DSP; d++) {
        multiplied += s.products[d];
        dsp += d * ceil(s.products[d] * per_walk / r);
    }
    v[NIB_COST_WEIGHTS] = (double)(n_in * n_out);
    v[NIB_COST_ZEROS] = floor(s.zeros * per_walk);
    v[NIB_COST_ONES] = floor(s.units * per_walk);
    v[NIB_COST_MULTIPLIERS] = ceil(ceil(multiplied / r) * hardware);
    v[NIB_COST_ADDERS] = ceil(ceil(s.additions / r) * hardware);
    v[NIB_COST_DSP] = dsp * (double)call->parallel;
    v[NIB_COST_DSP_NARROW] = ceil(s.narrow * per_walk / r) * (double)call->parallel;
    v[NIB_COST_EBOPS] = s.ebops * work;
    v[NIB_COST_EBOPS_HGQ2] = s.hgq2 * work + bias_bits(&dense->bias, nib_cost_hgq2_bits) * (double)positions;
    v[NIB_COST_BOPS] = (s.mac_bits + s.bops_linear) * work;
    v[NIB_COST_MAC_BITS] = s.mac_bits * work;
    v[NIB_COST_CSD_ADDERS] = ceil(s.csd * hardware);
    add_weight_memory(dense, cost);
    s.fabric_ebops *= per_walk, s.fabric_bits *= per_walk, s.x_bits *= per_walk, s.units *= per_walk;
    for (int d = 0; d < MAX_DSP; d++)
        s.products[d] *= per_walk;
    add_logic(call, &s, cost);
}
