#include "train/order.h"

enum { NOT_BEGUN = -1 };

nib_status nib_order_create(nib_order *order, nib_arena *arena, int64_t rows, uint64_t seed, bool shuffles,
                            nib_error *err)
{
    *order = (nib_order){.rows = rows, .seed = seed, .shuffles = shuffles, .next = NOT_BEGUN};
    for (int i = 0; i < 2; ++i) {
        order->index[i] = i == 0 || shuffles ? NIB_NEW(arena, int32_t, rows) : order->index[0];
        if (!order->index[i])
            return nib_fail_memory(err, "order of rows");
    }
    for (int64_t i = 0; !shuffles && i < rows; ++i)
        order->index[0][i] = (int32_t)i;
    return NIB_OK;
}

static void begin_shuffle(nib_order *order, int64_t epoch)
{
    const nib_rng rng = {
        .seed = order->seed, .stream = nib_rng_stream("train/shuffle"), .step = (uint32_t)epoch};
    order->next = epoch;
    nib_shuffle_begin(&order->shuffle, &rng, order->rows, order->index[!order->now]);
}

const int32_t *nib_order_begin(nib_order *order, int64_t epoch)
{
    if (order->shuffles) {
        if (order->next != epoch)
            begin_shuffle(order, epoch);
        nib_shuffle_advance(&order->shuffle, order->rows);
        order->now = !order->now;
        order->next = NOT_BEGUN;
    }
    return order->index[order->now];
}

void nib_order_advance(nib_order *order, int64_t epoch, int64_t rows)
{
    if (!order->shuffles)
        return;
    if (order->next != epoch + 1)
        begin_shuffle(order, epoch + 1);
    nib_shuffle_advance(&order->shuffle, rows);
}
