#include "datasets/draws.h"

#include <math.h>

enum { ROW_BITS = 20 }; /* elements of four words per row, as a power of two */

static const double PI = 3.14159265358979323846;

nib_draws nib_draws_start(uint64_t seed, uint32_t stream, int64_t row)
{
    return (nib_draws){.rng = {seed, stream, 0}, .element = (uint64_t)row << ROW_BITS};
}

double nib_draws_uniform(nib_draws *draws)
{
    if (draws->left == 0) {
        nib_rng_words(&draws->rng, draws->element++, draws->word);
        draws->left = 4;
    }
    return ((double)draws->word[4 - draws->left--] + 0.5) * 0x1p-32;
}

double nib_draws_between(nib_draws *draws, double low, double high)
{
    return low + (high - low) * nib_draws_uniform(draws);
}

double nib_draws_normal(nib_draws *draws)
{
    if (draws->has_normal) {
        draws->has_normal = 0;
        return draws->normal;
    }
    double radius = sqrt(-2 * log(nib_draws_uniform(draws)));
    double angle = 2 * PI * nib_draws_uniform(draws);
    draws->normal = radius * sin(angle);
    draws->has_normal = 1;
    return radius * cos(angle);
}

double nib_draws_exponential(nib_draws *draws)
{
    return -log(nib_draws_uniform(draws));
}

int nib_draws_poisson(nib_draws *draws, double mean)
{
    double limit = exp(-mean), product = nib_draws_uniform(draws);
    int count = 0;
    for (; product > limit; count++)
        product *= nib_draws_uniform(draws);
    return count;
}

double nib_draws_resonance(nib_draws *draws, double mass, double width)
{
    const double edge = atan(20); /* 10 full widths */
    return mass + 0.5 * width * tan(nib_draws_between(draws, -edge, edge));
}
