/* When a team stays alone: the rule by itself, without threads and without a clock. */
#include <criterion/criterion.h>
#include <math.h>

#include "core/solo.h"

static const nib_solo rule = {.patience = 1, .shortest = 10, .longest = 60};

Test(solo, a_team_that_does_well_stays_together)
{
    nib_solo s = rule;
    for (int i = 0; i < 1000; ++i) {
        nib_solo_report(&s, i, 0.5, 0.9); /* within its patience */
        cr_assert(!nib_solo_wanted(&s, i), "alone after a wait within its patience (job %d)", i);
        nib_solo_report(&s, i, 3, 2.9); /* an uneven job: worth the wait */
        cr_assert(!nib_solo_wanted(&s, i), "alone although the wait was shorter than the work (job %d)", i);
    }
}

Test(solo, pauses_double_up_to_the_longest)
{
    static const double pauses[] = {10, 20, 40, 60, 60};
    nib_solo s = rule;
    double now = 5;
    for (int i = 0; i < 5; ++i) {
        nib_solo_report(&s, now, 1, 4);
        cr_expect(nib_solo_wanted(&s, now), "pause %d does not begin", i);
        cr_expect(nib_solo_wanted(&s, now + pauses[i] - 0.01), "pause %d is shorter than %g", i, pauses[i]);
        cr_expect(!nib_solo_wanted(&s, now + pauses[i]), "pause %d is longer than %g", i, pauses[i]);
        now += pauses[i] + 4; /* and the team is tried again */
    }
}

Test(solo, good_times_make_the_next_pause_short)
{
    nib_solo s = rule;
    nib_solo_report(&s, 0, 1, 4);
    nib_solo_report(&s, 11, 1, 4); /* until 31 */
    cr_expect(!nib_solo_wanted(&s, 31) && nib_solo_wanted(&s, 30.9), "the second pause is no 20");
    nib_solo_report(&s, 31 + 79, 1, 4);
    cr_expect(nib_solo_wanted(&s, 110 + 39), "a stall within four pauses counts as another one");
    nib_solo_report(&s, 150 + 161, 1, 4);
    cr_expect(nib_solo_wanted(&s, 311) && !nib_solo_wanted(&s, 321.1), "old stalls are not forgotten");
}

Test(solo, the_defaults_cost_little)
{
    /* Under a lasting hog every try costs a stall of 4 ms: how much of a minute is lost? */
    nib_solo s = nib_solo_defaults();
    const double stall = 4e-3, job = 1e-5;
    double now = 0, lost = 0;
    while (now < 60) {
        if (nib_solo_wanted(&s, now)) {
            now += job;
            continue;
        }
        now += stall;
        lost += stall;
        nib_solo_report(&s, now, job, stall);
    }
    cr_expect(lost < 0.01 * now, "%.1f %% of the time is lost to stalls", 100 * lost / now);
    s = nib_solo_defaults();
    s.patience = INFINITY;
    nib_solo_report(&s, 0, 0, 1e9);
    cr_expect(!nib_solo_wanted(&s, 0), "infinite patience ends");
    s.patience = -1;
    nib_solo_report(&s, 0, -1, 0);
    cr_expect(nib_solo_wanted(&s, 0), "no patience at all, and yet together");
}
