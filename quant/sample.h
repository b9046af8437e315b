/** Quantizers that sample: -1, 0 or 1 at random in training, with probabilities that follow x. */
#ifndef NIB_QUANT_SAMPLE_H
#define NIB_QUANT_SAMPLE_H

#include "quant/curve.h"
#include "quant/scale.h"
#include "quant/signs.h"

/** Options of stochastic_binary, stochastic_ternary and bernoulli that have the same meaning. */
typedef struct nib_sample {
    double temperature;
    bool use_real_sigmoid;
    int sigmoid; /**< nib_curve_sigmoid where use_real_sigmoid is false */
} nib_sample;

/** Rows of the option table, for a struct with these fields. */
#define NIB_SAMPLE_TEMPERATURE_ROW(type, initial)                                                            \
    NIB_ROW(type, temperature, NIB_OPTION_FLOAT, initial, 1e-6, 1e6, NULL, "",                               \
            "factor of x in the probability: the larger, the less random")
#define NIB_SAMPLE_REAL_ROW(type)                                                                            \
    NIB_ROW(type, use_real_sigmoid, NIB_OPTION_BOOL, "true", 0, 0, NULL, "",                                 \
            "the probability is 1/(1 + exp(-t)); false: the option sigmoid")

/** sigmoid(temperature * t). */
float nib_sample_probability(const nib_sample *sample, float t);

/** Standard deviation of a group, and 1e-7 more. */
float nib_sample_deviation(const nib_scale_group *group);

/** Training: y = factor * (1 with the probability of x, else -1, or 0 for use_01); x counts in standard
 * deviations of those who share a fitted scale. */
void nib_sample_signs(const nib_quantize_call *call, const nib_binary_options *evaluated,
                      const nib_sample *sample);

#endif
