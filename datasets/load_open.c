/** First step of loading: sources, arrays and digests. */
#include "datasets/load_internal.h"

#include "core/rng.h"

#include <inttypes.h>
#include <string.h>

static nib_status open_source(nib_load *load, nib_part part, nib_error *err)
{
    const nib_source_config *c = &load->config->part[part].source;
    nib_source **slot = &load->sources[load->n_sources];
    for (int i = 0; i < load->n_sources; i++) {
        const nib_source_config *open = load->source_configs[i];
        if (open == c || (c->file && open->file && strcmp(c->file, open->file) == 0)) {
            load->origin[part].source = load->sources[i];
            return NIB_OK;
        }
    }
    if (c->file) {
        NIB_TRY(nib_source_open(slot, c->file, err));
    } else {
        /* Row i depends on (seed, i) alone: a part with a generator of its own needs another seed, or its
         * rows would be the training rows. */
        uint64_t seed = (uint64_t)load->config->seed;
        if (part != NIB_PART_TRAIN)
            seed ^= (uint64_t)nib_rng_stream(nib_part_name(part)) << 32;
        NIB_TRY(nib_source_generate(slot, c->generator, c->options, seed, c->n, load->team, err));
    }
    load->source_configs[load->n_sources++] = c;
    load->origin[part].source = *slot;
    return NIB_OK;
}

/** All arrays of a part have as many rows as its first input. */
static nib_status check_rows(const nib_origin *o, const nib_array *array, nib_error *err)
{
    if (array->info.rows == o->input[0].info.rows)
        return NIB_OK;
    return nib_fail(err, NIB_ERR_INPUT, "%s: %s has %" PRId64 " rows, but %s has %" PRId64,
                    nib_source_name(o->source), array->path, array->info.rows, o->input[0].path,
                    o->input[0].info.rows);
}

static nib_status open_arrays(nib_load *load, nib_part part, nib_error *err)
{
    const nib_data_config *config = load->config;
    const nib_part_config *c = &config->part[part];
    nib_origin *o = &load->origin[part];
    nib_source *main = load->origin[NIB_PART_TRAIN].source;
    int n_targets = c->target ? config->n_targets : 0;
    o->input = NIB_NEW(load->scratch, nib_array, config->n_inputs);
    o->target = n_targets ? NIB_NEW(load->scratch, nib_array, n_targets) : NULL;
    o->label = NIB_NEW(load->scratch, int32_t *, config->n_targets);
    if (!o->input || !o->label || (n_targets && !o->target))
        return nib_fail_memory(err, "data");
    for (int i = 0; i < config->n_inputs; i++) {
        NIB_TRY(nib_array_open(load->data->arena, o->source, main, &c->input[i], &config->input[i].features,
                               &o->input[i], err));
        NIB_TRY(check_rows(o, &o->input[i], err));
    }
    for (int i = 0; i < n_targets; i++) {
        NIB_TRY(nib_array_open(load->data->arena, o->source, NULL, &c->target[i], NULL, &o->target[i], err));
        NIB_TRY(check_rows(o, &o->target[i], err));
    }
    if (c->weight.path) {
        NIB_TRY(nib_array_open(load->data->arena, o->source, NULL, &c->weight, NULL, &o->weight, err));
        NIB_TRY(check_rows(o, &o->weight, err));
        if (o->weight.width != 1)
            return nib_fail(err, NIB_ERR_INPUT, "%s: %s: %" PRId64 " columns; weights are one per row",
                            nib_source_name(o->source), o->weight.path, o->weight.width);
    }
    o->active = true;
    o->map.rows = o->input[0].info.rows;
    o->map.part = NIB_NEW(load->scratch, uint8_t, o->map.rows);
    if (!o->map.part)
        return nib_fail_memory(err, "data");
    memset(o->map.part, (int)part, (size_t)o->map.rows);
    return NIB_OK;
}

/** The same input in another part: as many columns, in the same order where both have names. */
static nib_status check_like(const nib_load *load, const nib_array *a, int64_t width,
                             const char *const *features, const char *whose, int i, nib_error *err)
{
    if (a->width != width)
        return nib_fail(
            err, NIB_ERR_INPUT, "%s: %s has %" PRId64 " columns, but input %s has %" PRId64 " in %s",
            nib_source_name(a->source), a->path, a->width, load->config->input[i].name, width, whose);
    for (int64_t j = 0; features && a->features && j < width; j++)
        if (strcmp(features[j], a->features[j]) != 0)
            return nib_fail(err, NIB_ERR_INPUT,
                            "%s: %s: column %" PRId64 " is %s, but it is %s in %s; choose columns by name",
                            nib_source_name(a->source), a->path, j, a->features[j], features[j], whose);
    return NIB_OK;
}

static nib_status check_widths(const nib_load *load, nib_error *err)
{
    const nib_origin *train = &load->origin[NIB_PART_TRAIN];
    for (int part = 0; part < NIB_PART_COUNT; part++) {
        const nib_origin *o = &load->origin[part];
        for (int i = 0; o->active && i < load->config->n_inputs; i++) {
            const nib_preprocess_state *known = load->known ? &load->known[i] : NULL;
            if (train->active)
                NIB_TRY(check_like(load, &o->input[i], train->input[i].width, train->input[i].features,
                                   "the training rows", i, err));
            if (known)
                NIB_TRY(check_like(load, &o->input[i], known->width, known->features, "the trained model", i,
                                   err));
        }
    }
    return NIB_OK;
}

/** Validating or testing on the very rows of the training is refused. */
static nib_status check_different(const nib_data_config *config, nib_part which, nib_error *err)
{
    const nib_part_config *train = &config->part[NIB_PART_TRAIN], *part = &config->part[which];
    bool same_source = !part->own_source || (part->source.file && train->source.file &&
                                             strcmp(part->source.file, train->source.file) == 0);
    for (int i = 0; same_source && i < config->n_inputs; i++)
        if (strcmp(part->input[i].path, train->input[i].path) == 0)
            return nib_doc_fail(&part->place, err, NIB_ERR_CONFIG,
                                "data.%s: %s holds the training rows; give another array, or draw a fraction",
                                nib_part_name(which), part->input[i].path);
    return NIB_OK;
}

nib_status nib_load_open(nib_load *load, nib_error *err)
{
    for (nib_part part = NIB_PART_TRAIN; part < NIB_PART_COUNT; part++) {
        bool wanted = load->all || part == NIB_PART_TEST;
        if (part == NIB_PART_TRAIN)
            wanted = nib_load_needs_training(load->config, load->all);
        if (!wanted || load->config->part[part].form != NIB_FORM_OWN)
            continue;
        if (load->all && part != NIB_PART_TRAIN)
            NIB_TRY(check_different(load->config, part, err));
        NIB_TRY(open_source(load, part, err));
        NIB_TRY(open_arrays(load, part, err));
    }
    return check_widths(load, err);
}
