/* nibble's own handling of HDF5 files, two ways.
 *
 *  An input that begins with HDF5's signature is a file: list it, read every dataset and attribute within
 * limits, open it as a model file, load it as weights and as a checkpoint. Any other input is a list of edits
 * to a valid checkpoint of a small net: drop, reshape, retype, overwrite, splice, rename, another head. The
 * edited file gets a right digest and right checksums, so that the edits reach nibble's checks and not only
 * libhdf5's. In both cases what comes back is NIB_OK or a message of one line, and no HDF5
 * object stays open.
 *
 *  The seeds are V18 files, whose metadata have checksums, without variable-length strings, whose heaps never
 * have any. Starting from files in the old format, libhdf5 1.10.8 itself fails within minutes: H5HG_read
 * reads outside its memory and H5HG__protect loops for ever (both on a damaged global heap), H5C_protect asks
 * for 2^46 bytes. Those are not nibble's to mend.
 */
#include <hdf5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "train/checkpoint.h"
#include "train/model_file.h"
#include "train/model_parts.h"

#include "tests/train/small_model.c" /* the fuzz targets are one source each */

enum { MAX_BYTES = 1 << 18, MAX_ITEMS = 256, MAX_EDITS = 8, MAX_VALUES = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const char model_text[] = "{layers: [dense: {name: fc1, units: 2}, dense: {name: logits, units: 3}], "
                                 "outputs: {y: logits}}";

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

static const char train[] =
    "{loss: {y: categorical_crossentropy}, optimizer: {adam: {lr: 0.001}}, epochs: 7, batch: 32}";

static void demand(nib_status status, const nib_error *err)
{
    if (status == NIB_OK || (err->message[0] && !strpbrk(err->message, "\n\r\033") && err->code == status))
        return;
    fprintf(stderr, "status %d, code %d: '%s'\n", (int)status, (int)err->code, err->message);
    abort();
}

/* ---- A valid checkpoint, as a list of its datasets ---- */

typedef struct item {
    const char *path;
    nib_h5_class class_;
    bool narrow; /* float32 */
    int rank;
    int64_t dim[4];
    int64_t n;
    double *real;
    int64_t *integer;
    const char **text;
} item;

typedef struct base_file {
    nib_arena *arena;
    small_model small;
    nib_train_state state;
    int count;
    item items[MAX_ITEMS];
} base_file;

static void read_item(nib_h5 *h5, nib_arena *arena, const char *path, item *it, nib_error *err)
{
    nib_h5_info info;
    int count;
    const char *const *text;
    must(nib_h5_dataset_info(h5, path, &info, err), err);
    *it = (item){.path = nib_arena_strdup(arena, path),
                 .class_ = info.class_,
                 .narrow = info.element_bytes == 4,
                 .rank = info.rank,
                 .n = info.elements};
    for (int i = 0; i < info.rank; i++)
        it->dim[i] = info.dim[i];
    int64_t rows = info.rank ? info.dim[0] : 1, room = it->n > MAX_VALUES ? it->n : MAX_VALUES;
    it->real = NIB_NEW(arena, double, room);
    it->integer = NIB_NEW(arena, int64_t, room);
    it->text = NIB_NEW(arena, const char *, room);
    for (int64_t i = 0; i < room; i++)
        it->text[i] = "t";
    if (info.class_ == NIB_H5_STRING) {
        must(nib_h5_read_strings(h5, path, arena, &count, &text, err), err);
        memcpy(it->text, text, (size_t)count * sizeof *text);
        return;
    }
    must(nib_h5_read_f64(h5, path, 0, rows, it->real, err), err);
    if (info.class_ == NIB_H5_INTEGER)
        must(nib_h5_read_i64(h5, path, 0, rows, it->integer, err), err);
}

static const char *temporary(void)
{
    const char *folder = getenv("TMPDIR");
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/nibble-fuzz-h5-XXXXXX", folder ? folder : "/tmp");
    return mkdtemp(path) ? path : "/tmp";
}

/* Made once; every input works on copies of it. */
static base_file *make_base(void)
{
    nib_error err = {0};
    nib_h5 *h5;
    const nib_graph_mark *marks;
    const char *const *paths;
    base_file *base = calloc(1, sizeof *base);
    if (!base)
        abort();
    base->arena = nib_arena_create();
    small_model_create(&base->small, small_chain_data, model_text, train);
    const nib_model *model = base->small.model;
    must(nib_train_state_create(base->arena, model->params, nib_graph_losses(model->graph, &marks),
                                nib_graph_watches(model->graph, &marks), 2, &base->state, &err),
         &err);
    base->state.best_epoch = 0;
    base->state.epoch = base->state.step = base->state.step_in_epoch = 1;
    const char *folder = temporary(), *path = nib_path_join(base->arena, folder, "last.h5");
    must(nib_checkpoint_write(path, model, base->small.config, &base->small.data, &base->state, &err), &err);
    must(nib_h5_open(&h5, path, &err), &err);
    must(nib_h5_datasets(h5, "/", base->arena, &base->count, &paths, &err), &err);
    if (base->count > MAX_ITEMS)
        abort();
    for (int i = 0; i < base->count; i++)
        read_item(h5, base->arena, paths[i], &base->items[i], &err);
    nib_h5_close(h5);
    (void)remove(path);
    (void)remove(folder);
    return base;
}

/* ---- Reading whatever there is ---- */

static void read_dataset(nib_h5 *h5, nib_arena *arena, const char *path, nib_error *err)
{
    enum { ROWS = 3, MOST = 1 << 16 };
    nib_h5_info info;
    int count;
    const char *const *text;
    nib_status status = nib_h5_dataset_info(h5, path, &info, err);
    demand(status, err);
    if (status != NIB_OK)
        return;
    if (info.class_ == NIB_H5_STRING) {
        demand(nib_h5_read_strings(h5, path, arena, &count, &text, err), err);
        return;
    }
    int64_t rows = info.rank ? info.dim[0] : 1;
    int64_t width = rows ? info.elements / rows : 0;
    rows = rows < ROWS ? rows : ROWS;
    if (width > MOST)
        return;
    double *out = NIB_NEW(arena, double, rows *width);
    demand(nib_h5_read_f64(h5, path, 0, rows, out, err), err);
    demand(nib_h5_read_f32(h5, path, 0, rows, (float *)(void *)out, err), err);
    demand(nib_h5_read_i64(h5, path, 0, rows, (int64_t *)(void *)out, err), err);
}

static void read_everything(nib_h5 *h5)
{
    static const char *const attributes[] = {"format",       "version", "kind",       "digest",
                                             "model_config", "backend", "layer_names"};
    nib_error err = {0};
    nib_arena *arena = nib_arena_create();
    int count = 0;
    const char *const *names, *text;
    int64_t number;
    demand(nib_h5_members(h5, "/", arena, &count, &names, &err), &err);
    nib_status status = nib_h5_datasets(h5, "/", arena, &count, &names, &err);
    demand(status, &err);
    for (int i = 0; status == NIB_OK && i < count && i < 200; i++)
        read_dataset(h5, arena, names[i], &err);
    for (size_t i = 0; i < 2 * sizeof attributes / sizeof *attributes; i++) {
        const char *place = i % 2 ? "/nibble" : "/", *name = attributes[i / 2];
        demand(nib_h5_attribute_text(h5, place, name, arena, &text, &err), &err);
        demand(nib_h5_attribute_strings(h5, place, name, arena, &count, &names, &err), &err);
        demand(nib_h5_attribute_i64(h5, place, name, &number, &err), &err);
    }
    nib_arena_destroy(arena);
}

/* As each kind of file that `parts` names: 1 model, 2 weights, 4 checkpoint. */
static void open_as_files(base_file *base, nib_h5 *h5, unsigned parts)
{
    nib_error err = {0};
    nib_model_file *file = NULL;
    nib_train_state state = base->state;
    const small_model *s = &base->small;
    if (parts & 1)
        demand(nib_model_file_from(h5, &file, &err), &err);
    nib_model_file_close(file);
    if (parts & 2)
        demand(nib_model_file_load_from(h5, s->model->params, &err), &err);
    if (parts & 4)
        demand(nib_checkpoint_read_from(h5, s->model, s->config, &s->data, &state, &err), &err);
}

static void read_image(base_file *base, const void *image, size_t bytes, unsigned parts)
{
    nib_error err = {0};
    nib_h5 *h5 = NULL;
    nib_status status = nib_h5_open_image(&h5, "fuzz.h5", image, bytes, &err);
    demand(status, &err);
    if (status != NIB_OK)
        return;
    if (parts == 7)
        read_everything(h5);
    open_as_files(base, h5, parts);
    nib_h5_close(h5);
    if (H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) != 0) {
        fprintf(stderr, "HDF5 objects were left open\n");
        abort();
    }
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

static void write_head(nib_h5 *h5, nib_arena *arena, bytes_left *in, nib_error *err)
{
    uint32_t crc;
    char digest[32];
    const char *format = "nibble", *kind = take(in) % 2 ? "model" : "checkpoint";
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

static void read_edited(base_file *base, bytes_left in)
{
    nib_error err = {0};
    nib_h5 *h5;
    void *image = NULL;
    size_t bytes = 0;
    unsigned parts = take(&in) % 8; /* all of it costs most of the time */
    nib_arena *arena = nib_arena_create();
    item *items = NIB_NEW(arena, item, base->count);
    memcpy(items, base->items, (size_t)base->count * sizeof *items);
    for (int i = 0; i < MAX_EDITS && in.left > 2; i++) {
        item *it = &items[take(&in) % (unsigned)base->count];
        if (!it->path)
            continue;
        item copy = *it; /* the values belong to the base */
        copy.real = NIB_NEW(arena, double, MAX_VALUES);
        copy.integer = NIB_NEW(arena, int64_t, MAX_VALUES);
        copy.text = NIB_NEW(arena, const char *, MAX_VALUES);
        memcpy(copy.real, it->real, MAX_VALUES * sizeof *copy.real);
        memcpy(copy.integer, it->integer, MAX_VALUES * sizeof *copy.integer);
        memcpy(copy.text, it->text, MAX_VALUES * sizeof *copy.text);
        edit(arena, &copy, &in);
        *it = copy;
    }
    must(nib_h5_create(&h5, &err), &err);
    for (int i = 0; i < base->count; i++)
        if (items[i].path) /* two items of one name, a dataset below another: the second is refused */
            demand(write_item(h5, &items[i], arena, &err), &err);
    write_head(h5, arena, &in, &err);
    must(nib_h5_finish(h5, &image, &bytes, &err), &err);
    read_image(base, image, bytes, parts ? parts : 7);
    free(image);
    nib_arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static base_file *base;
    static const uint8_t signature[4] = {0x89, 'H', 'D', 'F'};
    if (!base)
        base = make_base();
    if (bytes > MAX_BYTES)
        return 0;
    if (bytes >= sizeof signature && memcmp(data, signature, sizeof signature) == 0)
        read_image(base, data, bytes, 7);
    else
        read_edited(base, (bytes_left){data, bytes});
    return 0;
}
