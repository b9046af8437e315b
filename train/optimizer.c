#include "train/optimizer.h"

#include <math.h>
#include <string.h>

#include "train/optimizer_pass.h"

#define NIB_OPTIMIZER(name) extern const nib_optimizer nib_optimizer_##name;
#include "train/optimizers.def"
#undef NIB_OPTIMIZER

#define NIB_OPTIMIZER(name) &nib_optimizer_##name,
const nib_optimizer *const nib_optimizers[] = {
#include "train/optimizers.def"
};
#undef NIB_OPTIMIZER
const int nib_optimizers_count = (int)(sizeof nib_optimizers / sizeof nib_optimizers[0]);

#if NIB_ISA_X86
#define NIB_OPTIMIZER(name)                                                                                  \
    extern const nib_optimizer nib_optimizer_##name##_avx2, nib_optimizer_##name##_avx512;
#include "train/optimizers.def"
#undef NIB_OPTIMIZER

#define NIB_OPTIMIZER(name) {&nib_optimizer_##name##_avx2, &nib_optimizer_##name##_avx512},
static const nib_optimizer *const variants[][2] = {
#include "train/optimizers.def"
};
#undef NIB_OPTIMIZER
#endif

/* The same optimizer with its loops compiled for this machine. */
static const nib_optimizer *variant_of(const nib_optimizer *optimizer)
{
#if NIB_ISA_X86
    const nib_isa isa = nib_isa_chosen().isa;
    for (int i = 0; isa != NIB_ISA_BASELINE && i < nib_optimizers_count; i++)
        if (nib_optimizers[i] == optimizer)
            return variants[i][isa == NIB_ISA_AVX512];
#endif
    return optimizer;
}

const nib_optimizer *nib_optimizer_find(const char *name)
{
    for (int i = 0; i < nib_optimizers_count; i++)
        if (strcmp(nib_optimizers[i]->name, name) == 0)
            return nib_optimizers[i];
    return NULL;
}

bool nib_optimizer_on_grids(const nib_optimizer *optimizer, const void *options)
{
    const nib_optimizer *variant = variant_of(optimizer);
    return variant->on_grids && variant->on_grids(options);
}

bool nib_optimizer_adds(const nib_optimizer *optimizer, const void *options)
{
    const nib_optimizer *variant = variant_of(optimizer);
    return variant->adds && variant->adds(options);
}

nib_pass nib_pass_begin(const nib_update *update, const nib_param *row)
{
    const nib_params *params = update->params;
    nib_pass pass = {
        .first = row->offset,
        .n = row->rows * row->stride,
        .value = params->value + row->offset,
        .gradient = params->gradient + row->offset,
        .lr = update->lr * row->lr_factor,
        .clip = update->clip_value > 0 ? (float)update->clip_value : INFINITY,
        .scale = (float)update->gradient_scale,
        .steps = update->steps,
        .n_steps = update->n_steps,
        .second = update->second ? update->second + row->offset : NULL,
    };
    for (int i = 0; i < NIB_MAX_SLOTS; i++)
        pass.slot[i] = update->slot[i] ? update->slot[i] + row->offset : NULL;
    return pass;
}

void nib_optimizer_apply_range(const nib_optimizer *optimizer, const void *options, const nib_update *update,
                               int64_t first, int64_t count)
{
    const nib_optimizer *variant = variant_of(optimizer);
    const nib_params *params = update->params;
    for (int i = 0; i < params->count;) {
        nib_param row = params->row[i++];
        if (!row.trainable)
            continue;
        row.stride *= row.rows;
        row.rows = 1;
        /* In one go with its neighbours: a small net has more rows than vectors of work in each. */
        for (; !variant->by_role && i < params->count; i++) {
            const nib_param *next = &params->row[i];
            if (!next->trainable || next->lr_factor != row.lr_factor ||
                next->offset != row.offset + row.stride)
                break;
            row.stride += next->rows * next->stride;
        }
        const int64_t end = row.offset + row.stride < first + count ? row.offset + row.stride : first + count;
        row.offset = row.offset > first ? row.offset : first;
        row.stride = end - row.offset;
        if (row.stride <= 0)
            continue;
        /* Without a gradient no formula moves a weight of 0 whose moments are 0. */
        nib_params_apply_masks_range(params, params->gradient, row.offset, row.stride);
        variant->update(options, update, &row);
    }
}

void nib_optimizer_apply(const nib_optimizer *optimizer, const void *options, const nib_update *update)
{
    nib_optimizer_apply_range(optimizer, options, update, 0, update->params->size);
}

double nib_gradient_norm(const nib_params *params)
{
    double sum = 0;
    for (int i = 0; i < params->count; i++) {
        const nib_param *row = &params->row[i];
        const float *gradient = params->gradient + row->offset;
        if (!row->trainable)
            continue;
        for (int64_t j = 0; j < row->rows * row->stride; j++)
            sum += (double)gradient[j] * (double)gradient[j];
    }
    return sqrt(sum);
}
