#include "core/solo.h"

nib_solo nib_solo_defaults(void)
{
    return (nib_solo){.patience = 2e-4, .shortest = 1e-2, .longest = 1};
}

bool nib_solo_wanted(const nib_solo *solo, double now)
{
    return now < solo->until;
}

void nib_solo_report(nib_solo *solo, double now, double worked, double waited)
{
    enum { GOOD_FOR = 4 };
    if (waited <= solo->patience || waited <= worked)
        return;
    const bool again = solo->pause > 0 && now - solo->until < GOOD_FOR * solo->pause;
    const double twice = 2 * solo->pause;
    solo->pause = !again ? solo->shortest : twice < solo->longest ? twice : solo->longest;
    solo->until = now + solo->pause;
}
