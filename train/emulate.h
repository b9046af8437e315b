/** Running a fixed-point network on many rows: the integer engine on the threads of a team. */
#ifndef NIB_TRAIN_EMULATE_H
#define NIB_TRAIN_EMULATE_H

#include "core/team.h"
#include "quant/engine.h"

typedef struct nib_emulator nib_emulator;

/** @param net, team  must outlive it; one engine is made for each thread
 *  Errors: NIB_ERR_MEMORY, and what nib_engine_create refuses. */
NIB_MUST_USE nib_status nib_emulator_create(nib_emulator **emulator, const nib_fixnet *net, nib_team *team,
                                            nib_error *err);
void nib_emulator_destroy(nib_emulator *emulator);

/** Run all rows. Allocates nothing; the result does not depend on the number of threads.
 *  @param inputs  [n_inputs] preprocessed floats [rows, positions * features]
 *  @param codes   [n_outputs] each NULL or [rows, positions * features]; NULL: none
 *  @param values  [n_outputs] the same as numbers, rounded to float; NULL: none */
void nib_emulator_run(nib_emulator *emulator, const float *const *inputs, int64_t rows, int64_t *const *codes,
                      float *const *values);

#endif
