#include <math.h>

#include "quant/grid.h"
#include "quant/quantizer.h"

/* y = x cast to a fixed-point type; dx = dy in range (clip), or dx = dy (pass). */

typedef struct options {
    const char *type;
    int ste;
    nib_fixed fixed;
    nib_grid grid;
    char canonical[NIB_FIXED_TEXT_BYTES]; /* what `type` is once it was read */
} options;

enum { STE_AUTO, STE_PASS, STE_CLIP };

static const nib_option rows[] = {
    NIB_ROW(options, type, NIB_OPTION_STRING, NULL, 0, 0, NULL, "",
            "a type: fixed<W,I,Q,O> or ufixed<W,I,Q,O>"),
    NIB_ROW(options, ste, NIB_OPTION_CHOICE, "auto", 0, 0, "auto|pass|clip", "",
            "gradient out of range: passed or 0; auto passes under WRAP"),
};

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    nib_fixed type;
    (void)warning;
    NIB_TRY(nib_fixed_parse(o->type, &type, NULL, err));
    NIB_TRY(nib_fixed_check(&type, NIB_FIXED_MAX_FAKE, err));
    o->fixed = type;
    o->grid = nib_grid_of(&type);
    o->type = nib_fixed_print(&type, NIB_FIXED_PLAIN, o->canonical);
    return NIB_OK;
}

static void forward(const nib_quantize_call *call)
{
    const options *o = call->options;
    nib_grid_apply_rows(&o->grid, call->rows, call->cols, call->stride, call->x, call->y);
}

static bool clips(const options *o)
{
    return o->ste == STE_CLIP || (o->ste == STE_AUTO && o->grid.overflow != NIB_OVERFLOW_WRAP);
}

static void backward(const nib_quantize_call *call)
{
    const options *o = call->options;
    const bool clip = clips(o);
    for (int64_t r = 0; r < call->rows; r++)
        nib_grid_gradient(&o->grid, clip, call->cols, call->x + r * call->stride, call->dy + r * call->stride,
                          call->dx + r * call->stride);
}

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    const options *o = call->options;
    (void)err;
    lowered->is_cast = true;
    lowered->type[0] = o->fixed;
    return NIB_OK;
}

static int64_t grid(const void *filled, bool training, int64_t channels, nib_quantizer_step *steps)
{
    const options *o = filled;
    (void)training;
    (void)channels;
    steps[0].grid = o->grid;
    steps[0].lowest = clips(o) ? o->grid.lowest * o->grid.step : -INFINITY;
    steps[0].highest = clips(o) ? o->grid.highest * o->grid.step : INFINITY;
    return 1;
}

static const char *const cases[] = {"fixed<8,3,RND,SAT>", "ufixed<6,-1,RND_CONV,SAT>", "fixed<4,2>",
                                    "fixed(type='fixed<6,2,TRN,SAT_SYM>', ste=pass)", NULL};

const nib_quantizer nib_quantizer_fixed = {
    .name = "fixed",
    .help = "a fixed-point type with its rounding and overflow modes",
    .source = "ap_fixed (Xilinx UG902)",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 1,
    .check = check,
    .forward = forward,
    .backward = backward,
    .lower = lower,
    .grid = grid,
    .cases = cases,
};
