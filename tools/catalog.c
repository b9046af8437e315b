#include "tools/catalog.h"

#include <stdio.h>

#include "datasets/generator.h"
#include "datasets/preprocess.h"
#include "datasets/reader.h"
#include "datasets/writer.h"
#include "prune/criterion.h"
#include "prune/schedule.h"
#include "quant/export.h"
#include "quant/quantizer.h"
#include "tools/command.h"
#include "tools/recipe.h"
#include "train/config.h"
#include "train/initializer.h"
#include "train/sweep.h"

static bool fill(nib_catalog_entry *entry, const char *name, const char *help, const char *source,
                 const nib_option_table *options)
{
    *entry = (nib_catalog_entry){.name = name, .source = source, .options = options};
    (void)snprintf(entry->help, sizeof entry->help, "%s", help);
    return true;
}

/* A list of pointers to descriptors that have name, help and source; OPTIONS is an expression of `d`. */
#define LIST(function, type, list, OPTIONS)                                                                  \
    static bool function(int index, nib_catalog_entry *entry)                                                \
    {                                                                                                        \
        if (index >= list##_count)                                                                           \
            return false;                                                                                    \
        const type *d = list[index];                                                                         \
        return fill(entry, d->name, d->help, d->source, OPTIONS);                                            \
    }

LIST(layer, nib_layer, nib_layers, d->options)
LIST(op, nib_op, nib_ops, &d->options)
LIST(optimizer, nib_optimizer, nib_optimizers, &d->options)
LIST(loss, nib_loss, nib_losses, &d->op->options)
LIST(metric, nib_metric, nib_metrics, &d->options)
LIST(schedule, nib_lr_schedule, nib_lr_schedules, &d->options)
LIST(prune_schedule, nib_prune_schedule, nib_prune_schedules, &d->options)
LIST(criterion, nib_prune_criterion, nib_prune_criteria, &d->options)
LIST(preprocessor, nib_preprocessor, nib_preprocessors, &d->options)
LIST(generator, nib_generator, nib_generators, &d->options)
LIST(quantizer, nib_quantizer, nib_quantizers, &d->options)
LIST(reader, nib_reader, nib_readers, NULL)
LIST(writer, nib_writer, nib_writers, NULL)
LIST(exporter, nib_exporter, nib_exporters, NULL)

static bool initializer(int index, nib_catalog_entry *entry)
{
    const char *name, *help;
    return nib_initializer_row(index, &name, &help) && fill(entry, name, help, "Keras initializers", NULL);
}

static const struct {
    const char *path, *help;
    const nib_option_table *table;
} sweep_sections[] = {
    {"sweep", "a sweep file, for nibble sweep", &nib_table_sweep},
    {"sweep.choose", "which point a sweep chooses", &nib_table_sweep_choose},
    {"sweep.studies.NAME", "a study of a sweep; a sweep of one study has these keys at the top",
     &nib_table_sweep_study},
    {"sweep.studies.NAME.parameters.KEY", "values of a parameter, as a map", &nib_table_sweep_values},
    {"sweep.studies.NAME.search.random", "points drawn instead of all", &nib_table_sweep_random},
    {"sweep.studies.NAME.search.halving", "many points for few epochs, the best for more",
     &nib_table_sweep_halving},
};

static bool section(int index, nib_catalog_entry *entry)
{
    if (index < nib_config_sections_count) {
        const nib_config_section *s = &nib_config_sections[index];
        return fill(entry, *s->path ? s->path : s->name, s->help, NULL, s->table);
    }
    index -= nib_config_sections_count;
    if (index < nib_data_sections_count) {
        const nib_data_section *s = &nib_data_sections[index];
        return fill(entry, s->path, s->help, NULL, s->table);
    }
    index -= nib_data_sections_count;
    if (index >= (int)(sizeof sweep_sections / sizeof sweep_sections[0]))
        return false;
    return fill(entry, sweep_sections[index].path, sweep_sections[index].help, NULL,
                sweep_sections[index].table);
}

static bool command(int index, nib_catalog_entry *entry)
{
    if (index >= nib_commands_count)
        return false;
    return fill(entry, nib_commands[index]->name, nib_commands[index]->help, NULL, NULL);
}

static bool recipe(int index, nib_catalog_entry *entry)
{
    if (index >= nib_recipes_count)
        return false;
    (void)fill(entry, nib_recipes[index].name, "", NULL, NULL);
    nib_recipe_help(&nib_recipes[index], entry->help, sizeof entry->help);
    return true;
}

const nib_catalog_kind nib_catalog_kinds[] = {
    {"layers", "layer", "what a model is made of", true, layer},
    {"losses", "loss", "what training makes small", true, loss},
    {"metrics", "metric", "what is reported of a target", true, metric},
    {"optimizers", "optimizer", "how weights follow their gradients", true, optimizer},
    {"schedules", "schedule", "how the learning rate changes", true, schedule},
    {"prune_schedules", "prune_schedule", "when how much of a layer is pruned", true, prune_schedule},
    {"criteria", "criterion", "which weights are pruned first", true, criterion},
    {"initializers", "initializer", "first values of weights", true, initializer},
    {"quantizers", "quantizer", "how numbers are put on a grid", true, quantizer},
    {"preprocessors", "preprocessor", "what is done to input columns", true, preprocessor},
    {"generators", "generator", "embedded sources of data", true, generator},
    {"readers", "reader", "data files that can be read", true, reader},
    {"writers", "writer", "files that predictions are written to", true, writer},
    {"exporters", "exporter", "forms of a quantized model for other programs: nibble export --format", true,
     exporter},
    {"sections", "section", "parts of a config and their keys", false, section},
    {"recipes", "recipe", "example configs for nibble init", false, recipe},
    {"ops", "op", "what layers and losses are computed with", true, op},
    {"commands", "command", "what nibble can do", false, command},
};
const int nib_catalog_kinds_count = (int)(sizeof nib_catalog_kinds / sizeof nib_catalog_kinds[0]);
