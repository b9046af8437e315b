#include "quant/calibrate.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[NIB_CALIBRATE_KIND_COUNT] = {"minmax", "percentile", "mse", "entropy"};

const char *nib_calibrate_name(nib_calibrate_kind kind)
{
    return names[kind];
}

int nib_calibrate_find(const char *name)
{
    for (int i = 0; i < NIB_CALIBRATE_KIND_COUNT; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

static double value_of(const nib_fixed *type, double x)
{
    return nib_fixed_value(type, nib_fixed_cast_double(type, x));
}

double nib_calibrate_error(const nib_fixed *type, int64_t n, const float *x)
{
    double sum = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            continue;
        const double e = value_of(type, (double)x[i]) - (double)x[i];
        sum += e * e;
        count++;
    }
    return count ? sum / (double)count : 0;
}

/* ---- What clips ---- */

/* The range of a type as numbers: values from low to high are cast without overflow. */
typedef struct span {
    double low, high;
} span;

/* Rounding to nearest brings up to half a step beyond the last code back to it, rounding down all below the
 * next code. Ends that are ties do not matter to a choice of I. */
static span span_of(const nib_fixed *type)
{
    const double step = nib_fixed_step(type);
    const double low = nib_fixed_value(type, nib_fixed_lowest(type));
    const double high = nib_fixed_value(type, nib_fixed_highest(type));
    if (type->rounding == NIB_ROUNDING_TRN)
        return (span){low, high + step};
    if (type->rounding == NIB_ROUNDING_TRN_ZERO)
        return (span){type->is_signed ? low - step : 0, high + step};
    return (span){low - step / 2, high + step / 2};
}

static bool holds(const nib_fixed *type, double smallest, double largest)
{
    const span s = span_of(type);
    const bool below =
        type->is_signed && smallest < s.low; /* without a sign, what is negative always clips */
    return !below && largest <= s.high;
}

/* The smallest I that clips nothing of [smallest, largest]. */
static int minmax_integer(const nib_fixed *type, double smallest, double largest)
{
    nib_fixed t = *type;
    const double size = fmax(fabs(smallest), fabs(largest));
    int exponent;
    (void)frexp(size, &exponent);
    for (t.integer = exponent - 2; t.integer < exponent + 3; t.integer++)
        if (holds(&t, smallest, largest))
            break;
    return t.integer < -NIB_FIXED_MAX_INTEGER  ? -NIB_FIXED_MAX_INTEGER
           : t.integer > NIB_FIXED_MAX_INTEGER ? NIB_FIXED_MAX_INTEGER
                                               : t.integer;
}

/* ---- Sums over bins ---- */

/* Every bin that holds values, from the lowest to the highest; exact zeros are a bin of their own. */
typedef struct bin {
    double centre, width;
    double count;
} bin;

typedef struct bins {
    int n;
    double width;
    bin at[2 * NIB_HISTOGRAM_BINS];
} bins;

static bins *list_bins(const nib_histogram *h, bool with_negative)
{
    bins *list = calloc(1, sizeof *list);
    const double width = nib_histogram_width(h);
    if (!list)
        return NULL;
    list->width = width;
    for (int i = NIB_HISTOGRAM_BINS - 1; with_negative && i >= 0; i--)
        if (h->negative[i])
            list->at[list->n++] = (bin){-(i + 0.5) * width, width, (double)h->negative[i]};
    if (h->zeros)
        list->at[list->n++] = (bin){0, 0, (double)h->zeros};
    for (int i = 0; i < NIB_HISTOGRAM_BINS; i++) {
        const int64_t count = h->positive[i] - (i == 0 ? h->zeros : 0);
        if (count)
            list->at[list->n++] = (bin){(i + 0.5) * width, width, (double)count};
    }
    return list;
}

static double clipped_share(const nib_fixed *type, const bins *list)
{
    const span s = span_of(type);
    double clipped = 0, all = 0;
    for (int i = 0; i < list->n; i++) {
        const bin *b = &list->at[i];
        all += b->count;
        clipped += b->centre < s.low || b->centre > s.high ? b->count : 0;
    }
    return clipped / all;
}

static double squared_error(const nib_fixed *type, const bins *list)
{
    const span s = span_of(type);
    const double step = nib_fixed_step(type);
    const bool truncates = type->rounding == NIB_ROUNDING_TRN || type->rounding == NIB_ROUNDING_TRN_ZERO;
    double sum = 0, all = 0;
    for (int i = 0; i < list->n; i++) {
        const bin *b = &list->at[i];
        double square;
        if (step <= b->width && b->centre >= s.low && b->centre <= s.high) {
            square = step * step / (truncates ? 3 : 12);
        } else {
            const double e = value_of(type, b->centre) - b->centre;
            square = e * e;
        }
        sum += b->count * square;
        all += b->count;
    }
    return sum / all;
}

/* The bins first .. last that the type does not clip; first > last where it clips all. */
static void kept_bins(const nib_fixed *type, const bins *list, int *first, int *last)
{
    const span s = span_of(type);
    for (*first = 0; *first < list->n && list->at[*first].centre < s.low; (*first)++)
        continue;
    for (*last = list->n - 1; *last >= *first && list->at[*last].centre > s.high; (*last)--)
        continue;
}

static double counts(const bins *list, int first, int last)
{
    double sum = 0;
    for (int i = first; i <= last; i++)
        sum += list->at[i].count;
    return sum;
}

static double divergence(const nib_fixed *type, const bins *list)
{
    int first, last;
    kept_bins(type, list, &first, &last);
    const bool clips = first > 0 || last < list->n - 1;
    /* A range of fewer bins than codes would look perfect however small: it must hold everything. */
    if (first > last || (clips && nib_fixed_step(type) < list->width))
        return (double)INFINITY;
    const double below = counts(list, 0, first - 1), above = counts(list, last + 1, list->n - 1);
    const double kept = counts(list, first, last), all = below + kept + above;
    double sum = 0;
    for (int from = first, to; from <= last; from = to + 1) {
        const int64_t code = nib_fixed_cast_double(type, list->at[from].centre);
        for (to = from; to < last && nib_fixed_cast_double(type, list->at[to + 1].centre) == code; to++)
            continue;
        const double q = counts(list, from, to) / (to - from + 1) / kept;
        for (int i = from; i <= to; i++) {
            const double clipped = (i == first ? below : 0) + (i == last ? above : 0);
            const double p = (list->at[i].count + clipped) / all;
            sum += p * log(p / q);
        }
    }
    return sum;
}

/* ---- Choices ---- */

typedef double (*score_of)(const nib_fixed *type, const void *context);

static double bins_error(const nib_fixed *type, const void *context)
{
    return squared_error(type, context);
}

static double bins_divergence(const nib_fixed *type, const void *context)
{
    return divergence(type, context);
}

typedef struct values {
    int64_t n;
    const float *x;
} values;

static double values_error(const nib_fixed *type, const void *context)
{
    const values *v = context;
    return nib_calibrate_error(type, v->n, v->x);
}

/* The I with the least score from one above `largest` down to where even the largest value has no room. */
static int least(const nib_fixed *type, int largest, bool smaller_wins, score_of score, const void *context)
{
    nib_fixed t = *type;
    int best = largest;
    double least_score = (double)INFINITY;
    const int lowest = largest - type->bits - 4;
    for (t.integer = largest + 1; t.integer >= lowest; t.integer--) {
        if (t.integer > NIB_FIXED_MAX_INTEGER || t.integer < -NIB_FIXED_MAX_INTEGER)
            continue;
        const double s = score(&t, context);
        if (s < least_score || (smaller_wins && s <= least_score && isfinite(s))) {
            least_score = s;
            best = t.integer;
        }
    }
    return best;
}

static int percentile_integer(const nib_calibration *how, const nib_fixed *type, int largest,
                              const bins *list)
{
    const double allowed = 1 - (how->percentile > 0 ? how->percentile : 99.99) / 100;
    nib_fixed t = *type;
    for (t.integer = largest; t.integer > -NIB_FIXED_MAX_INTEGER; t.integer--) {
        nib_fixed smaller = t;
        smaller.integer--;
        if (clipped_share(&smaller, list) > allowed)
            break;
    }
    return t.integer;
}

nib_status nib_calibrate_integer(const nib_calibration *how, const nib_histogram *h, const nib_fixed *type,
                                 int *integer, nib_error *err)
{
    const double smallest = type->is_signed ? (double)h->smallest : 0, largest_value = (double)h->largest;
    *integer = type->is_signed ? 1 : 0;
    if (h->count == 0 || (smallest >= 0 && largest_value <= 0))
        return NIB_OK;
    const int largest = *integer = minmax_integer(type, smallest, largest_value);
    if (how->kind == NIB_CALIBRATE_MINMAX)
        return NIB_OK;
    /* Without a sign, negative values become 0 or wrap whatever I is: they are no part of the choice. */
    bins *list = list_bins(h, type->is_signed);
    if (!list)
        return nib_fail_memory(err, "calibration");
    *integer = how->kind == NIB_CALIBRATE_PERCENTILE ? percentile_integer(how, type, largest, list)
               : how->kind == NIB_CALIBRATE_MSE      ? least(type, largest, false, bins_error, list)
                                                     : least(type, largest, true, bins_divergence, list);
    free(list);
    return NIB_OK;
}

static nib_status from_values(const nib_calibration *how, const values *v, nib_histogram *h,
                              const nib_fixed *type, int *integer, nib_error *err)
{
    nib_histogram_clear(h);
    nib_histogram_add(h, v->n, v->x);
    const double smallest = type->is_signed ? (double)h->smallest : 0;
    if (how->kind != NIB_CALIBRATE_MSE || (smallest >= 0 && h->largest <= 0))
        return nib_calibrate_integer(how, h, type, integer, err);
    *integer = least(type, minmax_integer(type, smallest, (double)h->largest), false, values_error, v);
    return NIB_OK;
}

nib_status nib_calibrate_values(const nib_calibration *how, int64_t n, const float *x, const nib_fixed *type,
                                int *integer, nib_error *err)
{
    const values v = {n, x};
    nib_histogram *h = malloc(sizeof *h);
    if (!h)
        return nib_fail_memory(err, "calibration");
    nib_status status = from_values(how, &v, h, type, integer, err);
    free(h);
    return status;
}
