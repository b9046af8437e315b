/* nibble data observables: the observables of the jets generator on anybody's constituents. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "datasets/observables.h"
#include "datasets/source.h"
#include "tools/data_command.h"
#include "tools/probe.h"

/* Rows read at once; jets given to a thread at once. */
enum { BLOCK_ROWS = 1024, TASK_ROWS = 64 };

/* Far more than any detector sees: beyond it the columns are not what they should be. */
static const double ETA_MAX = 20;

/** The rows of one block. */
typedef struct block {
    int64_t rows, constituents;
    const double *read; /**< [rows, constituents, 3] */
    float *x;           /**< the same */
    float *out;         /**< [rows, NIB_OBSERVABLES] */
    nib_observables_work **work;
} block;

static void compute_task(void *context, int index, int worker)
{
    const block *b = context;
    int64_t width = b->constituents * NIB_CONSTITUENT_FEATURES;
    int64_t first = (int64_t)index * TASK_ROWS;
    int64_t last = first + TASK_ROWS < b->rows ? first + TASK_ROWS : b->rows;
    for (int64_t i = first * width; i < last * width; i++)
        b->x[i] = (float)b->read[i];
    for (int64_t row = first; row < last; row++)
        nib_observables_compute(b->work[worker], b->x + row * width, b->constituents,
                                b->out + row * NIB_OBSERVABLES);
}

/** What cannot be a constituent, told by row and constituent. */
static nib_status check_block(const char *file, const char *path, int64_t first, const block *b,
                              nib_error *err)
{
    static const char *const names[] = {"pT", "eta", "phi"};
    const int64_t width = b->constituents * NIB_CONSTITUENT_FEATURES;
    for (int64_t i = 0; i < b->rows * width; i++) {
        int column = (int)(i % NIB_CONSTITUENT_FEATURES);
        double value = b->read[i];
        int64_t row = first + i / width, constituent = i % width / NIB_CONSTITUENT_FEATURES;
        if (!isfinite((float)value))
            return nib_fail(err, NIB_ERR_INPUT,
                            "%s: %s: row %" PRId64 ", constituent %" PRId64 ": %s is %g, not a finite float",
                            file, path, row, constituent, names[column], value);
        if (column == 1 && fabs(value) > ETA_MAX)
            return nib_fail(err, NIB_ERR_INPUT,
                            "%s: %s: row %" PRId64 ", constituent %" PRId64
                            ": eta is %g, beyond %g; the columns must be pT, eta, phi",
                            file, path, row, constituent, value, ETA_MAX);
    }
    return NIB_OK;
}

static nib_status check_shape(const char *file, const char *path, const nib_array_info *info, nib_error *err)
{
    if (!info->numeric)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s holds no numbers", file, path);
    if (info->rank != 3 || info->dim[2] != NIB_CONSTITUENT_FEATURES || info->dim[1] < 1)
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: %s has %d dimensions, the last of %" PRId64
                        "; constituents are [rows, constituents, 3] of pT, eta, phi",
                        file, path, info->rank, info->rank ? info->dim[info->rank - 1] : 0);
    if (info->dim[1] > NIB_CONSTITUENTS_MAX)
        return nib_fail(err, NIB_ERR_UNSUPPORTED, "%s: %s has %" PRId64 " constituents per jet, at most %d",
                        file, path, info->dim[1], NIB_CONSTITUENTS_MAX);
    if (info->rows < 1)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s has no rows", file, path);
    return NIB_OK;
}

static nib_status compute(nib_arena *arena, nib_source *source, const char *path, const nib_array_info *info,
                          nib_team *team, float *out, nib_error *err)
{
    int workers = nib_team_threads(team);
    int64_t width = info->width;
    double *read = NIB_NEW(arena, double, BLOCK_ROWS *width);
    block b = {.constituents = info->dim[1], .read = read, .x = NIB_NEW(arena, float, BLOCK_ROWS *width)};
    b.work = NIB_NEW(arena, nib_observables_work *, workers);
    bool whole = read && b.x && b.work;
    for (int w = 0; whole && w < workers; w++)
        whole = (b.work[w] = nib_observables_work_create(arena, (int)b.constituents)) != NULL;
    if (!whole)
        return nib_fail_memory(err, "constituents");
    for (int64_t first = 0; first < info->rows; first += BLOCK_ROWS) {
        b.rows = info->rows - first < BLOCK_ROWS ? info->rows - first : BLOCK_ROWS;
        b.out = out + first * NIB_OBSERVABLES;
        NIB_TRY(nib_source_read(source, path, first, b.rows, read, err));
        NIB_TRY(check_block(nib_source_name(source), path, first, &b, err));
        nib_team_run(team, compute_task, &b, (int)((b.rows + TASK_ROWS - 1) / TASK_ROWS));
    }
    return NIB_OK;
}

static nib_status write_file(const char *path, int64_t rows, const float *observables, nib_error *err)
{
    nib_h5 *file;
    const int64_t dim[] = {rows, NIB_OBSERVABLES};
    NIB_TRY(nib_h5_create(&file, err));
    nib_status status = nib_h5_write_f32(file, "hlf16", 2, dim, observables, err);
    if (status == NIB_OK)
        status = nib_data_write_names(file, "hlf16", "features", NIB_OBSERVABLES, nib_observable_names, err);
    if (status == NIB_OK)
        return nib_h5_commit(file, path, err);
    nib_h5_close(file);
    return status;
}

static nib_status convert(nib_arena *arena, const nib_data_command *o, nib_source *source, const char *out,
                          nib_team *team, nib_error *err)
{
    const char *path = o->path ? o->path : "x";
    nib_array_info info;
    NIB_TRY(nib_source_describe(source, path, &info, err));
    NIB_TRY(check_shape(nib_source_name(source), path, &info, err));
    float *observables = NIB_NEW(arena, float, info.rows *NIB_OBSERVABLES);
    if (!observables)
        return nib_fail_memory(err, "observables");
    NIB_TRY(compute(arena, source, path, &info, team, observables, err));
    NIB_TRY(write_file(out, info.rows, observables, err));
    if (!o->quiet)
        fprintf(stderr, "%" PRId64 " rows of up to %" PRId64 " constituents, observables written to %s\n",
                info.rows, info.dim[1], out);
    return NIB_OK;
}

nib_status nib_data_observables(const nib_data_command *options, const char *in, const char *out,
                                nib_team *team, nib_error *err)
{
    nib_source *source;
    NIB_TRY(nib_data_check_output(options, out, err));
    NIB_TRY(nib_probe_file(in, err));
    NIB_TRY(nib_source_open(&source, in, err));
    nib_arena *arena = nib_arena_create();
    nib_status status =
        arena ? convert(arena, options, source, out, team, err) : nib_fail_memory(err, "observables");
    nib_arena_destroy(arena);
    nib_source_close(source);
    return status;
}
