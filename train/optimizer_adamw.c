/* AdamW: Adam after decoupled weight decay, w -= lr weight_decay w; the formulas are in train/adam_pass.h.
 * Keras decays every trained variable, biases and batch norm too; `decay: kernels` spares what is no kernel.
 */
#include "train/adam_pass.h"

enum { DECAY_ALL, DECAY_KERNELS };

typedef struct adamw_options {
    double lr, weight_decay;
    int decay;
    double beta_1, beta_2, epsilon;
    bool amsgrad;
} adamw_options;

static const nib_option rows[] = {
    NIB_ROW(adamw_options, lr, NIB_OPTION_FLOAT, "0.001", 0, 1e3, NULL, "", "learning rate"),
    NIB_ROW(adamw_options, weight_decay, NIB_OPTION_FLOAT, "0.004", 0, 1e3, NULL, "",
            "weights shrink by lr x weight_decay in every step"),
    NIB_ROW(adamw_options, decay, NIB_OPTION_CHOICE, "all", 0, 0, "all|kernels", "",
            "which parameters decay: all (Keras) or kernels only"),
    NIB_ROW(adamw_options, beta_1, NIB_OPTION_FLOAT, "0.9", 0, 0.99999994, NULL, "",
            "decay of the running mean of the gradient"),
    NIB_ROW(adamw_options, beta_2, NIB_OPTION_FLOAT, "0.999", 0, 0.99999994, NULL, "",
            "decay of the running mean of its square"),
    NIB_ROW(adamw_options, epsilon, NIB_OPTION_FLOAT, "1e-7", 1e-12, 1, NULL, "",
            "added to the root of the mean square"),
    NIB_ROW(adamw_options, amsgrad, NIB_OPTION_BOOL, "false", 0, 0, NULL, "",
            "divide by the largest mean square so far"),
};

static int slots_used(const void *options)
{
    const adamw_options *o = options;
    return o->amsgrad ? 3 : 2;
}

static bool on_grids(const void *options)
{
    const adamw_options *o = options;
    return !o->amsgrad && NIB_ADAM_ON_GRIDS;
}

static bool adds(const void *options)
{
    const adamw_options *o = options;
    return !o->amsgrad;
}

static void update(const void *options, const nib_update *u, const nib_param *row)
{
    const adamw_options *o = options;
    const nib_adam_numbers numbers = {o->beta_1, o->beta_2, o->epsilon, o->amsgrad};
    const nib_pass pass = nib_pass_begin(u, row);
    const double factor = o->decay == DECAY_KERNELS ? row->decay : 1;
    NIB_ISA_NAME(nib_adam_pass)(&pass, &numbers, u->step, pass.lr * o->weight_decay * factor);
}

const nib_optimizer NIB_ISA_NAME(nib_optimizer_adamw) = {
    .name = "adamw",
    .help = "Adam with decoupled weight decay",
    .source = "Loshchilov and Hutter, arXiv:1711.05101; tf.keras 2.15 AdamW",
    .options = NIB_OPTION_TABLE(adamw_options, rows),
    .by_role = true,
    .slots = 3,
    .slot_names = {"m", "v", "vhat"},
    .slots_used = slots_used,
    .on_grids = on_grids,
    .adds = adds,
    .update = update,
};
