/* Metrics by other ways than their own: pairs counted one by one, curves by hand. */
#include <math.h>

#include "core/rng.h"
#include "tests/options_of.h"
#include "train/metric.h"

enum { ROWS = 211, CLASSES = 4 };

typedef struct sample {
    float prediction[ROWS * CLASSES], value[ROWS * CLASSES], weight[ROWS];
    int32_t label[ROWS];
    nib_data_target target;
    nib_metric_data data;
} sample;

static const char *const names[] = {"g", "q", "w", "z"};

/* Scores on a grid of 1/8, so that there are ties; labels that the scores know something about. */
static void make(sample *s, nib_target_kind kind, int64_t width, bool weighted)
{
    const nib_rng rng = {.seed = 11, .stream = (uint32_t)kind, .step = (uint32_t)width};
    for (int64_t r = 0; r < ROWS; r++) {
        s->label[r] = (int32_t)nib_rng_below(&rng, (uint64_t)(r * 16 + 9), (uint64_t)width);
        s->weight[r] = (float)nib_rng_below(&rng, (uint64_t)(r * 16 + 10), 4);
        for (int64_t c = 0; c < width; c++) {
            const double u = nib_rng_uniform(&rng, (uint64_t)(r * 16 + c));
            s->value[r * width + c] = (float)nib_rng_below(&rng, (uint64_t)(r * 16 + 11 + c), 2);
            const bool right = kind == NIB_TARGET_CLASS ? s->label[r] == c : s->value[r * width + c] > 0.5f;
            s->prediction[r * width + c] = (float)(floor(6 * u) + (right ? 2 : 0)) / 8;
        }
    }
    s->target = (nib_data_target){.name = "y", .kind = kind, .width = width};
    if (kind == NIB_TARGET_CLASS) {
        s->target.classes = names;
        s->target.label = s->label;
    } else {
        s->target.value = s->value;
    }
    s->data = (nib_metric_data){.rows = ROWS,
                                .width = width,
                                .logits = s->prediction,
                                .prediction = s->prediction,
                                .target = &s->target,
                                .weight = weighted ? s->weight : NULL};
}

/* All values of a metric; `first` and suffixes as the caller wants to see them. */
static int evaluate(nib_arena *arena, const char *name, const char *yaml, const nib_metric_data *data,
                    nib_metric_value *values)
{
    const nib_metric *metric = nib_metric_find(name);
    const void *options = options_of(arena, &metric->options, yaml);
    nib_error err = {0};
    cr_assert_eq(metric->evaluate(arena, options, data, values, &err), NIB_OK, "%s: %s", name, err.message);
    return metric->count(options, data->target);
}

static double value_of(const char *name, const char *yaml, const nib_metric_data *data)
{
    nib_arena *arena = nib_arena_create();
    nib_metric_value values[CLASSES + 1];
    evaluate(arena, name, yaml, data, values);
    nib_arena_destroy(arena);
    return values[0].value;
}

static bool is_signal(const sample *s, int64_t row, int64_t c)
{
    return s->target.kind == NIB_TARGET_CLASS ? s->label[row] == c
                                              : s->value[row * s->target.width + c] > 0.5f;
}

static double weight_of(const sample *s, int64_t row)
{
    return s->data.weight ? (double)s->weight[row] : 1;
}

static double auc_by_pairs(const sample *s, int64_t c)
{
    double won = 0, pairs = 0;
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j < ROWS; j++) {
            if (!is_signal(s, i, c) || is_signal(s, j, c))
                continue;
            const double w = weight_of(s, i) * weight_of(s, j);
            const float a = s->prediction[i * s->target.width + c],
                        b = s->prediction[j * s->target.width + c];
            won += a > b ? w : (a == b ? w / 2 : 0);
            pairs += w;
        }
    return won / pairs;
}

Test(metrics, auc_equals_counted_pairs)
{
    static const struct {
        nib_target_kind kind;
        int width, count;
    } cases[] = {
        {NIB_TARGET_CLASS, 2, 1}, {NIB_TARGET_CLASS, 4, 5}, {NIB_TARGET_REAL, 1, 1}, {NIB_TARGET_REAL, 3, 4}};
    nib_arena *arena = nib_arena_create();
    for (int i = 0; i < 8; i++) {
        sample s;
        make(&s, cases[i / 2].kind, cases[i / 2].width, i % 2);
        nib_metric_value values[CLASSES + 1];
        const int count = evaluate(arena, "auc", "", &s.data, values);
        cr_assert_eq(count, cases[i / 2].count, "case %d: %d numbers", i, count);
        cr_expect_str_eq(values[0].suffix, "", "case %d: the first has the suffix %s", i, values[0].suffix);
        double mean = 0;
        for (int c = 1; c < count; c++) {
            const double wanted = auc_by_pairs(&s, c - 1);
            const char *suffix =
                s.target.kind == NIB_TARGET_CLASS ? names[c - 1] : (const char *[]){"0", "1", "2"}[c - 1];
            cr_expect(fabs(values[c].value - wanted) < 1e-12, "case %d, class %d: %.15g, pairs say %.15g", i,
                      c - 1, values[c].value, wanted);
            cr_expect_str_eq(values[c].suffix, suffix, "case %d: suffix %s", i, values[c].suffix);
            mean += wanted / (count - 1);
        }
        if (count == 1)
            mean = auc_by_pairs(&s, s.target.width - 1);
        cr_expect(mean > 0.55 && mean < 0.95, "case %d tells nothing: %g", i, mean);
        cr_expect(fabs(values[0].value - mean) < 1e-12, "case %d: %.15g, pairs say %.15g", i, values[0].value,
                  mean);
    }
    nib_arena_destroy(arena);
}

Test(metrics, auc_orders_all_floats)
{
    static const float score[] = {-3e38f, -2, -1e-30f, -0.0f, 0.0f, 1e-30f, 0.5f, 0.50000006f, 7, 3e38f};
    static const int32_t label[] = {0, 0, 0, 0, 1, 1, 0, 1, 1, 1};
    float prediction[20];
    for (int i = 0; i < 10; i++) {
        prediction[2 * i] = 0;
        prediction[2 * i + 1] = score[i];
    }
    const nib_data_target target = {
        .name = "y", .kind = NIB_TARGET_CLASS, .width = 2, .classes = names, .label = label};
    nib_metric_data data = {.rows = 10, .width = 2, .prediction = prediction, .target = &target};
    /* of 25 pairs two are lost (0.5 against 0 and 1e-30) and one is a tie (0 against -0) */
    const double auc = value_of("auc", "", &data);
    cr_expect(fabs(auc - 22.5 / 25) < 1e-15, "%.17g", auc);
    prediction[1] = NAN;
    cr_expect(isnan(value_of("auc", "", &data)), "a NaN has no rank");
    prediction[1] = 0;
    data.rows = 4;
    cr_expect(isnan(value_of("auc", "", &data)), "one class has no AUC");
    cr_expect(isnan(value_of("rejection", "", &data)), "one class has no rejection");
}

/* Signal scores 0.9 0.8 0.6 0.2, background 0.85 0.7 0.6 0.5 0.4 0.3 0.2 0.1: by hand.
 * tpr (fpr): 0.25 (0), then background 0.85 (1/8), 0.5 (1/8), 0.7 (2/8), tie at 0.6: 0.75 (3/8), ..., tie at
 * 0.2 */
static const float hand_score[] = {0.9f, 0.8f, 0.6f, 0.2f, 0.85f, 0.7f, 0.6f, 0.5f, 0.4f, 0.3f, 0.2f, 0.1f};
static const float hand_value[] = {1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0};
static const nib_data_target hand_target = {
    .name = "y", .kind = NIB_TARGET_REAL, .width = 1, .value = hand_value};
static const nib_metric_data hand = {
    .rows = 12, .width = 1, .prediction = hand_score, .target = &hand_target};

Test(metrics, rejection_by_hand)
{
    static const struct {
        const char *yaml;
        double wanted;
    } cases[] = {
        {"", 8}, /* half the signal: one of eight passes */
        {"{efficiency: 0.5}", 8},
        {"{efficiency: 0.25}", 8},        /* none passes: at most the number of background rows */
        {"{efficiency: 0.75}", 8.0 / 3},  /* the end of the tie */
        {"{efficiency: 0.625}", 8 / 2.5}, /* its middle */
        {"{efficiency: 1}", 8.0 / 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const double got = value_of("rejection", cases[i].yaml, &hand);
        cr_expect(fabs(got - cases[i].wanted) < 1e-12, "%s: %g, wanted %g", cases[i].yaml, got,
                  cases[i].wanted);
    }
    /* a background row that counts twice */
    static const float weight[] = {1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1};
    nib_metric_data weighted = hand;
    weighted.weight = weight;
    cr_expect(fabs(value_of("rejection", "", &weighted) - 9.0 / 2) < 1e-12, "weighted: %g",
              value_of("rejection", "", &weighted));
}

Test(metrics, rejection_of_each_class)
{
    sample s;
    make(&s, NIB_TARGET_CLASS, CLASSES, true);
    nib_arena *arena = nib_arena_create();
    nib_metric_value values[CLASSES + 1];
    cr_assert_eq(evaluate(arena, "rejection", "{efficiency: 0.7}", &s.data, values), 5, "five numbers");
    double product = 1;
    for (int c = 0; c < CLASSES; c++) {
        int64_t points, i = 1;
        double *signal, *background;
        nib_error err = {0};
        cr_assert_eq(nib_roc_curve(arena, &s.data, c, &points, &signal, &background, &err), NIB_OK, "%s",
                     err.message);
        while (signal[i] < 0.7)
            i++;
        const double share = (0.7 - signal[i - 1]) / (signal[i] - signal[i - 1]);
        const double wanted = 1 / (background[i - 1] + share * (background[i] - background[i - 1]));
        cr_expect(fabs(values[c + 1].value - wanted) < 1e-9, "%s: %g, wanted %g", names[c],
                  values[c + 1].value, wanted);
        product *= wanted;
    }
    cr_expect(fabs(values[0].value - pow(product, 0.25)) < 1e-9, "geometric mean %g", values[0].value);
    nib_arena_destroy(arena);
}

Test(metrics, roc_curve_by_hand)
{
    static const double signal[] = {0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 0.75, 0.75, 1, 1};
    static const double background[] = {0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8};
    nib_arena *arena = nib_arena_create();
    int64_t points;
    double *x, *y;
    nib_error err = {0};
    cr_assert_eq(nib_roc_curve(arena, &hand, 0, &points, &y, &x, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(points, 11, "%lld points", (long long)points);
    for (int i = 0; i < 11; i++)
        cr_expect(fabs(y[i] - signal[i]) < 1e-15 && fabs(x[i] - background[i] / 8) < 1e-15,
                  "point %d: %g, %g", i, y[i], x[i]);
    float broken[12];
    memcpy(broken, hand_score, sizeof broken);
    broken[3] = INFINITY;
    nib_metric_data data = hand;
    data.prediction = broken;
    cr_expect_eq(nib_roc_curve(arena, &data, 0, &points, &y, &x, &err), NIB_ERR_DIVERGED,
                 "infinity is sorted");
    nib_arena_destroy(arena);
}

Test(metrics, accuracy_top_k_and_confusion)
{
    /* rows: right; second (ties with the label in front); third; a tie that the first class wins */
    static const float x[] = {3, 1, 2, 2, 2, 0, 5, 4, 3, 1, 1, 0};
    static const int32_t label[] = {0, 1, 2, 0};
    static const float weight[] = {1, 2, 3, 4};
    const nib_data_target target = {
        .name = "y", .kind = NIB_TARGET_CLASS, .width = 3, .classes = names, .label = label};
    nib_metric_data data = {.rows = 4, .width = 3, .logits = x, .prediction = x, .target = &target};
    double matrix[9];
    cr_expect(value_of("accuracy", "", &data) == 0.5, "accuracy %g", value_of("accuracy", "", &data));
    cr_expect(value_of("top_k", "{k: 1}", &data) == 0.75, "top 1: a tie counts as in Keras");
    cr_expect(value_of("top_k", "", &data) == 0.75, "top 2 %g", value_of("top_k", "", &data));
    cr_expect(value_of("top_k", "{k: 3}", &data) == 1, "top 3");
    nib_confusion_matrix(&data, matrix);
    const double counts[] = {2, 0, 0, 1, 0, 0, 1, 0, 0};
    for (int i = 0; i < 9; i++)
        cr_expect(matrix[i] == counts[i], "matrix[%d] = %g", i, matrix[i]);
    data.weight = weight;
    cr_expect(fabs(value_of("accuracy", "", &data) - 0.5) < 1e-15, "weighted accuracy (1 + 4) / 10");
    cr_expect(fabs(value_of("top_k", "", &data) - 0.7) < 1e-15, "weighted top 2 (1 + 2 + 4) / 10");
    nib_confusion_matrix(&data, matrix);
    cr_expect(matrix[0] == 5 && matrix[3] == 2 && matrix[6] == 3, "weighted counts %g %g %g", matrix[0],
              matrix[3], matrix[6]);
}

Test(metrics, errors_and_binary_accuracy)
{
    static const float x[] = {0.5f, 2, 0.75f, -1, 0.25f, 1}, z[] = {1, 1, 1, 0, 0, 0}, weight[] = {1, 0, 2};
    const nib_data_target target = {.name = "y", .kind = NIB_TARGET_REAL, .width = 2, .value = z};
    nib_metric_data data = {.rows = 3, .width = 2, .prediction = x, .target = &target};
    cr_expect(fabs(value_of("mse", "", &data) - (0.25 + 1 + 0.0625 + 1 + 0.0625 + 1) / 6) < 1e-15, "mse %g",
              value_of("mse", "", &data));
    cr_expect(fabs(value_of("mae", "", &data) - (0.5 + 1 + 0.25 + 1 + 0.25 + 1) / 6) < 1e-15, "mae %g",
              value_of("mae", "", &data));
    /* 0.5 is not above the threshold */
    cr_expect(fabs(value_of("accuracy", "", &data) - 4.0 / 6) < 1e-15, "accuracy %g",
              value_of("accuracy", "", &data));
    data.weight = weight;
    cr_expect(fabs(value_of("mae", "", &data) - (0.75 + 2 * 0.625) / 3) < 1e-15, "weighted mae %g",
              value_of("mae", "", &data));
    cr_expect(fabs(value_of("mse", "", &data) - (0.625 + 2 * 0.53125) / 3) < 1e-15, "weighted mse %g",
              value_of("mse", "", &data));
    data.rows = 0;
    cr_expect(isnan(value_of("mse", "", &data)), "no rows, no error");
}
