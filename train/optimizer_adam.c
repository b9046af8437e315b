/* Adam; the formulas are in train/adam_pass.h. */
#include "train/adam_pass.h"

typedef struct adam_options {
    double lr, beta_1, beta_2, epsilon;
    bool amsgrad;
} adam_options;

/* 1 - 2^-24: nearer to 1 a rate of change would round to 0 in float. */
static const nib_option rows[] = {
    NIB_ROW(adam_options, lr, NIB_OPTION_FLOAT, "0.001", 0, 1e3, NULL, "", "learning rate"),
    NIB_ROW(adam_options, beta_1, NIB_OPTION_FLOAT, "0.9", 0, 0.99999994, NULL, "",
            "decay of the running mean of the gradient"),
    NIB_ROW(adam_options, beta_2, NIB_OPTION_FLOAT, "0.999", 0, 0.99999994, NULL, "",
            "decay of the running mean of its square"),
    NIB_ROW(adam_options, epsilon, NIB_OPTION_FLOAT, "1e-7", 1e-12, 1, NULL, "",
            "added to the root of the mean square"),
    NIB_ROW(adam_options, amsgrad, NIB_OPTION_BOOL, "false", 0, 0, NULL, "",
            "divide by the largest mean square so far"),
};

static int slots_used(const void *options)
{
    const adam_options *o = options;
    return o->amsgrad ? 3 : 2;
}

static bool on_grids(const void *options)
{
    const adam_options *o = options;
    return !o->amsgrad && NIB_ADAM_ON_GRIDS;
}

static bool adds(const void *options)
{
    const adam_options *o = options;
    return !o->amsgrad;
}

static void update(const void *options, const nib_update *u, const nib_param *row)
{
    const adam_options *o = options;
    const nib_adam_numbers numbers = {o->beta_1, o->beta_2, o->epsilon, o->amsgrad};
    const nib_pass pass = nib_pass_begin(u, row);
    NIB_ISA_NAME(nib_adam_pass)(&pass, &numbers, u->step, 0);
}

const nib_optimizer NIB_ISA_NAME(nib_optimizer_adam) = {
    .name = "adam",
    .help = "running means of the gradient and its square; a good first choice",
    .source = "Kingma and Ba, arXiv:1412.6980; amsgrad: Reddi et al., ICLR 2018; tf.keras 2.15 Adam",
    .options = NIB_OPTION_TABLE(adam_options, rows),
    .slots = 3,
    .slot_names = {"m", "v", "vhat"},
    .slots_used = slots_used,
    .on_grids = on_grids,
    .adds = adds,
    .update = update,
};
