/* Grid steps of every instruction set: the bits of who passes a gradient against the ranges themselves, and
 * numbers that all columns share against numbers of each. */
#include <criterion/criterion.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/gemm.h"
#include "core/kernels.h"
#include "core/rng.h"

enum { ROWS = 13, WIDEST = 40, STRIDE = 48, NUMBERS = 11 };

typedef struct step_of_columns {
    nib_grid_step step;
    float number[NUMBERS][STRIDE];
} step_of_columns;

/* Codes lowest..highest of 2^-fraction; columns differ unless uniform. */
static void make_step(step_of_columns *s, nib_grid_rounding rounding, nib_grid_range range, bool uniform,
                      int columns)
{
    memset(s, 0, sizeof *s);
    for (int c = 0; c < columns; c++) {
        const float step = ldexpf(1.0f, uniform ? -2 : -(c % 4));
        const float lowest = uniform || c % 3 == 0 ? 0.0f : -8.0f,
                    highest = uniform ? 15.0f : (float)(c % 16);
        const float modulus = highest - lowest + 1.0f;
        const float numbers[NUMBERS] = {step,           lowest * step,    highest * step, lowest * step,
                                        highest * step, 0x1.8p23f * step, 0.5f * step,    1.0f / step,
                                        modulus,        1.0f / modulus,   highest};
        for (int i = 0; i < NUMBERS; i++)
            s->number[i][c] = numbers[i];
    }
    s->step = (nib_grid_step){.rounding = rounding,
                              .range = range,
                              .uniform = uniform,
                              .step = s->number[0],
                              .pass_low = s->number[1],
                              .pass_high = s->number[2],
                              .low = s->number[3],
                              .high = s->number[4],
                              .magic = s->number[5],
                              .half = s->number[6],
                              .inverse = s->number[7],
                              .modulus = s->number[8],
                              .inverse_modulus = s->number[9],
                              .code_high = s->number[10]};
}

/* Whole steps, half steps, their neighbours, ends, NaN and infinities among random numbers. */
static void fill(float *x, int columns)
{
    static const float special[] = {0.0f,  -0.0f,      FLT_MIN, -FLT_MIN,  0.125f, 0.12499999f,
                                    3.75f, 3.7500002f, 3.875f,  INFINITY,  NAN,    -INFINITY,
                                    -2.0f, 1.5f,       15.0f,   15.000001f};
    const nib_rng rng = {.seed = 3};
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < STRIDE; c++) {
            const int i = r * STRIDE + c;
            x[i] = c >= columns ? 0.0f
                   : i % 3 == 0 ? special[i / 3 % 16]
                                : (float)(8.0 * nib_rng_normal(&rng, (uint64_t)i));
        }
}

static bool same(float a, float b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void check_bits(const nib_kernels *k, const step_of_columns *s, bool relu, int columns)
{
    _Alignas(64) float x[ROWS * STRIDE], y[ROWS * STRIDE], noted[ROWS * STRIDE], dy[ROWS * STRIDE],
        dx[ROWS * STRIDE];
    unsigned char pass[ROWS * STRIDE / NIB_PASS_FLOATS_PER_BYTE];
    const nib_tensor tx = nib_tensor_matrix(x, ROWS, columns, STRIDE),
                     ty = nib_tensor_matrix(y, ROWS, columns, STRIDE);
    const nib_tensor tn = nib_tensor_matrix(noted, ROWS, columns, STRIDE);
    const nib_tensor tdy = nib_tensor_matrix(dy, ROWS, columns, STRIDE),
                     tdx = nib_tensor_matrix(dx, ROWS, columns, STRIDE);
    fill(x, columns);
    for (int i = 0; i < ROWS * STRIDE; i++)
        dy[i] = i % STRIDE < columns ? (float)(1 + i) : 0.0f;
    memcpy(noted, x, sizeof x);
    k->grid(&s->step, relu, ty, tx, ROWS, NULL);
    k->grid(&s->step, relu, tn, tn, ROWS, pass); /* in place, as products do it */
    k->grid_gradient(&s->step, relu, false, tdx, tdy, tx, ROWS);
    k->pass_gradient(tdy, pass, ROWS);
    for (int i = 0; i < ROWS * STRIDE; i++) {
        const char *isa = nib_isa_name(k->isa);
        const int c = i % STRIDE, u = s->step.uniform ? 0 : c;
        const float low = s->step.pass_low[u], high = s->step.pass_high[u];
        const bool through = x[i] >= low && x[i] <= high && (!relu || x[i] >= FLT_MIN);
        const float wanted = through && c < columns ? (float)(1 + i) : 0.0f;
        cr_assert(same(y[i], noted[i]), "%s: %a becomes %a, with bits %a", isa, (double)x[i], (double)y[i],
                  (double)noted[i]);
        cr_assert(dx[i] == wanted, "%s: gradient at %a (relu %d) is %g, not %g", isa, (double)x[i], relu,
                  (double)dx[i], (double)wanted);
        cr_assert(dy[i] == wanted, "%s: by bits the gradient at %a (relu %d) is %g, not %g", isa,
                  (double)x[i], relu, (double)dy[i], (double)wanted);
    }
}

static void each_mode(const nib_kernels *k)
{
    static step_of_columns s;
    for (int mode = 0; mode < 9; mode++)
        for (int variant = 0; variant < 4; variant++)
            for (int columns = 1; columns <= WIDEST; columns += 3) {
                make_step(&s, (nib_grid_rounding)(mode / 3), (nib_grid_range)(mode % 3), variant % 2 == 1,
                          columns);
                check_bits(k, &s, variant >= 2, columns);
            }
}

Test(grid_steps, bits_are_the_ranges)
{
    for (nib_isa isa = NIB_ISA_BASELINE; isa < NIB_ISA_COUNT; ++isa)
        if (nib_isa_supported(isa))
            each_mode(nib_kernels_of(isa));
}

/* A number for all columns gives what the same number in each column gives. */
static void shared_numbers(const nib_kernels *k)
{
    static step_of_columns one, each;
    static _Alignas(64) float x[ROWS * STRIDE], a[ROWS * STRIDE], b[ROWS * STRIDE];
    const nib_tensor tx = nib_tensor_matrix(x, ROWS, WIDEST, STRIDE);
    fill(x, WIDEST);
    for (int mode = 0; mode < 9; mode++) {
        make_step(&one, (nib_grid_rounding)(mode / 3), (nib_grid_range)(mode % 3), true, WIDEST);
        each = one;
        make_step(&each, one.step.rounding, one.step.range, true, WIDEST);
        each.step.uniform = false;
        k->grid(&one.step, false, nib_tensor_matrix(a, ROWS, WIDEST, STRIDE), tx, ROWS, NULL);
        k->grid(&each.step, false, nib_tensor_matrix(b, ROWS, WIDEST, STRIDE), tx, ROWS, NULL);
        for (int i = 0; i < ROWS * STRIDE; i++)
            cr_assert(same(a[i], b[i]), "%s: %a becomes %a, or %a", nib_isa_name(k->isa), (double)x[i],
                      (double)a[i], (double)b[i]);
    }
}

Test(grid_steps, columns_may_share_their_numbers)
{
    for (nib_isa isa = NIB_ISA_BASELINE; isa < NIB_ISA_COUNT; ++isa)
        if (nib_isa_supported(isa))
            shared_numbers(nib_kernels_of(isa));
}

/* A product's rows are gated on the way as they would be afterwards. */
static void gated_products(const nib_kernels *k)
{
    static _Alignas(64) float x[ROWS * STRIDE], w[STRIDE * STRIDE], plain[ROWS * STRIDE],
        gated[ROWS * STRIDE];
    unsigned char pass[ROWS * STRIDE / NIB_PASS_FLOATS_PER_BYTE];
    static step_of_columns s;
    const nib_rng rng = {.seed = 5};
    for (int i = 0; i < STRIDE * STRIDE; i++)
        w[i] = (float)nib_rng_normal(&rng, (uint64_t)i);
    for (int columns = 1; columns <= WIDEST; columns += 3)
        for (int by_bits = 0; by_bits < 2; by_bits++) {
            fill(x, WIDEST);
            make_step(&s, NIB_GRID_HALF_UP, NIB_GRID_CLAMP, false, columns);
            k->grid(&s.step, true, nib_tensor_matrix(plain, ROWS, columns, STRIDE),
                    nib_tensor_matrix(x, ROWS, columns, STRIDE), ROWS, pass);
            nib_product p = {.m = ROWS,
                             .n = columns,
                             .k = 21,
                             .a = w,
                             .a_row = STRIDE,
                             .a_step = 1,
                             .b = w,
                             .b_stride = STRIDE,
                             .c = plain,
                             .c_stride = STRIDE};
            k->product(&p);
            p.c = gated;
            p.epilogue = by_bits ? (nib_epilogue){.kind = NIB_EPILOGUE_PASS,
                                                  .pass = pass,
                                                  .pass_stride = STRIDE / NIB_PASS_FLOATS_PER_BYTE}
                                 : (nib_epilogue){.kind = NIB_EPILOGUE_RANGE,
                                                  .gate = x,
                                                  .gate_stride = STRIDE,
                                                  .step = &s.step,
                                                  .relu = true};
            k->product(&p);
            k->pass_gradient(nib_tensor_matrix(plain, ROWS, columns, STRIDE), pass, ROWS);
            for (int r = 0; r < ROWS; r++)
                for (int c = 0; c < columns; c++)
                    cr_assert(plain[r * STRIDE + c] == gated[r * STRIDE + c],
                              "%s, %d columns, bits %d: (%d, %d) is %g, not %g", nib_isa_name(k->isa),
                              columns, by_bits, r, c, (double)gated[r * STRIDE + c],
                              (double)plain[r * STRIDE + c]);
        }
}

Test(grid_steps, products_gate_on_the_way)
{
    for (nib_isa isa = NIB_ISA_BASELINE; isa < NIB_ISA_COUNT; ++isa)
        if (nib_isa_supported(isa))
            gated_products(nib_kernels_of(isa));
}
