#include "train/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "train/model_parts.h"

/* One number of the state: integers and doubles by name, so that the two directions share a list. */
typedef struct state_number {
    const char *name;
    int64_t *integer;
    double *real;
} state_number;

enum { N_NUMBERS = 13 };

static void list_numbers(nib_train_state *s, int64_t *stopped, state_number list[N_NUMBERS])
{
    int n = 0;
    list[n++] = (state_number){"epoch", &s->epoch, NULL};
    list[n++] = (state_number){"step_in_epoch", &s->step_in_epoch, NULL};
    list[n++] = (state_number){"step", &s->step, NULL};
    list[n++] = (state_number){"rows", &s->rows, NULL};
    list[n++] = (state_number){"loss", NULL, &s->loss};
    list[n++] = (state_number){"best_epoch", &s->best_epoch, NULL};
    list[n++] = (state_number){"best_monitored", NULL, &s->best_monitored};
    list[n++] = (state_number){"wait", &s->wait, NULL};
    list[n++] = (state_number){"stopped", stopped, NULL};
    list[n++] = (state_number){"schedule/factor", NULL, &s->lr.factor};
    list[n++] = (state_number){"schedule/best", NULL, &s->lr.best};
    list[n++] = (state_number){"schedule/wait", &s->lr.wait, NULL};
    list[n++] = (state_number){"schedule/cooldown", &s->lr.cooldown, NULL};
}

/* Sums stand under the names of what they sum up; a graph may have two losses of one name (kernel and bias
 * penalty of a layer), so names are listed beside the values. */
static nib_status write_sums(nib_h5 *file, nib_arena *arena, const char *what, int n, const double *sums,
                             const nib_graph_mark *marks, nib_error *err)
{
    char path[64];
    const char **names = NIB_NEW(arena, const char *, n);
    if (!names)
        return nib_fail_memory(err, "checkpoint");
    for (int i = 0; i < n; i++)
        names[i] = marks[i].name;
    (void)snprintf(path, sizeof path, "/nibble/train/%s/sum", what);
    NIB_TRY(nib_h5_write_f64(file, path, 1, (const int64_t[]){n}, sums, err));
    (void)snprintf(path, sizeof path, "/nibble/train/%s/name", what);
    return nib_h5_write_strings(file, path, n, names, err);
}

static nib_status write_state(nib_h5 *file, nib_arena *arena, const nib_model *model,
                              const nib_train_state *state, nib_error *err)
{
    nib_train_state copy = *state;
    int64_t stopped = state->stopped;
    state_number number[N_NUMBERS];
    const nib_graph_mark *losses, *watches;
    list_numbers(&copy, &stopped, number);
    for (int i = 0; i < N_NUMBERS; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/nibble/train/%s", number[i].name);
        if (number[i].integer)
            NIB_TRY(nib_h5_write_i64(file, path, 0, NULL, number[i].integer, err));
        else
            NIB_TRY(nib_h5_write_f64(file, path, 0, NULL, number[i].real, err));
    }
    (void)nib_graph_losses(model->graph, &losses);
    (void)nib_graph_watches(model->graph, &watches);
    NIB_TRY(write_sums(file, arena, "losses", state->n_losses, state->losses, losses, err));
    return write_sums(file, arena, "watches", state->n_watches, state->watches, watches, err);
}

static nib_status write_file(nib_h5 *file, nib_arena *arena, const nib_model *model, const nib_config *config,
                             const nib_data *data, const nib_train_state *state, nib_error *err)
{
    const nib_params *params = model->params;
    NIB_TRY(nib_model_parts_write(file, "checkpoint", model, config, data, params->value, err));
    for (int i = 0; i < state->n_slots; i++) {
        const char *group = nib_arena_printf(arena, "/nibble/opt/%s", config->train.optimizer->slot_names[i]);
        if (!group)
            return nib_fail_memory(err, "checkpoint");
        NIB_TRY(nib_model_parts_put_rows(file, group, params, state->slot[i], err));
    }
    if (state->best_epoch >= 0)
        NIB_TRY(nib_model_parts_put_rows(file, "/nibble/train/best", params, state->best, err));
    if (state->rewind_kept)
        NIB_TRY(nib_model_parts_put_rows(file, "/nibble/train/rewind", params, state->rewind, err));
    return write_state(file, arena, model, state, err);
}

nib_status nib_checkpoint_write(const char *path, const nib_model *model, const nib_config *config,
                                const nib_data *data, const nib_train_state *state, nib_error *err)
{
    nib_h5 *file;
    nib_arena *arena = nib_arena_create();
    nib_status status = arena ? nib_h5_create(&file, err) : nib_fail_memory(err, "checkpoint");
    if (status == NIB_OK) {
        status = write_file(file, arena, model, config, data, state, err);
        if (status == NIB_OK)
            status = nib_model_parts_commit(file, path, err);
        else
            nib_h5_close(file);
    }
    nib_arena_destroy(arena);
    if (status != NIB_OK)
        nib_error_prefix(err, "no checkpoint was written, an earlier one is untouched");
    return status;
}

/* ---- Reading ---- */

/* The first line in which two texts differ. */
static void first_difference(const char *a, const char *b, int *n_a, int *n_b, const char **line_a,
                             const char **line_b)
{
    for (*line_a = a, *line_b = b;; *line_a += *n_a + 1, *line_b += *n_b + 1) {
        *n_a = (int)strcspn(*line_a, "\n");
        *n_b = (int)strcspn(*line_b, "\n");
        bool same = *n_a == *n_b && memcmp(*line_a, *line_b, (size_t)*n_a) == 0;
        if (!same || !(*line_a)[*n_a] || !(*line_b)[*n_b])
            break;
    }
    while (*n_a > 0 && **line_a == ' ')
        (*line_a)++, (*n_a)--;
    while (*n_b > 0 && **line_b == ' ')
        (*line_b)++, (*n_b)--;
}

static nib_status check_origin(nib_h5 *file, nib_arena *arena, const nib_config *config, const nib_data *data,
                               nib_error *err)
{
    const char *stored, *current, *kind, *line_a, *line_b;
    int64_t fingerprint, expected;
    int n_a, n_b;
    NIB_TRY(nib_model_parts_verify(file, arena, &kind, NULL, err));
    if (strcmp(kind, "checkpoint") != 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: a %s, not a checkpoint", nib_h5_path(file), kind);
    NIB_TRY(nib_h5_read_text(file, "/nibble/config", arena, &stored, err));
    NIB_TRY(nib_model_parts_config(config, arena, &current, err));
    if (strcmp(stored, current) != 0) {
        first_difference(stored, current, &n_a, &n_b, &line_a, &line_b);
        return nib_fail(
            err, NIB_ERR_INPUT,
            "%s: made with another config: '%.*s' there, '%.*s' here; a run is resumed with its own "
            "config.yaml",
            nib_h5_path(file), n_a < 80 ? n_a : 80, line_a, n_b < 80 ? n_b : 80, line_b);
    }
    NIB_TRY(nib_h5_read_scalar_i64(file, "/nibble/fingerprint", &fingerprint, err));
    memcpy(&expected, &data->fingerprint, sizeof expected);
    if (fingerprint != expected)
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: made with other data: fingerprint %016" PRIx64 " there, %016" PRIx64
                        " here; have the data files changed?",
                        nib_h5_path(file), (uint64_t)fingerprint, (uint64_t)expected);
    return NIB_OK;
}

static nib_status read_sums(nib_h5 *file, nib_arena *arena, const char *what, int n, double *sums,
                            const nib_graph_mark *marks, nib_error *err)
{
    char path[64];
    int count;
    const char *const *names;
    nib_h5_info info;
    (void)snprintf(path, sizeof path, "/nibble/train/%s/name", what);
    NIB_TRY(nib_h5_read_strings(file, path, arena, &count, &names, err));
    bool same = count == n;
    for (int i = 0; same && i < n; i++)
        same = strcmp(names[i], marks[i].name) == 0;
    (void)snprintf(path, sizeof path, "/nibble/train/%s/sum", what);
    NIB_TRY(nib_h5_dataset_info(file, path, &info, err));
    if (!same || info.elements != n)
        return nib_fail(err, NIB_ERR_INPUT, "%s: its %s are not those of the model", nib_h5_path(file), what);
    return nib_h5_read_f64(file, path, 0, n, sums, err);
}

static nib_status read_scalar(nib_h5 *file, const state_number *number, nib_error *err)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/nibble/train/%s", number->name);
    if (number->integer)
        return nib_h5_read_scalar_i64(file, path, number->integer, err);
    return nib_h5_read_scalar_f64(file, path, number->real, err);
}

static nib_status read_state(nib_h5 *file, nib_arena *arena, const nib_model *model, nib_train_state *state,
                             nib_error *err)
{
    int64_t stopped = 0;
    state_number number[N_NUMBERS];
    const nib_graph_mark *losses, *watches;
    list_numbers(state, &stopped, number);
    for (int i = 0; i < N_NUMBERS; i++)
        NIB_TRY(read_scalar(file, &number[i], err));
    state->stopped = stopped != 0;
    if (state->epoch < 0 || state->step < 0 || state->step_in_epoch < 0 ||
        state->step_in_epoch > state->step || state->rows < 0 || state->best_epoch < -1 ||
        state->best_epoch > state->epoch)
        return nib_fail(err, NIB_ERR_INPUT, "%s: its counters do not fit together", nib_h5_path(file));
    (void)nib_graph_losses(model->graph, &losses);
    (void)nib_graph_watches(model->graph, &watches);
    NIB_TRY(read_sums(file, arena, "losses", state->n_losses, state->losses, losses, err));
    return read_sums(file, arena, "watches", state->n_watches, state->watches, watches, err);
}

static nib_status read_file(nib_h5 *file, nib_arena *arena, nib_model *model, const nib_config *config,
                            const nib_data *data, nib_train_state *state, nib_error *err)
{
    nib_params *params = model->params;
    NIB_TRY(check_origin(file, arena, config, data, err));
    NIB_TRY(read_state(file, arena, model, state, err));
    NIB_TRY(nib_model_parts_get_rows(file, "/nibble/param", params, params->value, err));
    NIB_TRY(nib_model_parts_get_masks(file, params, err));
    for (int i = 0; i < state->n_slots; i++) {
        const char *group = nib_arena_printf(arena, "/nibble/opt/%s", config->train.optimizer->slot_names[i]);
        if (!group)
            return nib_fail_memory(err, "checkpoint");
        NIB_TRY(nib_model_parts_get_rows(file, group, params, state->slot[i], err));
    }
    state->rewind_kept = state->rewind && nib_h5_is_group(file, "/nibble/train/rewind");
    if (state->rewind_kept)
        NIB_TRY(nib_model_parts_get_rows(file, "/nibble/train/rewind", params, state->rewind, err));
    if (state->best_epoch < 0)
        return NIB_OK;
    return nib_model_parts_get_rows(file, "/nibble/train/best", params, state->best, err);
}

nib_status nib_checkpoint_read_from(nib_h5 *file, nib_model *model, const nib_config *config,
                                    const nib_data *data, nib_train_state *state, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_status status =
        arena ? read_file(file, arena, model, config, data, state, err) : nib_fail_memory(err, "checkpoint");
    nib_arena_destroy(arena);
    if (status == NIB_ERR_CONFIG) /* an object that the format promises is not there */
        status = NIB_ERR_INPUT;
    if (err && status != NIB_OK)
        err->code = status;
    return status;
}

nib_status nib_checkpoint_read(const char *path, nib_model *model, const nib_config *config,
                               const nib_data *data, nib_train_state *state, nib_error *err)
{
    nib_h5 *file;
    NIB_TRY(nib_h5_open(&file, path, err));
    nib_status status = nib_checkpoint_read_from(file, model, config, data, state, err);
    nib_h5_close(file);
    return status;
}
