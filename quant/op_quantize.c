#include "quant/op_quantize.h"

#include <string.h>

#include "core/kernels.h"

/* A call of the quantizer: a vector of parameters is a column to it, since a channel is one. */
static nib_quantize_call quantizer_call(const nib_call *call)
{
    const nib_quantize_options *o = call->options;
    const bool vector = o->param >= 0 && o->params->row[o->param].rank == 1;
    const bool training = call->mode == NIB_MODE_TRAIN;
    const nib_tile *tile = call->tile;
    const bool elements = call->domain == NIB_DOMAIN_ELEMENTS;
    return (nib_quantize_call){
        .options = o->quantizer->options,
        .rows = vector ? call->y.row_size : call->rows,
        .cols = vector ? 1 : call->y.row_size,
        .stride = vector ? 1 : call->y.stride,
        .x = call->x[0].data,
        .training = training,
        .rng = {.seed = tile->seed, .stream = call->stream, .step = tile->step},
        .first = o->param >= 0 ? 0
                 : elements    ? tile->first_element
                               : tile->first,
        .scale = call->inputs > 1 ? call->x[1].data : NULL,
        .float_share = training ? o->control->float_share : 0.0f,
    };
}

/* Some quantizers have no zero, so weights that are pruned become zero behind them. */
static void apply_mask(const nib_call *call, const nib_quantize_options *o)
{
    if (o->param < 0 || !o->params->mask)
        return;
    const float *mask = o->params->mask + o->params->row[o->param].offset;
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->y.row_size; c++) {
            float *y = call->y.data + r * call->y.stride + c;
            *y = mask[r * call->y.stride + c] != 0.0f ? *y : 0.0f;
        }
}

static const nib_grid_step *step_of(const nib_call *call)
{
    const nib_quantize_options *o = call->options;
    return o->step[call->mode];
}

/* Loops for the instruction set of this process: the op itself is compiled once. */
static const nib_kernels *kernels(void)
{
    return nib_kernels_of(nib_isa_chosen().isa);
}

static void forward(const nib_call *call)
{
    const nib_quantize_options *o = call->options;
    const nib_grid_step *step = step_of(call);
    if (step) {
        kernels()->grid(step, false, call->y, call->x[0], call->rows, call->fused_y.pass);
    } else {
        nib_quantize_call q = quantizer_call(call);
        q.y = call->y.data;
        nib_quantizer_forward(o->quantizer->type, &q);
    }
    apply_mask(call, o);
}

static void backward(const nib_call *call)
{
    const nib_quantize_options *o = call->options;
    const nib_grid_step *step = step_of(call);
    float *dscale = call->inputs > 1 ? call->dx[1].data : NULL;
    if (!call->dx[0].data && !dscale)
        return;
    if (step) {
        kernels()->grid_gradient(step, call->fused_x.relu, call->accumulate[0], call->dx[0], call->dy,
                                 call->x[0], call->rows);
        return;
    }
    nib_quantize_call q = quantizer_call(call);
    q.dy = call->dy.data;
    q.dx = call->saved;
    q.dscale = dscale;
    if (dscale && !call->accumulate[1])
        memset(dscale, 0, (size_t)call->x[1].row_size * sizeof *dscale);
    nib_quantizer_backward(o->quantizer->type, &q);
    for (int64_t r = 0; call->dx[0].data && r < call->rows; r++) {
        const float *passed = call->saved + r * call->y.stride;
        float *dx = call->dx[0].data + r * call->dx[0].stride;
        for (int64_t c = 0; c < call->y.row_size; c++)
            dx[c] = call->accumulate[0] ? dx[c] + passed[c] : passed[c];
    }
}

static const nib_grid_step *grid(const void *options, nib_mode mode)
{
    const nib_quantize_options *o = options;
    return o->step[mode];
}

nib_quantize_options *nib_quantize_options_create(nib_arena *arena, const nib_quantizer_config *quantizer,
                                                  const nib_quantize_control *control,
                                                  const nib_params *params, int param, int64_t columns)
{
    nib_quantize_options *o = NIB_NEW(arena, nib_quantize_options, 1);
    if (!o)
        return NULL;
    *o = (nib_quantize_options){.quantizer = quantizer, .control = control, .params = params, .param = param};
    for (int mode = 0; mode < 2; mode++)
        if (!(o->numbers[mode] = nib_grid_numbers_create(arena, columns)))
            return NULL;
    return o;
}

void nib_quantize_options_update(nib_quantize_options *o, bool wrap, bool blend)
{
    const bool shared = o->param >= 0 && o->params->row[o->param].rank == 1;
    for (int mode = 0; mode < 2; mode++) {
        const bool training = mode == NIB_MODE_TRAIN;
        const bool is_step =
            o->quantizer->type && !(training && blend) &&
            nib_grid_numbers_fill(o->numbers[mode], o->quantizer, training, shared, training && !wrap);
        o->step[mode] = is_step ? &o->numbers[mode]->step : NULL;
    }
}

static nib_status infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err)
{
    (void)options;
    char text[NIB_SHAPE_BYTES];
    if (x[0].rank > (x[0].rate == NIB_RATE_TILE ? 1 : 2))
        return nib_fail(err, NIB_ERR_SHAPE, "the input is %s, not rows of features",
                        nib_shape_text(&x[0], text));
    if (inputs > 1 && (x[1].rate != NIB_RATE_STEP || x[1].rank != 1))
        return nib_fail(err, NIB_ERR_SHAPE, "the scales are %s, not a row of parameters",
                        nib_shape_text(&x[1], text));
    plan->y = x[0];
    plan->saved_row = nib_shape_row(&x[0]);
    return NIB_OK;
}

const nib_op nib_op_quantize = {
    .name = "quantize",
    .help = "x on the grid of its quantizer, with a straight-through gradient",
    .source = "the quantizer's (nibble list quantizers)",
    .options = NIB_OPTION_TABLE_EMPTY,
    .min_inputs = 1,
    .max_inputs = 2,
    .flags = NIB_OP_READS_X | NIB_OP_IN_PLACE_BACKWARD,
    .fusable = NIB_FUSABLE_GRID,
    .grid = grid,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
