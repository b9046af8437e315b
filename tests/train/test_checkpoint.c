/* train/checkpoint: exact to the bit, and only for the run it belongs to. */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/file.h"
#include "small_model.h"
#include "train/checkpoint.h"

static char folder[64];
static const char train[] =
    "{loss: {y: categorical_crossentropy}, optimizer: {adam: {lr: 0.001}}, epochs: 7, batch: 32}";
static const char model[] =
    "{layers: [dense: {name: fc1, units: 4, l2: 0.1, bias_l2: 0.1}, relu: {name: relu1}, batch_norm: {name: "
    "bn1}, dense: {name: logits, units: 3}], outputs: {y: logits}}";

static void enter(void)
{
    strcpy(folder, "/tmp/nibble-checkpoint-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL && chdir(folder) == 0, "temporary folder");
}

static void leave(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert(chdir("/") == 0 && system(command) == 0, "clean up");
}

static void new_state(nib_arena *arena, const small_model *s, nib_train_state *state)
{
    nib_error err = {0};
    const nib_graph_mark *marks;
    nib_status status =
        nib_train_state_create(arena, s->model->params, nib_graph_losses(s->model->graph, &marks),
                               nib_graph_watches(s->model->graph, &marks), 2, state, &err);
    cr_assert(status == NIB_OK, "%s", err.message);
}

static void fill_row(const small_model *s, float *flat, float first)
{
    for (int i = 0; i < s->model->params->count; i++) {
        const nib_param *row = &s->model->params->row[i];
        for (int64_t r = 0; r < row->rows; r++)
            for (int64_t c = 0; c < row->cols; c++)
                flat[row->offset + r * row->stride + c] = first = first * -1.37f + 1e-7f;
    }
}

static void fill_state(const small_model *s, nib_train_state *state)
{
    state->epoch = 3;
    state->step_in_epoch = 11;
    state->step = 3 * 20 + 11;
    state->rows = 11 * 32;
    state->loss = 0.1 + 1e-17;
    state->best_epoch = 2;
    state->best_monitored = 1.0 / 3;
    state->wait = 1;
    state->stopped = true;
    state->lr.factor = 0.1 * 0.1;
    state->lr.best = (double)NAN;
    state->lr.wait = 4;
    state->lr.cooldown = 5;
    for (int i = 0; i < state->n_losses; i++)
        state->losses[i] = 0.7 * i + 1e-300;
    for (int i = 0; i < state->n_watches; i++)
        state->watches[i] = 17 + i;
    fill_row(s, state->slot[0], 1e-30f);
    fill_row(s, state->slot[1], 1e-20f);
    fill_row(s, state->best, 0.25f);
}

static void compare(const small_model *s, const nib_train_state *a, const nib_train_state *b)
{
    size_t bytes = (size_t)s->model->params->size * sizeof(float);
    cr_assert(a->epoch == b->epoch && a->step_in_epoch == b->step_in_epoch && a->step == b->step &&
                  a->rows == b->rows && a->best_epoch == b->best_epoch && a->wait == b->wait &&
                  a->stopped == b->stopped && a->lr.wait == b->lr.wait && a->lr.cooldown == b->lr.cooldown,
              "counters");
    cr_assert_arr_eq(&a->loss, &b->loss, 8, "loss");
    cr_assert_arr_eq(&a->best_monitored, &b->best_monitored, 8, "best");
    cr_assert_arr_eq(&a->lr.factor, &b->lr.factor, 8, "schedule");
    cr_assert_arr_eq(&a->lr.best, &b->lr.best, 8, "schedule's NaN");
    cr_assert_arr_eq(a->losses, b->losses, (size_t)a->n_losses * 8, "losses");
    cr_assert_arr_eq(a->watches, b->watches, (size_t)a->n_watches * 8, "watches");
    cr_assert_arr_eq(a->slot[0], b->slot[0], bytes, "first moment");
    cr_assert_arr_eq(a->slot[1], b->slot[1], bytes, "second moment");
    if (a->best_epoch >= 0)
        cr_assert_arr_eq(a->best, b->best, bytes, "best weights");
}

Test(checkpoint, comes_back_bit_by_bit, .init = enter, .fini = leave)
{
    nib_error err = {0};
    for (int round = 0; round < 2; round++) { /* with and without a best epoch */
        small_model s;
        nib_train_state a, b;
        nib_arena *arena = nib_arena_create();
        small_model_create(&s, small_chain_data, model, train);
        size_t bytes = (size_t)s.model->params->size * sizeof(float);
        float *weights = NIB_NEW(arena, float, s.model->params->size);
        new_state(arena, &s, &a);
        new_state(arena, &s, &b);
        fill_state(&s, &a);
        if (round)
            a.best_epoch = -1;
        cr_assert(nib_checkpoint_write("last.h5", s.model, s.config, &s.data, &a, &err) == NIB_OK, "%s",
                  err.message);
        memcpy(weights, s.model->params->value, bytes);
        memset(s.model->params->value, 0, bytes);
        cr_assert(nib_checkpoint_read("last.h5", s.model, s.config, &s.data, &b, &err) == NIB_OK, "%s",
                  err.message);
        cr_assert_arr_eq(weights, s.model->params->value, bytes, "weights");
        compare(&s, &a, &b);
        nib_arena_destroy(arena);
        small_model_destroy(&s);
    }
}

Test(checkpoint, another_run_is_refused_by_name, .init = enter, .fini = leave)
{
    static const char longer[] =
        "{loss: {y: categorical_crossentropy}, optimizer: {adam: {lr: 0.001}}, epochs: 8, batch: 32}";
    nib_error err = {0};
    small_model s, other;
    nib_train_state state;
    nib_arena *arena = nib_arena_create();
    small_model_create(&s, small_chain_data, model, train);
    small_model_create(&other, small_chain_data, model, longer);
    new_state(arena, &s, &state);
    fill_state(&s, &state);
    cr_assert(nib_checkpoint_write("last.h5", s.model, s.config, &s.data, &state, &err) == NIB_OK, "%s",
              err.message);
    cr_assert(nib_checkpoint_read("last.h5", other.model, other.config, &other.data, &state, &err) ==
                  NIB_ERR_INPUT,
              "other config");
    cr_assert(strstr(err.message, "made with another config: 'epochs: 7' there, 'epochs: 8' here"), "%s",
              err.message);
    s.data.fingerprint++;
    cr_assert(nib_checkpoint_read("last.h5", s.model, s.config, &s.data, &state, &err) == NIB_ERR_INPUT,
              "other data");
    cr_assert(strstr(err.message, "fingerprint fedcba9876543210 there, fedcba9876543211 here"), "%s",
              err.message);
    cr_assert(nib_file_write("last.h5", "garbage", 7, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_checkpoint_read("last.h5", s.model, s.config, &s.data, &state, &err) == NIB_ERR_INPUT,
              "garbage");
    cr_assert(strstr(err.message, "last.h5: not an HDF5 file"), "%s", err.message);
    nib_arena_destroy(arena);
    small_model_destroy(&s);
    small_model_destroy(&other);
}

Test(checkpoint, a_full_disk_keeps_the_earlier_one, .init = enter, .fini = leave)
{
    nib_error err = {0};
    small_model s;
    nib_train_state a, b;
    nib_arena *arena = nib_arena_create();
    struct rlimit limit = {4096, RLIM_INFINITY};
    small_model_create(&s, small_chain_data, model, train);
    new_state(arena, &s, &a);
    new_state(arena, &s, &b);
    fill_state(&s, &a);
    cr_assert(nib_checkpoint_write("last.h5", s.model, s.config, &s.data, &a, &err) == NIB_OK, "%s",
              err.message);
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0, "limit");
    b.epoch = 6;
    cr_assert(nib_checkpoint_write("last.h5", s.model, s.config, &s.data, &b, &err) == NIB_ERR_IO,
              "must fail");
    cr_assert(
        strstr(err.message, "no checkpoint was written, an earlier one is untouched: last.h5: cannot write"),
        "%s", err.message);
    cr_assert(nib_checkpoint_read("last.h5", s.model, s.config, &s.data, &b, &err) == NIB_OK, "%s",
              err.message);
    compare(&s, &a, &b);
    nib_arena_destroy(arena);
    small_model_destroy(&s);
}
