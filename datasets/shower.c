#include "datasets/shower.h"

#include <math.h>

enum { PARTONS = 128 }; /* on the stack of one shower; the depth stays far below */

static const double PI = 3.14159265358979323846;
static const double CF = 4.0 / 3.0, CA = 3, TR = 0.5, FLAVOURS = 5;
static const double LAMBDA = 0.09; /* GeV: alpha_s(m_Z) = 0.118 at one loop */

void nib_jet_add(nib_jet *jet, nib_particle particle)
{
    if (jet->count < NIB_JET_PARTICLES) {
        jet->particle[jet->count++] = particle;
        return;
    }
    nib_particle *last = &jet->particle[NIB_JET_PARTICLES - 1];
    double share = particle.pt / (particle.pt + last->pt);
    last->pt += particle.pt;
    last->eta += share * (particle.eta - last->eta);
    last->phi += share * (particle.phi - last->phi);
}

/** alpha_s(k) / pi at one loop. */
static double coupling(const nib_shower_options *options, double k)
{
    const double b0 = (33 - 2 * FLAVOURS) / (12 * PI);
    return options->coupling / (PI * b0 * 2 * log(k / LAMBDA));
}

/** Give off fractions z of what is left, density (1 + n) (1 - z)^n, until that is a particle itself. A gluon
 *  pulls two strings and breaks into more and softer particles. */
static void fragment(nib_draws *draws, const nib_shower_options *options, const nib_parton *parton,
                     nib_jet *jet)
{
    const double power = 1 / (1 + (parton->gluon ? options->gluon_softness : options->quark_softness));
    double left = parton->at.pt;
    while (left > options->hadron_pt) {
        double rest = left * pow(nib_draws_uniform(draws), power), pt = left - rest;
        left = rest;
        if (pt < 0.05) /* too soft to be seen, and its angle would be no small one */
            continue;
        double scale = options->hadron_kick / pt;
        scale = scale < 0.3 ? scale : 0.3;
        nib_jet_add(jet, (nib_particle){pt, parton->at.eta + scale * nib_draws_normal(draws),
                                        parton->at.phi + scale * nib_draws_normal(draws)});
    }
    nib_jet_add(jet, (nib_particle){left, parton->at.eta, parton->at.phi});
}

/** One kind of branching that was drawn. */
typedef struct branching {
    double angle, z;
    bool to_quarks;
} branching;

/** Draw the next branching of a parton by the veto algorithm. @return false: there is none above the cut-off
 */
static bool next_branching(nib_draws *draws, const nib_shower_options *options, const nib_parton *parton,
                           branching *next)
{
    const double colour = parton->gluon ? CA : CF;
    const double most = coupling(options, options->cutoff);
    double angle = parton->angle;
    double depth =
        log(parton->at.pt * angle / options->cutoff); /* ln(1 / smallest z), at the largest angle */
    if (depth <= 0)
        return false;
    double rate = 2 * colour * most * depth; /* trials per unit of ln theta */
    for (;;) {
        angle *= exp(-nib_draws_exponential(draws) / rate);
        double z = exp(-depth * nib_draws_uniform(draws)); /* density 1 / z */
        double other = 1 - z, k = (z < other ? z : other) * angle * parton->at.pt;
        if (parton->at.pt * angle * 0.5 < options->cutoff)
            return false;
        double draw = nib_draws_uniform(draws);
        if (k < options->cutoff)
            continue;
        double running = coupling(options, k) / most;
        double radiate, split = 0; /* P(z) against the overestimate 2 C / z */
        if (parton->gluon) {
            radiate = other * (1 + 0.5 * z * z);
            split = TR * FLAVOURS * (z * z + other * other) * z / (2 * CA);
        } else {
            radiate = 0.5 * (1 + other * other);
        }
        if (draw >= running * (radiate + split))
            continue;
        *next = (branching){angle, z, draw >= running * radiate};
        return true;
    }
}

void nib_shower_run(nib_draws *draws, const nib_shower_options *options, nib_parton parton, nib_jet *jet)
{
    nib_parton stack[PARTONS];
    int depth = 0;
    stack[depth++] = parton;
    while (depth > 0) {
        nib_parton *top = &stack[depth - 1];
        branching b;
        if (depth == PARTONS || !next_branching(draws, options, top, &b)) {
            fragment(draws, options, top, jet);
            depth--;
            continue;
        }
        double azimuth = nib_draws_between(draws, 0, 2 * PI);
        double x = b.angle * cos(azimuth), y = b.angle * sin(azimuth), other = 1 - b.z;
        nib_particle at = top->at;
        bool quark = !top->gluon;
        *top = (nib_parton){
            {at.pt * other, at.eta - b.z * x, at.phi - b.z * y}, b.angle, !quark && !b.to_quarks};
        stack[depth++] =
            (nib_parton){{at.pt * b.z, at.eta + other * x, at.phi + other * y}, b.angle, !b.to_quarks};
    }
}
