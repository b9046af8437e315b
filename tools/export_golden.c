/* Golden samples. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/rng.h"
#include "tools/export_record.h"
#include "train/emulate.h"
#include "train/layer_trace.h"

enum {
    TRACED_ROWS = 100, /* with every node's tensor */
    REAL_QUARTERS = 3, /* of four samples, as far as there are data */
    PATTERNS = 6
};

static double between(const nib_rng *rng, int64_t element, double low, double high)
{
    return low + (high - low) * nib_rng_uniform(rng, (uint64_t)element);
}

/* A number for a tensor of this type: by pattern an end of the range, zero, any code, a tie, something far
 * out.
 */
static double made_up(const nib_fixed *type, const nib_rng *rng, int64_t row, int64_t element)
{
    const double step = nib_fixed_step(type);
    const double low = (double)nib_fixed_lowest(type) * step, high = (double)nib_fixed_highest(type) * step;
    switch (row % PATTERNS) {
    case 0:
        return row / PATTERNS % 3 == 0 ? 0 : row / PATTERNS % 3 == 1 ? low : high;
    case 1:
        return between(rng, element, 0, 1) < 0.5 ? low : high;
    case 2: /* codes */
        return step * floor(between(rng, element, low, high) / step);
    case 3: /* ties */
        return step * (floor(between(rng, element, low, high) / step) + 0.5);
    case 4:
        return between(rng, element, 4 * low - step, 4 * high + step);
    default:
        return between(rng, element, low, high);
    }
}

static float flushed(double x)
{
    const float y = (float)x;
    return fabsf(y) < FLT_MIN ? 0.0F : y;
}

/* Raw numbers, then the preprocessing that every sample has. */
static nib_status make_input(const nib_export_record *r, int index, const nib_dataset *data, int64_t real,
                             int64_t rows, const float **raw_out, const float **x_out, nib_error *err)
{
    const nib_fix_node *node = &r->net->node[index];
    const nib_preprocess_state *p = &r->preprocess[index];
    const int64_t width = node->positions * node->features;
    const nib_rng rng = {.seed = 1, .stream = (uint32_t)(1000 + index)};
    double *raw = NIB_NEW(r->arena, double, rows *width);
    float *narrow = NIB_NEW(r->arena, float, rows *width), *x = NIB_NEW(r->arena, float, rows *width);
    if (!raw || !narrow || !x)
        return nib_fail_memory(err, "golden samples");
    for (int64_t i = 0; i < rows * width; i++) {
        const int64_t row = i / width, column = i % width;
        nib_fixed type = nib_fix_type_at(&node->type, column);
        if (type.bits == 0)
            type = (nib_fixed){.bits = 1, .integer = 1};
        const double value =
            row < real ? (double)data->input[index].x[i] : made_up(&type, &rng, row - real, i);
        narrow[i] = flushed(value * p->divisor[column % p->width] + p->shift[column % p->width]);
        raw[i] = (double)narrow[i];
    }
    nib_preprocess_apply(p, rows * (width / p->width), raw, x);
    *raw_out = narrow;
    *x_out = x;
    return NIB_OK;
}

static nib_status answer(const nib_export_record *r, nib_export_golden *g, nib_error *err)
{
    const nib_fixnet *net = r->net;
    int64_t **code = NIB_NEW(r->arena, int64_t *, net->n_outputs);
    nib_emulator *emulator;
    if (!code)
        return nib_fail_memory(err, "golden samples");
    for (int i = 0; i < net->n_outputs; i++) {
        const nib_fix_node *node = &net->node[net->output[i].node];
        code[i] = NIB_NEW(r->arena, int64_t, g->rows * node->positions * node->features);
        if (!code[i])
            return nib_fail_memory(err, "golden samples");
    }
    NIB_TRY(nib_emulator_create(&emulator, net, r->team, err));
    nib_emulator_run(emulator, g->x, g->rows, code, NULL);
    nib_emulator_destroy(emulator);
    g->code = code;
    return NIB_OK;
}

static bool can_overflow(const nib_fixnet *net)
{
    for (int i = 0; i < net->n_nodes; i++)
        if (net->node[i].kind == NIB_FIX_DENSE && !net->node[i].as.dense.proven)
            return true;
    return false;
}

/* How often given accumulators overflow, on all samples. */
static nib_status count_overflows(const nib_export_record *r, nib_export_golden *g, nib_error *err)
{
    int64_t **none = NIB_NEW(r->arena, int64_t *, r->net->n_nodes);
    nib_engine_counts *counts = NIB_NEW(r->arena, nib_engine_counts, r->net->n_nodes);
    nib_engine *engine;
    if (!none || !counts)
        return nib_fail_memory(err, "golden samples");
    NIB_TRY(nib_engine_create(&engine, r->net, err));
    nib_engine_trace(engine, g->x, g->rows, none, counts);
    nib_engine_destroy(engine);
    g->counts = counts;
    return NIB_OK;
}

nib_status nib_export_golden_make(const nib_export_record *r, const nib_dataset *data, int64_t rows,
                                  nib_export_golden *golden, nib_error *err)
{
    const nib_fixnet *net = r->net;
    const int64_t most = rows * REAL_QUARTERS / 4, real = data->rows < most ? data->rows : most;
    const float **raw = NIB_NEW(r->arena, const float *, net->n_inputs);
    const float **x = NIB_NEW(r->arena, const float *, net->n_inputs);
    nib_data_input *input = NIB_NEW(r->arena, nib_data_input, net->n_inputs);
    nib_engine_counts *counts;
    if (!raw || !x || !input)
        return nib_fail_memory(err, "golden samples");
    for (int i = 0; i < net->n_inputs; i++) {
        NIB_TRY(make_input(r, i, data, real, rows, &raw[i], &x[i], err));
        input[i] = (nib_data_input){
            .name = net->node[i].name, .width = net->node[i].positions * net->node[i].features, .x = x[i]};
    }
    *golden = (nib_export_golden){
        .rows = rows, .traced = rows < TRACED_ROWS ? rows : TRACED_ROWS, .raw = raw, .x = x};
    NIB_TRY(answer(r, golden, err));
    if (can_overflow(net))
        NIB_TRY(count_overflows(r, golden, err));
    const nib_dataset traced = {.rows = rows, .n_inputs = net->n_inputs, .input = input};
    return nib_network_trace(net, &traced, golden->traced, r->arena, &golden->trace, &counts, err);
}
