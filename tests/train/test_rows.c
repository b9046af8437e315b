/* Every row of the tables of train: complete, findable by its name, with options that accept their own
 * defaults. */
#include "core/names.h"
#include "tests/options_of.h"
#include "train/loss.h"
#include "train/lr_schedule.h"
#include "train/metric.h"
#include "train/optimizer.h"

static void check(const char *table, const char *name, const char *help, const char *source,
                  const nib_option_table *options)
{
    nib_arena *arena = nib_arena_create();
    nib_error err = {0};
    cr_expect(name && name[0] && help && help[0] && source && source[0],
              "%s %s: name, help or source is missing", table, name ? name : "?");
    cr_expect(nib_names_is_identifier(name), "%s '%s' is no identifier", table, name);
    cr_expect_eq(nib_options_check(arena, options, name, &err), NIB_OK, "%s: %s", table, err.message);
    nib_arena_destroy(arena);
}

Test(rows, losses)
{
    cr_assert_eq(nib_losses_count, 5, "%d losses", nib_losses_count);
    for (int i = 0; i < nib_losses_count; i++) {
        const nib_loss *l = nib_losses[i];
        check("loss", l->name, l->help, l->source, &l->op->options);
        cr_expect(nib_loss_find(l->name) == l, "loss %s is not found", l->name);
        cr_expect(!l->hits == !l->hits_name, "loss %s: hits without a name", l->name);
        cr_expect(nib_op_find(l->op->name) == l->op, "loss %s: its op is not in core's list", l->name);
        cr_expect(!l->hits || nib_op_find(l->hits->name) == l->hits, "loss %s: hits not in core's list",
                  l->name);
    }
    cr_expect(!nib_loss_find("hinge"), "a loss that is not there is found");
}

Test(rows, optimizers)
{
    cr_assert_eq(nib_optimizers_count, 4, "%d optimizers", nib_optimizers_count);
    for (int i = 0; i < nib_optimizers_count; i++) {
        const nib_optimizer *o = nib_optimizers[i];
        check("optimizer", o->name, o->help, o->source, &o->options);
        cr_expect(nib_optimizer_find(o->name) == o, "optimizer %s is not found", o->name);
        cr_expect(strcmp(o->options.rows[0].name, "lr") == 0 && o->options.rows[0].offset == 0,
                  "optimizer %s: lr must be the first option", o->name);
        cr_expect(o->slots <= NIB_MAX_SLOTS, "optimizer %s: too many slots", o->name);
        for (int s = 0; s < o->slots; s++)
            cr_expect(o->slot_names[s], "optimizer %s: slot %d has no name", o->name, s);
    }
}

Test(rows, schedules)
{
    cr_assert_eq(nib_lr_schedules_count, 5, "%d schedules", nib_lr_schedules_count);
    for (int i = 0; i < nib_lr_schedules_count; i++) {
        const nib_lr_schedule *s = nib_lr_schedules[i];
        check("schedule", s->name, s->help, s->source, &s->options);
        cr_expect(nib_lr_schedule_find(s->name) == s && s->rate, "schedule %s", s->name);
    }
}

Test(rows, metrics)
{
    cr_assert_eq(nib_metrics_count, 6, "%d metrics", nib_metrics_count);
    for (int i = 0; i < nib_metrics_count; i++) {
        const nib_metric *m = nib_metrics[i];
        check("metric", m->name, m->help, m->source, &m->options);
        cr_expect(nib_metric_find(m->name) == m && m->evaluate && m->count && m->kinds, "metric %s", m->name);
    }
}
