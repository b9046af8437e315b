/* Pruning schedules: sparsities known from the formulas, and the steps at which masks are made. */
#include <math.h>
#include <stdio.h>

#include "prune/schedule.h"
#include "prune/select.h"
#include "tests/options_of.h"

static nib_arena *arena;

static void setup(void)
{
    arena = nib_arena_create();
}

static void teardown(void)
{
    nib_arena_destroy(arena);
}

TestSuite(prune_schedules, .init = setup, .fini = teardown);

static const nib_prune_clock training = {.steps_per_epoch = 50, .steps = 1000};
static const nib_prune_clock tfmot = {.steps_per_epoch = 50, .steps = 1000, .tfmot = true};

Test(prune_schedules, polynomial_values)
{
    static const struct {
        int64_t step;
        double sparsity;
    } cases[] = {{10, 0.2168}, {25, 0.4625}, {50, 0.7}, {75, 0.7875}, {90, 0.7992}, {100, 0.8}, {500, 0.8}};
    const nib_prune_schedule *s = nib_prune_schedule_find("cubic");
    cr_assert(s && s == nib_prune_schedule_find("polynomial"), "cubic is a name of polynomial");
    const void *o = options_of(arena, &s->options, "{end: 100}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double exact = s->sparsity(o, &training, 0.8, cases[i].step);
        const double single = s->sparsity(o, &tfmot, 0.8, cases[i].step);
        cr_expect(fabs(exact - cases[i].sparsity) < 1e-12, "step %d: %.17g", (int)cases[i].step, exact);
        cr_expect(fabs(single - cases[i].sparsity) < 1e-6, "step %d in float: %.9g", (int)cases[i].step,
                  single);
    }
    o = options_of(arena, &s->options, "{end: 100, initial: 0.5, power: 1, begin: 20}");
    cr_expect(fabs(s->sparsity(o, &training, 0.9, 60) - 0.7) < 1e-12, "half way on a line: %g",
              s->sparsity(o, &training, 0.9, 60));
}

/* The steps of 1..1000 at which a schedule makes masks, as text "4 8 12". */
static const char *due_steps(const char *name, const char *options, const nib_prune_clock *clock)
{
    static char text[512];
    size_t used = 0;
    const nib_prune_schedule *s = nib_prune_schedule_find(name);
    const void *o = options_of(arena, &s->options, options);
    text[0] = '\0';
    for (int64_t step = 1; step <= clock->steps; step++)
        if (s->due(o, clock, step) && used < sizeof text - 16)
            used += (size_t)snprintf(text + used, sizeof text - used, used ? " %d" : "%d", (int)step);
    return text;
}

Test(prune_schedules, steps_that_are_due)
{
    static const struct {
        const char *name, *options, *steps, *tfmot;
    } cases[] = {
        {"polynomial", "{end: 12, frequency: 4}", "4 8 12", "4 8 12"},
        {"polynomial", "{end: 250}", "100 200 250", "100 200"},
        {"polynomial", "{begin: 3, end: 14, frequency: 5}", "3 8 13 14", "3 8 13"},
        {"polynomial", "{unit: epochs, begin: 1, end: 3}", "51 101 150", "51 101"},
        {"polynomial", "{}", "100 200 300 400 500", "100 200 300 400 500"},
        {"constant", "{frequency: 300}", "300 600 900", "300 600 900"},
        {"constant", "{begin: 800}", "800 900 1000", "800 900 1000"},
        {"exponential", "{begin: 10, end: 35, frequency: 10}", "10 20 30 35", "10 20 30"},
        {"one_shot", "{}", "1", "1"},
        {"one_shot", "{at: 2, unit: epochs}", "101", "101"},
        {"iterative", "{rounds: 3, length: 2}", "101 201 301", "101 201 301"},
        {"iterative", "{rounds: 2, length: 30, begin: 10, unit: steps}", "41 71", "41 71"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_str_eq(due_steps(cases[i].name, cases[i].options, &training), cases[i].steps, "%s %s",
                         cases[i].name, cases[i].options);
        cr_expect_str_eq(due_steps(cases[i].name, cases[i].options, &tfmot), cases[i].tfmot, "%s %s, TFMOT",
                         cases[i].name, cases[i].options);
    }
}

/* Sparsity never falls, is the target at the last step, and the last step is due. */
Test(prune_schedules, rise_to_the_target)
{
    static const char *const options[][2] = {{"constant", "{}"},
                                             {"polynomial", "{end: 777}"},
                                             {"exponential", "{end: 777}"},
                                             {"one_shot", "{at: 500}"},
                                             {"iterative", "{rounds: 7, length: 2}"}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const nib_prune_schedule *s = nib_prune_schedule_find(options[i][0]);
        const void *o = options_of(arena, &s->options, options[i][1]);
        for (int k = 0; k < 3; k++) {
            const double target = (const double[]){0.3, 0.95, 1}[k];
            double before = 0;
            for (int64_t step = 1; step <= training.steps; step++) {
                if (!s->due(o, &training, step))
                    continue;
                const double now = s->sparsity(o, &training, target, step);
                cr_expect(now >= before && now <= target, "%s: %g after %g at step %d", s->name, now, before,
                          (int)step);
                before = now;
            }
            cr_expect(before == target, "%s ends at %.17g, not %g", s->name, before, target);
            cr_expect(s->due(o, &training, s->last(o, &training)), "%s: its last step is due", s->name);
        }
    }
}

Test(prune_schedules, exponential_and_iterative_values)
{
    const nib_prune_schedule *s = nib_prune_schedule_find("exponential");
    const void *o = options_of(arena, &s->options, "{begin: 100, end: 300}");
    cr_expect(fabs(s->sparsity(o, &training, 0.99, 200) - 0.9) < 1e-12, "half way to 0.99 is 0.9, not %.17g",
              s->sparsity(o, &training, 0.99, 200));
    s = nib_prune_schedule_find("iterative");
    o = options_of(arena, &s->options, "{rounds: 2, length: 1, rewind: 0}");
    cr_expect(fabs(s->sparsity(o, &training, 0.75, 51) - 0.5) < 1e-12, "first of two rounds to 0.75: %.17g",
              s->sparsity(o, &training, 0.75, 51));
    cr_expect_eq(s->rewind(o), 0, "goes back to the first weights");
    o = options_of(arena, &s->options, "{}");
    cr_expect_eq(s->rewind(o), -1, "by default it goes on");
}

Test(prune_schedules, kept_weights)
{
    static const struct {
        int64_t size;
        double sparsity;
        int64_t kept, tfmot;
    } cases[] = {{8, 0.5, 4, 4}, {5, 0.5, 2, 2},  {7, 0.5, 4, 4},        {10, 0.85, 2, 1},
                 {3, 1, 1, 1},   {4, 0.25, 3, 3}, {1000, 0, 1000, 1000}, {100, 0.999, 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(nib_prune_kept(cases[i].size, cases[i].sparsity, false), cases[i].kept, "case %zu", i);
        cr_expect_eq(nib_prune_kept(cases[i].size, cases[i].sparsity, true), cases[i].tfmot,
                     "case %zu, TFMOT", i);
    }
}
