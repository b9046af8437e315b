#include "tests/quant/golden_file.h"

#include <criterion/criterion.h>

#include <string.h>

nib_h5 *golden_open(const char *name)
{
    nib_arena *arena = nib_arena_create();
    nib_error err = {0};
    nib_h5 *file = NULL;
    const char *path = nib_arena_printf(arena, "%s/quant/golden/%s", NIB_TEST_FOLDER, name);
    cr_assert_eq(nib_h5_open(&file, path, &err), NIB_OK, "%s", err.message);
    nib_arena_destroy(arena);
    return file;
}

float *golden_floats(nib_arena *arena, nib_h5 *file, const char *path, int64_t *n)
{
    nib_error err = {0};
    nib_h5_info info;
    cr_assert_eq(nib_h5_dataset_info(file, path, &info, &err), NIB_OK, "%s", err.message);
    float *values = NIB_NEW(arena, float, info.elements);
    cr_assert_eq(nib_h5_read_f32(file, path, 0, info.dim[0], values, &err), NIB_OK, "%s", err.message);
    *n = info.elements;
    return values;
}

char **golden_lines(nib_arena *arena, nib_h5 *file, const char *path)
{
    nib_error err = {0};
    const char *text = NULL;
    cr_assert_eq(nib_h5_read_text(file, path, arena, &text, &err), NIB_OK, "%s", err.message);
    int64_t n = 0;
    for (const char *c = text; *c; c++)
        n += *c == '\n';
    char **lines = NIB_NEW(arena, char *, n + 1), *line = nib_arena_strdup(arena, text);
    for (int64_t i = 0; i < n; i++) {
        lines[i] = line;
        line += strcspn(line, "\n");
        *line++ = '\0';
    }
    lines[n] = NULL;
    return lines;
}

nib_quantizer_config golden_quantizer(nib_arena *arena, const char *text)
{
    nib_error err = {0};
    nib_quantizer_config q = {0};
    cr_assert_eq(nib_quantizer_parse(arena, text, &q, &err), NIB_OK, "%s", err.message);
    return q;
}
