#include "tools/export_record.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/names.h"
#include "tools/cost_report.h"
#include "tools/network.h"
#include "tools/probe.h"
#include "tools/session.h"
#include "train/model_parts.h"
#include "train/run_folder.h"

/* ---- The model ---- */

static nib_status open_model(nib_export_record *r, const char *path, const nib_export_wanted *wanted,
                             const nib_log *log, nib_error *err)
{
    const char *run_config = nib_path_join(r->arena, path, "config.yaml");
    NIB_TRY(nib_probe_model(path, err));
    NIB_TRY(nib_model_file_open(path, &r->file, err));
    /* A run folder's config.yaml has the full names of its data; a model file alone only their base names. */
    if (run_config && nib_file_is_folder(path) && nib_file_exists(run_config))
        NIB_TRY(nib_config_read(run_config, wanted->sets, wanted->n_sets, &r->config, err));
    else
        NIB_TRY(nib_config_parse(path, ".", r->file->config_text, strlen(r->file->config_text), wanted->sets,
                                 wanted->n_sets, &r->config, err));
    NIB_TRY(nib_model_create(&r->model, r->config, &r->file->shapes, err));
    NIB_TRY(nib_model_file_load(r->file->path, r->model->params, err));
    return nib_export_network(r, wanted, log, err);
}

/* "runs/jets-001/best.h5" -> "jets_001" */
static const char *project_name(nib_arena *arena, const char *path)
{
    const char *base = nib_path_base(path), *folder = nib_path_folder(arena, path);
    if (strcmp(base, "best.h5") == 0 && folder)
        base = nib_path_base(folder);
    char *name = nib_arena_printf(arena, "%s%s", isdigit((unsigned char)*base) ? "_" : "", base);
    if (!name)
        return NULL;
    char *dot = strrchr(name, '.');
    if (dot && strcmp(dot, ".h5") == 0)
        *dot = '\0';
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c))
            *c = '_';
    return *name && nib_names_is_identifier(name) ? name : "nibble";
}

/* ---- Samples ---- */

/* A generator makes every row by itself: as many as golden samples take, not all that the run was trained on.
 */
static nib_status make_fewer_rows(const nib_config *run, int64_t rows, nib_data_config **config,
                                  nib_error *err)
{
    enum { MORE = 100 };
    const nib_doc *data = nib_doc_get(run->resolved, "data"), *source = nib_doc_get(data, "source");
    const nib_doc *n = nib_doc_get(source, "n"), *share = nib_doc_get(nib_doc_get(data, "test"), "fraction");
    if (!nib_doc_get(source, "generator") || !n || !share || !n->text || !share->text)
        return NIB_OK;
    const double enough = ceil((double)rows / strtod(share->text, NULL)) + MORE;
    if (!(enough < strtod(n->text, NULL)))
        return NIB_OK;
    nib_doc *resolved, *fewer = nib_doc_copy(run->arena, data);
    nib_doc *copy = fewer ? nib_doc_get(fewer, "source") : NULL;
    if (!copy)
        return nib_fail_memory(err, "data section");
    nib_doc_remove(copy, "n");
    if (!nib_doc_add_text(run->arena, copy, "n", "%.0f", enough))
        return nib_fail_memory(err, "data section");
    NIB_TRY(nib_data_config_read(run->arena, fewer, ".", config, &resolved, err));
    for (int i = 0; i < run->train.n_objectives; i++)
        nib_data_config_set_target_kind(*config, i, run->train.objective[i].loss->kind);
    return NIB_OK;
}

static nib_status load_data(nib_export_record *r, const nib_export_wanted *wanted, const nib_log *log,
                            const nib_dataset **rows, nib_error *err)
{
    static const nib_dataset none = {.rows = 0};
    *rows = &none;
    if (wanted->synthetic)
        return NIB_OK;
    const nib_session_data which = {
        .file = wanted->data, .part = "test", .n_sets = wanted->n_sets, .sets = wanted->sets};
    nib_data_config *config;
    NIB_TRY(nib_session_data_config(r->config, &which, &config, err));
    if (!wanted->data)
        NIB_TRY(make_fewer_rows(r->config, wanted->rows, &config, err));
    for (int i = 0; i < r->file->shapes.n_targets; i++)
        if (r->file->shapes.target[i].kind == NIB_TARGET_CLASS)
            nib_data_config_set_classes(config, i, (int)r->file->shapes.target[i].width,
                                        r->file->shapes.target[i].classes);
    nib_status status = nib_probe_data(config, NIB_DATA_TEST_ONLY, err);
    if (status == NIB_OK)
        status = nib_data_load(config, r->preprocess, NIB_DATA_TEST_ONLY, r->team, log, &r->data, err);
    if (status == NIB_OK && r->data->test.rows == 0) {
        nib_data_destroy(r->data);
        r->data = NULL;
        status = nib_data_load(config, r->preprocess, NIB_DATA_ALL, r->team, log, &r->data, err);
    }
    if (status != NIB_OK) {
        nib_error_prefix(err, "golden samples (--synthetic makes them without data)");
        return status;
    }
    *rows = r->data->test.rows         ? &r->data->test
            : r->data->validation.rows ? &r->data->validation
                                       : &r->data->train;
    return NIB_OK;
}

/* ---- The record ---- */

/* What an export takes over from a model file; the config is written anew. */
static bool is_taken_over(const char *path)
{
    static const char *const parts[] = {"files", "fingerprint", "data/", "target/", "param/", "mask/"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strncmp(path + strlen("/nibble/"), parts[i], strlen(parts[i])) == 0)
            return true;
    return false;
}

static nib_status copy_parts(const nib_export_record *r, nib_h5 *from, nib_h5 *to, nib_error *err)
{
    int count;
    const char *const *paths;
    NIB_TRY(nib_h5_datasets(from, "/nibble", r->arena, &count, &paths, err));
    for (int i = 0; i < count; i++)
        if (is_taken_over(paths[i]) && !(r->folded && strstr(paths[i], "/preprocess/")))
            NIB_TRY(nib_h5_copy(from, paths[i], to, err));
    return NIB_OK;
}

/* What stands in front of a network that has the preprocessing inside. */
static nib_status put_no_preprocessing(const nib_export_record *r, nib_h5 *file, nib_error *err)
{
    for (int i = 0; i < r->net->n_inputs; i++) {
        const nib_preprocess_state *p = &r->preprocess[i];
        const char *kind = nib_arena_printf(r->arena, "/nibble/data/%s/preprocess/kind", p->input);
        const char *shift = nib_arena_printf(r->arena, "/nibble/data/%s/preprocess/shift", p->input);
        const char *divisor = nib_arena_printf(r->arena, "/nibble/data/%s/preprocess/divisor", p->input);
        if (!kind || !shift || !divisor)
            return nib_fail_memory(err, "export");
        NIB_TRY(nib_h5_write_text(file, kind, p->kind, err));
        NIB_TRY(nib_h5_write_f64(file, shift, 1, &p->width, p->shift, err));
        NIB_TRY(nib_h5_write_f64(file, divisor, 1, &p->width, p->divisor, err));
    }
    return NIB_OK;
}

static nib_status put_model(void *context, nib_h5 *file, nib_error *err)
{
    const nib_export_record *r = context;
    const char *text = r->file->config_text;
    nib_h5 *source;
    if (r->changes)
        NIB_TRY(nib_model_parts_config(r->config, r->arena, &text, err));
    NIB_TRY(nib_h5_write_text(file, "/nibble/config", text, err));
    NIB_TRY(nib_model_parts_head(file, "export", err));
    NIB_TRY(nib_h5_open(&source, r->file->path, err));
    const nib_status status = copy_parts(r, source, file, err);
    nib_h5_close(source);
    return status == NIB_OK && r->folded ? put_no_preprocessing(r, file, err) : status;
}

static nib_status describe_inputs(nib_export_record *r, nib_error *err)
{
    nib_export_input *input = NIB_NEW(r->arena, nib_export_input, r->net->n_inputs);
    const char *const **classes = NIB_NEW(r->arena, const char *const *, r->net->n_outputs);
    if (!input || !classes)
        return nib_fail_memory(err, "export");
    for (int i = 0; i < r->net->n_inputs; i++) {
        const nib_preprocess_state *p = &r->preprocess[i];
        input[i] = (nib_export_input){p->kind,
                                      p->shift,
                                      p->divisor,
                                      p->features,
                                      r->folded ? r->file->preprocess[i].shift : NULL,
                                      r->folded ? r->file->preprocess[i].divisor : NULL};
    }
    for (int i = 0; i < r->net->n_outputs; i++)
        for (int k = 0; k < r->file->shapes.n_targets; k++)
            if (strcmp(r->file->shapes.target[k].name, r->net->output[i].target) == 0)
                classes[i] = r->file->shapes.target[k].classes;
    r->export.input = input;
    r->export.class_name = classes;
    return NIB_OK;
}

/* Strategies by node; what hls4ml would change is changed here, so that the file says what is built. */
static nib_status choose_strategies(nib_export_record *r, nib_fixnet *net, const nib_log *log, nib_error *err)
{
    nib_export_strategy *strategy = NIB_NEW(r->arena, nib_export_strategy, net->n_nodes);
    if (!strategy)
        return nib_fail_memory(err, "export");
    nib_hls_apply(&r->config->hls, net);
    for (int i = 0; i < net->n_nodes; i++) {
        nib_fix_node *node = &net->node[i];
        nib_fix_dense *dense = &node->as.dense;
        if (node->kind != NIB_FIX_DENSE)
            continue;
        const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols, asked = dense->reuse;
        if (dense->order == NIB_FIX_ORDER_RESOURCE && !nib_cost_reuse_is_valid(n_in, n_out, asked)) {
            int64_t below, above;
            dense->reuse = nib_cost_valid_reuse(n_in, n_out, asked, &below, &above);
            nib_log_warning(log, "%s: hls4ml takes reuse factor %lld instead of %lld", node->name,
                            (long long)dense->reuse, (long long)asked);
        }
        strategy[i] = (nib_export_strategy){nib_hls_strategy(&r->config->hls, node->layer), dense->reuse};
    }
    r->export.strategy = strategy;
    return NIB_OK;
}

static nib_status describe_cost(nib_export_record *r, nib_error *err)
{
    const nib_cost_options how = {r->config->target.clock_ns, r->config->hls.stream};
    nib_cost_report report = {.hls = &r->config->hls, .target = &r->config->target, .formulas = true};
    nib_cost *cost;
    NIB_TRY(nib_cost_create(r->net, &how, r->arena, &cost, err));
    report.cost = cost;
    cJSON *json = nib_cost_report_json(&report);
    char *text = cJSON_Print(json);
    r->export.cost = text ? nib_arena_strdup(r->arena, text) : NULL;
    cJSON_free(text);
    cJSON_Delete(json);
    return r->export.cost ? NIB_OK : nib_fail_memory(err, "cost");
}

/* Scores of a run's summary.json; times and speeds stay there. */
static void describe_metrics(nib_export_record *r, const char *path)
{
    static const char *const keys[] = {"best_epoch", "monitor", "best_monitored", "validation", "test"};
    enum { MOST_BYTES = 16 << 20 };
    const char *name = nib_path_join(r->arena, path, "summary.json");
    char *data;
    size_t bytes;
    if (!name || !nib_file_is_folder(path) ||
        nib_file_read(r->arena, name, MOST_BYTES, &data, &bytes, NULL) != NIB_OK)
        return;
    cJSON *summary = cJSON_Parse(data), *kept = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const cJSON *item = cJSON_GetObjectItem(summary, keys[i]);
        if (item)
            cJSON_AddItemToObject(kept, keys[i], cJSON_Duplicate(item, true));
    }
    char *text = summary ? cJSON_Print(kept) : NULL;
    r->export.metrics = text ? nib_arena_strdup(r->arena, text) : NULL;
    cJSON_free(text);
    cJSON_Delete(kept);
    cJSON_Delete(summary);
}

static nib_status open_all(nib_export_record *r, const char *path, const nib_export_wanted *wanted,
                           const nib_log *log, nib_error *err)
{
    const nib_dataset *rows;
    nib_fix_interval *interval;
    NIB_TRY(open_model(r, path, wanted, log, err));
    NIB_TRY(nib_session_team(wanted->threads, INT64_MAX / 2, &r->team, err));
    const nib_hls_config *hls = &r->config->hls;
    r->export = (nib_export){.name = wanted->name ? wanted->name : project_name(r->arena, r->file->path),
                             .given_name = wanted->name,
                             .net = r->net,
                             .route = wanted->route,
                             .backend = hls->backend,
                             .part = hls->part,
                             .clock_period = hls->clock_period,
                             .stream = hls->stream,
                             .version = NIBBLE_VERSION,
                             .source = r->file->digest,
                             .log = log,
                             .put_model = put_model,
                             .context = r};
    if (!r->export.name)
        return nib_fail_memory(err, "export");
    nib_fixnet *own = NIB_NEW(r->arena, nib_fixnet, 1);
    nib_fix_node *nodes = NIB_NEW(r->arena, nib_fix_node, r->net->n_nodes);
    if (!own || !nodes)
        return nib_fail_memory(err, "export");
    memcpy(nodes, r->net->node, (size_t)r->net->n_nodes * sizeof *nodes);
    *own = *r->net;
    own->node = nodes;
    NIB_TRY(choose_strategies(r, own, log, err));
    r->net = r->export.net = own;
    NIB_TRY(nib_fixnet_intervals(r->net, r->arena, &interval, err));
    r->export.interval = interval;
    NIB_TRY(describe_inputs(r, err));
    NIB_TRY(describe_cost(r, err));
    describe_metrics(r, path);
    NIB_TRY(load_data(r, wanted, log, &rows, err));
    return nib_export_golden_make(r, rows, wanted->rows, &r->export.golden, err);
}

nib_status nib_export_record_open(const char *path, const nib_export_wanted *wanted, const nib_log *log,
                                  nib_export_record *r, nib_error *err)
{
    *r = (nib_export_record){.arena = nib_arena_create(), .changes = wanted->n_sets};
    return r->arena ? open_all(r, path, wanted, log, err) : nib_fail_memory(err, "export");
}

void nib_export_record_close(nib_export_record *r)
{
    nib_model_destroy(r->model);
    nib_data_destroy(r->data);
    nib_team_destroy(r->team);
    nib_config_destroy(r->config);
    nib_model_file_close(r->file);
    nib_arena_destroy(r->arena);
    *r = (nib_export_record){.arena = NULL};
}
