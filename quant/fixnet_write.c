/** A fixnet into an HDF5 file. */
#include <stdio.h>

#include "quant/fixnet_file.h"
#include "quant/fixnet_internal.h"

/* A group of the file, for short paths. */
typedef struct place {
    nib_h5 *file;
    char path[3 * NIB_FIX_NAME_BYTES];
    nib_error *err;
} place;

static place below(const place *p, const char *name)
{
    place sub = {.file = p->file, .err = p->err};
    (void)snprintf(sub.path, sizeof sub.path, "%.250s/%.127s", p->path, name);
    return sub;
}

static nib_status put_text(const place *p, const char *name, const char *text)
{
    const place at = below(p, name);
    return nib_h5_write_text(p->file, at.path, text, p->err);
}

static nib_status put_number(const place *p, const char *name, int64_t value)
{
    const place at = below(p, name);
    return nib_h5_write_i64(p->file, at.path, 0, NULL, &value, p->err);
}

/* [rows, cols], or [cols] when rows is 0; in 32 bits where they suffice. */
static nib_status put_codes(const place *p, const char *name, int64_t rows, int64_t cols, const int64_t *code,
                            nib_arena *scratch)
{
    const place at = below(p, name);
    const int64_t dim[2] = {rows ? rows : cols, cols}, n = (rows ? rows : 1) * cols;
    int32_t *narrow = NIB_NEW(scratch, int32_t, n);
    if (!narrow)
        return nib_fail_memory(p->err, "codes");
    bool fits = true;
    for (int64_t i = 0; i < n; ++i) {
        fits = fits && code[i] >= INT32_MIN && code[i] <= INT32_MAX;
        narrow[i] = (int32_t)code[i];
    }
    return fits ? nib_h5_write_i32(p->file, at.path, rows ? 2 : 1, dim, narrow, p->err)
                : nib_h5_write_i64(p->file, at.path, rows ? 2 : 1, dim, code, p->err);
}

static nib_status put_types(const place *p, const nib_fix_types *types, nib_arena *scratch)
{
    const int64_t dim[2] = {types->count, 3};
    int32_t *rows = NIB_NEW(scratch, int32_t, 3 * types->count);
    if (!rows)
        return nib_fail_memory(p->err, "types");
    for (int64_t i = 0; i < types->count; ++i) {
        rows[3 * i] = types->bits[i];
        rows[3 * i + 1] = types->integer[i];
        rows[3 * i + 2] = types->is_signed[i];
    }
    const char *const modes[2] = {nib_rounding_name(types->rounding), nib_overflow_name(types->overflow)};
    const place type = below(p, "type"), names = below(p, "modes");
    NIB_TRY(nib_h5_write_i32(p->file, type.path, 2, dim, rows, p->err));
    return nib_h5_write_strings(p->file, names.path, 2, modes, p->err);
}

static nib_status put_type(const place *p, const char *name, const nib_fixed *type, nib_arena *scratch)
{
    const place at = below(p, name);
    const nib_fix_types types = nib_fix_types_of(scratch, type);
    if (types.count == 0)
        return nib_fail_memory(p->err, "types");
    return put_types(&at, &types, scratch);
}

static nib_status put_array(const place *p, const char *name, const nib_fix_array *array, nib_arena *scratch)
{
    const place at = below(p, name);
    NIB_TRY(put_codes(&at, "code", array->rows, array->cols, array->code, scratch));
    return put_types(&at, &array->type, scratch);
}

static nib_status put_dense(const place *p, const nib_fix_dense *dense, nib_arena *scratch)
{
    NIB_TRY(put_array(p, "kernel", &dense->kernel, scratch));
    if (dense->bias.rows)
        NIB_TRY(put_array(p, "bias", &dense->bias, scratch));
    NIB_TRY(put_type(p, "accum", &dense->accum, scratch));
    NIB_TRY(put_number(p, "proven", dense->proven));
    NIB_TRY(put_number(p, "reuse", dense->reuse));
    return put_text(p, "order", nib_fix_order_names[dense->order]);
}

static nib_status put_softmax(const place *p, const nib_fix_softmax *softmax, nib_arena *scratch)
{
    NIB_TRY(put_text(p, "variant", nib_fix_softmax_names[softmax->kind]));
    if (softmax->kind == NIB_FIX_SOFTMAX_ARGMAX)
        return NIB_OK;
    if (softmax->kind == NIB_FIX_SOFTMAX_STABLE)
        NIB_TRY(put_type(p, "inp_norm", &softmax->inp_norm, scratch));
    NIB_TRY(put_type(p, "exp_table", &softmax->exp_table, scratch));
    NIB_TRY(put_type(p, "inv_inp", &softmax->inv_inp, scratch));
    NIB_TRY(put_type(p, "inv_table", &softmax->inv_table, scratch));
    NIB_TRY(put_type(p, "accum", &softmax->accum, scratch));
    NIB_TRY(put_number(p, "exp_size", softmax->exp_size));
    return put_number(p, "inv_size", softmax->inv_size);
}

static nib_status put_kind(const place *p, const nib_fix_node *node, nib_arena *scratch)
{
    switch (node->kind) {
    case NIB_FIX_INPUT:
    case NIB_FIX_CAST:
    case NIB_FIX_ADD:
    case NIB_FIX_CONCAT:
    case NIB_FIX_RELU:
    case NIB_FIX_RESHAPE:
        return NIB_OK;
    case NIB_FIX_DENSE:
        return put_dense(p, &node->as.dense, scratch);
    case NIB_FIX_LEAKY_RELU:
        return put_number(p, "shift", node->as.leaky_shift);
    case NIB_FIX_TABLE:
        NIB_TRY(put_text(p, "function", node->as.table.function));
        return put_codes(p, "code", 0, node->as.table.size, node->as.table.code, scratch);
    case NIB_FIX_SOFTMAX:
        return put_softmax(p, &node->as.softmax, scratch);
    case NIB_FIX_POOL:
        NIB_TRY(put_text(p, "variant", nib_fix_pool_names[node->as.pool.kind]));
        NIB_TRY(put_type(p, "accum", &node->as.pool.accum, scratch));
        return put_number(p, "proven", node->as.pool.proven);
    case NIB_FIX_SCALE:
        NIB_TRY(put_array(p, "scale", &node->as.scale.scale, scratch));
        return put_array(p, "shift", &node->as.scale.shift, scratch);
    case NIB_FIX_KIND_COUNT:
        break;
    }
    return nib_fail(p->err, NIB_ERR_UNSUPPORTED, "no such kind of node (%d)", (int)node->kind);
}

static nib_status put_node(const place *root, const nib_fixnet *net, const nib_fix_node *node,
                           nib_arena *scratch)
{
    const place ops = below(root, "op"), tensors = below(root, "tensor");
    const place op = below(&ops, node->name), tensor = below(&tensors, node->name);
    NIB_TRY(put_text(&op, "kind", nib_fix_kind_name(node->kind)));
    NIB_TRY(put_text(&op, "layer", node->layer));
    if (node->n_inputs) {
        const char *names[NIB_FIX_MAX_INPUTS];
        for (int i = 0; i < node->n_inputs; ++i)
            names[i] = net->node[node->input[i]].name;
        const place inputs = below(&op, "inputs");
        NIB_TRY(nib_h5_write_strings(op.file, inputs.path, node->n_inputs, names, op.err));
    }
    NIB_TRY(put_kind(&op, node, scratch));
    NIB_TRY(put_number(&tensor, "positions", node->positions));
    NIB_TRY(put_number(&tensor, "features", node->features));
    return put_types(&tensor, &node->type, scratch);
}

static nib_status put_all(const place *root, const nib_fixnet *net, nib_arena *scratch)
{
    const int most = net->n_nodes > net->n_outputs ? net->n_nodes : net->n_outputs;
    const char **names = NIB_NEW(scratch, const char *, most);
    if (!names)
        return nib_fail_memory(root->err, "names");
    const place nodes = below(root, "nodes"), targets = below(root, "output/target");
    const place outputs = below(root, "output/node");
    for (int i = 0; i < net->n_nodes; ++i) {
        names[i] = net->node[i].name;
        NIB_TRY(put_node(root, net, &net->node[i], scratch));
    }
    NIB_TRY(nib_h5_write_strings(root->file, nodes.path, net->n_nodes, names, root->err));
    for (int i = 0; i < net->n_outputs; ++i)
        names[i] = net->output[i].target;
    NIB_TRY(nib_h5_write_strings(root->file, targets.path, net->n_outputs, names, root->err));
    for (int i = 0; i < net->n_outputs; ++i)
        names[i] = net->node[net->output[i].node].name;
    NIB_TRY(nib_h5_write_strings(root->file, outputs.path, net->n_outputs, names, root->err));
    return nib_h5_set_attribute_i64(root->file, root->path, "version", NIB_FIXNET_VERSION, root->err);
}

nib_status nib_fixnet_write(nib_h5 *file, const nib_fixnet *net, nib_error *err)
{
    const place root = {file, "/nibble/fixnet", err};
    nib_arena *scratch = nib_arena_create();
    if (!scratch)
        return nib_fail_memory(err, "a fixnet's file form");
    const nib_status status = put_all(&root, net, scratch);
    nib_arena_destroy(scratch);
    return status;
}
