/** A fixnet from an HDF5 file. Shapes and sizes are looked at before anything is read. */
#include <stdio.h>
#include <string.h>

#include "quant/fixnet_file.h"
#include "quant/fixnet_internal.h"

typedef struct place {
    nib_h5 *file;
    nib_arena *arena;
    nib_error *err;
    char path[3 * NIB_FIX_NAME_BYTES];
} place;

static place below(const place *p, const char *name)
{
    place sub = {p->file, p->arena, p->err, ""};
    (void)snprintf(sub.path, sizeof sub.path, "%.250s/%.127s", p->path, name);
    return sub;
}

static nib_status wrong(const place *p, const char *what)
{
    return nib_fail(p->err, NIB_ERR_INPUT, "%s: %s: %s", nib_h5_path(p->file), p->path, what);
}

static bool there(const place *p, const char *name)
{
    const place at = below(p, name);
    return nib_h5_has(p->file, at.path);
}

/* ---- Numbers and texts ---- */

static nib_status get_text(const place *p, const char *name, const char **text)
{
    const place at = below(p, name);
    return nib_h5_read_text(p->file, at.path, p->arena, text, p->err);
}

/* One of `count` names. */
static nib_status get_choice(const place *p, const char *name, const char *const *names, int count,
                             int *choice)
{
    const char *text;
    const place at = below(p, name);
    NIB_TRY(get_text(p, name, &text));
    for (*choice = 0; *choice < count; ++*choice)
        if (strcmp(names[*choice], text) == 0)
            return NIB_OK;
    return nib_fail(p->err, NIB_ERR_INPUT, "%s: %s: there is no \"%.40s\"", nib_h5_path(p->file), at.path,
                    text);
}

static nib_status get_number(const place *p, const char *name, int64_t low, int64_t high, int64_t *value)
{
    const place at = below(p, name);
    NIB_TRY(nib_h5_read_scalar_i64(p->file, at.path, value, p->err));
    if (*value < low || *value > high)
        return nib_fail(p->err, NIB_ERR_INPUT, "%s: %s: %lld is not within %lld to %lld",
                        nib_h5_path(p->file), at.path, (long long)*value, (long long)low, (long long)high);
    return NIB_OK;
}

static nib_status get_flag(const place *p, const char *name, bool *flag)
{
    int64_t value;
    NIB_TRY(get_number(p, name, 0, 1, &value));
    *flag = value != 0;
    return NIB_OK;
}

static nib_status get_names(const place *p, const char *name, int most, int *count, const char *const **names)
{
    const place at = below(p, name);
    nib_h5_info info;
    NIB_TRY(nib_h5_dataset_info(p->file, at.path, &info, p->err));
    if (info.elements < 1 || info.elements > most)
        return nib_fail(p->err, NIB_ERR_INPUT, "%s: %s: %lld names; 1 to %d are possible",
                        nib_h5_path(p->file), at.path, (long long)info.elements, most);
    return nib_h5_read_strings(p->file, at.path, p->arena, count, names, p->err);
}

/* ---- Codes and types ---- */

/* Integers of rank 1 or 2; dim is filled. */
static nib_status get_integers(const place *p, const char *name, int rank, int64_t most, int64_t *dim,
                               int64_t **values)
{
    const place at = below(p, name);
    nib_h5_info info;
    NIB_TRY(nib_h5_dataset_info(p->file, at.path, &info, p->err));
    if (info.class_ != NIB_H5_INTEGER || info.rank != rank)
        return nib_fail(p->err, NIB_ERR_INPUT, "%s: %s: not integers of rank %d", nib_h5_path(p->file),
                        at.path, rank);
    if (info.elements < 1 || info.elements > most)
        return nib_fail(p->err, NIB_ERR_INPUT, "%s: %s: %lld numbers; 1 to %lld are possible",
                        nib_h5_path(p->file), at.path, (long long)info.elements, (long long)most);
    for (int i = 0; i < rank; ++i)
        dim[i] = info.dim[i];
    *values = NIB_NEW(p->arena, int64_t, info.elements);
    if (!*values)
        return nib_fail_memory(p->err, "a fixnet");
    return nib_h5_read_i64(p->file, at.path, 0, dim[0], *values, p->err);
}

static nib_status get_modes(const place *p, nib_rounding *rounding, nib_overflow *overflow)
{
    const place at = below(p, "modes");
    int count;
    const char *const *name;
    NIB_TRY(get_names(p, "modes", 2, &count, &name));
    int q = 0, o = 0;
    while (q < NIB_ROUNDING_COUNT && strcmp(nib_rounding_name((nib_rounding)q), name[0]) != 0)
        ++q;
    while (count == 2 && o < NIB_OVERFLOW_COUNT && strcmp(nib_overflow_name((nib_overflow)o), name[1]) != 0)
        ++o;
    if (count != 2 || q == NIB_ROUNDING_COUNT || o == NIB_OVERFLOW_COUNT)
        return wrong(&at, "not the names of a rounding and of an overflow mode");
    *rounding = (nib_rounding)q;
    *overflow = (nib_overflow)o;
    return NIB_OK;
}

static nib_status get_types(const place *p, int64_t most, nib_fix_types *types)
{
    const place at = below(p, "type");
    int64_t dim[2] = {0}, *rows = NULL;
    NIB_TRY(get_integers(p, "type", 2, 3 * most, dim, &rows));
    if (dim[1] != 3)
        return wrong(&at, "a row is width, integer bits, and 1 with a sign or 0 without");
    nib_fixed *type = NIB_NEW(p->arena, nib_fixed, dim[0]);
    if (!type)
        return nib_fail_memory(p->err, "a fixnet");
    for (int64_t i = 0; i < dim[0]; ++i) {
        const int64_t *row = &rows[3 * i];
        if (row[0] < 0 || row[0] > NIB_FIXED_MAX_ACCUM || row[1] < -NIB_FIXED_MAX_INTEGER ||
            row[1] > NIB_FIXED_MAX_INTEGER || (row[2] != 0 && row[2] != 1))
            return nib_fail(
                p->err, NIB_ERR_INPUT,
                "%s: %s: row %lld: a width of 0 to %d, -%d to %d integer bits and 0 or 1 are possible",
                nib_h5_path(p->file), at.path, (long long)i, NIB_FIXED_MAX_ACCUM, NIB_FIXED_MAX_INTEGER,
                NIB_FIXED_MAX_INTEGER);
        type[i] = (nib_fixed){.bits = (int)row[0], .integer = (int)row[1], .is_signed = row[2] != 0};
    }
    NIB_TRY(get_modes(p, &type[0].rounding, &type[0].overflow));
    *types = nib_fix_types_each(p->arena, type, dim[0]);
    return types->count ? NIB_OK : nib_fail_memory(p->err, "a fixnet");
}

static nib_status get_type(const place *p, const char *name, nib_fixed *type)
{
    const place at = below(p, name);
    nib_fix_types types;
    NIB_TRY(get_types(&at, 1, &types));
    *type = nib_fix_type_at(&types, 0);
    return NIB_OK;
}

static nib_status get_array(const place *p, const char *name, nib_fix_array *array)
{
    const place at = below(p, name);
    int64_t dim[2] = {0}, *code = NULL;
    NIB_TRY(get_integers(&at, "code", 2, NIB_FIX_MAX_KERNEL, dim, &code));
    *array = (nib_fix_array){.rows = dim[0], .cols = dim[1], .code = code};
    return get_types(&at, dim[0] * dim[1], &array->type);
}

/* ---- Kinds ---- */

static nib_status get_dense(const place *p, nib_fix_dense *dense)
{
    int order;
    NIB_TRY(get_array(p, "kernel", &dense->kernel));
    if (there(p, "bias"))
        NIB_TRY(get_array(p, "bias", &dense->bias));
    NIB_TRY(get_type(p, "accum", &dense->accum));
    NIB_TRY(get_flag(p, "proven", &dense->proven));
    NIB_TRY(get_number(p, "reuse", 1, NIB_FIX_MAX_KERNEL, &dense->reuse));
    NIB_TRY(get_choice(p, "order", nib_fix_order_names, NIB_FIX_ORDER_COUNT, &order));
    dense->order = (nib_fix_order)order;
    return NIB_OK;
}

static nib_status get_table(const place *p, nib_fix_table *table)
{
    int64_t *code = NULL;
    NIB_TRY(get_text(p, "function", &table->function));
    NIB_TRY(get_integers(p, "code", 1, (int64_t)1 << NIB_FIX_MAX_TABLE_BITS, &table->size, &code));
    table->code = code;
    return NIB_OK;
}

static nib_status get_softmax(const place *p, nib_fix_softmax *softmax)
{
    int kind;
    const int64_t most = (int64_t)1 << NIB_FIX_MAX_TABLE_BITS;
    NIB_TRY(get_choice(p, "variant", nib_fix_softmax_names, NIB_FIX_SOFTMAX_KIND_COUNT, &kind));
    softmax->kind = (nib_fix_softmax_kind)kind;
    if (softmax->kind == NIB_FIX_SOFTMAX_ARGMAX)
        return NIB_OK;
    if (softmax->kind == NIB_FIX_SOFTMAX_STABLE)
        NIB_TRY(get_type(p, "inp_norm", &softmax->inp_norm));
    NIB_TRY(get_type(p, "exp_table", &softmax->exp_table));
    NIB_TRY(get_type(p, "inv_inp", &softmax->inv_inp));
    NIB_TRY(get_type(p, "inv_table", &softmax->inv_table));
    NIB_TRY(get_type(p, "accum", &softmax->accum));
    NIB_TRY(get_number(p, "exp_size", 2, most, &softmax->exp_size));
    return get_number(p, "inv_size", 2, most, &softmax->inv_size);
}

static nib_status get_pool(const place *p, nib_fix_pool *pool)
{
    int kind;
    NIB_TRY(get_choice(p, "variant", nib_fix_pool_names, NIB_FIX_POOL_KIND_COUNT, &kind));
    pool->kind = (nib_fix_pool_kind)kind;
    NIB_TRY(get_type(p, "accum", &pool->accum));
    return get_flag(p, "proven", &pool->proven);
}

static nib_status get_kind(const place *p, nib_fix_node *node)
{
    int64_t shift;
    switch (node->kind) {
    case NIB_FIX_INPUT:
    case NIB_FIX_CAST:
    case NIB_FIX_ADD:
    case NIB_FIX_CONCAT:
    case NIB_FIX_RELU:
    case NIB_FIX_RESHAPE:
    case NIB_FIX_KIND_COUNT:
        return NIB_OK;
    case NIB_FIX_DENSE:
        return get_dense(p, &node->as.dense);
    case NIB_FIX_LEAKY_RELU:
        NIB_TRY(get_number(p, "shift", 0, NIB_FIXED_MAX_BITS, &shift));
        node->as.leaky_shift = (int)shift;
        return NIB_OK;
    case NIB_FIX_TABLE:
        return get_table(p, &node->as.table);
    case NIB_FIX_SOFTMAX:
        return get_softmax(p, &node->as.softmax);
    case NIB_FIX_POOL:
        return get_pool(p, &node->as.pool);
    case NIB_FIX_SCALE:
        NIB_TRY(get_array(p, "scale", &node->as.scale.scale));
        return get_array(p, "shift", &node->as.scale.shift);
    }
    return NIB_OK;
}

/* ---- Nodes ---- */

static nib_status get_kind_name(const place *op, nib_fix_kind *kind)
{
    const char *name;
    NIB_TRY(get_text(op, "kind", &name));
    const int found = nib_fix_kind_find(name);
    if (found < 0)
        return nib_fail(op->err, NIB_ERR_INPUT, "%s: %s/kind: there is no \"%.40s\"", nib_h5_path(op->file),
                        op->path, name);
    *kind = (nib_fix_kind)found;
    return NIB_OK;
}

/* Inputs are nodes that were read before. */
static nib_status get_inputs(const place *op, const nib_fixnet *net, nib_fix_node *node)
{
    const char *const *names;
    const place at = below(op, "inputs");
    if (!there(op, "inputs"))
        return NIB_OK;
    NIB_TRY(get_names(op, "inputs", NIB_FIX_MAX_INPUTS, &node->n_inputs, &names));
    for (int i = 0; i < node->n_inputs; ++i) {
        node->input[i] = nib_fixnet_find(net, names[i]);
        if (node->input[i] < 0)
            return nib_fail(op->err, NIB_ERR_INPUT, "%s: %s: no node before it is called \"%.40s\"",
                            nib_h5_path(op->file), at.path, names[i]);
    }
    return NIB_OK;
}

static nib_status get_node(const place *root, const char *name, nib_fixnet *net)
{
    nib_fix_node *node = &net->node[net->n_nodes];
    const place ops = below(root, "op"), tensors = below(root, "tensor");
    const place op = below(&ops, name), tensor = below(&tensors, name);
    if (strlen(name) >= NIB_FIX_NAME_BYTES || strchr(name, '/'))
        return wrong(&op, "a node's name is short and has no '/'");
    node->name = name;
    NIB_TRY(get_kind_name(&op, &node->kind));
    NIB_TRY(get_text(&op, "layer", &node->layer));
    NIB_TRY(get_inputs(&op, net, node));
    NIB_TRY(get_kind(&op, node));
    NIB_TRY(get_number(&tensor, "positions", 1, NIB_FIX_MAX_ELEMENTS, &node->positions));
    NIB_TRY(get_number(&tensor, "features", 1, NIB_FIX_MAX_ELEMENTS, &node->features));
    NIB_TRY(get_types(&tensor, NIB_FIX_MAX_ELEMENTS, &node->type));
    net->n_inputs += node->kind == NIB_FIX_INPUT;
    net->n_nodes++;
    return NIB_OK;
}

static nib_status get_outputs(const place *root, nib_fixnet *net)
{
    const place output = below(root, "output"), node = below(&output, "node");
    const char *const *targets, *const *nodes;
    int count;
    NIB_TRY(get_names(&output, "target", NIB_FIX_MAX_NODES, &net->n_outputs, &targets));
    NIB_TRY(get_names(&output, "node", NIB_FIX_MAX_NODES, &count, &nodes));
    if (count != net->n_outputs)
        return wrong(&node, "there are not as many nodes as targets");
    net->output = NIB_NEW(root->arena, nib_fix_output, count);
    if (!net->output)
        return nib_fail_memory(root->err, "a fixnet");
    for (int i = 0; i < count; ++i) {
        net->output[i] = (nib_fix_output){targets[i], nib_fixnet_find(net, nodes[i])};
        if (net->output[i].node < 0)
            return wrong(&node, "there is no node of this name");
    }
    return NIB_OK;
}

bool nib_fixnet_stored(nib_h5 *file)
{
    return nib_h5_is_group(file, "/nibble/fixnet");
}

nib_status nib_fixnet_read(nib_h5 *file, nib_arena *arena, const nib_fixnet **result, nib_error *err)
{
    const place root = {file, arena, err, "/nibble/fixnet"};
    int64_t version;
    int count;
    const char *const *names;
    NIB_TRY(nib_h5_attribute_i64(file, root.path, "version", &version, err));
    if (version != NIB_FIXNET_VERSION)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: version %lld; this nibble reads version %d",
                        nib_h5_path(file), root.path, (long long)version, NIB_FIXNET_VERSION);
    NIB_TRY(get_names(&root, "nodes", NIB_FIX_MAX_NODES, &count, &names));
    nib_fixnet *net = NIB_NEW(arena, nib_fixnet, 1);
    if (!net)
        return nib_fail_memory(err, "a fixnet");
    net->node = NIB_NEW(arena, nib_fix_node, count);
    if (!net->node)
        return nib_fail_memory(err, "a fixnet");
    for (int i = 0; i < count; ++i)
        NIB_TRY(get_node(&root, names[i], net));
    NIB_TRY(get_outputs(&root, net));
    const nib_status status = nib_fixnet_check(net, err);
    if (status != NIB_OK)
        nib_error_prefix(err, "%s", nib_h5_path(file));
    *result = net;
    return status;
}
