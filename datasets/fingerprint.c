/** What data are, in numbers: digests of the files, a fingerprint of the section with them. */
#include "core/file.h"
#include "datasets/index_file.h"
#include "datasets/load_internal.h"

#include <stdio.h>
#include <string.h>

/** Note a file once. @param digest  that it must have, or NULL */
static nib_status note_file(nib_arena *arena, nib_file_list *list, const char *path, const char *digest,
                            const nib_doc_place *place, nib_error *err)
{
    int i = 0;
    while (i < list->count && strcmp(list->file[i].path, path) != 0)
        i++;
    nib_data_file *file = &list->file[i];
    if (i == list->count) {
        if (!nib_file_exists(path))
            return nib_doc_fail(place, err, NIB_ERR_INPUT, "%s: there is no such file", path);
        NIB_TRY(nib_file_digest(path, &file->crc, &file->bytes, err));
        file->path = nib_arena_strdup(arena, path);
        file->name = nib_arena_strdup(arena, nib_path_base(path));
        if (!file->path || !file->name)
            return nib_fail_memory(err, "file names");
        list->count++;
    }
    char actual[32];
    (void)snprintf(actual, sizeof actual, "crc32:%08x", file->crc);
    if (digest && strcmp(digest, actual) != 0)
        return nib_doc_fail(place, err, NIB_ERR_INPUT,
                            "%s has other contents than expected: %s, but the config says %s", path, actual,
                            digest);
    return NIB_OK;
}

/* Rows are drawn from it, or classes are counted there. */
bool nib_load_needs_training(const nib_data_config *config, bool all)
{
    const nib_part_config *test = &config->part[NIB_PART_TEST];
    if (all || test->form != NIB_FORM_OWN)
        return true;
    for (int i = 0; test->target && i < config->n_targets; i++)
        if (config->target[i].kind == NIB_TARGET_CLASS && config->target[i].n_known == 0 &&
            config->target[i].classes.list.count == 0)
            return true;
    return false;
}

/** The file that loading opens for a part (NULL: none), and whether as a source or for row numbers.
 *  @param dataset  of row numbers in a data file, else NULL */
static nib_status file_of_part(nib_arena *arena, const nib_data_config *config, nib_part part, bool all,
                               const char **file, const char **dataset, nib_error *err)
{
    const nib_part_config *c = &config->part[part];
    const bool training = nib_load_needs_training(config, all);
    const bool wanted = part == NIB_PART_TRAIN ? training : all || part == NIB_PART_TEST;
    *file = *dataset = NULL;
    if (c->form == NIB_FORM_OWN && wanted)
        *file = c->source.file;
    if (c->form == NIB_FORM_ROWS && training)
        return nib_index_file_split(arena, c->rows.rows, file, dataset, err);
    return NIB_OK;
}

nib_status nib_files_digest(nib_arena *arena, const nib_data_config *config, bool all, nib_file_list *list,
                            nib_error *err)
{
    list->count = 0;
    for (nib_part part = NIB_PART_TRAIN; part < NIB_PART_COUNT; part++) {
        const nib_part_config *c = &config->part[part];
        const char *file, *dataset;
        NIB_TRY(file_of_part(arena, config, part, all, &file, &dataset, err));
        if (!file)
            continue;
        const bool rows = c->form == NIB_FORM_ROWS;
        NIB_TRY(note_file(arena, list, file, rows ? c->rows.digest : c->source.digest,
                          rows ? &c->place : &c->source.place, err));
    }
    return NIB_OK;
}

nib_status nib_data_config_files(nib_arena *arena, const nib_data_config *config, nib_data_parts parts,
                                 int *count, const char **paths, nib_error *err)
{
    _Static_assert((int)NIB_DATA_MAX_FILES >= (int)NIB_PART_COUNT, "one file of each part");
    int n = 0;
    for (nib_part part = NIB_PART_TRAIN; part < NIB_PART_COUNT; part++) {
        const char *file, *dataset;
        NIB_TRY(file_of_part(arena, config, part, parts == NIB_DATA_ALL, &file, &dataset, err));
        int i = 0;
        while (file && i < n && strcmp(paths[i], file) != 0)
            i++;
        if (file && i == n && (dataset || config->part[part].form == NIB_FORM_OWN))
            paths[n++] = file;
    }
    *count = n;
    return NIB_OK;
}

/** FNV-1a over the tree: equal canonical sections give equal numbers, however they were written. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (const char *p = text; *p; p++)
        hash = (hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
    return (hash ^ 0xff) * UINT64_C(1099511628211);
}

static uint64_t hash_doc(uint64_t hash, const nib_doc *doc)
{
    if (doc->kind == NIB_DOC_SCALAR)
        return hash_text(hash, doc->text);
    hash = hash_text(hash, doc->kind == NIB_DOC_MAP ? "{" : "[");
    for (int i = 0; i < doc->count; i++) {
        if (doc->entries[i].key)
            hash = hash_text(hash, doc->entries[i].key);
        hash = hash_doc(hash, doc->entries[i].value);
    }
    return hash_text(hash, "}");
}

nib_status nib_fingerprint(const nib_data_config *config, const nib_file_list *list, uint64_t *fingerprint,
                           nib_error *err)
{
    nib_arena *scratch = nib_arena_create();
    const nib_doc *canonical =
        scratch ? nib_data_config_write(scratch, config, list->count, list->file) : NULL;
    if (canonical)
        *fingerprint = hash_doc(UINT64_C(14695981039346656037), canonical);
    nib_arena_destroy(scratch);
    return canonical ? NIB_OK : nib_fail_memory(err, "fingerprint");
}
