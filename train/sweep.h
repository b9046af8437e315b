/** Sweeps: what is tried. A sweep file names a base config and studies; a study is a set of points, a point
 * with a seed is a trial, a trial is one run of `nibble train` or `nibble quantize` in a folder of its own.
 *
 *      base: jets.yaml                       # relative to this file; or the config itself as a map
 *      seeds: 3                              # 1, 2, 3; or a list
 *      metric: val_accuracy                  # what points are chosen by
 *      set: {train.epochs: 5}                # in all studies
 *      studies:
 *        float: {}
 *        qat:   {from: float, parameters: {quant.default.weight: 'fixed<{2..8},1,RND_CONV,SAT>'}}
 *        ptq:   {from: float, command: quantize, parameters: {--like: 'hls4ml fixed<{8..16},6>'}}
 *
 *  `from` starts every point of a study from each point of another one with the same seed, whose settings it
 * takes over. Without `studies:` the keys of a study stand at the top. Values of `parameters` are lists,
 * texts with ranges ({2..8}, {2..8..2}, {a,b}) or maps {from, to, n | step, log, integer}; `together` pairs
 * keys.
 *
 *  Trials are numbered from 0 in the order of studies, points and seeds; the number never changes while the
 * file does not.
 */
#ifndef NIB_TRAIN_SWEEP_H
#define NIB_TRAIN_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/options.h"

enum { NIB_SWEEP_CAP = 1000 /**< most trials where the file says nothing */ };

/** "train.epochs" = "5": a --set of the trial. Keys that begin with -- are options of the command. */
typedef struct nib_sweep_setting {
    const char *key, *value;
} nib_sweep_setting;

/** Values of one parameter, or of several that go together. */
typedef struct nib_sweep_axis {
    nib_doc_place place;
    int n_keys;
    const char **key;
    int64_t n_values;         /**< 0: continuous */
    const char *const *value; /**< [n_values x n_keys] */
    double low, high;         /**< continuous: drawn by random search */
    bool log, integer;
} nib_sweep_axis;

typedef enum nib_sweep_search { NIB_SWEEP_GRID, NIB_SWEEP_RANDOM } nib_sweep_search;

/** Synchronous successive halving. A rung is decided when all its trials have ended. */
typedef struct nib_sweep_halving {
    int64_t eta;   /**< one point of `eta` goes on; 0: no halving */
    int64_t first; /**< epochs of the first rung; each further one has eta times as many */
} nib_sweep_halving;

typedef struct nib_sweep_study {
    const char *name;
    nib_doc_place place;
    int from;            /**< index of the study it starts from, or -1 */
    const char *command; /**< "train" or "quantize" */
    int n_settings;
    nib_sweep_setting *setting; /**< `set` */
    int n_axes;
    nib_sweep_axis *axis;
    nib_sweep_search search;
    int64_t draws, search_seed; /**< random search */
    nib_sweep_halving halving;
    int64_t n_points; /**< in all, those of the parent times its own */
    int first_point, first_trial;
} nib_sweep_study;

/** A choice of values. */
typedef struct nib_sweep_point {
    int study;
    int parent;                 /**< point it starts from, or -1 */
    int n_inherited;            /**< settings that are the parent's: the first ones */
    int n_settings;             /**< those of the parent, of `set`, of the axes; a later one wins */
    nib_sweep_setting *setting; /**< without the seed */
    int n_chosen;
    const nib_sweep_setting *chosen; /**< the values of the axes alone, the parent's first */
} nib_sweep_point;

typedef struct nib_sweep_trial {
    int point;
    int64_t seed;
    int parent; /**< trial it starts from, or -1 */
} nib_sweep_trial;

/** The cheapest point that is good enough, instead of the best one. */
typedef struct nib_sweep_choice {
    const char *lowest; /**< column of trials.csv; NULL: the point with the best metric is chosen */
    double within;      /**< the metric may be so much worse */
    int of;             /**< than the best point of this study; -1: than the best of all */
} nib_sweep_choice;

typedef struct nib_sweep {
    nib_arena *arena; /**< owns all of it */
    const char *name; /**< base name of the file without suffix */
    const char *base; /**< path of the base config: of the sweep file itself where that holds it */
    nib_ints seeds;
    const char *metric; /**< "val_accuracy" */
    bool maximize;
    int64_t cap, retries;
    int keep;          /**< 0 best, 1 all, 2 none */
    nib_strings front; /**< columns of the Pareto front, the metric first; empty: metric and the first cost */
    nib_sweep_choice choose;
    int n_studies, n_points, n_trials;
    nib_sweep_study *study;
    nib_sweep_point *point;
    nib_sweep_trial *trial;
    uint32_t digest; /**< of everything that decides about trials; a sweep goes on only with the same */
} nib_sweep;

/** Read a sweep file, or a config that is itself the base of a sweep.
 *  @param sets   "key=value" of the command line; one whose value has a range becomes a parameter (of every
 *                study), the others hold in all studies
 *  Errors: NIB_ERR_CONFIG with file:line:column: unknown key, empty range, a text without range among
 *  parameters, a key in two places, more trials than the cap. Configs of trials are not looked at here. */
NIB_MUST_USE nib_status nib_sweep_read(const char *path, const char *const *sets, int n_sets,
                                       nib_sweep **sweep, nib_error *err);
void nib_sweep_destroy(nib_sweep *sweep);

/** All values of a text with ranges; one, the text itself, where it has none. {2..8} and {2..8..2} count,
 * {a,b} lists; several ranges give their product, the last one fastest. Braces with anything else inside (a
 * YAML map) are text. Errors: NIB_ERR_CONFIG: an empty range, a step of 0, more than `limit` values. */
NIB_MUST_USE nib_status nib_sweep_expand(nib_arena *arena, const char *text, int64_t limit,
                                         nib_strings *values, nib_error *err);

/** The option tables, for `nibble describe sweep`. */
extern const nib_option_table nib_table_sweep, nib_table_sweep_study, nib_table_sweep_values,
    nib_table_sweep_choose, nib_table_sweep_random, nib_table_sweep_halving;

#endif
