#include "train/hls4ml_types.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/hls4ml_lookup.h"

typedef struct reader {
    nib_hls4ml_lookup lookup;
    const nib_config *config;
    const nib_model *model;
    nib_arena *arena;
    const nib_log *log;
    nib_hls4ml_types *types;
    nib_doc *layers;
    nib_fixed *result; /* [layers] the type that is known of each layer's output */
    nib_fixed *input;  /* [inputs] */
} reader;

static const nib_fixed table_type = {18, 8, true, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT};

/* ---- Section quant ---- */

static nib_status put(const reader *r, nib_doc *map, const char *key, const nib_fixed *type, nib_error *err)
{
    char text[NIB_FIXED_TEXT_BYTES];
    if (!nib_doc_add_text(r->arena, map, key, "%s", nib_quant_type_text(type, text)))
        return nib_fail_memory(err, "types of hls4ml");
    return NIB_OK;
}

static nib_doc *map_of(const reader *r, const char *name)
{
    return nib_doc_add(r->arena, r->layers, name, nib_doc_new_map(r->arena));
}

/* ---- Types that hls4ml works out ---- */

static int ceil_log2(int64_t n)
{
    int bits = 0;
    while (((int64_t)1 << bits) < n)
        bits++;
    return bits;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* A product of two types, `more` bits wider for a sum of them, plus a third. */
static nib_fixed product_plus(const nib_fixed *x, const nib_fixed *w, int more, const nib_fixed *b)
{
    const bool product_signed = x->is_signed || w->is_signed;
    const int integer = x->integer + w->integer + more, fraction = x->bits + w->bits + more - integer;
    const int sum = larger(integer + (b->is_signed && !product_signed ? 1 : 0),
                           b->integer + (product_signed && !b->is_signed ? 1 : 0)) +
                    1;
    return (nib_fixed){sum + larger(fraction, b->bits - b->integer), sum, product_signed || b->is_signed,
                       NIB_ROUNDING_TRN, NIB_OVERFLOW_WRAP};
}

/* Model.Precision.maximum, which also loses the modes. */
static nib_status cut(const reader *r, nib_fixed *type, nib_error *err)
{
    const nib_doc *precision = nib_doc_get(r->lookup.model, "Precision");
    const nib_doc *value = nib_doc_get(precision, "maximum");
    nib_fixed most;
    if (!value)
        return NIB_OK;
    NIB_TRY(nib_hls4ml_type(value, &most, err));
    type->bits = type->bits < most.bits ? type->bits : most.bits;
    type->integer = type->integer < most.integer ? type->integer : most.integer;
    return NIB_OK;
}

/* ---- Layers ---- */

static const nib_fixed *type_before(const reader *r, int layer)
{
    const int from = r->model->layer[layer].from[0];
    return from >= 0 ? &r->result[from] : &r->input[-1 - from];
}

static nib_status read_turns(const reader *r, const nib_hls4ml_layer *layer, int64_t n_in, int64_t n_out,
                             nib_error *err)
{
    const nib_doc *strategy = nib_hls4ml_key(&r->lookup, layer, "Strategy", true);
    const nib_doc *reuse = nib_hls4ml_key(&r->lookup, layer, "ReuseFactor", true);
    nib_hls4ml_dense *d = &r->types->dense[r->types->n_dense++];
    *d = (nib_hls4ml_dense){layer->name, NIB_FIX_ORDER_LATENCY, 1};
    if (nib_hls4ml_is(strategy, "Resource"))
        d->order = NIB_FIX_ORDER_RESOURCE;
    else if (strategy && !nib_hls4ml_is(strategy, "Latency"))
        return nib_doc_fail(&strategy->place, err, NIB_ERR_UNSUPPORTED,
                            "%s: strategy %s is not emulated; Latency and Resource are", layer->name,
                            strategy->kind == NIB_DOC_SCALAR ? strategy->text : "");
    if (reuse && reuse->kind == NIB_DOC_SCALAR)
        d->reuse = strtoll(reuse->text, NULL, 10);
    if (d->reuse < 1)
        return nib_doc_fail(&reuse->place, err, NIB_ERR_CONFIG, "%s: ReuseFactor must be 1 or more",
                            layer->name);
    if (d->order == NIB_FIX_ORDER_RESOURCE && !nib_cost_reuse_is_valid(n_in, n_out, d->reuse)) {
        const int64_t asked = d->reuse;
        int64_t below, above;
        d->reuse = nib_cost_valid_reuse(n_in, n_out, asked, &below, &above);
        nib_log_warning(r->log, "%s: hls4ml takes reuse factor %lld instead of %lld", layer->name,
                        (long long)d->reuse, (long long)asked);
    }
    return NIB_OK;
}

/* `auto` of accumulators and results loses nothing, so lowering's own exact width gives the same numbers; cut
 * by Model.Precision.maximum it does lose and has to be written. */
static nib_status put_wide(const reader *r, nib_doc *map, const char *key, bool is_auto, nib_fixed *type,
                           const nib_fixed *wide, nib_error *err)
{
    if (!is_auto)
        return put(r, map, key, type, err);
    *type = *wide;
    NIB_TRY(cut(r, type, err));
    const bool is_cut = type->bits != wide->bits || type->integer != wide->integer;
    return is_cut ? put(r, map, key, type, err) : NIB_OK;
}

static const char *result_key(const reader *r, int index)
{
    return nib_quant_key_name(nib_quant_result_key(&r->config->model, r->model->layer[index].config));
}

static nib_status read_dense(reader *r, int index, nib_error *err)
{
    const nib_model_layer *l = &r->model->layer[index];
    const nib_hls4ml_layer layer = {l->config->name, "Dense"};
    const nib_param *kernel = &r->model->params->row[l->first_param];
    nib_doc *map = map_of(r, layer.name);
    nib_fixed weight, bias, accum;
    bool is_auto, accum_auto, result_auto;
    if (!map)
        return nib_fail_memory(err, "types of hls4ml");
    NIB_TRY(nib_hls4ml_precision(&r->lookup, &layer, "weight", &weight, &is_auto, err));
    NIB_TRY(nib_hls4ml_precision(&r->lookup, &layer, "bias", &bias, &is_auto, err));
    NIB_TRY(nib_hls4ml_precision(&r->lookup, &layer, "accum", &accum, &accum_auto, err));
    NIB_TRY(nib_hls4ml_precision(&r->lookup, &layer, "result", &r->result[index], &result_auto, err));
    const nib_fixed wide = product_plus(type_before(r, index), &weight, ceil_log2(kernel->rows), &bias);
    NIB_TRY(put(r, map, "weight", &weight, err));
    NIB_TRY(put(r, map, "bias", &bias, err));
    NIB_TRY(put_wide(r, map, "accum", accum_auto, &accum, &wide, err));
    NIB_TRY(put_wide(r, map, result_key(r, index), result_auto, &r->result[index], &wide, err));
    return read_turns(r, &layer, kernel->rows, kernel->cols, err);
}

/* hls4ml folds a batch norm into the dense layer before it where that layer's result is auto. */
static nib_status refuse_fused(const reader *r, int index, nib_error *err)
{
    const int from = r->model->layer[index].from[0];
    nib_fixed type;
    bool is_auto;
    if (from < 0 || strcmp(r->model->layer[from].config->type->name, "dense") != 0)
        return NIB_OK;
    const nib_hls4ml_layer before = {r->model->layer[from].config->name, "Dense"};
    NIB_TRY(nib_hls4ml_precision(&r->lookup, &before, "result", &type, &is_auto, err));
    if (!is_auto)
        return NIB_OK;
    return nib_fail(
        err, NIB_ERR_UNSUPPORTED,
        "%s: hls4ml folds this batch norm into %s, whose result is auto: fold it in the model, or "
        "give %s a precision of its result",
        r->model->layer[index].config->name, before.name, before.name);
}

static nib_status read_batch_norm(reader *r, int index, nib_error *err)
{
    const nib_hls4ml_layer layer = {r->model->layer[index].config->name, "BatchNormalization"};
    const nib_fixed *x = type_before(r, index);
    nib_doc *map = map_of(r, layer.name);
    nib_fixed scale, bias;
    bool is_auto, result_auto;
    if (!map)
        return nib_fail_memory(err, "types of hls4ml");
    NIB_TRY(refuse_fused(r, index, err));
    NIB_TRY(nib_hls4ml_precision(&r->lookup, &layer, "scale", &scale, &is_auto, err));
    NIB_TRY(nib_hls4ml_precision(&r->lookup, &layer, "bias", &bias, &is_auto, err));
    NIB_TRY(nib_hls4ml_precision(&r->lookup, &layer, "result", &r->result[index], &result_auto, err));
    const nib_fixed wide = product_plus(x, &scale, 0, &bias);
    NIB_TRY(put(r, map, "weight", &scale, err));
    NIB_TRY(put(r, map, "bias", &bias, err));
    return put_wide(r, map, result_key(r, index), result_auto, &r->result[index], &wide, err);
}

static nib_status read_relu(reader *r, int index, nib_error *err)
{
    const nib_hls4ml_layer layer = {r->model->layer[index].config->name, "Activation"};
    nib_doc *map = map_of(r, layer.name);
    bool is_auto; /* then it is the default */
    if (!map)
        return nib_fail_memory(err, "types of hls4ml");
    NIB_TRY(nib_hls4ml_precision(&r->lookup, &layer, "result", &r->result[index], &is_auto, err));
    return put(r, map, result_key(r, index), &r->result[index], err);
}

static nib_status read_dropout(reader *r, int index, nib_error *err)
{
    (void)err;
    r->result[index] = *type_before(r, index); /* hls4ml leaves the layer out */
    return NIB_OK;
}

static nib_status read_layer(reader *r, int index, nib_error *err)
{
    static const struct {
        const char *name;
        nib_status (*read)(reader *r, int index, nib_error *err);
    } known[] = {{"dense", read_dense},
                 {"relu", read_relu},
                 {"batch_norm", read_batch_norm},
                 {"dropout", read_dropout}};
    const nib_layer_config *layer = r->model->layer[index].config;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, layer->type->name) == 0)
            return known[i].read(r, index, err);
    return nib_fail(err, NIB_ERR_UNSUPPORTED,
                    "%s: hls4ml's %s is not emulated; dense, relu, batch_norm and softmax are", layer->name,
                    layer->type->name);
}

static nib_status read_input(reader *r, int index, nib_error *err)
{
    const nib_hls4ml_layer layer = {r->model->input[index].name, "Input"};
    nib_doc *map = map_of(r, layer.name);
    bool is_auto;
    if (!map)
        return nib_fail_memory(err, "types of hls4ml");
    NIB_TRY(nib_hls4ml_precision(&r->lookup, &layer, "result", &r->input[index], &is_auto, err));
    return put(r, map, "input", &r->input[index], err);
}

/* ---- Softmax ---- */

static nib_status read_table(const reader *r, const nib_hls4ml_layer *layer, const char *key, nib_fixed *type,
                             bool *given, nib_error *err)
{
    const nib_doc *value = nib_hls4ml_key(&r->lookup, layer, key, false);
    *given = value != NULL;
    return value ? nib_hls4ml_type(value, type, err) : NIB_OK;
}

static nib_status read_implementation(const reader *r, const nib_hls4ml_layer *layer,
                                      nib_fix_softmax_kind *kind, nib_error *err)
{
    static const char *const names[] = {"stable", "latency", "argmax"};
    const nib_doc *value = nib_hls4ml_key(&r->lookup, layer, "Implementation", false);
    *kind = NIB_FIX_SOFTMAX_STABLE;
    for (int i = 0; value && i < 3; i++)
        if (nib_hls4ml_is(value, names[i])) {
            *kind = (nib_fix_softmax_kind)i;
            return NIB_OK;
        }
    if (!value)
        return NIB_OK;
    return nib_doc_fail(&value->place, err, NIB_ERR_UNSUPPORTED,
                        "%s: this implementation of softmax is not emulated; stable, latency and argmax are",
                        layer->name);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Sizes of the tables: TableSize, no more than the operands have codes. */
static nib_status read_sizes(const reader *r, const nib_hls4ml_layer *layer, const nib_fixed *x,
                             nib_fix_softmax *s, nib_error *err)
{
    const nib_doc *value = nib_hls4ml_key(&r->lookup, layer, "TableSize", false);
    int64_t size = value && value->kind == NIB_DOC_SCALAR ? strtoll(value->text, NULL, 10) : 1024;
    if (size < 2 || (size & (size - 1)) != 0)
        return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "%s: TableSize must be a power of two",
                            layer->name);
    const int bits = x->bits < s->inv_table.bits ? x->bits : s->inv_table.bits;
    size = smaller(size, (int64_t)1 << bits);
    s->inv_size = smaller(size, (int64_t)1 << s->inv_inp.bits);
    const int index_bits = s->kind == NIB_FIX_SOFTMAX_STABLE ? s->inp_norm.bits : x->bits;
    s->exp_size = smaller(size, (int64_t)1 << index_bits);
    return NIB_OK;
}

static nib_status read_head(reader *r, const nib_model_output *output, nib_error *err)
{
    const nib_hls4ml_layer layer = {nib_arena_printf(r->arena, "%s_prob", output->target), "Softmax"};
    const nib_fixed *x = &r->result[output->layer];
    nib_hls4ml_head *head = &r->types->head[r->types->n_heads];
    nib_fix_softmax *s = &head->softmax;
    bool is_auto, given;
    if (!layer.name)
        return nib_fail_memory(err, "types of hls4ml");
    if (nib_hls4ml_is(nib_hls4ml_key(&r->lookup, &layer, "Skip", false), "true"))
        return NIB_OK;
    *head = (nib_hls4ml_head){.target = output->target, .name = layer.name};
    s->exp_table = s->inv_table = s->inv_inp = table_type;
    NIB_TRY(read_implementation(r, &layer, &s->kind, err));
    NIB_TRY(read_table(r, &layer, "exp_table_t", &s->exp_table, &given, err));
    NIB_TRY(read_table(r, &layer, "inv_table_t", &s->inv_table, &given, err));
    NIB_TRY(read_table(r, &layer, "inv_inp_t", &s->inv_inp, &given, err));
    NIB_TRY(read_table(r, &layer, "inp_norm_t", &s->inp_norm, &given, err));
    if (!given)
        s->inp_norm = (nib_fixed){x->bits - x->is_signed, x->integer - x->is_signed, false, NIB_ROUNDING_TRN,
                                  NIB_OVERFLOW_WRAP};
    NIB_TRY(nib_hls4ml_precision(&r->lookup, &layer, "accum", &s->accum, &is_auto, err));
    NIB_TRY(nib_hls4ml_precision(&r->lookup, &layer, "result", &head->result, &is_auto, err));
    NIB_TRY(read_sizes(r, &layer, x, s, err));
    r->types->n_heads++;
    return NIB_OK;
}

static nib_status read_heads(reader *r, nib_error *err)
{
    for (int i = 0; i < r->model->n_outputs; i++) {
        const nib_model_output *output = &r->model->output[i];
        const nib_link link = output->objective->loss->link;
        if (link == NIB_LINK_SOFTMAX)
            NIB_TRY(read_head(r, output, err));
        else if (link == NIB_LINK_SIGMOID)
            nib_log_info(r->log,
                         "%s_prob: hls4ml's sigmoid table is not emulated, the outputs are the logits",
                         output->target);
    }
    return NIB_OK;
}

/* ---- All of it ---- */

nib_status nib_hls4ml_types_read(const nib_doc *project, const nib_config *config, const nib_model *model,
                                 nib_arena *arena, const nib_log *log, nib_hls4ml_types *types,
                                 nib_error *err)
{
    *types = (nib_hls4ml_types){.quant = nib_doc_new_map(arena),
                                .dense = NIB_NEW(arena, nib_hls4ml_dense, model->n_layers + 1)};
    reader r = {.config = config,
                .model = model,
                .arena = arena,
                .log = log,
                .types = types,
                .layers = nib_doc_new_map(arena),
                .result = NIB_NEW(arena, nib_fixed, model->n_layers + 1),
                .input = NIB_NEW(arena, nib_fixed, model->n_inputs + 1)};
    if (!types->quant || !types->dense || !r.result || !r.input ||
        !nib_doc_add(arena, types->quant, "layers", r.layers))
        return nib_fail_memory(err, "types of hls4ml");
    NIB_TRY(nib_hls4ml_lookup_open(project, &r.lookup, err));
    for (int i = 0; i < model->n_inputs; i++)
        NIB_TRY(read_input(&r, i, err));
    for (int i = 0; i < model->n_layers; i++)
        NIB_TRY(read_layer(&r, i, err));
    return read_heads(&r, err);
}

nib_status nib_hls4ml_types_uniform(const nib_fixed *weight, const nib_fixed *data, const nib_config *config,
                                    const nib_model *model, nib_arena *arena, const nib_log *log,
                                    nib_hls4ml_types *types, nib_error *err)
{
    static const char *const variables[] = {"default", "weight", "bias", "scale"};
    char text[NIB_FIXED_TEXT_BYTES];
    nib_doc *project = nib_doc_new_map(arena);
    nib_doc *level = nib_doc_add(arena, project, "Model", nib_doc_new_map(arena));
    nib_doc *precision = level ? nib_doc_add(arena, level, "Precision", nib_doc_new_map(arena)) : NULL;
    for (int i = 0; i < 4; i++)
        if (!precision || !nib_doc_add_text(arena, precision, variables[i], "%s",
                                            nib_quant_type_text(i == 0 ? data : weight, text)))
            return nib_fail_memory(err, "types of hls4ml");
    return nib_hls4ml_types_read(project, config, model, arena, log, types, err);
}
