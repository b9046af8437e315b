#include "prune/mask.h"

#include <float.h>

#include "prune/select.h"

nib_status nib_prune_scratch_create(nib_arena *arena, int64_t units, nib_prune_scratch *s, nib_error *err)
{
    *s = (nib_prune_scratch){.units = units,
                             .score = NIB_NEW(arena, float, units + 1),
                             .order = NIB_NEW(arena, int32_t, units + 1),
                             .keep = NIB_NEW(arena, uint8_t, units + 1)};
    return s->score && s->order && s->keep ? NIB_OK : nib_fail_memory(err, "masks");
}

int64_t nib_prune_count(const nib_prune_tensor *t)
{
    int64_t kept = 0;
    for (int64_t r = 0; r < t->rows; r++)
        for (int64_t c = 0; c < t->cols; c++)
            kept += t->mask[r * t->stride + c] != 0.0f;
    return kept;
}

static int64_t unit_at(const nib_prune_criterion *criterion, const void *options, const nib_prune_tensor *t,
                       int64_t row, int64_t col)
{
    return criterion->unit_of ? criterion->unit_of(options, t, row, col) : row * t->cols + col;
}

/* keep = 1 for units with a kept weight. @return how many are left */
static int64_t find_left(const nib_prune_criterion *criterion, const void *options, const nib_prune_tensor *t,
                         int64_t units, nib_prune_scratch *s)
{
    int64_t left = 0;
    for (int64_t i = 0; i < units; i++)
        s->keep[i] = 0;
    for (int64_t r = 0; r < t->rows; r++)
        for (int64_t c = 0; c < t->cols; c++)
            if (t->mask[r * t->stride + c] != 0.0f)
                s->keep[unit_at(criterion, options, t, r, c)] = 1;
    for (int64_t i = 0; i < units; i++)
        left += s->keep[i];
    return left;
}

/* Units that are pruned already get -1, below every score. */
static void mark_pruned(const nib_prune_scratch *s, int64_t units)
{
    for (int64_t i = 0; i < units; i++)
        s->score[i] = s->keep[i] ? s->score[i] : -1.0f;
}

static bool write_mask(const nib_prune_criterion *criterion, const void *options, nib_prune_tensor *t,
                       bool tfmot, const uint8_t *keep)
{
    bool changed = false;
    for (int64_t r = 0; r < t->rows; r++)
        for (int64_t c = 0; c < t->cols; c++) {
            float *mask = &t->mask[r * t->stride + c];
            const bool may = tfmot || *mask != 0.0f;
            const float made = may && keep[unit_at(criterion, options, t, r, c)] ? 1.0f : 0.0f;
            changed = changed || made != *mask;
            *mask = made;
        }
    return changed;
}

bool nib_prune_mask(const nib_prune_criterion *criterion, const void *options, nib_prune_tensor *t,
                    double sparsity, const nib_prune_rule *rule, nib_prune_scratch *s)
{
    const int64_t units = criterion->units(options, t);
    const int64_t kept = nib_prune_kept(units, sparsity, rule->tfmot);
    if (!rule->tfmot && find_left(criterion, options, t, units, s) <= kept && !criterion->choose)
        return false;
    criterion->score(options, t, rule, s->score);
    if (!rule->tfmot)
        mark_pruned(s, units);
    if (criterion->choose)
        criterion->choose(options, t, rule, sparsity, s->score, s->order, s->keep);
    else if (rule->keep_ties)
        nib_prune_select_ties(s->score, units, kept, s->order, s->keep);
    else
        nib_prune_select(s->score, units, kept, s->order, s->keep);
    return write_mask(criterion, options, t, rule->tfmot, s->keep);
}

/* Raise the best weight of a tensor above all scores, so that the tensor is not emptied. */
static void protect_best(float *score, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        best = score[i] > score[best] ? i : best;
    if (score[best] >= 0)
        score[best] = FLT_MAX;
}

bool nib_prune_mask_global(const nib_prune_criterion *criterion, const void *options,
                           nib_prune_tensor *tensors, int n, double sparsity, const nib_prune_rule *rule,
                           nib_prune_scratch *s)
{
    int64_t all = 0, left = 0;
    for (int i = 0; i < n; i++) {
        const int64_t units = criterion->units(options, &tensors[i]);
        nib_prune_scratch part = {units, s->score + all, s->order + all, s->keep + all};
        left += rule->tfmot ? units : find_left(criterion, options, &tensors[i], units, &part);
        criterion->score(options, &tensors[i], rule, part.score);
        if (!rule->tfmot)
            mark_pruned(&part, units);
        protect_best(part.score, units);
        all += units;
    }
    int64_t kept = nib_prune_kept(all, sparsity, rule->tfmot);
    kept = kept < n ? n : kept;
    if (!rule->tfmot && left <= kept)
        return false;
    if (rule->keep_ties)
        nib_prune_select_ties(s->score, all, kept, s->order, s->keep);
    else
        nib_prune_select(s->score, all, kept, s->order, s->keep);
    bool changed = false;
    all = 0;
    for (int i = 0; i < n; i++) {
        changed = write_mask(criterion, options, &tensors[i], rule->tfmot, s->keep + all) || changed;
        all += criterion->units(options, &tensors[i]);
    }
    return changed;
}
