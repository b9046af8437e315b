/* Pruning while training: zeros that stay zero, rewinds, resumed runs. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sanitized.h"
#include "tests/train/toy.h"
#include "train/paths.h"
#include "train/run_folder.h"
#include "train/units.h"

static const char mlp[] = "{mlp: {hidden: [16, 16]}}";
static const char with_penalties[] =
    "{layers: [dense: {name: fc1, units: 16, l1: 0.01}, relu: {name: relu1}, dense: {name: fc2, units: 16, "
    "l1: 0.01, l2: 0.01}, relu: {name: relu2}, dense: {name: logits, units: 2, l2: 0.1}], outputs: {y: "
    "logits}}";
static const char with_norm[] = "{mlp: {hidden: [16, 12], batch_norm: true}}";

/* Every number that belongs to a masked weight is zero. */
static void expect_zeros(const nib_params *params, const nib_train_state *s, const char *what, int step)
{
    for (int64_t i = 0; i < params->size; i++) {
        if (params->mask[i] != 0.0f)
            continue;
        bool zero = params->value[i] == 0.0f && params->gradient[i] == 0.0f;
        for (int k = 0; k < s->n_slots; k++)
            zero = zero && s->slot[k][i] == 0.0f;
        cr_assert(zero, "%s, step %d: number %lld is masked and not zero", what, step, (long long)i);
    }
}

static void train_steps(const char *model, const char *optimizer, const char *prune, int steps)
{
    enum { ROWS = 256, BATCH = 32 };
    toy t;
    nib_error err = {NIB_OK, ""};
    nib_trainer *trainer;
    nib_pruner *pruner;
    char train[1024];
    int32_t order[ROWS];
    (void)snprintf(train, sizeof train, "{epochs: %d, batch: %d, optimizer: %s}\nprune: %s",
                   steps / (ROWS / BATCH), BATCH, optimizer, prune);
    toy_create(&t, model, train, ROWS, 1);
    for (int32_t i = 0; i < ROWS; i++)
        order[i] = i;
    cr_assert_eq(nib_trainer_create(&trainer, t.model, &t.config->train, &t.data.train, t.team, &err), NIB_OK,
                 "%s", err.message);
    nib_arena *arena = nib_arena_create();
    nib_train_state *s = nib_trainer_state(trainer);
    cr_assert_eq(nib_pruner_create(arena, t.model, t.config, ROWS / BATCH, s, NULL, &pruner, &err), NIB_OK,
                 "%s: %s", prune, err.message);
    nib_trainer_set_pruner(trainer, pruner);
    nib_pruner_epoch_done(pruner, 0);
    for (int i = 0; i < steps; i++) {
        cr_assert_eq(nib_trainer_step(trainer, order + i % (ROWS / BATCH) * BATCH, BATCH, &err), NIB_OK, "%s",
                     err.message);
        expect_zeros(t.model->params, s, optimizer, i + 1);
    }
    for (int i = 0; i < t.model->params->count; i++) {
        const nib_param *row = &t.model->params->row[i];
        const float *seen = nib_units_effective(arena, t.model, i);
        for (int64_t r = 0; r < row->rows; r++)
            for (int64_t c = 0; c < row->cols; c++)
                cr_assert(t.model->params->mask[row->offset + r * row->stride + c] != 0.0f ||
                              seen[r * row->cols + c] == 0.0f,
                          "%s: what is multiplied with is not zero", row->name);
    }
    cr_expect(fabs(nib_pruner_sparsity(pruner) - 0.7) < 0.05, "%s, %s: sparsity %g at the end", optimizer,
              prune, nib_pruner_sparsity(pruner));
    nib_trainer_destroy(trainer);
    nib_arena_destroy(arena);
    toy_destroy(&t);
}

static const char *const optimizers[] = {
    "{adam: {lr: 0.01}}",
    "{adam: {lr: 0.01, amsgrad: true}}",
    "{adamw: {lr: 0.01, weight_decay: 0.1}}",
    "{sgd: {lr: 0.05}}",
    "{sgd: {lr: 0.05, momentum: 0.9}}",
    "{sgd: {lr: 0.05, momentum: 0.9, nesterov: true}}",
    "{rmsprop: {lr: 0.01}}",
    "{rmsprop: {lr: 0.01, momentum: 0.9, centered: true}}",
};
enum { N_OPTIMIZERS = sizeof optimizers / sizeof *optimizers };
static const char rises[] = "{default: {schedule: {polynomial: {end: 700, frequency: 10}}, sparsity: 0.7}}";

/* Is `name` the first word of one of the texts? */
static bool is_listed(const char *name, const char *const *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const size_t at = text[i][0] == '{';
        if (strncmp(text[i] + at, name, strlen(name)) == 0 && strchr("(:<", text[i][at + strlen(name)]))
            return true;
    }
    return false;
}

Test(pruner, masked_numbers_are_zero_after_every_step)
{
    for (int i = 0; i < nib_optimizers_count; i++)
        cr_expect(is_listed(nib_optimizers[i]->name, optimizers, N_OPTIMIZERS), "%s is not tried",
                  nib_optimizers[i]->name);
    for (int i = 0; i < N_OPTIMIZERS; i++) {
        train_steps(mlp, optimizers[i], rises, 1000);
        train_steps(with_penalties, optimizers[i], rises, 1000);
    }
}

Test(pruner, every_criterion_and_scope)
{
    static const char *const sections[] = {
        "{default: {schedule: {constant: {begin: 20}}, sparsity: 0.7, criterion: gradient}}",
        "{default: {schedule: {exponential: {end: 90}}, sparsity: 0.7, criterion: random}}",
        "{scope: global, default: {schedule: {one_shot: {at: 3}}, sparsity: 0.7}}",
        "{scope: global, default: {sparsity: 0.7, criterion: gradient}, layers: {logits: {cost: 2}}}",
        "{compatible: tfmot, default: {schedule: {constant: {frequency: 7}}, sparsity: 0.7}}",
        "{default: {schedule: {iterative: {rounds: 4, length: 2, rewind: 1}}, sparsity: 0.7}}",
        "{default: {sparsity: 0.7, criterion: {block: {rows: 2, cols: 2}}}}",
        "{default: {sparsity: 0.7, biases: true}}",
    };
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        train_steps(with_norm, "adam", sections[i], 160);
}

/* The forward pass sees zeros too, with quantizers that have none: the mask comes behind them. Every
 * quantizer with every optimizer. */
Test(pruner, with_every_quantizer_and_optimizer)
{
    static const char *const quantizers[] = {"fixed<6,1,RND_CONV,SAT>",
                                             "fixed<5,1,TRN,WRAP>",
                                             "quantized_bits(4,0,1)",
                                             "quantized_bits(4,0,alpha=auto)",
                                             "quantized_linear(4,1)",
                                             "quantized_relu(6)",
                                             "quantized_tanh(4)",
                                             "quantized_sigmoid(4)",
                                             "learned_scale(4)",
                                             "binary()",
                                             "binary(alpha=auto_po2)",
                                             "ternary()",
                                             "stochastic_binary()",
                                             "stochastic_ternary(alpha=auto)",
                                             "bernoulli()",
                                             "quantized_po2(4)",
                                             "quantized_relu_po2(3)"};
    enum { N = sizeof quantizers / sizeof *quantizers };
    for (int i = 0; i < nib_quantizers_count; i++)
        cr_expect(is_listed(nib_quantizers[i]->name, quantizers, N), "%s is not tried",
                  nib_quantizers[i]->name);
    for (int i = 0; i < N; i++)
        for (int k = i % NIB_ONE_IN(3); k < N_OPTIMIZERS; k += NIB_ONE_IN(3)) {
            char sections[512];
            (void)snprintf(sections, sizeof sections,
                           "%s\nquant: {default: {weight: '%s', activation: 'fixed<8,3,RND,SAT>', bias: "
                           "'fixed<8,3,RND,SAT>'}}",
                           rises, quantizers[i]);
            train_steps(mlp, optimizers[k], sections, 1000);
        }
}

/* A pruned neuron has column, bias, gamma and beta masked; the outputs of the model are spared. */
Test(pruner, whole_neurons)
{
    toy t;
    nib_error err = {NIB_OK, ""};
    nib_fit_result result;
    toy_create(&t, with_norm,
               "{epochs: 4, batch: 32}\nprune: {default: {schedule: one_shot, sparsity: 0.5, criterion: "
               "neuron}}",
               200, 1);
    cr_assert_eq(toy_fit(&t, &result, &err), NIB_OK, "%s", err.message);
    const nib_params *params = t.model->params;
    static const char *const rows[] = {"fc1/bias", "bn1/gamma", "bn1/beta"};
    const nib_param *kernel = &params->row[nib_params_find(params, "fc1/kernel")];
    int pruned = 0;
    for (int64_t c = 0; c < kernel->cols; c++) {
        float any = 0;
        for (int64_t r = 0; r < kernel->rows; r++)
            any += fabsf(params->value[kernel->offset + r * kernel->stride + c]);
        pruned += any == 0.0f;
        for (int k = 0; k < 3; k++) {
            const nib_param *row = &params->row[nib_params_find(params, rows[k])];
            cr_expect_eq(params->mask[row->offset + c] == 0.0f, any == 0.0f, "mask of %s, neuron %lld",
                         rows[k], (long long)c);
            cr_expect(any != 0.0f || params->value[row->offset + c] == 0.0f, "%s of pruned neuron %lld",
                      rows[k], (long long)c);
        }
    }
    cr_expect_eq(pruned, 8, "half of 16 neurons");
    const int logits = nib_params_find(params, "logits/kernel");
    cr_expect_eq(nib_params_nonzero(params, logits), nib_params_elements(&params->row[logits]),
                 "the output layer is whole");
    toy_destroy(&t);
}

/* The best epoch is one with the final masks, and early stopping waits for them. */
Test(pruner, best_epoch_has_the_final_sparsity)
{
    toy t;
    nib_error err = {NIB_OK, ""};
    nib_fit_result result;
    toy_create(&t, mlp,
               "{epochs: 12, batch: 32, early_stopping: 1, optimizer: {sgd: {lr: 1e-9}}}\nprune: {default: "
               "{schedule: {polynomial: {unit: epochs, end: 8}}, sparsity: 0.9}, layers: {logits: {sparsity: "
               "0}}}",
               320, 1);
    cr_assert_eq(toy_fit(&t, &result, &err), NIB_OK, "%s", err.message);
    cr_expect(result.best_epoch >= 8 && result.epochs >= 9, "best epoch %lld of %lld",
              (long long)result.best_epoch, (long long)result.epochs);
    const nib_params *p = t.model->params;
    cr_expect_eq(nib_params_nonzero(p, nib_params_find(p, "fc1/kernel")), 3, "3 of 32 weights stay");
    cr_expect_eq(nib_params_nonzero(p, nib_params_find(p, "fc2/kernel")), 26, "26 of 256 weights stay");
    cr_expect_eq(nib_params_nonzero(p, nib_params_find(p, "logits/kernel")), 32, "a layer that is left out");
    toy_destroy(&t);
}

/* Lottery tickets: after the update the weights that are left are those of the kept epoch. */
Test(pruner, rewind)
{
    toy t, early;
    nib_error err = {NIB_OK, ""};
    nib_fit_result result;
    const char *rest = "batch: 32, early_stopping: {restore_best: false}";
    char train[256];
    (void)snprintf(train, sizeof train, "{epochs: 2, %s}", rest);
    toy_create(&early, mlp, train, 320, 1);
    cr_assert_eq(toy_fit(&early, &result, &err), NIB_OK, "%s", err.message);
    (void)snprintf(train, sizeof train,
                   "{epochs: 5, %s}\nprune: {default: {schedule: {iterative: {rounds: 1, length: 5, rewind: "
                   "2}}, sparsity: 0.6}}",
                   rest);
    toy_create(&t, mlp, train, 320, 1);
    nib_trainer *trainer;
    nib_pruner *pruner;
    nib_arena *arena = nib_arena_create();
    cr_assert_eq(nib_trainer_create(&trainer, t.model, &t.config->train, &t.data.train, t.team, &err), NIB_OK,
                 "%s", err.message);
    nib_train_state *s = nib_trainer_state(trainer);
    cr_assert_eq(nib_pruner_create(arena, t.model, t.config, 10, s, NULL, &pruner, &err), NIB_OK, "%s",
                 err.message);
    memcpy(s->rewind, early.model->params->value, (size_t)t.model->params->size * sizeof(float));
    s->rewind_kept = true;
    s->slot[0][3] = 1;
    cr_expect(nib_pruner_before_step(pruner, 51), "the first round prunes");
    for (int64_t i = 0; i < t.model->params->size; i++) {
        const float kept = t.model->params->mask[i] != 0.0f ? early.model->params->value[i] : 0.0f;
        cr_assert(t.model->params->value[i] == kept && s->slot[0][i] == 0.0f, "number %lld", (long long)i);
    }
    nib_trainer_destroy(trainer);
    nib_arena_destroy(arena);
    toy_destroy(&t);
    toy_destroy(&early);
}

typedef struct told {
    int lines;
    char last[256];
} told;

static void tell(void *context, nib_log_level level, const char *line)
{
    told *t = context;
    t->lines += level == NIB_LOG_WARNING;
    (void)snprintf(t->last, sizeof t->last, "%s", line);
}

Test(pruner, collapse_and_late_ends_are_told)
{
    static const struct {
        const char *prune, *text;
    } cases[] = {
        {"{default: {schedule: one_shot, sparsity: 1, criterion: random}}", "collapsed to a constant"},
        {"{default: {schedule: {constant: {begin: 1000}}, sparsity: 0.5}}", "training at step 20"},
        {"{}", "prune: no layer is pruned; say how much (prune.default.sparsity: 0.8)"},
    };
    for (int i = 0; i < 3; i++) {
        toy t;
        char train[256];
        nib_error err = {NIB_OK, ""};
        nib_fit_result result;
        told heard = {0};
        const nib_log log = {tell, &heard};
        (void)snprintf(train, sizeof train, "{epochs: 2, batch: 32}\nprune: %s", cases[i].prune);
        toy_create(&t, mlp, train, 320, 1);
        nib_fit_job job = {
            .config = t.config, .model = t.model, .data = &t.data, .team = t.team, .log = &log};
        cr_assert_eq(nib_fit(&job, &result, &err), NIB_OK, "%s", err.message);
        cr_expect(heard.lines == 1 && strstr(heard.last, cases[i].text), "%d lines, '%s'", heard.lines,
                  heard.last);
        toy_destroy(&t);
    }
}

Test(pruner, refused)
{
    static const struct {
        const char *prune, *text;
    } cases[] = {
        {"{layers: {logits: {sparsity: 0.5, criterion: neuron}}}",
         "toy.yaml:4:18: prune.layers.logits: its neurons are outputs of the model, which cannot be pruned"},
        {"{default: {sparsity: 0.5, schedule: {iterative: {unit: steps, length: 3, rewind: 2}}}}",
         "toy.yaml:4:8: prune: rewind: epoch 2 is not over at step 4, where fc1/kernel is pruned first"},
        {"{default: {sparsity: 0.5, schedule: {iterative: {rewind: 0}}}, layers: {fc2: {schedule: "
         "one_shot}}}",
         "toy.yaml:4:8: prune: layers rewind to different epochs (fc2/kernel does not go back with "
         "fc1/kernel)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        toy t;
        char train[256];
        nib_error err = {NIB_OK, ""};
        nib_fit_result result;
        (void)snprintf(train, sizeof train, "{epochs: 2, batch: 32}\nprune: %s", cases[i].prune);
        toy_create(&t, mlp, train, 320, 1);
        cr_expect_eq(toy_fit(&t, &result, &err), NIB_ERR_CONFIG, "case %zu", i);
        cr_expect_str_eq(err.message, cases[i].text, "case %zu", i);
        toy_destroy(&t);
    }
}

/* --- Resumed runs
 * -------------------------------------------------------------------------------------------- */

static void fit_in_pieces(const char *train, const char *folder, bool pieces, float *values, int64_t *size)
{
    nib_error err = {NIB_OK, ""};
    nib_fit_result result;
    nib_run_folder *run;
    static const volatile sig_atomic_t always = 1;
    nib_status status = NIB_ERR_INTERRUPTED;
    for (int start = 0; status == NIB_ERR_INTERRUPTED && start < 200; start++) {
        toy t;
        toy_create(&t, with_norm, train, 320, 1);
        if (start == 0)
            cr_assert_eq(nib_run_folder_create(folder, "r", NULL, &run, &err), NIB_OK, "%s", err.message);
        nib_fit_job job = {.config = t.config,
                           .model = t.model,
                           .data = &t.data,
                           .team = t.team,
                           .run = run,
                           .resume = start > 0,
                           .stop = pieces ? &always : NULL};
        status = nib_fit(&job, &result, &err);
        cr_assert(status == NIB_OK || status == NIB_ERR_INTERRUPTED, "%s", err.message);
        *size = t.model->params->size;
        memcpy(values, t.model->params->value, (size_t)*size * sizeof(float));
        toy_destroy(&t);
    }
    cr_assert_eq(status, NIB_OK, "the run ends");
    nib_run_folder_close(run);
}

Test(pruner, resumed_after_every_step)
{
    static const char *const prunes[] = {
        "{default: {schedule: {polynomial: {end: 25, frequency: 4}}, sparsity: 0.7}}",
        "{default: {schedule: {iterative: {rounds: 2, length: 1, rewind: 1}}, sparsity: 0.7}}",
        ("{scope: global, default: {schedule: {exponential: {end: 25, frequency: 4}}, sparsity: 0.7, "
         "criterion: gradient}}"),
        ("{default: {schedule: {polynomial: {end: 25, frequency: 4}}, sparsity: 0.7}}\nquant: {default: {"
         "weight: 'stochastic_ternary(alpha=auto_po2)', bias: 'fixed<8,3,RND,SAT>', input: "
         "'fixed<8,2,RND,SAT>', activation: 'ufixed<6,3,RND,SAT>'}}"),
    };
    for (size_t i = 0; i < sizeof prunes / sizeof *prunes; i++) {
        static float whole[8192], pieces[8192];
        int64_t n, m;
        char folder[] = "/tmp/nibble-pruner-XXXXXX", train[512], command[160];
        (void)snprintf(train, sizeof train, "{epochs: 4, batch: 32}\nprune: %s", prunes[i]);
        cr_assert(mkdtemp(folder) != NULL, "temporary folder");
        fit_in_pieces(train, folder, false, whole, &n);
        fit_in_pieces(train, folder, true, pieces, &m);
        cr_expect(n == m && memcmp(whole, pieces, (size_t)n * sizeof(float)) == 0,
                  "%s: resumed after every step, other weights", prunes[i]);
        (void)snprintf(command, sizeof command, "cmp %s/r-001/best.h5 %s/r-002/best.h5", folder, folder);
        cr_expect_eq(system(command), 0, "best.h5 of both");
        (void)snprintf(command, sizeof command, "rm -rf %s", folder);
        cr_expect_eq(system(command), 0, "clean up");
    }
}
