/* Cost of every node that is not dense. */
#include <math.h>
#include <string.h>

#include "quant/cost_parts.h"

enum { SMALL_TABLE_BITS = 1024 }; /* what tools put into LUTs rather than into a block */

/* Sums over the elements of the result that have hardware at once. */
typedef struct elements {
    double count, bits, cast_lut;
} elements;

static elements look(const nib_cost_call *call)
{
    const nib_fix_node *node = call->node, *x = call->x;
    elements sum = {0, 0, 0};
    const int64_t n = node->positions * node->features;
    for (int64_t k = 0; k < n; k++) {
        const nib_fixed y = nib_fix_type_at(&node->type, k);
        if (y.bits == 0)
            continue;
        sum.count++;
        sum.bits += y.bits;
        if (x && x->positions * x->features == n) {
            const nib_fixed from = nib_fix_type_at(&x->type, k);
            sum.cast_lut += from.bits ? nib_cost_cast_lut(&from, &y) : 0;
        }
    }
    const double share = call->options->stream ? 1 / (double)node->positions : 1;
    return (elements){ceil(sum.count * share), ceil(sum.bits * share), ceil(sum.cast_lut * share)};
}

static void add_table(nib_cost_node *cost, int64_t size, int width, int64_t reads)
{
    if (size * width <= SMALL_TABLE_BITS)
        cost->value[NIB_COST_LUT] += (double)reads * width * ceil((double)size / 64);
    else
        nib_cost_add_memory(cost, size, width, reads);
}

static void add(const nib_cost_call *call, const elements *e, nib_cost_node *cost)
{
    const int operands = call->node->n_inputs;
    cost->value[NIB_COST_ADDERS] = (double)(operands - 1) * e->count;
    cost->value[NIB_COST_LUT] = (double)(operands - 1) * e->bits;
    cost->value[NIB_COST_LATENCY] =
        nib_cost_cycles(call->options, NIB_COST_ADD_NS * nib_cost_levels(operands));
}

static void scale(const nib_cost_call *call, nib_cost_node *cost)
{
    const nib_fix_node *node = call->node;
    const nib_fix_array *factor = &node->as.scale.scale, *shift = &node->as.scale.shift;
    double *v = cost->value;
    for (int64_t k = 0; k < call->parallel * node->features; k++) {
        const int64_t j = k % node->features, code = factor->code[j];
        const nib_fixed type = nib_fix_type_at(&factor->type, j), x = nib_fix_type_at(&call->x->type, k);
        const int64_t dsp = nib_cost_dsp(x.bits, type.bits);
        v[NIB_COST_ADDERS] += shift->code[j] != 0;
        v[NIB_COST_LUT] += shift->code[j] != 0 ? x.bits + type.bits : 0;
        v[NIB_COST_WEIGHTS] += k < node->features;
        v[NIB_COST_WEIGHT_BITS] += k < node->features ? type.bits + nib_fix_type_at(&shift->type, j).bits : 0;
        if (code == 0 || x.bits == 0)
            continue;
        const int span = nib_cost_span(code);
        v[NIB_COST_EBOPS] += x.bits * span;
        v[NIB_COST_EBOPS_HGQ2] += nib_cost_hgq2_bits(&x) * nib_cost_hgq2_bits(&type);
        v[NIB_COST_MAC_BITS] += x.bits * type.bits;
        v[NIB_COST_BOPS] += x.bits * type.bits + x.bits + type.bits;
        v[NIB_COST_CSD_ADDERS] += nib_cost_csd_digits(code) - 1 + (shift->code[j] != 0);
        if (fabs(nib_fixed_value(&type, code)) == 1.0) {
            v[NIB_COST_ONES] += k < node->features;
            continue;
        }
        v[NIB_COST_MULTIPLIERS]++;
        v[NIB_COST_DSP] += (double)dsp;
        v[NIB_COST_DSP_NARROW] += dsp > 0 && x.bits <= 18 && type.bits <= 18;
        v[NIB_COST_LUT] += dsp == 0 ? x.bits * span : 0;
    }
    v[NIB_COST_LATENCY] = nib_cost_cycles(call->options, NIB_COST_MULTIPLY_NS + NIB_COST_ADD_NS);
}

static void softmax(const nib_cost_call *call, nib_cost_node *cost)
{
    const nib_fix_softmax *s = &call->node->as.softmax;
    const int64_t n = call->node->features;
    const double at_once = (double)call->parallel, levels = nib_cost_levels(n), count = (double)n;
    const nib_fixed x = nib_fix_type_at(&call->x->type, 0);
    double *v = cost->value;
    const double tree = nib_cost_cycles(call->options, NIB_COST_ADD_NS * levels);
    v[NIB_COST_LATENCY] = tree;
    v[NIB_COST_LUT] = (count - 1) * x.bits * at_once;
    if (s->kind == NIB_FIX_SOFTMAX_ARGMAX)
        return;
    const int64_t dsp = nib_cost_dsp(s->exp_table.bits, s->inv_table.bits);
    v[NIB_COST_MULTIPLIERS] = count * at_once;
    v[NIB_COST_DSP] = count * at_once * (double)dsp;
    v[NIB_COST_DSP_NARROW] =
        dsp > 0 && s->exp_table.bits <= 18 && s->inv_table.bits <= 18 ? count * at_once : 0;
    v[NIB_COST_ADDERS] = (count - 1 + (s->kind == NIB_FIX_SOFTMAX_STABLE ? count : 0)) * at_once;
    v[NIB_COST_LUT] += v[NIB_COST_ADDERS] * s->accum.bits;
    if (dsp == 0)
        v[NIB_COST_LUT] += count * at_once * s->exp_table.bits * s->inv_table.bits;
    add_table(cost, s->exp_size, s->exp_table.bits, n * call->parallel);
    add_table(cost, s->inv_size, s->inv_table.bits, call->parallel);
    /* the largest and the differences, exp, the sum, 1/sum, the product */
    const double largest = s->kind == NIB_FIX_SOFTMAX_STABLE ? tree : 0;
    v[NIB_COST_LATENCY] = largest + 1 + tree + 1 + nib_cost_cycles(call->options, NIB_COST_MULTIPLY_NS);
}

static void pool(const nib_cost_call *call, nib_cost_node *cost)
{
    const nib_fix_pool *p = &call->node->as.pool;
    const int64_t n = call->x->positions, features = call->node->features;
    const double count = (double)features, operands = call->options->stream ? 2 : (double)n;
    double *v = cost->value;
    v[NIB_COST_ADDERS] = (operands - 1) * count;
    v[NIB_COST_LUT] = (operands - 1) * count * p->accum.bits;
    v[NIB_COST_LATENCY] =
        nib_cost_cycles(call->options, NIB_COST_ADD_NS * nib_cost_levels(call->options->stream ? 2 : n));
    if (call->options->stream)
        v[NIB_COST_LATENCY] += (double)(n - 1);
    if (p->kind != NIB_FIX_POOL_MAX) {
        double sum = 0, least = 0;
        for (int64_t j = 0; j < features; j++) {
            double low = (double)INFINITY;
            for (int64_t i = 0; i < n; i++) {
                const nib_fixed x = nib_fix_type_at(&call->x->type, i * features + j);
                sum += nib_cost_hgq2_bits(&x);
                low = fmin(low, nib_cost_hgq2_bits(&x));
            }
            least += low;
        }
        v[NIB_COST_EBOPS_HGQ2] = 0.65 * (sum - least);
    }
    if (p->kind == NIB_FIX_POOL_MEAN && (n & (n - 1)) != 0) {
        v[NIB_COST_DIVIDERS] = count;
        v[NIB_COST_LUT] += count * p->accum.bits * p->accum.bits;
        v[NIB_COST_LATENCY] += p->accum.bits; /* a bit of the quotient each cycle */
    }
}

void nib_cost_other(const nib_cost_call *call, nib_cost_node *cost)
{
    const nib_fix_node *node = call->node;
    const elements e = look(call);
    double *v = cost->value;
    switch (node->kind) {
    case NIB_FIX_INPUT:
    case NIB_FIX_CONCAT:
    case NIB_FIX_RESHAPE:
        return;
    case NIB_FIX_CAST:
        v[NIB_COST_LATENCY] = e.cast_lut > 0 ? 1 : 0;
        break;
    case NIB_FIX_RELU:
    case NIB_FIX_LEAKY_RELU:
        v[NIB_COST_LUT] = e.bits;
        v[NIB_COST_LATENCY] = 1;
        break;
    case NIB_FIX_ADD:
        add(call, &e, cost);
        break;
    case NIB_FIX_TABLE:
        add_table(cost, node->as.table.size, nib_fix_type_at(&node->type, 0).bits, (int64_t)e.count);
        v[NIB_COST_LATENCY] = 2;
        break;
    case NIB_FIX_SOFTMAX:
        softmax(call, cost);
        break;
    case NIB_FIX_POOL:
        pool(call, cost);
        break;
    case NIB_FIX_SCALE:
        scale(call, cost);
        break;
    case NIB_FIX_DENSE:
    case NIB_FIX_KIND_COUNT:
        return;
    }
    v[NIB_COST_LUT] += e.cast_lut;
    v[NIB_COST_FF] += v[NIB_COST_LATENCY] > 0 ? e.bits : 0;
    v[NIB_COST_II] = 1;
}
