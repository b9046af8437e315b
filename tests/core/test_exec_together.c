/* Steps in which every thread updates parameters of its own: the same bits as one thread, whatever comes
 * between them. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/exec_tile.h"
#include "tests/core/nets.h"

enum { ROWS = 700, STEPS = 40 };

static nib_error err;

/* Momentum, by `rate` of the step at hand. */
typedef struct descent {
    float rate;
    float *slot[1];
    int step, meanwhiles;
    bool adds;
} descent;

static void prepare(void *context)
{
    descent *d = context;
    d->rate = 0.05f / (float)(1 + d->step % 5);
}

static void meanwhile(void *context)
{
    descent *d = context;
    d->meanwhiles++;
}

static bool begin(void *context, const nib_sums *sums)
{
    prepare(context);
    return isfinite(sums->loss);
}

static void range(void *context, const nib_exec_flat *flat, int64_t first, int64_t count)
{
    const descent *d = context;
    cr_assert(d->adds || !flat->second);
    for (int64_t i = first; i < first + count; ++i) {
        const float g = flat->params->gradient[i] + (flat->second ? flat->second[i] : 0.0f);
        flat->slot[0][i] = 0.9f * flat->slot[0][i] + g;
        flat->params->value[i] -= d->rate * flat->slot[0][i];
    }
}

/* What happens at step i. */
typedef enum kind {
    ORDINARY,
    ALONE,
    WITH_BEGIN,
    WITHOUT_UPDATE,
    OTHERS_WRITE,
    ONE_LANE,
    INFINITE,
    KINDS
} kind;

static kind kind_of(int step)
{
    static const kind order[] = {ORDINARY, ORDINARY, ALONE,        ORDINARY, WITH_BEGIN,   ORDINARY,
                                 ORDINARY, ONE_LANE, ORDINARY,     INFINITE, ORDINARY,     WITHOUT_UPDATE,
                                 ORDINARY, ALONE,    OTHERS_WRITE, ORDINARY, OTHERS_WRITE, ORDINARY};
    return order[step % (int)(sizeof order / sizeof order[0])];
}

typedef struct run {
    net n;
    net_run train, evaluate;
    descent d;
    double loss[STEPS];
    int together;
} run;

static void start(run *r, int threads, bool adds)
{
    net_create(&r->n, NET_PLAIN);
    r->train = net_open(&r->n, NIB_MODE_TRAIN, ROWS, threads);
    cr_assert(nib_exec_create(&r->evaluate.exec, r->n.graph, NIB_MODE_EVALUATE, ROWS, 0, r->train.team,
                              &err) == NIB_OK,
              "%s", err.message);
    r->d = (descent){.adds = adds};
    r->d.slot[0] = nib_aligned_alloc((size_t)r->n.params->size * sizeof(float));
    r->together = 0;
    cr_assert(r->d.slot[0]);
}

static void end(run *r)
{
    nib_exec_destroy(r->evaluate.exec);
    net_close(&r->train);
    nib_aligned_free(r->d.slot[0]);
    net_destroy(&r->n);
}

static double forward(run *r)
{
    nib_sums sums;
    const nib_batch batch = net_batch(&r->n, 150, 11);
    nib_exec_forward(r->evaluate.exec, &batch, NULL, &sums);
    return sums.loss;
}

static void take(run *r, int i, int64_t rows)
{
    const kind what = kind_of(i);
    descent *d = &r->d;
    nib_sums sums;
    nib_batch batch = net_batch(&r->n, what == ONE_LANE ? 40 : rows, 17 * i % 500);
    nib_exec_update update = {.context = d,
                              .context_bytes = sizeof *d,
                              .slot = d->slot,
                              .n_slots = 1,
                              .prepare = prepare,
                              .meanwhile = meanwhile,
                              .range = range,
                              .adds = d->adds,
                              .alone = what != OTHERS_WRITE};
    if (what == WITH_BEGIN)
        update.begin = begin;
    float *const last = r->n.x + (batch.first + batch.rows - 1) * NET_FEATURES; /* on the last lane */
    const float kept = *last;
    if (what == INFINITE)
        *last = INFINITY;
    *nib_team_solo(r->train.team) =
        (nib_solo){.patience = (double)INFINITY, .until = what == ALONE ? (double)INFINITY : 0.0};
    d->step = i;
    nib_exec_step(r->train.exec, &batch, what == WITHOUT_UPDATE ? NULL : &update, &sums);
    r->loss[i] = sums.loss;
    r->together += r->train.exec->together;
    *last = kept;
    if (what == INFINITE)
        cr_assert(!isfinite(sums.loss));
    if (what == OTHERS_WRITE || what == WITHOUT_UPDATE)
        for (int64_t k = 0; k < r->n.params->size; ++k) {
            r->n.params->value[k] *= 0.75f;
            d->slot[0][k] *= 0.5f;
        }
    if (i % 4 == 3)
        r->loss[i] += forward(r);
}

static void check(int threads, int64_t rows, bool adds)
{
    run one, many;
    start(&one, 1, adds);
    start(&many, threads, adds);
    const size_t bytes = (size_t)one.n.params->size * sizeof(float);
    const int lanes = (int)((rows + 63) / 64);
    for (int i = 0; i < STEPS; ++i) {
        take(&one, i, rows);
        take(&many, i, rows);
        cr_assert(memcmp(&one.loss[i], &many.loss[i], sizeof(double)) == 0 ||
                      (isnan(one.loss[i]) && isnan(many.loss[i])),
                  "%d threads, %d rows, step %d: loss %.17g, not %.17g", threads, (int)rows, i, many.loss[i],
                  one.loss[i]);
        cr_assert(memcmp(one.n.params->value, many.n.params->value, bytes) == 0 &&
                      memcmp(one.d.slot[0], many.d.slot[0], bytes) == 0,
                  "%d threads, %d rows, step %d: other weights than one thread", threads, (int)rows, i);
    }
    cr_expect(one.together == 0);
    cr_expect((many.together >= STEPS / 2) == (lanes <= threads && lanes > 1),
              "%d threads, %d rows: %d steps of %d went together", threads, (int)rows, many.together, STEPS);
    cr_expect(one.d.meanwhiles == many.d.meanwhiles && many.d.meanwhiles > STEPS / 2);
    end(&one);
    end(&many);
}

Test(exec, threads_that_update_parameters_of_their_own_give_the_bits_of_one, .timeout = 120)
{
    static const int64_t rows[] = {65, 128, 150, 256, 300};
    for (int threads = 2; threads <= 5; ++threads)
        for (int i = 0; i < (int)(sizeof rows / sizeof rows[0]); ++i) {
            check(threads, rows[i], false);
            check(threads, rows[i], true);
        }
}

/* Masks come and go with a pruner, batch norm leaves more behind than weights: such steps never go together.
 */
Test(exec, steps_that_leave_more_behind_do_not_go_together)
{
    for (int normalized = 0; normalized < 2; ++normalized) {
        net n;
        net_create(&n, normalized ? NET_NORMALIZED : NET_PLAIN);
        net_run opened = net_open(&n, NIB_MODE_TRAIN, ROWS, 2);
        if (!normalized)
            cr_assert(nib_params_add_masks(n.params, &err) == NIB_OK);
        descent d = {.rate = 0.0f};
        d.slot[0] = nib_aligned_alloc((size_t)n.params->size * sizeof(float));
        const nib_exec_update update = {
            .context = &d, .slot = d.slot, .n_slots = 1, .prepare = prepare, .range = range, .alone = true};
        const nib_batch batch = net_batch(&n, 128, 0);
        nib_sums sums;
        nib_exec_step(opened.exec, &batch, &update, &sums);
        cr_expect(!opened.exec->together, "%s", normalized ? "batch norm" : "masks");
        net_close(&opened);
        nib_aligned_free(d.slot[0]);
        net_destroy(&n);
    }
}
