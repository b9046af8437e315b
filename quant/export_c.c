/* nibble export --format c: C source (quant/c_export.h) with a check program, a ctypes example and vectors.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/c_export.h"
#include "quant/export.h"

/* The words that stand for the model in file names and symbols. */
typedef struct words {
    const char *file;  /* "model" */
    const char *name;  /* in front of functions: "" or "jets_" */
    const char *macro; /* "MODEL_" or "JETS_" */
} words;

static nib_status choose_words(const nib_export *e, nib_arena *arena, words *w, nib_error *err)
{
    const char *given = e->given_name;
    *w = (words){given ? given : "model", given ? nib_arena_printf(arena, "%s_", given) : "",
                 given ? nib_arena_printf(arena, "%s_", given) : "MODEL_"};
    char *macro = w->macro ? nib_arena_strdup(arena, w->macro) : NULL;
    if (!macro || !w->name)
        return nib_fail_memory(err, "C source");
    for (char *c = macro; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    w->macro = macro;
    return NIB_OK;
}

static nib_status close_text(FILE *out, char **text, nib_arena *arena, const char **kept, nib_error *err)
{
    const bool failed = !out || fclose(out) != 0 || !*text;
    *kept = failed ? NULL : nib_arena_strdup(arena, *text);
    free(*text);
    return *kept ? NIB_OK : nib_fail_memory(err, "export");
}

static const char *named(nib_export_files *files, const words *w, const char *suffix)
{
    return nib_arena_printf(files->arena, "%s%s", w->file, suffix);
}

/* ---- The source ---- */

static nib_status add_source(const nib_export *e, const words *w, nib_export_files *files, nib_error *err)
{
    const int n_in = e->net->n_inputs;
    const double **shift = NIB_NEW(files->arena, const double *, n_in);
    const double **divisor = NIB_NEW(files->arena, const double *, n_in);
    const char *const **features = NIB_NEW(files->arena, const char *const *, n_in);
    const char *header, *source, *name = named(files, w, ".h");
    if (!shift || !divisor || !features || !name)
        return nib_fail_memory(err, "export");
    for (int i = 0; i < n_in; i++) {
        shift[i] = e->input[i].shift;
        divisor[i] = e->input[i].divisor;
        features[i] = e->input[i].features;
    }
    const nib_c_export record = {.name = e->given_name,
                                 .header = name,
                                 .origin = nib_arena_printf(files->arena, "%s (%s)", e->name, e->source),
                                 .shift = shift,
                                 .divisor = divisor,
                                 .features = features,
                                 .classes = e->class_name};
    NIB_TRY(nib_c_export_write(e->net, &record, files->arena, &header, &source, err));
    NIB_TRY(nib_export_add_text(files, name, header, err));
    return nib_export_add_text(files, named(files, w, ".c"), source, err);
}

/* ---- Vectors ---- */

static int64_t width(const nib_fix_node *node)
{
    return node->positions * node->features;
}

static void put_word(FILE *dat, FILE *hex, const nib_fixed *type, int64_t code, char end)
{
    const uint64_t mask = type->bits ? ((uint64_t)1 << type->bits) - 1 : 0;
    fprintf(dat, "%.17g%c", type->bits ? nib_fixed_value(type, code) : 0.0, end);
    fprintf(hex, "%0*" PRIx64 "%c", type->bits ? (type->bits + 3) / 4 : 1, (uint64_t)code & mask, end);
}

/* Rows of the inputs on their grids, or of the outputs. */
static void put_vectors(const nib_export *e, bool outputs, FILE *dat, FILE *hex)
{
    const int n = outputs ? e->net->n_outputs : e->net->n_inputs;
    for (int64_t row = 0; row < e->golden.rows; row++)
        for (int i = 0; i < n; i++) {
            const nib_fix_node *node = &e->net->node[outputs ? e->net->output[i].node : i];
            for (int64_t k = 0; k < width(node); k++) {
                const nib_fixed type = nib_fix_type_at(&node->type, k);
                const int64_t at = row * width(node) + k;
                const int64_t code = outputs     ? e->golden.code[i][at]
                                     : type.bits ? nib_fixed_cast_double(&type, (double)e->golden.x[i][at])
                                                 : 0;
                put_word(dat, hex, &type, code, i + 1 == n && k + 1 == width(node) ? '\n' : ' ');
            }
        }
}

static nib_status add_vectors(const nib_export *e, bool outputs, nib_export_files *files, nib_error *err)
{
    char *text[2] = {NULL, NULL};
    size_t bytes[2];
    const char *dat_text, *hex_text;
    FILE *dat = open_memstream(&text[0], &bytes[0]), *hex = open_memstream(&text[1], &bytes[1]);
    if (dat && hex)
        put_vectors(e, outputs, dat, hex);
    const nib_status first = close_text(dat, &text[0], files->arena, &dat_text, err);
    const nib_status second = close_text(hex, &text[1], files->arena, &hex_text, err);
    NIB_TRY(first);
    NIB_TRY(second);
    NIB_TRY(nib_export_add_text(files, outputs ? "y.dat" : "x.dat", dat_text, err));
    return nib_export_add_text(files, outputs ? "y.hex" : "x.hex", hex_text, err);
}

/* ---- Programs that use it ---- */

static nib_status add_check(const words *w, const char *code, nib_export_files *files, nib_error *err)
{
    const char *text = nib_arena_printf(
        files->arena,
        "/* Runs x.dat through the network and compares with y.dat: exit status 0 when all are equal. */\n"
        "#include <stdio.h>\n\n#include \"%s.h\"\n\n"
        "static int row(FILE *file, double *value, int n)\n"
        "{\n"
        "    for (int i = 0; i < n; ++i)\n"
        "        if (fscanf(file, \"%%lf\", &value[i]) != 1)\n"
        "            return 0;\n"
        "    return 1;\n"
        "}\n\n"
        "int main(void)\n"
        "{\n"
        "    double x[%sINPUTS], wanted[%sOUTPUTS];\n"
        "    float in[%sINPUTS];\n"
        "    %s y[%sOUTPUTS];\n"
        "    long rows = 0, differences = 0;\n"
        "    FILE *inputs = fopen(\"x.dat\", \"r\"), *outputs = fopen(\"y.dat\", \"r\");\n"
        "    if (!inputs || !outputs) {\n"
        "        fprintf(stderr, \"x.dat or y.dat is missing\\n\");\n"
        "        return 2;\n"
        "    }\n"
        "    for (; row(inputs, x, %sINPUTS) && row(outputs, wanted, %sOUTPUTS); ++rows) {\n"
        "        for (int i = 0; i < %sINPUTS; ++i)\n"
        "            in[i] = (float)x[i];\n"
        "        %spredict(in, y, 1);\n"
        "        for (int i = 0; i < %sOUTPUTS; ++i)\n"
        "            differences += (double)y[i] * %sstep[i] != wanted[i];\n"
        "    }\n"
        "    printf(\"%%ld rows, %%ld differences\\n\", rows, differences);\n"
        "    fclose(inputs);\n"
        "    fclose(outputs);\n"
        "    return rows > 0 && differences == 0 ? 0 : 1;\n"
        "}\n",
        w->file, w->macro, w->macro, w->macro, code, w->macro, w->macro, w->macro, w->macro, w->name,
        w->macro, w->name);
    return text ? nib_export_add_text(files, "check.c", text, err) : nib_fail_memory(err, "export");
}

static nib_status add_ctypes(const words *w, const char *code, int64_t outputs, nib_export_files *files,
                             nib_error *err)
{
    const char *text =
        nib_arena_printf(files->arena,
                         "# cc -O3 -march=native -std=c11 -shared -fPIC %s.c -o lib%s.so\n"
                         "import ctypes\n"
                         "import numpy\n\n"
                         "library = ctypes.CDLL(\"./lib%s.so\")\n"
                         "x = numpy.loadtxt(\"x.dat\", dtype=numpy.float32, ndmin=2)\n"
                         "y = numpy.empty((len(x), %" PRId64 "), numpy.%.5s)\n"
                         "pointer = lambda array: array.ctypes.data_as(ctypes.c_void_p)\n"
                         "library.%spredict(pointer(x), pointer(y), ctypes.c_int64(len(x)))\n"
                         "step = numpy.array((ctypes.c_double * %" PRId64 ").in_dll(library, \"%sstep\"))\n"
                         "print(numpy.sum(y * step != numpy.loadtxt(\"y.dat\", ndmin=2)), \"differences\")\n",
                         w->file, w->file, w->file, outputs, code, w->name, outputs, w->name);
    return text ? nib_export_add_text(files, "predict.py", text, err) : nib_fail_memory(err, "export");
}

static nib_status add_readme(const nib_export *e, const words *w, nib_export_files *files, nib_error *err)
{
    const char *text = nib_arena_printf(
        files->arena,
        "# %s as C source\n\n"
        "`%s.h` and `%s.c` are the network in integers, code for code what firmware computes; they depend on "
        "nothing and are C11.\n\n"
        "    cc -O3 -march=native -std=c11 -Wall -Werror %s.c check.c -o check && ./check\n"
        "    cc -O3 -march=native -std=c11 -shared -fPIC %s.c -o lib%s.so && python3 predict.py\n\n"
        "- `%spredict(x, y, n)`: n rows of preprocessed floats to codes; code * `%sstep[i]` is the number.\n"
        "- `%spredict_values(x, y, n)`: the same to floats.\n"
        "- `%spreprocess(raw, x, n)`: raw numbers to what the other two take.\n\n"
        "%" PRId64 " golden samples: `x.dat`, `y.dat` hold the numbers that inputs and outputs have on their "
        "grids, a row in each line;\n`x.hex`, `y.hex` the same as words of their types' bits, for $readmemh "
        "and for memories. `nibble pack` makes other layouts.\n",
        e->name, w->file, w->file, w->file, w->file, w->file, w->name, w->name, w->name, w->name,
        e->golden.rows);
    return text ? nib_export_add_text(files, "README.md", text, err) : nib_fail_memory(err, "export");
}

static nib_status write(const nib_export *e, nib_export_files *files, nib_error *err)
{
    words w;
    int64_t outputs = 0;
    NIB_TRY(choose_words(e, files->arena, &w, err));
    NIB_TRY(add_source(e, &w, files, err));
    const char *code = strstr(files->file[files->count - 2].data, "int64_t *y") ? "int64_t" : "int32_t";
    for (int i = 0; i < e->net->n_outputs; i++)
        outputs += width(&e->net->node[e->net->output[i].node]);
    NIB_TRY(add_vectors(e, false, files, err));
    NIB_TRY(add_vectors(e, true, files, err));
    NIB_TRY(add_check(&w, code, files, err));
    NIB_TRY(add_ctypes(&w, code, outputs, files, err));
    return add_readme(e, &w, files, err);
}

const nib_exporter nib_exporter_c = {
    .name = "c",
    .help = "one C header and source in integers without dependencies, with vectors for test benches",
    .source = "ISO C11; the arithmetic is that of quant/fixnet.h",
    .write = write,
};
