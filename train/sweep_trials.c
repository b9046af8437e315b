/* From studies to points and trials. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/rng.h"
#include "train/sweep_parts.h"

/* Points of a study per point of its parent. */
static int64_t own_points(const nib_sweep_study *s, int64_t limit)
{
    int64_t n = 1;
    if (s->search == NIB_SWEEP_RANDOM)
        return s->draws;
    for (int i = 0; i < s->n_axes; i++) {
        if (s->axis[i].n_values > limit / n)
            return limit + 1;
        n *= s->axis[i].n_values;
    }
    return n;
}

static nib_status count_trials(nib_sweep *sweep, nib_error *err)
{
    int64_t points = 0;
    const int64_t most = (int64_t)1 << 40;
    for (int i = 0; i < sweep->n_studies; i++) {
        nib_sweep_study *s = &sweep->study[i];
        const int64_t parents = s->from >= 0 ? sweep->study[s->from].n_points : 1;
        const int64_t own = own_points(s, most);
        s->n_points = own > most / parents ? most : own * parents;
        points = points + s->n_points < most ? points + s->n_points : most;
        s->first_point = (int)(points - s->n_points < INT32_MAX ? points - s->n_points : 0);
        const int64_t trials = points > most / sweep->seeds.count ? most : points * sweep->seeds.count;
        if (trials > sweep->cap)
            return nib_doc_fail(
                &s->place, err, NIB_ERR_CONFIG,
                "study %s: with it the sweep has %s%lld trials, more than cap: %lld; take fewer values, "
                "`search: random`, or set cap",
                s->name, trials == most ? "more than " : "", (long long)trials, (long long)sweep->cap);
    }
    sweep->n_points = (int)points;
    sweep->n_trials = (int)(points * sweep->seeds.count);
    return NIB_OK;
}

/* A value between low and high, by the rules of the axis. */
static const char *draw_between(nib_arena *arena, const nib_sweep_axis *axis, const nib_rng *rng, uint64_t i)
{
    const double u = nib_rng_uniform(rng, i);
    double x =
        axis->log ? axis->low * pow(axis->high / axis->low, u) : axis->low + (axis->high - axis->low) * u;
    if (axis->integer) {
        x = floor(axis->low + (axis->high - axis->low + 1) * u);
        x = axis->log ? rint(axis->low * pow(axis->high / axis->low, u)) : x > axis->high ? axis->high : x;
    }
    return nib_arena_printf(arena, "%.6g", x);
}

/* The values of point `own` of a study: by counting up, the last axis fastest, or by drawing. */
static nib_status choose(nib_arena *arena, const nib_sweep_study *s, int64_t own, nib_sweep_setting *out,
                         nib_error *err)
{
    int64_t stride = 1;
    for (int i = 0; s->search == NIB_SWEEP_GRID && i < s->n_axes; i++)
        stride *= s->axis[i].n_values;
    for (int i = 0; i < s->n_axes; i++) {
        const nib_sweep_axis *axis = &s->axis[i];
        const nib_rng rng = {.seed = (uint64_t)s->search_seed, .stream = nib_rng_stream(axis->key[0])};
        int64_t at = 0;
        if (s->search == NIB_SWEEP_GRID) {
            stride /= axis->n_values;
            at = own / stride % axis->n_values;
        } else if (axis->n_values > 0) {
            at = (int64_t)nib_rng_below(&rng, (uint64_t)own, (uint64_t)axis->n_values);
        }
        for (int k = 0; k < axis->n_keys; k++) {
            const char *value = axis->n_values > 0 ? axis->value[at * axis->n_keys + k]
                                                   : draw_between(arena, axis, &rng, (uint64_t)own);
            if (!value)
                return nib_fail_memory(err, "sweep");
            *out++ = (nib_sweep_setting){axis->key[k], value};
        }
    }
    return NIB_OK;
}

static int keys_of(const nib_sweep_study *s)
{
    int n = 0;
    for (int i = 0; i < s->n_axes; i++)
        n += s->axis[i].n_keys;
    return n;
}

static nib_status make_point(nib_sweep *sweep, int study, int64_t index, nib_sweep_point *point,
                             nib_error *err)
{
    nib_arena *arena = sweep->arena;
    const nib_sweep_study *s = &sweep->study[study];
    const int64_t parents = s->from >= 0 ? sweep->study[s->from].n_points : 1, own = s->n_points / parents;
    const nib_sweep_point *from =
        s->from >= 0 ? &sweep->point[sweep->study[s->from].first_point + index / own] : NULL;
    const int inherited = from ? from->n_settings : 0, before = from ? from->n_chosen : 0, keys = keys_of(s);
    point->study = study;
    point->parent = from ? (int)(from - sweep->point) : -1;
    point->setting = NIB_NEW(arena, nib_sweep_setting, inherited + s->n_settings + keys);
    nib_sweep_setting *chosen = NIB_NEW(arena, nib_sweep_setting, before + keys);
    if (!point->setting || !chosen)
        return nib_fail_memory(err, "sweep");
    /* Options of the parent's command are not those of this one. */
    for (int i = 0; i < inherited; i++)
        if (strncmp(from->setting[i].key, "--", 2) != 0)
            point->setting[point->n_settings++] = from->setting[i];
    point->n_inherited = point->n_settings;
    for (int i = 0; i < s->n_settings; i++)
        point->setting[point->n_settings++] = s->setting[i];
    if (before)
        memcpy(chosen, from->chosen, (size_t)before * sizeof *chosen);
    NIB_TRY(choose(arena, s, index % own, chosen + before, err));
    for (int i = 0; i < keys; i++)
        point->setting[point->n_settings++] = chosen[before + i];
    point->chosen = chosen;
    point->n_chosen = before + keys;
    return NIB_OK;
}

nib_status nib_sweep_make_trials(nib_sweep *sweep, nib_error *err)
{
    NIB_TRY(count_trials(sweep, err));
    sweep->point = NIB_NEW(sweep->arena, nib_sweep_point, sweep->n_points);
    sweep->trial = NIB_NEW(sweep->arena, nib_sweep_trial, sweep->n_trials);
    if (!sweep->point || !sweep->trial)
        return nib_fail_memory(err, "sweep");
    const int seeds = sweep->seeds.count;
    for (int i = 0; i < sweep->n_studies; i++) {
        nib_sweep_study *s = &sweep->study[i];
        s->first_trial = s->first_point * seeds;
        for (int64_t k = 0; k < s->n_points; k++) {
            const int at = s->first_point + (int)k;
            nib_sweep_point *point = &sweep->point[at];
            NIB_TRY(make_point(sweep, i, k, point, err));
            for (int n = 0; n < seeds; n++)
                sweep->trial[at * seeds + n] =
                    (nib_sweep_trial){.point = at,
                                      .seed = sweep->seeds.value[n],
                                      .parent = point->parent >= 0 ? point->parent * seeds + n : -1};
        }
    }
    return NIB_OK;
}
