#include "datasets/preprocess.h"

static void fit(const void *options, const nib_column_sums *column, double *shift, double *divisor)
{
    (void)options;
    (void)column;
    *shift = 0;
    *divisor = 1;
}

const nib_preprocessor nib_preprocessor_none = {
    .name = "none",
    .help = "values as they are, rounded to float",
    .source = "identity",
    .options = NIB_OPTION_TABLE_EMPTY,
    .fit = fit,
};
