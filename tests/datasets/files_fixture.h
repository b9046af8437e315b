/** A temporary folder with data files for tests of datasets/, and one-line ways to write and load them. */
#ifndef NIB_TESTS_DATASETS_FILES_FIXTURE_H
#define NIB_TESTS_DATASETS_FILES_FIXTURE_H

#include "core/h5.h"
#include "datasets/data.h"

typedef struct files_fixture {
    char folder[64];
    nib_arena *arena;
    nib_h5 *file; /* being written */
    nib_error err;
    nib_data *data;
    int warnings;
    char warning[256]; /* the last one */
} files_fixture;

extern files_fixture fx;

/** Init and fini of a test suite. */
void files_setup(void);
void files_teardown(void);

/** Path of a file in the folder, in the fixture's arena. */
const char *fx_path(const char *name);

void fx_begin(void);
void fx_f32(const char *path, int64_t rows, int64_t cols, const float *value); /* cols 0: rank 1 */
void fx_f64(const char *path, int64_t rows, int64_t cols, const double *value);
void fx_i32(const char *path, int64_t rows, int64_t cols, const int32_t *value);
void fx_end(const char *name);
void fx_text(const char *name, const char *text);

/** jets.h5: train/x [n, 3] (column j of row i is 10 i + j), train/label [n] (i % 3), names a, b, c at
 * /names. */
void fx_jets(int64_t n);

/** Read the section, and load. `kind`: of all targets. */
nib_status fx_config(const char *yaml, nib_data_config **config, nib_doc **resolved);
nib_status fx_load(const char *yaml, nib_target_kind kind);
/** The same, which must work. */
const nib_data *fx_loaded(const char *yaml, nib_target_kind kind);
/** It must fail with this message. */
void fx_fails(const char *yaml, nib_target_kind kind, nib_status status, const char *message);

#endif
