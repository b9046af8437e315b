/* Edits to a valid file of nibble, for the fuzz targets that read such files: its datasets as a list, some of
 * them changed as the bytes of an input say, written again with a right digest and right checksums, so that
 * the edits reach nibble's checks and not only libhdf5's. Included by these targets, which are one source
 * each.
 */
#include <hdf5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/h5.h"

enum { MAX_ITEMS = 256, MAX_EDITS = 8, MAX_VALUES = 512 };

/* libhdf5 1.10.8 leaks where it refuses damaged files; that nibble closes what it opens is checked below. */
const char *__lsan_default_suppressions(void), *__lsan_default_options(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}

static void demand(nib_status status, const nib_error *err)
{
    if (status == NIB_OK || (err->message[0] && !strpbrk(err->message, "\n\r\033") && err->code == status))
        return;
    fprintf(stderr, "status %d, code %d: '%s'\n", (int)status, (int)err->code, err->message);
    abort();
}

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

/* ---- Edits ---- */

typedef struct bytes_left {
    const uint8_t *at;
    size_t left;
} bytes_left;

static unsigned take(bytes_left *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->at++;
}

static int64_t take_number(bytes_left *in)
{
    uint64_t value = 0;
    unsigned n = take(in) % 9;
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)take(in) << (8 * i);
    return (int64_t)value;
}

/* A part of a text replaced by up to 255 bytes of the input; NUL becomes a space. */
static const char *splice(nib_arena *arena, const char *text, bytes_left *in)
{
    char piece[256];
    size_t n = strlen(text), at = (take(in) | take(in) << 8) % (n + 1), cut = take(in), add = take(in);
    cut = cut < n - at ? cut : n - at;
    for (size_t i = 0; i < add; i++) {
        piece[i] = (char)take(in);
        piece[i] = piece[i] ? piece[i] : ' ';
    }
    const char *joined =
        nib_arena_printf(arena, "%.*s%.*s%s", (int)at, text, (int)add, piece, text + at + cut);
    return joined ? joined : text;
}

static void reshape(item *it, bytes_left *in)
{
    it->rank = (int)(take(in) % 5);
    it->n = 1;
    for (int i = 0; i < it->rank; i++) {
        it->dim[i] = take(in) % 9;
        it->n *= it->dim[i];
    }
    if (it->n > MAX_VALUES) {
        it->rank = 1;
        it->n = it->dim[0] = MAX_VALUES;
    }
}

static void edit(nib_arena *arena, item *it, bytes_left *in)
{
    int64_t k = it->n > 0 ? (int64_t)take(in) % it->n : 0;
    switch (take(in) % 6) {
    case 0:
        it->path = NULL; /* dropped */
        break;
    case 1:
        reshape(it, in);
        break;
    case 2:
        it->class_ = (nib_h5_class)(take(in) % 3);
        it->narrow = take(in) % 2;
        break;
    case 3:
        it->integer[k] = take_number(in);
        memcpy(&it->real[k], &it->integer[k], sizeof(double));
        break;
    case 4:
        it->text[k] = splice(arena, it->text[k], in);
        break;
    default:
        it->path = splice(arena, it->path, in);
        break;
    }
}

/* A few items of `items`, which the caller owns, changed as the input says; their values are copied first. */
static void edit_items(nib_arena *arena, item *items, int count, bytes_left *in)
{
    for (int i = 0; i < MAX_EDITS && in->left > 2; i++) {
        item *it = &items[take(in) % (unsigned)count];
        if (!it->path)
            continue;
        item copy = *it; /* the values belong to the base */
        copy.real = NIB_NEW(arena, double, it->room);
        copy.integer = NIB_NEW(arena, int64_t, it->room);
        copy.text = NIB_NEW(arena, const char *, it->room);
        memcpy(copy.real, it->real, (size_t)it->room * sizeof *copy.real);
        memcpy(copy.integer, it->integer, (size_t)it->room * sizeof *copy.integer);
        memcpy(copy.text, it->text, (size_t)it->room * sizeof *copy.text);
        edit(arena, &copy, in);
        *it = copy;
    }
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

static void write_head(nib_h5 *h5, const char *kind, nib_arena *arena, bytes_left *in, nib_error *err)
{
    uint32_t crc;
    char digest[32];
    const char *format = "nibble";
    int64_t version = 1;
    unsigned change = take(in) % 16;
    if (change == 1)
        format = splice(arena, format, in);
    if (change == 2)
        kind = splice(arena, kind, in);
    if (change == 3)
        version = take_number(in);
    bool lacking = nib_h5_make_group(h5, "/nibble", err) != NIB_OK ||
                   nib_h5_set_attribute_text(h5, "/nibble", "format", format, err) != NIB_OK ||
                   nib_h5_set_attribute_i64(h5, "/nibble", "version", version, err) != NIB_OK ||
                   nib_h5_set_attribute_text(h5, "/nibble", "kind", kind, err) != NIB_OK ||
                   nib_h5_digest(h5, "/", &crc, err) != NIB_OK;
    if (lacking) /* "/nibble" became a dataset, say */
        return;
    (void)snprintf(digest, sizeof digest, "crc32:%08x", (unsigned)crc);
    (void)!nib_h5_set_attribute_text(h5, "/nibble", "digest", digest, err);
}

/* The edited file with a right digest; from malloc. Two items of one name, a dataset below another: the
 * second is refused. */
static void write_edited(const item *items, int count, const char *kind, nib_arena *arena, bytes_left *in,
                         void **image, size_t *bytes)
{
    nib_error err = {0};
    nib_h5 *h5;
    require(nib_h5_create(&h5, &err), &err);
    for (int i = 0; i < count; i++)
        if (items[i].path)
            demand(write_item(h5, &items[i], arena, &err), &err);
    write_head(h5, kind, arena, in, &err);
    require(nib_h5_finish(h5, image, bytes, &err), &err);
}
