/* Prepared files: the same data mapped, the cache, damage at every byte of the header. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "datasets/prepared.h"
#include "files_fixture.h"

TestSuite(prepared, .init = files_setup, .fini = files_teardown);

static const char *const section =
    "{source: jets.h5, x: {path: train/x, features: names}, y: {path: train/label, classes: [q, g, t]}, "
    "test: 0.2}";

static void expect_equal_sets(const nib_dataset *a, const nib_dataset *b)
{
    cr_assert(a->rows == b->rows && a->n_inputs == b->n_inputs && a->n_targets == b->n_targets, "shapes");
    for (int i = 0; i < a->n_inputs; i++) {
        const nib_data_input *p = &a->input[i], *q = &b->input[i];
        cr_assert(p->width == q->width && strcmp(p->name, q->name) == 0, "input %d", i);
        cr_expect(!p->features == !q->features &&
                      (!p->features || strcmp(p->features[1], q->features[1]) == 0),
                  "names of input %d", i);
        int64_t elements = p->offsets ? p->offsets[a->rows] : a->rows;
        if (p->offsets)
            cr_assert_eq(memcmp(p->offsets, q->offsets, (size_t)(a->rows + 1) * sizeof(int64_t)), 0,
                         "offsets");
        cr_expect_eq(memcmp(p->x, q->x, (size_t)(elements * p->width) * sizeof(float)), 0, "input %d", i);
        cr_expect_eq((uintptr_t)q->x % 64, 0, "alignment");
    }
    for (int i = 0; i < a->n_targets; i++) {
        const nib_data_target *p = &a->target[i], *q = &b->target[i];
        cr_assert(p->width == q->width && p->kind == q->kind && strcmp(p->name, q->name) == 0, "target %d",
                  i);
        if (p->kind == NIB_TARGET_CLASS)
            cr_expect(memcmp(p->label, q->label, (size_t)a->rows * 4) == 0 &&
                          strcmp(p->classes[1], q->classes[1]) == 0,
                      "labels %d", i);
        else
            cr_expect_eq(memcmp(p->value, q->value, (size_t)(a->rows * p->width) * 4), 0, "numbers %d", i);
    }
    cr_assert_eq(!a->weight, !b->weight, "weights");
    if (a->weight)
        cr_expect_eq(memcmp(a->weight, b->weight, (size_t)a->rows * 4), 0, "weights");
}

static void expect_equal(const nib_data *a, const nib_data *b)
{
    expect_equal_sets(&a->train, &b->train);
    expect_equal_sets(&a->validation, &b->validation);
    expect_equal_sets(&a->test, &b->test);
    cr_assert(a->n_inputs == b->n_inputs && a->n_files == b->n_files && a->fingerprint == b->fingerprint,
              "numbers");
    for (int i = 0; i < a->n_inputs; i++)
        cr_expect(memcmp(a->preprocess[i].shift, b->preprocess[i].shift,
                         (size_t)a->preprocess[i].width * sizeof(double)) == 0 &&
                      memcmp(a->preprocess[i].divisor, b->preprocess[i].divisor,
                             (size_t)a->preprocess[i].width * sizeof(double)) == 0 &&
                      strcmp(a->preprocess[i].kind, b->preprocess[i].kind) == 0,
                  "preprocessing %d", i);
    for (int i = 0; i < a->n_files; i++)
        cr_expect(strcmp(a->files[i].path, b->files[i].path) == 0 && a->files[i].crc == b->files[i].crc &&
                      strcmp(a->files[i].name, b->files[i].name) == 0,
                  "file %d", i);
}

Test(prepared, maps_what_was_loaded)
{
    nib_data *mapped;
    fx_jets(50);
    for (int kind = 0; kind < 2; kind++) {
        const nib_data *d = fx_loaded(section, kind ? NIB_TARGET_REAL : NIB_TARGET_CLASS);
        cr_assert_eq(nib_prepared_write(fx_path("a.prep"), d, &fx.err), NIB_OK, "%s", fx.err.message);
        cr_assert_eq(nib_prepared_map(fx_path("a.prep"), &mapped, &fx.err), NIB_OK, "%s", fx.err.message);
        expect_equal(d, mapped);
        nib_data_destroy(mapped);
    }
}

/* Sets and weights, which the section above does not make. */
Test(prepared, maps_sets_and_weights)
{
    static const int64_t offsets[] = {0, 2, 2, 5};
    static const float x[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, weight[3] = {1, 0, 2};
    static const double shift[2] = {0}, divisor[2] = {1, 1};
    const nib_data_input input = {"x", 2, NULL, x, offsets};
    const nib_preprocess_state state = {"x", "none", 2, shift, divisor, NULL};
    nib_data d = {.n_inputs = 1, .preprocess = &state}, *mapped;
    static const int64_t none[] = {0};
    const nib_data_input nothing = {"x", 2, NULL, x, none};
    d.train = (nib_dataset){.rows = 3, .n_inputs = 1, .input = &input, .weight = weight};
    d.validation = d.test = (nib_dataset){.n_inputs = 1, .input = &nothing};
    cr_assert_eq(nib_prepared_write(fx_path("s.prep"), &d, &fx.err), NIB_OK, "%s", fx.err.message);
    cr_assert_eq(nib_prepared_map(fx_path("s.prep"), &mapped, &fx.err), NIB_OK, "%s", fx.err.message);
    expect_equal(&d, mapped);
    nib_data_destroy(mapped);
}

static int files_in(const char *folder)
{
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        (void)closedir(d);
    return n;
}

static nib_data *cached(const char *yaml, nib_target_kind kind)
{
    nib_data_config *config;
    nib_doc *resolved;
    nib_data *data;
    cr_assert_eq(fx_config(yaml, &config, &resolved), NIB_OK, "%s", fx.err.message);
    nib_data_config_set_target_kind(config, 0, kind);
    cr_assert_eq(nib_prepared_load(config, fx_path("runs/prepared"), NULL, NULL, &data, &fx.err), NIB_OK,
                 "%s", fx.err.message);
    cr_expect_not_null(data->mapping, "it is mapped");
    return data;
}

Test(prepared, one_file_per_section_and_contents)
{
    const char *folder = fx_path("runs/prepared");
    fx_jets(50);
    nib_data *first = cached(section, NIB_TARGET_CLASS);
    expect_equal(fx_loaded(section, NIB_TARGET_CLASS), first);
    cr_expect_eq(files_in(folder), 1, "one file");
    nib_data_destroy(cached(section, NIB_TARGET_CLASS));
    cr_expect_eq(files_in(folder), 1, "the same file");
    nib_data_destroy(cached(section, NIB_TARGET_REAL));
    cr_expect_eq(files_in(folder), 2, "targets read as numbers");
    nib_data_destroy(cached("{source: jets.h5, x: train/x, y: train/label, seed: 9}", NIB_TARGET_CLASS));
    cr_expect_eq(files_in(folder), 3, "another section");
    fx_jets(51);
    nib_data *other = cached(section, NIB_TARGET_CLASS);
    cr_expect_eq(files_in(folder), 4, "other contents");
    cr_expect(other->train.rows + other->validation.rows + other->test.rows == 51, "rows");
    nib_data_destroy(other);
    nib_data_destroy(first);
}

Test(prepared, damage_is_noticed)
{
    char *image;
    size_t bytes;
    nib_data *mapped;
    fx_jets(20);
    const nib_data *d = fx_loaded(section, NIB_TARGET_CLASS);
    cr_assert_eq(nib_prepared_write(fx_path("a.prep"), d, &fx.err), NIB_OK, "%s", fx.err.message);
    cr_assert_eq(nib_file_read(fx.arena, fx_path("a.prep"), 1 << 20, &image, &bytes, &fx.err), NIB_OK, "%s",
                 fx.err.message);
    uint64_t head_bytes;
    memcpy(&head_bytes, image + 24, sizeof head_bytes);
    for (size_t at = 0; at < head_bytes; at++) {
        if (at >= 36 && at < 40)
            continue; /* reserved */
        image[at] ^= 0x41;
        FILE *f = fopen(fx_path("b.prep"), "wb");
        cr_assert(f && fwrite(image, 1, bytes, f) == bytes && fclose(f) == 0, "writing");
        cr_expect_eq(nib_prepared_map(fx_path("b.prep"), &mapped, &fx.err), NIB_ERR_INPUT, "byte %zu", at);
        image[at] ^= 0x41;
    }
    for (size_t cut = 0; cut < bytes; cut += 13) {
        cr_assert_eq(truncate(fx_path("a.prep"), (off_t)(bytes - 1 - cut)), 0, "truncate");
        cr_expect_eq(nib_prepared_map(fx_path("a.prep"), &mapped, &fx.err), NIB_ERR_INPUT, "cut by %zu", cut);
    }
    cr_expect_eq(nib_prepared_map(fx_path("no.prep"), &mapped, &fx.err), NIB_ERR_INPUT, "missing");
}
