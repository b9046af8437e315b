/* The `train:` section: optimizer, schedule, losses, metrics, the loop. */
#include <stdio.h>
#include <string.h>

#include "train/config_parts.h"

typedef struct train_section {
    int64_t seed, epochs, batch;
    bool shuffle;
    const char *monitor;
    int monitor_mode;
    const nib_doc *optimizer, *lr_schedule;
    double warmup, clip_norm, clip_value;
    const nib_doc *early_stopping, *distill;
    nib_ints keep;
    double checkpoint;
    const nib_doc *loss, *metrics;
} train_section;

static const nib_option train_rows[] = {
    NIB_ROW(train_section, seed, NIB_OPTION_INT, "1", 0, 9007199254740992.0, NULL, "",
            "of first weights, order of rows and dropout; never of the data"),
    NIB_ROW(train_section, epochs, NIB_OPTION_INT, "20", 1, 1e6, NULL, "epochs",
            "passes over the training rows"),
    NIB_ROW(train_section, batch, NIB_OPTION_INT, "128", 1, 1e7, NULL, "rows",
            "rows per update of the weights"),
    NIB_ROW(train_section, shuffle, NIB_OPTION_BOOL, "true", 0, 0, NULL, "",
            "a new order of rows in every epoch"),
    NIB_ROW(train_section, monitor, NIB_OPTION_STRING, "val_loss", 0, 0, NULL, "",
            "column of metrics.csv that picks the best epoch"),
    NIB_ROW(train_section, monitor_mode, NIB_OPTION_CHOICE, "auto", 0, 0, "auto|min|max", "",
            "which way is better; auto: as the metric says"),
    NIB_ROW(train_section, optimizer, NIB_OPTION_NODE, "adam", 0, 0, NULL, "",
            "NAME or {NAME: {lr: ..., options}} (nibble list optimizers)"),
    NIB_ROW(train_section, lr_schedule, NIB_OPTION_NODE, "constant", 0, 0, NULL, "",
            "NAME or {NAME: {options}} (nibble list schedules)"),
    NIB_ROW(train_section, warmup, NIB_OPTION_FLOAT, "0", 0, 1e6, NULL, "epochs",
            "the rate grows linearly over so many epochs before the schedule"),
    NIB_ROW(train_section, clip_norm, NIB_OPTION_FLOAT, "0", 0, 1e30, NULL, "",
            "largest norm of the gradient of all weights; 0: any"),
    NIB_ROW(train_section, clip_value, NIB_OPTION_FLOAT, "0", 0, 1e30, NULL, "",
            "largest size of each gradient element; 0: any"),
    NIB_ROW(train_section, early_stopping, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "stop when the monitored column no longer improves: {patience: EPOCHS}, or the number alone"),
    NIB_ROW(train_section, distill, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "learn from the outputs of a trained network too: {teacher: RUN, temperature: 2, alpha: 0.5}"),
    NIB_ROW(train_section, keep, NIB_OPTION_INTS, "", 1, 1e6, NULL, "epochs",
            "epochs whose weights are kept by name"),
    NIB_ROW(train_section, checkpoint, NIB_OPTION_FLOAT, "5", 0, 1e6, NULL, "s",
            "time between checkpoints; 0: after every epoch"),
    NIB_ROW(train_section, loss, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "{TARGET: NAME} or {TARGET: {NAME: {options}, weight: 1}} (nibble list losses)"),
    NIB_ROW(train_section, metrics, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "{TARGET: [NAME, {NAME: {options}}]} (nibble list metrics)"),
};
const nib_option_table nib_table_train = NIB_OPTION_TABLE(train_section, train_rows);

static const nib_option stopping_rows[] = {
    NIB_ROW(nib_early_stopping, patience, NIB_OPTION_INT, "0", 0, 1e6, NULL, "epochs",
            "epochs without improvement before training stops; 0: never"),
    NIB_ROW(nib_early_stopping, min_delta, NIB_OPTION_FLOAT, "0", 0, 1e30, NULL, "",
            "smaller changes are no improvement"),
    NIB_ROW(nib_early_stopping, restore_best, NIB_OPTION_BOOL, "true", 0, 0, NULL, "",
            "go back to the weights of the best epoch"),
};
const nib_option_table nib_table_early_stopping = NIB_OPTION_TABLE(nib_early_stopping, stopping_rows);

static const nib_option distill_rows[] = {
    NIB_ROW(nib_distill_config, teacher, NIB_OPTION_STRING, NULL, 0, 0, NULL, "",
            "run folder or model file of the network to learn from"),
    NIB_ROW(nib_distill_config, temperature, NIB_OPTION_FLOAT, "2", 0.01, 1000, NULL, "",
            "logits of both are divided by it; real outputs are compared as they are"),
    NIB_ROW(nib_distill_config, alpha, NIB_OPTION_FLOAT, "0.5", 0, 1, NULL, "",
            "share of the loss against the teacher; 1 - alpha is that against the data"),
};
const nib_option_table nib_table_distill = NIB_OPTION_TABLE(nib_distill_config, distill_rows);

typedef struct objective_section {
    double weight;
} objective_section;

static const nib_option objective_rows[] = {
    NIB_ROW(objective_section, weight, NIB_OPTION_FLOAT, "1", 0, 1e6, NULL, "",
            "factor of this target's loss"),
};
const nib_option_table nib_table_objective = NIB_OPTION_TABLE(objective_section, objective_rows);

/* ---- Choices of descriptors ---- */

/* What is common to optimizers, schedules, losses and metrics. */
typedef struct kind {
    const char *what; /* "optimizer" */
    int count;
    const char *(*name)(int index);
    const nib_option_table *(*table)(int index);
} kind;

#define KIND(what, list, options)                                                                            \
    static const char *what##_name(int index)                                                                \
    {                                                                                                        \
        return list[index]->name;                                                                            \
    }                                                                                                        \
    static const nib_option_table *what##_table(int index)                                                   \
    {                                                                                                        \
        return &list[index]->options;                                                                        \
    }

KIND(optimizer, nib_optimizers, options)
KIND(schedule, nib_lr_schedules, options)
KIND(loss, nib_losses, op->options)
KIND(metric, nib_metrics, options)

/* A choice that was read: which descriptor, its options, and both as a node. */
typedef struct choice {
    int index;
    void *options;
    nib_doc *resolved;
} choice;

static nib_status find(nib_arena *arena, const kind *k, const char *name, const nib_doc_place *place,
                       const char *path, int *index, nib_error *err)
{
    const char **known = NIB_NEW(arena, const char *, k->count);
    if (!known)
        return nib_fail_memory(err, path);
    for (int i = 0; i < k->count; i++) {
        known[i] = k->name(i);
        if (strcmp(known[i], name) == 0) {
            *index = i;
            return NIB_OK;
        }
    }
    char hint[NIB_HINT_BYTES];
    return nib_doc_fail(place, err, NIB_ERR_CONFIG, "%s: unknown %s '%.80s'%s", path, k->what, name,
                        nib_config_hint(hint, name, known, k->count));
}

static nib_status read_choice(nib_arena *arena, const kind *k, const nib_doc *value, const char *path,
                              choice *c, nib_error *err)
{
    const char *name;
    const nib_doc *body;
    NIB_TRY(nib_options_split_choice(value, path, k->what, &name, &body, err));
    const nib_doc_place *place = value->kind == NIB_DOC_MAP ? &value->entries[0].place : &value->place;
    NIB_TRY(find(arena, k, name, place, path, &c->index, err));
    const nib_option_table *table = k->table(c->index);
    char inside[192];
    (void)snprintf(inside, sizeof inside, "%.120s.%s", path, k->name(c->index));
    c->options = nib_arena_alloc(arena, 1, table->bytes);
    if (!c->options)
        return nib_fail_memory(err, path);
    NIB_TRY(nib_options_read(arena, table, body, inside, c->options, err));
    nib_doc *map = nib_options_write(arena, table, c->options);
    if (table->count == 0) {
        c->resolved = map ? nib_doc_new_scalar(arena, k->name(c->index)) : NULL;
    } else {
        c->resolved = nib_doc_new_map(arena);
        if (!nib_doc_add(arena, c->resolved, k->name(c->index), map))
            c->resolved = NULL;
    }
    return c->resolved ? NIB_OK : nib_fail_memory(err, path);
}

/* ---- Losses and metrics ---- */

/* `{NAME: {options}, weight: 1}` or NAME; NULL: the default. */
static nib_status read_loss(nib_config *config, const nib_doc *value, const char *target,
                            nib_objective_config *objective, nib_doc *resolved, nib_error *err)
{
    nib_arena *arena = config->arena;
    const kind losses = {"loss", nib_losses_count, loss_name, loss_table};
    char path[128];
    (void)snprintf(path, sizeof path, "train.loss.%.80s", target);
    nib_doc *name = value ? nib_doc_copy(arena, value) : nib_doc_new_map(arena),
            *rest = nib_doc_new_map(arena);
    if (!name || !rest)
        return nib_fail_memory(err, path);
    const nib_doc_entry *weight = nib_doc_entry_of(name, "weight");
    if (weight && !nib_doc_add(arena, rest, "weight", weight->value))
        return nib_fail_memory(err, path);
    nib_doc_remove(name, "weight");
    if (nib_doc_is_null(name) || (name->kind == NIB_DOC_MAP && name->count == 0)) /* the weight alone */
        name = nib_doc_new_scalar(arena, "categorical_crossentropy");
    if (!name)
        return nib_fail_memory(err, path);
    choice c;
    objective_section section;
    NIB_TRY(nib_options_read(arena, &nib_table_objective, rest, path, &section, err));
    NIB_TRY(read_choice(arena, &losses, name, path, &c, err));
    objective->target = target;
    objective->place = name->place;
    objective->loss = nib_losses[c.index];
    objective->loss_options = c.options;
    objective->weight = section.weight;

    nib_doc *map = c.resolved;
    if (map->kind == NIB_DOC_SCALAR) {
        map = nib_doc_new_map(arena);
        if (!nib_doc_add(arena, map, objective->loss->name, nib_doc_new_map(arena)))
            return nib_fail_memory(err, path);
    }
    char text[NIB_NUMBER_BYTES];
    nib_format_double(section.weight, text);
    if (!nib_doc_add_text(arena, map, "weight", "%s", text) || !nib_doc_add(arena, resolved, target, map))
        return nib_fail_memory(err, path);
    return NIB_OK;
}

static nib_status add_metric(nib_config *config, const nib_doc *value, const char *path,
                             nib_objective_config *objective, nib_doc *resolved, nib_error *err)
{
    const kind metrics = {"metric", nib_metrics_count, metric_name, metric_table};
    choice c;
    NIB_TRY(read_choice(config->arena, &metrics, value, path, &c, err));
    const nib_metric *type = nib_metrics[c.index];
    if (!(type->kinds & 1U << objective->loss->kind))
        return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG,
                            "%s: %s is no metric of a target with loss %s", path, type->name,
                            objective->loss->name);
    for (int i = 0; i < objective->n_metrics; i++)
        if (objective->metric[i].type == type)
            return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "%s: %s is there twice", path,
                                type->name);
    objective->metric[objective->n_metrics++] = (nib_metric_config){type, c.options};
    return nib_doc_add(config->arena, resolved, NULL, c.resolved) ? NIB_OK : nib_fail_memory(err, path);
}

/* A list, one metric alone, or NULL: the default of the loss. */
static nib_status read_metrics(nib_config *config, const nib_doc *value, nib_objective_config *objective,
                               nib_doc *resolved, nib_error *err)
{
    nib_arena *arena = config->arena;
    char path[128];
    (void)snprintf(path, sizeof path, "train.metrics.%.80s", objective->target);
    nib_doc *list = nib_doc_new_list(arena);
    if (nib_doc_is_null(value)) {
        bool real = objective->loss->link == NIB_LINK_IDENTITY;
        nib_doc *made = nib_doc_new_list(arena);
        if (!nib_doc_add_text(arena, made, NULL, "%s", real ? "mae" : "accuracy") ||
            (!real && !nib_doc_add_text(arena, made, NULL, "auc")))
            return nib_fail_memory(err, path);
        value = made;
    }
    int count = value->kind == NIB_DOC_LIST ? value->count : 1;
    objective->metric = NIB_NEW(arena, nib_metric_config, count + 1);
    if (!list || !objective->metric)
        return nib_fail_memory(err, path);
    for (int i = 0; i < count; i++) {
        const nib_doc *item = value->kind == NIB_DOC_LIST ? value->entries[i].value : value;
        NIB_TRY(add_metric(config, item, path, objective, list, err));
    }
    return nib_doc_add(arena, resolved, objective->target, list) ? NIB_OK : nib_fail_memory(err, path);
}

/* A map whose keys must be targets, or nothing. */
static nib_status check_targets(const nib_doc *map, const char *path, const nib_data_names *names,
                                nib_error *err)
{
    if (map && map->kind != NIB_DOC_MAP)
        return nib_doc_fail(&map->place, err, NIB_ERR_CONFIG, "%s: a map {TARGET: ...} is expected", path);
    for (int i = 0; map && i < map->count; i++) {
        bool known = false;
        for (int k = 0; k < names->n_targets; k++)
            known = known || strcmp(names->target[k], map->entries[i].key) == 0;
        char hint[NIB_HINT_BYTES];
        if (!known)
            return nib_doc_fail(&map->entries[i].place, err, NIB_ERR_CONFIG, "%s: unknown target '%.80s'%s",
                                path, map->entries[i].key,
                                nib_config_hint(hint, map->entries[i].key, names->target, names->n_targets));
    }
    return NIB_OK;
}

static nib_status read_objectives(nib_config *config, train_section *section, const nib_data_names *names,
                                  nib_error *err)
{
    nib_arena *arena = config->arena;
    nib_train_config *train = &config->train;
    nib_doc *losses = nib_doc_new_map(arena), *metrics = nib_doc_new_map(arena);
    train->objective = NIB_NEW(arena, nib_objective_config, names->n_targets + 1);
    if (!losses || !metrics || !train->objective)
        return nib_fail_memory(err, "train.loss");
    NIB_TRY(check_targets(section->loss, "train.loss", names, err));
    NIB_TRY(check_targets(section->metrics, "train.metrics", names, err));
    for (int i = 0; i < names->n_targets; i++) {
        nib_objective_config *objective = &train->objective[i];
        NIB_TRY(read_loss(config, nib_doc_get(section->loss, names->target[i]), names->target[i], objective,
                          losses, err));
        NIB_TRY(
            read_metrics(config, nib_doc_get(section->metrics, names->target[i]), objective, metrics, err));
        nib_data_config_set_target_kind(config->data, i, objective->loss->kind);
    }
    train->n_objectives = names->n_targets;
    section->loss = losses;
    section->metrics = metrics;
    return NIB_OK;
}

/* ---- The section ---- */

/* True if `name` is `metric`, or one number of it ("auc_t"). */
static bool is_number_of(const char *metric, const char *name)
{
    size_t bytes = strlen(metric);
    return strncmp(name, metric, bytes) == 0 && (name[bytes] == '\0' || name[bytes] == '_');
}

/* A column that this config can have: [val_][TARGET_]METRIC[_CLASS]. The classes are known with the data
 * only. */
static bool is_column(const nib_train_config *train, const char *name)
{
    if (strcmp(name, "loss") == 0)
        return true;
    for (int i = 0; i < train->n_objectives; i++) {
        const nib_objective_config *o = &train->objective[i];
        const char *own = name;
        size_t bytes = strlen(o->target);
        if (train->n_objectives > 1) {
            if (strncmp(name, o->target, bytes) != 0 || name[bytes] != '_')
                continue;
            own = name + bytes + 1;
        }
        if (strcmp(own, "loss") == 0 || (o->loss->hits_name && strcmp(own, o->loss->hits_name) == 0))
            return true;
        for (int k = 0; k < o->n_metrics; k++)
            if (is_number_of(o->metric[k].type->name, own))
                return true;
    }
    return false;
}

static nib_status check_monitor(nib_config *config, const nib_doc *section, nib_error *err)
{
    const nib_train_config *train = &config->train;
    const nib_doc *node = nib_doc_get(section, "monitor");
    const char *name = train->monitor;
    if (is_column(train, strncmp(name, "val_", 4) == 0 ? name + 4 : name))
        return NIB_OK;
    int n = 2;
    for (int i = 0; i < train->n_objectives; i++)
        n += train->objective[i].n_metrics;
    const char **known = NIB_NEW(config->arena, const char *, n);
    if (!known)
        return nib_fail_memory(err, "train.monitor");
    n = 0;
    known[n++] = "loss";
    known[n++] = "val_loss";
    for (int i = 0; i < train->n_objectives; i++) {
        const nib_objective_config *o = &train->objective[i];
        bool many = train->n_objectives > 1;
        for (int k = 0; k < o->n_metrics; k++, n++)
            if (!(known[n] = nib_arena_printf(config->arena, "val_%s%s%s", many ? o->target : "",
                                              many ? "_" : "", o->metric[k].type->name)))
                return nib_fail_memory(err, "train.monitor");
    }
    char hint[NIB_HINT_BYTES];
    return nib_doc_fail(node ? &node->place : NULL, err, NIB_ERR_CONFIG,
                        "train.monitor: there is no column '%.80s'%s", name,
                        nib_config_hint(hint, name, known, n));
}

static nib_status read_early_stopping(nib_config *config, train_section *section, nib_error *err)
{
    nib_arena *arena = config->arena;
    const nib_doc *node = section->early_stopping;
    if (node && node->kind == NIB_DOC_SCALAR) { /* the patience alone */
        nib_doc *map = nib_doc_new_map(arena);
        if (!nib_doc_add(arena, map, "patience", nib_doc_copy(arena, node)))
            return nib_fail_memory(err, "train.early_stopping");
        node = map;
    }
    NIB_TRY(nib_options_read(arena, &nib_table_early_stopping, node, "train.early_stopping",
                             &config->train.early_stopping, err));
    section->early_stopping =
        nib_options_write(arena, &nib_table_early_stopping, &config->train.early_stopping);
    return section->early_stopping ? NIB_OK : nib_fail_memory(err, "train.early_stopping");
}

static nib_status read_distill(nib_config *config, train_section *section, const char *folder, nib_error *err)
{
    nib_distill_config *d = &config->train.distill;
    const nib_doc *node = section->distill;
    if (nib_doc_is_null(node)) {
        section->distill = NULL;
        return NIB_OK;
    }
    NIB_TRY(nib_config_read_section(config->arena, &nib_table_distill, node, "train.distill", d, err));
    NIB_TRY(nib_data_file_name(config->arena, nib_doc_get(node, "teacher"), folder, "train.distill.teacher",
                               &d->teacher, err));
    d->place = node->place;
    section->distill = nib_options_write(config->arena, &nib_table_distill, d);
    return section->distill ? NIB_OK : nib_fail_memory(err, "train.distill");
}

nib_status nib_config_read_train(nib_config *config, const nib_doc *train, const char *folder,
                                 const nib_data_names *names, nib_doc **resolved, nib_error *err)
{
    const kind optimizers = {"optimizer", nib_optimizers_count, optimizer_name, optimizer_table};
    const kind schedules = {"schedule", nib_lr_schedules_count, schedule_name, schedule_table};
    nib_train_config *t = &config->train;
    train_section s;
    choice c;
    NIB_TRY(nib_config_read_section(config->arena, &nib_table_train, train, "train", &s, err));

    NIB_TRY(read_choice(config->arena, &optimizers, s.optimizer, "train.optimizer", &c, err));
    t->optimizer = nib_optimizers[c.index];
    t->optimizer_options = c.options;
    s.optimizer = c.resolved;
    NIB_TRY(read_choice(config->arena, &schedules, s.lr_schedule, "train.lr_schedule", &c, err));
    t->lr_schedule = nib_lr_schedules[c.index];
    t->lr_schedule_options = c.options;
    s.lr_schedule = c.resolved;
    NIB_TRY(read_early_stopping(config, &s, err));
    NIB_TRY(read_distill(config, &s, folder, err));
    NIB_TRY(read_objectives(config, &s, names, err));

    t->seed = s.seed;
    t->epochs = s.epochs;
    t->batch = s.batch;
    t->shuffle = s.shuffle;
    t->monitor = s.monitor;
    NIB_TRY(check_monitor(config, train, err));
    t->monitor_mode = s.monitor_mode;
    t->warmup = s.warmup;
    t->clip_norm = s.clip_norm;
    t->clip_value = s.clip_value;
    t->keep = s.keep;
    t->checkpoint = s.checkpoint;
    *resolved = nib_options_write(config->arena, &nib_table_train, &s);
    return *resolved ? NIB_OK : nib_fail_memory(err, "train");
}
