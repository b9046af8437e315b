#include "datasets/detector.h"

#include <math.h>
#include <stdlib.h>

#include "datasets/clustering.h"

static const double PI = 3.14159265358979323846;

static int harder_first(const void *a, const void *b)
{
    double x = ((const nib_particle *)a)->pt, y = ((const nib_particle *)b)->pt;
    return (x < y) - (x > y);
}

/** Particles that have nothing to do with the jet: uniform over a disc about the origin, exponential in pT.
 */
static void add_noise(nib_draws *draws, const nib_detector_options *options, nib_jet *jet)
{
    for (int left = nib_draws_poisson(draws, options->noise); left > 0; left--) {
        double r = options->radius * sqrt(nib_draws_uniform(draws));
        double azimuth = nib_draws_between(draws, 0, 2 * PI);
        double pt = options->threshold + nib_draws_exponential(draws);
        nib_jet_add(jet, (nib_particle){pt, r * cos(azimuth), r * sin(azimuth)});
    }
}

void nib_detector_run(nib_draws *draws, const nib_detector_options *options, nib_jet *jet)
{
    int seen = 0;
    for (int i = 0; i < jet->count; i++) {
        nib_particle p = jet->particle[i];
        p.pt *= 1 + options->smear_pt * nib_draws_normal(draws);
        p.eta += options->smear_angle * nib_draws_normal(draws);
        p.phi += options->smear_angle * nib_draws_normal(draws);
        if (p.pt > options->threshold)
            jet->particle[seen++] = p;
    }
    jet->count = seen;
    add_noise(draws, options, jet);

    nib_momentum sum = {0, 0, 0, 0};
    for (int i = 0; i < jet->count; i++) {
        const nib_particle *p = &jet->particle[i];
        sum = nib_momentum_add(sum, nib_momentum_massless(p->pt, p->eta, p->phi));
    }
    if (jet->count == 0)
        return;
    double eta = nib_momentum_rapidity(sum), phi = nib_momentum_phi(sum);
    seen = 0;
    for (int i = 0; i < jet->count; i++) {
        nib_particle p = jet->particle[i];
        p.eta -= eta;
        p.phi = remainder(p.phi - phi, 2 * PI);
        if (p.eta * p.eta + p.phi * p.phi < options->radius * options->radius)
            jet->particle[seen++] = p;
    }
    jet->count = seen;
    qsort(jet->particle, (size_t)seen, sizeof *jet->particle, harder_first);
}
