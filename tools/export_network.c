/* The network of an export: the model's, with preprocessing inside and softmax behind where that is wanted.
 */
#include <string.h>

#include "tools/export_record.h"
#include "tools/network.h"

/* ---- Preprocessing inside ---- */

static nib_status no_preprocessing(nib_export_record *r, nib_error *err)
{
    const int n = r->file->n_inputs;
    nib_preprocess_state *state = NIB_NEW(r->arena, nib_preprocess_state, n);
    if (!state)
        return nib_fail_memory(err, "export");
    for (int i = 0; i < n; i++) {
        const int64_t width = r->file->preprocess[i].width;
        double *shift = NIB_NEW(r->arena, double, width), *divisor = NIB_NEW(r->arena, double, width);
        if (!shift || !divisor)
            return nib_fail_memory(err, "export");
        for (int64_t k = 0; k < width; k++)
            divisor[k] = 1;
        state[i] = r->file->preprocess[i];
        state[i].kind = "none";
        state[i].shift = shift;
        state[i].divisor = divisor;
    }
    r->preprocess = state;
    r->folded = true;
    return NIB_OK;
}

static nib_status fold(nib_export_record *r, const nib_log *log, nib_error *err)
{
    const nib_fixnet *stored;
    nib_lowering *lowering = NIB_NEW(r->arena, nib_lowering, 1);
    nib_input_fold *folds = NIB_NEW(r->arena, nib_input_fold, r->file->n_inputs);
    if (!lowering || !folds)
        return nib_fail_memory(err, "export");
    NIB_TRY(nib_network_stored(r->file->path, r->model, r->arena, &stored, err));
    if (stored)
        return nib_fail(
            err, NIB_ERR_UNSUPPORTED,
            "--fold-preprocessing: the network of %s is stored in integers, and its first layer cannot be "
            "rounded anew; export the run that it was made from",
            r->file->path);
    for (int i = 0; i < r->file->n_inputs; i++)
        folds[i] = (nib_input_fold){r->file->preprocess[i].shift, r->file->preprocess[i].divisor};
    nib_status status = nib_network_of_model(r->model, r->arena, log, folds, lowering, err);
    r->net = &lowering->net;
    return status == NIB_OK ? no_preprocessing(r, err) : status;
}

/* ---- Softmax ---- */

static bool is_of_classes(const nib_export_record *r, const char *target)
{
    for (int i = 0; i < r->file->shapes.n_targets; i++)
        if (strcmp(r->file->shapes.target[i].name, target) == 0)
            return r->file->shapes.target[i].kind == NIB_TARGET_CLASS;
    return false;
}

/* hls4ml's stable softmax. Differences from the largest logit get a type that holds them all (hls4ml's own
 * wraps), sums one for as many classes as there are: hls4ml's own 8 integer bits waste those of its table. */
static nib_status add_softmax(nib_export_record *r, nib_fixnet *net, nib_fix_output *output, nib_error *err)
{
    enum { TABLE_BITS = 10, BITS = 18, PROBABILITY_BITS = 16 };
    const nib_fix_node *x = &net->node[output->node];
    nib_fix_node *node = &net->node[net->n_nodes];
    if (x->type.count != 1 || x->type.bits[0] < 1)
        return nib_fail(err, NIB_ERR_UNSUPPORTED, "--softmax: %s has a type for each class; give it one type",
                        x->name);
    const nib_fixed in = nib_fix_type_at(&x->type, 0);
    const int size_bits = in.bits < 1 ? 1 : in.bits < TABLE_BITS ? in.bits : TABLE_BITS;
    int whole = 1; /* integer bits of the sum, which is at most the number of classes */
    while ((int64_t)1 << whole <= x->features)
        whole++;
    const nib_fixed result = {PROBABILITY_BITS, 1, false, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT};
    const nib_fixed sum = {BITS, whole, false, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT};
    const nib_fixed part = {BITS, 1, false, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT};
    *node = (nib_fix_node){.kind = NIB_FIX_SOFTMAX,
                           .name = nib_arena_printf(r->arena, "%s_softmax", x->name),
                           .n_inputs = 1,
                           .input = {output->node},
                           .positions = x->positions,
                           .features = x->features,
                           .type = nib_fix_types_of(r->arena, &result)};
    node->layer = node->name;
    node->as.softmax =
        (nib_fix_softmax){.kind = NIB_FIX_SOFTMAX_STABLE,
                          .inp_norm = {.bits = in.bits, .integer = in.integer},
                          .exp_table = part,
                          .inv_inp = sum,
                          .inv_table = part,
                          .accum = {BITS + whole, whole + 1, false, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT},
                          .exp_size = (int64_t)1 << size_bits,
                          .inv_size = (int64_t)1 << size_bits};
    output->node = net->n_nodes++;
    return node->name && node->type.count ? NIB_OK : nib_fail_memory(err, "softmax");
}

static nib_status add_heads(nib_export_record *r, nib_error *err)
{
    nib_fixnet *net = NIB_NEW(r->arena, nib_fixnet, 1);
    nib_fix_node *nodes = NIB_NEW(r->arena, nib_fix_node, r->net->n_nodes + r->net->n_outputs);
    nib_fix_output *outputs = NIB_NEW(r->arena, nib_fix_output, r->net->n_outputs);
    int heads = 0;
    if (!net || !nodes || !outputs)
        return nib_fail_memory(err, "softmax");
    memcpy(nodes, r->net->node, (size_t)r->net->n_nodes * sizeof *nodes);
    memcpy(outputs, r->net->output, (size_t)r->net->n_outputs * sizeof *outputs);
    *net = *r->net;
    net->node = nodes;
    net->output = outputs;
    for (int i = 0; i < net->n_outputs; i++) {
        if (!is_of_classes(r, outputs[i].target) || nodes[outputs[i].node].kind == NIB_FIX_SOFTMAX)
            continue;
        NIB_TRY(add_softmax(r, net, &outputs[i], err));
        heads++;
    }
    if (heads == 0)
        return nib_fail(err, NIB_ERR_UNSUPPORTED, "--softmax: %s has no logits of classes", r->file->path);
    r->net = net;
    return nib_fixnet_check(net, err);
}

nib_status nib_export_network(nib_export_record *r, const nib_export_wanted *wanted, const nib_log *log,
                              nib_error *err)
{
    r->preprocess = r->file->preprocess;
    if (wanted->fold)
        NIB_TRY(fold(r, log, err));
    else
        NIB_TRY(nib_network_of_file(r->file->path, r->model, r->arena, log, &r->net, err));
    return wanted->softmax ? add_heads(r, err) : NIB_OK;
}
