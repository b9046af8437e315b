/* The table that `train` and `inspect` show of a model, as Keras' summary(). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "train/model.h"

typedef struct text {
    char *at;
    size_t used, size;
} text;

NIB_PRINTF(2, 3) static void put(text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at + t->used, t->size - t->used, format, args);
    va_end(args);
    if (n > 0)
        t->used = t->used + (size_t)n < t->size ? t->used + (size_t)n : t->size - 1;
}

/* 1234567 -> "1,234,567" */
static const char *grouped(int64_t n, char *out)
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%" PRId64, n), used = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
    return out;
}

static void put_shape(char *out, size_t bytes, const nib_shape *shape)
{
    const char *rows = shape->domain == NIB_DOMAIN_ELEMENTS ? "set, " : "";
    if (shape->rank == 1)
        (void)snprintf(out, bytes, "(%s%" PRId64 ")", rows, shape->dim[0]);
    else
        (void)snprintf(out, bytes, "(%s%" PRId64 ", %" PRId64 ")", rows, shape->dim[0], shape->dim[1]);
}

static void put_from(char *out, size_t bytes, const nib_model *model, const nib_model_layer *layer)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < layer->n_from && used < bytes; i++) {
        int from = layer->from[i];
        const char *name = from >= 0 ? model->layer[from].config->name : model->input[-1 - from].name;
        used += (size_t)snprintf(out + used, bytes - used, "%s%s", i ? ", " : "", name);
    }
}

/* Running statistics count as parameters that are not trained, as in Keras; nonzero counts the trained ones.
 */
static void count_layer(const nib_model *model, const nib_model_layer *layer, int64_t *all, int64_t *trained,
                        int64_t *nonzero)
{
    *all = *trained = *nonzero = 0;
    for (int p = layer->first_param; p < layer->first_param + layer->n_params; p++) {
        int64_t n = nib_params_elements(&model->params->row[p]);
        *all += n;
        if (model->params->row[p].trainable) {
            *trained += n;
            *nonzero += nib_params_nonzero(model->params, p);
        }
    }
}

const char *nib_model_summary(const nib_model *model, nib_arena *arena)
{
    size_t bytes = 1024 + 256 * (size_t)(model->n_layers + model->n_inputs);
    text t = {nib_arena_alloc(arena, bytes, 1), 0, bytes};
    if (!t.at)
        return "";
    const char *line = "----------------------------------------------------------------------------";
    int64_t all = 0, trained = 0, nonzero = 0;
    char a[64], b[64], c[64];
    put(&t, "%-26s %-12s %-14s %10s %10s\n%s\n", "Layer (type)", "Output", "From", "Parameters", "Nonzero",
        line);
    for (int i = 0; i < model->n_inputs; i++) {
        const nib_shape *shape = &nib_graph_node(model->graph, model->input[i].value)->shape;
        (void)snprintf(a, sizeof a, "%.40s (input)", model->input[i].name);
        put_shape(b, sizeof b, shape);
        put(&t, "%-26s %s\n", a, b);
    }
    for (int i = 0; i < model->n_layers; i++) {
        const nib_model_layer *layer = &model->layer[i];
        int64_t n, n_trained, n_nonzero;
        char name[96], shape[64], from[64];
        count_layer(model, layer, &n, &n_trained, &n_nonzero);
        (void)snprintf(name, sizeof name, "%.60s (%s)", layer->config->name, layer->config->type->name);
        put_shape(shape, sizeof shape, &layer->shape);
        put_from(from, sizeof from, model, layer);
        put(&t, "%-26s %-12s %-14s %10s %10s\n", name, shape, from, grouped(n, a), grouped(n_nonzero, b));
        all += n, trained += n_trained, nonzero += n_nonzero;
    }
    put(&t, "%s\nParameters: %s in all, %s trained, ", line, grouped(all, a), grouped(trained, b));
    put(&t, "%s of them not zero\n", grouped(nonzero, c));
    return t.at;
}
