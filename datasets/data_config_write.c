/** The `data:` section as the canonical map. */
#include "core/file.h"
#include "datasets/data_config_internal.h"
#include "datasets/index_file.h"

#include <string.h>

/** What a file is called in the map: its full name, or its base name with the digest of its contents. */
typedef struct naming {
    nib_arena *arena;
    int n_files;
    const nib_data_file *files; /**< NULL: full names */
} naming;

static const nib_data_file *file_of(const naming *n, const char *path)
{
    for (int i = 0; i < n->n_files; i++)
        if (strcmp(n->files[i].path, path) == 0)
            return &n->files[i];
    return NULL;
}

static nib_doc *write_source(const naming *n, const nib_source_config *source)
{
    nib_arena *arena = n->arena;
    if (source->file) {
        nib_file_source_options o = {source->file, source->digest};
        const nib_data_file *file = file_of(n, source->file);
        if (n->files)
            o.file = nib_path_base(source->file);
        if (file) {
            o.digest = nib_arena_printf(arena, "crc32:%08x", file->crc);
        }
        return nib_options_write(arena, &nib_table_file_source, &o);
    }
    nib_doc *generator = nib_doc_new_scalar(arena, source->generator->name);
    if (source->generator->options.count > 0) {
        nib_doc *options = nib_options_write(arena, &source->generator->options, source->options);
        generator = nib_doc_new_map(arena);
        if (!generator || !nib_doc_add(arena, generator, source->generator->name, options))
            return NULL;
    }
    nib_generator_source_options o = {generator, source->n};
    return nib_options_write(arena, &nib_table_generator_source, &o);
}

/** NULL also when there are no names; then *ok stays true. */
static nib_doc *write_names(nib_arena *arena, const nib_names_config *names, bool *ok)
{
    nib_doc *doc = NULL;
    if (names->path) {
        doc = nib_doc_new_scalar(arena, names->path);
        *ok = *ok && doc;
    } else if (names->list.count > 0) {
        doc = nib_doc_new_list(arena);
        for (int i = 0; i < names->list.count; i++)
            *ok = *ok && nib_doc_add(arena, doc, NULL, nib_doc_new_scalar(arena, names->list.value[i]));
    }
    return doc;
}

static nib_doc *write_preprocess(nib_arena *arena, const nib_input_config *input)
{
    const nib_preprocessor *p = input->preprocessor;
    if (p->options.count == 0)
        return nib_doc_new_scalar(arena, p->name);
    nib_doc *map = nib_doc_new_map(arena);
    nib_doc *options = nib_options_write(arena, &p->options, input->preprocessor_options);
    return map && nib_doc_add(arena, map, p->name, options) ? map : NULL;
}

/** Without an empty `columns`. */
static nib_doc *write_array(nib_arena *arena, const nib_option_table *table, const void *options)
{
    nib_doc *map = nib_options_write(arena, table, options);
    const nib_doc *columns = nib_doc_get(map, "columns");
    if (columns && columns->kind == NIB_DOC_LIST && columns->count == 0)
        nib_doc_remove(map, "columns");
    return map;
}

static nib_doc *write_inputs(nib_arena *arena, const nib_data_config *c)
{
    bool ok = true;
    nib_doc *map = nib_doc_new_map(arena);
    for (int i = 0; i < c->n_inputs && map; i++) {
        const nib_array_config *array = &c->part[NIB_PART_TRAIN].input[i];
        nib_input_options o = {array->path, array->columns, write_preprocess(arena, &c->input[i]),
                               write_names(arena, &c->input[i].features, &ok)};
        if (!o.preprocess || !ok ||
            !nib_doc_add(arena, map, c->input[i].name, write_array(arena, &nib_table_input, &o)))
            return NULL;
    }
    return map;
}

static nib_doc *write_targets(nib_arena *arena, const nib_data_config *c)
{
    bool ok = true;
    nib_doc *map = nib_doc_new_map(arena);
    for (int i = 0; i < c->n_targets && map; i++) {
        const nib_array_config *array = &c->part[NIB_PART_TRAIN].target[i];
        nib_target_options o = {array->path, array->columns, write_names(arena, &c->target[i].classes, &ok)};
        if (!ok || !nib_doc_add(arena, map, c->target[i].name, write_array(arena, &nib_table_target, &o)))
            return NULL;
    }
    return map;
}

static nib_doc *write_part_arrays(nib_arena *arena, int count, const char *const *names,
                                  const nib_array_config *array)
{
    nib_doc *map = nib_doc_new_map(arena);
    for (int i = 0; i < count && map; i++) {
        nib_part_array_options o = {array[i].path, array[i].columns};
        if (!nib_doc_add(arena, map, names[i], write_array(arena, &nib_table_part_array, &o)))
            return NULL;
    }
    return map;
}

static nib_doc *write_own(const naming *n, const nib_data_config *c, const nib_part_config *part)
{
    nib_arena *arena = n->arena;
    nib_part_options o = {
        .source = part->own_source ? write_source(n, &part->source) : NULL,
        .inputs = write_part_arrays(arena, c->n_inputs, c->input_names, part->input),
        .targets =
            part->target ? write_part_arrays(arena, c->n_targets, c->target_names, part->target) : NULL,
        .weight = part->weight.path,
    };
    if ((part->own_source && !o.source) || !o.inputs || (part->target && !o.targets))
        return NULL;
    return nib_options_write(arena, &nib_table_part, &o);
}

static nib_doc *write_rows(const naming *n, const nib_part_config *part)
{
    nib_rows_options o = part->rows;
    const char *name, *dataset;
    if (nib_index_file_split(n->arena, o.rows, &name, &dataset, NULL) != NIB_OK)
        return NULL;
    const nib_data_file *file = file_of(n, name);
    if (n->files)
        o.rows = nib_arena_printf(n->arena, "%s%s%s", nib_path_base(name), dataset ? ":" : "",
                                  dataset ? dataset : "");
    if (file)
        o.digest = nib_arena_printf(n->arena, "crc32:%08x", file->crc);
    return nib_options_write(n->arena, &nib_table_rows, &o);
}

static nib_doc *write_part(const naming *n, const nib_data_config *c, const nib_part_config *part)
{
    nib_last_options last = {part->last};
    nib_fraction_options none = {0, false};
    switch (part->form) {
    case NIB_FORM_OWN:
        return write_own(n, c, part);
    case NIB_FORM_ROWS:
        return write_rows(n, part);
    case NIB_FORM_LAST:
        return nib_options_write(n->arena, &nib_table_last, &last);
    case NIB_FORM_FRACTION:
        return nib_options_write(n->arena, &nib_table_fraction, &part->fraction);
    case NIB_FORM_NONE:
        break;
    }
    return nib_options_write(n->arena, &nib_table_fraction, &none);
}

nib_doc *nib_data_config_write(nib_arena *arena, const nib_data_config *c, int n_files,
                               const nib_data_file *files)
{
    naming n = {arena, n_files, files};
    const nib_part_config *test = &c->part[NIB_PART_TEST];
    nib_data_options o = {
        .source = write_source(&n, &c->part[NIB_PART_TRAIN].source),
        .inputs = write_inputs(arena, c),
        .targets = write_targets(arena, c),
        .weight = c->part[NIB_PART_TRAIN].weight.path,
        .validation = write_part(&n, c, &c->part[NIB_PART_VALIDATION]),
        .test = test->form == NIB_FORM_NONE ? NULL : write_part(&n, c, test),
        .seed = c->seed,
    };
    if (!o.source || !o.inputs || !o.targets || !o.validation || (!o.test && test->form != NIB_FORM_NONE))
        return NULL;
    return nib_options_write(arena, &nib_table_data, &o);
}
