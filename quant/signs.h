/** Options of binary and ternary, which the quantizers that sample are when evaluated. */
#ifndef NIB_QUANT_SIGNS_H
#define NIB_QUANT_SIGNS_H

#include "quant/scale.h"

typedef struct nib_binary_options {
    bool use_01;
    const char *alpha;
    int per, snap, ste;
    nib_scale scale; /**< filled by the check */
} nib_binary_options;

typedef struct nib_ternary_options {
    const char *alpha;
    double threshold;
    int64_t number_of_unrolls;
    int per, snap, ste;
    nib_scale scale; /**< filled by the check */
} nib_ternary_options;

extern const nib_quantizer nib_quantizer_binary, nib_quantizer_ternary;

/** The factor of the signs of a group: alpha, or fitted to it. */
float nib_binary_factor(const nib_binary_options *options, const nib_scale_group *group);

#endif
