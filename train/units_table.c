/* What the units of a model say about its sparsity, layer by layer. */
#include <inttypes.h>
#include <stdio.h>

#include "train/paths.h"
#include "train/units.h"

static void count_layer(const nib_units *u, int layer, int kernel, nib_layer_sparsity *s)
{
    const nib_model_layer *l = &u->model->layer[layer];
    const nib_param *row = &u->model->params->row[kernel];
    const int64_t first = u->first_layer[layer], below = nib_units_first(u, l->from[0]);
    const float *w = u->weight[kernel];
    *s = (nib_layer_sparsity){.layer = layer,
                              .weights = row->rows * row->cols,
                              .neurons = row->cols,
                              .inputs = row->rows,
                              .macs = row->rows * row->cols};
    for (int64_t c = 0; c < row->cols; c++)
        s->dead_neurons += u->constant[first + c] || !u->used[first + c];
    for (int64_t r = 0; r < row->rows; r++) {
        bool leads = false;
        for (int64_t c = 0; c < row->cols; c++) {
            s->kept += w[r * row->cols + c] != 0.0f;
            leads = leads || (w[r * row->cols + c] != 0.0f && u->used[first + c]);
        }
        s->dead_inputs += !leads || u->constant[below + r];
    }
}

int nib_units_sparsity(const nib_units *u, nib_layer_sparsity *list)
{
    int n = 0;
    for (int i = 0; i < u->model->n_layers; i++) {
        const int kernel = nib_layer_kernel(u->model, i);
        if (kernel >= 0 && u->model->layer[i].config->type->flow == NIB_FLOW_KERNEL)
            count_layer(u, i, kernel, &list[n++]);
    }
    return n;
}

static double share(int64_t kept, int64_t all)
{
    return all > 0 ? 1 - (double)kept / (double)all : 0;
}

const char *nib_units_table(const nib_units *u, nib_arena *arena)
{
    const size_t bytes = 512 + 160 * (size_t)u->model->n_layers;
    char *text = NIB_NEW(arena, char, bytes);
    nib_layer_sparsity *list = NIB_NEW(arena, nib_layer_sparsity, u->model->n_layers);
    if (!text || !list)
        return "";
    const int n = nib_units_sparsity(u, list);
    int64_t weights = 0, kept = 0;
    size_t used = (size_t)snprintf(text, bytes, "%-20s %10s %10s %9s %14s %14s\n", "Kernel", "Weights",
                                   "Kept", "Sparsity", "Dead neurons", "Dead inputs");
    for (int i = 0; i < n; i++) {
        const nib_layer_sparsity *s = &list[i];
        char neurons[48], inputs[48];
        (void)snprintf(neurons, sizeof neurons, "%" PRId64 " of %" PRId64, s->dead_neurons, s->neurons);
        (void)snprintf(inputs, sizeof inputs, "%" PRId64 " of %" PRId64, s->dead_inputs, s->inputs);
        used += (size_t)snprintf(text + used, bytes - used,
                                 "%-20.20s %10" PRId64 " %10" PRId64 " %8.2f%% %14s %14s\n",
                                 u->model->layer[s->layer].config->name, s->weights, s->kept,
                                 100 * share(s->kept, s->weights), neurons, inputs);
        weights += s->weights;
        kept += s->kept;
    }
    (void)snprintf(text + used, bytes - used, "%-20s %10" PRId64 " %10" PRId64 " %8.2f%%\n", "all", weights,
                   kept, 100 * share(kept, weights));
    return text;
}
