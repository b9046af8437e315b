#include "datasets/preprocess.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define NIB_PREPROCESSOR(name) extern const nib_preprocessor nib_preprocessor_##name;
#include "datasets/preprocessors.def"
#undef NIB_PREPROCESSOR

#define NIB_PREPROCESSOR(name) &nib_preprocessor_##name,
const nib_preprocessor *const nib_preprocessors[] = {
#include "datasets/preprocessors.def"
};
#undef NIB_PREPROCESSOR
const int nib_preprocessors_count = (int)(sizeof nib_preprocessors / sizeof *nib_preprocessors);

const nib_preprocessor *nib_preprocessor_find(const char *name)
{
    for (int i = 0; i < nib_preprocessors_count; i++)
        if (strcmp(nib_preprocessors[i]->name, name) == 0)
            return nib_preprocessors[i];
    return NULL;
}

void nib_column_sums_add(nib_column_sums *sums, double x)
{
    if (sums->rows == 0) {
        sums->min = x;
        sums->max = x;
    }
    sums->rows++;
    double delta = x - sums->mean;
    sums->mean += delta / (double)sums->rows;
    sums->m2 += delta * (x - sums->mean);
    sums->min = x < sums->min ? x : sums->min;
    sums->max = x > sums->max ? x : sums->max;
}

bool nib_preprocess_equal(const nib_preprocess_state *a, const nib_preprocess_state *b)
{
    if (a->width != b->width)
        return false;
    for (int64_t j = 0; j < a->width; j++)
        if (a->shift[j] != b->shift[j] || a->divisor[j] != b->divisor[j])
            return false;
    return true;
}

void nib_preprocess_apply(const nib_preprocess_state *state, int64_t rows, const double *raw, float *out)
{
    int64_t width = state->width;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < width; j++) {
            float y = (float)((raw[i * width + j] - state->shift[j]) / state->divisor[j]);
            out[i * width + j] = fabsf(y) < FLT_MIN ? 0.0f : y;
        }
}
