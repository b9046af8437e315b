#include "tools/export_check.h"

#include <inttypes.h>

#include "quant/fixnet_file.h"
#include "tools/trace_file.h"
#include "train/emulate.h"
#include "train/model_parts.h"

enum { MOST_ROWS = 10000000 };

static int64_t width_of(const nib_fix_node *node)
{
    return node->positions * node->features;
}

/* Rows of a golden dataset, which must have this width; all datasets have the same. */
static nib_status read_shape(nib_h5 *file, const char *path, int64_t width, int64_t *rows, nib_error *err)
{
    nib_h5_info info;
    NIB_TRY(nib_h5_dataset_info(file, path, &info, err));
    if (info.rank != 2 || info.dim[1] != width || info.dim[0] < 1 || info.dim[0] > MOST_ROWS ||
        (*rows && info.dim[0] != *rows))
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: not [samples, %" PRId64 "]", nib_h5_path(file), path,
                        width);
    *rows = info.dim[0];
    return NIB_OK;
}

static nib_status read_inputs(nib_h5 *file, const nib_fixnet *net, nib_arena *arena, const float **x,
                              int64_t *rows, nib_error *err)
{
    for (int i = 0; i < net->n_inputs; i++) {
        const int64_t width = width_of(&net->node[i]);
        const char *path = nib_arena_printf(arena, "/nibble/golden/input/%s/x", net->node[i].name);
        if (!path)
            return nib_fail_memory(err, "golden samples");
        NIB_TRY(read_shape(file, path, width, rows, err));
        float *values = NIB_NEW(arena, float, *rows *width);
        if (!values)
            return nib_fail_memory(err, "golden samples");
        NIB_TRY(nib_h5_read_f32(file, path, 0, *rows, values, err));
        x[i] = values;
    }
    return NIB_OK;
}

static nib_status read_codes(nib_h5 *file, const nib_fixnet *net, nib_arena *arena, int64_t **wanted,
                             int64_t **found, int64_t *rows, nib_error *err)
{
    for (int i = 0; i < net->n_outputs; i++) {
        const int64_t width = width_of(&net->node[net->output[i].node]);
        const char *path = nib_arena_printf(arena, "/nibble/golden/output/%s/code", net->output[i].target);
        if (!path)
            return nib_fail_memory(err, "golden samples");
        NIB_TRY(read_shape(file, path, width, rows, err));
        wanted[i] = NIB_NEW(arena, int64_t, *rows * width);
        found[i] = NIB_NEW(arena, int64_t, *rows * width);
        if (!wanted[i] || !found[i])
            return nib_fail_memory(err, "golden samples");
        NIB_TRY(nib_h5_read_i64(file, path, 0, *rows, wanted[i], err));
    }
    return NIB_OK;
}

static void compare(const nib_fixnet *net, int64_t *const *wanted, int64_t *const *found, int64_t rows,
                    nib_export_check *check)
{
    *check = (nib_export_check){.rows = rows, .first_row = -1};
    for (int i = 0; i < net->n_outputs; i++) {
        const int64_t width = width_of(&net->node[net->output[i].node]);
        check->numbers += rows * width;
        for (int64_t k = 0; k < rows * width; k++) {
            if (wanted[i][k] == found[i][k])
                continue;
            if (check->first_row < 0 || k / width < check->first_row)
                check->first_row = k / width;
            check->differing++;
        }
    }
}

static nib_status write_trace(const char *path, const nib_fixnet *net, const float *const *x, int64_t rows,
                              nib_arena *arena, nib_error *err)
{
    nib_data_input *input = NIB_NEW(arena, nib_data_input, net->n_inputs);
    if (!input)
        return nib_fail_memory(err, "trace");
    for (int i = 0; i < net->n_inputs; i++)
        input[i] = (nib_data_input){.name = net->node[i].name, .width = width_of(&net->node[i]), .x = x[i]};
    const nib_dataset golden = {.rows = rows, .n_inputs = net->n_inputs, .input = input};
    return nib_trace_file_write(path, net, &golden, rows, err);
}

static nib_status check_file(nib_h5 *file, nib_team *team, const char *trace, nib_arena *arena,
                             nib_export_check *check, nib_error *err)
{
    const nib_fixnet *net;
    nib_emulator *emulator;
    int64_t rows = 0;
    NIB_TRY(nib_model_parts_verify(file, arena, NULL, NULL, err));
    if (!nib_fixnet_stored(file) || !nib_h5_is_group(file, "/nibble/golden"))
        return nib_fail(err, NIB_ERR_INPUT, "%s: no export of nibble: it has no golden samples",
                        nib_h5_path(file));
    NIB_TRY(nib_fixnet_read(file, arena, &net, err));
    const float **x = NIB_NEW(arena, const float *, net->n_inputs);
    int64_t **wanted = NIB_NEW(arena, int64_t *, net->n_outputs);
    int64_t **found = NIB_NEW(arena, int64_t *, net->n_outputs);
    if (!x || !wanted || !found)
        return nib_fail_memory(err, "golden samples");
    NIB_TRY(read_inputs(file, net, arena, x, &rows, err));
    NIB_TRY(read_codes(file, net, arena, wanted, found, &rows, err));
    NIB_TRY(nib_emulator_create(&emulator, net, team, err));
    nib_emulator_run(emulator, x, rows, found, NULL);
    nib_emulator_destroy(emulator);
    compare(net, wanted, found, rows, check);
    return trace ? write_trace(trace, net, x, rows, arena, err) : NIB_OK;
}

nib_status nib_export_check_from(nib_h5 *file, nib_team *team, const char *trace, nib_export_check *check,
                                 nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_status status =
        arena ? check_file(file, team, trace, arena, check, err) : nib_fail_memory(err, "golden samples");
    nib_arena_destroy(arena);
    if (status == NIB_ERR_CONFIG && err) /* a dataset that is not there */
        status = err->code = NIB_ERR_INPUT;
    return status;
}

nib_status nib_export_check_run(const char *path, nib_team *team, const char *trace, nib_export_check *check,
                                nib_error *err)
{
    nib_h5 *file;
    NIB_TRY(nib_h5_open(&file, path, err));
    const nib_status status = nib_export_check_from(file, team, trace, check, err);
    nib_h5_close(file);
    return status;
}
