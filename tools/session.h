/** What the commands that compute share: threads, signals, and the parts of a run held together. */
#ifndef NIB_TOOLS_SESSION_H
#define NIB_TOOLS_SESSION_H

#include <signal.h>

#include "core/team.h"
#include "datasets/data.h"
#include "train/evaluate.h"
#include "train/model_file.h"

/** Set by SIGINT and SIGTERM once nib_session_catch_signals was called; a second signal ends the program at
 * once. */
extern volatile sig_atomic_t nib_session_stop;
void nib_session_catch_signals(void);

/** A team of `wanted` threads; 0: NIBBLE_THREADS, else one per processor that a step can use. */
NIB_MUST_USE nib_status nib_session_team(int64_t wanted, int64_t batch, nib_team **team, nib_error *err);

/** A trained model with data to run on: what `eval` and `predict` need. */
typedef struct nib_session {
    nib_model_file *file;
    nib_config *config;        /**< of the file, with the data section that is used */
    nib_model *model;          /**< with the file's weights */
    const nib_fixnet *network; /**< stored in the file, which then is what is evaluated; NULL: none */
    nib_data *data;
    nib_team *team;
} nib_session;

/** Which rows. */
typedef struct nib_session_data {
    const char *file; /**< --data FILE: another file laid out as the training one; NULL: the run's own data */
    const char *part; /**< "test", "validation", "train" */
    int n_sets;
    const char *const *sets; /**< --set data....=... */
    bool targets;            /**< false: predictions only */
    bool weights; /**< the weights are worked on: an export that has its preprocessing in the network, but not
                     in the weights, is refused */
    const char *prepared; /**< folder of prepared data, for all parts; NULL: none */
} nib_session_data;

/** The data section for these rows: the run's own, or one that reads another file. In the config's arena. */
NIB_MUST_USE nib_status nib_session_data_config(const nib_config *run, const nib_session_data *wanted,
                                                nib_data_config **config, nib_error *err);

/** Open a RUN or MODEL and load the data for it. */
NIB_MUST_USE nib_status nib_session_open(const char *path, const nib_session_data *wanted, int64_t threads,
                                         const nib_log *log, nib_session *session, nib_error *err);
/** The part asked for. NIB_ERR_INPUT when it has no rows. */
NIB_MUST_USE nib_status nib_session_part(const nib_session *session, const char *part,
                                         const nib_dataset **dataset, nib_error *err);
void nib_session_close(nib_session *session);

#endif
