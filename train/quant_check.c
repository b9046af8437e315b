/* What must be right before a quantized model runs, and the table that shows it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "train/fold.h"
#include "train/quant_prepare.h"

enum { TABLE_BITS = 12, NAMES_BYTES = 512 };

static const double DEAD_SHARE = 0.99;

static bool is_type(const nib_model *m, int layer, const char *type)
{
    return strcmp(m->layer[layer].config->type->name, type) == 0;
}

static const nib_model_tensor *tensor_of(const nib_model *m, int layer, int input, nib_quant_key key)
{
    for (int i = 0; i < m->n_tensors; i++)
        if (m->tensor[i].key == key && m->tensor[i].layer == layer && m->tensor[i].input == input)
            return &m->tensor[i];
    return NULL;
}

/* The tensor that a layer gives. */
static const nib_model_tensor *result_of(const nib_model *m, int layer)
{
    for (int i = 0; i < m->n_tensors; i++)
        if (m->tensor[i].layer == layer && m->tensor[i].key >= NIB_QUANT_ACTIVATION)
            return &m->tensor[i];
    return NULL;
}

/* ---- Tensors without a type ---- */

typedef struct names {
    char text[NAMES_BYTES];
    size_t used;
    int count;
    nib_arena *arena;
} names;

static void add_name(names *n, const nib_model *m, const nib_model_tensor *t)
{
    const char *name = nib_model_tensor_name(m, t, n->arena);
    n->count++;
    if (!name || n->used + strlen(name) + 8 > sizeof n->text)
        return;
    if (n->count > 1 && strstr(n->text, name) == n->text + n->used - strlen(name))
        return;
    n->used +=
        (size_t)snprintf(n->text + n->used, sizeof n->text - n->used, "%s%s", n->used ? ", " : "", name);
}

/* Mark the tensors without a type that the value of a layer or input (from, as in nib_model_layer) is made
 * of. A dense layer's sum has the full width that its operands give it; activations have no type of their
 * own. */
static void find_untyped(const nib_model *m, int from, bool *untyped)
{
    const nib_model_tensor *t = from >= 0 ? result_of(m, from) : tensor_of(m, -1, -1 - from, NIB_QUANT_INPUT);
    if (!t || t->quantizer)
        return;
    const bool passes =
        from >= 0 && (is_type(m, from, "dense") || is_type(m, from, "batch_norm") ||
                      is_type(m, from, "dropout") || is_type(m, from, "add") || is_type(m, from, "concat"));
    if (!passes) {
        untyped[t - m->tensor] = true;
        return;
    }
    for (int i = 0; i < m->layer[from].n_from; i++)
        find_untyped(m, m->layer[from].from[i], untyped);
}

static nib_status check_types(const nib_model *m, const nib_config *config, const nib_log *log,
                              nib_arena *arena, nib_error *err)
{
    bool *untyped = NIB_NEW(arena, bool, m->n_tensors + 1);
    names n = {.arena = arena};
    char fallback[NIB_FIXED_TEXT_BYTES];
    if (!untyped)
        return nib_fail_memory(err, "quantizers");
    for (int i = 0; i < m->n_tensors; i++) {
        const nib_model_tensor *t = &m->tensor[i];
        if (t->param >= 0 && !t->quantizer)
            untyped[i] = true;
        if (t->param >= 0 && t->key == NIB_QUANT_WEIGHT)
            find_untyped(m, m->layer[t->layer].from[0], untyped);
    }
    for (int i = 0; i < m->n_tensors; i++)
        if (untyped[i])
            add_name(&n, m, &m->tensor[i]);
    if (n.count == 0)
        return NIB_OK;
    (void)nib_quant_type_text(&config->quant.fallback, fallback);
    if (!config->quant.allow_float)
        return nib_doc_fail(&config->quant.place, err, NIB_ERR_CONFIG,
                            "quant: without a type, though a multiplication needs one: %s; give them one "
                            "(quant.default.KEY, quant.layers.NAME.KEY) or let them become %s at lowering "
                            "(quant.allow_float=true)",
                            n.text, fallback);
    nib_log_warning(log, "trained in float, %s at lowering: %s", fallback, n.text);
    return NIB_OK;
}

/* ---- Tables ---- */

/* The hardware looks tanh and sigmoid up by the bits of their input. */
static nib_status check_tables(const nib_model *m, const nib_config *config, nib_error *err)
{
    for (int i = 0; i < m->n_layers; i++) {
        if (!is_type(m, i, "tanh") && !is_type(m, i, "sigmoid"))
            continue;
        const int from = m->layer[i].from[0];
        const nib_model_tensor *t =
            from >= 0 ? result_of(m, from) : tensor_of(m, -1, -1 - from, NIB_QUANT_INPUT);
        const bool typed = t && t->entry && t->entry->is_type;
        if (typed ? t->entry->type.bits <= TABLE_BITS : config->quant.allow_float)
            continue;
        const char *name = t ? nib_model_tensor_name(m, t, m->arena) : NULL;
        if (typed)
            return nib_doc_fail(&t->entry->place, err, NIB_ERR_CONFIG,
                                "quant.layers.%s: %d bits, but %s (%s) is a table of its input's values: at "
                                "most %d bits",
                                name ? name : "", t->entry->type.bits, m->layer[i].config->name,
                                m->layer[i].config->type->name, (int)TABLE_BITS);
        return nib_doc_fail(&config->quant.place, err, NIB_ERR_CONFIG,
                            "quant: %s (%s) is a table of its input's values: quant.layers.%s must be a "
                            "fixed-point type of at most %d bits",
                            m->layer[i].config->name, m->layer[i].config->type->name, name ? name : "",
                            (int)TABLE_BITS);
    }
    return NIB_OK;
}

/* ---- Weights ---- */

static nib_status quantize_row(const nib_model *m, const nib_model_tensor *t, nib_arena *arena,
                               nib_quantize_call *call, nib_error *err)
{
    const nib_param *row = &m->params->row[t->param];
    const int64_t n = nib_params_elements(row);
    float *x = NIB_NEW(arena, float, n), *y = NIB_NEW(arena, float, n);
    if (!x || !y)
        return nib_fail_memory(err, "quantizers");
    nib_params_pack(m->params, t->param, m->params->value, x);
    *call = (nib_quantize_call){.options = t->quantizer->options,
                                .rows = row->rank == 1 ? row->cols : row->rows,
                                .cols = row->rank == 1 ? 1 : row->cols,
                                .stride = row->rank == 1 ? 1 : row->cols,
                                .scale = nib_model_scales(m, t->quantizer, m->params->value),
                                .x = x,
                                .y = y};
    nib_quantizer_forward(t->quantizer->type, call);
    return NIB_OK;
}

static nib_status count_share(const nib_model *m, const nib_model_tensor *t, nib_arena *arena,
                              nib_quant_share *share, nib_error *err)
{
    const nib_param *row = &m->params->row[t->param];
    const int64_t n = nib_params_elements(row);
    nib_quantize_call call = {0};
    NIB_TRY(quantize_row(m, t, arena, &call, err));
    nib_quantizer_step *step = NIB_NEW(arena, nib_quantizer_step, call.cols);
    float *mask = NIB_NEW(arena, float, n);
    if (!step || !mask)
        return nib_fail_memory(err, "quantizers");
    if (m->params->mask)
        nib_params_pack(m->params, t->param, m->params->mask, mask);
    const int64_t steps = nib_quantizer_grid(t->quantizer, false, call.cols, step);
    *share = (nib_quant_share){.has_range = steps > 0};
    for (int64_t i = 0; i < n; i++) {
        if (m->params->mask && mask[i] == 0.0f)
            continue;
        share->count++;
        share->zero += call.y[i] == 0.0f;
        if (steps == 0)
            continue;
        const nib_grid *g = &step[steps > 1 ? i % call.cols : 0].grid;
        share->clipped += call.x[i] < g->lowest * g->step || call.x[i] > g->highest * g->step;
    }
    return NIB_OK;
}

nib_status nib_quant_share_of(const nib_model *model, const nib_model_tensor *tensor, nib_quant_share *share,
                              nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_status status =
        arena ? count_share(model, tensor, arena, share, err) : nib_fail_memory(err, "quantizers");
    nib_arena_destroy(arena);
    return status;
}

static nib_status check_dead(const nib_model *m, const nib_config *config, const nib_log *log, nib_error *err)
{
    for (int i = 0; i < m->n_tensors; i++) {
        const nib_model_tensor *t = &m->tensor[i];
        nib_quant_share share;
        if (t->param < 0 || t->key != NIB_QUANT_WEIGHT || !t->quantizer)
            continue;
        NIB_TRY(nib_quant_share_of(m, t, &share, err));
        if (share.count == 0 || (double)share.zero <= DEAD_SHARE * (double)share.count)
            continue;
        const char *name = nib_model_tensor_name(m, t, m->arena);
        if (!config->quant.allow_dead)
            return nib_doc_fail(&t->entry->place, err, NIB_ERR_CONFIG,
                                "quant.layers.%s: %" PRId64 " of %" PRId64
                                " weights are quantized to zero at the start, so nothing passes the layer; "
                                "take fewer integer bits (fixed<W,auto> chooses them) or set "
                                "quant.allow_dead=true",
                                name ? name : "", share.zero, share.count);
        nib_log_warning(log, "%s: %" PRId64 " of %" PRId64 " weights are quantized to zero", name ? name : "",
                        share.zero, share.count);
    }
    return NIB_OK;
}

/* ---- Warnings ---- */

/* TRN,WRAP is what a type without modes means; few people want to train with it. */
static void warn_wrap(const nib_model *m, const nib_log *log)
{
    for (int i = 0; i < m->n_tensors; i++) {
        const nib_model_tensor *t = &m->tensor[i];
        if (!t->entry || !t->entry->is_type || t->entry->type.rounding != NIB_ROUNDING_TRN ||
            t->entry->type.overflow != NIB_OVERFLOW_WRAP)
            continue;
        nib_fixed better = t->entry->type;
        char text[NIB_FIXED_TEXT_BYTES];
        const char *name = nib_model_tensor_name(m, t, m->arena);
        better.rounding = t->param >= 0 ? NIB_ROUNDING_RND_CONV : NIB_ROUNDING_RND;
        better.overflow = NIB_OVERFLOW_SAT;
        nib_log_warning(log,
                        "%s is trained with TRN,WRAP, the modes of a type without modes: values are cut off "
                        "and wrap around at the ends; to round and saturate: "
                        "--set quant.layers.%s='%s'",
                        name ? name : "", name ? name : "", nib_quant_type_text(&better, text));
        return;
    }
}

static void warn_quantizers(const nib_model *m, const nib_log *log)
{
    for (int i = 0; i < m->n_tensors; i++) {
        const nib_model_tensor *t = &m->tensor[i];
        const char *name = nib_model_tensor_name(m, t, m->arena);
        if (t->quantizer && t->quantizer->warning)
            nib_log_warning(log, "%s: %s", name ? name : "", t->quantizer->warning);
    }
}

nib_status nib_quant_check(const nib_model *model, const nib_config *config, const nib_log *log,
                           nib_error *err)
{
    if (model->n_tensors == 0)
        return NIB_OK;
    nib_arena *arena = nib_arena_create();
    nib_status status = arena ? nib_model_check_settled(model, err) : nib_fail_memory(err, "quantizers");
    if (status == NIB_OK)
        status = check_types(model, config, log, arena, err);
    if (status == NIB_OK)
        status = check_tables(model, config, err);
    if (status == NIB_OK)
        status = check_dead(model, config, log, err);
    if (status == NIB_OK) {
        warn_wrap(model, log);
        warn_quantizers(model, log);
    }
    nib_arena_destroy(arena);
    return status;
}

/* ---- The table ---- */

static const char *text_of(const nib_model *model, const nib_model_tensor *t, const nib_config *config,
                           nib_arena *arena)
{
    char type[NIB_FIXED_TEXT_BYTES];
    const bool own = t->key == NIB_QUANT_WEIGHT || t->key == NIB_QUANT_BIAS;
    const int dense = own && t->layer >= 0 && !t->quantizer ? nib_fold_dense(model, t->layer) : -1;
    if (dense >= 0)
        return nib_arena_printf(arena, "folded into %s", model->layer[dense].config->name);
    if (t->entry && t->entry->is_type)
        return nib_arena_strdup(arena, nib_quant_type_text(&t->entry->type, type));
    if (t->quantizer && t->quantizer->type)
        return nib_quantizer_print(arena, t->quantizer);
    if (t->key == NIB_QUANT_RESULT)
        return "full width";
    return nib_arena_printf(arena, "float (%s at lowering)",
                            nib_quant_type_text(&config->quant.fallback, type));
}

static void percent(char *text, size_t bytes, int64_t part, int64_t of)
{
    if (of > 0)
        (void)snprintf(text, bytes, "%.1f %%", 100.0 * (double)part / (double)of);
}

const char *nib_quant_table(const nib_model *model, const nib_config *config, nib_arena *arena)
{
    const char *table = "";
    const char *line = "----------------------------------------------------------------------------";
    if (model->n_tensors > 0)
        table = nib_arena_printf(arena, "%-26s %-34s %8s %8s\n%s\n", "Tensor", "Quantizer", "Zero", "Clipped",
                                 line);
    for (int i = 0; table && i < model->n_tensors; i++) {
        const nib_model_tensor *t = &model->tensor[i];
        nib_quant_share share = {0};
        char zero[16] = "", clipped[16] = "";
        const char *name = nib_model_tensor_name(model, t, arena), *text = text_of(model, t, config, arena);
        if (t->param >= 0 && t->quantizer && nib_quant_share_of(model, t, &share, NULL) == NIB_OK) {
            percent(zero, sizeof zero, share.zero, share.count);
            percent(clipped, sizeof clipped, share.clipped, share.has_range ? share.count : 0);
        }
        if (*zero)
            table = nib_arena_printf(arena, "%s%-26s %-34s %8s %8s\n", table, name ? name : "",
                                     text ? text : "", zero, clipped);
        else
            table = nib_arena_printf(arena, "%s%-26s %s\n", table, name ? name : "", text ? text : "");
    }
    return table ? table : "";
}
