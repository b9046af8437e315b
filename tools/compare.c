#include "tools/compare.h"

#include <math.h>
#include <string.h>

#include "tools/network.h"
#include "train/fold.h"

/* ---- Types and codes ---- */

static nib_span range_of(const nib_fix_types *types)
{
    nib_span range = {0, 0};
    for (int64_t i = 0; i < types->count; i++) {
        const nib_fixed type = nib_fix_type_at(types, i);
        if (type.bits == 0)
            continue;
        const double low = nib_fixed_value(&type, nib_fixed_lowest(&type));
        const double high = nib_fixed_value(&type, nib_fixed_highest(&type));
        range.low = low < range.low ? low : range.low;
        range.high = high > range.high ? high : range.high;
    }
    return range;
}

/* Bits of the smallest type for codes from low to high; without a sign where none is negative. */
static int bits_for(int64_t low, int64_t high)
{
    int bits = 0;
    for (uint64_t rest = high > 0 ? (uint64_t)high : 0; rest; rest >>= 1)
        bits++;
    int negative = 0;
    for (uint64_t rest = low < 0 ? (uint64_t)(-(low + 1)) : 0; rest; rest >>= 1)
        negative++;
    return low < 0 ? 1 + (negative > bits ? negative : bits) : bits;
}

static int trailing_zeros(int64_t code)
{
    int n = 0;
    for (uint64_t rest = (uint64_t)code; rest && !(rest & 1); rest >>= 1)
        n++;
    return n;
}

/* Over codes [n], of which number i has the type of element i modulo `width`. Where types differ, the least.
 */
static nib_unused_bits unused_of(const nib_fix_types *types, const int64_t *code, int64_t n, int64_t width)
{
    nib_unused_bits unused = {NIB_FIXED_MAX_ACCUM, NIB_FIXED_MAX_ACCUM};
    int64_t low = 0, high = 0;
    bool any = false;
    for (int64_t i = 0; i < n; i++) {
        const int zeros = code[i] ? trailing_zeros(code[i]) : NIB_FIXED_MAX_ACCUM;
        unused.bottom = zeros < unused.bottom ? zeros : unused.bottom;
        any = any || code[i];
        low = code[i] < low ? code[i] : low;
        high = code[i] > high ? code[i] : high;
        if (types->count > 1) {
            const nib_fixed type = nib_fix_type_at(types, i % width);
            const int top = type.bits - bits_for(code[i] < 0 ? code[i] : 0, code[i] > 0 ? code[i] : 0);
            if (type.bits)
                unused.top = top < unused.top ? top : unused.top;
        }
    }
    if (types->count == 1)
        unused.top = types->bits[0] - bits_for(low, high);
    if (!any)
        unused.bottom = 0;
    return unused;
}

/* ---- Tensors ---- */

static double correlation_of(const float *x, const double *y, int64_t n)
{
    double sx = 0, sy = 0, xx = 0, yy = 0, xy = 0;
    for (int64_t i = 0; i < n; i++) {
        sx += (double)x[i];
        sy += y[i];
    }
    const double mx = sx / (double)n, my = sy / (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double dx = (double)x[i] - mx, dy = y[i] - my;
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : (double)NAN;
}

static void compare_numbers(nib_compared *c)
{
    const nib_traced *t = c->traced;
    double squares = 0;
    c->plain = (nib_span){(double)t->plain[0], (double)t->plain[0]};
    c->integer = (nib_span){t->integer[0], t->integer[0]};
    c->first_row = c->first_at = -1;
    for (int64_t i = 0; i < c->numbers; i++) {
        const double x = (double)t->plain[i], y = t->integer[i], error = fabs(y - x);
        c->plain.low = x < c->plain.low ? x : c->plain.low;
        c->plain.high = x > c->plain.high ? x : c->plain.high;
        c->integer.low = y < c->integer.low ? y : c->integer.low;
        c->integer.high = y > c->integer.high ? y : c->integer.high;
        c->largest_error = error > c->largest_error ? error : c->largest_error;
        squares += error * error;
        if (t->quantized[i] == y)
            continue;
        if (c->differing++ == 0) {
            c->first_row = i / t->width;
            c->first_at = i % t->width;
        }
    }
    c->rms_error = sqrt(squares / (double)c->numbers);
    c->correlation = correlation_of(t->plain, t->integer, c->numbers);
}

static void compare_tensor(nib_compared *c, const nib_traced *traced, const nib_model *model,
                           const nib_lowering *lowering, int64_t rows, nib_arena *arena)
{
    const nib_fix_node *node = &lowering->net.node[traced->node];
    c->traced = traced;
    c->node = node;
    c->kind =
        traced->layer < 0 ? nib_fix_kind_name(node->kind) : model->layer[traced->layer].config->type->name;
    c->type = nib_network_types(arena, &node->type);
    c->numbers = rows * traced->width;
    c->range = range_of(&node->type);
    c->unused = unused_of(&node->type, traced->code, c->numbers, traced->width);
    compare_numbers(c);
}

/* ---- Weights ---- */

static void compare_weights(nib_compared_weights *c, const nib_lowered_weights *w, nib_arena *arena)
{
    const nib_fix_array *a = w->array;
    double squares = 0;
    c->weights = w;
    c->type = nib_network_types(arena, &a->type);
    c->numbers = a->rows * a->cols;
    c->range = range_of(&a->type);
    c->unused = unused_of(&a->type, a->code, c->numbers, c->numbers);
    for (int64_t i = 0; i < c->numbers; i++) {
        const nib_fixed type = nib_fix_type_at(&a->type, i);
        const double step = type.bits ? nib_fixed_step(&type) : 0, x = (double)w->value[i];
        const double y = type.bits ? nib_fixed_value(&type, a->code[i]) : 0;
        const bool pruned = (w->mask && w->mask[i] == 0) || type.bits == 0;
        c->zero += a->code[i] == 0;
        c->pruned += pruned;
        if (pruned)
            continue;
        c->plain.low = x < c->plain.low ? x : c->plain.low;
        c->plain.high = x > c->plain.high ? x : c->plain.high;
        c->clipped += x > nib_fixed_value(&type, nib_fixed_highest(&type)) + step / 2 ||
                      x < nib_fixed_value(&type, nib_fixed_lowest(&type)) - step / 2;
        squares += (x - y) * (x - y);
    }
    c->rms_error = c->numbers > c->pruned ? sqrt(squares / (double)(c->numbers - c->pruned)) : 0;
}

/* ---- Decisions ---- */

static int64_t first_largest(const double *x, int64_t n, bool *tie)
{
    int64_t best = 0;
    *tie = false;
    for (int64_t i = 1; i < n; i++) {
        *tie = x[i] > x[best] ? false : *tie || x[i] == x[best];
        best = x[i] > x[best] ? i : best;
    }
    return best;
}

static int64_t first_largest_float(const float *x, int64_t n, bool *tie)
{
    int64_t best = 0;
    *tie = false;
    for (int64_t i = 1; i < n; i++) {
        *tie = x[i] > x[best] ? false : *tie || x[i] == x[best];
        best = x[i] > x[best] ? i : best;
    }
    return best;
}

static void compare_decision(nib_compared_decision *d, const nib_model_output *output, const nib_traced *t,
                             int64_t rows)
{
    *d = (nib_compared_decision){.target = output->target, .rows = rows};
    for (int64_t r = 0; r < rows; r++) {
        bool tie = false, quantized_tie = false, unused = false;
        const int64_t integer = first_largest(t->integer + r * t->width, t->width, &tie);
        const int64_t plain = first_largest_float(t->plain + r * t->width, t->width, &unused);
        (void)first_largest(t->quantized + r * t->width, t->width, &quantized_tie);
        d->changed += integer != plain;
        d->ties += tie;
        d->quantized_ties += quantized_tie;
    }
}

/* A dense layer with its batch norm folded in: the batch norm has the same node, and its float numbers are
 * the ones to compare with. */
static bool is_folded(const nib_model *model, const nib_traced *t)
{
    return t->layer >= 0 && nib_fold_norm(model, t->layer) >= 0;
}

/* What the decision is made of: the output's logits, or the network's own softmax of them. */
static const nib_traced *decides(const nib_model *model, const nib_lowering *lowering,
                                 const nib_layer_trace *trace, const nib_model_output *output)
{
    const nib_traced *found = &trace->tensor[model->n_inputs + output->layer];
    for (int i = model->n_inputs + model->n_layers; i < trace->count; i++)
        if (lowering->net.node[trace->tensor[i].node].input[0] == found->node)
            return &trace->tensor[i];
    return found;
}

nib_status nib_compare(const nib_model *model, const nib_lowering *lowering, const nib_layer_trace *trace,
                       nib_arena *arena, nib_comparison *c, nib_error *err)
{
    *c = (nib_comparison){.rows = trace->rows, .n_weights = lowering->n_weights};
    c->tensor = NIB_NEW(arena, nib_compared, trace->count);
    c->weights = NIB_NEW(arena, nib_compared_weights, c->n_weights);
    c->decision = NIB_NEW(arena, nib_compared_decision, model->n_outputs);
    if (!c->tensor || !c->weights || !c->decision)
        return nib_fail_memory(err, "comparison");
    for (int i = 0; i < trace->count; i++)
        if (!is_folded(model, &trace->tensor[i]))
            compare_tensor(&c->tensor[c->n_tensors++], &trace->tensor[i], model, lowering, trace->rows,
                           arena);
    for (int i = 0; i < c->n_weights; i++)
        compare_weights(&c->weights[i], &lowering->weights[i], arena);
    for (int i = 0; i < model->n_outputs; i++) {
        const nib_model_output *output = &model->output[i];
        if (output->objective->loss->link == NIB_LINK_SOFTMAX)
            compare_decision(&c->decision[c->n_decisions++], output, decides(model, lowering, trace, output),
                             trace->rows);
    }
    c->exactness = nib_lower_exactness(lowering, c->why, sizeof c->why);
    return NIB_OK;
}
