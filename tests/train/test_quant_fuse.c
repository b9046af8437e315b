/* Quantizers that products take along, and gradients that step-rate nodes change in place, against the same
 * steps as passes of their own. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"
#include "core/exec.h"
#include "core/gemm.h"
#include "quantized.h"
#include "train/trainer.h"

enum { ROWS = 200, MOST_ROWS = 5 * ROWS };

static const char *const models[] = {quantized_chain, quantized_norm, quantized_graph};

static const char *const quants[] = {
    "{default: {input: 'fixed<8,3,RND,SAT>', weight: 'fixed<5,1,RND_CONV,SAT>', bias: 'fixed<8,3,RND,SAT>', "
    "activation: 'ufixed<5,2,RND,SAT>'}}",
    "{default: {input: 'fixed<8,3,TRN,WRAP>', weight: 'fixed<6,2,TRN,SAT_SYM>', bias: 'fixed<8,3,RND,SAT>', "
    "activation: 'fixed<6,3,RND_CONV,WRAP>', result: 'fixed<12,6,RND,SAT>', output: 'fixed<9,5,RND,SAT>'}}",
    "{default: {input: 'fixed<8,3,RND,SAT>', weight: 'quantized_bits(4,0,alpha=1)', bias: "
    "'quantized_bits(8,2)', "
    "activation: 'quantized_relu(4,1)', result: 'fixed<10,5,TRN,SAT>'}}",
};

typedef struct outcome {
    double loss;
    float *gradient;
    float logits[MOST_ROWS * 3];
} outcome;

static outcome run(quantized *q, const char *fuse, int threads)
{
    outcome o = {.gradient = NULL};
    const int64_t rows = q->data.rows;
    nib_error err = {0};
    nib_sums sums;
    nib_exec *train = NULL, *evaluate = NULL;
    nib_team *team = NULL;
    nib_params *params = q->model->params;
    const size_t bytes = (size_t)params->size * sizeof(float);
    float *state = malloc(bytes), *outputs[16] = {o.logits};
    cr_assert(setenv("NIBBLE_FUSE", fuse, 1) == 0, "setenv");
    cr_assert(nib_team_create(&team, threads, &err) == NIB_OK, "team: %s", err.message);
    cr_assert(nib_exec_create(&train, q->model->graph, NIB_MODE_TRAIN, rows, 0, team, &err) == NIB_OK,
              "training: %s", err.message);
    cr_assert(nib_exec_create(&evaluate, q->model->graph, NIB_MODE_EVALUATE, rows, 0, team, &err) == NIB_OK,
              "evaluation: %s", err.message);
    const nib_batch batch = {
        .rows = rows, .feeds = nib_model_feeds(q->arena, q->model, &q->data), .seed = 1, .step = 1};
    o.gradient = malloc(bytes);
    cr_assert(state && o.gradient && batch.feeds, "out of memory");
    memcpy(state, params->value, bytes);
    nib_exec_train(train, &batch, &sums);
    nib_exec_train(train, &batch, &sums); /* what is left of the first must not show */
    o.loss = sums.loss;
    memcpy(o.gradient, params->gradient, bytes);
    memcpy(params->value, state, bytes); /* moving statistics */
    nib_exec_forward(evaluate, &batch, outputs, &sums);
    nib_exec_destroy(train);
    nib_exec_destroy(evaluate);
    nib_team_destroy(team);
    free(state);
    return o;
}

static void compare(const nib_params *params, const outcome *fused, const outcome *apart, const char *what)
{
    double sum = 0;
    cr_assert(fused->loss == apart->loss, "%s: the loss is %.17g fused, %.17g apart", what, fused->loss,
              apart->loss);
    cr_assert(memcmp(fused->logits, apart->logits, sizeof fused->logits) == 0,
              "%s: fusion changes what is predicted", what);
    for (int i = 0; i < params->count; i++) {
        const nib_param *row = &params->row[i];
        float largest = 0.0f;
        for (int64_t j = row->offset; j < row->offset + row->rows * row->stride; j++)
            largest = fmaxf(largest, fabsf(apart->gradient[j]));
        for (int64_t j = row->offset; j < row->offset + row->rows * row->stride; j++)
            cr_assert(fabsf(fused->gradient[j] - apart->gradient[j]) <= 1e-6f * largest,
                      "%s: gradient of %s is %g fused, %g apart", what, row->name, (double)fused->gradient[j],
                      (double)apart->gradient[j]);
        sum += (double)largest;
    }
    cr_assert(sum > 0, "%s: all gradients are 0", what);
}

static void each_case(void)
{
    for (size_t m = 0; m < sizeof models / sizeof models[0]; m++)
        for (size_t k = 0; k < sizeof quants / sizeof quants[0]; k++)
            for (int threads = 1; threads <= 2; threads++) {
                char what[64];
                quantized q;
                quantized_create(&q, models[m], quants[k], ROWS, 7 + m);
                snprintf(what, sizeof what, "model %zu, types %zu, %d threads, %s", m, k, threads,
                         nib_cpu_isa());
                outcome fused = run(&q, "1", threads), apart = run(&q, "0", threads);
                compare(q.model->params, &fused, &apart, what);
                free(fused.gradient);
                free(apart.gradient);
                quantized_destroy(&q);
            }
}

/* Where a kernel has no other user its gradient becomes that of the quantizer's input in place; a penalty
 * that weighs nothing is such a user. */
Test(quant_fuse, gradients_in_place_are_those_apart)
{
    static const char penalized[] =
        "{layers: [dense: {name: fc1, units: 8, l2: 1e-30, bias_l2: 1e-30}, relu: {name: relu1}, dense: "
        "{name: "
        "fc2, units: 7, l2: 1e-30}, relu: {name: relu2}, dense: {name: logits, units: 3, bias_l2: 1e-30}], "
        "outputs: {y: logits}}";
    for (int threads = 1; threads <= 2; threads++)
        for (int64_t rows = ROWS; rows <= MOST_ROWS;
             rows += MOST_ROWS - ROWS) { /* fewer tiles than lanes, and more */
            quantized plain, apart;
            quantized_create(&plain, quantized_chain, quants[0], rows, 7);
            quantized_create(&apart, penalized, quants[0], rows, 7);
            outcome a = run(&plain, "1", threads), b = run(&apart, "1", threads);
            compare(plain.model->params, &a, &b, "in place");
            free(a.gradient);
            free(b.gradient);
            quantized_destroy(&plain);
            quantized_destroy(&apart);
        }
}

enum { STEPS = 25, STEP_ROWS = 150 };

static void make_index(int32_t *index)
{
    for (int i = 0; i < STEP_ROWS; i++)
        index[i] = (i * 7 + 3) % ROWS;
}

/* Gradients of all parameters, then the optimizer over all, every weight quantized anew in each step. */
static void steps_apart(quantized *q, const nib_train_config *train, nib_team *team)
{
    int32_t index[STEP_ROWS];
    nib_error err = {0};
    nib_sums sums;
    nib_exec *exec = NULL;
    nib_params *params = q->model->params;
    nib_update update = {.params = params, .lr = 0.05, .gradient_scale = 1};
    make_index(index);
    cr_assert(nib_exec_create(&exec, q->model->graph, NIB_MODE_TRAIN, STEP_ROWS, 0, team, &err) == NIB_OK,
              "training: %s", err.message);
    for (int i = 0; i < 2; i++)
        cr_assert((update.slot[i] = NIB_NEW(q->arena, float, params->size)) != NULL, "out of memory");
    nib_batch batch = {.rows = STEP_ROWS,
                       .index = index,
                       .feeds = nib_model_feeds(q->arena, q->model, &q->data),
                       .seed = (uint64_t)train->seed};
    for (int step = 0; step < STEPS; step++) {
        batch.step = (uint32_t)step;
        update.step = step + 1;
        nib_exec_train(exec, &batch, &sums);
        nib_optimizer_apply(train->optimizer, train->optimizer_options, &update);
    }
    nib_exec_destroy(exec);
}

static void steps_of_trainer(quantized *q, const nib_train_config *train, nib_team *team)
{
    int32_t index[STEP_ROWS];
    nib_error err = {0};
    nib_trainer *trainer = NULL;
    make_index(index);
    cr_assert(nib_trainer_create(&trainer, q->model, train, &q->data, team, &err) == NIB_OK, "trainer: %s",
              err.message);
    for (int step = 0; step < STEPS; step++)
        cr_assert(nib_trainer_step(trainer, index, STEP_ROWS, &err) == NIB_OK, "step: %s", err.message);
    nib_trainer_destroy(trainer);
}

/* Weights are quantized in the pass of the optimizer before, which drops the gradients of clipped ones. */
static void weights_after_steps(const char *optimizer)
{
    for (size_t k = 0; k < sizeof quants / sizeof quants[0]; k++)
        for (int threads = 1; threads <= 2; threads++) {
            quantized a, b;
            nib_error err = {0};
            nib_team *team = NULL;
            quantized_create(&a, quantized_chain, quants[k], ROWS, 7);
            quantized_create(&b, quantized_chain, quants[k], ROWS, 7);
            cr_assert(nib_team_create(&team, threads, &err) == NIB_OK, "team: %s", err.message);
            nib_train_config train = a.config->train;
            train.batch = STEP_ROWS;
            train.optimizer = nib_optimizer_find(optimizer);
            void *o = nib_arena_alloc(a.arena, 1, train.optimizer->options.bytes);
            cr_assert(o && nib_options_read(a.arena, &train.optimizer->options, NULL, "", o, &err) == NIB_OK,
                      "options: %s", err.message);
            *(double *)o = 0.05; /* the rate: many weights leave their range */
            train.optimizer_options = o;
            steps_apart(&a, &train, team);
            steps_of_trainer(&b, &train, team);
            const nib_params *one = a.model->params, *two = b.model->params;
            cr_assert(memcmp(one->value, two->value, (size_t)one->size * sizeof(float)) == 0,
                      "types %zu, %d threads, %s, %s: other weights", k, threads, optimizer, nib_cpu_isa());
            nib_team_destroy(team);
            quantized_destroy(&a);
            quantized_destroy(&b);
        }
}

/* A process uses one instruction set, and a test is a process. */
static void with_isa(const char *name)
{
    nib_isa_choice choice;
    nib_error err;
    cr_assert(setenv("NIBBLE_ISA", name, 1) == 0, "setenv");
    if (nib_isa_check(name, &choice, &err) != NIB_OK) {
        cr_log_info("%s", err.message);
        return;
    }
    each_case();
    weights_after_steps("adam");
    weights_after_steps("sgd");
}

Test(quant_fuse, changes_no_result_avx512)
{
    with_isa("avx512");
}

Test(quant_fuse, changes_no_result_avx2)
{
    with_isa("avx2");
}

Test(quant_fuse, changes_no_result_baseline)
{
    with_isa("baseline");
}

Test(quant_fuse, changes_no_result_openblas)
{
    with_isa("openblas");
}
