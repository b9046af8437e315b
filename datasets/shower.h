/** A parton shower and a fragmentation, both toys, but with the colour factors and scales of QCD.
 *
 *  Branchings of a quark or gluon are ordered in angle: from the opening angle down to where the transverse
 *  momentum k = min(z, 1 - z) theta pT of a branching would fall below a cut-off,
 *      dP = alpha_s(k) / pi  P(z) dz  dtheta / theta,
 *  with the one-loop coupling (five flavours), P = CF (1 + (1-z)^2) / z for q -> q g,
 *  2 CA ((1-z)/z + z (1-z) / 2) for g -> g g and TR nf (z^2 + (1-z)^2) for g -> q qbar, by the veto
 * algorithm. Both daughters go on below the angle at which they parted (coherence). Each parton that is left
 * breaks into particles: it gives off fractions of its momentum, each with a transverse kick of a few hundred
 * MeV.
 *
 *  Angles are small: directions are points of the (eta, phi) plane, and transverse momentum is kept in it.
 *  Sources: Ellis, Stirling, Webber, QCD and Collider Physics, chapter 5; Marchesini, Webber, Nucl. Phys. B
 * 238 (1984) 1 (angular ordering); Field, Feynman, Nucl. Phys. B 136 (1978) 1 (independent fragmentation).
 */
#ifndef NIB_DATASETS_SHOWER_H
#define NIB_DATASETS_SHOWER_H

#include <stdbool.h>

#include "datasets/draws.h"

/** A massless particle or parton. pT in GeV. */
typedef struct nib_particle {
    double pt, eta, phi;
} nib_particle;

typedef struct nib_parton {
    nib_particle at;
    double angle; /**< its branchings are below it */
    bool gluon;
} nib_parton;

typedef struct nib_shower_options {
    double coupling;  /**< factor on alpha_s */
    double cutoff;    /**< transverse momentum where branching ends [GeV] */
    double hadron_pt; /**< a parton below it is a particle [GeV] */
    double quark_softness,
        gluon_softness; /**< n of the density (1 - z)^n of the fractions a parton gives off */
    double hadron_kick; /**< transverse momentum of fragmentation, width per direction [GeV] */
} nib_shower_options;

/** The particles of one jet as they are made. What exceeds the capacity is given to the last one. */
enum { NIB_JET_PARTICLES = 512 };
typedef struct nib_jet {
    int count;
    nib_particle particle[NIB_JET_PARTICLES];
} nib_jet;

/** Append a particle. */
void nib_jet_add(nib_jet *jet, nib_particle particle);

/** Shower and fragment one parton and append what comes out. */
void nib_shower_run(nib_draws *draws, const nib_shower_options *options, nib_parton parton, nib_jet *jet);

#endif
