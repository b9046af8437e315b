/* Initialisers: bounds, variance, fans, determinism, and how they are written. */
#include <math.h>

#include "tests/options_of.h"
#include "train/initializer.h"

static nib_initializer_config read(const char *text)
{
    nib_arena *arena = nib_arena_create();
    nib_error err = {0};
    nib_doc *doc;
    nib_initializer_config config = {0};
    cr_assert_eq(nib_yaml_parse(arena, "test", text, strlen(text), &doc, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_initializer_read(doc, "zeros", "init", &config, &err), NIB_OK, "%s: %s", text,
                 err.message);
    nib_arena_destroy(arena);
    return config;
}

typedef struct moments {
    double mean, variance, lowest, highest;
} moments;

static nib_params *table(nib_arena *arena, const char *layer, int rank, int64_t rows, int64_t cols)
{
    nib_error err = {0};
    nib_params *params = nib_params_create(arena);
    nib_params_add(arena, params, layer, "kernel", NIB_ROLE_KERNEL, rank, rows, cols, true);
    cr_assert_eq(nib_params_allocate(arena, params, &err), NIB_OK, "%s", err.message);
    return params;
}

static moments measure(const char *text, int rank, int64_t rows, int64_t cols)
{
    nib_arena *arena = nib_arena_create();
    nib_params *params = table(arena, "fc1", rank, rows, cols);
    const nib_initializer_config config = read(text);
    nib_initializer_fill(&config, params, 0, 7);
    const nib_param *p = &params->row[0];
    moments m = {0, 0, HUGE_VAL, -HUGE_VAL};
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < p->stride; c++) {
            const double w = (double)params->value[r * p->stride + c];
            if (c >= cols) {
                cr_assert(w == 0, "%s writes %g into the padding", text, w);
                continue;
            }
            m.mean += w / (double)(rows * cols);
            m.variance += w * w / (double)(rows * cols);
            m.lowest = fmin(m.lowest, w);
            m.highest = fmax(m.highest, w);
        }
    nib_arena_destroy(arena);
    return m;
}

Test(initializers, have_keras_variance_and_bounds)
{
    static const struct {
        const char *name;
        double scale;
        bool mean_fan, normal;
    } cases[] = {
        {"glorot_uniform", 1, true, false}, {"glorot_normal", 1, true, true},
        {"he_uniform", 2, false, false},    {"he_normal", 2, false, true},
        {"lecun_uniform", 1, false, false}, {"lecun_normal", 1, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const double fan = cases[i].mean_fan ? (120 + 200) / 2.0 : 120, variance = cases[i].scale / fan;
        const moments m = measure(cases[i].name, 2, 120, 200);
        /* 24 000 numbers: the mean is good to 0.0065 deviations, the variance to 1 % */
        cr_expect(fabs(m.mean) < 4 * sqrt(variance / 24000), "%s: mean %g", cases[i].name, m.mean);
        cr_expect(fabs(m.variance / variance - 1) < 0.04, "%s: variance %g, wanted %g", cases[i].name,
                  m.variance, variance);
        const double limit = cases[i].normal ? 2 * sqrt(variance) / 0.87962566103423978 : sqrt(3 * variance);
        const double reach = fmin(m.highest, -m.lowest);
        cr_expect(fmax(m.highest, -m.lowest) <= limit * (1 + 1e-6) && reach > 0.98 * limit,
                  "%s: in [%g, %g], limits +-%g", cases[i].name, m.lowest, m.highest, limit);
    }
}

Test(initializers, take_the_length_of_a_vector_as_fan)
{
    const moments m = measure("lecun_uniform", 1, 1, 3000), he = measure("he_uniform", 2, 3, 3000);
    cr_expect(fabs(m.highest - sqrt(3.0 / 3000)) < 0.01 * sqrt(3.0 / 3000), "vector: up to %g", m.highest);
    cr_expect(fabs(he.highest - sqrt(6.0 / 3)) < 0.01 * sqrt(6.0 / 3), "3 x 3000: up to %g", he.highest);
}

Test(initializers, fill_constants)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {{"zeros", 0}, {"ones", 1}, {"{constant: -0.25}", -0.25}, {"{constant: 3e2}", 300}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const moments m = measure(cases[i].text, 2, 3, 5);
        cr_expect(m.lowest == cases[i].value && m.highest == cases[i].value, "%s: [%g, %g]", cases[i].text,
                  m.lowest, m.highest);
    }
}

Test(initializers, depend_on_seed_and_name_alone)
{
    nib_arena *arena = nib_arena_create();
    const nib_initializer_config config = read("he_normal");
    nib_params *a = table(arena, "fc1", 2, 8, 16), *b = table(arena, "fc1", 2, 8, 16),
               *other = table(arena, "fc2", 2, 8, 16);
    nib_initializer_fill(&config, a, 0, 1);
    nib_initializer_fill(&config, b, 0, 1);
    nib_initializer_fill(&config, other, 0, 1);
    cr_expect(memcmp(a->value, b->value, sizeof(float) * 128) == 0, "the same seed gives other numbers");
    cr_expect(memcmp(a->value, other->value, sizeof(float) * 128) != 0, "two layers start equal");
    nib_initializer_fill(&config, b, 0, 2);
    cr_expect(memcmp(a->value, b->value, sizeof(float) * 128) != 0, "two seeds give the same numbers");
    nib_arena_destroy(arena);
}

Test(initializers, are_written_as_they_are_read)
{
    static const char *const texts[] = {"glorot_uniform", "zeros", "{constant: 0.1}", "he_normal"};
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        nib_error err = {0};
        const nib_initializer_config config = read(texts[i]);
        nib_initializer_config again = {0};
        nib_doc *doc = nib_initializer_write(arena, &config);
        cr_assert(doc, "out of memory");
        cr_assert_eq(nib_initializer_read(doc, "ones", "init", &again, &err), NIB_OK, "%s", err.message);
        cr_expect(again.kind == config.kind && again.value == config.value, "%s comes back as another",
                  texts[i]);
    }
    nib_initializer_config config = {0};
    cr_assert_eq(nib_initializer_read(NULL, "glorot_uniform", "init", &config, NULL), NIB_OK, "default");
    cr_expect_eq(config.kind, read("glorot_uniform").kind, "the default is another");
    nib_arena_destroy(arena);
}

Test(initializers, say_what_is_wrong)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"glorot_unifrom", "test:1:1: init: there is no initializer 'glorot_unifrom'; did you mean "
                           "'glorot_uniform'? (see nibble list initializers)"},
        {"constant", "test:1:1: init: constant needs its number: {constant: 0.1}"},
        {"{zeros: 1}", "test:1:9: init: zeros takes no number"},
    };
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nib_error err = {0};
        nib_doc *doc;
        nib_initializer_config config;
        cr_assert_eq(nib_yaml_parse(arena, "test", cases[i].text, strlen(cases[i].text), &doc, &err), NIB_OK,
                     "%s", err.message);
        cr_expect_eq(nib_initializer_read(doc, "zeros", "init", &config, &err), NIB_ERR_CONFIG,
                     "%s is accepted", cases[i].text);
        cr_expect_str_eq(err.message, cases[i].message, "%s: %s", cases[i].text, err.message);
    }
    nib_arena_destroy(arena);
}
