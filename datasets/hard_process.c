#include "datasets/hard_process.h"

#include <math.h>

#include "datasets/clustering.h"

static const double PI = 3.14159265358979323846;
static const double W_MASS = 80.4, W_WIDTH = 2.1, Z_MASS = 91.2, Z_WIDTH = 2.5; /* GeV */
static const double TOP_MASS = 172.5, TOP_WIDTH = 1.4, B_MASS = 4.7;
static const double LONGITUDINAL_FROM_TOP = 0.7; /* share of the W from t -> b W */
static const double B_ANALYSING_POWER = 0.4;     /* of the b about the flight of a left-handed top */

const char *const nib_jet_class_names[NIB_JET_CLASSES] = {"g", "q", "w", "z", "t"};

typedef struct vector4 {
    double e, x, y, z;
} vector4;

/** p as seen from where `frame` [mass m], at rest there, moves as given. */
static vector4 boost(vector4 p, vector4 frame, double m)
{
    double along = p.x * frame.x + p.y * frame.y + p.z * frame.z;
    double e = (p.e * frame.e + along) / m;
    double share = (p.e + e) / (frame.e + m);
    return (vector4){e, p.x + share * frame.x, p.y + share * frame.y, p.z + share * frame.z};
}

/** Decay of `parent` [mass m] into masses m1, m2. In the rest frame the first goes at an angle with this
 * cosine to the direction in which the parent flies, at a random azimuth about it. */
static void decay(nib_draws *draws, vector4 parent, double m, double m1, double m2, double cosine,
                  vector4 *first, vector4 *second)
{
    double total = m1 + m2, difference = m1 - m2;
    double p = sqrt((m * m - total * total) * (m * m - difference * difference)) / (2 * m);
    double along = p * cosine, across = p * sqrt(1 - cosine * cosine);
    double azimuth = nib_draws_between(draws, 0, 2 * PI);
    /* Unit vectors: n along the flight, u and v across it. */
    double flight = sqrt(parent.x * parent.x + parent.y * parent.y + parent.z * parent.z);
    double nx = parent.x / flight, ny = parent.y / flight, nz = parent.z / flight, level = hypot(nx, ny);
    double a = across * cos(azimuth), b = across * sin(azimuth);
    double x = along * nx - (a * ny + b * nx * nz) / level;
    double y = along * ny + (a * nx - b * ny * nz) / level;
    double z = along * nz + b * level;
    *first = boost((vector4){sqrt(p * p + m1 * m1), x, y, z}, parent, m);
    *second = boost((vector4){sqrt(p * p + m2 * m2), -x, -y, -z}, parent, m);
}

/** Cosine of the decay angle of a W or Z of which a share is longitudinally polarised, density 3/4 (1 - c^2),
 * the rest transversely, 3/8 (1 + c^2) (nobody tells the quarks apart). */
static double polarised(nib_draws *draws, double longitudinal)
{
    bool across = nib_draws_uniform(draws) < longitudinal;
    for (;;) {
        double cosine = nib_draws_between(draws, -1, 1), square = cosine * cosine;
        if (nib_draws_uniform(draws) < (across ? 1 - square : 0.5 * (1 + square)))
            return cosine;
    }
}

/** Direction and pT; the mass is dropped. The jet flies along x. */
static nib_particle direction(vector4 p)
{
    double pt = sqrt(p.x * p.x + p.y * p.y);
    return (nib_particle){pt, asinh(p.z / pt), atan2(p.y, p.x)};
}

static double angle_between(nib_particle a, nib_particle b)
{
    double dphi = fabs(a.phi - b.phi);
    dphi = dphi > PI ? 2 * PI - dphi : dphi;
    return hypot(a.eta - b.eta, dphi);
}

/** Scale the angles of the particles from `first` on, about their common axis, until their mass is `mass`. */
static void restore_mass(nib_jet *jet, int first, double mass)
{
    nib_momentum sum = {0, 0, 0, 0};
    for (int i = first; i < jet->count; i++) {
        const nib_particle *p = &jet->particle[i];
        sum = nib_momentum_add(sum, nib_momentum_massless(p->pt, p->eta, p->phi));
    }
    double now = nib_momentum_mass(sum);
    if (!(now > 0))
        return;
    double eta = nib_momentum_rapidity(sum), phi = nib_momentum_phi(sum), scale = mass / now;
    for (int i = first; i < jet->count; i++) {
        nib_particle *p = &jet->particle[i];
        p->eta = eta + scale * (p->eta - eta);
        p->phi = phi + scale * remainder(p->phi - phi, 2 * PI);
    }
}

/** Cosine of density (1 + slope c) / 2. */
static double forward(nib_draws *draws, double slope)
{
    for (;;) {
        double cosine = nib_draws_between(draws, -1, 1);
        if (nib_draws_uniform(draws) * (1 + slope) < 1 + slope * cosine)
            return cosine;
    }
}

/** Shower the two quarks of a W or Z. */
static void shower_pair(nib_draws *draws, const nib_shower_options *options, vector4 one, vector4 two,
                        double mass, nib_jet *jet)
{
    int first = jet->count;
    nib_particle a = direction(one), b = direction(two);
    double angle = angle_between(a, b);
    nib_shower_run(draws, options, (nib_parton){a, angle, false}, jet);
    nib_shower_run(draws, options, (nib_parton){b, angle, false}, jet);
    restore_mass(jet, first, mass);
}

static void boson(nib_draws *draws, const nib_shower_options *options, double pt, double mass, nib_jet *jet)
{
    vector4 parent = {sqrt(pt * pt + mass * mass), pt, 0, 0}, one, two;
    decay(draws, parent, mass, 0, 0, polarised(draws, 1), &one, &two);
    shower_pair(draws, options, one, two, mass, jet);
}

static void top(nib_draws *draws, const nib_shower_options *options, double pt, double mass, nib_jet *jet)
{
    vector4 parent = {sqrt(pt * pt + mass * mass), pt, 0, 0}, b, w, one, two;
    double w_mass = nib_draws_resonance(draws, W_MASS, W_WIDTH);
    /* The W is decayed where the top rests, for its polarisation is about its flight there. The top at rest
     * is given a direction by a momentum that is nothing beside its mass. */
    vector4 rest = {mass, 1e-9 * mass, 0, 0};
    decay(draws, rest, mass, B_MASS, w_mass, forward(draws, B_ANALYSING_POWER), &b, &w);
    decay(draws, w, w_mass, 0, 0, polarised(draws, LONGITUDINAL_FROM_TOP), &one, &two);
    b = boost(b, parent, mass);
    w = boost(w, parent, mass);
    nib_particle quark = direction(b);
    double angle = angle_between(quark, direction(w));
    nib_shower_run(draws, options, (nib_parton){quark, angle, false}, jet);
    shower_pair(draws, options, boost(one, parent, mass), boost(two, parent, mass), w_mass, jet);
    restore_mass(jet, 0, mass);
}

void nib_hard_process_run(nib_draws *draws, const nib_shower_options *options, nib_jet_class class_,
                          double pt, double opening_angle, nib_jet *jet)
{
    jet->count = 0;
    switch (class_) {
    case NIB_JET_W:
        boson(draws, options, pt, nib_draws_resonance(draws, W_MASS, W_WIDTH), jet);
        break;
    case NIB_JET_Z:
        boson(draws, options, pt, nib_draws_resonance(draws, Z_MASS, Z_WIDTH), jet);
        break;
    case NIB_JET_TOP:
        top(draws, options, pt, nib_draws_resonance(draws, TOP_MASS, TOP_WIDTH), jet);
        break;
    default: /* a gluon or a light quark */
        nib_shower_run(draws, options, (nib_parton){{pt, 0, 0}, opening_angle, class_ == NIB_JET_GLUON}, jet);
    }
}
