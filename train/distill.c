#include "train/distill.h"

#include <string.h>

#include "train/evaluate.h"
#include "train/model_file.h"

/* The teacher sees the rows as they are prepared for the network: both must mean the same. */
static nib_status check_inputs(const nib_model_file *teacher, const nib_distill_config *c,
                               const nib_data *data, nib_error *err)
{
    if (teacher->n_inputs != data->n_inputs)
        return nib_doc_fail(&c->place, err, NIB_ERR_CONFIG,
                            "train.distill: the teacher has %d inputs, not %d", teacher->n_inputs,
                            data->n_inputs);
    for (int i = 0; i < data->n_inputs; i++) {
        const nib_preprocess_state *a = &teacher->preprocess[i], *b = &data->preprocess[i];
        if (strcmp(a->input, b->input) != 0 || a->width != b->width)
            return nib_doc_fail(
                &c->place, err, NIB_ERR_CONFIG,
                "train.distill: input %d of the teacher is %s with %lld features, here it is %s "
                "with %lld",
                i + 1, a->input, (long long)a->width, b->input, (long long)b->width);
        const size_t bytes = (size_t)a->width * sizeof *a->shift;
        if (memcmp(a->shift, b->shift, bytes) != 0 || memcmp(a->divisor, b->divisor, bytes) != 0)
            return nib_doc_fail(
                &c->place, err, NIB_ERR_CONFIG,
                "train.distill: the teacher's preprocessing of input %s has other numbers: it "
                "was trained on other rows (data and data.seed must be the teacher's)",
                a->input);
    }
    return NIB_OK;
}

static nib_status check_outputs(const nib_model *teacher, const nib_distill_config *c, const nib_model *model,
                                nib_error *err)
{
    for (int i = 0; i < model->n_outputs; i++) {
        const nib_model_output *o = &model->output[i];
        const bool same = i < teacher->n_outputs && strcmp(teacher->output[i].target, o->target) == 0 &&
                          teacher->output[i].width == o->width;
        if (!same || teacher->n_outputs != model->n_outputs)
            return nib_doc_fail(
                &c->place, err, NIB_ERR_CONFIG,
                "train.distill: the teacher has no output %s of %lld numbers, or others beside", o->target,
                (long long)o->width);
    }
    return NIB_OK;
}

static nib_status run_part(nib_model *model, const nib_model *teacher, const nib_dataset *part,
                           nib_team *team, nib_error *err)
{
    nib_evaluator *e;
    if (part->rows < 1)
        return NIB_OK;
    nib_model_teacher *t = &model->teacher[model->n_teachers];
    NIB_TRY(nib_evaluator_create(&e, teacher, part, false, team, err));
    nib_status status = nib_evaluator_run(e, err);
    for (int i = 0; status == NIB_OK && i < model->n_outputs; i++) {
        const nib_metric_data out = nib_evaluator_output(e, i);
        float *logits = NIB_NEW(model->arena, float, out.rows *out.width);
        if (logits)
            memcpy(logits, out.logits, (size_t)(out.rows * out.width) * sizeof *logits);
        else
            status = nib_fail_memory(err, "the teacher's outputs");
        t->logits[i] = logits;
    }
    t->data = part;
    model->n_teachers++;
    nib_evaluator_destroy(e);
    return status;
}

static nib_status attach(nib_model *model, nib_model_file *file, const nib_config *config,
                         const nib_data *data, nib_team *team, nib_error *err)
{
    nib_model *teacher;
    const nib_distill_config *c = &config->train.distill;
    NIB_TRY(check_inputs(file, c, data, err));
    NIB_TRY(nib_model_create(&teacher, file->config, &file->shapes, err));
    nib_status status = nib_model_file_load(file->path, teacher->params, err);
    if (status == NIB_OK)
        status = check_outputs(teacher, c, model, err);
    model->n_teachers = 0;
    if (status == NIB_OK)
        status = run_part(model, teacher, &data->train, team, err);
    if (status == NIB_OK)
        status = run_part(model, teacher, &data->validation, team, err);
    if (status == NIB_OK)
        status = run_part(model, teacher, &data->test, team, err);
    nib_model_destroy(teacher);
    return status;
}

nib_status nib_distill_attach(nib_model *model, const nib_config *config, const nib_data *data,
                              nib_team *team, nib_error *err)
{
    nib_model_file *file;
    if (!model->distilled)
        return NIB_OK;
    NIB_TRY(nib_model_file_open(config->train.distill.teacher, &file, err));
    nib_status status = attach(model, file, config, data, team, err);
    nib_model_file_close(file);
    return status;
}
