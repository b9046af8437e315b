/* nibble data synth: a generator's rows as an HDF5 file. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "core/file.h"
#include "core/names.h"
#include "core/yaml.h"
#include "datasets/generator.h"
#include "tools/data_command.h"

static nib_status find_generator(const char *name, const nib_generator **generator, nib_error *err)
{
    const char *names[64];
    int n = nib_generators_count < 64 ? nib_generators_count : 64;
    for (int i = 0; i < n; i++)
        names[i] = nib_generators[i]->name;
    *generator = nib_generator_find(name);
    if (*generator)
        return NIB_OK;
    const char *nearest = nib_names_nearest(name, names, (size_t)n);
    if (nearest)
        return nib_fail(err, NIB_ERR_USAGE, "nibble data synth: no generator '%s' (did you mean '%s'?)", name,
                        nearest);
    return nib_fail(err, NIB_ERR_USAGE, "nibble data synth: no generator '%s' (nibble list generators)",
                    name);
}

/** `--set key=value`, one after the other, as a map; what comes later wins. */
static nib_status read_settings(nib_arena *arena, const nib_arg_list *set, nib_doc **map, nib_error *err)
{
    *map = nib_doc_new_map(arena);
    for (int i = 0; *map && i < set->count; i++) {
        const char *text = set->text[i], *equals = strchr(text, '=');
        if (!equals || equals == text)
            return nib_fail(err, NIB_ERR_USAGE, "nibble data synth: --set %s: write OPTION=VALUE", text);
        char *key = nib_arena_strndup(arena, text, (size_t)(equals - text));
        nib_doc *value = key ? nib_doc_new_scalar(arena, equals + 1) : NULL;
        if (!value)
            return nib_fail_memory(err, "settings");
        value->place.file = "--set";
        nib_doc_remove(*map, key);
        if (!nib_doc_add(arena, *map, key, value))
            return nib_fail_memory(err, "settings");
        nib_doc_entry_of(*map, key)->place.file = "--set";
    }
    return *map ? NIB_OK : nib_fail_memory(err, "settings");
}

/** The start of a data section that makes the same rows. */
static nib_status made_by(nib_arena *arena, const nib_generator *generator, const void *options, int64_t rows,
                          int64_t seed, char **text, nib_error *err)
{
    nib_doc *data = nib_doc_new_map(arena), *source = nib_doc_new_map(arena);
    nib_doc *choice = nib_doc_new_map(arena);
    nib_doc *written = nib_options_write(arena, &generator->options, options);
    bool whole = data && source && choice && nib_doc_add(arena, choice, generator->name, written) &&
                 nib_doc_add(arena, source, "generator", choice) &&
                 nib_doc_add_text(arena, source, "n", "%" PRId64, rows) &&
                 nib_doc_add(arena, data, "source", source) &&
                 nib_doc_add_text(arena, data, "seed", "%" PRId64, seed);
    if (!whole)
        return nib_fail_memory(err, "settings");
    return nib_yaml_write(arena, data, text, err);
}

static nib_status write_array(nib_h5 *file, const nib_raw_array *array, nib_error *err)
{
    if (array->type == NIB_RAW_F32)
        NIB_TRY(nib_h5_write_f32(file, array->path, array->rank, array->dim, array->data, err));
    else
        NIB_TRY(nib_h5_write_i32(file, array->path, array->rank, array->dim, array->data, err));
    if (!array->names)
        return NIB_OK;
    const char *attribute = array->type == NIB_RAW_F32 ? "features" : "classes";
    return nib_data_write_names(file, array->path, attribute, array->n_names, array->names, err);
}

static nib_status write_file(const char *path, const nib_raw *raw, const char *text, nib_error *err)
{
    nib_h5 *file;
    NIB_TRY(nib_h5_create(&file, err));
    nib_status status = nib_h5_write_text(file, "made_by", text, err);
    for (int i = 0; status == NIB_OK && i < raw->count; i++)
        status = write_array(file, &raw->array[i], err);
    if (status == NIB_OK)
        return nib_h5_commit(file, path, err);
    nib_h5_close(file);
    return status;
}

static nib_status synth(nib_arena *arena, const nib_data_command *o, const nib_generator *generator,
                        nib_team *team, nib_error *err)
{
    nib_doc *map;
    nib_raw raw;
    char *text;
    struct timespec begin, end;
    int64_t seed = o->seed ? o->seed : 1;
    void *options = nib_arena_alloc(arena, 1, generator->options.bytes);
    if (!options)
        return nib_fail_memory(err, "settings");
    NIB_TRY(read_settings(arena, &o->set, &map, err));
    NIB_TRY(nib_options_read(arena, &generator->options, map, generator->name, options, err));
    NIB_TRY(made_by(arena, generator, options, o->rows, seed, &text, err));
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    NIB_TRY(generator->generate(arena, options, (uint64_t)seed, o->rows, team, &raw, err));
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    NIB_TRY(write_file(o->output, &raw, text, err));
    double seconds = (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    if (!o->quiet)
        fprintf(stderr, "%" PRId64 " rows in %.2f s (%.0f per s, threads: %d), written to %s\n", raw.rows,
                seconds, (double)raw.rows / seconds, nib_team_threads(team), o->output);
    return NIB_OK;
}

nib_status nib_data_synth(const nib_data_command *options, const char *name, nib_team *team, nib_error *err)
{
    const nib_generator *generator;
    NIB_TRY(find_generator(name, &generator, err));
    NIB_TRY(nib_data_check_output(options, options->output, err));
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "data");
    nib_status status = synth(arena, options, generator, team, err);
    nib_arena_destroy(arena);
    return status;
}
