/* Distillation: what the loss is, and that a small network learns from a large one. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/train/toy.h"
#include "train/distill.h"
#include "train/model_file.h"

static const char large[] = "{mlp: {hidden: [24, 24]}}";
static char folder[64], path[96];

/* A teacher in a file. */
static void setup(void)
{
    toy t;
    nib_error err = {NIB_OK, ""};
    nib_fit_result result;
    strcpy(folder, "/tmp/nibble-distill-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL, "temporary folder");
    (void)snprintf(path, sizeof path, "%s/teacher.h5", folder);
    toy_create(&t, large, "{epochs: 20, batch: 32, optimizer: {adam: {lr: 0.01}}}", 1000, 1);
    static const double zero[2] = {0, 0}, one[2] = {1, 1};
    static nib_preprocess_state state = {"x", "none", 2, zero, one, NULL};
    t.data.n_inputs = 1;
    t.data.preprocess = &state;
    cr_assert_eq(toy_fit(&t, &result, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_model_file_write(path, t.model, t.config, &t.data, t.model->params->value, &err), NIB_OK,
                 "%s", err.message);
    toy_destroy(&t);
}

static void teardown(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_expect_eq(system(command), 0, "clean up");
}

TestSuite(distill, .init = setup, .fini = teardown);

/* A network that has its teacher. */
static void learner(toy *t, const char *model, const char *rest, double alpha, double shift)
{
    char train[384];
    nib_error err = {NIB_OK, ""};
    static double zero[2], one[2] = {1, 1};
    static nib_preprocess_state state = {"x", "none", 2, zero, one, NULL};
    zero[0] = shift;
    (void)snprintf(train, sizeof train, "{%s, distill: {teacher: %s, alpha: %g, temperature: 2}}", rest, path,
                   alpha);
    toy_create(t, model, train, 1000, 1);
    t->data.n_inputs = 1;
    t->data.preprocess = &state;
    nib_model_destroy(t->model);
    t->config->train.distill.joined = true;
    cr_assert_eq(nib_model_create(&t->model, t->config, &t->data.train, &err), NIB_OK, "%s", err.message);
}

static double loss_of(toy *t, const nib_dataset *part)
{
    nib_error err = {NIB_OK, ""};
    nib_evaluator *e;
    const nib_score *scores;
    cr_assert_eq(nib_evaluator_create(&e, t->model, part, true, t->team, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_evaluator_run(e, &err), NIB_OK, "%s", err.message);
    (void)nib_evaluator_scores(e, &scores);
    const double loss = scores[0].value;
    nib_evaluator_destroy(e);
    return loss;
}

/* A network with the teacher's weights is at no distance from it, and shares of the losses add up. */
Test(distill, loss_of_the_teacher_itself)
{
    double loss[3];
    nib_error err = {NIB_OK, ""};
    for (int i = 0; i < 3; i++) {
        toy t;
        learner(&t, large, "epochs: 1, batch: 32", 0.5 * i, 0);
        cr_assert_eq(nib_distill_attach(t.model, t.config, &t.data, t.team, &err), NIB_OK, "%s", err.message);
        cr_assert_eq(nib_model_file_load(path, t.model->params, &err), NIB_OK, "%s", err.message);
        loss[i] = loss_of(&t, &t.data.validation);
        toy_destroy(&t);
    }
    cr_expect(loss[0] > 0.001, "loss against the data: %g", loss[0]);
    cr_expect(fabs(loss[1] - 0.5 * loss[0]) < 1e-6 && fabs(loss[2]) < 1e-6, "half of it %g, none of it %g",
              loss[1], loss[2]);
}

/* From the teacher alone: labels are never looked at. */
Test(distill, learns_without_labels)
{
    toy t;
    nib_error err = {NIB_OK, ""};
    nib_fit_result result;
    learner(&t, "{mlp: {hidden: [12, 12]}}",
            "epochs: 30, batch: 32, optimizer: {adam: {lr: 0.01}}, monitor: val_accuracy", 1, 0);
    int32_t *wrong = malloc((size_t)t.data.train.rows * sizeof *wrong);
    for (int64_t i = 0; i < t.data.train.rows; i++)
        wrong[i] = 1 - t.data.train.target[0].label[i];
    nib_data_target target = t.data.train.target[0];
    target.label = wrong;
    t.data.train.target = &target;
    cr_assert_eq(nib_distill_attach(t.model, t.config, &t.data, t.team, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(toy_fit(&t, &result, &err), NIB_OK, "%s", err.message);
    cr_expect(result.best_monitored > 0.95, "validation accuracy %g", result.best_monitored);
    free(wrong);
    toy_destroy(&t);
}

Test(distill, other_data_are_refused)
{
    toy t;
    nib_error err = {NIB_OK, ""};
    learner(&t, large, "epochs: 1, batch: 32", 0.5, 0.125);
    cr_expect_eq(nib_distill_attach(t.model, t.config, &t.data, t.team, &err), NIB_ERR_CONFIG, "refused");
    cr_expect(strstr(err.message, "the teacher's preprocessing of input x has other numbers"), "'%s'",
              err.message);
    toy_destroy(&t);
}
