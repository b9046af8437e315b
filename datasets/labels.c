#include "datasets/labels_internal.h"

#include <inttypes.h>
#include <math.h>

typedef struct reading {
    const nib_array *array;
    const char *target;
    int64_t classes; /* 0: not known */
    int32_t *label;
    int64_t max;
} reading;

static nib_status visit_integers(void *context, int64_t first, int64_t rows, const double *value,
                                 nib_error *err)
{
    reading *r = context;
    for (int64_t i = 0; i < rows; i++) {
        double v = value[i];
        if (!isfinite(v) || v != floor(v))
            return nib_array_fail(r->array, first + i, 0, err,
                                  "%g is not a class label; labels are integers from 0", v);
        if (v < 0)
            return nib_array_fail(r->array, first + i, 0, err, "label %.0f; labels count from 0", v);
        if (r->classes > 0 && v >= (double)r->classes)
            return nib_array_fail(r->array, first + i, 0, err,
                                  "label %.0f, but target %s has %" PRId64 " classes (0 to %" PRId64 ")", v,
                                  r->target, r->classes, r->classes - 1);
        if (v >= NIB_MAX_CLASSES)
            return nib_array_fail(r->array, first + i, 0, err,
                                  "label %.0f is too large for a class number (limit %d)", v,
                                  NIB_MAX_CLASSES - 1);
        r->label[first + i] = (int32_t)v;
        r->max = (int64_t)v > r->max ? (int64_t)v : r->max;
    }
    return NIB_OK;
}

static nib_status visit_one_hot(void *context, int64_t first, int64_t rows, const double *value,
                                nib_error *err)
{
    reading *r = context;
    int64_t width = r->array->width;
    for (int64_t i = 0; i < rows; i++) {
        int32_t label = -1;
        for (int64_t j = 0; j < width; j++) {
            double v = value[i * width + j];
            if (v != 0 && v != 1)
                return nib_array_fail(r->array, first + i, j, err,
                                      "%g in what should be one-hot rows of 0 and 1", v);
            if (v == 1 && label >= 0)
                return nib_array_fail(r->array, first + i, j, err,
                                      "a second 1; a one-hot row has a single 1 (the first is in column %d)",
                                      label);
            if (v == 1)
                label = (int32_t)j;
        }
        if (label < 0)
            return nib_array_fail(r->array, first + i, 0, err, "all zeros; a one-hot row has a single 1");
        r->label[first + i] = label;
        r->max = label > r->max ? label : r->max;
    }
    return NIB_OK;
}

nib_status nib_labels_read(const nib_array *array, const char *target, int64_t classes, int32_t *label,
                           int64_t *max, nib_error *err)
{
    reading r = {array, target, classes, label, *max};
    NIB_TRY(nib_array_each_block(array, array->width == 1 ? visit_integers : visit_one_hot, &r, err));
    *max = r.max;
    return NIB_OK;
}
