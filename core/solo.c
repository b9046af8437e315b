#include "core/solo.h"

nib_solo nib_solo_defaults(void)
{
    return (nib_solo){.patience = 1e-5, .shortest = 1e-2, .longest = 1};
}

bool nib_solo_begin(nib_solo *solo, double now)
{
    const double longest_job = 1e-3; /* what is more has gone to something else */
    if (now < solo->until)
        return true;
    const double since = now - solo->last;
    solo->calm += since < longest_job ? since : longest_job;
    solo->last = now;
    return false;
}

void nib_solo_report(nib_solo *solo, double now, double worked, double waited)
{
    const double gain = 0.25; /* what a team saves of the time that it works */
    if (waited <= solo->patience || waited <= worked)
        return;
    const bool worth_it = gain * solo->calm > waited;
    const double twice = 2 * solo->pause > solo->shortest ? 2 * solo->pause : solo->shortest;
    solo->pause = worth_it ? solo->pause / 2 : twice < solo->longest ? twice : solo->longest;
    solo->until = worth_it ? now : now + solo->pause;
    solo->calm = 0;
}
