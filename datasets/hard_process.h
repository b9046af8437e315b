/** What a jet of each class starts from: one parton, or the decay of a heavy particle into two or three, each
 * of which showers (datasets/shower.h). */
#ifndef NIB_DATASETS_HARD_PROCESS_H
#define NIB_DATASETS_HARD_PROCESS_H

#include "datasets/shower.h"

/** In the order of the hls4ml jet set. */
typedef enum nib_jet_class {
    NIB_JET_GLUON,
    NIB_JET_QUARK,
    NIB_JET_W,
    NIB_JET_Z,
    NIB_JET_TOP,
    NIB_JET_CLASSES
} nib_jet_class;

/** "g", "q", "w", "z", "t". */
extern const char *const nib_jet_class_names[NIB_JET_CLASSES];

/** Make the particles of one jet around (eta, phi) = (0, 0).
 *
 *  W and Z decay into two quarks, t into b W, with Breit-Wigner masses around 80.4, 91.2 and 172.5 GeV, and
 * are boosted to `pt`. W and Z are longitudinally polarised, as from the decay of a heavy resonance; t and
 * the W in it decay isotropically. Quarks of a W or Z radiate below their opening angle alone (the pair has
 * no colour); the b below its angle to the W. Radiation gives each quark a mass, so afterwards angles are
 * scaled about the axis of the W, Z or t until its mass is what was drawn.
 *  @param pt      of the parton or heavy particle [GeV]
 *  @param opening_angle  gluon and quark jets radiate below it: the angle to their partner in colour
 *  @param jet     is emptied first */
void nib_hard_process_run(nib_draws *draws, const nib_shower_options *options, nib_jet_class class_,
                          double pt, double opening_angle, nib_jet *jet);

#endif
