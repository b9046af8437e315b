/* Loss ops against their definitions written out in double: values, gradients, padding, extreme logits. */
#include <math.h>

#include "core/op.h"
#include "core/op_options.h"
#include "core/rng.h"
#include "tests/options_of.h"

enum { ROWS = 37, MAX_WIDTH = 19, MAX_STRIDE = 32 };

static double huber_delta, smoothing;
static const double *class_weight;

static double categorical(const double *x, const double *z, int64_t n)
{
    const int64_t label = (int64_t)z[0];
    double max = x[0], sum = 0, loss = 0;
    for (int64_t c = 1; c < n; c++)
        max = fmax(max, x[c]);
    for (int64_t c = 0; c < n; c++)
        sum += exp(x[c] - max);
    for (int64_t c = 0; c < n; c++) {
        const double q = (c == label ? 1 - smoothing : 0) + smoothing / (double)n;
        loss -= q == 0 ? 0 : q * (x[c] - max - log(sum));
    }
    return loss * (class_weight ? class_weight[label] : 1);
}

static double binary(const double *x, const double *z, int64_t n)
{
    double loss = 0;
    for (int64_t c = 0; c < n; c++)
        loss += x[c] > 0 ? (1 - z[c]) * x[c] + log1p(exp(-x[c])) : -z[c] * x[c] + log1p(exp(x[c]));
    return loss / (double)n;
}

static double mse(const double *x, const double *z, int64_t n)
{
    double loss = 0;
    for (int64_t c = 0; c < n; c++)
        loss += pow(x[c] - z[c], 2);
    return loss / (double)n;
}

static double mae(const double *x, const double *z, int64_t n)
{
    double loss = 0;
    for (int64_t c = 0; c < n; c++)
        loss += fabs(x[c] - z[c]);
    return loss / (double)n;
}

static double huber(const double *x, const double *z, int64_t n)
{
    double loss = 0;
    for (int64_t c = 0; c < n; c++) {
        const double d = fabs(x[c] - z[c]);
        loss += d <= huber_delta ? d * d / 2 : huber_delta * d - huber_delta * huber_delta / 2;
    }
    return loss / (double)n;
}

static const double weights_of_5[] = {0.5, 2, 1, 0, 3};
static const struct {
    const char *op, *yaml;
    double (*loss)(const double *x, const double *z, int64_t n);
    int width;
    enum { LABELS, BINARY, REAL } target;
    double smoothing, delta;
    const double *class_weight;
} cases[] = {
    {"categorical_crossentropy", "", categorical, 2, LABELS, 0, 0, NULL},
    {"categorical_crossentropy", "", categorical, 5, LABELS, 0, 0, NULL},
    {"categorical_crossentropy", "", categorical, 3, LABELS, 0, 0, NULL},
    {"categorical_crossentropy", "", categorical, 4, LABELS, 0, 0, NULL},
    {"categorical_crossentropy", "{label_smoothing: 0.2}", categorical, 6, LABELS, 0.2, 0, NULL},
    {"categorical_crossentropy", "", categorical, 7, LABELS, 0, 0, NULL},
    {"categorical_crossentropy", "", categorical, 8, LABELS, 0, 0, NULL},
    {"categorical_crossentropy", "", categorical, 10, LABELS, 0, 0, NULL},
    {"categorical_crossentropy", "", categorical, 16, LABELS, 0, 0, NULL},
    {"categorical_crossentropy", "{label_smoothing: 0.1}", categorical, 19, LABELS, 0.1, 0, NULL},
    {"categorical_crossentropy", "{label_smoothing: 0.3, class_weight: [0.5, 2, 1, 0, 3]}", categorical, 5,
     LABELS, 0.3, 0, weights_of_5},
    {"binary_crossentropy", "", binary, 1, BINARY, 0, 0, NULL},
    {"binary_crossentropy", "", binary, 17, BINARY, 0, 0, NULL},
    {"mse", "", mse, 1, REAL, 0, 0, NULL},
    {"mse", "", mse, 18, REAL, 0, 0, NULL},
    {"mae", "", mae, 3, REAL, 0, 0, NULL},
    {"huber", "", huber, 3, REAL, 0, 1, NULL},
    {"huber", "{delta: 0.25}", huber, 16, REAL, 0, 0.25, NULL},
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

typedef struct bench {
    float x[ROWS * MAX_STRIDE], z[ROWS * MAX_STRIDE], y[ROWS * MAX_STRIDE], dy[ROWS * MAX_STRIDE];
    float dx[ROWS * MAX_STRIDE], dz[ROWS * MAX_STRIDE], saved[ROWS * MAX_STRIDE];
    nib_call call;
    const nib_op *op;
    int64_t width, stride, target_width;
} bench;

/* A case with random numbers; logits times `scale`. Outputs start as garbage. */
static void prepare(bench *b, nib_arena *arena, int which, double scale)
{
    const int width = cases[which].width, target_width = cases[which].target == LABELS ? 1 : width;
    const nib_rng rng = {.seed = 5, .stream = (uint32_t)which};
    *b = (bench){.op = nib_op_find(cases[which].op), .width = width, .stride = nib_padded(width)};
    b->target_width = target_width;
    const int64_t z_stride = nib_padded(target_width);
    for (int64_t i = 0; i < ROWS * MAX_STRIDE; i++)
        b->y[i] = b->dx[i] = b->dz[i] = b->saved[i] = 123;
    for (int64_t r = 0; r < ROWS; r++) {
        b->dy[r * 16] = (float)nib_rng_normal(&rng, (uint64_t)(900000 + r));
        for (int64_t c = 0; c < width; c++)
            b->x[r * b->stride + c] = (float)(scale * nib_rng_normal(&rng, (uint64_t)(r * 100 + c)));
        for (int64_t c = 0; c < target_width; c++) {
            const uint64_t element = (uint64_t)(r * 100 + 50 + c);
            b->z[r * z_stride + c] =
                cases[which].target == REAL
                    ? (float)nib_rng_normal(&rng, element)
                    : (float)nib_rng_below(&rng, element,
                                           cases[which].target == LABELS ? (uint64_t)width : 2);
        }
    }
    b->call = (nib_call){.options = options_of(arena, &b->op->options, cases[which].yaml),
                         .mode = NIB_MODE_TRAIN,
                         .inputs = 2,
                         .rows = ROWS,
                         .saved = b->saved};
    b->call.x[0] = nib_tensor_matrix(b->x, ROWS, width, b->stride);
    b->call.x[1] = nib_tensor_matrix(b->z, ROWS, target_width, z_stride);
    b->call.y = nib_tensor_matrix(b->y, ROWS, 1, 16);
    b->call.dy = nib_tensor_matrix(b->dy, ROWS, 1, 16);
    b->call.dx[0] = nib_tensor_matrix(b->dx, ROWS, width, b->stride);
    if (!(b->op->no_gradient & 2u))
        b->call.dx[1] = nib_tensor_matrix(b->dz, ROWS, target_width, z_stride);
    huber_delta = cases[which].delta;
    smoothing = cases[which].smoothing;
    class_weight = cases[which].class_weight;
}

/* Loss of a row by the definition; `c` (-1: none) of x is shifted by h. */
static double reference(const bench *b, int which, int64_t r, int64_t c, double h)
{
    double x[MAX_WIDTH], z[MAX_WIDTH];
    for (int64_t i = 0; i < b->width; i++)
        x[i] = (double)b->x[r * b->stride + i] + (i == c ? h : 0);
    for (int64_t i = 0; i < b->target_width; i++)
        z[i] = (double)b->z[r * nib_padded(b->target_width) + i];
    return cases[which].loss(x, z, b->width);
}

static void expect_padding(const bench *b, const float *flat, int64_t width, int64_t stride, const char *what)
{
    for (int64_t r = 0; r < ROWS; r++)
        for (int64_t c = width; c < stride; c++)
            cr_assert(flat[r * stride + c] == 0.0f, "%s: padding of %s is %g", b->op->name, what,
                      (double)flat[r * stride + c]);
}

Test(losses, equal_their_definition)
{
    nib_arena *arena = nib_arena_create();
    for (int i = 0; i < 2 * N_CASES; i++) {
        bench b;
        prepare(&b, arena, i / 2, 2);
        /* evaluating: nothing to keep, class weights do not count */
        if (i % 2) {
            b.call.mode = NIB_MODE_EVALUATE;
            b.call.saved = NULL;
            class_weight = NULL;
        }
        b.op->forward(&b.call);
        for (int64_t r = 0; r < ROWS; r++) {
            const double wanted = reference(&b, i / 2, r, -1, 0), got = (double)b.y[r * 16];
            cr_assert(fabs(got - wanted) <= 1e-6 * (1 + fabs(wanted)), "%s %s, row %lld: %.9g, wanted %.9g",
                      b.op->name, cases[i / 2].yaml, (long long)r, got, wanted);
        }
        expect_padding(&b, b.y, 1, 16, "y");
    }
    nib_arena_destroy(arena);
}

Test(losses, have_the_gradient_of_their_definition)
{
    nib_arena *arena = nib_arena_create();
    for (int i = 0; i < 2 * N_CASES; i++) {
        bench b;
        prepare(&b, arena, i / 2, 2);
        const bool add = i % 2;
        b.call.accumulate[0] = b.call.accumulate[1] = add;
        for (int64_t j = 0; add && j < ROWS * MAX_STRIDE; j++)
            b.dx[j] = b.dz[j] = j % b.stride < b.width ? 0.25f : 0.0f;
        b.op->forward(&b.call);
        b.op->backward(&b.call);
        for (int64_t r = 0; r < ROWS; r++)
            for (int64_t c = 0; c < b.width; c++) {
                const double h = 1e-5, dy = (double)b.dy[r * 16];
                const double slope =
                    (reference(&b, i / 2, r, c, h) - reference(&b, i / 2, r, c, -h)) / (2 * h) * dy;
                const double got = (double)b.dx[r * b.stride + c] - (add ? 0.25 : 0);
                cr_assert(fabs(got - slope) <= 2e-6, "%s %s, row %lld, column %lld: %.9g, wanted %.9g",
                          b.op->name, cases[i / 2].yaml, (long long)r, (long long)c, got, slope);
                if (b.call.dx[1].data) {
                    const double back = (double)b.dz[r * b.stride + c] - (add ? 0.25 : 0);
                    cr_assert(fabs(back + slope) <= 2e-6, "%s: the target's gradient is not the opposite",
                              b.op->name);
                }
            }
        expect_padding(&b, b.dx, b.width, b.stride, "dx");
    }
    nib_arena_destroy(arena);
}

Test(losses, stay_finite_at_extreme_logits)
{
    nib_arena *arena = nib_arena_create();
    for (int i = 0; i < N_CASES; i++) {
        bench b;
        prepare(&b, arena, i, 1);
        for (int64_t r = 0; r < ROWS; r++)
            for (int64_t c = 0; c < b.width; c++)
                b.x[r * b.stride + c] = (r + c) % 3 == 0 ? 1e4f : ((r + c) % 3 == 1 ? -1e4f : 0);
        b.op->forward(&b.call);
        b.op->backward(&b.call);
        for (int64_t r = 0; r < ROWS; r++) {
            const double wanted = reference(&b, i, r, -1, 0), got = (double)b.y[r * 16];
            cr_assert(isfinite(got) && fabs(got - wanted) <= 1e-5 * (1 + fabs(wanted)),
                      "%s %s, row %lld: %.9g, wanted %.9g", b.op->name, cases[i].yaml, (long long)r, got,
                      wanted);
            for (int64_t c = 0; c < b.width; c++)
                cr_assert(isfinite(b.dx[r * b.stride + c]), "%s: gradient %g", b.op->name,
                          (double)b.dx[r * b.stride + c]);
        }
    }
    nib_arena_destroy(arena);
}

Test(losses, show_a_nan)
{
    nib_arena *arena = nib_arena_create();
    for (int i = 0; i < N_CASES; i++)
        for (int64_t c = 0; c < cases[i].width; c++) {
            bench b;
            prepare(&b, arena, i, 1);
            b.x[3 * b.stride + c] = NAN;
            b.op->forward(&b.call);
            cr_assert(isnan(b.y[3 * 16]) && isfinite(b.y[4 * 16]), "%s: NaN in column %lld gives %g",
                      b.op->name, (long long)c, (double)b.y[3 * 16]);
        }
    nib_arena_destroy(arena);
}

static void expect_hits(const char *name, int64_t width, const float *x, int64_t target_width, const float *z,
                        const float *wanted, int64_t rows)
{
    bench b = {.op = nib_op_find(name)};
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < width; c++)
            b.x[r * 16 + c] = x[r * width + c];
        for (int64_t c = 0; c < target_width; c++)
            b.z[r * 16 + c] = z[r * target_width + c];
    }
    b.call = (nib_call){.mode = NIB_MODE_TRAIN, .inputs = 2, .rows = rows};
    b.call.x[0] = nib_tensor_matrix(b.x, rows, width, 16);
    b.call.x[1] = nib_tensor_matrix(b.z, rows, target_width, 16);
    b.call.y = nib_tensor_matrix(b.y, rows, 1, 16);
    b.op->forward(&b.call);
    for (int64_t r = 0; r < rows; r++)
        cr_expect(b.y[r * 16] == wanted[r], "%s, row %lld: %g", name, (long long)r, (double)b.y[r * 16]);
}

Test(losses, hits)
{
    expect_hits("categorical_hits", 3, (const float[]){1, 3, 2, 2, 2, 0, 2, 2, 0, -1, -2, 0}, 1,
                (const float[]){1, 0, 1, 2}, (const float[]){1, 1, 0, 1}, 4);
    expect_hits("binary_hits", 2, (const float[]){1, -1, 0, 0, 2, 3}, 2, (const float[]){1, 0, 1, 0, 0, 0},
                (const float[]){1, 0.5f, 0}, 3);
}

Test(losses, refuse_wrong_shapes)
{
    static const struct {
        const char *op, *yaml;
        int64_t width, target;
        bool elements;
        const char *message;
    } wrong[] = {
        {"categorical_crossentropy", "", 5, 5, false, "the target has 5 numbers per row, the loss needs 1"},
        {"categorical_crossentropy", "", 1, 1, false,
         "a categorical loss needs two outputs or more, the layer has 1"},
        {"categorical_crossentropy", "{class_weight: [1, 2]}", 3, 1, false,
         "class_weight has 2 numbers, there are 3 classes"},
        {"mse", "", 3, 2, false, "the target has 2 numbers per row, the loss needs 3"},
        {"huber", "", 3, 3, true, "prediction and target differ: samples against set elements"},
    };
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const nib_op *op = nib_op_find(wrong[i].op);
        nib_shape x[2] = {{NIB_RATE_TILE, NIB_DOMAIN_SAMPLES, 1, {wrong[i].width, 1, 1}},
                          {NIB_RATE_TILE, NIB_DOMAIN_SAMPLES, 1, {wrong[i].target, 1, 1}}};
        nib_op_plan plan = {0};
        nib_error err = {0};
        if (wrong[i].elements)
            x[1].domain = NIB_DOMAIN_ELEMENTS;
        cr_expect_neq(op->infer(options_of(arena, &op->options, wrong[i].yaml), x, 2, &plan, &err), NIB_OK,
                      "%s accepts %s", wrong[i].op, wrong[i].message);
        cr_expect_str_eq(err.message, wrong[i].message, "%s", err.message);
    }
    nib_arena_destroy(arena);
}

Test(losses, penalty_on_weights)
{
    nib_arena *arena = nib_arena_create();
    const nib_op *op = nib_op_find("l1_l2");
    float w[32] = {1, -2, 0, 0.5f}, dw[32], y[16], dy[16] = {2};
    w[16] = -4;
    for (int i = 0; i < 32; i++)
        dw[i] = 9;
    nib_call call = {
        .options = options_of(arena, &op->options, "{l1: 0.5, l2: 0.25}"), .inputs = 1, .rows = 2};
    call.x[0] = nib_tensor_matrix(w, 2, 4, 16);
    call.dx[0] = nib_tensor_matrix(dw, 2, 4, 16);
    call.y = nib_tensor_matrix(y, 1, 1, 16);
    call.dy = nib_tensor_matrix(dy, 1, 1, 16);
    op->forward(&call);
    cr_expect(y[0] == 0.5f * 7.5f + 0.25f * 21.25f && y[1] == 0, "%g", (double)y[0]);
    op->backward(&call);
    const float wanted[] = {2, -3, 0, 1.5f}; /* 2 (l1 sign(w) + 2 l2 w) */
    for (int i = 0; i < 16; i++)
        cr_expect(dw[i] == (i < 4 ? wanted[i] : 0), "dw[%d] = %g", i, (double)dw[i]);
    cr_expect(dw[16] == -5 && dw[17] == 0, "second row: %g", (double)dw[16]);
    call.accumulate[0] = true;
    op->backward(&call);
    cr_expect(dw[1] == -6 && dw[16] == -10 && dw[20] == 0, "added: %g", (double)dw[1]);
    nib_arena_destroy(arena);
}
