/* Splits: sizes, seeds, class shares, Keras' order, lists of rows. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "datasets/split.h"

enum { N = 1003 };
static uint8_t part[N], other[N];
static int32_t label[N];

static nib_row_map fresh(uint8_t *parts)
{
    memset(parts, NIB_PART_TRAIN, N);
    return (nib_row_map){N, parts};
}

Test(split, a_fraction_is_exact_and_depends_on_the_seed_alone)
{
    nib_error err = {0};
    nib_row_map map = fresh(part), again = fresh(other);
    cr_assert_eq(nib_split_fraction(&map, NIB_PART_VALIDATION, 0.25, N, 7, NULL, 0, &err), NIB_OK, "%s",
                 err.message);
    cr_expect_eq(nib_row_map_count(&map, NIB_PART_VALIDATION), 251, "round(0.25 * 1003)");
    cr_assert_eq(nib_split_fraction(&again, NIB_PART_VALIDATION, 0.25, N, 7, NULL, 0, &err), NIB_OK, "%s",
                 err.message);
    cr_expect_eq(memcmp(part, other, N), 0, "the same seed gives other rows");
    again = fresh(other);
    cr_assert_eq(nib_split_fraction(&again, NIB_PART_VALIDATION, 0.25, N, 8, NULL, 0, &err), NIB_OK, "%s",
                 err.message);
    int same = 0;
    for (int i = 0; i < N; i++)
        same += part[i] == NIB_PART_VALIDATION && other[i] == NIB_PART_VALIDATION;
    cr_expect(same > 30 && same < 100, "two seeds share %d of 251 rows, about 63 are expected", same);
    int early = 0;
    for (int i = 0; i < N / 2; i++)
        early += part[i] == NIB_PART_VALIDATION;
    cr_expect(early > 95 && early < 156, "%d of 251 rows are in the first half", early);
}

Test(split, stratified_shares_are_within_one_row)
{
    nib_error err = {0};
    static const double fractions[] = {0.1, 0.25, 1.0 / 3, 0.5, 0.77};
    for (int classes = 1; classes < 9; classes++)
        for (int f = 0; f < 5; f++) {
            const nib_rng rng = {3, nib_rng_stream("labels"), (uint32_t)classes};
            int64_t size[16] = {0}, drawn[16] = {0};
            for (int i = 0; i < N; i++) { /* uneven classes: the last is rare */
                double u = nib_rng_uniform(&rng, (uint64_t)i);
                label[i] = (int32_t)((1 - u * u) * classes * 0.999);
                size[label[i]]++;
            }
            nib_row_map map = fresh(part);
            cr_assert_eq(
                nib_split_fraction(&map, NIB_PART_VALIDATION, fractions[f], N, 1, label, classes, &err),
                NIB_OK, "%s", err.message);
            int64_t total = nib_row_map_count(&map, NIB_PART_VALIDATION);
            cr_expect_eq(total, (int64_t)floor(fractions[f] * N + 0.5), "total of fraction %g", fractions[f]);
            for (int i = 0; i < N; i++)
                drawn[label[i]] += part[i] == NIB_PART_VALIDATION;
            for (int c = 0; c < classes; c++) {
                double share = (double)total * (double)size[c] / N;
                cr_expect(fabs((double)drawn[c] - share) < 1, "class %d of %d: %ld rows, share %g", c,
                          classes, (long)drawn[c], share);
            }
        }
}

Test(split, test_rows_are_drawn_before_validation_rows)
{
    nib_error err = {0};
    nib_row_map map = fresh(part), alone = fresh(other);
    cr_assert_eq(nib_split_fraction(&map, NIB_PART_TEST, 0.2, N, 1, NULL, 0, &err), NIB_OK, "test");
    int64_t rest = nib_row_map_count(&map, NIB_PART_TRAIN);
    cr_assert_eq(nib_split_fraction(&map, NIB_PART_VALIDATION, 0.5, rest, 1, NULL, 0, &err), NIB_OK, "val");
    cr_expect_eq(nib_row_map_count(&map, NIB_PART_TEST), 201, "test rows");
    cr_expect_eq(nib_row_map_count(&map, NIB_PART_VALIDATION), 401, "validation rows");
    cr_assert_eq(nib_split_fraction(&alone, NIB_PART_TEST, 0.2, N, 1, NULL, 0, &err), NIB_OK, "test");
    for (int i = 0; i < N; i++)
        cr_expect_eq(part[i] == NIB_PART_TEST, other[i] == NIB_PART_TEST, "row %d", i);
}

Test(split, last_is_what_keras_does)
{
    static const struct {
        int64_t rows;
        double fraction;
        int64_t split_at; /* int(rows * (1 - fraction)) in Python */
    } cases[] = {{1003, 0.25, 752}, {100, 0.1, 90}, {10, 0.3, 7}, {1000, 0.7, 300}, {3, 0.5, 1}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        nib_error err = {0};
        nib_row_map map = fresh(part);
        map.rows = cases[k].rows;
        cr_assert_eq(nib_split_last(&map, NIB_PART_VALIDATION, cases[k].fraction, &err), NIB_OK, "%s",
                     err.message);
        for (int64_t i = 0; i < map.rows; i++)
            cr_expect_eq(part[i] == NIB_PART_VALIDATION, i >= cases[k].split_at, "case %zu, row %ld", k,
                         (long)i);
    }
}

Test(split, rows_by_number)
{
    static const int64_t some[] = {5, 0, 1002}, twice[] = {5, 6, 5}, beyond[] = {1, N};
    nib_error err = {0};
    nib_row_map map = fresh(part);
    cr_assert_eq(nib_split_rows(&map, NIB_PART_TEST, some, 3, "i.txt", &err), NIB_OK, "%s", err.message);
    cr_expect(part[0] == NIB_PART_TEST && part[5] == NIB_PART_TEST && part[1002] == NIB_PART_TEST &&
                  nib_row_map_count(&map, NIB_PART_TEST) == 3,
              "the wrong rows");
    static const struct {
        const int64_t *index;
        int64_t count;
        const char *message;
    } wrong[] = {
        {some, 0, "i.txt: no row numbers"},
        {twice, 3, "i.txt: entry 2: row 5 is listed twice"},
        {beyond, 2, "i.txt: entry 1: there is no row 1003; the data has 1003 rows, counted from 0"},
    };
    for (int k = 0; k < 3; k++) {
        map = fresh(part);
        cr_expect_eq(nib_split_rows(&map, NIB_PART_TEST, wrong[k].index, wrong[k].count, "i.txt", &err),
                     NIB_ERR_INPUT, "case %d", k);
        cr_expect_str_eq(err.message, wrong[k].message, "%s", err.message);
    }
    map = fresh(part);
    cr_assert_eq(nib_split_rows(&map, NIB_PART_TEST, some, 3, "i.txt", &err), NIB_OK, "%s", err.message);
    cr_expect_eq(nib_split_rows(&map, NIB_PART_VALIDATION, some, 3, "v.txt", &err), NIB_ERR_INPUT, "overlap");
    cr_expect_str_eq(err.message, "v.txt: entry 0: row 5 belongs to the test part already", "%s",
                     err.message);
}
