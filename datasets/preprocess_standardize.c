#include "datasets/preprocess.h"

#include <math.h>

/** y = (x - mean) / sqrt(sum (x - mean)^2 / rows); a constant column divides by 1. */
static void fit(const void *options, const nib_column_sums *column, double *shift, double *divisor)
{
    (void)options;
    double deviation = column->rows > 0 ? sqrt(column->m2 / (double)column->rows) : 0;
    *shift = column->mean;
    *divisor = column->min < column->max && deviation > 0 ? deviation : 1;
}

const nib_preprocessor nib_preprocessor_standardize = {
    .name = "standardize",
    .help = "mean 0 and population deviation 1 over the training rows; a constant column divides by 1",
    .source = "Welford, Note on a method for calculating corrected sums of squares (1962); sklearn "
              "StandardScaler",
    .options = NIB_OPTION_TABLE_EMPTY,
    .fit = fit,
};
