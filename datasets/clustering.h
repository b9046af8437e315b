/** Cambridge/Aachen clustering of a jet's constituents and mMDT grooming.
 *
 *  All constituents of the jet go into one history: the two objects nearest in (rapidity, phi) are merged by
 *  adding their four-momenta (E-scheme) until one is left. Constituents are massless, so their rapidity is
 *  their pseudorapidity and everything here depends on differences of it alone: eta may be measured from the
 *  beam or from the jet axis. Nearest-neighbour lists keep a jet of n constituents at O(n^2).
 *
 *  Sources: Dokshitzer et al., JHEP 08 (1997) 001 (Cambridge/Aachen); Dasgupta et al., JHEP 09 (2013) 029
 *  (modified mass-drop tagger); Cacciari, Salam, Phys. Lett. B 641 (2006) 57 (nearest-neighbour lists).
 */
#ifndef NIB_DATASETS_CLUSTERING_H
#define NIB_DATASETS_CLUSTERING_H

#include "core/arena.h"

/** A four-momentum in light-cone components, plus = E + pz and minus = E - pz: rapidity is
 *  log(plus / minus) / 2 without the cancellation of E - pz. Units: GeV. */
typedef struct nib_momentum {
    double px, py, plus, minus;
} nib_momentum;

/** A massless momentum from pT [GeV], pseudorapidity and azimuth [rad]. */
nib_momentum nib_momentum_massless(double pt, double eta, double phi);
nib_momentum nib_momentum_add(nib_momentum a, nib_momentum b);
double nib_momentum_pt(nib_momentum p);
double nib_momentum_rapidity(nib_momentum p);
double nib_momentum_phi(nib_momentum p);  /**< in [-pi, pi] */
double nib_momentum_mass(nib_momentum p); /**< 0 where rounding makes the square negative */

/** One clustering and its work space. Nodes 0..n-1 are the constituents in the order they were added; node
 *  n + s is what step s made of child[s][0] and child[s][1]; node 2n - 2 is the jet. */
typedef struct nib_clustering {
    int capacity;
    int n;              /**< constituents */
    nib_momentum *node; /**< [2 capacity] */
    int (*child)[2];    /**< [capacity] by step */
    double *rapidity;   /**< [capacity] of the objects still there, as the arrays below */
    double *phi;
    double *distance; /**< squared distance to the nearest neighbour */
    int *neighbour;   /**< place of the nearest neighbour */
    int *id;          /**< node at this place */
    double *scratch;  /**< squared distances of one object to all */
    double *fresh;    /**< the same of the object just made */
    int *stack;       /**< [2 capacity] for walks through the history */
} nib_clustering;

/** @return work space for jets of up to `capacity` constituents, in the arena; NULL when out of memory. */
nib_clustering *nib_clustering_create(nib_arena *arena, int capacity);

/** Start a new jet. */
void nib_clustering_clear(nib_clustering *clustering);

/** Add a massless constituent: pt > 0 [GeV], |eta| < 300, phi [rad]. At most `capacity` of them. */
void nib_clustering_add(nib_clustering *clustering, double pt, double eta, double phi);

/** Cluster what was added (at least one constituent). */
void nib_clustering_run(nib_clustering *clustering);

/** mMDT: from the jet downwards, drop the softer branch while min(pT1, pT2) / (pT1 + pT2) < zcut.
 *  @return the node where it stops: the first split that passes, or the one constituent that is left */
int nib_clustering_groom(const nib_clustering *clustering, double zcut);

/** The constituents below `node`, in the order of the history.
 *  @param leaf  [n] output  @return how many */
int nib_clustering_leaves(nib_clustering *clustering, int node, int *leaf);

#endif
