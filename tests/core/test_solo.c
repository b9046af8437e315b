/* When a team stays alone: the rule by itself, without threads and without a clock. */
#include <criterion/criterion.h>
#include <math.h>

#include "core/solo.h"

/* A job of the whole team at `now` that waited so long. */
static void job(nib_solo *s, double now, double worked, double waited)
{
    cr_assert(!nib_solo_begin(s, now), "alone at %g", now);
    nib_solo_report(s, now, worked, waited);
}

/* The team works well for `seconds` from `from` on, as jobs of 1 us tell. */
static double calm(nib_solo *s, double from, double seconds)
{
    double now = from;
    for (; now < from + seconds; now += 1e-6)
        cr_assert(!nib_solo_begin(s, now), "alone at %g", now);
    return now;
}

Test(solo, a_team_that_does_well_stays_together)
{
    nib_solo s = {.patience = 1, .shortest = 10, .longest = 60};
    for (int i = 0; i < 1000; ++i) {
        job(&s, i, 0.5, 0.9); /* within its patience */
        job(&s, i, 3, 2.9);   /* an uneven job: worth the wait */
    }
    cr_expect(!nib_solo_begin(&s, 1000), "alone without a stall");
}

Test(solo, pauses_double_up_to_the_longest)
{
    static const double pauses[] = {10, 20, 40, 60, 60};
    nib_solo s = {.patience = 1, .shortest = 10, .longest = 60};
    double now = 5;
    for (int i = 0; i < 5; ++i) {
        job(&s, now, 1, 4);
        cr_expect(nib_solo_begin(&s, now), "pause %d does not begin", i);
        cr_expect(nib_solo_begin(&s, now + pauses[i] - 0.01), "pause %d is shorter than %g", i, pauses[i]);
        now += pauses[i] + 0.01;
        cr_expect(!nib_solo_begin(&s, now), "pause %d is longer than %g", i, pauses[i]);
    }
}

Test(solo, a_stall_that_the_team_has_earned_is_no_reason_to_part)
{
    nib_solo s = {.patience = 1e-5, .shortest = 1e-2, .longest = 1};
    double now = calm(&s, 1, 0.1); /* a quarter of it is saved: 25 ms */
    job(&s, now, 1e-5, 4e-3);
    cr_expect(!nib_solo_begin(&s, now), "4 ms after 100 ms of work: alone");
    job(&s, now, 1e-5, 4e-3);
    cr_expect(nib_solo_begin(&s, now), "4 ms and again 4 ms: together");
    cr_expect(nib_solo_begin(&s, now + 9.9e-3) && !nib_solo_begin(&s, now + 10.1e-3),
              "the pause is no 10 ms");
    now += 11e-3;
    job(&s, now, 1e-5, 4e-3); /* 20 ms */
    now = calm(&s, now + 21e-3, 0.1);
    job(&s, now, 1e-5, 4e-3); /* earned: the next pause is 20 ms again */
    job(&s, now, 1e-5, 4e-3);
    cr_expect(nib_solo_begin(&s, now + 19e-3) && !nib_solo_begin(&s, now + 21e-3),
              "an earned stall does not halve the pause");
}

Test(solo, the_defaults_cost_little)
{
    /* Under a lasting hog every try costs a stall of 4 ms: how much of a minute is lost? */
    nib_solo s = nib_solo_defaults();
    const double stall = 4e-3, step = 1e-5;
    double now = 0, lost = 0;
    while (now < 60) {
        if (nib_solo_begin(&s, now)) {
            now += step;
            continue;
        }
        now += stall;
        lost += stall;
        nib_solo_report(&s, now, step, stall);
    }
    cr_expect(lost < 0.01 * now, "%.1f %% of the time is lost to stalls", 100 * lost / now);
    s = nib_solo_defaults();
    s.patience = (double)INFINITY;
    job(&s, 1, 0, 1e9);
    cr_expect(!nib_solo_begin(&s, 1), "infinite patience ends");
}
