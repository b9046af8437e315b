/** Random fixnets over all kinds, modes and forms of types: what the engine and the files are tested on. */
#ifndef NIB_TESTS_RANDOM_NET_H
#define NIB_TESTS_RANDOM_NET_H

#include "quant/fixnet.h"

typedef struct random_source {
    uint64_t state;
} random_source;

uint64_t random_bits(random_source *source);
/** low to high, both possible. */
int64_t random_between(random_source *source, int64_t low, int64_t high);

/** A net that passes nib_fixnet_check. In the arena. */
const nib_fixnet *random_net(random_source *source, nib_arena *arena);

/** [rows, elements of the input] floats: most within the type's range, some far outside, ties, zeros, NaN. */
float *random_rows(random_source *source, nib_arena *arena, const nib_fix_node *input, int64_t rows);

#endif
