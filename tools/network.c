#include "tools/network.h"

#include <stdio.h>
#include <string.h>

#include "quant/fixnet_file.h"

nib_status nib_network_of_model(const nib_model *model, nib_arena *arena, const nib_log *log,
                                const nib_input_fold *fold, nib_lowering *lowering, nib_error *err)
{
    if (model->n_tensors == 0)
        return nib_fail(
            err, NIB_ERR_CONFIG,
            "this is a float model, which has no integers: train it with quant: in the config, or "
            "quantize it with nibble quantize");
    NIB_TRY(nib_model_check_settled(model, err));
    const nib_lower_options options = {
        .allow_float = model->quant->allow_float, .fallback = model->quant->fallback, .fold = fold};
    NIB_TRY(nib_lower_model(model, &options, arena, lowering, err));
    if (lowering->n_fills == 0)
        return NIB_OK;
    char list[512] = "", type[NIB_FIXED_TEXT_BYTES];
    size_t used = 0;
    for (int i = 0; i < lowering->n_fills && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", lowering->fill[i]);
    nib_log_info(log, "float in training, %s in integers (quant.fallback): %s",
                 nib_fixed_print(&options.fallback, NIB_FIXED_PLAIN, type), list);
    return NIB_OK;
}

/* A stored network is read and written through the model's arrays. */
static nib_status check_fit(const char *path, const nib_fixnet *net, const nib_model *model, nib_error *err)
{
    bool fits = net->n_inputs == model->n_inputs;
    for (int i = 0; fits && i < net->n_inputs; i++)
        fits = net->node[i].positions * net->node[i].features == model->input[i].width &&
               strcmp(net->node[i].name, model->input[i].name) == 0;
    for (int i = 0; fits && i < model->n_outputs; i++) {
        int found = 0;
        for (int k = 0; k < net->n_outputs; k++) {
            const nib_fix_node *node = &net->node[net->output[k].node];
            found += strcmp(net->output[k].target, model->output[i].target) == 0 &&
                     node->positions * node->features == model->output[i].width;
        }
        fits = found == 1;
    }
    return fits ? NIB_OK
                : nib_fail(err, NIB_ERR_INPUT,
                           "%s: inputs and outputs of its fixed-point network are not those of its model",
                           path);
}

nib_status nib_network_stored_in(nib_h5 *file, const nib_model *model, nib_arena *arena,
                                 const nib_fixnet **net, nib_error *err)
{
    *net = NULL;
    NIB_TRY(nib_fixnet_stored(file) ? nib_fixnet_read(file, arena, net, err) : NIB_OK);
    return *net ? check_fit(nib_h5_path(file), *net, model, err) : NIB_OK;
}

nib_status nib_network_stored(const char *path, const nib_model *model, nib_arena *arena,
                              const nib_fixnet **net, nib_error *err)
{
    nib_h5 *file;
    *net = NULL;
    NIB_TRY(nib_h5_open(&file, path, err));
    const nib_status status = nib_network_stored_in(file, model, arena, net, err);
    nib_h5_close(file);
    return status;
}

bool nib_network_is_folded(const char *path)
{
    nib_h5 *file;
    if (nib_h5_open(&file, path, NULL) != NIB_OK)
        return false;
    const bool folded = nib_h5_is_group(file, "/nibble/export/fold");
    nib_h5_close(file);
    return folded;
}

nib_status nib_network_of_file(const char *path, const nib_model *model, nib_arena *arena, const nib_log *log,
                               const nib_fixnet **net, nib_error *err)
{
    nib_lowering *lowering = NIB_NEW(arena, nib_lowering, 1);
    if (!lowering)
        return nib_fail_memory(err, "fixed-point network");
    NIB_TRY(nib_network_stored(path, model, arena, net, err));
    if (*net)
        return NIB_OK;
    *net = &lowering->net;
    return nib_network_of_model(model, arena, log, NULL, lowering, err);
}

/* Whether `more` has the nodes of `net` and behind them nothing but softmaxes of its outputs. */
static bool goes_on(const nib_fixnet *net, const nib_fixnet *more)
{
    bool same = more->n_nodes >= net->n_nodes && more->n_outputs == net->n_outputs;
    for (int i = 0; same && i < net->n_nodes; i++)
        same = more->node[i].kind == net->node[i].kind &&
               strcmp(more->node[i].name, net->node[i].name) == 0 &&
               more->node[i].positions == net->node[i].positions &&
               more->node[i].features == net->node[i].features;
    for (int i = net->n_nodes; same && i < more->n_nodes; i++)
        same = more->node[i].kind == NIB_FIX_SOFTMAX && more->node[i].input[0] < net->n_nodes;
    return same;
}

nib_status nib_network_lowering_of_file(const char *path, const nib_model *model, nib_arena *arena,
                                        const nib_log *log, nib_lowering *lowering, nib_error *err)
{
    const nib_fixnet *stored;
    nib_fix_interval *interval;
    NIB_TRY(nib_network_of_model(model, arena, log, NULL, lowering, err));
    NIB_TRY(nib_network_stored(path, model, arena, &stored, err));
    if (!stored || !goes_on(&lowering->net, stored))
        return NIB_OK;
    NIB_TRY(nib_fixnet_intervals(stored, arena, &interval, err));
    lowering->net = *stored;
    lowering->interval = interval;
    return NIB_OK;
}

const char *nib_network_types(nib_arena *arena, const nib_fix_types *types)
{
    char text[NIB_FIXED_TEXT_BYTES];
    int least = NIB_FIXED_MAX_ACCUM, most = 0;
    const char *line;
    if (types->count == 1) {
        const nib_fixed type = nib_fix_type_at(types, 0);
        line = nib_arena_strdup(arena, type.bits ? nib_fixed_print(&type, NIB_FIXED_PLAIN, text) : "removed");
        return line ? line : "";
    }
    for (int64_t i = 0; i < types->count; i++) {
        least = types->bits[i] < least ? types->bits[i] : least;
        most = types->bits[i] > most ? types->bits[i] : most;
    }
    line = nib_arena_printf(arena, "%d to %d bits", least, most);
    return line ? line : "";
}
