/* Exported C source, compiled with warnings as errors, against the integer engine on random nets. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cpu.h"
#include "quant/c_export.h"
#include "quant/engine.h"
#include "random_net.h"
#include "tests/sanitized.h"

enum { AT_ONCE = 12, NETS = 5 / NIB_ONE_IN(2) * AT_ONCE, ROWS = 1200 };

typedef void predict32(const float *x, int32_t *y, int64_t n);
typedef void predict64(const float *x, int64_t *y, int64_t n);

/* Several nets of one library. */
typedef struct batch {
    nib_arena *arena;
    const nib_fixnet *net[AT_ONCE];
    bool wide[AT_ONCE];
    char folder[64];
} batch;

static void save(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    cr_assert(out && fputs(text, out) >= 0 && fclose(out) == 0, "%s cannot be written", path);
}

static void write_net(batch *b, int k)
{
    const char *header, *source;
    nib_error err = {0};
    char name[32], file[32];
    (void)snprintf(name, sizeof name, "net%d", k);
    (void)snprintf(file, sizeof file, "net%d.h", k);
    const nib_c_export record = {.name = name, .header = file, .origin = "a test"};
    cr_assert_eq(nib_c_export_write(b->net[k], &record, b->arena, &header, &source, &err), NIB_OK, "%s",
                 err.message);
    b->wide[k] = strstr(header, "int64_t *y") != NULL;
    char *path = nib_arena_printf(b->arena, "%s/%s", b->folder, file);
    save(path, header);
    path[strlen(path) - 1] = 'c';
    save(path, source);
}

static void *build(const batch *b, const char *flags)
{
    const char *cc = getenv("CC");
    char command[512], library[128];
    (void)snprintf(library, sizeof library, "%s/net.so", b->folder);
    (void)snprintf(command, sizeof command,
                   "%s -std=c11 -Wall -Wextra -Werror %s -fPIC -shared -o %s %s/net*.c", cc ? cc : "cc",
                   flags, library, b->folder);
    cr_assert(system(command) == 0, "%s", command); // NOLINT
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    cr_assert(handle, "%s", dlerror());
    return handle;
}

static int64_t width(const nib_fix_node *node)
{
    return node->positions * node->features;
}

/* [rows, all inputs side by side] */
static float *rows_of(random_source *source, nib_arena *arena, const nib_fixnet *net, const float **inputs)
{
    int64_t total = 0, at = 0;
    for (int i = 0; i < net->n_inputs; ++i)
        total += width(&net->node[i]);
    float *x = NIB_NEW(arena, float, ROWS *total);
    for (int i = 0; i < net->n_inputs; ++i) {
        const int64_t n = width(&net->node[i]);
        inputs[i] = random_rows(source, arena, &net->node[i], ROWS);
        for (int64_t r = 0; r < ROWS; ++r)
            memcpy(x + r * total + at, inputs[i] + r * n, (size_t)n * sizeof *x);
        at += n;
    }
    return x;
}

static int64_t compare(const batch *b, int k, void *library, random_source *source)
{
    const nib_fixnet *net = b->net[k];
    const float *inputs[2] = {NULL, NULL};
    int64_t *codes[2] = {NULL, NULL}, total = 0, at = 0;
    nib_engine *engine = NULL;
    char symbol[32];
    cr_assert_eq(nib_engine_create(&engine, net, NULL), NIB_OK, "no engine");
    const float *x = rows_of(source, b->arena, net, inputs);
    for (int i = 0; i < net->n_outputs; ++i) {
        const int64_t n = width(&net->node[net->output[i].node]);
        codes[i] = NIB_NEW(b->arena, int64_t, ROWS * n);
        total += n;
    }
    nib_engine_run(engine, inputs, ROWS, codes);
    nib_engine_destroy(engine);
    int64_t *y = NIB_NEW(b->arena, int64_t, ROWS * total);
    int32_t *narrow = NIB_NEW(b->arena, int32_t, ROWS * total);
    (void)snprintf(symbol, sizeof symbol, "net%d_predict", k);
    void *function = dlsym(library, symbol);
    cr_assert(function, "%s", dlerror());
    union {
        void *object;
        predict32 *narrow;
        predict64 *wide;
    } call = {function};
    if (b->wide[k])
        call.wide(x, y, ROWS);
    else
        call.narrow(x, narrow, ROWS);
    for (int i = 0; i < net->n_outputs; ++i) {
        const int64_t n = width(&net->node[net->output[i].node]);
        for (int64_t r = 0; r < ROWS; ++r)
            for (int64_t e = 0; e < n; ++e) {
                const int64_t own = b->wide[k] ? y[r * total + at + e] : narrow[r * total + at + e];
                cr_assert(own == codes[i][r * n + e],
                          "%s/net%d.c, output %d (%s), row %lld, element %lld: %lld, the engine has %lld",
                          b->folder, k, i, net->node[net->output[i].node].name, (long long)r, (long long)e,
                          (long long)own, (long long)codes[i][r * n + e]);
            }
        at += n;
    }
    return ROWS * total;
}

static void remove_folder(const batch *b)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", b->folder);
    cr_expect(system(command) == 0, "%s", command); // NOLINT
}

static int64_t run_batch(uint64_t seed, const char *flags, int *kinds, int *wide)
{
    batch b = {.arena = nib_arena_create()};
    random_source source = {seed * 7777777};
    int64_t codes = 0;
    (void)snprintf(b.folder, sizeof b.folder, "/tmp/nibble-c-XXXXXX");
    cr_assert(mkdtemp(b.folder), "no folder");
    for (int k = 0; k < AT_ONCE; ++k) {
        b.net[k] = random_net(&source, b.arena);
        for (int i = 0; i < b.net[k]->n_nodes; ++i)
            kinds[b.net[k]->node[i].kind]++;
        write_net(&b, k);
        *wide += b.wide[k];
    }
    void *library = build(&b, flags);
    for (int k = 0; k < AT_ONCE; ++k)
        codes += compare(&b, k, library, &source);
    (void)dlclose(library);
    remove_folder(&b);
    nib_arena_destroy(b.arena);
    return codes;
}

Test(c_export, computes_what_the_engine_computes)
{
    int kinds[NIB_FIX_KIND_COUNT] = {0}, wide = 0;
    int64_t codes = 0;
    nib_cpu_flush_denormals();
    for (uint64_t i = 1; i <= NETS / AT_ONCE; ++i)
        codes += run_batch(i, i % 2 ? "-O1" : "-O2", kinds, &wide);
    for (int i = 0; i < NIB_FIX_KIND_COUNT; ++i)
        cr_assert(kinds[i] > NETS / 12, "only %d nodes of kind %s", kinds[i],
                  nib_fix_kind_name((nib_fix_kind)i));
    cr_log_info("%lld codes of %d nets with %d rows each are equal; %d nets have codes of 64 bits",
                (long long)codes, NETS, ROWS, wide);
}
