/* nibble's part of an exported model that comes from the fixnet: golden samples, effective bits of the
 * weights, what the export is. */
#include <string.h>

#include "quant/cost.h"
#include "quant/export_group.h"
#include "quant/fixnet_file.h"

static int64_t width_of(const nib_fix_node *node)
{
    return node->positions * node->features;
}

/* In 32 bits where they suffice. */
static nib_status put_codes(nib_h5 *file, const char *path, int64_t rows, int64_t cols, const int64_t *code,
                            nib_arena *arena, nib_error *err)
{
    const int64_t dim[2] = {rows, cols};
    int32_t *narrow = NIB_NEW(arena, int32_t, rows * cols);
    bool fits = true;
    if (!narrow)
        return nib_fail_memory(err, "golden samples");
    for (int64_t i = 0; i < rows * cols; i++) {
        fits = fits && code[i] >= INT32_MIN && code[i] <= INT32_MAX;
        narrow[i] = (int32_t)code[i];
    }
    return fits ? nib_h5_write_i32(file, path, 2, dim, narrow, err)
                : nib_h5_write_i64(file, path, 2, dim, code, err);
}

static nib_status put_values(nib_h5 *file, const char *path, const nib_fix_node *node, int64_t rows,
                             const int64_t *code, nib_arena *arena, nib_error *err)
{
    const int64_t width = width_of(node), dim[2] = {rows, width};
    double *value = NIB_NEW(arena, double, rows *width);
    if (!value)
        return nib_fail_memory(err, "golden samples");
    for (int64_t i = 0; i < rows * width; i++) {
        const nib_fixed type = nib_fix_type_at(&node->type, i % width);
        value[i] = type.bits ? nib_fixed_value(&type, code[i]) : 0;
    }
    return nib_h5_write_f64(file, path, 2, dim, value, err);
}

static nib_status put_golden(const nib_export *e, nib_h5 *file, nib_arena *arena, nib_error *err)
{
    const nib_fixnet *net = e->net;
    const nib_export_golden *g = &e->golden;
    for (int i = 0; i < net->n_inputs; i++) {
        const int64_t dim[2] = {g->rows, width_of(&net->node[i])};
        const char *raw = nib_arena_printf(arena, "/nibble/golden/input/%s/raw", net->node[i].name);
        const char *x = nib_arena_printf(arena, "/nibble/golden/input/%s/x", net->node[i].name);
        if (!raw || !x)
            return nib_fail_memory(err, "golden samples");
        NIB_TRY(nib_h5_write_f32(file, raw, 2, dim, g->raw[i], err));
        NIB_TRY(nib_h5_write_f32(file, x, 2, dim, g->x[i], err));
    }
    for (int i = 0; i < net->n_outputs; i++) {
        const nib_fix_node *node = &net->node[net->output[i].node];
        const char *code = nib_arena_printf(arena, "/nibble/golden/output/%s/code", net->output[i].target);
        const char *value = nib_arena_printf(arena, "/nibble/golden/output/%s/value", net->output[i].target);
        if (!code || !value)
            return nib_fail_memory(err, "golden samples");
        NIB_TRY(put_codes(file, code, g->rows, width_of(node), g->code[i], arena, err));
        NIB_TRY(put_values(file, value, node, g->rows, g->code[i], arena, err));
    }
    for (int i = 0; i < net->n_nodes && g->traced; i++) {
        const char *path = nib_arena_printf(arena, "/nibble/golden/tensor/%s", net->node[i].name);
        if (!path)
            return nib_fail_memory(err, "golden samples");
        NIB_TRY(put_values(file, path, &net->node[i], g->traced, g->trace[i], arena, err));
    }
    return NIB_OK;
}

/* Bits between the highest and the lowest set bit of every weight, and the step of its type. */
static nib_status put_weights(nib_h5 *file, const char *node, const char *what, const nib_fix_array *a,
                              nib_arena *arena, nib_error *err)
{
    const int64_t n = a->rows * a->cols, dim[2] = {a->rows, a->cols}, steps[1] = {a->type.count};
    const char *bits_path = nib_arena_printf(arena, "/nibble/export/weight/%s/%s/bits", node, what);
    const char *step_path = nib_arena_printf(arena, "/nibble/export/weight/%s/%s/step", node, what);
    uint8_t *bits = NIB_NEW(arena, uint8_t, n);
    double *step = NIB_NEW(arena, double, a->type.count);
    if (!bits_path || !step_path || !bits || !step)
        return nib_fail_memory(err, "weights");
    for (int64_t i = 0; i < n; i++)
        bits[i] = (uint8_t)(nib_fix_type_at(&a->type, i).bits ? nib_cost_span(a->code[i]) : 0);
    for (int64_t i = 0; i < a->type.count; i++) {
        const nib_fixed type = nib_fix_type_at(&a->type, i);
        step[i] = type.bits ? nib_fixed_step(&type) : 0;
    }
    NIB_TRY(nib_h5_write_u8(file, bits_path, 2, dim, bits, err));
    return nib_h5_write_f64(file, step_path, 1, steps, step, err);
}

static nib_status put_arrays(const nib_export *e, nib_h5 *file, nib_arena *arena, nib_error *err)
{
    for (int i = 0; i < e->net->n_nodes; i++) {
        const nib_fix_node *n = &e->net->node[i];
        if (n->kind == NIB_FIX_DENSE) {
            NIB_TRY(put_weights(file, n->name, "kernel", &n->as.dense.kernel, arena, err));
            if (n->as.dense.bias.rows)
                NIB_TRY(put_weights(file, n->name, "bias", &n->as.dense.bias, arena, err));
        } else if (n->kind == NIB_FIX_SCALE) {
            NIB_TRY(put_weights(file, n->name, "scale", &n->as.scale.scale, arena, err));
            NIB_TRY(put_weights(file, n->name, "shift", &n->as.scale.shift, arena, err));
        }
    }
    return NIB_OK;
}

/* Preprocessing that the network does itself. */
static nib_status put_fold(const nib_export *e, nib_h5 *file, nib_arena *arena, nib_error *err)
{
    for (int i = 0; i < e->net->n_inputs; i++) {
        const nib_export_input *p = &e->input[i];
        const int64_t dim[1] = {e->net->node[i].features};
        if (!p->folded_shift)
            continue;
        const char *shift = nib_arena_printf(arena, "/nibble/export/fold/%s/shift", e->net->node[i].name);
        const char *divisor = nib_arena_printf(arena, "/nibble/export/fold/%s/divisor", e->net->node[i].name);
        if (!shift || !divisor)
            return nib_fail_memory(err, "export");
        NIB_TRY(nib_h5_write_f64(file, shift, 1, dim, p->folded_shift, err));
        NIB_TRY(nib_h5_write_f64(file, divisor, 1, dim, p->folded_divisor, err));
    }
    return NIB_OK;
}

nib_status nib_export_group_write(const nib_export *e, nib_export_route route, nib_h5 *file, nib_arena *arena,
                                  nib_error *err)
{
    const char *names[][2] = {
        {"/nibble/export/name", e->name},      {"/nibble/export/route", nib_export_route_names[route]},
        {"/nibble/export/nibble", e->version}, {"/nibble/export/source", e->source},
        {"/nibble/export/cost", e->cost},      {"/nibble/export/metrics", e->metrics}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i][1])
            NIB_TRY(nib_h5_write_text(file, names[i][0], names[i][1], err));
    NIB_TRY(nib_fixnet_write(file, e->net, err));
    NIB_TRY(put_golden(e, file, arena, err));
    NIB_TRY(put_fold(e, file, arena, err));
    return put_arrays(e, file, arena, err);
}
