#include "quant/curve.h"
#include "quant/stochastic.h"

/* y = clamp(round(f(x) / s)) s with s = 2^(1 - bits), from -1 (or -1 + s, symmetric) to 1 - s, ties to even;
 * f(x) = 2 sigmoid(x) - 1, where QKeras' sigmoid is a hard one: f(x) = clip(x, -1, 1); or tanh itself.
 * dx = f'(x) dy where the rounded value is in range, else 0. */

typedef struct options {
    int64_t bits;
    bool use_stochastic_rounding, symmetric, use_real_tanh;
    int sigmoid;
    nib_curve curve;
} options;

static const nib_option rows[] = {
    NIB_ROW(options, bits, NIB_OPTION_INT, "8", 1, 24, NULL, "bits", "width, the sign counted"),
    NIB_STOCHASTIC_ROW(options),
    NIB_ROW(options, symmetric, NIB_OPTION_BOOL, "false", 0, 0, NULL, "", "leave the lowest code (-1) out"),
    NIB_ROW(options, use_real_tanh, NIB_OPTION_BOOL, "false", 0, 0, NULL, "", "tanh itself"),
    NIB_CURVE_SIGMOID_ROW(options),
};

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    (void)warning;
    (void)err;
    o->curve = (nib_curve){.kind = o->use_real_tanh ? NIB_CURVE_TANH : (nib_curve_sigmoid)o->sigmoid,
                           .two_sided = true,
                           .random = o->use_stochastic_rounding,
                           .type = {.bits = (int)o->bits,
                                    .integer = 1,
                                    .is_signed = true,
                                    .rounding = NIB_ROUNDING_RND_CONV,
                                    .overflow = o->symmetric ? NIB_OVERFLOW_SAT_SYM : NIB_OVERFLOW_SAT}};
    o->curve.grid = nib_grid_of(&o->curve.type);
    if (o->symmetric)
        o->curve.grid.lowest = -o->curve.grid.highest;
    return NIB_OK;
}

static const nib_curve *curve_of(const nib_quantize_call *call)
{
    const options *o = call->options;
    return &o->curve;
}

static void forward(const nib_quantize_call *call)
{
    nib_curve_forward(call, curve_of(call));
}

static void backward(const nib_quantize_call *call)
{
    nib_curve_backward(call, curve_of(call));
}

static void unquantized(const nib_quantize_call *call)
{
    nib_curve_unquantized(call, curve_of(call));
}

static void unquantized_backward(const nib_quantize_call *call)
{
    nib_curve_unquantized_backward(call, curve_of(call));
}

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    (void)err;
    lowered->is_table = true;
    lowered->type[0] = curve_of(call)->type;
    return NIB_OK;
}

static const char *const cases[] = {
    "quantized_tanh(4)",       "quantized_tanh(bits=6, symmetric=1)", "quantized_tanh(8, use_real_tanh=1)",
    "quantized_tanh(5, True)", "quantized_tanh(6, sigmoid=smooth)",   NULL};

const nib_quantizer nib_quantizer_quantized_tanh = {
    .name = "quantized_tanh",
    .help = "tanh, or the hard clip(x, -1, 1) that QKeras puts in its place, in fixed point",
    .source = "QKeras 0.9.0",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 4,
    .check = check,
    .forward = forward,
    .backward = backward,
    .unquantized = unquantized,
    .unquantized_backward = unquantized_backward,
    .lower = lower,
    .cases = cases,
};
