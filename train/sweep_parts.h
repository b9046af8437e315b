/** Parts of reading a sweep. Not for other modules. */
#ifndef NIB_TRAIN_SWEEP_PARTS_H
#define NIB_TRAIN_SWEEP_PARTS_H

#include "train/sweep.h"

/** What a study is read from beside its own map. */
typedef struct nib_sweep_source {
    nib_arena *arena;
    nib_sweep *sweep;
    const char *const *sets; /**< of the command line */
    int n_sets;
    const nib_doc *common; /**< `set` of the sweep, or NULL */
} nib_sweep_source;

/** Read a study and append it to sweep->study, which has room. */
NIB_MUST_USE nib_status nib_sweep_add_study(const nib_sweep_source *source, const char *name,
                                            const nib_doc *map, const nib_doc_place *place, nib_error *err);

/** Points and trials of all studies. */
NIB_MUST_USE nib_status nib_sweep_make_trials(nib_sweep *sweep, nib_error *err);

/** A value as one line of flow YAML, as --set takes it. In the arena; NULL when out of memory. */
const char *nib_sweep_flow(nib_arena *arena, const nib_doc *value);

#endif
