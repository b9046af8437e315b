/* Fixnets from files, two ways.
 *
 *  An input that begins with HDF5's signature is a file. Any other input is the number of a random net, which
 * is written to a file, and a list of edits to the file's datasets: drop, change a number or a text, reshape.
 * What is read back is NIB_OK or a message of one line; and a net that passes the checks gives the same codes
 * by the fast run of the engine and by its trace. */
#include <hdf5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"
#include "quant/engine.h"
#include "quant/fixnet_file.h"

#include "tests/quant/random_net.c" /* the fuzz targets are one source each */

enum { MAX_BYTES = 1 << 18, MAX_EDITS = 8, ROWS = 5, MAX_WORK = 1 << 21 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

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

static void demand(bool holds, const char *what, const nib_error *err)
{
    if (holds)
        return;
    fprintf(stderr, "%s; status %d: '%s'\n", what, (int)err->code, err->message);
    abort();
}

/* ---- Running what passed ---- */

/* Multiplications and casts of the trace, roughly: large nets are read but not run. */
static int64_t work_of(const nib_fixnet *net)
{
    int64_t work = 0;
    for (int i = 0; i < net->n_nodes; ++i) {
        const nib_fix_node *node = &net->node[i];
        const int64_t in = node->n_inputs ? net->node[node->input[0]].features : 1;
        work += node->positions * node->features * (node->kind == NIB_FIX_DENSE ? in : 8);
        if (node->n_inputs)
            work += net->node[node->input[0]].positions;
    }
    return work;
}

static void run_both(const nib_fixnet *net, nib_arena *arena)
{
    nib_error err = {0};
    nib_engine *engine;
    demand(nib_engine_create(&engine, net, &err) == NIB_OK, "an engine is created", &err);
    random_source source = {1};
    const float **inputs = NIB_NEW(arena, const float *, net->n_inputs);
    int64_t **traced = NIB_NEW(arena, int64_t *, net->n_nodes),
            **fast = NIB_NEW(arena, int64_t *, net->n_outputs);
    for (int i = 0; i < net->n_inputs; ++i)
        inputs[i] = random_rows(&source, arena, &net->node[i], ROWS);
    for (int i = 0; i < net->n_nodes; ++i)
        traced[i] = NIB_NEW(arena, int64_t, ROWS * net->node[i].positions * net->node[i].features);
    for (int i = 0; i < net->n_outputs; ++i) {
        const nib_fix_node *node = &net->node[net->output[i].node];
        fast[i] = NIB_NEW(arena, int64_t, ROWS * node->positions * node->features);
    }
    nib_engine_run(engine, inputs, ROWS, fast);
    nib_engine_trace(engine, inputs, ROWS, traced, NULL);
    for (int i = 0; i < net->n_outputs; ++i) {
        const nib_fix_node *node = &net->node[net->output[i].node];
        const size_t n = (size_t)(ROWS * node->positions * node->features);
        demand(memcmp(fast[i], traced[net->output[i].node], n * sizeof(int64_t)) == 0,
               "fast run and trace agree", &err);
    }
    nib_engine_destroy(engine);
}

static void read_and_run(const void *image, size_t bytes)
{
    nib_error err = {0};
    nib_h5 *file;
    nib_arena *arena = nib_arena_create();
    const nib_fixnet *net;
    nib_status status = nib_h5_open_image(&file, "net.h5", image, bytes, &err);
    if (status == NIB_OK) {
        status = nib_fixnet_read(file, arena, &net, &err);
        nib_h5_close(file);
        if (status == NIB_OK && work_of(net) <= MAX_WORK)
            run_both(net, arena);
    }
    demand(status == NIB_OK || (err.message[0] && !strpbrk(err.message, "\n\r\033") && err.code == status),
           "a refusal has a message of one line", &err);
    nib_arena_destroy(arena);
    demand(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0, "everything is closed", &err);
}

/* ---- Edits ---- */

typedef struct bytes_left {
    const uint8_t *data;
    size_t n;
} bytes_left;

static int64_t take(bytes_left *in, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; ++i) {
        v = v << 8 | (in->n ? in->data[0] : 0);
        in->data += in->n ? 1 : 0;
        in->n -= in->n ? 1 : 0;
    }
    return (int64_t)v;
}

/* A dataset on its way from the valid file to the edited one. */
typedef struct item {
    const char *path;
    nib_h5_info info;
    int64_t *number;
    const char **text;
    bool dropped, as_float;
} item;

static void load_item(nib_h5 *file, nib_arena *arena, item *it)
{
    nib_error err = {0};
    int count;
    const char *const *text;
    demand(nib_h5_dataset_info(file, it->path, &it->info, &err) == NIB_OK, "info", &err);
    const int64_t n = it->info.elements;
    if (it->info.class_ == NIB_H5_STRING) {
        demand(nib_h5_read_strings(file, it->path, arena, &count, &text, &err) == NIB_OK, "texts", &err);
        it->text = NIB_NEW(arena, const char *, n);
        memcpy(it->text, text, (size_t)n * sizeof *text);
        return;
    }
    it->number = NIB_NEW(arena, int64_t, 4 * n + 8); /* room to grow */
    if (it->info.rank == 0)
        demand(nib_h5_read_scalar_i64(file, it->path, it->number, &err) == NIB_OK, "number", &err);
    else
        demand(nib_h5_read_i64(file, it->path, 0, it->info.dim[0], it->number, &err) == NIB_OK, "numbers",
               &err);
}

static void edit(item *items, int count, nib_arena *arena, bytes_left *in)
{
    static const char *const words[] = {"",      "x",       "RND", "WRAP",     "SAT_SYM", "dense",  "relu",
                                        "pool",  "mean",    "max", "argmax",   "cast",    "a/b",    "..",
                                        "table", "softmax", "add", "resource", "input_0", "dense_2"};
    item *it = &items[(uint64_t)take(in, 2) % (uint64_t)count];
    const int64_t n = it->info.elements, at = n ? (int64_t)((uint64_t)take(in, 2) % (uint64_t)n) : 0;
    switch (take(in, 1) % 8) {
    case 0:
        it->dropped = true;
        return;
    case 1:
        it->as_float = true;
        return;
    case 2: /* another length of the first dimension, at most twice the old one */
        if (it->number && it->info.rank > 0 && n > 0) {
            const int64_t row = n / it->info.dim[0];
            it->info.dim[0] = 1 + take(in, 1) % (2 * it->info.dim[0]);
            it->info.elements = it->info.dim[0] * row;
        }
        return;
    case 3:
        if (it->info.rank == 2) {
            it->info.rank = 1;
            it->info.dim[0] = it->info.elements;
        }
        return;
    case 4:
        if (it->number)
            it->number[at] = take(in, 8);
        return;
    default:
        if (it->number)
            it->number[at] = (int8_t)take(in, 1);
        else if (n)
            it->text[at] = words[(size_t)take(in, 1) % (sizeof words / sizeof *words)];
        (void)arena;
        return;
    }
}

static void store_item(nib_h5 *file, nib_arena *arena, const item *it)
{
    nib_error err = {0};
    nib_status status;
    const int64_t n = it->info.elements;
    if (it->dropped)
        return;
    if (it->text) {
        status = it->info.rank == 0 ? nib_h5_write_text(file, it->path, it->text[0], &err)
                                    : nib_h5_write_strings(file, it->path, (int)n, it->text, &err);
    } else if (it->as_float) {
        double *real = NIB_NEW(arena, double, n + 1);
        for (int64_t i = 0; i < n; ++i)
            real[i] = (double)it->number[i];
        status = nib_h5_write_f64(file, it->path, it->info.rank, it->info.dim, real, &err);
    } else {
        status = nib_h5_write_i64(file, it->path, it->info.rank, it->info.dim, it->number, &err);
    }
    demand(status == NIB_OK, "an edited dataset is written", &err);
}

/* The net's file, edited; from malloc. */
static void *edited_image(const nib_fixnet *net, nib_arena *arena, bytes_left *in, size_t *bytes)
{
    nib_error err = {0};
    nib_h5 *file, *copy;
    int count;
    const char *const *paths;
    void *image = NULL;
    demand(nib_h5_create(&file, &err) == NIB_OK && nib_fixnet_write(file, net, &err) == NIB_OK,
           "a net is written", &err);
    demand(nib_h5_datasets(file, "/nibble/fixnet", arena, &count, &paths, &err) == NIB_OK, "datasets", &err);
    item *items = NIB_NEW(arena, item, count);
    for (int i = 0; i < count; ++i) {
        items[i].path = paths[i];
        load_item(file, arena, &items[i]);
    }
    nib_h5_close(file);
    for (int i = 0; i < MAX_EDITS && in->n; ++i)
        edit(items, count, arena, in);
    demand(nib_h5_create(&copy, &err) == NIB_OK, "a file", &err);
    for (int i = 0; i < count; ++i)
        store_item(copy, arena, &items[i]);
    demand(nib_h5_make_group(copy, "/nibble/fixnet", &err) == NIB_OK &&
               nib_h5_set_attribute_i64(copy, "/nibble/fixnet", "version", NIB_FIXNET_VERSION, &err) ==
                   NIB_OK &&
               nib_h5_finish(copy, &image, bytes, &err) == NIB_OK,
           "the edited file", &err);
    return image;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    if (bytes < 2 || bytes > MAX_BYTES)
        return 0;
    nib_cpu_flush_denormals();
    if (bytes >= sizeof signature && memcmp(data, signature, sizeof signature) == 0) {
        read_and_run(data, bytes);
        return 0;
    }
    bytes_left in = {data, bytes};
    random_source source = {(uint64_t)take(&in, 2)};
    nib_arena *arena = nib_arena_create();
    const nib_fixnet *net = random_net(&source, arena);
    size_t image_bytes;
    void *image = edited_image(net, arena, &in, &image_bytes);
    read_and_run(image, image_bytes);
    free(image);
    nib_arena_destroy(arena);
    return 0;
}
