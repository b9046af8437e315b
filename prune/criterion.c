#include "prune/criterion.h"

#include <string.h>

#define NIB_PRUNE_CRITERION(name) extern const nib_prune_criterion nib_prune_criterion_##name;
#include "prune/criteria.def"
#undef NIB_PRUNE_CRITERION

#define NIB_PRUNE_CRITERION(name) &nib_prune_criterion_##name,
const nib_prune_criterion *const nib_prune_criteria[] = {
#include "prune/criteria.def"
};
#undef NIB_PRUNE_CRITERION
const int nib_prune_criteria_count = (int)(sizeof nib_prune_criteria / sizeof nib_prune_criteria[0]);

const nib_prune_criterion *nib_prune_criterion_find(const char *name)
{
    for (int i = 0; i < nib_prune_criteria_count; i++)
        if (strcmp(nib_prune_criteria[i]->name, name) == 0)
            return nib_prune_criteria[i];
    return NULL;
}

int64_t nib_prune_weights(const void *options, const nib_prune_tensor *t)
{
    (void)options;
    return t->rows * t->cols;
}
