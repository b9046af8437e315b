/** QKeras' quantizers, as its files hold them, as texts of nibble. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "quant/quantizer.h"
#include "train/keras_import_internal.h"

const char *nib_keras_quantizer_name(nib_arena *arena, const char *text)
{
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '_')
        n++;
    return nib_arena_strndup(arena, text, n);
}

static const nib_quantizer *find(const char *name)
{
    for (int i = 0; name && i < nib_quantizers_count; i++)
        if (strcmp(nib_quantizers[i]->name, name) == 0)
            return nib_quantizers[i];
    return NULL;
}

static bool has_option(const nib_quantizer *q, const char *key)
{
    for (int i = 0; i < q->options.count; i++)
        if (strcmp(q->options.rows[i].name, key) == 0)
            return true;
    return false;
}

/* Settings that change nothing as QKeras stores them where nobody sets them. */
static bool is_idle(const char *key, const cJSON *value)
{
    static const char *const ignored[] = {"var_name",
                                          "use_variables",
                                          "qnoise_factor",
                                          "scale_axis",
                                          "elements_per_scale",
                                          "post_training_scale",
                                          "temperature",
                                          "dtype",
                                          "name"};
    if (cJSON_IsNull(value) || cJSON_IsFalse(value) || (cJSON_IsNumber(value) && value->valuedouble == 0))
        return true;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        if (strcmp(key, ignored[i]) == 0)
            return strcmp(key, "qnoise_factor") != 0 || value->valuedouble == 1;
    return false;
}

static bool is_switch(const nib_quantizer *q, const char *key)
{
    for (int i = 0; i < q->options.count; i++)
        if (strcmp(q->options.rows[i].name, key) == 0)
            return q->options.rows[i].kind == NIB_OPTION_BOOL;
    return false;
}

static const char *value_text(nib_arena *arena, const nib_quantizer *q, const cJSON *item)
{
    if (cJSON_IsString(item))
        return nib_arena_printf(arena, "%s", item->valuestring);
    if (cJSON_IsBool(item) || is_switch(q, item->string))
        return cJSON_IsTrue(item) || (cJSON_IsNumber(item) && item->valuedouble != 0) ? "true" : "false";
    return cJSON_IsNumber(item) ? nib_arena_printf(arena, "%.9g", item->valuedouble) : NULL;
}

/* {class_name, config}: the keys that nibble has; null means a default. */
static const char *from_object(nib_keras_importer *m, const nib_keras_layer *layer, const cJSON *stored,
                               bool of_weights, const char *what)
{
    const cJSON *class_ = cJSON_GetObjectItem(stored, "class_name");
    const cJSON *config = cJSON_GetObjectItem(stored, "config");
    const nib_quantizer *q = find(cJSON_IsString(class_) ? class_->valuestring : NULL);
    if (!q) {
        nib_keras_problem(m, layer, "%s %s", what, cJSON_IsString(class_) ? class_->valuestring : "unknown");
        return NULL;
    }
    const char *text = nib_arena_printf(m->arena, "%s(", q->name), *separator = "";
    const cJSON *item;
    cJSON_ArrayForEach(item, config)
    {
        if (cJSON_IsNull(item) && strcmp(item->string, "alpha") == 0 && of_weights && has_option(q, "per")) {
            text = nib_arena_printf(m->arena, "%s%salpha=auto_po2", text, separator);
        } else if (cJSON_IsNull(item)) {
            continue;
        } else if (has_option(q, item->string)) {
            const char *value = value_text(m->arena, q, item);
            if (!value)
                nib_keras_problem(m, layer, "%s of its %s", item->string, what);
            text = nib_arena_printf(m->arena, "%s%s%s=%s", text ? text : "", separator, item->string,
                                    value ? value : "");
        } else {
            if (!is_idle(item->string, item))
                nib_keras_problem(m, layer, "%s of its %s", item->string, what);
            continue;
        }
        separator = ", ";
        if (!text)
            return NULL;
    }
    return text ? nib_arena_printf(m->arena, "%s)", text) : NULL;
}

const char *nib_keras_quantizer(nib_keras_importer *m, const nib_keras_layer *layer, const cJSON *stored,
                                bool of_weights, const char *what)
{
    if (!stored || cJSON_IsNull(stored))
        return NULL;
    const char *text = NULL;
    if (cJSON_IsString(stored))
        text = nib_arena_strdup(m->arena, stored->valuestring);
    else if (cJSON_IsObject(stored))
        text = from_object(m, layer, stored, of_weights, what);
    else
        nib_keras_problem(m, layer, "%s", what);
    nib_quantizer_config config;
    nib_error err = {NIB_OK, ""};
    if (text && nib_quantizer_parse(m->arena, text, &config, &err) != NIB_OK) {
        nib_keras_problem(m, layer, "%s %.60s (%.80s)", what, text, err.message);
        return NULL;
    }
    return text;
}
