/* Which arithmetic of the float network gives the integers of the lowered one, to the last bit. */
#include <math.h>
#include <stdio.h>

#include "train/lower.h"

/* A float holds every integer up to 2^24, a double up to 2^53. */
static const double FLOAT_LIMIT = 0x1p24, DOUBLE_LIMIT = 0x1p53;

typedef struct judge {
    const nib_lowering *lowering;
    nib_exactness found;
    char *why;
    size_t bytes;
} judge;

static void need(judge *j, nib_exactness exactness, const nib_fix_node *node, const char *text)
{
    if (exactness <= j->found)
        return;
    j->found = exactness;
    (void)snprintf(j->why, j->bytes, "%s %s", node->name, text);
}

static double largest_code(const nib_fix_interval *x, int64_t feature)
{
    const double low = -(double)x->low[feature], high = (double)x->high[feature];
    return low > high ? low : high;
}

static int finest(int a, int b)
{
    return a > b ? a : b;
}

static int finest_of(const nib_fix_types *types)
{
    nib_fixed type = nib_fix_type_at(types, 0);
    int fraction = nib_fixed_fraction(&type);
    for (int64_t i = 1; i < types->count; i++) {
        type = nib_fix_type_at(types, i);
        fraction = finest(fraction, nib_fixed_fraction(&type));
    }
    return fraction;
}

/* In steps of 2^-fraction. */
static double largest_value(const nib_fix_array *array, int64_t index, int fraction)
{
    const nib_fixed type = nib_fix_type_at(&array->type, index);
    return fabs(ldexp((double)array->code[index], fraction - nib_fixed_fraction(&type)));
}

/* The largest sum of magnitudes: what any order of additions, with or without the bias, stays below. */
static double dense_magnitude(const nib_fix_dense *dense, const nib_fix_interval *x, int fraction)
{
    double largest = 0;
    for (int64_t c = 0; c < dense->kernel.cols; c++) {
        double sum = dense->bias.rows ? largest_value(&dense->bias, c, fraction) : 0;
        for (int64_t r = 0; r < dense->kernel.rows; r++)
            sum += largest_code(x, r) *
                   largest_value(&dense->kernel, r * dense->kernel.cols + c, fraction - x->fraction);
        largest = sum > largest ? sum : largest;
    }
    return largest;
}

static void judge_dense(judge *j, const nib_fix_node *node, const nib_fix_interval *x)
{
    const nib_fix_dense *dense = &node->as.dense;
    char text[96];
    if (!dense->proven) {
        need(j, NIB_EXACT_ENGINE, node, "has a given accumulator, whose overflow only integers follow");
        return;
    }
    const double largest = dense_magnitude(dense, x, nib_fixed_fraction(&dense->accum));
    (void)snprintf(text, sizeof text, "has an accumulator of %d bits", dense->accum.bits);
    if (largest > DOUBLE_LIMIT)
        need(j, NIB_EXACT_ENGINE, node, text);
    else if (largest > FLOAT_LIMIT)
        need(j, NIB_EXACT_DOUBLE, node, text);
}

/* Scale and shift on a grid, unlike the batch norm of training. */
static void judge_scale(judge *j, const nib_fix_node *node, const nib_fix_interval *x)
{
    const nib_fix_scale *s = &node->as.scale;
    const int product = x->fraction + finest_of(&s->scale.type);
    const int fraction = finest(product, finest_of(&s->shift.type));
    double largest = 0;
    for (int64_t c = 0; c < node->features; c++)
        largest = fmax(largest, largest_code(x, c) * largest_value(&s->scale, c, fraction - x->fraction) +
                                    largest_value(&s->shift, c, fraction));
    if (largest > DOUBLE_LIMIT)
        need(j, NIB_EXACT_ENGINE, node, "adds to more than 53 bits");
    else
        need(j, NIB_EXACT_DOUBLE, node, "has scale and shift on a grid, unlike the batch norm of training");
}

static void judge_add(judge *j, const nib_fix_node *node)
{
    const nib_fix_interval *interval = j->lowering->interval;
    int fraction = interval[node->input[0]].fraction;
    for (int i = 1; i < node->n_inputs; i++)
        fraction = finest(fraction, interval[node->input[i]].fraction);
    for (int64_t c = 0; c < node->features; c++) {
        double sum = 0;
        for (int i = 0; i < node->n_inputs; i++) {
            const nib_fix_interval *x = &interval[node->input[i]];
            sum += ldexp(largest_code(x, c), fraction - x->fraction);
        }
        if (sum > DOUBLE_LIMIT)
            need(j, NIB_EXACT_ENGINE, node, "adds to more than 53 bits");
        else if (sum > FLOAT_LIMIT)
            need(j, NIB_EXACT_DOUBLE, node, "adds to more than 24 bits");
    }
}

static void judge_node(judge *j, int index)
{
    const nib_fix_node *node = &j->lowering->net.node[index];
    const nib_fix_interval *y = &j->lowering->interval[index];
    const nib_fix_interval *x = node->n_inputs ? &j->lowering->interval[node->input[0]] : NULL;
    switch (node->kind) {
    case NIB_FIX_DENSE:
        judge_dense(j, node, x);
        break;
    case NIB_FIX_SCALE:
        judge_scale(j, node, x);
        break;
    case NIB_FIX_ADD:
        judge_add(j, node);
        break;
    case NIB_FIX_TABLE:
        need(j, NIB_EXACT_DOUBLE, node, "is a table in hardware");
        break;
    case NIB_FIX_SOFTMAX:
        need(j, NIB_EXACT_ENGINE, node, "is made of tables in hardware");
        break;
    case NIB_FIX_POOL:
        need(j, NIB_EXACT_ENGINE, node, "pools with an accumulator of its own");
        break;
    case NIB_FIX_INPUT:
    case NIB_FIX_CAST:
    case NIB_FIX_CONCAT:
    case NIB_FIX_RELU:
    case NIB_FIX_LEAKY_RELU:
    case NIB_FIX_RESHAPE:
    case NIB_FIX_KIND_COUNT:
        break;
    }
    for (int64_t c = 0; c < node->features; c++)
        if (largest_code(y, c) > DOUBLE_LIMIT)
            need(j, NIB_EXACT_ENGINE, node, "has results of more than 53 bits");
        else if (largest_code(y, c) > FLOAT_LIMIT && node->kind != NIB_FIX_DENSE)
            need(j, NIB_EXACT_DOUBLE, node, "has results of more than 24 bits");
}

nib_exactness nib_lower_exactness(const nib_lowering *lowering, char *why, size_t bytes)
{
    judge j = {.lowering = lowering, .found = NIB_EXACT_FLOAT, .why = why, .bytes = bytes};
    if (bytes)
        why[0] = 0;
    if (lowering->n_folded > 0) {
        (void)snprintf(why, bytes, "batch norm is folded into the weights before they are rounded");
        j.found = NIB_EXACT_DOUBLE;
    }
    for (int i = 0; i < lowering->net.n_nodes; i++)
        judge_node(&j, i);
    return j.found;
}
