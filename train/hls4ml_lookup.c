#include "train/hls4ml_lookup.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool nib_hls4ml_is(const nib_doc *value, const char *word)
{
    return value && value->kind == NIB_DOC_SCALAR && strcasecmp(value->text, word) == 0;
}

/* hls4ml compares names of layers and variables in lower case. */
static const nib_doc *get(const nib_doc *map, const char *key)
{
    for (int i = 0; map && map->kind == NIB_DOC_MAP && i < map->count; i++)
        if (strcasecmp(map->entries[i].key, key) == 0)
            return map->entries[i].value;
    return NULL;
}

nib_status nib_hls4ml_lookup_open(const nib_doc *project, nib_hls4ml_lookup *lookup, nib_error *err)
{
    const nib_doc *config = get(project, "HLSConfig");
    config = config ? config : project;
    *lookup = (nib_hls4ml_lookup){get(config, "Model"), get(config, "LayerType"), get(config, "LayerName")};
    if (lookup->model || lookup->type || lookup->name)
        return NIB_OK;
    return nib_doc_fail(&project->place, err, NIB_ERR_CONFIG,
                        "this is no configuration of hls4ml: HLSConfig with Model, LayerType or LayerName is "
                        "expected");
}

/* ---- Types ---- */

/* int<W>, uint<W> and their ap_ forms; false: none of them. */
static bool parse_integer(const char *text, nib_fixed *type)
{
    const char *t = strncmp(text, "ap_", 3) == 0 ? text + 3 : text;
    const bool is_signed = *t != 'u';
    t += is_signed ? 0 : 1;
    if (strncmp(t, "int<", 4) != 0)
        return false;
    char *end;
    const long bits = strtol(t + 4, &end, 10);
    if (bits < 1 || bits > NIB_FIXED_MAX_BITS || strcmp(end, ">") != 0)
        return false;
    *type = (nib_fixed){(int)bits, (int)bits, is_signed, NIB_ROUNDING_TRN, NIB_OVERFLOW_WRAP};
    return true;
}

nib_status nib_hls4ml_type(const nib_doc *value, nib_fixed *type, nib_error *err)
{
    nib_error inner = {NIB_OK, ""};
    if (value->kind != NIB_DOC_SCALAR)
        return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "a type is expected, as fixed<16,6>");
    if (parse_integer(value->text, type) || nib_fixed_parse(value->text, type, NULL, &inner) == NIB_OK)
        return NIB_OK;
    return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "%s", inner.message);
}

/* ---- Precisions ---- */

/* Precision of one level for a variable: its own entry, else (a text) the one for all, else "default". */
static const nib_doc *precision_of(const nib_doc *level, const char *variable)
{
    const nib_doc *precision = get(level, "Precision");
    if (!precision || precision->kind == NIB_DOC_SCALAR)
        return precision;
    const nib_doc *own = get(precision, variable);
    return own ? own : get(precision, "default");
}

nib_status nib_hls4ml_default(const nib_hls4ml_lookup *lookup, nib_fixed *type, nib_error *err)
{
    const nib_doc *value = precision_of(lookup->model, "default");
    if (!value)
        return nib_fail(err, NIB_ERR_CONFIG, "HLSConfig.Model.Precision is missing: hls4ml needs a default");
    if (nib_hls4ml_is(value, "auto"))
        return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "the default precision cannot be auto");
    return nib_hls4ml_type(value, type, err);
}

nib_status nib_hls4ml_precision(const nib_hls4ml_lookup *lookup, const nib_hls4ml_layer *layer,
                                const char *variable, nib_fixed *type, bool *is_auto, nib_error *err)
{
    const nib_doc *levels[] = {get(lookup->name, layer->name), get(lookup->type, layer->class_name),
                               lookup->model};
    *is_auto = false;
    for (int i = 0; i < 3; i++) {
        const nib_doc *value = precision_of(levels[i], variable);
        if (!value)
            continue;
        *is_auto = nib_hls4ml_is(value, "auto");
        return *is_auto ? nib_hls4ml_default(lookup, type, err) : nib_hls4ml_type(value, type, err);
    }
    return nib_fail(err, NIB_ERR_CONFIG,
                    "layer %s has no precision of %s, and HLSConfig.Model.Precision is missing", layer->name,
                    variable);
}

const nib_doc *nib_hls4ml_key(const nib_hls4ml_lookup *lookup, const nib_hls4ml_layer *layer, const char *key,
                              bool with_model)
{
    const nib_doc *value = get(get(lookup->name, layer->name), key);
    if (!value)
        value = get(get(lookup->type, layer->class_name), key);
    if (!value && with_model)
        value = get(lookup->model, key);
    return value;
}
