#include <math.h>

#include "quant/grid.h"
#include "quant/quantizer.h"

/* y = x cast to a fixed-point type; dx = dy in range (clip), or dx = dy (pass). With lists of bits or integer
 * every channel has a type of its own, with the modes and the sign of `type`; 0 bits: the channel is 0. */

typedef struct options {
    const char *type;
    nib_ints bits, integer;
    int ste;
    bool wrap_in_training;
    nib_fixed fixed;
    nib_grid grid;
    char canonical[NIB_FIXED_TEXT_BYTES]; /* what `type` is once it was read */
} options;

enum { STE_AUTO, STE_PASS, STE_CLIP };
enum { CHUNK = 64 };

static const nib_option rows[] = {
    NIB_ROW(options, type, NIB_OPTION_STRING, NULL, 0, 0, NULL, "",
            "a type: fixed<W,I,Q,O> or ufixed<W,I,Q,O>"),
    NIB_ROW(options, bits, NIB_OPTION_INTS, "", 0, 24, NULL, "bits",
            "W of every channel in place of the type's; 0: the channel is 0"),
    NIB_ROW(options, integer, NIB_OPTION_INTS, "", -64, 64, NULL, "bits",
            "I of every channel in place of the type's"),
    NIB_ROW(options, ste, NIB_OPTION_CHOICE, "auto", 0, 0, "auto|pass|clip", "",
            "gradient out of range: passed or 0; auto passes under WRAP"),
    NIB_ROW(options, wrap_in_training, NIB_OPTION_BOOL, "true", 0, 0, NULL, "",
            "false: training rounds, only evaluation wraps, as in HGQ2"),
};

/* ---- Types of channels ---- */

static int64_t channels_of(const void *filled)
{
    const options *o = filled;
    const int n = o->bits.count > o->integer.count ? o->bits.count : o->integer.count;
    return n > 1 ? n : 0;
}

/* Of a list: its entry, the only one for all, or what the type says where there is none. */
static int64_t entry_of(const nib_ints *list, int64_t channel, int otherwise)
{
    if (list->count == 0)
        return otherwise;
    return list->value[channel < list->count ? channel : list->count - 1];
}

static nib_fixed type_of(const options *o, int64_t channel)
{
    nib_fixed type = o->fixed;
    type.bits = (int)entry_of(&o->bits, channel, type.bits);
    type.integer = (int)entry_of(&o->integer, channel, type.integer);
    return type;
}

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    (void)warning;
    NIB_TRY(nib_fixed_parse(o->type, &o->fixed, NULL, err));
    if (o->bits.count == 0)
        NIB_TRY(nib_fixed_check(&o->fixed, NIB_FIXED_MAX_FAKE, err));
    if (o->bits.count > 1 && o->integer.count > 1 && o->bits.count != o->integer.count)
        return nib_fail(err, NIB_ERR_CONFIG,
                        "bits has %d entries, integer %d: one for each channel, or one for all",
                        o->bits.count, o->integer.count);
    nib_fixed type = type_of(o, 0);
    type.bits = type.bits > 0 ? type.bits : 1;
    o->grid = nib_grid_of(&type);
    o->type = nib_fixed_print(&o->fixed, NIB_FIXED_PLAIN, o->canonical);
    return NIB_OK;
}

static bool clips(const options *o)
{
    return o->ste == STE_CLIP || (o->ste == STE_AUTO && o->fixed.overflow != NIB_OVERFLOW_WRAP);
}

static nib_quantizer_step step_of(const options *o, bool training, int64_t channel)
{
    nib_fixed type = type_of(o, channel);
    const bool removed = type.bits == 0;
    type.bits = removed ? 1 : type.bits;
    nib_quantizer_step step = {nib_grid_of(&type), -INFINITY, INFINITY};
    if (clips(o)) {
        step.lowest = step.grid.lowest * step.grid.step;
        step.highest = step.grid.highest * step.grid.step;
    }
    if (training && !o->wrap_in_training && type.overflow == NIB_OVERFLOW_WRAP) {
        step.grid.overflow = NIB_OVERFLOW_SAT; /* of a range without ends */
        step.grid.lowest = -INFINITY;
        step.grid.highest = INFINITY;
    }
    if (removed) {
        step.grid.overflow = NIB_OVERFLOW_SAT;
        step.grid.lowest = step.grid.highest = 0.0f;
        step.lowest = INFINITY; /* nothing passes */
        step.highest = -INFINITY;
    }
    return step;
}

static bool is_one_type(const options *o)
{
    return o->bits.count <= 1 && o->integer.count <= 1;
}

/* ---- Both directions ---- */

static void forward_channels(const nib_quantize_call *call)
{
    nib_quantizer_step steps[CHUNK];
    for (int64_t from = 0; from < call->cols; from += CHUNK) {
        const int64_t left = call->cols - from, n = left < CHUNK ? left : CHUNK;
        for (int64_t c = 0; c < n; c++)
            steps[c] = step_of(call->options, call->training, from + c);
        for (int64_t r = 0; r < call->rows; r++)
            for (int64_t c = 0; c < n; c++) {
                const int64_t at = r * call->stride + from + c;
                nib_grid_apply(&steps[c].grid, 1, &call->x[at], &call->y[at]);
            }
    }
}

static void forward(const nib_quantize_call *call)
{
    const options *o = call->options;
    if (!is_one_type(o)) {
        forward_channels(call);
        return;
    }
    const nib_quantizer_step step = step_of(o, call->training, 0);
    nib_grid_apply_rows(&step.grid, call->rows, call->cols, call->stride, call->x, call->y);
}

static void backward(const nib_quantize_call *call)
{
    const options *o = call->options;
    if (is_one_type(o)) {
        const nib_quantizer_step step = step_of(o, call->training, 0);
        nib_grid_pass_rows(step.lowest, step.highest, call->rows, call->cols, call->stride, call->x, call->dy,
                           call->dx);
        return;
    }
    for (int64_t c = 0; c < call->cols; c++) {
        const nib_quantizer_step step = step_of(o, call->training, c);
        nib_grid_pass_rows(step.lowest, step.highest, call->rows, 1, call->stride, call->x + c, call->dy + c,
                           call->dx + c);
    }
}

/* ---- Hardware ---- */

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    const options *o = call->options;
    (void)err;
    lowered->is_cast = true;
    lowered->n_types = is_one_type(o) ? 1 : call->cols;
    for (int64_t i = 0; i < lowered->n_types; i++)
        lowered->type[i] = type_of(o, i);
    return NIB_OK;
}

static int64_t grid(const void *filled, bool training, int64_t channels, nib_quantizer_step *steps)
{
    const options *o = filled;
    const int64_t n = is_one_type(o) ? 1 : channels;
    for (int64_t i = 0; i < n; i++)
        steps[i] = step_of(o, training, i);
    return n;
}

static const char *const cases[] = {"fixed<8,3,RND,SAT>",
                                    "ufixed<6,-1,RND_CONV,SAT>",
                                    "fixed<4,2>",
                                    "fixed(type='fixed<6,2,TRN,SAT_SYM>', ste=pass)",
                                    "fixed('fixed<6,2,RND,WRAP>', wrap_in_training=False)",
                                    "fixed(type='fixed<6,2,RND,SAT>', bits=[8, 3, 0, 6, 4, 2, 5, 1], "
                                    "integer=[3, 2, 1, 0, -1, 2, 5, 1])",
                                    NULL};

const nib_quantizer nib_quantizer_fixed = {
    .name = "fixed",
    .help = "a fixed-point type with its rounding and overflow modes",
    .source = "ap_fixed (Xilinx UG902)",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 1,
    .check = check,
    .channels = channels_of,
    .forward = forward,
    .backward = backward,
    .lower = lower,
    .grid = grid,
    .cases = cases,
};
