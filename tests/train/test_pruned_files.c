/* A pruned weight is zero wherever it is written, and in the integers that hardware multiplies by. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/h5.h"
#include "tests/train/toy.h"
#include "train/lower.h"
#include "train/model_file.h"
#include "train/run_folder.h"

static const char plain[] = "{mlp: {hidden: [16, 12]}}";
static const char with_norm[] = "{mlp: {hidden: [16, 12], batch_norm: true}}";

/* Every kind of weight that can be lowered; the one with a free scale is made a power of two for it. */
static const char *const weights[] = {"fixed<6,1,RND_CONV,SAT>",
                                      "fixed<5,1,TRN,WRAP>",
                                      "quantized_bits(4,0,1)",
                                      "quantized_bits(4,0,alpha=auto_po2)",
                                      "quantized_bits(1,0)",
                                      "quantized_linear(4,1)",
                                      "quantized_relu(6)",
                                      "quantized_tanh(4)",
                                      "quantized_sigmoid(4)",
                                      "learned_scale(4,snap=po2)",
                                      "binary()",
                                      "binary(alpha=auto_po2)",
                                      "ternary()",
                                      "ternary(alpha=auto_po2)",
                                      "stochastic_binary(alpha=auto_po2)",
                                      "stochastic_ternary(alpha=auto_po2)",
                                      "bernoulli()",
                                      "quantized_po2(4)",
                                      "quantized_relu_po2(3)"};
static const char cubic[] = "{polynomial: {end: 30, frequency: 5}}";
enum { N_WEIGHTS = sizeof weights / sizeof *weights };

typedef struct trained {
    toy t;
    char folder[40];
    nib_run_folder *run;
} trained;

static void train(trained *r, const char *model, const char *weight, const char *schedule)
{
    char sections[1024];
    nib_error err = {NIB_OK, ""};
    nib_fit_result result;
    (void)snprintf(sections, sizeof sections,
                   "{epochs: 6, batch: 32, checkpoint: 0}\n"
                   "prune: {default: {schedule: %s, sparsity: 0.7}}\n"
                   "quant: {default: {input: 'fixed<8,2,RND,SAT>', weight: '%s', bias: "
                   "'fixed<8,3,RND_CONV,SAT>', activation: 'ufixed<8,3,RND,SAT>'}}",
                   schedule, weight);
    strcpy(r->folder, "/tmp/nibble-pruned-XXXXXX");
    cr_assert(mkdtemp(r->folder) != NULL, "temporary folder");
    toy_create(&r->t, model, sections, 320, 1);
    static const double zero[2] = {0, 0}, one[2] = {1, 1};
    static nib_preprocess_state state = {"x", "none", 2, zero, one, NULL};
    r->t.data.n_inputs = 1;
    r->t.data.preprocess = &state;
    cr_assert_eq(nib_run_folder_create(r->folder, "r", NULL, &r->run, &err), NIB_OK, "%s", err.message);
    nib_fit_job job = {
        .config = r->t.config, .model = r->t.model, .data = &r->t.data, .team = r->t.team, .run = r->run};
    cr_assert_eq(nib_fit(&job, &result, &err), NIB_OK, "%s: %s", weight, err.message);
}

static void clean_up(trained *r)
{
    char command[80];
    nib_run_folder_close(r->run);
    toy_destroy(&r->t);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", r->folder);
    cr_expect_eq(system(command), 0, "clean up");
}

static float *floats(nib_arena *arena, nib_h5 *file, const char *path, int64_t *n)
{
    nib_h5_info info;
    nib_error err = {NIB_OK, ""};
    cr_assert_eq(nib_h5_dataset_info(file, path, &info, &err), NIB_OK, "%s", err.message);
    *n = info.elements;
    float *x = NIB_NEW(arena, float, info.elements);
    cr_assert_eq(nib_h5_read_f32(file, path, 0, info.dim[0], x, &err), NIB_OK, "%s", err.message);
    return x;
}

/* Datasets that end in the name of a parameter hold a number for each of its elements.
 * @return how many were looked at */
static int check_file(const char *path, const char *what)
{
    int n, looked = 0;
    nib_h5 *file;
    const char *const *all;
    nib_error err = {NIB_OK, ""};
    nib_arena *arena = nib_arena_create();
    cr_assert_eq(nib_h5_open(&file, path, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_h5_datasets(file, "/", arena, &n, &all, &err), NIB_OK, "%s", err.message);
    for (int m = 0; m < n; m++) {
        static const char prefix[] = "/nibble/mask";
        int64_t size, other;
        if (strncmp(all[m], prefix, sizeof prefix - 1) != 0 || !strstr(all[m], "/kernel") ||
            strstr(all[m], "_scale"))
            continue;
        const char *name = all[m] + sizeof prefix - 1; /* "/fc1/kernel" */
        const float *mask = floats(arena, file, all[m], &size);
        int64_t masked = 0;
        for (int64_t i = 0; i < size; i++)
            masked += mask[i] == 0.0f;
        cr_expect(fabs((double)masked / (double)size - 0.7) < 0.05, "%s, %s: %lld of %lld masked", what,
                  all[m], (long long)masked, (long long)size);
        for (int d = 0; d < n; d++) {
            const char *at = strstr(all[d], name);
            if (d == m || !at || (at[strlen(name)] && strcmp(at + strlen(name), ":0") != 0))
                continue;
            const float *x = floats(arena, file, all[d], &other);
            cr_assert_eq(size, other, "%s has the size of %s", all[d], all[m]);
            for (int64_t i = 0; i < size; i++)
                cr_assert(mask[i] != 0.0f || x[i] == 0.0f, "%s, %s, %s: number %lld is %g", what, path,
                          all[d], (long long)i, (double)x[i]);
            looked++;
        }
    }
    nib_h5_close(file);
    nib_arena_destroy(arena);
    return looked;
}

Test(pruned_files, zeros_in_every_file)
{
    static const char *const models[] = {plain, with_norm};
    for (int i = 0; i < N_WEIGHTS; i++) {
        trained r;
        train(&r, models[i % 2], weights[i], cubic);
        /* Three kernels: nibble's and Keras' copies; the checkpoint has the best weights and two moments too.
         */
        cr_expect_eq(check_file(nib_run_folder_best(r.run), weights[i]), 3 * 2, "best.h5");
        cr_expect_eq(check_file(nib_run_folder_last(r.run), weights[i]), 3 * (2 + 1 + 2), "last.h5");
        clean_up(&r);
    }
}

/* The weights to go back to are those that are left. */
Test(pruned_files, zeros_in_what_is_rewound_to)
{
    trained r;
    train(&r, plain, weights[0], "{iterative: {rounds: 3, length: 1, rewind: 1}}");
    cr_expect_eq(check_file(nib_run_folder_last(r.run), "rewind"), 3 * (2 + 1 + 2 + 1), "last.h5");
    clean_up(&r);
}

/* Of the file, in the network that the integer engine runs. */
static void check_network(const trained *r, const char *what)
{
    nib_error err = {NIB_OK, ""};
    nib_lowering lowering;
    const nib_lower_options options = {.allow_float = false};
    nib_arena *arena = nib_arena_create();
    nib_model *model;
    int64_t zeros = 0;
    cr_assert_eq(nib_model_create(&model, r->t.config, &r->t.data.train, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_model_file_load(nib_run_folder_best(r->run), model->params, &err), NIB_OK, "%s",
                 err.message);
    cr_assert_eq(nib_lower_model(model, &options, arena, &lowering, &err), NIB_OK, "%s: %s", what,
                 err.message);
    for (int i = 0; i < lowering.net.n_nodes; i++) {
        const nib_fix_node *node = &lowering.net.node[i];
        char name[64];
        if (node->kind != NIB_FIX_DENSE)
            continue;
        (void)snprintf(name, sizeof name, "%s/kernel", node->name);
        const nib_param *row = &model->params->row[nib_params_find(model->params, name)];
        for (int64_t k = 0; k < row->rows * row->cols; k++) {
            const int64_t at = row->offset + k / row->cols * row->stride + k % row->cols;
            const int64_t code = node->as.dense.kernel.code[k];
            cr_assert(model->params->mask[at] != 0.0f || code == 0, "%s, %s: weight %lld is %lld", what, name,
                      (long long)k, (long long)code);
            zeros += model->params->mask[at] == 0.0f;
        }
    }
    cr_expect_eq(zeros, 32 - 10 + 192 - 58 + 24 - 7, "%s: %lld weights are pruned", what, (long long)zeros);
    nib_model_destroy(model);
    nib_arena_destroy(arena);
}

Test(pruned_files, zeros_in_the_integer_network)
{
    for (int i = 0; i < N_WEIGHTS; i++)
        for (int norm = 0; norm < 2; norm++) {
            trained r;
            train(&r, norm ? with_norm : plain, weights[i], cubic);
            check_network(&r, weights[i]);
            clean_up(&r);
        }
}
