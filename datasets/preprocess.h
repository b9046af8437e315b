/** Preprocessing of input columns: fitted in double on the training rows only, applied in double and rounded
 * once to float, the same on every instruction set. Each kind is one .c file, listed in
 * datasets/preprocessors.def. All kinds so far are affine per column: y = (x - shift) * scale with scale =
 * 1/deviation computed as (x - shift) / divisor. */
#ifndef NIB_DATASETS_PREPROCESS_H
#define NIB_DATASETS_PREPROCESS_H

#include "core/options.h"

/** A fitted transform of one input: y[j] = (x[j] - shift[j]) / divisor[j]. Stored in the model file under
 *  /nibble/data/<input>/preprocess. */
typedef struct nib_preprocess_state {
    const char *input; /**< name of the input */
    const char *kind;  /**< "none", "standardize", "minmax" */
    int64_t width;
    const double *shift, *divisor; /**< [width] */
    const char *const *features;   /**< [width] or NULL */
} nib_preprocess_state;

/** Whether two transforms give the same floats: width, shift and divisor are equal. */
bool nib_preprocess_equal(const nib_preprocess_state *a, const nib_preprocess_state *b);

/** Running sums of a column over the training rows. */
typedef struct nib_column_sums {
    int64_t rows;
    double mean, m2; /**< Welford */
    double min, max;
} nib_column_sums;

/** One more value. Start from all zeros. */
void nib_column_sums_add(nib_column_sums *sums, double x);

typedef struct nib_preprocessor {
    const char *name, *help, *source;
    nib_option_table options;
    /** Options that do not fit together; NULL: nothing to check. */
    nib_status (*check)(const void *options, nib_error *err);
    /** A constant column divides by 1. */
    void (*fit)(const void *options, const nib_column_sums *column, double *shift, double *divisor);
} nib_preprocessor;

extern const nib_preprocessor *const nib_preprocessors[];
extern const int nib_preprocessors_count;
const nib_preprocessor *nib_preprocessor_find(const char *name);

/** Transform `rows` rows [rows, width] of raw doubles into floats; denormals become 0. */
void nib_preprocess_apply(const nib_preprocess_state *state, int64_t rows, const double *raw, float *out);

#endif
