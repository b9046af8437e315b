#include "tools/predictions.h"

#include <string.h>

#include "core/file.h"

nib_status nib_predictions_writer(const char *path, bool force, const nib_writer **writer, nib_error *err)
{
    NIB_TRY(nib_writer_for(path, writer, err));
    if (nib_file_exists(path) && !force)
        return nib_fail(err, NIB_ERR_USAGE, "%s exists; choose another name or give --force", path);
    return NIB_OK;
}

nib_status nib_predictions_write(const nib_session *s, const nib_evaluator *e, bool logits,
                                 const nib_writer *writer, const char *path, nib_error *err)
{
    nib_table table[NIB_MAX_OUTPUTS];
    const int n = s->model->n_outputs;
    if (n > writer->max_tables)
        return nib_fail(err, NIB_ERR_USAGE, "%s: %s files hold %d output, the model has %d; write .h5", path,
                        writer->name, writer->max_tables, n);
    for (int i = 0; i < n; i++) {
        nib_metric_data d = nib_evaluator_output(e, i);
        const char *const *classes = NULL;
        for (int k = 0; k < s->file->shapes.n_targets; k++)
            if (strcmp(s->file->shapes.target[k].name, s->model->output[i].target) == 0)
                classes = s->file->shapes.target[k].classes;
        table[i] = (nib_table){s->model->output[i].target, d.rows, d.width, classes,
                               logits ? d.logits : d.prediction};
    }
    return writer->write(path, n, table, err);
}
