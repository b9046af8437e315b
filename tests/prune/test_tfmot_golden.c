/* Masks and schedules against TFMOT 0.8.1: golden/tfmot.h5 is made by tests/peers/tfmot_golden.py. */
#include <string.h>

#include "core/h5.h"
#include "prune/mask.h"
#include "prune/schedule.h"
#include "prune/select.h"
#include "tests/options_of.h"

static const nib_prune_rule tfmot = {.tfmot = true, .keep_ties = true};

typedef struct golden {
    nib_arena *arena;
    nib_h5 *file;
} golden;

static golden open_golden(void)
{
    nib_error err = {0};
    golden g = {.arena = nib_arena_create()};
    cr_assert_eq(nib_h5_open(&g.file, NIB_TEST_FOLDER "/prune/golden/tfmot.h5", &err), NIB_OK, "%s",
                 err.message);
    return g;
}

static void close_golden(golden *g)
{
    nib_h5_close(g->file);
    nib_arena_destroy(g->arena);
}

static double *numbers(golden *g, const char *path, int64_t *n)
{
    nib_error err = {0};
    nib_h5_info info;
    cr_assert_eq(nib_h5_dataset_info(g->file, path, &info, &err), NIB_OK, "%s", err.message);
    double *values = NIB_NEW(g->arena, double, info.elements);
    cr_assert_eq(nib_h5_read_f64(g->file, path, 0, info.dim[0], values, &err), NIB_OK, "%s", err.message);
    *n = info.elements;
    return values;
}

static float *floats(golden *g, const char *path)
{
    nib_error err = {0};
    nib_h5_info info;
    cr_assert_eq(nib_h5_dataset_info(g->file, path, &info, &err), NIB_OK, "%s", err.message);
    float *values = NIB_NEW(g->arena, float, info.elements);
    cr_assert_eq(nib_h5_read_f32(g->file, path, 0, info.dim[0], values, &err), NIB_OK, "%s", err.message);
    return values;
}

static const char *const *texts(golden *g, const char *path, int *n)
{
    nib_error err = {0};
    const char *const *list;
    cr_assert_eq(nib_h5_read_strings(g->file, path, g->arena, n, &list, &err), NIB_OK, "%s", err.message);
    return list;
}

/* A tensor of its own with a mask of ones. */
static nib_prune_tensor tensor_of(golden *g, int64_t rows, int64_t cols, const float *value)
{
    float *mask = NIB_NEW(g->arena, float, rows *cols);
    for (int64_t i = 0; i < rows * cols; i++)
        mask[i] = 1.0f;
    return (nib_prune_tensor){
        .name = "t", .rows = rows, .cols = cols, .stride = cols, .value = value, .mask = mask, .cost = 1};
}

static void make(golden *g, const char *criterion, const char *options, nib_prune_tensor *t, double sparsity)
{
    nib_error err = {0};
    nib_prune_scratch scratch;
    const nib_prune_criterion *c = nib_prune_criterion_find(criterion);
    cr_assert(c != NULL, "%s is there", criterion);
    cr_assert_eq(nib_prune_scratch_create(g->arena, t->rows * t->cols, &scratch, &err), NIB_OK, "scratch");
    (void)nib_prune_mask(c, options_of(g->arena, &c->options, options), t, sparsity, &tfmot, &scratch);
}

Test(tfmot, masks_of_fixed_weights)
{
    enum { MIN_CASES = 200 };
    golden g = open_golden();
    int n, same;
    int64_t numbers_read;
    const char *const *criterion = texts(&g, "/masks/criterion", &n);
    const char *const *options = texts(&g, "/masks/options", &same);
    const double *table = numbers(&g, "/masks/table", &numbers_read);
    const float *weights = floats(&g, "/masks/weights"), *mask = floats(&g, "/masks/mask");
    cr_assert(n >= MIN_CASES && n == same && numbers_read == 3 * n, "%d cases", n);
    for (int i = 0; i < n; i++) {
        const int64_t rows = (int64_t)table[3 * i + 1], cols = (int64_t)table[3 * i + 2];
        nib_prune_tensor t = tensor_of(&g, rows, cols, weights);
        make(&g, criterion[i], options[i], &t, table[3 * i]);
        for (int64_t k = 0; k < rows * cols; k++)
            cr_assert(t.mask[k] == mask[k],
                      "case %d: %s %s, sparsity %g, [%d, %d]: weight %d (%g) is %g in TFMOT", i, criterion[i],
                      options[i], table[3 * i], (int)rows, (int)cols, (int)k, (double)weights[k],
                      (double)mask[k]);
        weights += rows * cols;
        mask += rows * cols;
    }
    close_golden(&g);
}

Test(tfmot, counts)
{
    golden g = open_golden();
    int64_t n, differ = 0;
    const double *row = numbers(&g, "/counts", &n);
    cr_assert(n >= 3 * 250, "%lld counts", (long long)n / 3);
    for (int64_t i = 0; i < n / 3; i++, row += 3) {
        cr_expect_eq(nib_prune_kept((int64_t)row[0], row[1], true), (int64_t)row[2], "%g weights at %g",
                     row[0], row[1]);
        differ += nib_prune_kept((int64_t)row[0], row[1], false) != (int64_t)row[2];
    }
    cr_expect(differ > 0, "some counts in double are others, else this shows nothing");
    close_golden(&g);
}

typedef struct run {
    const char *const *text; /* schedule, options, criterion, options */
    const void *options;
    const nib_prune_schedule *schedule;
    const nib_prune_criterion *criterion;
    double target;
    const double *kept, *step;
    int64_t steps, updates;
} run;

/* Every step of a layer: is it due, what does it keep, and which. */
static void follow(golden *g, const run *r, const char *path, int layer)
{
    int64_t n, update = 0;
    const nib_prune_clock clock = {.steps_per_epoch = 20, .steps = r->steps, .tfmot = true};
    const double *shape = numbers(g, nib_arena_printf(g->arena, "%s/%d/shape", path, layer), &n);
    const float *weights = floats(g, nib_arena_printf(g->arena, "%s/%d/weights", path, layer));
    const float *masks = floats(g, nib_arena_printf(g->arena, "%s/%d/masks", path, layer));
    const int64_t size = (int64_t)(shape[0] * shape[1]);
    nib_prune_tensor t = tensor_of(g, (int64_t)shape[0], (int64_t)shape[1], weights);
    for (int64_t step = 1; step <= r->steps; step++) {
        const bool once = r->criterion->once_in_tfmot;
        if (once ? step == 1 : r->schedule->due(r->options, &clock, step)) {
            cr_assert(update < r->updates && (int64_t)r->step[update] == step, "%s: update %d at step %d",
                      path, (int)update, (int)step);
            const double s = once ? r->target : r->schedule->sparsity(r->options, &clock, r->target, step);
            t.value = weights + update * size;
            make(g, r->text[2], r->text[3], &t, s);
            cr_expect_arr_eq(t.mask, masks + update * size, (size_t)size * sizeof(float),
                             "%s, layer %d: mask of step %d", path, layer, (int)step);
            update++;
        }
        cr_expect_eq(nib_prune_count(&t), (int64_t)r->kept[2 * (step - 1) + layer],
                     "%s, layer %d: kept after step %d", path, layer, (int)step);
    }
    cr_expect_eq(update, r->updates, "%s: %d updates", path, (int)update);
}

Test(tfmot, training_runs)
{
    enum { RUNS = 6 };
    golden g = open_golden();
    for (int i = 1; i <= RUNS; i++) {
        int n_texts;
        int64_t n;
        const char *path = nib_arena_printf(g.arena, "/runs/%d", i);
        run r = {.text = texts(&g, nib_arena_printf(g.arena, "%s/text", path), &n_texts)};
        cr_assert_eq(n_texts, 4, "%s", path);
        r.schedule = nib_prune_schedule_find(r.text[0]);
        r.criterion = nib_prune_criterion_find(r.text[2]);
        cr_assert(r.schedule && r.criterion, "%s %s", r.text[0], r.text[2]);
        r.options = options_of(g.arena, &r.schedule->options, r.text[1]);
        r.target = numbers(&g, nib_arena_printf(g.arena, "%s/target", path), &n)[0];
        r.kept = numbers(&g, nib_arena_printf(g.arena, "%s/kept", path), &n);
        r.steps = n / 2;
        r.step = numbers(&g, nib_arena_printf(g.arena, "%s/step", path), &r.updates);
        for (int layer = 0; layer < 2; layer++)
            follow(&g, &r, path, layer);
    }
    close_golden(&g);
}
