#include "quant/c_export.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/c_export_internal.h"

enum { MOST_STACK_BYTES = 64 << 10 };

static int64_t width(const nib_fix_node *node)
{
    return node->positions * node->features;
}

static int64_t input_width(const nib_fixnet *net)
{
    int64_t n = 0;
    for (int i = 0; i < net->n_inputs; ++i)
        n += width(&net->node[i]);
    return n;
}

static int64_t output_width(const nib_fixnet *net)
{
    int64_t n = 0;
    for (int i = 0; i < net->n_outputs; ++i)
        n += width(&net->node[net->output[i].node]);
    return n;
}

/* Codes of the outputs have 32 bits, unless one needs more. */
static const char *code_type(const nib_c_writer *w)
{
    for (int i = 0; i < w->net->n_outputs; ++i)
        if (strcmp(nib_c_tensor_type(w, w->net->output[i].node), "int64_t") == 0)
            return "int64_t";
    return "int32_t";
}

/* "jets_" and "JETS_" for the name jets. */
static const char *prefix(const nib_c_writer *w, bool upper)
{
    if (!w->record->name)
        return upper ? "MODEL_" : "";
    char *text = nib_arena_printf(w->arena, "%s_", w->record->name);
    for (char *c = text; upper && c && *c; ++c)
        *c = (char)toupper((unsigned char)*c);
    return text ? text : "";
}

/* ---- Comments ---- */

/* A name within a comment: no end of it. */
static void print_name(FILE *out, const char *name)
{
    for (const char *c = name; *c; ++c)
        fputc(*c == '*' || *c == '\n' || *c == '\r' || *c == '\\' ? '_' : *c, out);
}

static void print_names(FILE *out, const char *const *names, int64_t n)
{
    enum { MOST = 64 };
    for (int64_t i = 0; names && i < n && i < MOST; ++i) {
        fprintf(out, "%s", i ? ", " : ": ");
        print_name(out, names[i]);
    }
    if (names && n > MOST)
        fprintf(out, ", ...");
    fprintf(out, "\n");
}

static void print_type(FILE *out, const nib_fix_types *types)
{
    char text[NIB_FIXED_TEXT_BYTES];
    const nib_fixed type = nib_fix_type_at(types, 0);
    if (types->count > 1)
        fprintf(out, "types by element");
    else
        fprintf(out, "%s", type.bits ? nib_fixed_print(&type, NIB_FIXED_PLAIN, text) : "removed");
}

static void print_tensors(const nib_c_writer *w, FILE *out)
{
    const nib_fixnet *net = w->net;
    int64_t at = 0;
    for (int i = 0; i < net->n_inputs; ++i) {
        const int64_t n = width(&net->node[i]);
        fprintf(out, " *   x[%" PRId64 "] to x[%" PRId64 "]: %s, ", at, at + n - 1, net->node[i].name);
        print_type(out, &net->node[i].type);
        print_names(out, w->record->features ? w->record->features[i] : NULL, n);
        at += n;
    }
    at = 0;
    for (int i = 0; i < net->n_outputs; ++i) {
        const nib_fix_node *node = &net->node[net->output[i].node];
        const int64_t n = width(node);
        fprintf(out, " *   y[%" PRId64 "] to y[%" PRId64 "]: %s, ", at, at + n - 1, net->output[i].target);
        print_type(out, &node->type);
        print_names(out, w->record->classes ? w->record->classes[i] : NULL, n);
        at += n;
    }
}

/* ---- Header ---- */

static void write_header(const nib_c_writer *w, FILE *out)
{
    const char *p = prefix(w, false), *macro = prefix(w, true);
    fprintf(out, "/* A fixed-point network in integers, written by nibble");
    if (w->record->origin) {
        fprintf(out, " from ");
        print_name(out, w->record->origin);
    }
    fprintf(out, ".\n *\n");
    print_tensors(w, out);
    fprintf(
        out,
        " *\n * Element i of y stands for the number y[i] * %sstep[i]. Any number of threads may call these "
        "functions.\n */\n#ifndef %sH\n#define %sH\n\n#include <stdint.h>\n\n"
        "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
        "enum { %sINPUTS = %" PRId64 ", %sOUTPUTS = %" PRId64 " };\n\n"
        "extern const double %sstep[%sOUTPUTS];\n\n",
        p, macro, macro, macro, input_width(w->net), macro, output_width(w->net), p, macro);
    fprintf(out,
            "/* n samples: x [n][%sINPUTS] preprocessed numbers, y [n][%sOUTPUTS] codes. */\n"
            "void %spredict(const float *x, %s *y, int64_t n);\n\n"
            "/* The same, with numbers instead of codes. */\n"
            "void %spredict_values(const float *x, float *y, int64_t n);\n",
            macro, macro, p, code_type(w), p);
    if (w->record->shift)
        fprintf(out,
                "\n/* Raw numbers, as they are before preprocessing, to what the functions above take. */\n"
                "void %spreprocess(const double *raw, float *x, int64_t n);\n",
                p);
    fprintf(out, "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}

/* ---- Source ---- */

static void print_doubles(FILE *out, const char *name, const nib_c_writer *w, const double *const *column)
{
    const char *separator = "";
    fprintf(out, "static const double %s[%" PRId64 "] = {", name, input_width(w->net));
    for (int i = 0; i < w->net->n_inputs; ++i)
        for (int64_t k = 0; k < width(&w->net->node[i]); ++k) {
            fprintf(out, "%s%.17g", separator, column[i][k]);
            separator = ", ";
        }
    fprintf(out, "};\n");
}

/* In double, rounded once; the same operations as in training. */
static void write_preprocess(const nib_c_writer *w, FILE *out)
{
    const char *p = prefix(w, false), *macro = prefix(w, true);
    print_doubles(out, "raw_shift", w, w->record->shift);
    print_doubles(out, "raw_divisor", w, w->record->divisor);
    fprintf(out,
            "\nvoid %spreprocess(const double *raw, float *x, int64_t n)\n"
            "{\n"
            "    for (int64_t i = 0; i < n; ++i)\n"
            "        for (int k = 0; k < %sINPUTS; ++k) {\n"
            "            const int64_t e = i * %sINPUTS + k;\n"
            "            x[e] = (float)((raw[e] - raw_shift[k]) / raw_divisor[k]);\n"
            "        }\n"
            "}\n\n",
            p, macro, macro);
}

static void write_steps(const nib_c_writer *w, FILE *out)
{
    fprintf(out, "const double %sstep[%sOUTPUTS] = {", prefix(w, false), prefix(w, true));
    for (int i = 0; i < w->net->n_outputs; ++i) {
        const nib_fix_node *node = &w->net->node[w->net->output[i].node];
        for (int64_t k = 0; k < width(node); ++k) {
            const nib_fixed type = nib_fix_type_at(&node->type, k);
            fprintf(out, "%s%a", i || k ? ", " : "", type.bits ? nib_fixed_step(&type) : 1.0);
        }
    }
    fprintf(out, "};\n\n");
}

/* Codes of a tensor are at the finest step of its elements; y has every element's own. */
static void write_output(nib_c_writer *w, FILE *out, int i, int64_t at)
{
    const int node = w->net->output[i].node;
    const nib_fix_types *types = &w->net->node[node].type;
    const int64_t n = width(&w->net->node[node]);
    const char *code = code_type(w);
    bool equal = true;
    for (int64_t k = 0; k < types->count; ++k) {
        const nib_fixed type = nib_fix_type_at(types, k);
        equal = equal && (type.bits == 0 || nib_fixed_fraction(&type) == w->interval[node].fraction);
    }
    fprintf(out, "    for (int e = 0; e < %" PRId64 "; ++e)\n        y[%" PRId64 " + e] = (%s)", n, at, code);
    if (equal)
        fprintf(out, "t%d[e];\n", node);
    else
        fprintf(out, "(t%d[e] >> y%d_down[e]);\n", node, i);
}

static nib_status output_tables(nib_c_writer *w, nib_error *err)
{
    for (int i = 0; i < w->net->n_outputs; ++i) {
        const int node = w->net->output[i].node;
        const int64_t n = width(&w->net->node[node]);
        bool any = false;
        int64_t *down = NIB_NEW(w->arena, int64_t, n);
        if (!down)
            return nib_fail_memory(err, "C source");
        for (int64_t k = 0; k < n; ++k) {
            const nib_fixed type = nib_fix_type_at(&w->net->node[node].type, k);
            down[k] = type.bits ? w->interval[node].fraction - nib_fixed_fraction(&type) : 0;
            any = any || down[k];
        }
        if (any)
            nib_c_table(w, nib_arena_printf(w->arena, "y%d_down", i), n, down);
    }
    return NIB_OK;
}

static void write_sample(nib_c_writer *w, FILE *out)
{
    const nib_fixnet *net = w->net;
    int64_t bytes = 0, at = 0;
    for (int i = 0; i < net->n_nodes; ++i)
        bytes += 8 * width(&net->node[i]);
    const char *storage = bytes > MOST_STACK_BYTES ? "static _Thread_local " : "";
    fprintf(out, "static void sample(const float *x, %s *y)\n{\n", code_type(w));
    for (int i = 0; i < net->n_nodes; ++i)
        fprintf(out, "    %s%s t%d[%" PRId64 "];\n", storage, nib_c_tensor_type(w, i), i,
                width(&net->node[i]));
    for (int i = 0; i < net->n_nodes; ++i) {
        const nib_fix_node *node = &net->node[i];
        fprintf(out, "    node_%d(", i);
        if (node->n_inputs == 0) {
            fprintf(out, "x + %" PRId64 ", ", at);
            at += width(node);
        }
        for (int k = 0; k < node->n_inputs; ++k)
            fprintf(out, "t%d, ", node->input[k]);
        fprintf(out, "t%d);\n", i);
    }
    at = 0;
    for (int i = 0; i < net->n_outputs; ++i) {
        write_output(w, out, i, at);
        at += width(&net->node[net->output[i].node]);
    }
    fprintf(out, "}\n\n");
}

static void write_predict(nib_c_writer *w, FILE *out)
{
    const char *p = prefix(w, false), *macro = prefix(w, true), *code = code_type(w);
    fprintf(out,
            "void %spredict(const float *x, %s *y, int64_t n)\n"
            "{\n"
            "    for (int64_t i = 0; i < n; ++i)\n"
            "        sample(x + i * %sINPUTS, y + i * %sOUTPUTS);\n"
            "}\n\n"
            "void %spredict_values(const float *x, float *y, int64_t n)\n"
            "{\n"
            "    for (int64_t i = 0; i < n; ++i) {\n"
            "        %s code[%sOUTPUTS];\n"
            "        sample(x + i * %sINPUTS, code);\n"
            "        for (int k = 0; k < %sOUTPUTS; ++k)\n"
            "            y[i * %sOUTPUTS + k] = (float)((double)code[k] * %sstep[k]);\n"
            "    }\n"
            "}\n",
            p, code, macro, macro, p, code, macro, macro, macro, macro, p);
}

static nib_status write_nodes(nib_c_writer *w, nib_error *err)
{
    for (int i = 0; i < w->net->n_nodes; ++i) {
        const nib_fix_node *node = &w->net->node[i];
        fprintf(w->out, "/* %s: %s, ", node->name, nib_fix_kind_name(node->kind));
        print_type(w->out, &node->type);
        fprintf(w->out, " */\n");
        NIB_TRY(nib_c_write_node(w, i, err));
    }
    return output_tables(w, err);
}

static void write_source(nib_c_writer *w, const char *nodes, FILE *out)
{
    fprintf(out,
            "/* Written by nibble. Right shifts of negative numbers must round down, as they do with gcc and "
            "clang. */\n#include \"%s\"\n\n",
            w->record->header);
    if (w->used[NIB_C_FLOAT])
        fprintf(out, "#include <string.h>\n\n");
    nib_c_write_helpers(w, out);
    fprintf(out, "%s", nodes);
    write_steps(w, out);
    write_sample(w, out);
    write_predict(w, out);
    if (w->record->shift) {
        fprintf(out, "\n");
        write_preprocess(w, out);
    }
}

/* A stream into memory, as a string of the arena. */
static nib_status take(nib_arena *arena, FILE *stream, char **memory, const char **text, nib_error *err)
{
    const bool failed = fclose(stream) != 0 || !*memory;
    *text = failed ? NULL : nib_arena_strdup(arena, *memory);
    free(*memory);
    return *text ? NIB_OK : nib_fail_memory(err, "C source");
}

nib_status nib_c_export_write(const nib_fixnet *net, const nib_c_export *record, nib_arena *arena,
                              const char **header, const char **source, nib_error *err)
{
    nib_c_writer w = {.net = net, .record = record, .arena = arena};
    char *memory[3] = {NULL, NULL, NULL};
    size_t bytes;
    const char *nodes = NULL;
    NIB_TRY(nib_fixnet_intervals(net, arena, &w.interval, err));
    w.out = open_memstream(&memory[0], &bytes);
    if (!w.out)
        return nib_fail_memory(err, "C source");
    const nib_status written = write_nodes(&w, err), taken = take(arena, w.out, &memory[0], &nodes, err);
    NIB_TRY(written);
    NIB_TRY(taken);
    FILE *out = open_memstream(&memory[1], &bytes);
    if (!out)
        return nib_fail_memory(err, "C source");
    write_header(&w, out);
    NIB_TRY(take(arena, out, &memory[1], header, err));
    out = open_memstream(&memory[2], &bytes);
    if (!out)
        return nib_fail_memory(err, "C source");
    write_source(&w, nodes, out);
    return take(arena, out, &memory[2], source, err);
}
