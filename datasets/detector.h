/** What a detector and a jet algorithm make of the particles of a jet. */
#ifndef NIB_DATASETS_DETECTOR_H
#define NIB_DATASETS_DETECTOR_H

#include "datasets/shower.h"

typedef struct nib_detector_options {
    double smear_pt;    /**< relative resolution of pT */
    double smear_angle; /**< resolution of eta and phi */
    double threshold;   /**< particles below it are not seen [GeV] */
    double noise;       /**< mean number of particles of other collisions in the cone */
    double radius;      /**< of the jet */
} nib_detector_options;

/** Smear, add noise, find the axis, and keep what is seen within the radius of it, hardest first, eta and phi
 *  from the axis. */
void nib_detector_run(nib_draws *draws, const nib_detector_options *options, nib_jet *jet);

#endif
