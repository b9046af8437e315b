#include "datasets/preprocess.h"

typedef struct minmax_options {
    double low, high;
} minmax_options;

static const nib_option rows[] = {
    NIB_ROW(minmax_options, low, NIB_OPTION_FLOAT, "0", -1e6, 1e6, NULL, "",
            "what the smallest training value becomes"),
    NIB_ROW(minmax_options, high, NIB_OPTION_FLOAT, "1", -1e6, 1e6, NULL, "",
            "what the largest training value becomes; above low"),
};

/** y = low + (high - low) (x - min) / (max - min), written as (x - shift) / divisor. */
static void fit(const void *options, const nib_column_sums *column, double *shift, double *divisor)
{
    const minmax_options *o = options;
    double range = column->max - column->min;
    *divisor = range > 0 ? range / (o->high - o->low) : 1;
    *shift = column->min - o->low * *divisor;
}

static nib_status check(const void *options, nib_error *err)
{
    const minmax_options *o = options;
    if (!(o->low < o->high))
        return nib_fail(err, NIB_ERR_CONFIG, "low (%g) must be below high (%g)", o->low, o->high);
    return NIB_OK;
}

const nib_preprocessor nib_preprocessor_minmax = {
    .name = "minmax",
    .help = "the range of the training rows becomes [low, high]; a constant column becomes low",
    .source = "sklearn MinMaxScaler",
    .options = NIB_OPTION_TABLE(minmax_options, rows),
    .check = check,
    .fit = fit,
};
