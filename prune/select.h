/** Which of n scored things are kept. */
#ifndef NIB_PRUNE_SELECT_H
#define NIB_PRUNE_SELECT_H

#include <stdbool.h>
#include <stdint.h>

/** How many of `size` are kept at a sparsity: round-half-even(size (1 - sparsity)), at least 1.
 *  @param tfmot  count in float as TFMOT 0.8.1: 10 at 0.85 gives 1, in double 2 */
int64_t nib_prune_kept(int64_t size, double sparsity, bool tfmot);

/** Keep the k largest. Among equal scores the lower index comes first.
 *  @param score  [n], no NaN   @param order  [n] scratch   @param keep  [n] receives 1 or 0
 *  1 <= k; k >= n keeps all. Allocates nothing. */
void nib_prune_select(const float *score, int64_t n, int64_t k, int32_t *order, uint8_t *keep);

/** Keep all that is not smaller than the k-th largest: more than k where scores are equal, everything where
 *  that one is 0. TFMOT 0.8.1, _update_mask. */
void nib_prune_select_ties(const float *score, int64_t n, int64_t k, int32_t *order, uint8_t *keep);

#endif
