/** Predictions of an evaluator as a file: what predict and emulate write. */
#ifndef NIB_TOOLS_PREDICTIONS_H
#define NIB_TOOLS_PREDICTIONS_H

#include "datasets/writer.h"
#include "tools/session.h"

/** The writer for `path`, which must not exist unless `force`. Errors: NIB_ERR_USAGE. */
NIB_MUST_USE nib_status nib_predictions_writer(const char *path, bool force, const nib_writer **writer,
                                               nib_error *err);

/** Write all outputs of the last run: probabilities, or logits. */
NIB_MUST_USE nib_status nib_predictions_write(const nib_session *session, const nib_evaluator *evaluator,
                                              bool logits, const nib_writer *writer, const char *path,
                                              nib_error *err);

#endif
