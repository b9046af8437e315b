#include "tools/trace_file.h"

#include "core/h5.h"
#include "tools/network.h"
#include "train/layer_trace.h"

static nib_status put_counts(nib_h5 *file, const char *group, const nib_engine_counts *c, nib_error *err)
{
    NIB_TRY(nib_h5_set_attribute_i64(file, group, "casts", c->casts, err));
    NIB_TRY(nib_h5_set_attribute_i64(file, group, "saturated", c->saturated, err));
    NIB_TRY(nib_h5_set_attribute_i64(file, group, "wrapped", c->wrapped, err));
    NIB_TRY(nib_h5_set_attribute_i64(file, group, "accum_saturated", c->accum_saturated, err));
    return nib_h5_set_attribute_i64(file, group, "accum_wrapped", c->accum_wrapped, err);
}

static nib_status put_types(nib_h5 *file, const char *group, const nib_fix_types *types, nib_arena *arena,
                            nib_error *err)
{
    char text[NIB_FIXED_TEXT_BYTES];
    const char **all = NIB_NEW(arena, const char *, types->count);
    if (!all)
        return nib_fail_memory(err, "trace");
    for (int64_t i = 0; i < types->count; i++) {
        const nib_fixed type = nib_fix_type_at(types, i);
        all[i] =
            nib_arena_strdup(arena, type.bits ? nib_fixed_print(&type, NIB_FIXED_PLAIN, text) : "removed");
        if (!all[i])
            return nib_fail_memory(err, "trace");
    }
    if (types->count == 1)
        return nib_h5_set_attribute_text(file, group, "type", all[0], err);
    return nib_h5_set_attribute_strings(file, group, "type", (int)types->count, all, err);
}

/* Weights on their grid: value and type by element. */
static nib_status put_array(nib_h5 *file, const nib_fix_node *node, const char *name, const nib_fix_array *a,
                            nib_arena *arena, nib_error *err)
{
    const int64_t dim[2] = {a->rows, a->cols};
    const char *path = nib_arena_printf(arena, "/trace/%s/%s", node->name, name);
    double *values = NIB_NEW(arena, double, a->rows * a->cols);
    if (a->rows == 0)
        return NIB_OK;
    if (!path || !values)
        return nib_fail_memory(err, "trace");
    for (int64_t i = 0; i < a->rows * a->cols; i++) {
        const nib_fixed type = nib_fix_type_at(&a->type, i);
        values[i] = type.bits ? nib_fixed_value(&type, a->code[i]) : 0;
    }
    NIB_TRY(nib_h5_write_f64(file, path, 2, dim, values, err));
    return put_types(file, path, &a->type, arena, err);
}

static nib_status put_weights(nib_h5 *file, const nib_fix_node *node, nib_arena *arena, nib_error *err)
{
    if (node->kind == NIB_FIX_DENSE) {
        NIB_TRY(put_array(file, node, "kernel", &node->as.dense.kernel, arena, err));
        return put_array(file, node, "bias", &node->as.dense.bias, arena, err);
    }
    if (node->kind == NIB_FIX_SCALE) {
        NIB_TRY(put_array(file, node, "scale", &node->as.scale.scale, arena, err));
        return put_array(file, node, "shift", &node->as.scale.shift, arena, err);
    }
    return NIB_OK;
}

static nib_status put_node(nib_h5 *file, const nib_fixnet *net, int index, const int64_t *codes, int64_t rows,
                           const nib_engine_counts *counts, nib_arena *arena, nib_error *err)
{
    const nib_fix_node *node = &net->node[index];
    const int64_t dim[2] = {rows, node->positions * node->features};
    const char *group = nib_arena_printf(arena, "/trace/%s", node->name);
    const char *code_path = nib_arena_printf(arena, "/trace/%s/codes", node->name);
    const char *value_path = nib_arena_printf(arena, "/trace/%s/values", node->name);
    double *values = NIB_NEW(arena, double, rows *dim[1]);
    if (!group || !code_path || !value_path || !values)
        return nib_fail_memory(err, "trace");
    nib_network_values(node, codes, rows, values);
    NIB_TRY(nib_h5_make_group(file, group, err));
    NIB_TRY(nib_h5_write_i64(file, code_path, 2, dim, codes, err));
    NIB_TRY(nib_h5_write_f64(file, value_path, 2, dim, values, err));
    NIB_TRY(nib_h5_set_attribute_i64(file, group, "index", index, err));
    NIB_TRY(nib_h5_set_attribute_text(file, group, "kind", nib_fix_kind_name(node->kind), err));
    NIB_TRY(nib_h5_set_attribute_text(file, group, "layer", node->layer, err));
    NIB_TRY(put_types(file, group, &node->type, arena, err));
    NIB_TRY(put_weights(file, node, arena, err));
    return put_counts(file, group, counts, err);
}

static nib_status fill(nib_h5 *file, const nib_fixnet *net, const nib_dataset *data, int64_t rows,
                       nib_arena *arena, nib_error *err)
{
    int64_t *const *codes;
    nib_engine_counts *counts;
    NIB_TRY(nib_network_trace(net, data, rows, arena, &codes, &counts, err));
    for (int i = 0; i < net->n_nodes; i++)
        NIB_TRY(put_node(file, net, i, codes[i], rows, &counts[i], arena, err));
    for (int i = 0; i < net->n_inputs; i++) {
        const int64_t dim[2] = {rows, net->node[i].positions * net->node[i].features};
        const char *path = nib_arena_printf(arena, "/input/%s", net->node[i].name);
        if (!path)
            return nib_fail_memory(err, "trace");
        NIB_TRY(nib_h5_write_f32(file, path, 2, dim, data->input[i].x, err));
    }
    return NIB_OK;
}

nib_status nib_trace_file_write(const char *path, const nib_fixnet *net, const nib_dataset *data,
                                int64_t rows, nib_error *err)
{
    nib_h5 *file;
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "trace");
    nib_status status = nib_h5_create(&file, err);
    if (status == NIB_OK) {
        status = fill(file, net, data, rows, arena, err);
        if (status == NIB_OK)
            status = nib_h5_commit(file, path, err);
        else
            nib_h5_close(file);
    }
    nib_arena_destroy(arena);
    return status;
}
