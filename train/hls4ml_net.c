/* From the types of hls4ml to the network that it computes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/hls4ml_types.h"

enum { MAX_DIGITS = 96, DECIMAL_BYTES = 512 };

/* A weight's way through hls4ml's files: decimal text, read back, cast. */
static float through_text(float value, const nib_fixed *type)
{
    char text[DECIMAL_BYTES];
    const int fraction = nib_fixed_fraction(type);
    const int digits = fraction < 0 ? 0 : fraction > MAX_DIGITS ? MAX_DIGITS : fraction;
    (void)snprintf(text, sizeof text, "%.*f", digits, (double)value);
    return (float)nib_fixed_value(type, nib_fixed_cast_double(type, strtod(text, NULL)));
}

nib_status nib_hls4ml_weights(const nib_model *model, float *values, nib_error *err)
{
    const nib_params *params = model->params;
    memcpy(values, params->value, (size_t)params->size * sizeof *values);
    for (int i = 0; i < model->n_tensors; i++) {
        const nib_model_tensor *t = &model->tensor[i];
        if (t->param < 0)
            continue;
        const nib_param *row = &params->row[t->param];
        if (!t->entry || !t->entry->is_type || t->entry->type.bits > NIB_FIXED_MAX_FAKE)
            return nib_fail(err, NIB_ERR_CONFIG,
                            "%s: hls4ml's weights have fixed-point types of up to %d bits here", row->name,
                            (int)NIB_FIXED_MAX_FAKE);
        for (int64_t k = 0; k < row->rows; k++)
            for (int64_t j = 0; j < row->cols; j++) {
                float *w = &values[row->offset + k * row->stride + j];
                *w = through_text(*w, &t->entry->type);
            }
    }
    return NIB_OK;
}

static void set_turns(const nib_hls4ml_types *types, nib_fixnet *net)
{
    for (int i = 0; i < net->n_nodes; i++)
        for (int k = 0; k < types->n_dense; k++)
            if (net->node[i].kind == NIB_FIX_DENSE &&
                strcmp(net->node[i].layer, types->dense[k].layer) == 0) {
                net->node[i].as.dense.reuse = types->dense[k].reuse;
                net->node[i].as.dense.order = types->dense[k].order;
            }
}

static nib_status add_head(const nib_hls4ml_head *head, nib_arena *arena, nib_fixnet *net, nib_error *err)
{
    for (int i = 0; i < net->n_outputs; i++) {
        nib_fix_output *output = &net->output[i];
        if (strcmp(output->target, head->target) != 0)
            continue;
        const nib_fix_node *x = &net->node[output->node];
        nib_fix_node *node = &net->node[net->n_nodes];
        *node = (nib_fix_node){.kind = NIB_FIX_SOFTMAX,
                               .name = head->name,
                               .layer = head->name,
                               .n_inputs = 1,
                               .input = {output->node},
                               .positions = x->positions,
                               .features = x->features,
                               .type = nib_fix_types_of(arena, &head->result)};
        node->as.softmax = head->softmax;
        if (node->type.count == 0)
            return nib_fail_memory(err, "softmax");
        output->node = net->n_nodes++;
    }
    return NIB_OK;
}

nib_status nib_hls4ml_finish(const nib_hls4ml_types *types, nib_arena *arena, nib_fixnet *net, nib_error *err)
{
    nib_fix_node *nodes = NIB_NEW(arena, nib_fix_node, net->n_nodes + types->n_heads);
    nib_fix_output *outputs = NIB_NEW(arena, nib_fix_output, net->n_outputs);
    if (!nodes || !outputs)
        return nib_fail_memory(err, "softmax");
    memcpy(nodes, net->node, (size_t)net->n_nodes * sizeof *nodes);
    memcpy(outputs, net->output, (size_t)net->n_outputs * sizeof *outputs);
    net->node = nodes;
    net->output = outputs;
    set_turns(types, net);
    for (int i = 0; i < types->n_heads; i++)
        NIB_TRY(add_head(&types->head[i], arena, net, err));
    return nib_fixnet_check(net, err);
}
