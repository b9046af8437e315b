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

#include "tests/fuzz/h5_edits.c" /* the fuzz targets are one source each */
#include "tests/train/small_model.c"

enum { MAX_BYTES = 1 << 18 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const char model_text[] = "{layers: [dense: {name: fc1, units: 2}, dense: {name: logits, units: 3}], "
                                 "outputs: {y: logits}}";

static const char train[] =
    "{loss: {y: categorical_crossentropy}, optimizer: {adam: {lr: 0.001}}, epochs: 7, batch: 32}";

/* ---- A valid checkpoint, as a list of its datasets ---- */

typedef struct base_file {
    nib_arena *arena;
    small_model small;
    nib_train_state state;
    int count;
    item items[MAX_ITEMS];
} base_file;

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
    base->count = read_items(h5, base->arena, base->items);
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

static void read_edited(base_file *base, bytes_left in)
{
    void *image = NULL;
    size_t bytes = 0;
    unsigned parts = take(&in) % 8; /* all of it costs most of the time */
    nib_arena *arena = nib_arena_create();
    item *items = NIB_NEW(arena, item, base->count);
    memcpy(items, base->items, (size_t)base->count * sizeof *items);
    edit_items(arena, items, base->count, &in);
    const char *kind = take(&in) % 2 ? "model" : "checkpoint";
    write_edited(items, base->count, kind, arena, &in, &image, &bytes);
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
