/** Generators: embedded sources of data that need no file. Each is one .c file ending in one `const
 * nib_generator`, listed in datasets/generators.def. */
#ifndef NIB_DATASETS_GENERATOR_H
#define NIB_DATASETS_GENERATOR_H

#include "core/options.h"
#include "core/team.h"
#include "datasets/raw.h"

typedef struct nib_generator {
    const char *name, *help, *source;
    nib_option_table options; /**< without n and seed, which every generator has */
    /** Make `rows` rows. Row i depends on (seed, i, options) alone, not on rows or threads.
     *  @param team  NULL: this thread only.  Arrays live in the arena. */
    nib_status (*generate)(nib_arena *arena, const void *options, uint64_t seed, int64_t rows, nib_team *team,
                           nib_raw *out, nib_error *err);
} nib_generator;

extern const nib_generator *const nib_generators[];
extern const int nib_generators_count;
const nib_generator *nib_generator_find(const char *name);

#endif
