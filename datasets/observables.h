/** The 16 observables of the hls4ml jet set, from a jet's constituents.
 *
 *  The constituents (massless) are clustered with Cambridge/Aachen and groomed with mMDT, zcut 0.1
 *  (datasets/clustering.h). With z_i = pT_i / sum of the groomed pT, R_ij the distance in (eta, phi), sums
 * over the groomed constituents, their pairs and triples: zlogz = sum z ln z          multiplicity = how many
 * mass = of their sum [GeV] e2(b) = sum z z R^b         e3(b) = sum z z z (R R R)^b C1(b) = e2(b) C2(b) =
 * e3(b) / e2(b)^2          D2(b) = e3(b) / e2(b)^3 D2(1,b) = e3(1) / e2(b)^(3/b) M2(b) = sum z z z (smallest
 * R)^b / e2(b) N2(b) = sum z z z (product of the two smallest R)^b / e2(b)^2 and 0/0 = 0. Apart from the mass
 * all are without unit. Sources: Larkoski, Salam, Thaler, JHEP 06 (2013) 108 (C); Larkoski, Moult, Neill,
 * JHEP 12 (2014) 009 (D); Moult, Necib, Thaler, JHEP 12 (2016) 153 (M, N); Coleman et al., JINST 13 (2018)
 * T01003 (the set).
 */
#ifndef NIB_DATASETS_OBSERVABLES_H
#define NIB_DATASETS_OBSERVABLES_H

#include <stdint.h>

#include "core/arena.h"

typedef enum nib_observable {
    NIB_OBSERVABLE_ZLOGZ,
    NIB_OBSERVABLE_C1_B0,
    NIB_OBSERVABLE_C1_B1,
    NIB_OBSERVABLE_C1_B2,
    NIB_OBSERVABLE_C2_B1,
    NIB_OBSERVABLE_C2_B2,
    NIB_OBSERVABLE_D2_B1,
    NIB_OBSERVABLE_D2_B2,
    NIB_OBSERVABLE_D2_A1_B1,
    NIB_OBSERVABLE_D2_A1_B2,
    NIB_OBSERVABLE_M2_B1,
    NIB_OBSERVABLE_M2_B2,
    NIB_OBSERVABLE_N2_B1,
    NIB_OBSERVABLE_N2_B2,
    NIB_OBSERVABLE_MASS,
    NIB_OBSERVABLE_MULTIPLICITY,
    NIB_OBSERVABLES
} nib_observable;

/** Names as the hls4ml jet set has them: "zlogz", "c1_b0_mmdt", ... */
extern const char *const nib_observable_names[NIB_OBSERVABLES];

/** Constituents: pT [GeV], delta eta, delta phi [rad]. */
enum { NIB_CONSTITUENT_FEATURES = 3, NIB_CONSTITUENTS_MAX = 1024 };
extern const char *const nib_constituent_names[NIB_CONSTITUENT_FEATURES];

/** Work space for one thread. */
typedef struct nib_observables_work nib_observables_work;

/** @param constituents  the most that a jet may have, at most NIB_CONSTITUENTS_MAX
 *  @return in the arena; NULL when out of memory */
nib_observables_work *nib_observables_work_create(nib_arena *arena, int constituents);

/** The observables of one jet.
 *  @param x    [rows, 3] constituents {pT, eta, phi} in any order, eta and phi from any common origin. Rows
 * with pT <= 0 are padding. All numbers finite, |eta| < 300.
 *  @param out  [NIB_OBSERVABLES]; all 0 for a jet without constituents */
void nib_observables_compute(nib_observables_work *work, const float *x, int64_t rows, float *out);

#endif
