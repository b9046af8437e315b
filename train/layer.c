#include "train/layer.h"

#include <assert.h>
#include <string.h>

#define NIB_LAYER(name) extern const nib_layer nib_layer_##name;
#include "train/layers.def"
#undef NIB_LAYER

#define NIB_LAYER(name) &nib_layer_##name,
const nib_layer *const nib_layers[] = {
#include "train/layers.def"
};
#undef NIB_LAYER
const int nib_layers_count = (int)(sizeof nib_layers / sizeof nib_layers[0]);

const nib_layer *nib_layer_find(const char *name)
{
    for (int i = 0; i < nib_layers_count; i++)
        if (strcmp(nib_layers[i]->name, name) == 0)
            return nib_layers[i];
    return NULL;
}

const nib_shape *nib_layer_input(const nib_layer_build *build, int i)
{
    return &nib_graph_node(build->graph, build->input[i])->shape;
}

nib_status nib_layer_add_param(nib_layer_build *build, const char *var, nib_role role, int rank, int64_t rows,
                               int64_t cols, bool trainable, nib_initializer_config initializer,
                               nib_value *value, nib_error *err)
{
    assert(build->n_params < NIB_LAYER_MAX_PARAMS);
    int index = nib_params_add(build->arena, build->params, build->config->name, var, role, rank, rows, cols,
                               trainable);
    if (index < 0)
        return nib_fail_memory(err, "parameter table");
    build->param[build->n_params++] = (nib_layer_param){index, initializer};
    return nib_graph_param(build->graph, index, value, err);
}

nib_status nib_layer_quantize_param(nib_layer_build *build, const nib_quantizer_config *quantizer,
                                    nib_value *value, nib_error *err)
{
    if (!quantizer)
        return NIB_OK;
    const int param = nib_graph_node(build->graph, *value)->param;
    nib_value operand[2] = {*value, 0};
    const nib_param *row = &build->params->row[param];
    const char *name = row->name;
    const bool learns = quantizer->type && quantizer->type->n_scales;
    nib_quantize_options *options =
        nib_quantize_options_create(build->arena, quantizer, build->control, build->params, param, row->cols);
    if (!options)
        return nib_fail_memory(err, "quantizer");
    assert(build->n_quantize < NIB_LAYER_MAX_PARAMS);
    build->quantize[build->n_quantize++] = options;
    if (learns) { /* 0: set from the weights before training */
        nib_initializer_config zeros;
        const char *var = nib_arena_printf(build->arena, "%s_scale", row->var);
        const int64_t n = quantizer->type->n_scales(quantizer->options, row->rank == 1 ? 1 : row->cols);
        if (!var)
            return nib_fail_memory(err, "scales");
        NIB_TRY(nib_initializer_read(NULL, "zeros", "", &zeros, err));
        NIB_TRY(nib_layer_add_param(build, var, NIB_ROLE_SCALE, 1, 1, n, true, zeros, &operand[1], err));
    }
    return nib_graph_add(build->graph, &nib_op_quantize, name, options, operand, learns ? 2 : 1, value, err);
}

nib_status nib_layer_add_op(nib_layer_build *build, const nib_op *op, nib_error *err)
{
    return nib_graph_add(build->graph, op, build->config->name, build->config->options, build->input,
                         build->n_inputs, &build->output, err);
}
