/** Dense nodes on narrow integers. */
#include <assert.h>
#include <string.h>

#include "quant/engine_internal.h"

typedef enum form { DOT8, DOT16, BLOCKS, RESIDUE, PAIR, WIDE } form;

static bool has_two(form f)
{
    return f == BLOCKS || f == RESIDUE || f == PAIR;
}

/* Kernel and bias of a node with every column on its own step: weight = code * 2^-fraction[column]. */
typedef struct aligned {
    nib_wide *kernel, *bias; /* [n_in, n_out], [n_out] */
    nib_fix_span *sum;       /* [n_out] of all products and the bias */
    nib_wide low, high;      /* of all weights */
} aligned;

static void align_column(const nib_fix_dense *dense, const nib_fix_interval *x, int64_t o, aligned *a)
{
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    const nib_fix_span bias = dense->bias.rows ? nib_fix_span_trimmed(&dense->bias, o) : (nib_fix_span){0};
    bool any = bias.low != 0;
    int fraction = bias.fraction;
    for (int64_t i = 0; i < n_in; ++i) {
        const nib_fix_span w = nib_fix_span_trimmed(&dense->kernel, i * n_out + o);
        const int own = w.fraction + x->fraction;
        if (w.low != 0 && (!any || own > fraction))
            fraction = own;
        any = any || w.low != 0;
    }
    a->bias[o] = bias.low ? nib_wide_shift_up(bias.low, fraction - bias.fraction) : 0;
    a->sum[o] = (nib_fix_span){a->bias[o], a->bias[o], fraction};
    for (int64_t i = 0; i < n_in; ++i) {
        const nib_fix_span w = nib_fix_span_trimmed(&dense->kernel, i * n_out + o);
        const nib_wide code = w.low ? nib_wide_shift_up(w.low, fraction - w.fraction - x->fraction) : 0;
        a->kernel[i * n_out + o] = code;
        a->low = code < a->low ? code : a->low;
        a->high = code > a->high ? code : a->high;
        nib_fix_span product = nib_fix_span_of(x, i);
        if (code == 0 || (product.low == 0 && product.high == 0))
            continue;
        /* Beyond 62 bits the span is refused anyway. */
        const bool large = nib_wide_width(code) > 62;
        product = large ? (nib_fix_span){-((nib_wide)1 << 100), (nib_wide)1 << 100, fraction}
                        : nib_fix_span_times(product, (int64_t)code, 0);
        product.fraction = fraction;
        a->sum[o] = nib_fix_span_plus(a->sum[o], product);
    }
}

static nib_status align_all(nib_engine *engine, const nib_fix_dense *dense, const nib_fix_interval *x,
                            aligned *a, nib_error *err)
{
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    *a = (aligned){.kernel = NIB_NEW(engine->arena, nib_wide, n_in * n_out),
                   .bias = NIB_NEW(engine->arena, nib_wide, n_out),
                   .sum = NIB_NEW(engine->arena, nib_fix_span, n_out)};
    if (!a->kernel || !a->bias || !a->sum)
        return nib_fail_memory(err, "the integer engine");
    for (int64_t o = 0; o < n_out; ++o)
        align_column(dense, x, o, a);
    return NIB_OK;
}

/* ---- Kernels in the order in which the loops read them ---- */

static int64_t rounded_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* [n_out / 16][padded / inner][16][inner] of int8_t (inner 4) or int16_t (inner 2). */
static void *pack_narrow(nib_arena *arena, const aligned *a, int64_t n_in, int64_t n_out, int64_t inner,
                         int64_t padded)
{
    const int64_t dots = padded / inner, stride = rounded_up(n_out, NIB_ENGINE_LANES);
    void *packed = nib_arena_alloc(arena, (size_t)(dots * stride), 4);
    int8_t *i8 = packed;
    int16_t *i16 = packed;
    for (int64_t i = 0; packed && i < n_in; ++i)
        for (int64_t o = 0; o < n_out; ++o) {
            const int64_t group = o / NIB_ENGINE_LANES, lane = o % NIB_ENGINE_LANES;
            const int64_t at = ((group * dots + i / inner) * NIB_ENGINE_LANES + lane) * inner + i % inner;
            if (inner == 4)
                i8[at] = (int8_t)a->kernel[i * n_out + o];
            else
                i16[at] = (int16_t)a->kernel[i * n_out + o];
        }
    return packed;
}

static void *pack_wide(nib_arena *arena, const aligned *a, int64_t n_in, int64_t n_out)
{
    const int64_t stride = rounded_up(n_out, NIB_ENGINE_LANES);
    int64_t *packed = NIB_NEW(arena, int64_t, n_in * stride);
    for (int64_t i = 0; packed && i < n_in; ++i)
        for (int64_t o = 0; o < n_out; ++o)
            packed[i * stride + o] = (int64_t)a->kernel[i * n_out + o];
    return packed;
}

/* ---- Two sums for each number ---- */

enum { BYTE = 8, BLOCK_SPLIT = 16 };

/* A weight as 256 high + low, low from -128 to 127. */
static int32_t low_part(nib_wide w)
{
    return (int32_t)((w + 128) & 255) - 128;
}

static int16_t pair_weight(nib_wide w, bool high)
{
    const int32_t low = low_part(w);
    return (int16_t)(high ? ((int32_t)w - low) / (1 << BYTE) : low);
}

/* A weight in units of 2^shift, as a signed byte. */
static int8_t rough_weight(nib_wide w, int shift)
{
    const nib_wide rounded = shift ? (w + ((nib_wide)1 << (shift - 1))) >> shift : w;
    return (int8_t)(rounded > INT8_MAX ? INT8_MAX : rounded);
}

/* The least shift with which the weights of a column are bytes. */
static int rough_shift(const aligned *a, int64_t n_in, int64_t n_out, int64_t o)
{
    nib_wide low = 0, high = 0;
    int shift = 0;
    for (int64_t i = 0; i < n_in; ++i) {
        const nib_wide w = a->kernel[i * n_out + o];
        low = w < low ? w : low;
        high = w > high ? w : high;
    }
    while (low >> shift < INT8_MIN || high >> shift > INT8_MAX)
        ++shift;
    return shift;
}

static nib_wide most(nib_wide low, nib_wide high)
{
    return -low > high ? -low : high;
}

/* What product i adds to the range of the sums of a column. x is stored as 256 (byte - 128) + rest. */
static void count_product(nib_engine_column *c, form f, int shift, nib_wide w, nib_wide x_low,
                          nib_wide x_high)
{
    if (f == PAIR) {
        const nib_wide x = most(x_low, x_high);
        c->high_most += most(pair_weight(w, true), -pair_weight(w, true)) * x;
        c->rest_high += most(low_part(w), -low_part(w)) * x;
        return;
    }
    const nib_wide missing = (w - rough_weight(w, shift) * ((nib_wide)1 << shift)) * (1 << BYTE);
    const nib_wide at_low = missing * ((x_low >> BYTE) + 128), at_high = missing * ((x_high >> BYTE) + 128);
    const nib_wide constant = w * ((nib_wide)128 << BYTE), rest = w * UINT8_MAX;
    c->rest_low += (at_low < at_high ? at_low : at_high) + (rest < 0 ? rest : 0) - constant;
    c->rest_high += (at_low < at_high ? at_high : at_low) + (rest > 0 ? rest : 0) - constant;
}

/* The bias and ranges of a column whose sums are split there. x is stored with an offset, which the bias
 * takes back. */
static nib_engine_column column_of(form f, const aligned *a, const nib_fix_dense *dense,
                                   const nib_fix_interval *x, int32_t offset, int64_t o, int split)
{
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    nib_engine_column c = {
        .bias = a->bias[o], .low = a->sum[o].low, .high = a->sum[o].high, .own_bias = a->bias[o]};
    for (int64_t i = 0; i < n_in; ++i) {
        const nib_wide w = a->kernel[i * n_out + o];
        c.bias -= offset * w;
        c.squares[w < 0] += has_two(f) ? w * w : 0;
        if (f == PAIR || f == RESIDUE)
            count_product(&c, f, split - BYTE, w, x->low[i] + offset, x->high[i] + offset);
    }
    if (f == BLOCKS) { /* plan_blocks sees to the low sums */
        c.rest_high = INT32_MAX - ((nib_wide)1 << BLOCK_SPLIT);
        c.high_most = (most(c.low, c.high) + INT32_MAX) >> split;
    }
    return c;
}

/* Where the sums of blocks are split, all columns alike: at the place to which they are shifted down, if that
 * is low enough. */
static int block_split(int64_t n_out, const nib_engine_steps *steps)
{
    const int64_t *shift = steps->step[0].shift;
    if (steps->n != 1 || steps->period != 1 || shift[0] < BYTE || shift[0] > BLOCK_SPLIT)
        return BLOCK_SPLIT;
    for (int64_t o = 1; o < n_out; ++o)
        if (shift[o] != shift[0])
            return BLOCK_SPLIT;
    return (int)shift[0];
}

/* Where the sums of column o are split: residues at the place to which they are shifted down, if the rough
 * weights may be so rough, since there both sums are added as they are. */
static int split_of(form f, const aligned *a, const nib_fix_dense *dense, const nib_fix_interval *x,
                    int32_t offset, int64_t o, const nib_engine_steps *steps)
{
    if (f == PAIR || f == BLOCKS)
        return f == PAIR ? BYTE : block_split(dense->kernel.cols, steps);
    const int least = BYTE + rough_shift(a, dense->kernel.rows, dense->kernel.cols, o);
    const int64_t shift =
        steps->n == 1 && steps->period == 1 ? ((const int64_t *)steps->step[0].shift)[o] : 0;
    if (shift <= least || shift > 30)
        return least;
    const nib_engine_column c = column_of(f, a, dense, x, offset, o, (int)shift);
    return c.rest_high - c.rest_low < (nib_wide)UINT32_MAX - ((nib_wide)1 << shift) ? (int)shift : least;
}

/* All columns; d->split becomes theirs. */
static nib_engine_column *make_columns(nib_engine *engine, form f, const aligned *a,
                                       const nib_fix_dense *dense, const nib_fix_interval *x, int32_t offset,
                                       nib_engine_dense *d)
{
    const int64_t n_out = dense->kernel.cols;
    const bool two = has_two(f);
    nib_engine_column *columns = NIB_NEW(engine->arena, nib_engine_column, n_out);
    int32_t *split = NIB_NEW(engine->arena, int32_t, d->n_out);
    if (!columns || !split)
        return NULL;
    for (int64_t o = 0; o < n_out; ++o) {
        split[o] = two ? split_of(f, a, dense, x, offset, o, &d->steps) : 0;
        columns[o] = column_of(f, a, dense, x, offset, o, split[o]);
        columns[o].split = split[o];
    }
    d->split = two ? split : NULL;
    return columns;
}

bool nib_engine_two_biases(const nib_engine_dense *d, const nib_engine_column *c, nib_wide more,
                           int32_t *high_bias, int32_t *bias)
{
    const nib_wide whole = c->bias + more, unit = (nib_wide)1 << c->split;
    const nib_wide middle = d->bytes ? (c->rest_low + c->rest_high) / 2 + whole : whole + unit / 2;
    const nib_wide high = middle >> c->split, low = whole - high * unit;
    *high_bias = (int32_t)high;
    *bias = (int32_t)(uint32_t)(nib_wide_bits)(d->bytes ? whole : low);
    if (most(c->low + more, c->high + more) >> c->split > INT32_MAX / 2)
        return false;
    if (d->bytes)
        return c->rest_low + low >= INT32_MIN && c->rest_high + low <= INT32_MAX;
    const nib_wide high_most = c->high_most + most(high, -high), rest = c->rest_high + unit;
    return rest <= INT32_MAX && high_most + (rest >> c->split) < INT32_MAX;
}

/* ---- Blocks ---- */

enum { DOT = 2 /* inputs */ };

/* low, high [n_out]: the sums up to the inputs from `from` on, which are added, of x as it is stored. False
 * where they do not fit together with what is left of the blocks before. */
static bool block_fits(const aligned *a, const nib_fix_dense *dense, const nib_fix_interval *x,
                       int32_t offset, int64_t from, nib_wide *low, nib_wide *high)
{
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    const nib_wide left = (nib_wide)1 << BLOCK_SPLIT;
    bool fits = true;
    for (int64_t i = from; i < from + DOT && i < n_in; ++i)
        for (int64_t o = 0; o < n_out; ++o) {
            const nib_wide w = a->kernel[i * n_out + o];
            const nib_wide p = w * (x->low[i] + offset), q = w * (x->high[i] + offset);
            low[o] += p < q ? p : q;
            high[o] += p < q ? q : p;
        }
    for (int64_t o = 0; o < n_out; ++o)
        fits = fits && low[o] - left >= INT32_MIN && high[o] + left <= INT32_MAX;
    return fits;
}

/* As few blocks as fit. *fits is false where not even two inputs do, or another form costs less: it has other
 * products of all inputs, where this one has some sums for each block. */
static nib_status plan_blocks(nib_engine *engine, const aligned *a, const nib_fix_dense *dense,
                              const nib_fix_interval *x, int32_t offset, nib_engine_dense *d, bool *fits,
                              nib_error *err)
{
    const int64_t n_out = dense->kernel.cols, n_dots = d->n_in / DOT;
    const int64_t least = engine->dense_loops->residue ? 8 : 2; /* products of the other form per block */
    nib_wide *low = NIB_NEW(engine->arena, nib_wide, n_out), *high = NIB_NEW(engine->arena, nib_wide, n_out);
    int32_t *block = NIB_NEW(engine->arena, int32_t, n_dots);
    if (!low || !high || !block)
        return nib_fail_memory(err, "the integer engine");
    d->block = block;
    d->n_blocks = 1;
    for (int64_t k = 0; k < n_dots && *fits; ++k) {
        if (!block_fits(a, dense, x, offset, DOT * k, low, high)) {
            d->n_blocks += block[d->n_blocks - 1] > 0;
            memset(low, 0, (size_t)n_out * sizeof *low);
            memset(high, 0, (size_t)n_out * sizeof *high);
            *fits = block_fits(a, dense, x, offset, DOT * k, low, high);
        }
        block[d->n_blocks - 1]++;
    }
    *fits = *fits && least * (d->n_blocks - 1) < n_dots;
    return NIB_OK;
}

/* Kernels and biases; *fits is false where a sum leaves its bits. */
static nib_status pack_two(nib_engine *engine, form f, const aligned *a, const nib_fix_dense *dense,
                           const nib_engine_column *columns, const nib_engine_tensor *x, int64_t positions,
                           nib_engine_dense *d, bool *fits, nib_error *err)
{
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols, n = n_in * n_out;
    int32_t *high_bias = NIB_NEW(engine->arena, int32_t, d->n_out),
            *bias = NIB_NEW(engine->arena, int32_t, d->n_out);
    aligned low = *a, high = *a;
    if (f == PAIR)
        low.kernel = NIB_NEW(engine->arena, nib_wide, n);
    if (f != BLOCKS)
        high.kernel = NIB_NEW(engine->arena, nib_wide, n);
    const int64_t rows = engine->tile * positions + NIB_ENGINE_BLOCK; /* a lot of rows fits too */
    d->bytes = f == RESIDUE ? nib_arena_alloc(engine->arena, (size_t)(rows * x->stride), 1) : NULL;
    if (!high_bias || !bias || !low.kernel || !high.kernel || (f == RESIDUE && !d->bytes))
        return nib_fail_memory(err, "the integer engine");
    for (int64_t i = 0; i < n && f != BLOCKS; ++i) {
        if (f == PAIR)
            low.kernel[i] = pair_weight(a->kernel[i], false);
        high.kernel[i] = f == PAIR ? pair_weight(a->kernel[i], true)
                                   : rough_weight(a->kernel[i], d->split[i % n_out] - BYTE);
    }
    *fits = true;
    for (int64_t o = 0; o < n_out; ++o)
        *fits = nib_engine_two_biases(d, &columns[o], 0, &high_bias[o], &bias[o]) && *fits;
    d->bias = bias;
    d->high_bias = high_bias;
    d->narrow.limit = -1;
    d->kernel = pack_narrow(engine->arena, &low, n_in, n_out, 2, d->n_in);
    d->high_kernel =
        f == BLOCKS ? d->kernel : pack_narrow(engine->arena, &high, n_in, n_out, f == PAIR ? 2 : 4, d->n_in);
    d->narrow.kernel = f == PAIR ? pack_narrow(engine->arena, a, n_in, n_out, 2, d->n_in) : d->kernel;
    return d->kernel && d->high_kernel && d->narrow.kernel ? NIB_OK
                                                           : nib_fail_memory(err, "the integer engine");
}

/* ---- Choice ---- */

/* What is added to x where it is stored for a product. */
static int32_t offset_for(form f, int64_t x_low, int64_t x_high)
{
    const bool sixteen = f == DOT16 || has_two(f);
    return f == DOT8 && x_low < 0 ? 128 : sixteen && x_high > INT16_MAX ? INT16_MIN : 0;
}

static bool form_fits(const nib_engine *engine, form f, const aligned *a, int64_t x_low, int64_t x_high)
{
    const int32_t offset = offset_for(f, x_low, x_high);
    x_low += offset;
    x_high += offset;
    switch (f) {
    case DOT8:
        return engine->dense_loops->dot8 && a->low >= INT8_MIN && a->high <= INT8_MAX && x_low >= 0 &&
               x_high <= UINT8_MAX;
    case DOT16:
    case BLOCKS:
    case RESIDUE:
    case PAIR:
        return (f != RESIDUE || engine->dense_loops->residue) &&
               (f != BLOCKS || engine->dense_loops->blocks) && a->low >= INT16_MIN && a->high <= INT16_MAX &&
               x_low >= INT16_MIN && x_high <= INT16_MAX;
    case WIDE:
        break;
    }
    return nib_wide_width(a->low) <= 62 && nib_wide_width(a->high) <= 62;
}

/* Can the casts of `next` be done with those of node `index`? Only where nobody else reads the node. */
static bool may_fuse(const nib_engine *engine, int index, int next)
{
    const nib_fixnet *net = engine->net;
    const nib_fix_node *node = &net->node[next];
    if ((node->kind != NIB_FIX_RELU && node->kind != NIB_FIX_CAST) || node->input[0] != index)
        return false;
    for (int i = 0; i < net->n_outputs; ++i)
        if (net->output[i].node == index)
            return false;
    for (int i = next + 1; i < net->n_nodes; ++i)
        for (int k = 0; k < net->node[i].n_inputs; ++k)
            if (net->node[i].input[k] == index)
                return false;
    const bool each = net->node[index].type.count > net->node[index].features;
    return each == (node->type.count > node->features);
}

static nib_status spans_of(nib_engine *engine, int index, nib_fix_span **spans, nib_error *err)
{
    const int64_t n = engine->net->node[index].features;
    *spans = NIB_NEW(engine->arena, nib_fix_span, n);
    if (!*spans)
        return nib_fail_memory(err, "the integer engine");
    for (int64_t i = 0; i < n; ++i)
        (*spans)[i] = nib_fix_span_of(&engine->interval[index], i);
    return NIB_OK;
}

/* The cast of the node itself, and that of a relu behind it: together in one step where the first is exact.
 */
static nib_status plan_casts(nib_engine *engine, int index, const nib_fix_span *sum, bool wide,
                             nib_engine_steps *steps, int *target, bool *fits, nib_error *err)
{
    const nib_fix_node *node = &engine->net->node[index], *next = node + 1;
    bool exact;
    const nib_engine_cast own = {node, sum, false, wide};
    NIB_TRY(nib_engine_plan_cast(engine, &own, steps, fits, &exact, err));
    *target = index;
    if (!*fits || index + 1 >= engine->net->n_nodes || !may_fuse(engine, index, index + 1))
        return NIB_OK;
    const bool relu = next->kind == NIB_FIX_RELU;
    nib_fix_span *stored;
    NIB_TRY(spans_of(engine, index, &stored, err));
    const nib_engine_cast behind = {next, exact ? sum : stored, relu, wide};
    nib_engine_steps fused = exact ? (nib_engine_steps){0} : *steps;
    bool fused_fits;
    NIB_TRY(nib_engine_plan_cast(engine, &behind, &fused, &fused_fits, &exact, err));
    if (fused_fits) {
        *steps = fused;
        *target = index + 1;
    }
    return NIB_OK;
}

/* ---- Forms ---- */

static nib_status pack_one(nib_engine *engine, form f, const aligned *a, const nib_fix_dense *dense,
                           const nib_engine_column *columns, nib_engine_dense *d, nib_error *err)
{
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    int32_t *narrow = NIB_NEW(engine->arena, int32_t, d->n_out);
    int64_t *wide = NIB_NEW(engine->arena, int64_t, d->n_out);
    if (!narrow || !wide)
        return nib_fail_memory(err, "the integer engine");
    for (int64_t o = 0; o < n_out; ++o) { /* 32 bits: modulo 2^32, as the sums are */
        narrow[o] = (int32_t)(uint32_t)(nib_wide_bits)columns[o].bias;
        wide[o] = (int64_t)columns[o].bias;
    }
    d->bias = f == WIDE ? (const void *)wide : narrow;
    d->kernel = f == WIDE ? pack_wide(engine->arena, a, n_in, n_out)
                          : pack_narrow(engine->arena, a, n_in, n_out, f == DOT8 ? 4 : 2, d->n_in);
    return d->kernel ? NIB_OK : nib_fail_memory(err, "the integer engine");
}

static nib_status plan_form(nib_engine *engine, int index, form f, const aligned *a, bool *done,
                            nib_error *err)
{
    const int64_t inner[] = {[DOT8] = 4, [DOT16] = 2, [BLOCKS] = DOT, [RESIDUE] = 4, [PAIR] = 2, [WIDE] = 1};
    const nib_engine_storage storage[] = {
        [DOT8] = NIB_ENGINE_U8,     [DOT16] = NIB_ENGINE_I16, [BLOCKS] = NIB_ENGINE_I16,
        [RESIDUE] = NIB_ENGINE_I16, [PAIR] = NIB_ENGINE_I16,  [WIDE] = NIB_ENGINE_I64};
    nib_engine_dense_loop *const loop[] = {
        [DOT8] = engine->dense_loops->dot8,     [DOT16] = engine->dense_loops->dot16,
        [BLOCKS] = engine->dense_loops->blocks, [RESIDUE] = engine->dense_loops->residue,
        [PAIR] = engine->dense_loops->pair,     [WIDE] = engine->dense_loops->wide};
    const int x = engine->net->node[index].input[0];
    const nib_fix_dense *dense = &engine->net->node[index].as.dense;
    nib_engine_stage *stage = &engine->stage[index];
    nib_engine_dense *d = &stage->as.dense;
    int64_t low, high;
    nib_engine_hull(engine, x, &low, &high);
    *done = false;
    if (!form_fits(engine, f, a, low, high))
        return NIB_OK;
    const int32_t offset = offset_for(f, low, high);
    *d = (nib_engine_dense){.n_in = rounded_up(dense->kernel.rows, inner[f]),
                            .n_out = rounded_up(dense->kernel.cols, NIB_ENGINE_LANES)};
    NIB_TRY(plan_casts(engine, index, a->sum, f >= BLOCKS, &d->steps, &stage->target, done, err));
    if (!*done)
        return NIB_OK;
    if (f == BLOCKS)
        NIB_TRY(plan_blocks(engine, a, dense, &engine->interval[x], offset, d, done, err));
    if (!*done)
        return NIB_OK;
    stage->columns = make_columns(engine, f, a, dense, &engine->interval[x], offset, d);
    if (!stage->columns)
        return nib_fail_memory(err, "the integer engine");
    stage->narrowed = (nib_engine_tensor){
        .storage = storage[f], .offset = offset, .stride = nib_engine_stride(&engine->net->node[x])};
    if (has_two(f))
        NIB_TRY(pack_two(engine, f, a, dense, stage->columns, &stage->narrowed,
                         engine->net->node[x].positions, d, done, err));
    else
        NIB_TRY(pack_one(engine, f, a, dense, stage->columns, d, err));
    stage->kind = NIB_ENGINE_STAGE_DENSE;
    stage->product = loop[f];
    return NIB_OK;
}

nib_status nib_engine_plan_dense(nib_engine *engine, int index, bool *done, nib_error *err)
{
    const nib_fix_node *node = &engine->net->node[index];
    const nib_fix_interval *x = &engine->interval[node->input[0]];
    *done = false;
    if (!nib_fix_dense_is_proven(&node->as.dense, x))
        return NIB_OK;
    aligned a;
    NIB_TRY(align_all(engine, &node->as.dense, x, &a, err));
    for (form f = DOT8; f <= WIDE && !*done; ++f)
        NIB_TRY(plan_form(engine, index, f, &a, done, err));
    return NIB_OK;
}
