/** Help for mistyped names. */
#ifndef NIB_CORE_NAMES_H
#define NIB_CORE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/** The candidate nearest to `name` by edit distance (transpositions count one), or NULL if none is near
 * enough (distance <= 1 + length / 3). Candidates are matched case-insensitively. Ties: the first. */
const char *nib_names_nearest(const char *name, const char *const *candidates, size_t n);

/** True for [A-Za-z_][A-Za-z0-9_]*. */
bool nib_names_is_identifier(const char *name);

#endif
