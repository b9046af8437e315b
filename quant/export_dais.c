/* dais: the network as a program of da4ml, which writes pipelined Verilog or VHDL from it without a vendor's
 * tool. */
#include <inttypes.h>
#include <stdio.h>

#include "quant/dais_program.h"
#include "quant/export.h"

static int64_t width_of(const nib_fix_node *n)
{
    return n->positions * n->features;
}

/* ---- Golden samples as codes, a sample on a line ---- */

static void put_input_codes(const nib_export *e, FILE *out)
{
    for (int64_t row = 0; row < e->golden.rows; row++)
        for (int i = 0; i < e->net->n_inputs; i++) {
            const nib_fix_node *n = &e->net->node[i];
            for (int64_t k = 0; k < width_of(n); k++) {
                const nib_fixed type = nib_fix_type_at(&n->type, k);
                const double x = (double)e->golden.x[i][row * width_of(n) + k];
                const bool last = i == e->net->n_inputs - 1 && k == width_of(n) - 1;
                fprintf(out, "%" PRId64 "%s", type.bits ? nib_fixed_cast_double(&type, x) : 0,
                        last ? "\n" : " ");
            }
        }
}

static void put_output_codes(const nib_export *e, FILE *out)
{
    for (int64_t row = 0; row < e->golden.rows; row++)
        for (int i = 0; i < e->net->n_outputs; i++) {
            const nib_fix_node *n = &e->net->node[e->net->output[i].node];
            for (int64_t k = 0; k < width_of(n); k++) {
                const bool last = i == e->net->n_outputs - 1 && k == width_of(n) - 1;
                fprintf(out, "%" PRId64 "%s", e->golden.code[i][row * width_of(n) + k], last ? "\n" : " ");
            }
        }
}

/* One number of a list: `side` 0 inputs, 1 outputs. */
static void put_port(FILE *out, const char *what, const nib_fix_node *n, const char *name)
{
    for (int64_t k = 0; k < width_of(n); k++) {
        const nib_fixed type = nib_fix_type_at(&n->type, k);
        char text[NIB_FIXED_TEXT_BYTES];
        fprintf(out, "%s,%s,%" PRId64 ",\"%s\"\n", what, name, k,
                type.bits ? nib_fixed_print(&type, NIB_FIXED_PLAIN, text) : "removed");
    }
}

static void put_ports(const nib_export *e, FILE *out)
{
    fprintf(out, "side,name,index,type\n");
    for (int i = 0; i < e->net->n_inputs; i++)
        put_port(out, "input", &e->net->node[i], e->net->node[i].name);
    for (int i = 0; i < e->net->n_outputs; i++)
        put_port(out, "output", &e->net->node[e->net->output[i].node], e->net->output[i].target);
}

static void put_readme(const nib_export *e, FILE *out)
{
    fprintf(
        out,
        "# %s\n\nA quantized network exported by nibble %s from the model %s, as a program for da4ml "
        "0.6.0.\n\n"
        "    pip install da4ml==0.6.0\n    da4ml convert program.json rtl -n 0      # pipelined Verilog in "
        "rtl/src; --flavor vhdl: VHDL\n\n"
        "| file | what |\n|---|---|\n| program.json | adders, shifts, multiplexers and tables; casts round "
        "and "
        "saturate as in training |\n| ports.csv | type of every input and output number, in the order of the "
        "program |\n| golden_in.dat, golden_out.dat | %" PRId64
        " samples as integer codes of these types, one on a line |\n\n"
        "The program begins behind the cast of the inputs: it takes codes of the input types. Its outputs "
        "are "
        "codes of the output\ntypes.\n",
        e->name, e->version, e->source, e->golden.rows);
}

static nib_status add_program(const nib_export *e, nib_export_files *files, nib_error *err)
{
    nib_dais_program program = {.arena = files->arena};
    nib_dais_number *out;
    int64_t n_in, n_out;
    const char *text;
    NIB_TRY(nib_dais_of_net(&program, e->net, &out, &n_in, &n_out, err));
    NIB_TRY(nib_dais_print(&program, n_in, n_out, out, &text, err));
    return nib_export_add_text(files, "program.json", text, err);
}

static nib_status write_files(const nib_export *e, nib_export_files *files, nib_error *err)
{
    NIB_TRY(add_program(e, files, err));
    NIB_TRY(nib_export_add_printed(files, "ports.csv", put_ports, e, err));
    NIB_TRY(nib_export_add_printed(files, "golden_in.dat", put_input_codes, e, err));
    NIB_TRY(nib_export_add_printed(files, "golden_out.dat", put_output_codes, e, err));
    return nib_export_add_printed(files, "README.md", put_readme, e, err);
}

const nib_exporter nib_exporter_dais = {
    .name = "dais",
    .help = "program.json for da4ml: Verilog or VHDL without a vendor's tool",
    .source = "da4ml 0.6.0 (da4ml.types.CombLogic)",
    .write = write_files,
};
