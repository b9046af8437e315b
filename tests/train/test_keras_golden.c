/* 100 training steps against Keras 2.15: the same weights, the same batches, every loss and every optimizer.
 * The numbers and the configs come from tests/peers/keras_golden.py (golden/keras_steps.h5). */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"
#include "core/h5.h"
#include "train/trainer.h"

static const char folder[] = NIB_TEST_FOLDER "/train/golden";
static const char golden_path[] = NIB_TEST_FOLDER "/train/golden/keras_steps.h5";
enum { MIN_CASES = 70, STEPS = 100 };
static const double weight_tolerance = 1e-5; /* of the largest element of a tensor */
static const double loss_tolerance = 1e-5;   /* relative; a first look at where two runs part */

/* One case while it runs. */
typedef struct run {
    nib_arena *arena;
    nib_h5 *golden;
    const char *group; /* "/cases/<case>" */
    nib_config *config;
    nib_data *data;
    nib_model *model;
    nib_trainer *trainer;
    double worst; /* of the case: largest difference of a tensor over its largest element */
} run;

static const char *path(run *r, const char *name)
{
    return nib_arena_printf(r->arena, "%s/%s", r->group, name);
}

/* The numbers of a dataset, which must have as many as the row of the parameter table. */
static nib_status read_row(run *r, const char *dataset, const nib_param *row, float **value, nib_error *err)
{
    nib_h5_info info;
    NIB_TRY(nib_h5_dataset_info(r->golden, dataset, &info, err));
    if (info.elements != nib_params_elements(row) || info.dim[0] < 1)
        return nib_fail(err, NIB_ERR_SHAPE, "%s does not have the shape of %s", dataset, row->name);
    *value = NIB_NEW(r->arena, float, info.elements);
    return nib_h5_read_f32(r->golden, dataset, 0, info.dim[0], *value, err);
}

static nib_status set_weights(run *r, nib_error *err)
{
    const char *net;
    nib_params *params = r->model->params;
    NIB_TRY(nib_h5_read_text(r->golden, path(r, "initial"), r->arena, &net, err));
    for (int i = 0; i < params->count; i++) {
        float *value;
        const char *dataset = nib_arena_printf(r->arena, "/initial/%s/%s", net, params->row[i].name);
        NIB_TRY(read_row(r, dataset, &params->row[i], &value, err));
        nib_params_unpack(params, i, value, params->value);
    }
    return NIB_OK;
}

static nib_status build(run *r, nib_team *team, nib_error *err)
{
    const char *text;
    NIB_TRY(nib_h5_read_text(r->golden, path(r, "config"), r->arena, &text, err));
    NIB_TRY(nib_config_parse(r->group, folder, text, strlen(text), NULL, 0, &r->config, err));
    NIB_TRY(nib_data_load(r->config->data, NULL, NIB_DATA_ALL, team, NULL, &r->data, err));
    NIB_TRY(nib_model_create(&r->model, r->config, &r->data->train, err));
    NIB_TRY(set_weights(r, err));
    return nib_trainer_create(&r->trainer, r->model, &r->config->train, &r->data->train, team, err);
}

/* All steps, the rows in order. The losses of the first ones are compared on the way. */
static nib_status train(run *r, nib_error *err)
{
    nib_h5_info info;
    NIB_TRY(nib_h5_dataset_info(r->golden, path(r, "loss"), &info, err));
    float *loss = NIB_NEW(r->arena, float, info.elements);
    NIB_TRY(nib_h5_read_f32(r->golden, path(r, "loss"), 0, info.dim[0], loss, err));
    const nib_train_state *state = nib_trainer_state(r->trainer);
    const int64_t n = r->data->train.rows, batch = r->config->train.batch;
    int32_t *index = NIB_NEW(r->arena, int32_t, n);
    for (int32_t i = 0; i < n; i++)
        index[i] = i;
    for (int64_t epoch = 0; epoch < r->config->train.epochs; epoch++)
        for (int64_t first = 0; first < n; first += batch) {
            const int64_t rows = first + batch < n ? batch : n - first;
            const int64_t step = state->step;
            const double before = state->loss;
            NIB_TRY(nib_trainer_step(r->trainer, index + first, rows, err));
            double got = (state->loss - before) / (double)rows;
            if (step < info.elements && !(fabs(got - (double)loss[step]) <= loss_tolerance * fabs(got)))
                return nib_fail(err, NIB_ERR_SHAPE, "the loss of step %lld is %.8g, in Keras %.8g",
                                (long long)step + 1, got, (double)loss[step]);
        }
    return state->step == STEPS ? NIB_OK : nib_fail(err, NIB_ERR_SHAPE, "%lld steps", (long long)state->step);
}

static nib_status compare(run *r, nib_error *err)
{
    const nib_params *params = r->model->params;
    for (int i = 0; i < params->count; i++) {
        float *want;
        const nib_param *row = &params->row[i];
        NIB_TRY(read_row(r, path(r, nib_arena_printf(r->arena, "final/%s", row->name)), row, &want, err));
        float *got = NIB_NEW(r->arena, float, nib_params_elements(row));
        nib_params_pack(params, i, params->value, got);
        double difference = 0, largest = 0;
        for (int64_t k = 0; k < nib_params_elements(row); k++) {
            difference = fmax(difference, fabs((double)got[k] - (double)want[k]));
            largest = fmax(largest, fabs((double)want[k]));
        }
        r->worst = fmax(r->worst, difference / largest);
        if (!(difference <= weight_tolerance * largest))
            return nib_fail(err, NIB_ERR_SHAPE, "%s differs by %.3g of its largest element after %d steps",
                            row->name, difference / largest, STEPS);
    }
    return NIB_OK;
}

static nib_status run_case(nib_h5 *golden, const char *name, nib_team *team, double *worst, nib_error *err)
{
    run r = {.arena = nib_arena_create(), .golden = golden};
    r.group = nib_arena_printf(r.arena, "/cases/%s", name);
    nib_status status = build(&r, team, err);
    if (status == NIB_OK)
        status = train(&r, err);
    if (status == NIB_OK)
        status = compare(&r, err);
    *worst = fmax(*worst, r.worst);
    nib_trainer_destroy(r.trainer);
    nib_model_destroy(r.model);
    nib_data_destroy(r.data);
    nib_config_destroy(r.config);
    nib_arena_destroy(r.arena);
    return status;
}

static void run_all(int threads)
{
    nib_cpu_flush_denormals();
    nib_error err = {0};
    nib_h5 *golden;
    nib_team *team;
    int count;
    const char *const *names;
    double worst = 0;
    nib_arena *arena = nib_arena_create();
    cr_assert_eq(nib_team_create(&team, threads, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_h5_open(&golden, golden_path, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_h5_members(golden, "/cases", arena, &count, &names, &err), NIB_OK, "%s", err.message);
    cr_expect(count >= MIN_CASES, "%d cases in %s", count, golden_path);
    for (int i = 0; i < count; i++)
        cr_expect_eq(run_case(golden, names[i], team, &worst, &err), NIB_OK, "%s: %s", names[i], err.message);
    cr_log_info("%d cases, %d steps each, %d threads: largest difference %.2e of a tensor's largest element",
                count, STEPS, threads, worst);
    nib_h5_close(golden);
    nib_team_destroy(team);
    nib_arena_destroy(arena);
}

Test(keras_golden, one_thread)
{
    run_all(1);
}

Test(keras_golden, two_threads)
{
    run_all(2);
}
