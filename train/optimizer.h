/** Optimizers: one pass over the flat parameter vector. Keras' formulas, defaults and names of slots. Each is
 * one .c file ending in one `const nib_optimizer`, listed in train/optimizers.def, and compiled once per
 * instruction set (core/isa.h). */
#ifndef NIB_TRAIN_OPTIMIZER_H
#define NIB_TRAIN_OPTIMIZER_H

#include <stdbool.h>

#include "core/exec.h"
#include "core/isa.h"
#include "core/options.h"
#include "core/params.h"

enum { NIB_MAX_SLOTS = NIB_EXEC_SLOTS };

/** One update. Padding lanes stay zero. Masked weights (params->mask), whose value and slots are zero when it
 * begins (nib_params_apply_masks), stay zero: their gradients are set to zero first. */
typedef struct nib_update {
    const nib_params *params;    /**< value is written, gradient is read and masked */
    float *slot[NIB_MAX_SLOTS];  /**< [params->size] moments, in the order of slot_names */
    int64_t step;                /**< 1 for the first update */
    double lr;                   /**< after the schedule */
    double gradient_scale;       /**< 1, or less when clipped by norm */
    double clip_value;           /**< 0: none; else gradients are cut to +-clip_value first */
    const nib_param_step *steps; /**< on_grids only: [n_steps] as nib_exec_update.range_on_grids says */
    int n_steps;
    const float *second; /**< `adds` only, or NULL: added to params->gradient first, which stays as it is */
} nib_update;

typedef struct nib_optimizer {
    const char *name, *help, *source;
    nib_option_table options;               /**< the first field of the struct is `double lr` */
    int slots;                              /**< most it uses */
    const char *slot_names[NIB_MAX_SLOTS];  /**< "m", "v": names in checkpoints */
    int (*slots_used)(const void *options); /**< NULL: slots */
    bool (*on_grids)(const void *options);  /**< update takes care of nib_update.steps; NULL: never */
    bool (*adds)(const void *options);      /**< update takes care of nib_update.second; NULL: never */
    bool by_role;                           /**< update looks at more of a row than its place and lr_factor */
    /** Update row `row` of the table, all its padded floats, each by itself. Neighbours of equal lr_factor
     * come as one row unless by_role; a row may come in pieces, on several threads. */
    void (*update)(const void *options, const nib_update *update, const nib_param *row);
} nib_optimizer;

extern const nib_optimizer *const nib_optimizers[];
extern const int nib_optimizers_count;
const nib_optimizer *nib_optimizer_find(const char *name);

/** Whether updates may be given nib_update.steps. */
bool nib_optimizer_on_grids(const nib_optimizer *optimizer, const void *options);

/** Whether they may be given nib_update.second. */
bool nib_optimizer_adds(const nib_optimizer *optimizer, const void *options);

/** Apply to all trainable rows. */
void nib_optimizer_apply(const nib_optimizer *optimizer, const void *options, const nib_update *update);

/** Apply to what lies of the trainable rows in floats [first, first + count) of the flat vectors, multiples
 * of
 * 16. Updates go element by element: ranges that make up the whole give the same bits as nib_optimizer_apply,
 * on whatever threads they are. */
void nib_optimizer_apply_range(const nib_optimizer *optimizer, const void *options, const nib_update *update,
                               int64_t first, int64_t count);

/** Euclidean norm of all trainable gradients (double sums in table order). */
double nib_gradient_norm(const nib_params *params);

#endif
