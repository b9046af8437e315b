/* One class against the rest, sorted by falling score: what ROC curve, AUC and background rejection share. */
#include <math.h>

#include "core/vector_math.h"
#include "train/metric_shared.h"

typedef struct sorted_row {
    uint32_t key; /* rises as the score falls */
    int32_t row;
} sorted_row;

struct nib_roc {
    const nib_metric_data *data;
    int64_t class_index;
    sorted_row *sorted, *spare;
};

nib_status nib_roc_create(nib_arena *arena, const nib_metric_data *data, nib_roc **roc, nib_error *err)
{
    *roc = NIB_NEW(arena, nib_roc, 1);
    if (*roc) {
        (*roc)->data = data;
        (*roc)->sorted = NIB_NEW(arena, sorted_row, data->rows);
        (*roc)->spare = NIB_NEW(arena, sorted_row, data->rows);
    }
    if (!*roc || !(*roc)->sorted || !(*roc)->spare)
        return nib_fail_memory(err, "ROC curve");
    return NIB_OK;
}

/* Bits of a float ordered as the float is, upside down; -0 and 0 are one score. */
static uint32_t falling_key(float score)
{
    const uint32_t bits = nib_float_bits(score + 0.0f);
    return ~(bits >> 31 ? ~bits : bits | 0x80000000u);
}

/* One pass of a stable counting sort by 11 bits of the key. */
static void sort_digit(const sorted_row *from, sorted_row *to, int64_t n, int shift)
{
    enum { DIGITS = 2048 };
    int64_t start[DIGITS + 1] = {0};
    for (int64_t i = 0; i < n; i++)
        start[((from[i].key >> shift) & (DIGITS - 1)) + 1]++;
    for (int d = 0; d < DIGITS; d++)
        start[d + 1] += start[d];
    for (int64_t i = 0; i < n; i++)
        to[start[(from[i].key >> shift) & (DIGITS - 1)]++] = from[i];
}

bool nib_roc_sort(nib_roc *roc, int64_t class_index)
{
    const nib_metric_data *data = roc->data;
    roc->class_index = class_index;
    for (int64_t r = 0; r < data->rows; r++) {
        const float score = data->prediction[r * data->width + class_index];
        if (!isfinite(score))
            return false;
        roc->sorted[r] = (sorted_row){falling_key(score), (int32_t)r};
    }
    for (int shift = 0; shift < 32; shift += 11) {
        sort_digit(roc->sorted, roc->spare, data->rows, shift);
        sorted_row *swap = roc->sorted;
        roc->sorted = roc->spare;
        roc->spare = swap;
    }
    return true;
}

static bool is_signal(const nib_roc *roc, int64_t row)
{
    const nib_data_target *target = roc->data->target;
    if (target->kind == NIB_TARGET_CLASS)
        return target->label[row] == roc->class_index;
    return target->value[row * target->width + roc->class_index] > 0.5f;
}

static double weight_of(const nib_roc *roc, int64_t row)
{
    return roc->data->weight ? (double)roc->data->weight[row] : 1;
}

void nib_roc_totals(const nib_roc *roc, double *positive, double *negative, int64_t *negative_rows)
{
    *positive = *negative = 0;
    *negative_rows = 0;
    for (int64_t r = 0; r < roc->data->rows; r++) {
        const double w = weight_of(roc, r);
        if (is_signal(roc, r)) {
            *positive += w;
        } else {
            *negative += w;
            *negative_rows += w > 0;
        }
    }
}

bool nib_roc_next(const nib_roc *roc, int64_t *at, double *positive, double *negative)
{
    const int64_t n = roc->data->rows;
    if (*at >= n)
        return false;
    *positive = *negative = 0;
    const uint32_t key = roc->sorted[*at].key;
    for (; *at < n && roc->sorted[*at].key == key; ++*at) {
        const int64_t row = roc->sorted[*at].row;
        *(is_signal(roc, row) ? positive : negative) += weight_of(roc, row);
    }
    return true;
}

nib_status nib_roc_curve(nib_arena *arena, const nib_metric_data *data, int64_t class_index, int64_t *points,
                         double **efficiency, double **background, nib_error *err)
{
    nib_roc *roc;
    NIB_TRY(nib_roc_create(arena, data, &roc, err));
    if (!nib_roc_sort(roc, class_index))
        return nib_fail(err, NIB_ERR_DIVERGED, "ROC curve: a prediction is not a finite number");
    double positives, negatives, p, n, tp = 0, fp = 0;
    int64_t negative_rows, at = 0, count = 1;
    while (nib_roc_next(roc, &at, &p, &n))
        count++;
    double *x = NIB_NEW(arena, double, count), *y = NIB_NEW(arena, double, count);
    if (!x || !y)
        return nib_fail_memory(err, "ROC curve");
    nib_roc_totals(roc, &positives, &negatives, &negative_rows);
    at = 0;
    for (int64_t i = 1; nib_roc_next(roc, &at, &p, &n); i++) {
        tp += p;
        fp += n;
        y[i] = tp / positives;
        x[i] = fp / negatives;
    }
    *points = count;
    *efficiency = y;
    *background = x;
    return NIB_OK;
}
