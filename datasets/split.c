#include "datasets/split.h"

#include "core/arena.h"
#include "core/rng.h"

#include <inttypes.h>
#include <math.h>

const char *nib_part_name(nib_part part)
{
    static const char *const names[] = {"training", "validation", "test", "skipped"};
    return names[part];
}

int64_t nib_row_map_count(const nib_row_map *map, nib_part part)
{
    int64_t n = 0;
    for (int64_t i = 0; i < map->rows; i++)
        n += map->part[i] == part;
    return n;
}

/** How many of each class are drawn: floor(share), then one more for the largest fractions (ties: the first
 * class), so that the total is exact and each class is within one row of its share. n < 2^31. */
static void allot(int64_t total, int64_t n, int64_t classes, const int64_t *size, int64_t *quota)
{
    int64_t given = 0;
    for (int64_t c = 0; c < classes; c++) {
        quota[c] = total * size[c] / n;
        given += quota[c];
    }
    for (; given < total; given++) {
        int64_t best = -1, best_rest = -1;
        for (int64_t c = 0; c < classes; c++) {
            int64_t rest = total * size[c] % n;
            if (quota[c] == total * size[c] / n && rest > best_rest) {
                best = c;
                best_rest = rest;
            }
        }
        quota[best]++;
    }
}

static nib_status draw(nib_arena *scratch, nib_row_map *map, nib_part part, int64_t n, int64_t total,
                       uint64_t seed, const int32_t *label, int64_t classes, nib_error *err)
{
    int32_t *row = NIB_NEW(scratch, int32_t, n);
    int32_t *order = NIB_NEW(scratch, int32_t, n);
    int64_t *size = NIB_NEW(scratch, int64_t, classes);
    int64_t *quota = NIB_NEW(scratch, int64_t, classes);
    if (!row || !order || !size || !quota)
        return nib_fail_memory(err, "split");
    int64_t found = 0;
    for (int64_t i = 0; i < map->rows; i++)
        if (map->part[i] == NIB_PART_TRAIN) {
            row[found++] = (int32_t)i;
            size[label ? label[i] : 0]++;
        }
    allot(total, n, classes, size, quota);
    nib_rng rng = {seed, nib_rng_stream(part == NIB_PART_TEST ? "split/test" : "split/validation"), 0};
    nib_rng_permutation(&rng, n, order);
    for (int64_t i = 0; i < n; i++) {
        int32_t r = row[order[i]];
        int64_t *left = &quota[label ? label[r] : 0];
        if (*left > 0) {
            --*left;
            map->part[r] = (uint8_t)part;
        }
    }
    return NIB_OK;
}

/** A part gets `total` of `n` rows: neither it nor what stays for training may be empty. */
static nib_status check_sizes(nib_part part, double fraction, int64_t total, int64_t n, nib_error *err)
{
    if (total <= 0)
        return nib_fail(err, NIB_ERR_CONFIG, "the %s fraction %g of %" PRId64 " rows is no row",
                        nib_part_name(part), fraction, n);
    if (total >= n)
        return nib_fail(err, NIB_ERR_CONFIG,
                        "the %s fraction %g leaves no training row: it takes %" PRId64 " of %" PRId64 " rows",
                        nib_part_name(part), fraction, total, n);
    return NIB_OK;
}

nib_status nib_split_fraction(nib_row_map *map, nib_part part, double fraction, int64_t n_of, uint64_t seed,
                              const int32_t *label, int64_t classes, nib_error *err)
{
    int64_t n = nib_row_map_count(map, NIB_PART_TRAIN);
    int64_t total = (int64_t)floor(fraction * (double)n_of + 0.5);
    NIB_TRY(check_sizes(part, fraction, total, n, err));
    if (n > INT32_MAX)
        return nib_fail(err, NIB_ERR_UNSUPPORTED, "%" PRId64 " rows cannot be split by fraction, only %d", n,
                        INT32_MAX);
    nib_arena *scratch = nib_arena_create();
    nib_status status = scratch ? draw(scratch, map, part, n, total, seed, label, label ? classes : 1, err)
                                : nib_fail_memory(err, "split");
    nib_arena_destroy(scratch);
    return status;
}

nib_status nib_split_last(nib_row_map *map, nib_part part, double fraction, nib_error *err)
{
    int64_t n = nib_row_map_count(map, NIB_PART_TRAIN);
    int64_t split_at = (int64_t)((double)n * (1.0 - fraction)), seen = 0;
    NIB_TRY(check_sizes(part, fraction, n - split_at, n, err));
    for (int64_t i = 0; i < map->rows; i++)
        if (map->part[i] == NIB_PART_TRAIN && seen++ >= split_at)
            map->part[i] = (uint8_t)part;
    return NIB_OK;
}

nib_status nib_split_rows(nib_row_map *map, nib_part part, const int64_t *index, int64_t count,
                          const char *name, nib_error *err)
{
    if (count == 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: no row numbers", name);
    for (int64_t i = 0; i < count; i++) {
        if (index[i] < 0 || index[i] >= map->rows)
            return nib_fail(err, NIB_ERR_INPUT,
                            "%s: entry %" PRId64 ": there is no row %" PRId64 "; the data has %" PRId64
                            " rows, counted from 0",
                            name, i, index[i], map->rows);
        uint8_t *owner = &map->part[index[i]];
        if (*owner == part)
            return nib_fail(err, NIB_ERR_INPUT, "%s: entry %" PRId64 ": row %" PRId64 " is listed twice",
                            name, i, index[i]);
        if (*owner != NIB_PART_TRAIN)
            return nib_fail(err, NIB_ERR_INPUT,
                            "%s: entry %" PRId64 ": row %" PRId64 " belongs to the %s part already", name, i,
                            index[i], nib_part_name((nib_part)*owner));
        *owner = (uint8_t)part;
    }
    if (nib_row_map_count(map, NIB_PART_TRAIN) == 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: the list leaves no training row", name);
    return NIB_OK;
}
