#include "quant/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/fixnet_internal.h"

#define NIB_EXPORTER(name) extern const nib_exporter nib_exporter_##name;
#include "quant/exporters.def"
#undef NIB_EXPORTER

const nib_exporter *const nib_exporters[] = {
#define NIB_EXPORTER(name) &nib_exporter_##name,
#include "quant/exporters.def"
#undef NIB_EXPORTER
};
const int nib_exporters_count = (int)(sizeof nib_exporters / sizeof nib_exporters[0]);

const char *const nib_export_route_names[NIB_EXPORT_ROUTES] = {
    [NIB_EXPORT_AUTO] = "auto",
    [NIB_EXPORT_BITEXACT] = "bitexact",
    [NIB_EXPORT_FPQ] = "fpq",
    [NIB_EXPORT_EXPLICIT] = "explicit",
};

const nib_exporter *nib_exporter_find(const char *name)
{
    for (int i = 0; i < nib_exporters_count; i++)
        if (strcmp(nib_exporters[i]->name, name) == 0)
            return nib_exporters[i];
    return NULL;
}

nib_status nib_export_add(nib_export_files *files, const char *name, const void *data, size_t bytes,
                          nib_error *err)
{
    if (files->count == NIB_EXPORT_MAX_FILES)
        return nib_fail(err, NIB_ERR_UNSUPPORTED, "%s: an export has at most %d files", name,
                        (int)NIB_EXPORT_MAX_FILES);
    files->file[files->count++] = (nib_export_file){name, data, bytes};
    return NIB_OK;
}

nib_status nib_export_add_text(nib_export_files *files, const char *name, const char *text, nib_error *err)
{
    return nib_export_add(files, name, text, strlen(text), err);
}

nib_status nib_export_add_printed(nib_export_files *files, const char *name,
                                  void (*print)(const nib_export *export, FILE *out),
                                  const nib_export *export, nib_error *err)
{
    char *buffer = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&buffer, &bytes);
    if (!out)
        return nib_fail_memory(err, name);
    print(export, out);
    const char *text = fclose(out) == 0 ? nib_arena_strdup(files->arena, buffer) : NULL;
    free(buffer);
    return text ? nib_export_add_text(files, name, text, err) : nib_fail_memory(err, name);
}

/* ---- For exporters ---- */

/* Bits behind the point that the node's exact result can have; false: it has no such number here. */
static bool exact_fraction(const nib_export *export, const nib_fix_node *node, int *fraction)
{
    int most = 0;
    for (int i = 0; i < node->n_inputs; i++) {
        const int f = export->interval[node->input[i]].fraction;
        most = i == 0 || f > most ? f : most;
    }
    switch (node->kind) {
    case NIB_FIX_CAST:
    case NIB_FIX_ADD:
    case NIB_FIX_CONCAT:
        *fraction = most;
        return true;
    case NIB_FIX_DENSE:
        *fraction = nib_fixed_fraction(&node->as.dense.accum);
        return node->as.dense.proven;
    case NIB_FIX_POOL:
        *fraction = nib_fixed_fraction(&node->as.pool.accum);
        return node->as.pool.proven && node->as.pool.kind != NIB_FIX_POOL_MEAN;
    case NIB_FIX_SCALE: {
        const int scaled = most + nib_fix_types_fraction(&node->as.scale.scale.type);
        const int shift = nib_fix_types_fraction(&node->as.scale.shift.type);
        *fraction = scaled > shift ? scaled : shift;
        return true;
    }
    case NIB_FIX_LEAKY_RELU:
        *fraction = most + node->as.leaky_shift;
        return true;
    case NIB_FIX_INPUT:
    case NIB_FIX_RELU:
    case NIB_FIX_TABLE:
    case NIB_FIX_SOFTMAX:
    case NIB_FIX_RESHAPE:
    case NIB_FIX_KIND_COUNT:
        break;
    }
    return false;
}

nib_status nib_export_is_exact(const nib_export *export, int node, nib_arena *arena, bool *is_exact,
                               nib_error *err)
{
    const nib_fix_node *n = &export->net->node[node];
    int fraction;
    *is_exact = false;
    if (n->type.count != 1 || n->type.bits[0] == 0 || !exact_fraction(export, n, &fraction))
        return NIB_OK;
    const nib_fixed type = nib_fix_type_at(&n->type, 0);
    if (nib_fixed_fraction(&type) < fraction)
        return NIB_OK;
    /* The same node with all the room there is: does it ever leave the range of its type? */
    const nib_fixed wide = {.bits = NIB_FIXED_MAX_ACCUM,
                            .integer = NIB_FIXED_MAX_ACCUM - nib_fixed_fraction(&type),
                            .is_signed = true};
    nib_fix_node *copies = NIB_NEW(arena, nib_fix_node, export->net->n_nodes);
    if (!copies)
        return nib_fail_memory(err, "export");
    memcpy(copies, export->net->node, (size_t) export->net->n_nodes * sizeof *copies);
    copies[node].type = nib_fix_types_of(arena, &wide);
    if (copies[node].type.count == 0)
        return nib_fail_memory(err, "export");
    nib_fixnet net = *export->net;
    net.node = copies;
    nib_fix_interval all;
    if (nib_fixnet_interval(&net, node, export->interval, arena, &all, NULL) != NIB_OK)
        return NIB_OK; /* wider than can be said: not exact */
    const int64_t lowest = nib_fixed_lowest(&type), highest = nib_fixed_highest(&type);
    *is_exact = true;
    for (int64_t i = 0; i < n->features; i++)
        *is_exact = *is_exact && all.low[i] >= lowest && all.high[i] <= highest;
    return NIB_OK;
}

double nib_export_value(const nib_fix_array *array, int64_t index)
{
    const nib_fixed type = nib_fix_type_at(&array->type, index);
    return type.bits ? nib_fixed_value(&type, array->code[index]) : 0;
}

nib_status nib_export_array_type(const nib_fix_array *array, nib_fixed *type, nib_error *err)
{
    const int fraction = nib_fix_types_fraction(&array->type);
    nib_wide low = 0, high = 0;
    for (int64_t i = 0; i < array->rows * array->cols; i++) {
        const nib_fixed own = nib_fix_type_at(&array->type, i);
        const nib_wide code =
            own.bits ? nib_wide_shift_up(array->code[i], fraction - nib_fixed_fraction(&own)) : 0;
        low = code < low ? code : low;
        high = code > high ? code : high;
    }
    if (nib_wide_width(low) >= NIB_FIXED_MAX_ACCUM || nib_wide_width(high) >= NIB_FIXED_MAX_ACCUM)
        return nib_fail(err, NIB_ERR_UNSUPPORTED, "its numbers need one type of more than %d bits",
                        (int)NIB_FIXED_MAX_ACCUM);
    return nib_fix_smallest_type((int64_t)low, (int64_t)high, fraction, type, err);
}

bool nib_export_is_output(const nib_fixnet *net, int node)
{
    for (int i = 0; i < net->n_outputs; i++)
        if (net->output[i].node == node)
            return true;
    return false;
}

const char *nib_export_type(nib_arena *arena, const nib_fixed *type)
{
    char text[NIB_FIXED_TEXT_BYTES];
    return nib_arena_strdup(arena, nib_fixed_print(type, NIB_FIXED_PLAIN, text));
}
