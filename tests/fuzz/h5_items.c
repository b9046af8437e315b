/* A file of nibble as a list of its datasets, to be changed and written again with a right digest and right
 * checksums: what fuzz targets and tests of damaged files share. Included by them, each of which is one
 * source. */
#include <hdf5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/h5.h"

enum { MAX_ITEMS = 256, MAX_VALUES = 512 };

/* What the target itself needs. */
static void require(nib_status status, const nib_error *err)
{
    if (status == NIB_OK)
        return;
    fprintf(stderr, "%s\n", err->message);
    abort();
}

/* ---- A valid file, as a list of its datasets ---- */

typedef struct item {
    const char *path;
    nib_h5_class class_;
    bool narrow; /* float32 */
    int rank;
    int64_t dim[4];
    int64_t n, room; /* elements; what the arrays below hold */
    double *real;
    int64_t *integer;
    const char **text;
} item;

static void read_item(nib_h5 *h5, nib_arena *arena, const char *path, item *it, nib_error *err)
{
    nib_h5_info info;
    int count;
    const char *const *text;
    require(nib_h5_dataset_info(h5, path, &info, err), err);
    *it = (item){.path = nib_arena_strdup(arena, path),
                 .class_ = info.class_,
                 .narrow = info.element_bytes == 4,
                 .rank = info.rank,
                 .n = info.elements,
                 .room = info.elements > MAX_VALUES ? info.elements : MAX_VALUES};
    for (int i = 0; i < info.rank; i++)
        it->dim[i] = info.dim[i];
    const int64_t rows = info.rank ? info.dim[0] : 1;
    it->real = NIB_NEW(arena, double, it->room);
    it->integer = NIB_NEW(arena, int64_t, it->room);
    it->text = NIB_NEW(arena, const char *, it->room);
    for (int64_t i = 0; i < it->room; i++)
        it->text[i] = "t";
    if (info.class_ == NIB_H5_STRING) {
        require(nib_h5_read_strings(h5, path, arena, &count, &text, err), err);
        memcpy(it->text, text, (size_t)count * sizeof *text);
        return;
    }
    require(nib_h5_read_f64(h5, path, 0, rows, it->real, err), err);
    if (info.class_ == NIB_H5_INTEGER)
        require(nib_h5_read_i64(h5, path, 0, rows, it->integer, err), err);
}

/* All datasets of a file, in the order of their names; how many. */
static int read_items(nib_h5 *h5, nib_arena *arena, item *items)
{
    nib_error err = {0};
    int count;
    const char *const *paths;
    require(nib_h5_datasets(h5, "/", arena, &count, &paths, &err), &err);
    if (count > MAX_ITEMS)
        abort();
    for (int i = 0; i < count; i++)
        read_item(h5, arena, paths[i], &items[i], &err);
    return count;
}

static nib_status write_item(nib_h5 *h5, const item *it, nib_arena *arena, nib_error *err)
{
    if (it->class_ == NIB_H5_STRING && it->rank == 0)
        return nib_h5_write_text(h5, it->path, it->text[0], err);
    if (it->class_ == NIB_H5_STRING)
        return nib_h5_write_strings(h5, it->path, (int)it->n, it->text, err);
    if (it->class_ == NIB_H5_INTEGER)
        return nib_h5_write_i64(h5, it->path, it->rank, it->dim, it->integer, err);
    if (!it->narrow)
        return nib_h5_write_f64(h5, it->path, it->rank, it->dim, it->real, err);
    float *narrow = NIB_NEW(arena, float, it->n);
    for (int64_t i = 0; narrow && i < it->n; i++) {
        double value = it->real[i];
        narrow[i] = value > 1e30 ? 1e30f : value < -1e30 ? -1e30f : (float)value;
    }
    return nib_h5_write_f32(h5, it->path, it->rank, it->dim, narrow, err);
}

/* Attributes of /nibble, and of the fixed-point network in it, where there is one. */
typedef struct file_head {
    const char *format, *kind;
    int64_t version;
    const char *digest; /* NULL: the right one */
    int64_t fixnet;     /* its version */
} file_head;

static nib_status write_head(nib_h5 *h5, const file_head *head, nib_error *err)
{
    uint32_t crc;
    char digest[32];
    NIB_TRY(nib_h5_make_group(h5, "/nibble", err));
    NIB_TRY(nib_h5_set_attribute_text(h5, "/nibble", "format", head->format, err));
    NIB_TRY(nib_h5_set_attribute_i64(h5, "/nibble", "version", head->version, err));
    NIB_TRY(nib_h5_set_attribute_text(h5, "/nibble", "kind", head->kind, err));
    if (nib_h5_is_group(h5, "/nibble/fixnet"))
        NIB_TRY(nib_h5_set_attribute_i64(h5, "/nibble/fixnet", "version", head->fixnet, err));
    NIB_TRY(nib_h5_digest(h5, "/", &crc, err));
    (void)snprintf(digest, sizeof digest, "crc32:%08x", (unsigned)crc);
    return nib_h5_set_attribute_text(h5, "/nibble", "digest", head->digest ? head->digest : digest, err);
}

/* The whole file, from malloc. What cannot be written is left out: of two items of one name, or one below
 * another, the second; the head where "/nibble" became a dataset. */
static void write_items(const item *items, int count, const file_head *head, nib_arena *arena, void **image,
                        size_t *bytes)
{
    nib_error err = {0};
    nib_h5 *h5;
    require(nib_h5_create(&h5, &err), &err);
    for (int i = 0; i < count; i++)
        if (items[i].path)
            (void)!write_item(h5, &items[i], arena, &err);
    (void)!write_head(h5, head, &err);
    require(nib_h5_finish(h5, image, bytes, &err), &err);
}
