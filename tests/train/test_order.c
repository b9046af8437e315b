/* The order of the training rows: the permutation of each epoch, made ahead or not. */
#include <criterion/criterion.h>
#include <string.h>

#include "train/order.h"

enum { ROWS = 1000 };

static void expect_epoch(const char *what, nib_order *order, int64_t epoch)
{
    const nib_rng rng = {.seed = 7, .stream = nib_rng_stream("train/shuffle"), .step = (uint32_t)epoch};
    int32_t expected[ROWS];
    nib_rng_permutation(&rng, ROWS, expected);
    const int32_t *index = nib_order_begin(order, epoch);
    cr_assert(memcmp(index, expected, sizeof expected) == 0, "%s: another order in epoch %d", what,
              (int)epoch);
}

Test(order, is_the_permutation_of_its_epoch)
{
    nib_error err;
    nib_arena *arena = nib_arena_create();
    nib_order order;
    cr_assert(nib_order_create(&order, arena, ROWS, 7, true, &err) == NIB_OK, "%s", err.message);
    expect_epoch("first", &order, 0);
    for (int64_t done = 0; done < ROWS; done += 64) {
        int32_t before[ROWS];
        const int32_t *index = order.index[order.now];
        memcpy(before, index, sizeof before);
        nib_order_advance(&order, 0, 64);
        cr_assert(memcmp(index, before, sizeof before) == 0, "the running epoch's order changed");
    }
    expect_epoch("made ahead", &order, 1);
    nib_order_advance(&order, 1, 300);
    expect_epoch("made in part", &order, 2);
    expect_epoch("not made", &order, 3);
    nib_order_advance(&order, 3, 200);
    expect_epoch("another epoch than the one begun", &order, 9);
    nib_arena_destroy(arena);
}

Test(order, of_rows_as_they_are)
{
    nib_error err;
    nib_arena *arena = nib_arena_create();
    nib_order order;
    cr_assert(nib_order_create(&order, arena, ROWS, 7, false, &err) == NIB_OK, "%s", err.message);
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
        const int32_t *index = nib_order_begin(&order, epoch);
        for (int32_t i = 0; i < ROWS; ++i)
            cr_assert(index[i] == i, "row %d at %d in epoch %d", index[i], i, (int)epoch);
        nib_order_advance(&order, epoch, ROWS);
    }
    nib_arena_destroy(arena);
}
