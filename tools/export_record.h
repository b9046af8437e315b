/** What an exporter gets of a trained model: the fixed-point network with everything around it. */
#ifndef NIB_TOOLS_EXPORT_RECORD_H
#define NIB_TOOLS_EXPORT_RECORD_H

#include "core/team.h"
#include "datasets/data.h"
#include "quant/export.h"
#include "train/lower.h"
#include "train/model_file.h"

typedef struct nib_export_wanted {
    const char *name; /**< of the project, or NULL: made from the model's */
    const char *data; /**< a file with samples for the goldens, or NULL: the run's own data */
    bool synthetic;   /**< no samples of any data */
    bool fold;        /**< preprocessing goes into the first layers: the network takes raw numbers */
    bool softmax;     /**< behind the logits of classes */
    int64_t rows;     /**< golden samples */
    int64_t threads;
    nib_export_route route;
    int n_sets;
    const char *const *sets;
} nib_export_wanted;

/** All that is held at once. */
typedef struct nib_export_record {
    nib_arena *arena;
    nib_model_file *file;
    nib_config *config;
    nib_model *model;
    nib_data *data;
    nib_team *team;
    const nib_fixnet *net;
    const nib_preprocess_state *preprocess; /**< [inputs] in front of the network: of the file, or none */
    bool folded;
    nib_export export; /**< for the exporter */
    int changes;       /**< --set */
} nib_export_record;

/** Open a RUN or MODEL. Close it with nib_export_record_close in any case.
 *  Errors: those of model files, data and lowering; NIB_ERR_CONFIG where the data are gone. */
NIB_MUST_USE nib_status nib_export_record_open(const char *path, const nib_export_wanted *wanted,
                                               const nib_log *log, nib_export_record *record, nib_error *err);
void nib_export_record_close(nib_export_record *record);

/** The network that is exported, with preprocessing inside and softmax behind where that is wanted: fills
 * net, preprocess and folded of the record. */
NIB_MUST_USE nib_status nib_export_network(nib_export_record *record, const nib_export_wanted *wanted,
                                           const nib_log *log, nib_error *err);

/** Golden samples: rows of the data and made-up ones (ends of the range, ties, far out), with what the
 * integer engine answers. @param rows  real samples, may have none */
NIB_MUST_USE nib_status nib_export_golden_make(const nib_export_record *record, const nib_dataset *data,
                                               int64_t rows, nib_export_golden *golden, nib_error *err);

#endif
