/** Options of the losses that compare a network with its teacher. */
#ifndef NIB_CORE_SOFT_LOSS_H
#define NIB_CORE_SOFT_LOSS_H

#include "core/options.h"

typedef struct nib_soft_loss_options {
    double temperature;
} nib_soft_loss_options;

#define NIB_SOFT_LOSS_ROW                                                                                    \
    NIB_ROW(nib_soft_loss_options, temperature, NIB_OPTION_FLOAT, "2", 0.01, 1000, NULL, "",                 \
            "logits are divided by it: the higher, the more the unlikely classes count")

#endif
