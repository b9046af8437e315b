/* Preprocessing inside the network: x = (raw - shift) / divisor goes into the dense layers that read an
 * input.
 *
 *  A divisor is m * 2^e with 1 <= |m| < 2. Raw numbers come in at x's step times 2^e, so that what is lost by
 * the cast is what was lost in training; a row of the kernel is divided by m and put on the kernel's own
 * grid; 2^-e goes into the row's types, which shifts its point and costs nothing. Products keep their step.
 * The bias takes in -shift times the row as it is in integers, at its own step, with the integer bits that it
 * needs. What changes is the second rounding of the kernel, and that raw numbers beyond the range of x are
 * not cut off at the same place. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/lower_internal.h"

/* The power of two of a divisor. */
static int exponent_of(double divisor)
{
    return ilogb(divisor);
}

static const nib_input_fold *fold_of(const nib_lower *lower)
{
    const nib_fix_node *x = nib_lower_input(lower, 0);
    return lower->options->fold && x->kind == NIB_FIX_INPUT ? &lower->options->fold[lower->input[0]] : NULL;
}

bool nib_lower_folds_input(const nib_lower *lower)
{
    return fold_of(lower) != NULL;
}

nib_status nib_lower_fold_readers(const nib_lower *lower, nib_error *err)
{
    if (!lower->options->fold || strcmp(lower->layer->config->type->name, "dense") == 0)
        return NIB_OK;
    for (int i = 0; i < lower->n_inputs; i++)
        if (nib_lower_input(lower, i)->kind == NIB_FIX_INPUT)
            return nib_fail(
                err, NIB_ERR_UNSUPPORTED,
                "it reads the input %s; preprocessing can be folded into dense layers only: export without "
                "--fold-preprocessing",
                nib_lower_input(lower, i)->name);
    return NIB_OK;
}

/* The smallest type with this step that covers raw numbers from `a` to `b`. */
static bool cover(double a, double b, int fraction, nib_fixed *type)
{
    const double low = floor(ldexp(a < b ? a : b, fraction)), high = ceil(ldexp(a < b ? b : a, fraction));
    const double most = ldexp(1, NIB_FIXED_MAX_BITS);
    nib_fixed smallest;
    if (!(low > -most && high < most) ||
        nib_fix_smallest_type((int64_t)low, (int64_t)high, fraction, &smallest, NULL) != NIB_OK ||
        smallest.bits > NIB_FIXED_MAX_BITS || abs(smallest.integer) > NIB_FIXED_MAX_INTEGER)
        return false;
    type->bits = smallest.bits;
    type->integer = smallest.integer;
    type->is_signed = smallest.is_signed;
    return true;
}

nib_status nib_lower_fold_input(nib_lower *lower, int index, nib_fixed *type, nib_error *err)
{
    const nib_model_input *input = &lower->model->input[index];
    const nib_input_fold *fold = &lower->options->fold[index];
    for (int64_t i = 0; i < input->width; i++) {
        const double shift = fold->shift[i], divisor = fold->divisor[i];
        if (type[i].bits == 0 || (shift == 0 && divisor == 1))
            continue;
        const double step = nib_fixed_step(&type[i]);
        const double low = shift + divisor * step * (double)nib_fixed_lowest(&type[i]);
        const double high = shift + divisor * step * (double)nib_fixed_highest(&type[i]);
        if (!cover(low, high, nib_fixed_fraction(&type[i]) - exponent_of(divisor), &type[i]))
            return nib_fail(
                err, NIB_ERR_CONFIG,
                "input %s: feature %lld, which is (raw - %g) / %g, needs more than %d bits for raw numbers; "
                "export without --fold-preprocessing",
                input->name, (long long)i, shift, divisor, (int)NIB_FIXED_MAX_BITS);
    }
    return NIB_OK;
}

void nib_lower_fold_kernel(const nib_lower *lower, nib_lower_matrix *kernel)
{
    const nib_input_fold *fold = fold_of(lower);
    for (int64_t r = 0; r < kernel->rows; r++) {
        const double mantissa = ldexp(fold->divisor[r], -exponent_of(fold->divisor[r]));
        for (int64_t c = 0; c < kernel->cols; c++)
            kernel->value[r * kernel->cols + c] =
                (float)((double)kernel->value[r * kernel->cols + c] / mantissa);
    }
}

/* A type for each weight, the row's power of two in it. */
static nib_status move_points(nib_lower *lower, const nib_input_fold *fold, nib_fix_array *kernel,
                              nib_error *err)
{
    const int64_t n = kernel->rows * kernel->cols;
    nib_fixed *type = NIB_NEW(lower->arena, nib_fixed, n);
    if (!type)
        return nib_fail_memory(err, "weights");
    for (int64_t i = 0; i < n; i++) {
        type[i] = nib_fix_type_at(&kernel->type, i);
        type[i].integer -= exponent_of(fold->divisor[i / kernel->cols]);
    }
    return nib_lower_types(lower, type, n, &kernel->type, err);
}

/* The bias's step, from its quantizer; without one that of the products. */
static nib_status bias_types(nib_lower *lower, const nib_lower_matrix *bias,
                             const nib_quantizer_config *quantizer, nib_fix_dense *dense, nib_error *err)
{
    if (bias->value)
        return nib_lower_array(lower, bias, quantizer, "bias", &dense->bias, err);
    const nib_fixed weight = nib_fix_type_at(&dense->kernel.type, 0);
    const nib_fixed x = nib_fix_type_at(&nib_lower_input(lower, 0)->type, 0);
    const int fraction = nib_fixed_fraction(&weight) + nib_fixed_fraction(&x);
    const nib_fixed type = {.bits = 1, .integer = 1 - fraction, .rounding = NIB_ROUNDING_RND_CONV};
    dense->bias = (nib_fix_array){
        .rows = 1, .cols = dense->kernel.cols, .code = NIB_NEW(lower->arena, int64_t, dense->kernel.cols)};
    return dense->bias.code ? nib_lower_types(lower, &type, 1, &dense->bias.type, err)
                            : nib_fail_memory(err, "weights");
}

nib_status nib_lower_fold_shift(nib_lower *lower, const nib_lower_matrix *bias,
                                const nib_quantizer_config *quantizer, nib_fix_dense *dense, nib_error *err)
{
    const nib_input_fold *fold = fold_of(lower);
    const nib_fix_array *kernel = &dense->kernel;
    const nib_fix_types *x = &nib_lower_input(lower, 0)->type;
    NIB_TRY(move_points(lower, fold, &dense->kernel, err));
    NIB_TRY(bias_types(lower, bias, quantizer, dense, err));
    nib_fixed *type = NIB_NEW(lower->arena, nib_fixed, kernel->cols);
    int64_t *code = NIB_NEW(lower->arena, int64_t, kernel->cols);
    if (!type || !code)
        return nib_fail_memory(err, "weights");
    for (int64_t c = 0; c < kernel->cols; c++) {
        double value = bias->value && !(bias->mask && bias->mask[c] == 0) ? (double)bias->value[c] : 0;
        for (int64_t r = 0; r < kernel->rows; r++) {
            const nib_fixed weight = nib_fix_type_at(&kernel->type, r * kernel->cols + c);
            if (weight.bits &&
                nib_fix_type_at(x, r).bits) /* a feature that is removed is 0 when preprocessed */
                value -= fold->shift[r] * nib_fixed_value(&weight, kernel->code[r * kernel->cols + c]);
        }
        type[c] = nib_fix_type_at(&dense->bias.type, c);
        type[c].overflow = NIB_OVERFLOW_SAT;
        if (type[c].bits && !cover(value, value, nib_fixed_fraction(&type[c]), &type[c]))
            return nib_fail(
                err, NIB_ERR_CONFIG,
                "%s: with the preprocessing folded in, its bias is %g, of more than %d bits; export without "
                "--fold-preprocessing",
                lower->layer->config->name, value, (int)NIB_FIXED_MAX_BITS);
        code[c] = type[c].bits ? nib_fixed_cast_double(&type[c], value) : 0;
    }
    dense->bias.code = code;
    return nib_lower_types(lower, type, kernel->cols, &dense->bias.type, err);
}
