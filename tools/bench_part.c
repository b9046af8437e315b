#include "tools/bench_part.h"

#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/h5.h"
#include "core/rng.h"
#include "datasets/prepared.h"
#include "tools/bench_clock.h"
#include "tools/bench_net.h"
#include "tools/session.h"
#include "train/trainer.h"

static nib_status write_h5(const nib_dataset *data, nib_error *err)
{
    nib_h5 *file;
    const int64_t dim[2] = {data->rows, data->input[0].width};
    NIB_TRY(nib_h5_create(&file, err));
    nib_status status = nib_h5_write_f32(file, "x", 2, dim, data->input[0].x, err);
    if (status == NIB_OK)
        status = nib_h5_write_i32(file, "y", 1, dim, data->target[0].label, err);
    if (status == NIB_OK)
        return nib_h5_commit(file, "rows.h5", err);
    nib_h5_close(file);
    return status;
}

static nib_status make_data(nib_arena *arena, int64_t rows, nib_error *err)
{
    static const char config[] = "data: {source: {file: rows.h5}, x: x, y: y}\n"
                                 "model: {mlp: {hidden: [32, 32, 32]}}\n"
                                 "train: {epochs: 2}\n";
    nib_bench_net net;
    nib_dataset data;
    NIB_TRY(nib_bench_net_parse("16-32-32-32-5", &net, err));
    NIB_TRY(nib_bench_net_data(arena, &net, rows > 0 ? rows : nib_bench_net_rows(&net), &data, err));
    NIB_TRY(write_h5(&data, err));
    return nib_file_write(NIB_BENCH_CONFIG, config, strlen(config), err);
}

/* All that stands before a step. */
typedef struct start {
    nib_arena *arena;
    nib_config *config;
    nib_team *team;
    nib_data *data;
    nib_model *model;
    nib_trainer *trainer;
} start;

static nib_status first_step(start *s, bool prepared, nib_error *err)
{
    const nib_log log = {.write = NULL};
    NIB_TRY(nib_config_read(NIB_BENCH_CONFIG, NULL, 0, &s->config, err));
    const nib_train_config *train = &s->config->train;
    NIB_TRY(nib_session_team(0, train->batch, &s->team, err));
    if (prepared)
        NIB_TRY(nib_prepared_load(s->config->data, "prepared", s->team, &log, &s->data, err));
    else
        NIB_TRY(nib_data_load(s->config->data, NULL, NIB_DATA_ALL, s->team, &log, &s->data, err));
    const nib_dataset *data = &s->data->train;
    NIB_TRY(nib_model_create(&s->model, s->config, data, err));
    NIB_TRY(nib_trainer_create(&s->trainer, s->model, train, data, s->team, err));
    const nib_rng rng = {.seed = (uint64_t)train->seed, .stream = nib_rng_stream("train/shuffle")};
    int32_t *order = NIB_NEW(s->arena, int32_t, data->rows);
    if (!order)
        return nib_fail_memory(err, "order of rows");
    nib_rng_permutation(&rng, data->rows, order);
    return nib_trainer_step(s->trainer, order, train->batch < data->rows ? train->batch : data->rows, err);
}

static nib_status time_start(nib_arena *arena, bool prepared, double since, nib_error *err)
{
    start s = {.arena = arena};
    nib_status status = first_step(&s, prepared, err);
    if (status == NIB_OK)
        printf("%.6f\n", nib_bench_wall() - since);
    nib_trainer_destroy(s.trainer);
    nib_model_destroy(s.model);
    nib_data_destroy(s.data);
    nib_team_destroy(s.team);
    nib_config_destroy(s.config);
    return status;
}

nib_status nib_bench_part_run(const char *part, double since, int64_t rows, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_status status;
    if (!arena)
        return nib_fail_memory(err, "benchmark");
    if (strcmp(part, "data") == 0)
        status = make_data(arena, rows, err);
    else if (strcmp(part, "step") == 0 || strcmp(part, "file") == 0)
        status = time_start(arena, *part == 's', since, err);
    else
        status = nib_fail(err, NIB_ERR_USAGE, "nibble bench: --part: '%s' is none of data, step, file", part);
    nib_arena_destroy(arena);
    return status;
}
