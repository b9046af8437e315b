/* export --format qonnx: the bytes read back by a reader of its own, run, and compared with the engine's
 * answers. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "tests/tools/call.h"
#include "tests/tools/onnx_reader.h"

enum { ROWS = 400 };

static const char *const residual =
    "{layers: [dense: {name: fc1, units: 8}, relu: {name: relu1}, dense: {name: fc2, units: 8}, leaky_relu: "
    "{name: leaky, negative_slope: 0.25}, add: {name: both, from: [relu1, leaky, fc1]}, concat: {name: "
    "joined, from: "
    "[both, x, relu1]}, dense: {name: logits, units: auto}], outputs: {y: logits}}";
static const char *const norms = "{layers: [batch_norm: {name: bn1}, dense: {name: fc1, units: 8}, "
                                 "batch_norm: {name: bn2}, relu: {name: relu1}, "
                                 "dense: {name: logits, units: auto}], outputs: {y: logits}}";
static const char *const chain = "{mlp: {hidden: [12, 8]}}";

static void write_config(const char *model, const char *quant)
{
    FILE *out = fopen("q.yaml", "w");
    cr_assert(out, "q.yaml cannot be written");
    fprintf(out,
            "data: {source: {generator: jets, n: 1500}, inputs: {x: {path: hlf16, preprocess: standardize}}, "
            "targets: {y: label}, validation: {fraction: 0.2}, test: {fraction: 0.4}}\n"
            "model: %s\ntrain: {seed: 2, epochs: 2, batch: 64}\nquant: %s\n",
            model, quant);
    cr_assert(fclose(out) == 0, "q.yaml cannot be written");
}

/* Of one rounding and overflow for all data, with a type of the weights, and more keys. */
static const char *quant_of(const char *modes, const char *weight, const char *more)
{
    static char text[600];
    (void)snprintf(
        text, sizeof text,
        "{default: {input: 'fixed<8,3,%s>', weight: '%s', bias: 'fixed<8,3,RND_CONV,SAT>', output: "
        "'fixed<8,5,%s>', activation: 'fixed<7,3,%s>'%s}, allow_dead: true}",
        modes, weight, modes, modes, more);
    return text;
}

static void call_well(const char *words)
{
    static outcome o;
    call_nibble(words, &o);
    cr_assert(o.status == 0, "nibble %s: exit status %d, %s", words, o.status, o.err);
}

static void *contents(const char *path, size_t *bytes)
{
    enum { MOST = 4 << 20 };
    char *data = malloc(MOST);
    FILE *in = fopen(path, "rb");
    cr_assert(in && data, "%s is missing", path);
    *bytes = fread(data, 1, MOST, in);
    (void)fclose(in);
    return data;
}

static void load(const char *path, onnx_graph *g)
{
    size_t bytes;
    void *data = contents(path, &bytes);
    onnx_read(data, bytes, g);
    free(data);
}

/* What every reader of QONNX relies on. */
static void expect_structure(const onnx_graph *g)
{
    cr_expect(g->ir_version == 8 && g->opset == 13 && g->quant_opset == 1, "versions %lld, %lld, %lld",
              (long long)g->ir_version, (long long)g->opset, (long long)g->quant_opset);
    for (int i = 0; i < g->n_tensors; i++)
        cr_expect(g->tensor[i].is_shaped, "%s has no shape", g->tensor[i].name);
    for (int i = 0; i < g->n_nodes; i++) {
        const onnx_node *n = &g->node[i];
        const bool is_quant = strcmp(n->op, "Quant") == 0;
        cr_expect(strcmp(n->domain, is_quant ? "qonnx.custom_op.general" : "") == 0, "%s is of domain '%s'",
                  n->op, n->domain);
        if (!is_quant)
            continue;
        int exponent;
        const onnx_tensor *scale = &g->tensor[n->input[1]], *bits = &g->tensor[n->input[3]];
        cr_assert(n->n_inputs == 4 && scale->is_constant && bits->is_constant && scale->rank == 0 &&
                      bits->rank == 0,
                  "Quant %d: scale and width are no constants", i);
        cr_expect(frexpf(*scale->value, &exponent) == 0.5F, "Quant %d: the scale is no power of two", i);
    }
}

static int count_op(const onnx_graph *g, const char *op)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++)
        n += strcmp(g->node[i].op, op) == 0;
    return n;
}

/* Numbers of a text file. */
static double *numbers(const char *path, int64_t count)
{
    double *value = calloc((size_t)count, sizeof *value);
    FILE *in = fopen(path, "r");
    cr_assert(value && in, "%s is missing", path);
    for (int64_t i = 0; i < count; i++)
        cr_assert(fscanf(in, "%lf", &value[i]) == 1, "%s: number %lld is missing", path, (long long)i);
    (void)fclose(in);
    return value;
}

/* Run every golden sample; how many numbers differ. */
static int64_t differences(onnx_graph *g, const char *folder)
{
    char path[160];
    int64_t bad = 0;
    onnx_tensor *x = &g->tensor[g->input[0]];
    const int64_t n_in = x->dim[1], n_out = g->tensor[g->output[0]].dim[1];
    (void)snprintf(path, sizeof path, "%s/x.dat", folder);
    double *in = numbers(path, ROWS * n_in);
    (void)snprintf(path, sizeof path, "%s/y.dat", folder);
    double *out = numbers(path, ROWS * n_out);
    x->value = calloc((size_t)n_in, sizeof *x->value);
    cr_assert(x->value, "out of memory");
    for (int64_t row = 0; row < ROWS; row++) {
        for (int64_t k = 0; k < n_in; k++)
            x->value[k] = (float)in[row * n_in + k];
        onnx_run(g);
        for (int64_t k = 0; k < n_out; k++)
            bad += (double)g->tensor[g->output[0]].value[k] != out[row * n_out + k];
    }
    free(in);
    free(out);
    return bad;
}

Test(qonnx, what_is_written_computes_what_the_engine_computes)
{
    static const struct {
        const char *const *model;
        const char *modes, *weight, *more;
    } rows[] = {
        {&chain, "RND_CONV,SAT", "fixed<6,1,RND_CONV,SAT>", ""},
        {&chain, "TRN,SAT_SYM", "fixed<4,1,RND,SAT_SYM>", ""},
        {&chain, "TRN_ZERO,SAT", "binary(alpha=auto_po2)", ""},
        {&chain, "RND_ZERO,SAT", "fixed<3,1,RND,SAT>", ""},
        {&chain, "RND_CONV,SAT", "fixed<6,1,RND,SAT>",
         "}, layers: {relu1: {activation: 'ufixed<5,2,RND,SAT>'}, relu2: {activation: "
         "'fixed<6,3,RND_INF,SAT>'}"},
        {&residual, "RND_CONV,SAT", "fixed<6,1,RND,SAT>", ", result: 'fixed<9,4,RND_CONV,SAT>'"},
        {&residual, "TRN,SAT", "fixed<4,1,RND,SAT>", ""},
        {&norms, "RND_CONV,SAT_SYM", "fixed<6,1,RND,SAT>",
         ", result: 'fixed<10,4,RND_CONV,SAT>'}, layers: {bn1: {weight: 'fixed<8,4,RND,SAT>', bias: "
         "'fixed<8,4,RND,SAT>'}, bn2: {weight: 'fixed<8,4,RND,SAT>', bias: 'fixed<8,4,RND,SAT>'}"},
    };
    static onnx_graph g;
    enter_scratch();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char words[120];
        write_config(*rows[i].model, quant_of(rows[i].modes, rows[i].weight, rows[i].more));
        (void)snprintf(words, sizeof words, "train q.yaml -o run%zu --quiet", i);
        call_well(words);
        (void)snprintf(words, sizeof words, "export run%zu -o out%zu --quiet --format qonnx --rows %d", i, i,
                       (int)ROWS);
        call_well(words);
        (void)snprintf(words, sizeof words, "out%zu/model.onnx", i);
        load(words, &g);
        expect_structure(&g);
        (void)snprintf(words, sizeof words, "out%zu", i);
        const int64_t bad = differences(&g, words);
        cr_expect(bad == 0, "model %zu (%s): %lld numbers differ", i, rows[i].modes, (long long)bad);
        onnx_free(&g);
    }
    leave_scratch();
}

Test(qonnx, nodes_shapes_and_weights_are_those_of_the_net)
{
    static onnx_graph g;
    enter_scratch();
    write_config(chain, quant_of("RND_CONV,SAT", "fixed<6,1,RND_CONV,SAT>", ""));
    call_well("train q.yaml -o run --quiet");
    call_well("export run -o a --quiet --format qonnx");
    load("a/model.onnx", &g);
    cr_expect(count_op(&g, "MatMul") == 3 && count_op(&g, "Add") == 3 && count_op(&g, "Relu") == 2,
              "%d MatMul, %d Add, %d Relu", count_op(&g, "MatMul"), count_op(&g, "Add"),
              count_op(&g, "Relu"));
    const onnx_tensor *x = &g.tensor[g.input[0]], *y = &g.tensor[g.output[0]];
    cr_expect(g.n_inputs == 1 && strcmp(x->name, "x") == 0 && x->rank == 2 && x->dim[0] == 1 &&
                  x->dim[1] == 16,
              "input %s", x->name);
    cr_expect(g.n_outputs == 1 && strcmp(y->name, "logits") == 0 && y->rank == 2 && y->dim[1] == 5,
              "output %s", y->name);
    const int kernel = onnx_find(&g, "fc1_weight_values");
    cr_assert(kernel >= 0, "fc1 has no weights");
    cr_expect(g.tensor[kernel].dim[0] == 16 && g.tensor[kernel].dim[1] == 12, "fc1's kernel is not 16 x 12");
    for (int i = 0; i < 16 * 12; i++)
        cr_expect(g.tensor[kernel].value[i] * 32 == rintf(g.tensor[kernel].value[i] * 32),
                  "weight %d is off the grid", i);
    const int logits = onnx_find(&g, "logits");
    for (int i = 0; i < g.n_nodes; i++)
        if (g.node[i].output == logits)
            cr_expect(strcmp(g.node[i].rounding, "ROUND") == 0 && g.node[i].is_signed == 1 &&
                          g.node[i].narrow == 0 && *g.tensor[g.node[i].input[3]].value == 8 &&
                          *g.tensor[g.node[i].input[1]].value == 0.125F,
                      "the output's type is not fixed<8,5,RND_CONV,SAT>");
    onnx_free(&g);
    static outcome o;
    call_nibble("export run -o b --format qonnx --softmax", &o);
    cr_expect(o.status == 2 && strstr(o.err, "nothing exact for softmax; end at the logits"),
              "--softmax: exit status %d, '%s'", o.status, o.err);
    leave_scratch();
}

Test(qonnx, two_exports_are_byte_identical)
{
    static const char *const files[] = {"model.onnx", "x.dat", "y.dat", "check.py", "README.md"};
    enter_scratch();
    write_config(chain, quant_of("RND_CONV,SAT", "fixed<6,1,RND_CONV,SAT>", ""));
    call_well("train q.yaml -o run --quiet");
    call_well("export run -o a --quiet --format qonnx");
    call_well("export run -o b --quiet --format qonnx -t 3");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char a[32], b[32];
        size_t n, m;
        (void)snprintf(a, sizeof a, "a/%s", files[i]);
        (void)snprintf(b, sizeof b, "b/%s", files[i]);
        void *one = contents(a, &n), *other = contents(b, &m);
        cr_expect(n > 0 && n == m && memcmp(one, other, n) == 0, "%s differs", files[i]);
        free(one);
        free(other);
    }
    leave_scratch();
}

Test(qonnx, what_it_cannot_say_is_refused_with_the_way_out)
{
    static const struct {
        const char *modes, *more, *said;
    } rows[] = {
        {"RND,SAT", "",
         "x: fixed<8,3,RND,SAT>: QONNX has no rounding of ties up (its HALF_UP is away from zero); use "
         "RND_CONV: fixed<8,3,RND_CONV,SAT>"},
        {"RND_MIN_INF,SAT", "", "no rounding of ties down"},
        {"RND_INF,SAT", "", "use RND_CONV: fixed<8,3,RND_CONV,SAT>"},
        {"RND_CONV,WRAP", "", "x: fixed<8,3,RND_CONV> can overflow, and QONNX only saturates; use SAT"},
        {"RND_CONV,SAT_ZERO", "", "QONNX only saturates"},
        {"TRN,SAT", ", accum: 'fixed<9,4>'", "fc1: its accumulator can overflow"},
        {"TRN,SAT", ", result: 'fixed<3,2,RND,SAT>'",
         "fc1: fixed<3,2,RND,SAT>: QONNX has no rounding of ties up"},
    };
    static outcome o;
    enter_scratch();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char words[80];
        write_config(chain, quant_of(rows[i].modes, "fixed<6,1,RND_CONV,SAT>", rows[i].more));
        (void)snprintf(words, sizeof words, "train q.yaml -o run%zu --quiet", i);
        call_well(words);
        (void)snprintf(words, sizeof words, "export run%zu -o out%zu --format qonnx --synthetic", i, i);
        call_nibble(words, &o);
        cr_expect(o.status == 2 && strstr(o.err, rows[i].said), "model %zu: exit status %d, '%s', not '%s'",
                  i, o.status, o.err, rows[i].said);
        (void)snprintf(words, sizeof words, "out%zu", i);
        cr_expect(!nib_file_exists(words), "model %zu: %s was made all the same", i, words);
    }
    leave_scratch();
}
