/* Which way a net's precisions reach hls4ml, and what no way can say. */
#include <string.h>

#include "quant/export_graph.h"

enum {
    MOST_FRACTION = 32, /* hls4ml's pass looks for bits of weights from 2^32 to 2^-32 */
    MOST_DOUBLE = 53    /* and reckons with intervals in doubles */
};

/* A node that needs every precision written down, with the reason; or -1. */
static int needs_explicit(const nib_fixnet *net, const char **why)
{
    for (int i = 0; i < net->n_nodes; i++) {
        const nib_fix_node *n = &net->node[i];
        *why = n->kind == NIB_FIX_DENSE && !n->as.dense.proven ? "its accumulator can overflow or round"
               : n->kind == NIB_FIX_POOL && !n->as.pool.proven ? "its accumulator can overflow or round"
               : n->kind == NIB_FIX_SOFTMAX                    ? "it is a softmax"
                                                               : NULL;
        if (*why)
            return i;
    }
    return -1;
}

static int needs_channels(const nib_fixnet *net)
{
    for (int i = 0; i < net->n_nodes; i++)
        if (net->node[i].type.count > 1 || net->node[i].type.bits[0] == 0)
            return i;
    return -1;
}

/* Bits behind the point of the finest nonzero number; -1000: all are 0. */
static int finest(const nib_fix_array *array)
{
    int most = -1000;
    for (int64_t i = 0; i < array->rows * array->cols; i++) {
        const nib_fixed type = nib_fix_type_at(&array->type, i);
        int64_t code = type.bits ? array->code[i] : 0;
        int fraction = nib_fixed_fraction(&type);
        for (; code && code % 2 == 0; code /= 2)
            fraction--;
        if (code && fraction > most)
            most = fraction;
    }
    return most;
}

static nib_status check_weights(const nib_fix_node *n, nib_error *err)
{
    const nib_fix_array *arrays[2] = {NULL, NULL};
    if (n->kind == NIB_FIX_DENSE) {
        arrays[0] = &n->as.dense.kernel;
        arrays[1] = n->as.dense.bias.rows ? &n->as.dense.bias : NULL;
    } else if (n->kind == NIB_FIX_SCALE) {
        arrays[0] = &n->as.scale.scale;
        arrays[1] = &n->as.scale.shift;
    }
    for (int i = 0; i < 2; i++)
        if (arrays[i] && finest(arrays[i]) > MOST_FRACTION)
            return nib_fail(
                err, NIB_ERR_UNSUPPORTED,
                "%s: a weight with %d bits behind the point; hls4ml's BitExact pass looks for %d: "
                "use --route explicit, or a coarser type",
                n->name, finest(arrays[i]), (int)MOST_FRACTION);
    if (n->kind == NIB_FIX_DENSE && n->as.dense.accum.bits > MOST_DOUBLE)
        return nib_fail(
            err, NIB_ERR_UNSUPPORTED,
            "%s: an accumulator of %d bits; hls4ml's BitExact pass reckons in doubles, which have "
            "%d: use --route explicit, or narrower types",
            n->name, n->as.dense.accum.bits, (int)MOST_DOUBLE);
    return NIB_OK;
}

/* hls4ml narrows quantizers that do not overflow; of SAT_SYM it then clamps one code too much. */
static nib_status check_symmetric(const nib_export *export, int node, nib_error *err)
{
    const nib_fix_node *n = &export->net->node[node];
    if (n->type.overflow != NIB_OVERFLOW_SAT_SYM)
        return NIB_OK;
    return nib_fail(err, NIB_ERR_UNSUPPORTED,
                    "%s: hls4ml's quantizers with a type per channel lose a code under SAT_SYM where they do "
                    "not overflow; use SAT",
                    n->name);
}

static nib_status check_channel_input(const nib_fix_node *n, nib_error *err)
{
    if (n->kind != NIB_FIX_INPUT || n->type.count == 1)
        return NIB_OK;
    const bool rounds = n->type.rounding == NIB_ROUNDING_TRN || n->type.rounding == NIB_ROUNDING_RND;
    if (rounds && n->type.overflow != NIB_OVERFLOW_SAT_ZERO)
        return NIB_OK;
    return nib_fail(
        err, NIB_ERR_UNSUPPORTED,
        "%s: hls4ml keeps an input with a type per channel exact for TRN and RND with WRAP or SAT, "
        "not for %s, %s; use RND, SAT",
        n->name, nib_rounding_name(n->type.rounding), nib_overflow_name(n->type.overflow));
}

static nib_status check_fpq(const nib_export *export, nib_error *err)
{
    const nib_fixnet *net = export->net;
    const int channels = needs_channels(net);
    if (export->stream && channels >= 0)
        return nib_fail(
            err, NIB_ERR_UNSUPPORTED,
            "%s: types that differ by channel exist with io_parallel only; hls.io_type is io_stream",
            net->node[channels].name);
    for (int i = 0; i < net->n_nodes; i++) {
        const nib_fix_node *n = &net->node[i];
        const bool trusted = (n->kind == NIB_FIX_RELU || n->kind == NIB_FIX_INPUT) && n->type.count == 1;
        NIB_TRY(check_channel_input(n, err));
        if (!trusted && n->kind != NIB_FIX_TABLE)
            NIB_TRY(check_symmetric(export, i, err));
        if (n->kind == NIB_FIX_TABLE) {
            const nib_fix_node *x = &net->node[n->input[0]];
            if ((x->kind != NIB_FIX_RELU && x->kind != NIB_FIX_INPUT) || x->type.count != 1)
                return nib_fail(
                    err, NIB_ERR_UNSUPPORTED,
                    "%s: hls4ml may narrow the index of a table beside quantizers with a type per "
                    "channel; give all tensors one type each",
                    n->name);
        }
    }
    return NIB_OK;
}

static nib_status check_route(const nib_export *export, nib_export_route route, nib_error *err)
{
    const nib_fixnet *net = export->net;
    const char *why;
    const int channels = needs_channels(net), by_hand = needs_explicit(net, &why);
    if (route == NIB_EXPORT_EXPLICIT) {
        if (channels < 0)
            return NIB_OK;
        return nib_fail(
            err, NIB_ERR_UNSUPPORTED,
            "%s: types that differ by channel cannot be written down one by one for hls4ml; use one "
            "type for the tensor%s",
            net->node[channels].name, by_hand < 0 ? ", or --route fpq" : "");
    }
    if (by_hand >= 0)
        return nib_fail(err, NIB_ERR_UNSUPPORTED, "%s: %s, which takes --route explicit",
                        net->node[by_hand].name, why);
    for (int i = 0; i < net->n_nodes; i++)
        NIB_TRY(check_weights(&net->node[i], err));
    if (route == NIB_EXPORT_FPQ)
        return check_fpq(export, err);
    if (channels < 0)
        return NIB_OK;
    return nib_fail(err, NIB_ERR_UNSUPPORTED, "%s: its types differ by channel, which takes --route fpq",
                    net->node[channels].name);
}

/* ---- Casts that hls4ml's C++ does not survive ---- */

/* Integer bits of what a node casts, its sign among them. */
typedef struct cast_source {
    int integer;
    bool is_signed;
} cast_source;

/* The narrowest type for a tensor, as hls4ml's BitExact pass makes it. False for a tensor of zeros. */
static bool narrowest(const nib_export *export, int node, cast_source *source)
{
    const nib_fix_interval *x = &export->interval[node];
    int64_t low = 0, high = 0;
    for (int64_t i = 0; i < export->net->node[node].features; i++) {
        low = x->low[i] < low ? x->low[i] : low;
        high = x->high[i] > high ? x->high[i] : high;
    }
    int bits = 0; /* without sign: -2^bits <= low, high < 2^bits */
    while (bits < 63 && (high >> bits || (-(low + 1)) >> bits > 0))
        bits++;
    *source = (cast_source){bits - x->fraction + (low < 0), low < 0};
    return low < 0 || high > 0;
}

/* False where a node casts nothing that has a type of its own. */
static bool source_of(const nib_export *export, nib_export_route route, const nib_fix_node *n,
                      cast_source *source)
{
    const nib_fixed *accum = n->kind == NIB_FIX_DENSE  ? &n->as.dense.accum
                             : n->kind == NIB_FIX_POOL ? &n->as.pool.accum
                                                       : NULL;
    if (accum) {
        *source = (cast_source){accum->integer, accum->is_signed};
        return true;
    }
    if (n->kind != NIB_FIX_RELU && n->kind != NIB_FIX_CAST && n->kind != NIB_FIX_LEAKY_RELU)
        return false;
    if (route != NIB_EXPORT_EXPLICIT)
        return narrowest(export, n->input[0], source);
    const nib_fixed type = nib_fix_type_at(&export->net->node[n->input[0]].type, 0);
    *source = (cast_source){type.integer, type.is_signed};
    return true;
}

/* Its ap_types look for the bit below the last one that stays, and assert that the source has it. */
static nib_status check_rounding(const nib_export *export, nib_export_route route, const nib_fix_node *n,
                                 nib_error *err)
{
    cast_source source;
    if (n->type.rounding == NIB_ROUNDING_TRN || !source_of(export, route, n, &source) ||
        (n->type.rounding == NIB_ROUNDING_TRN_ZERO && !source.is_signed))
        return NIB_OK;
    for (int64_t i = 0; i < n->type.count; i++) {
        const nib_fixed type = nib_fix_type_at(&n->type, i);
        if (type.bits && -nib_fixed_fraction(&type) > source.integer)
            return nib_fail(
                err, NIB_ERR_UNSUPPORTED,
                "%s: %s to steps of 2^%d drops every bit of numbers below 2^%d and more, at which hls4ml's "
                "C++ aborts: use TRN, or a type with at least %d bits behind the point",
                n->name, nib_rounding_name(n->type.rounding), -nib_fixed_fraction(&type),
                source.integer - source.is_signed, -source.integer);
    }
    return NIB_OK;
}

nib_status nib_export_choose_route(const nib_export *export, nib_export_route *route, nib_error *err)
{
    const char *why;
    *route = export->route;
    if (export->route == NIB_EXPORT_AUTO)
        *route = needs_explicit(export->net, &why) >= 0 ? NIB_EXPORT_EXPLICIT
                 : needs_channels(export->net) >= 0     ? NIB_EXPORT_FPQ
                                                        : NIB_EXPORT_BITEXACT;
    NIB_TRY(check_route(export, *route, err));
    for (int i = 0; i < export->net->n_nodes; i++)
        NIB_TRY(check_rounding(export, *route, &export->net->node[i], err));
    return NIB_OK;
}
