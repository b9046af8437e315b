/* Strings, attributes, and listings of HDF5 files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/h5_internal.h"

/* A dataset or an attribute of strings. */
typedef struct string_source {
    nib_h5 *file;
    const char *path;
    hid_t id; /* of the dataset or attribute */
    bool attribute;
    int64_t count;
} string_source;

static herr_t read_raw(const string_source *source, hid_t type, void *buffer)
{
    /* A piece holds one text at least. */
    const hid_t transfer = H5Tget_size(type) <= NIB_H5_PIECE_BYTES ? source->file->transfer : H5P_DEFAULT;
    return source->attribute ? H5Aread(source->id, type, buffer)
                             : H5Dread(source->id, type, H5S_ALL, H5S_ALL, transfer, buffer);
}

static nib_status read_fixed(const string_source *source, hid_t stored, nib_arena *arena, const char **text,
                             nib_error *err)
{
    size_t width = H5Tget_size(stored) + 1; /* room for the NUL */
    if (width == 1 || (size_t)source->count > NIB_H5_MAX_TEXT_BYTES / width)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: more than 64 MiB of text", source->file->path,
                        source->path);
    hid_t memory = H5Tcopy(H5T_C_S1);
    char *block = nib_arena_alloc(arena, (size_t)source->count, width);
    nib_status status = NIB_OK;
    if (!block)
        status = nib_fail_memory(err, source->path);
    else if (memory < 0 || H5Tset_size(memory, width) < 0 || H5Tset_cset(memory, H5Tget_cset(stored)) < 0 ||
             read_raw(source, memory, block) < 0)
        status = nib_h5_fail(source->file, source->path, err, NIB_ERR_INPUT, "read the text");
    if (memory >= 0)
        (void)H5Tclose(memory);
    for (int64_t i = 0; status == NIB_OK && i < source->count; i++) {
        block[((size_t)i + 1) * width - 1] = '\0';
        text[i] = block + (size_t)i * width;
    }
    return status;
}

static nib_status copy_variable(const string_source *source, nib_arena *arena, char *const *raw,
                                const char **text, nib_error *err)
{
    for (int64_t i = 0; i < source->count; i++) {
        text[i] = nib_arena_strdup(arena, raw[i] ? raw[i] : "");
        if (!text[i])
            return nib_fail_memory(err, source->path);
    }
    return NIB_OK;
}

static nib_status read_variable(const string_source *source, hid_t stored, nib_arena *arena,
                                const char **text, nib_error *err)
{
    hsize_t count = (hsize_t)source->count;
    char **raw = calloc((size_t)count, sizeof *raw);
    hid_t memory = H5Tcopy(H5T_C_S1);
    hid_t space = H5Screate_simple(1, &count, NULL);
    nib_status status = NIB_OK;
    if (!raw || memory < 0 || space < 0) {
        status = nib_fail_memory(err, source->path);
    } else if (H5Tset_size(memory, H5T_VARIABLE) < 0 || H5Tset_cset(memory, H5Tget_cset(stored)) < 0 ||
               read_raw(source, memory, raw) < 0) {
        status = nib_h5_fail(source->file, source->path, err, NIB_ERR_INPUT, "read the text");
    } else {
        status = copy_variable(source, arena, raw, text, err);
        (void)H5Dvlen_reclaim(memory, space, H5P_DEFAULT, raw);
    }
    if (memory >= 0)
        (void)H5Tclose(memory);
    if (space >= 0)
        (void)H5Sclose(space);
    free(raw);
    return status;
}

/* All strings of a source whose type is `stored`. */
static nib_status read_texts(const string_source *source, hid_t stored, nib_arena *arena, int *count,
                             const char *const **text, nib_error *err)
{
    if (source->count > NIB_H5_MAX_STRINGS)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: more than %d strings", source->file->path, source->path,
                        NIB_H5_MAX_STRINGS);
    const char **list = NIB_NEW(arena, const char *, source->count);
    if (!list)
        return nib_fail_memory(err, source->path);
    *count = (int)source->count;
    *text = list;
    if (source->count == 0) /* whatever its type: Keras writes an empty list as float64 */
        return NIB_OK;
    if (H5Tget_class(stored) != H5T_STRING)
        return nib_fail(err, NIB_ERR_CONFIG, "%s: %s: holds no text", source->file->path, source->path);
    htri_t variable = H5Tis_variable_str(stored);
    if (variable < 0)
        return nib_h5_fail(source->file, source->path, err, NIB_ERR_INPUT, "read the type");
    return variable ? read_variable(source, stored, arena, list, err)
                    : read_fixed(source, stored, arena, list, err);
}

nib_status nib_h5_read_strings(nib_h5 *file, const char *path, nib_arena *arena, int *count,
                               const char *const **text, nib_error *err)
{
    nib_h5_info info;
    hid_t dataset;
    NIB_TRY(nib_h5_open_dataset(file, path, &dataset, &info, err));
    string_source source = {file, path, dataset, false, info.elements};
    hid_t type = H5Dget_type(dataset);
    nib_status status = type < 0 ? nib_h5_fail(file, path, err, NIB_ERR_INPUT, "read the type")
                                 : read_texts(&source, type, arena, count, text, err);
    if (type >= 0)
        (void)H5Tclose(type);
    (void)H5Dclose(dataset);
    return status;
}

nib_status nib_h5_read_text(nib_h5 *file, const char *path, nib_arena *arena, const char **text,
                            nib_error *err)
{
    int count;
    const char *const *list;
    NIB_TRY(nib_h5_read_strings(file, path, arena, &count, &list, err));
    if (count != 1)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: holds %d texts, not one", file->path, path, count);
    *text = list[0];
    return NIB_OK;
}

bool nib_h5_has_attribute(nib_h5 *file, const char *path, const char *name)
{
    bool there = nib_h5_has(file, path) && H5Aexists_by_name(file->file, path, name, file->access) > 0;
    (void)H5Eclear2(H5E_DEFAULT);
    return there;
}

/* Open an attribute and count its elements. @param label [256] "path@name" for messages */
static nib_status open_attribute(nib_h5 *file, const char *path, const char *name, char *label,
                                 hid_t *attribute, int64_t *count, nib_error *err)
{
    (void)snprintf(label, 256, "%s@%s", path, name);
    if (!nib_h5_has_attribute(file, path, name))
        return nib_fail(err, NIB_ERR_CONFIG, "%s: \"%s\" has no attribute \"%s\"", file->path, path, name);
    *attribute = H5Aopen_by_name(file->file, path, name, H5P_DEFAULT, file->access);
    hid_t space = *attribute < 0 ? -1 : H5Aget_space(*attribute);
    hssize_t elements = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    if (space >= 0)
        (void)H5Sclose(space);
    if (elements >= 0) {
        *count = (int64_t)elements;
        return NIB_OK;
    }
    nib_status status = nib_h5_fail(file, label, err, NIB_ERR_INPUT, "open the attribute");
    if (*attribute >= 0)
        (void)H5Aclose(*attribute);
    return status;
}

nib_status nib_h5_attribute_strings(nib_h5 *file, const char *path, const char *name, nib_arena *arena,
                                    int *count, const char *const **text, nib_error *err)
{
    char label[256];
    string_source source = {.file = file, .path = label, .attribute = true};
    NIB_TRY(open_attribute(file, path, name, label, &source.id, &source.count, err));
    hid_t type = H5Aget_type(source.id);
    nib_status status = type < 0 ? nib_h5_fail(file, label, err, NIB_ERR_INPUT, "read the type")
                                 : read_texts(&source, type, arena, count, text, err);
    if (type >= 0)
        (void)H5Tclose(type);
    (void)H5Aclose(source.id);
    return status;
}

nib_status nib_h5_attribute_text(nib_h5 *file, const char *path, const char *name, nib_arena *arena,
                                 const char **text, nib_error *err)
{
    int count;
    const char *const *list;
    NIB_TRY(nib_h5_attribute_strings(file, path, name, arena, &count, &list, err));
    if (count != 1)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s@%s: holds %d texts, not one", file->path, path, name,
                        count);
    *text = list[0];
    return NIB_OK;
}

nib_status nib_h5_attribute_i64(nib_h5 *file, const char *path, const char *name, int64_t *value,
                                nib_error *err)
{
    char label[256];
    hid_t attribute;
    int64_t count;
    NIB_TRY(open_attribute(file, path, name, label, &attribute, &count, err));
    hid_t type = H5Aget_type(attribute);
    nib_status status = NIB_OK;
    if (count != 1 || type < 0 || H5Tget_class(type) != H5T_INTEGER)
        status = nib_fail(err, NIB_ERR_INPUT, "%s: %s: is not one integer", file->path, label);
    else if (H5Aread(attribute, H5T_NATIVE_INT64, value) < 0)
        status = nib_h5_fail(file, label, err, NIB_ERR_INPUT, "read");
    if (type >= 0)
        (void)H5Tclose(type);
    (void)H5Aclose(attribute);
    return status;
}

/* A growing list of names. */
typedef struct name_list {
    nib_arena *arena;
    const char *prefix; /* in front of each, "" or "/nibble/" */
    H5O_type_t wanted;  /* of the objects of a walk */
    int count, capacity;
    const char **name;
    bool full;
} name_list;

static herr_t add_name(name_list *list, const char *name)
{
    if (list->count == NIB_H5_MAX_MEMBERS) {
        list->full = true;
        return -1;
    }
    if (list->count == list->capacity) {
        int capacity = list->capacity ? 2 * list->capacity : 64;
        const char **grown = NIB_NEW(list->arena, const char *, capacity);
        if (!grown)
            return -1;
        if (list->count)
            memcpy(grown, list->name, (size_t)list->count * sizeof *grown);
        list->name = grown;
        list->capacity = capacity;
    }
    const char *copy = nib_arena_printf(list->arena, "%s%s", list->prefix, name);
    if (!copy)
        return -1;
    list->name[list->count++] = copy;
    return 0;
}

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    (void)group, (void)info;
    return add_name(context, name);
}

static herr_t visit_object(hid_t group, const char *name, const H5O_info_t *info, void *context)
{
    name_list *list = context;
    (void)group;
    return info->type == list->wanted ? add_name(list, strcmp(name, ".") == 0 ? "" : name) : 0;
}

static herr_t visit_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context)
{
    (void)object, (void)info;
    return add_name(context, name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static nib_status finish_list(nib_h5 *file, const char *group, herr_t result, name_list *list, int *count,
                              const char *const **names, nib_error *err)
{
    if (list->full)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: more than %d objects", file->path, group,
                        NIB_H5_MAX_MEMBERS);
    if (result < 0)
        return nib_h5_fail(file, group, err, NIB_ERR_INPUT, "list");
    if (list->count > 1)
        qsort(list->name, (size_t)list->count, sizeof *list->name, by_name);
    *count = list->count;
    *names = list->name;
    return NIB_OK;
}

nib_status nib_h5_members(nib_h5 *file, const char *group, nib_arena *arena, int *count,
                          const char *const **names, nib_error *err)
{
    if (!nib_h5_is_group(file, group))
        return nib_fail(err, NIB_ERR_CONFIG, "%s: there is no group \"%s\" in the file", file->path, group);
    name_list list = {.arena = arena, .prefix = ""};
    herr_t result = H5Literate_by_name(file->file, group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, visit_link,
                                       &list, file->access);
    return finish_list(file, group, result, &list, count, names, err);
}

nib_status nib_h5_attributes(nib_h5 *file, const char *path, nib_arena *arena, int *count,
                             const char *const **names, nib_error *err)
{
    name_list list = {.arena = arena, .prefix = ""};
    if (!nib_h5_has(file, path))
        return nib_fail(err, NIB_ERR_CONFIG, "%s: there is no \"%s\" in the file", file->path, path);
    herr_t result = H5Aiterate_by_name(file->file, path, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, visit_attribute,
                                       &list, file->access);
    return finish_list(file, path, result, &list, count, names, err);
}

/* Paths of all objects of one type below `group`. */
static nib_status list_objects(nib_h5 *file, const char *group, H5O_type_t wanted, nib_arena *arena,
                               int *count, const char *const **paths, nib_error *err)
{
    if (!nib_h5_is_group(file, group))
        return nib_fail(err, NIB_ERR_CONFIG, "%s: there is no group \"%s\" in the file", file->path, group);
    size_t n = strlen(group);
    name_list list = {.arena = arena, .wanted = wanted};
    list.prefix = nib_arena_printf(arena, "%s%s%s", group[0] == '/' ? "" : "/", group,
                                   n && group[n - 1] == '/' ? "" : "/");
    if (!list.prefix)
        return nib_fail_memory(err, group);
    herr_t result = H5Ovisit_by_name2(file->file, group, H5_INDEX_NAME, H5_ITER_NATIVE, visit_object, &list,
                                      H5O_INFO_BASIC, file->access);
    return finish_list(file, group, result, &list, count, paths, err);
}

nib_status nib_h5_datasets(nib_h5 *file, const char *group, nib_arena *arena, int *count,
                           const char *const **paths, nib_error *err)
{
    return list_objects(file, group, H5O_TYPE_DATASET, arena, count, paths, err);
}

nib_status nib_h5_groups(nib_h5 *file, const char *group, nib_arena *arena, int *count,
                         const char *const **paths, nib_error *err)
{
    return list_objects(file, group, H5O_TYPE_GROUP, arena, count, paths, err);
}
