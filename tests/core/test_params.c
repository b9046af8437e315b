/* The parameter table: layout, names, dense copies. */
#include <criterion/criterion.h>

#include <stdint.h>

#include "core/params.h"

static void fill(nib_arena *arena, nib_params **params)
{
    nib_error err;
    *params = nib_params_create(arena);
    for (int i = 0; i < 40; ++i) {
        const char *layer = nib_arena_printf(arena, "fc%d", i);
        cr_assert(nib_params_add(arena, *params, layer, "kernel", NIB_ROLE_KERNEL, 2, 3, 5 + i, true) ==
                      2 * i,
                  "index of kernel %d", i);
        cr_assert(nib_params_add(arena, *params, layer, "bias", NIB_ROLE_BIAS, 1, 1, 5 + i, false) ==
                      2 * i + 1,
                  "index of bias %d", i);
    }
    cr_assert(nib_params_allocate(arena, *params, &err) == NIB_OK, "%s", err.message);
}

Test(params, rows_follow_each_other_padded_and_aligned)
{
    nib_arena *arena = nib_arena_create();
    nib_params *params;
    fill(arena, &params);
    int64_t offset = 0;
    for (int i = 0; i < params->count; ++i) {
        const nib_param *row = &params->row[i];
        cr_assert(row->offset == offset && row->offset % 16 == 0, "row %d begins at %d", i, (int)row->offset);
        cr_assert(row->stride == (row->cols + 15) / 16 * 16, "row %d has stride %d", i, (int)row->stride);
        cr_assert(row->rank == 2 - i % 2 && row->rows == (i % 2 ? 1 : 3), "shape of row %d", i);
        offset += row->rows * row->stride;
    }
    cr_expect(params->size == offset, "size %d", (int)params->size);
    cr_expect((uintptr_t)params->value % NIB_ALIGN == 0 && (uintptr_t)params->gradient % NIB_ALIGN == 0,
              "vectors are aligned");
    cr_expect(params->row[0].decay == 1.0 && params->row[1].decay == 0.0, "only kernels decay");
    cr_expect(params->row[0].trainable && !params->row[1].trainable, "trainable as given");
    nib_arena_destroy(arena);
}

Test(params, rows_are_found_by_name)
{
    nib_arena *arena = nib_arena_create();
    nib_params *params;
    fill(arena, &params);
    cr_expect(nib_params_find(params, "fc0/kernel") == 0, "the first");
    cr_expect(nib_params_find(params, "fc39/bias") == 79, "the last");
    cr_expect(nib_params_find(params, "fc40/bias") == -1, "one that is not there");
    cr_expect(nib_params_find(params, "fc3") == -1, "half a name");
    nib_arena_destroy(arena);
}

Test(params, dense_copies_leave_the_padding_alone)
{
    nib_arena *arena = nib_arena_create();
    nib_params *params;
    fill(arena, &params);
    const nib_param *row = &params->row[2];
    float dense[3 * 6], back[3 * 6];
    for (int i = 0; i < 18; ++i)
        dense[i] = (float)(i % 7);
    nib_params_unpack(params, 2, dense, params->value);
    nib_tensor view = nib_params_view(params, 2, params->value);
    cr_assert(view.dim[0] == 3 && view.row_size == 6 && view.stride == 16, "the view's shape");
    for (int r = 0; r < 3; ++r)
        for (int c = 0; c < 16; ++c)
            cr_assert(view.data[r * 16 + c] == (c < 6 ? dense[r * 6 + c] : 0.0f), "element %d, %d", r, c);
    nib_params_pack(params, 2, params->value, back);
    for (int i = 0; i < 18; ++i)
        cr_assert(back[i] == dense[i], "element %d comes back as %g", i, (double)back[i]);
    cr_expect(nib_params_elements(row) == 18, "elements");
    cr_expect(nib_params_nonzero(params, 2) == 15, "%d are not zero", (int)nib_params_nonzero(params, 2));
    nib_arena_destroy(arena);
}
