#include "quant/export_readme.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *type_text(nib_arena *arena, const nib_fix_types *types)
{
    if (types->count > 1)
        return "a type per channel: see model.h5";
    const nib_fixed type = nib_fix_type_at(types, 0);
    const char *text = type.bits ? nib_export_type(arena, &type) : "0";
    return text ? text : "";
}

/* A network that takes raw numbers. */
static void put_folded_inputs(const nib_export *e, FILE *out)
{
    fprintf(out, "\n## Inputs\n\nThe network takes raw numbers, as they come from the source. The "
                 "preprocessing of training, `x = "
                 "(raw - shift) / divisor`, is inside:\nits shifts and the mantissas of its divisors went "
                 "into kernel and bias of "
                 "the first layer, which were put on their grids anew, the\npowers of two of the divisors "
                 "into the types. Inputs "
                 "have the step that they had in training. `nibble eval model.h5` beside `nibble eval "
                 "RUN`\nsays what that costs.\n");
    for (int i = 0; i < e->net->n_inputs; i++) {
        const nib_fix_node *n = &e->net->node[i];
        const nib_export_input *p = &e->input[i];
        fprintf(out,
                "\n`%s`: %" PRId64
                " numbers\n\n| | feature | type | folded shift | folded divisor |\n|---|---|---|---|---|\n",
                n->name, n->features);
        for (int64_t k = 0; k < n->features; k++) {
            const nib_fixed type = nib_fix_type_at(&n->type, k);
            char text[NIB_FIXED_TEXT_BYTES];
            fprintf(out, "| %" PRId64 " | %s | %s | %.17g | %.17g |\n", k, p->features ? p->features[k] : "",
                    type.bits ? nib_fixed_print(&type, NIB_FIXED_PLAIN, text) : "removed", p->folded_shift[k],
                    p->folded_divisor[k]);
        }
    }
}

static void put_inputs(const nib_export *e, nib_arena *arena, FILE *out)
{
    if (e->input[0].folded_shift) {
        put_folded_inputs(e, out);
        return;
    }
    fprintf(out,
            "\n## Inputs\n\nThe network takes what stands in front of it in training: `x = (raw - shift) / "
            "divisor`, computed in double and rounded once\nto float. Whatever feeds the firmware has to do "
            "this first. Golden samples in model.h5 have both `raw` and `x`.\n");
    for (int i = 0; i < e->net->n_inputs; i++) {
        const nib_fix_node *n = &e->net->node[i];
        const nib_export_input *p = &e->input[i];
        fprintf(out, "\n`%s`: %" PRId64 " numbers, %s, type %s\n", n->name, n->positions * n->features,
                p->preprocess, type_text(arena, &n->type));
        if (strcmp(p->preprocess, "none") == 0)
            continue;
        fprintf(out, "\n| | feature | shift | divisor |\n|---|---|---|---|\n");
        for (int64_t k = 0; k < n->features; k++)
            fprintf(out, "| %" PRId64 " | %s | %.17g | %.17g |\n", k, p->features ? p->features[k] : "",
                    p->shift[k], p->divisor[k]);
    }
}

static void put_outputs(const nib_export *e, nib_arena *arena, FILE *out)
{
    fprintf(out, "\n## Outputs\n");
    for (int i = 0; i < e->net->n_outputs; i++) {
        const nib_fix_node *n = &e->net->node[e->net->output[i].node];
        fprintf(out, "\n`%s`: %" PRId64 " numbers, type %s%s", e->net->output[i].target,
                n->positions * n->features, type_text(arena, &n->type),
                n->kind == NIB_FIX_SOFTMAX ? "; probabilities"
                                           : "; logits, in front of any softmax or sigmoid");
        for (int64_t k = 0; e->class_name[i] && k < n->features; k++)
            fprintf(out, "%s%s", k ? ", " : "; classes ", e->class_name[i][k]);
        fprintf(out, "\n");
    }
}

static void put_route(const nib_keras_graph *g, FILE *out)
{
    static const char *const why[NIB_EXPORT_ROUTES] = {
        [NIB_EXPORT_BITEXACT] = "Types of inputs, activations and outputs are stated and trusted; hls4ml's "
                                "BitExact pass derives those "
                                "of weights,\naccumulators and everything between so that nothing is lost.",
        [NIB_EXPORT_FPQ] = "Tensors whose channels have types of their own go through FixedPointQuantizer "
                           "layers (io_parallel "
                           "only);\nhls4ml's BitExact pass derives the rest so that nothing is lost.",
        [NIB_EXPORT_EXPLICIT] = "Every precision is written down in hls4ml.yml; hls4ml derives nothing.",
    };
    fprintf(out, "\nRoute `%s`. %s\n", nib_export_route_names[g->route], why[g->route] ? why[g->route] : "");
}

/* Accumulators that the user gave, and what they did. */
static void put_overflows(const nib_export *e, nib_arena *arena, FILE *out)
{
    if (!e->golden.counts)
        return;
    fprintf(out, "\n## Accumulators that overflow\n\nTypes of accumulators were given. Of the sums on the "
                 "golden samples, those with "
                 "an addition that left the type's range:\n\n| layer | accumulator | sums | overflow "
                 "|\n|---|---|---|---|\n");
    for (int i = 0; i < e->net->n_nodes; i++) {
        const nib_fix_node *n = &e->net->node[i];
        const nib_engine_counts *c = &e->golden.counts[i];
        if (n->kind != NIB_FIX_DENSE)
            continue;
        const char *type = nib_export_type(arena, &n->as.dense.accum);
        fprintf(out, "| %s | %s%s | %" PRId64 " | %" PRId64 " |\n", n->name, type ? type : "",
                n->as.dense.proven ? ", holds every sum" : "", c->sums, c->sums_overflown);
    }
}

static void put_all(const nib_export *e, const nib_keras_graph *g, nib_arena *arena, FILE *out)
{
    fprintf(
        out,
        "# %s\n\nA quantized network exported by nibble %s from the model %s, for hls4ml 1.2 or later.\n\n"
        "    pip install hls4ml h5py pyyaml\n    python3 convert.py            # convert, compile the C++ "
        "emulation, "
        "compare with %" PRId64 " golden samples\n    python3 convert.py --build    # then synthesis, where "
        "the tools of the back end are installed\n\n"
        "| file | what |\n|---|---|\n"
        "| model.h5 | Keras-2 whole-model file with weights on their fixed-point grid; the group /nibble has "
        "the "
        "integers, all\ntypes, masks, preprocessing, classes, costs and golden samples (`nibble inspect "
        "model.h5`, `nibble emulate model.h5 --golden`) |\n"
        "| hls4ml.yml | hls4ml's config: precisions, strategies, back end, part, clock |\n"
        "| convert.py | converts, compiles, compares; `--trace`: layer by layer |\n",
        e->name, e->version, e->source, e->golden.rows);
    put_route(g, out);
    if (strcmp(e->backend, "Vitis") != 0 && strcmp(e->backend, "Vivado") != 0)
        fprintf(out,
                "\nThe back end %s was not compiled where nibble is tested: its project is written, and its "
                "types are those below.\n",
                e->backend);
    put_inputs(e, arena, out);
    put_outputs(e, arena, out);
    put_overflows(e, arena, out);
}

nib_status nib_export_readme(const nib_export *export, const nib_keras_graph *graph, nib_arena *arena,
                             const char **text, nib_error *err)
{
    char *buffer = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&buffer, &bytes);
    if (!out)
        return nib_fail_memory(err, "README.md");
    put_all(export, graph, arena, out);
    const bool ok = fclose(out) == 0;
    *text = ok ? nib_arena_strdup(arena, buffer) : NULL;
    free(buffer);
    return *text ? NIB_OK : nib_fail_memory(err, "README.md");
}
