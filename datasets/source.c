#include "datasets/source.h"

#include "core/file.h"
#include "core/names.h"

#include <string.h>

struct nib_source {
    nib_arena *arena; /* owns the source, and the arrays of a generator */
    const nib_reader *reader;
    void *state;
    const char *name;
};

static nib_status create(nib_source **source, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    *source = arena ? NIB_NEW(arena, nib_source, 1) : NULL;
    if (!*source) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "data source");
    }
    (*source)->arena = arena;
    return NIB_OK;
}

/** ".h5, .npy" for messages. */
static void list_suffixes(char *text, size_t bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < nib_readers_count; i++)
        for (const char *const *suffix = nib_readers[i]->suffixes; *suffix; suffix++) {
            size_t n = strlen(*suffix);
            if (used + n + 3 > bytes)
                return;
            if (used) {
                memcpy(text + used, ", ", 2);
                used += 2;
            }
            memcpy(text + used, *suffix, n + 1);
            used += n;
        }
}

static nib_status open_file(nib_source *source, const char *path, nib_error *err)
{
    source->name = nib_arena_strdup(source->arena, nib_path_base(path));
    if (!source->name)
        return nib_fail_memory(err, "data source");
    if (!nib_file_exists(path))
        return nib_fail(err, NIB_ERR_INPUT, "%s: there is no such file", path);
    source->reader = nib_reader_for(path);
    if (!source->reader) {
        char known[128];
        list_suffixes(known, sizeof known);
        return nib_fail(err, NIB_ERR_UNSUPPORTED, "%s: no reader for this kind of file; known suffixes: %s",
                        path, known);
    }
    return source->reader->open(source->arena, path, &source->state, err);
}

nib_status nib_source_open(nib_source **source, const char *path, nib_error *err)
{
    NIB_TRY(create(source, err));
    nib_status status = open_file(*source, path, err);
    if (status != NIB_OK) {
        nib_arena_destroy((*source)->arena); /* nothing is open */
        *source = NULL;
    }
    return status;
}

nib_status nib_source_generate(nib_source **source, const nib_generator *generator, const void *options,
                               uint64_t seed, int64_t rows, nib_team *team, nib_error *err)
{
    NIB_TRY(create(source, err));
    nib_arena *arena = (*source)->arena;
    nib_raw *raw = NIB_NEW(arena, nib_raw, 1);
    (*source)->reader = &nib_reader_memory;
    (*source)->state = raw;
    (*source)->name = nib_arena_printf(arena, "generator %s", generator->name);
    nib_status status = raw && (*source)->name
                            ? generator->generate(arena, options, seed, rows, team, raw, err)
                            : nib_fail_memory(err, "data source");
    if (status != NIB_OK) {
        nib_arena_destroy(arena);
        *source = NULL;
    }
    return status;
}

void nib_source_close(nib_source *source)
{
    if (!source)
        return;
    source->reader->close(source->state);
    nib_arena_destroy(source->arena);
}

const char *nib_source_name(const nib_source *source)
{
    return source->name;
}

bool nib_source_has(nib_source *source, const char *path)
{
    return source->reader->has(source->state, path);
}

/** The array is not there: name the nearest, or what there is. */
static nib_status fail_missing(nib_source *source, const char *path, nib_error *err)
{
    int count = 0;
    const char *const *paths = NULL;
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "names of arrays");
    if (source->reader->list(source->state, arena, &count, &paths, err) != NIB_OK)
        count = 0;
    const char *nearest = nib_names_nearest(path, paths, (size_t)count);
    nib_status status;
    if (nearest)
        status =
            nib_fail(err, NIB_ERR_CONFIG, "%s has no '%s' (did you mean '%s'?)", source->name, path, nearest);
    else if (count == 0)
        status = nib_fail(err, NIB_ERR_CONFIG, "%s has no '%s' (it holds no arrays)", source->name, path);
    else
        status = nib_fail(err, NIB_ERR_CONFIG, "%s has no '%s' (it has %s%s%s%s%s%s)", source->name, path,
                          paths[0], count > 1 ? ", " : "", count > 1 ? paths[1] : "", count > 2 ? ", " : "",
                          count > 2 ? paths[2] : "", count > 3 ? ", ..." : "");
    nib_arena_destroy(arena);
    return status;
}

nib_status nib_source_describe(nib_source *source, const char *path, nib_array_info *info, nib_error *err)
{
    if (!nib_source_has(source, path))
        return fail_missing(source, path, err);
    return source->reader->describe(source->state, path, info, err);
}

nib_status nib_source_read(nib_source *source, const char *path, int64_t first, int64_t rows, double *out,
                           nib_error *err)
{
    return source->reader->read(source->state, path, first, rows, out, err);
}

nib_status nib_source_texts(nib_source *source, const char *path, nib_arena *arena, int *count,
                            const char *const **texts, nib_error *err)
{
    return source->reader->texts(source->state, path, arena, count, texts, err);
}

nib_status nib_source_names(nib_source *source, const char *path, nib_arena *arena, int *count,
                            const char *const **names, nib_error *err)
{
    return source->reader->names(source->state, path, arena, count, names, err);
}
