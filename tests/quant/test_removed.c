/* W = 0 in arrays of types: removed, value 0, for everyone who reads a fixnet. One net has it at every place
 * where an array can have it: inputs, weights one by one and a column at a time, biases, scales, shifts, and
 * the results of every kind of node. All other types are so wide that casts change nothing, so what it
 * computes is sums. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quant/c_export.h"
#include "quant/cost.h"
#include "quant/dais_program.h"
#include "quant/fixnet_file.h"
#include "tests/quant/engine_ways.h"

enum { IN = 6, HIDDEN = 5, JOINED = HIDDEN + IN, OUT = 3, ROWS = 300, NODES = 9 };
enum { X, FC1, RELU, NORM, LEAKY, SUM, JOIN, CAST, FC2 };
/* What is removed. */
static const int no_x = 2, no_result[NODES] = {[X] = 2, 3, 1, 0, 2, 4, 7, 9, 1}, no_column = 2, no_bias = 1;
enum { NO_SCALE = 4, NO_SHIFT = 3 };

static bool no_weight(int64_t i, int64_t j)
{
    return (i * 5 + j * 3) % 7 == 0;
}

/* Odd and above 1: no power of two, so no adder. */
static int64_t weight_code(int64_t i, int64_t j)
{
    const int64_t magnitude = 3 + 2 * ((i * 7 + j * 5) % 6);
    return (i + j) % 2 ? magnitude : -magnitude;
}

/* ---- The net ---- */

static nib_fix_types each(nib_arena *arena, int bits, int fraction, int64_t n, const int64_t *removed,
                          int count)
{
    nib_fixed type[JOINED * JOINED];
    for (int64_t i = 0; i < n; i++)
        type[i] = (nib_fixed){.bits = bits, .integer = bits - fraction, .is_signed = true};
    for (int i = 0; i < count; i++)
        type[removed[i]].bits = 0;
    return nib_fix_types_each(arena, type, n);
}

static nib_fix_types without(nib_arena *arena, int bits, int fraction, int64_t n, int64_t removed)
{
    return each(arena, bits, fraction, n, &removed, 1);
}

static nib_fix_array array_of(nib_arena *arena, int64_t rows, int64_t cols, nib_fix_types types,
                              int64_t (*code)(int64_t i, int64_t j))
{
    int64_t *codes = NIB_NEW(arena, int64_t, rows * cols);
    for (int64_t k = 0; k < rows * cols; k++)
        codes[k] = nib_fix_type_at(&types, k).bits ? code(k / cols, k % cols) : 0;
    return (nib_fix_array){rows, cols, codes, types};
}

static const char *const names[NODES] = {"x", "fc1", "relu", "norm", "leaky", "sum", "join", "cast", "fc2"};
static const nib_fix_kind kinds[NODES] = {NIB_FIX_INPUT,  NIB_FIX_DENSE,      NIB_FIX_RELU,
                                          NIB_FIX_SCALE,  NIB_FIX_LEAKY_RELU, NIB_FIX_ADD,
                                          NIB_FIX_CONCAT, NIB_FIX_CAST,       NIB_FIX_DENSE};
static const int64_t features[NODES] = {IN, HIDDEN, HIDDEN, HIDDEN, HIDDEN, HIDDEN, JOINED, JOINED, OUT};
/* Bits behind the point: 4 of x, 3 of every constant, 2 of the leaky slope. */
static const int fraction[NODES] = {4, 7, 7, 10, 12, 12, 12, 12, 15};

static void set_dense(nib_fix_node *node, nib_arena *arena, nib_fix_types kernel, int64_t rows, int64_t cols,
                      const nib_fix_interval *x)
{
    nib_error err = {0};
    node->as.dense =
        (nib_fix_dense){.kernel = array_of(arena, rows, cols, kernel, weight_code),
                        .bias = array_of(arena, 1, cols, without(arena, 8, 3, cols, no_bias), weight_code),
                        .proven = true,
                        .reuse = 1};
    cr_assert(nib_fix_dense_accum(&node->as.dense, x, &node->as.dense.accum, &err) == NIB_OK, "%s",
              err.message);
}

static nib_fixnet *make_net(nib_arena *arena, nib_fix_interval *interval)
{
    nib_error err = {0};
    nib_fixnet *net = NIB_NEW(arena, nib_fixnet, 1);
    nib_fix_output *output = NIB_NEW(arena, nib_fix_output, 1);
    int64_t removed[IN * HIDDEN];
    int count = 0;
    for (int k = 0; k < IN * HIDDEN; k++)
        if (no_weight(k / HIDDEN, k % HIDDEN))
            removed[count++] = k;
    *output = (nib_fix_output){"y", FC2};
    *net = (nib_fixnet){
        .node = NIB_NEW(arena, nib_fix_node, NODES), .n_inputs = 1, .n_outputs = 1, .output = output};
    for (int i = 0; i < NODES; i++) {
        nib_fix_node *node = &net->node[net->n_nodes++];
        *node =
            (nib_fix_node){.kind = kinds[i],
                           .name = names[i],
                           .layer = names[i],
                           .n_inputs = i == X                  ? 0
                                       : i == SUM || i == JOIN ? 2
                                                               : 1,
                           .input = {i - 1, i == SUM ? RELU : X},
                           .positions = 1,
                           .features = features[i],
                           .type = without(arena, i == X ? 8 : 40, fraction[i], features[i], no_result[i])};
        if (i == FC1)
            set_dense(node, arena, each(arena, 6, 3, IN * HIDDEN, removed, count), IN, HIDDEN, &interval[X]);
        if (i == FC2)
            set_dense(node, arena, without(arena, 6, 3, OUT, no_column), JOINED, OUT, &interval[CAST]);
        if (i == NORM)
            node->as.scale = (nib_fix_scale){
                array_of(arena, 1, HIDDEN, without(arena, 6, 3, HIDDEN, NO_SCALE), weight_code),
                array_of(arena, 1, HIDDEN, without(arena, 6, 3, HIDDEN, NO_SHIFT), weight_code)};
        if (i == LEAKY)
            node->as.leaky_shift = 2;
        cr_assert(nib_fixnet_interval(net, i, interval, arena, &interval[i], &err) == NIB_OK, "%s",
                  err.message);
    }
    cr_assert(nib_fixnet_check(net, &err) == NIB_OK, "%s", err.message);
    return net;
}

/* ---- What it computes, in doubles ---- */

static double constant(int64_t i, int64_t j, bool removed)
{
    return removed ? 0 : (double)weight_code(i, j) / 8;
}

static void expected(const float *x, double y[NODES][JOINED])
{
    memset(y, 0, sizeof(double) * NODES * JOINED);
    for (int i = 0; i < IN; i++)
        y[X][i] = i == no_x ? 0 : (double)x[i];
    for (int j = 0; j < HIDDEN; j++) {
        y[FC1][j] = constant(0, j, j == no_bias);
        for (int i = 0; i < IN; i++)
            y[FC1][j] += y[X][i] * constant(i, j, no_weight(i, j));
        y[FC1][j] = j == no_result[FC1] ? 0 : y[FC1][j];
        y[RELU][j] = j == no_result[RELU] || y[FC1][j] < 0 ? 0 : y[FC1][j];
        y[NORM][j] = y[RELU][j] * constant(0, j, j == NO_SCALE) + constant(0, j, j == NO_SHIFT);
        y[NORM][j] = j == no_result[NORM] ? 0 : y[NORM][j];
        y[LEAKY][j] = j == no_result[LEAKY] ? 0 : y[NORM][j] < 0 ? y[NORM][j] / 4 : y[NORM][j];
        y[SUM][j] = j == no_result[SUM] ? 0 : y[LEAKY][j] + y[RELU][j];
    }
    for (int i = 0; i < JOINED; i++) {
        y[JOIN][i] = i == no_result[JOIN] ? 0 : i < HIDDEN ? y[SUM][i] : y[X][i - HIDDEN];
        y[CAST][i] = i == no_result[CAST] ? 0 : y[JOIN][i];
    }
    for (int j = 0; j < OUT; j++) {
        y[FC2][j] = constant(0, j, j == no_bias);
        for (int i = 0; i < JOINED; i++)
            y[FC2][j] += y[CAST][i] * constant(i, j, j == no_column);
        y[FC2][j] = j == no_result[FC2] ? 0 : y[FC2][j];
    }
}

static const float *rows_of(nib_arena *arena)
{
    float *x = NIB_NEW(arena, float, ROWS *IN);
    for (int i = 0; i < ROWS * IN; i++)
        x[i] = (float)((i * 37 + i / 7) % 255 - 127) / 16;
    return x;
}

/* ---- The consumers ---- */

typedef struct fixture {
    nib_arena *arena;
    nib_fix_interval *interval;
    nib_fixnet *net;
    const float *x;
} fixture;

static fixture start(void)
{
    fixture f = {.arena = nib_arena_create()};
    nib_cpu_flush_denormals();
    f.interval = NIB_NEW(f.arena, nib_fix_interval, NODES);
    f.net = make_net(f.arena, f.interval);
    f.x = rows_of(f.arena);
    return f;
}

static void check_engine(const fixture *f, const nib_fixnet *net, const char *what)
{
    static int64_t codes[NODES][ROWS * JOINED], fast[ROWS * OUT];
    static float values[ROWS * OUT];
    nib_error err = {0};
    nib_engine *engine = NULL;
    int64_t *to[NODES], *const out[1] = {fast};
    for (int i = 0; i < NODES; i++)
        to[i] = codes[i];
    cr_assert(nib_engine_create(&engine, net, &err) == NIB_OK, "%s", err.message);
    nib_engine_trace(engine, &f->x, ROWS, to, NULL);
    nib_engine_run(engine, &f->x, ROWS, out);
    nib_engine_values(engine, 0, fast, ROWS, values);
    nib_engine_destroy(engine);
    for (int r = 0; r < ROWS; r++) {
        double y[NODES][JOINED];
        expected(f->x + r * IN, y);
        for (int i = 0; i < NODES; i++)
            for (int64_t c = 0; c < features[i]; c++) {
                const int64_t code = codes[i][r * features[i] + c];
                const double found = c == no_result[i] ? (double)code : ldexp((double)code, -fraction[i]);
                cr_assert(found == y[i][c], "%s: row %d, %s[%lld] is %.17g, not %.17g", what, r, names[i],
                          (long long)c, found, y[i][c]);
            }
        for (int c = 0; c < OUT; c++) {
            cr_assert(fast[r * OUT + c] == codes[FC2][r * OUT + c], "%s: row %d, the fast run's output %d",
                      what, r, c);
            cr_assert((double)values[r * OUT + c] == (double)(float)y[FC2][c], "%s: row %d, value %d", what,
                      r, c);
        }
    }
}

Test(removed, engine_and_intervals)
{
    fixture f = start();
    check_engine(&f, f.net, "made by hand");
    for (int i = 0; i < NODES; i++)
        cr_expect(f.interval[i].low[no_result[i]] == 0 && f.interval[i].high[no_result[i]] == 0,
                  "%s: removed, but its interval is %lld to %lld", names[i],
                  (long long)f.interval[i].low[no_result[i]], (long long)f.interval[i].high[no_result[i]]);
    nib_arena_destroy(f.arena);
}

Test(removed, files_keep_it_and_refuse_codes_of_it)
{
    fixture f = start();
    nib_error err = {0};
    nib_h5 *file = NULL;
    const nib_fixnet *again = NULL;
    char path[] = "/tmp/nibble-removed-XXXXXX";
    const int made = mkstemp(path);
    cr_assert(made >= 0 && close(made) == 0 && unlink(path) == 0, "no scratch file");
    cr_assert(nib_h5_create(&file, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_h5_make_group(file, "/nibble", &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_fixnet_write(file, f.net, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_h5_commit(file, path, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_h5_open(&file, path, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_fixnet_read(file, f.arena, &again, &err) == NIB_OK, "%s", err.message);
    nib_h5_close(file);
    (void)unlink(path);
    check_engine(&f, again, "read from its file");
    int64_t *code = (int64_t *)(uintptr_t)f.net->node[FC1].as.dense.kernel.code;
    code[0] = 1; /* of weight 0, which is removed */
    cr_expect(nib_fixnet_check(f.net, &err) == NIB_ERR_INPUT && strstr(err.message, "fc1"),
              "a removed weight with a code: %s", err.message);
    nib_arena_destroy(f.arena);
}

Test(removed, costs_nothing)
{
    fixture f = start();
    nib_error err = {0};
    nib_cost *cost = NULL;
    const nib_cost_options options = {5, false};
    cr_assert(nib_cost_create(f.net, &options, f.arena, &cost, &err) == NIB_OK, "%s", err.message);
    double zeros = 0, ebops = 0, bits = 0;
    for (int i = 0; i < IN; i++)
        for (int j = 0; j < HIDDEN; j++) {
            const bool none = i == no_x || no_weight(i, j);
            zeros += none;
            ebops += none ? 0 : 8 * nib_cost_span(weight_code(i, j));
            bits += no_weight(i, j) ? 0 : 6;
        }
    const double *v = cost->node[FC1].value;
    cr_expect(v[NIB_COST_ZEROS] == zeros, "zeros %g, not %g", v[NIB_COST_ZEROS], zeros);
    cr_expect(v[NIB_COST_MULTIPLIERS] == IN * HIDDEN - zeros, "multipliers %g", v[NIB_COST_MULTIPLIERS]);
    cr_expect(v[NIB_COST_EBOPS] == ebops, "EBOPs %g, not %g", v[NIB_COST_EBOPS], ebops);
    cr_expect(v[NIB_COST_WEIGHT_BITS] == bits + 8 * (HIDDEN - 1), "weight bits %g, not %g",
              v[NIB_COST_WEIGHT_BITS], bits + 8 * (HIDDEN - 1));
    v = cost->node[FC2].value;
    cr_expect(v[NIB_COST_MULTIPLIERS] == (JOINED - 1) * (OUT - 1), "fc2: multipliers %g",
              v[NIB_COST_MULTIPLIERS]);
    nib_arena_destroy(f.arena);
}

static void save(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    cr_assert(out && fputs(text, out) >= 0 && fclose(out) == 0, "%s cannot be written", path);
}

Test(removed, in_exported_c)
{
    fixture f = start();
    nib_error err = {0};
    const char *header, *source, *cc = getenv("CC");
    char folder[] = "/tmp/nibble-removed-XXXXXX", command[512];
    static int64_t y[ROWS * OUT];
    static int32_t narrow[ROWS * OUT];
    const nib_c_export record = {.name = "net", .header = "net.h", .origin = "a test"};
    cr_assert(mkdtemp(folder), "no folder");
    cr_assert(nib_c_export_write(f.net, &record, f.arena, &header, &source, &err) == NIB_OK, "%s",
              err.message);
    save(nib_arena_printf(f.arena, "%s/net.h", folder), header);
    save(nib_arena_printf(f.arena, "%s/net.c", folder), source);
    (void)snprintf(command, sizeof command,
                   "%s -std=c11 -O1 -Wall -Wextra -Werror -fPIC -shared -o %s/net.so %s/net.c",
                   cc ? cc : "cc", folder, folder);
    cr_assert(system(command) == 0, "%s", command); // NOLINT
    void *library = dlopen(nib_arena_printf(f.arena, "%s/net.so", folder), RTLD_NOW | RTLD_LOCAL);
    cr_assert(library, "%s", dlerror());
    union {
        void *object;
        void (*narrow)(const float *x, int32_t *y, int64_t n);
        void (*wide)(const float *x, int64_t *y, int64_t n);
    } predict = {dlsym(library, "net_predict")};
    cr_assert(predict.object, "%s", dlerror());
    if (strstr(header, "int64_t *y")) {
        predict.wide(f.x, y, ROWS);
    } else {
        predict.narrow(f.x, narrow, ROWS);
        for (int i = 0; i < ROWS * OUT; i++)
            y[i] = narrow[i];
    }
    for (int r = 0; r < ROWS; r++) {
        double wanted[NODES][JOINED];
        expected(f.x + r * IN, wanted);
        for (int c = 0; c < OUT; c++) {
            const double found =
                c == no_result[FC2] ? (double)y[r * OUT + c] : ldexp((double)y[r * OUT + c], -fraction[FC2]);
            cr_assert(found == wanted[FC2][c], "row %d, output %d is %.17g, not %.17g", r, c, found,
                      wanted[FC2][c]);
        }
    }
    (void)dlclose(library);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    cr_expect(system(command) == 0, "%s", command); // NOLINT
    nib_arena_destroy(f.arena);
}

Test(removed, in_dais_programs)
{
    fixture f = start();
    nib_error err = {0};
    nib_dais_program p = {.arena = f.arena};
    nib_dais_number *out = NULL;
    int64_t n_in = 0, n_out = 0;
    cr_assert(nib_dais_of_net(&p, f.net, &out, &n_in, &n_out, &err) == NIB_OK, "%s", err.message);
    cr_expect(n_in == IN && n_out == OUT, "%lld inputs, %lld outputs", (long long)n_in, (long long)n_out);
    for (int c = 0; c < OUT; c++)
        cr_expect((out[c].low == 0 && out[c].high == 0) ==
                      (c == no_result[FC2] || (c == no_column && c == no_bias)),
                  "output %d is %lld to %lld", c, (long long)out[c].low, (long long)out[c].high);
    for (int64_t i = 0; i < p.count; i++)
        cr_expect(p.op[i].code != NIB_DAIS_INPUT || p.op[i].id0 != no_x ||
                      (p.op[i].out.low == 0 && p.op[i].out.high == 0),
                  "op %lld reads the removed input", (long long)i);
    nib_arena_destroy(f.arena);
}
