#include "tools/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"
#include "core/exec.h"
#include "core/file.h"
#include "datasets/prepared.h"
#include "tools/network.h"
#include "tools/probe.h"
#include "train/run_folder.h"

volatile sig_atomic_t nib_session_stop;

static void on_signal(int signal_number)
{
    nib_session_stop = 1;
    (void)signal(signal_number, SIG_DFL); /* a second one ends the program at once */
}

void nib_session_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* A step of `batch` rows has no more lanes than tiles; more threads than that would only wait. */
static int64_t useful_threads(int64_t batch)
{
    enum { TILE_ROWS = 64 };
    int64_t tiles = (batch + TILE_ROWS - 1) / TILE_ROWS, cpus = nib_cpu_count();
    int64_t lanes = tiles < NIB_LANES ? tiles : NIB_LANES;
    return cpus < lanes ? cpus : lanes;
}

nib_status nib_session_team(int64_t wanted, int64_t batch, nib_team **team, nib_error *err)
{
    const char *text = getenv("NIBBLE_THREADS");
    if (wanted < 1 && text && *text) {
        char *end;
        errno = 0;
        long n = strtol(text, &end, 10);
        if (errno || *end || n < 1 || n > 1024)
            return nib_fail(err, NIB_ERR_USAGE, "NIBBLE_THREADS: '%s' is no number from 1 to 1024", text);
        wanted = n;
    }
    if (wanted < 1)
        wanted = useful_threads(batch);
    return nib_team_create(team, (int)wanted, err);
}

/* The arrays of the test part as they lie in a training file, now to be read from `file`. */
static nib_doc *foreign_test(nib_arena *arena, const nib_doc *data, const char *file, bool targets)
{
    static const char *const kinds[2] = {"inputs", "targets"};
    const nib_doc *old = nib_doc_get(data, "test");
    nib_doc *test = nib_doc_new_map(arena), *source = nib_doc_new_map(arena);
    if (!nib_doc_add_text(arena, source, "file", "%s", file) || !nib_doc_add(arena, test, "source", source))
        return NULL;
    for (int i = 0; i < (targets ? 2 : 1); i++) {
        const nib_doc *own = nib_doc_get(old, kinds[i]), *all = nib_doc_get(data, kinds[i]);
        const nib_doc *from = own ? own : all;
        nib_doc *arrays = nib_doc_new_map(arena);
        for (int k = 0; from && k < from->count; k++) {
            nib_doc *entry = nib_doc_copy(arena, from->entries[k].value);
            static const char *const not_of_parts[] = {"preprocess", "features", "classes"};
            for (size_t n = 0; entry && n < sizeof not_of_parts / sizeof not_of_parts[0]; n++)
                nib_doc_remove(entry, not_of_parts[n]);
            if (!nib_doc_add(arena, arrays, from->entries[k].key, entry))
                return NULL;
        }
        if (!nib_doc_add(arena, test, kinds[i], arrays))
            return NULL;
    }
    return test;
}

nib_status nib_session_data_config(const nib_config *run, const nib_session_data *wanted,
                                   nib_data_config **config, nib_error *err)
{
    nib_arena *arena = run->arena;
    *config = run->data;
    if (!wanted->file)
        return NIB_OK;
    nib_doc *data = nib_doc_copy(arena, nib_doc_get(run->resolved, "data")), *resolved;
    nib_doc *test = data ? foreign_test(arena, data, wanted->file, wanted->targets) : NULL;
    if (!test)
        return nib_fail_memory(err, "data section");
    nib_doc_remove(data, "test");
    if (!nib_doc_add(arena, data, "test", test))
        return nib_fail_memory(err, "data section");
    NIB_TRY(nib_data_config_read(arena, data, ".", config, &resolved, err));
    for (int i = 0; i < run->train.n_objectives; i++)
        nib_data_config_set_target_kind(*config, i, run->train.objective[i].loss->kind);
    return NIB_OK;
}

/* A run folder's config.yaml has the full names of its data; a model file alone only their base names. */
static nib_status open_config(nib_session *s, const char *path, const nib_session_data *wanted,
                              nib_error *err)
{
    nib_arena *arena = s->file->arena;
    const char *name = nib_path_join(arena, path, "config.yaml");
    if (!name)
        return nib_fail_memory(err, "file name");
    if (nib_file_is_folder(path) && nib_file_exists(name))
        return nib_config_read(name, wanted->sets, wanted->n_sets, &s->config, err);
    return nib_config_parse(path, ".", s->file->config_text, strlen(s->file->config_text), wanted->sets,
                            wanted->n_sets, &s->config, err);
}

/* Whether prepared data are what the model was trained on: standardized alike, with the same classes. */
static bool is_of_model(const nib_data *data, const nib_model_file *file)
{
    for (int i = 0; i < file->shapes.n_inputs; i++)
        if (!nib_preprocess_equal(&data->preprocess[i], &file->preprocess[i]))
            return false;
    for (int i = 0; i < file->shapes.n_targets; i++) {
        const nib_data_target *is = &data->train.target[i], *was = &file->shapes.target[i];
        if (is->kind != was->kind || is->width != was->width)
            return false;
        for (int64_t k = 0; is->kind == NIB_TARGET_CLASS && k < is->width; k++)
            if (strcmp(is->classes[k], was->classes[k]) != 0)
                return false;
    }
    return true;
}

static nib_status load_data(nib_session *s, nib_data_config *config, const nib_session_data *wanted,
                            const nib_log *log, nib_error *err)
{
    const nib_data_parts parts = strcmp(wanted->part, "test") == 0 ? NIB_DATA_TEST_ONLY : NIB_DATA_ALL;
    NIB_TRY(nib_probe_data(config, parts, err));
    if (wanted->prepared && parts == NIB_DATA_ALL) {
        NIB_TRY(nib_prepared_load(config, wanted->prepared, s->team, log, &s->data, err));
        if (is_of_model(s->data, s->file))
            return NIB_OK;
        nib_data_destroy(s->data);
        s->data = NULL;
    }
    for (int i = 0; i < s->file->shapes.n_targets; i++)
        if (s->file->shapes.target[i].kind == NIB_TARGET_CLASS)
            nib_data_config_set_classes(config, i, (int)s->file->shapes.target[i].width,
                                        s->file->shapes.target[i].classes);
    return nib_data_load(config, s->file->preprocess, parts, s->team, log, &s->data, err);
}

static nib_status open_all(nib_session *s, const char *path, const nib_session_data *wanted, int64_t threads,
                           const nib_log *log, nib_error *err)
{
    nib_data_config *config;
    NIB_TRY(nib_probe_model(path, err));
    NIB_TRY(nib_model_file_open(path, &s->file, err));
    NIB_TRY(open_config(s, path, wanted, err));
    NIB_TRY(nib_session_team(threads, INT64_MAX / 2, &s->team, err));
    NIB_TRY(nib_session_data_config(s->config, wanted, &config, err));
    NIB_TRY(load_data(s, config, wanted, log, err));
    NIB_TRY(nib_model_create(&s->model, s->config, &s->file->shapes, err));
    NIB_TRY(nib_model_file_load(s->file->path, s->model->params, err));
    NIB_TRY(nib_network_stored(s->file->path, s->model, s->file->arena, &s->network, err));
    if (wanted->weights && s->network && nib_network_is_folded(s->file->path))
        return nib_fail(err, NIB_ERR_UNSUPPORTED,
                        "%s: its network has the preprocessing inside, its trained weights do not: take the "
                        "run that it was made from; nibble eval of both says what folding costs",
                        s->file->path);
    return NIB_OK;
}

nib_status nib_session_open(const char *path, const nib_session_data *wanted, int64_t threads,
                            const nib_log *log, nib_session *session, nib_error *err)
{
    *session = (nib_session){.file = NULL};
    if (strcmp(wanted->part, "test") != 0 && strcmp(wanted->part, "validation") != 0 &&
        strcmp(wanted->part, "train") != 0)
        return nib_fail(err, NIB_ERR_USAGE, "--part: '%s' is none of test, validation, train", wanted->part);
    if (wanted->file && strcmp(wanted->part, "test") != 0)
        return nib_fail(err, NIB_ERR_USAGE,
                        "--part chooses among the run's own data; with --data all rows are taken");
    nib_status status = open_all(session, path, wanted, threads, log, err);
    if (status != NIB_OK)
        nib_session_close(session);
    return status;
}

nib_status nib_session_part(const nib_session *session, const char *part, const nib_dataset **dataset,
                            nib_error *err)
{
    const nib_data *d = session->data;
    *dataset = strcmp(part, "test") == 0         ? &d->test
               : strcmp(part, "validation") == 0 ? &d->validation
                                                 : &d->train;
    if ((*dataset)->rows > 0)
        return NIB_OK;
    return nib_fail(err, NIB_ERR_INPUT,
                    "the run's data have no %s rows; choose another --part, or give a file with --data FILE",
                    part);
}

void nib_session_close(nib_session *s)
{
    nib_model_destroy(s->model);
    nib_data_destroy(s->data);
    nib_team_destroy(s->team);
    nib_config_destroy(s->config);
    nib_model_file_close(s->file);
    *s = (nib_session){.file = NULL};
}
