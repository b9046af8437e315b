#include "core/params.h"

#include <assert.h>
#include <string.h>

nib_params *nib_params_create(nib_arena *arena)
{
    nib_params *params = NIB_NEW(arena, nib_params, 1);
    if (params)
        params->arena = arena;
    return params;
}

/* Rows double in the arena: the old block stays until the arena goes, which costs less than the table itself.
 */
static bool grow(nib_arena *arena, nib_params *params)
{
    enum { FIRST = 16 };
    int count = params->count;
    bool full = count == 0 || (count >= FIRST && (count & (count - 1)) == 0);
    if (!full)
        return true;
    nib_param *rows = NIB_NEW(arena, nib_param, count == 0 ? FIRST : 2 * count);
    if (!rows)
        return false;
    if (count)
        memcpy(rows, params->row, (size_t)count * sizeof *rows);
    params->row = rows;
    return true;
}

int nib_params_add(nib_arena *arena, nib_params *params, const char *layer, const char *var, nib_role role,
                   int rank, int64_t rows, int64_t cols, bool trainable)
{
    assert(!params->value && "the table is complete once it is allocated");
    assert(rank == 2 || (rank == 1 && rows == 1));
    if (!grow(arena, params))
        return -1;
    nib_param row = {
        .name = nib_arena_printf(arena, "%s/%s", layer, var),
        .layer = nib_arena_strdup(arena, layer),
        .var = nib_arena_strdup(arena, var),
        .role = role,
        .trainable = trainable,
        .rank = rank,
        .rows = rows,
        .cols = cols,
        .stride = nib_padded(cols),
        .offset = params->size,
        .lr_factor = 1.0,
        .decay = role == NIB_ROLE_KERNEL ? 1.0 : 0.0,
    };
    if (!row.name || !row.layer || !row.var)
        return -1;
    assert(nib_params_find(params, row.name) < 0);
    params->size += row.rows * row.stride;
    params->row[params->count] = row;
    return params->count++;
}

nib_status nib_params_allocate(nib_arena *arena, nib_params *params, nib_error *err)
{
    params->value = NIB_NEW(arena, float, params->size);
    params->gradient = NIB_NEW(arena, float, params->size);
    if (!params->value || !params->gradient)
        return nib_fail_memory(err, "parameters");
    return NIB_OK;
}

nib_status nib_params_add_masks(nib_params *params, nib_error *err)
{
    if (params->mask)
        return NIB_OK;
    float *mask = NIB_NEW(params->arena, float, params->size);
    if (!mask)
        return nib_fail_memory(err, "masks");
    for (int i = 0; i < params->count; i++) {
        const nib_param *row = &params->row[i];
        for (int64_t r = 0; r < row->rows; r++)
            for (int64_t c = 0; c < row->cols; c++)
                mask[row->offset + r * row->stride + c] = 1.0f;
    }
    params->mask = mask;
    return NIB_OK;
}

void nib_params_apply_masks_range(const nib_params *params, float *flat, int64_t first, int64_t count)
{
    if (!params->mask)
        return;
    const float *restrict mask = params->mask + first;
    float *restrict x = flat + first;
    for (int64_t i = 0; i < count; i++)
        x[i] = mask[i] != 0.0f ? x[i] : 0.0f;
}

void nib_params_apply_masks(const nib_params *params, float *flat)
{
    nib_params_apply_masks_range(params, flat, 0, params->size);
}

int nib_params_find(const nib_params *params, const char *name)
{
    for (int i = 0; i < params->count; ++i)
        if (strcmp(params->row[i].name, name) == 0)
            return i;
    return -1;
}

nib_tensor nib_params_view(const nib_params *params, int index, float *flat)
{
    const nib_param *row = &params->row[index];
    return nib_tensor_matrix(flat + row->offset, row->rows, row->cols, row->stride);
}

void nib_params_pack(const nib_params *params, int index, const float *flat, float *dense)
{
    const nib_param *row = &params->row[index];
    for (int64_t r = 0; r < row->rows; ++r)
        memcpy(dense + r * row->cols, flat + row->offset + r * row->stride,
               (size_t)row->cols * sizeof *dense);
}

void nib_params_unpack(const nib_params *params, int index, const float *dense, float *flat)
{
    const nib_param *row = &params->row[index];
    for (int64_t r = 0; r < row->rows; ++r)
        memcpy(flat + row->offset + r * row->stride, dense + r * row->cols,
               (size_t)row->cols * sizeof *dense);
}

int64_t nib_params_elements(const nib_param *row)
{
    return row->rows * row->cols;
}

int64_t nib_params_nonzero(const nib_params *params, int index)
{
    const nib_param *row = &params->row[index];
    int64_t count = 0;
    for (int64_t r = 0; r < row->rows; ++r)
        for (int64_t c = 0; c < row->cols; ++c)
            count += params->value[row->offset + r * row->stride + c] != 0.0f;
    return count;
}
