/** Small quantized models on hand-made rows, for tests of lowering and evaluation. */
#ifndef NIB_TESTS_TRAIN_QUANTIZED_H
#define NIB_TESTS_TRAIN_QUANTIZED_H

#include "train/lower.h"

typedef struct quantized {
    nib_config *config;
    nib_arena *arena;
    nib_dataset data; /**< input x of 6 features, target y of 3 classes */
    nib_model *model;
    nib_team *team;
} quantized;

/** Sections `model` and `quant` as YAML flow maps. Inputs are normal numbers, half-steps and far-out ones;
 * weights are normal with deviation 0.5, running statistics of batch norm are made up. Ends the test with a
 * message when anything fails. */
void quantized_create(quantized *q, const char *model, const char *quant, int64_t rows, uint64_t seed);
void quantized_destroy(quantized *q);

/** Weights again, from another seed. */
void quantized_draw(quantized *q, uint64_t seed);

extern const char quantized_chain[];  /**< x -> dense 8, relu, dense 7, relu, dense -> y */
extern const char quantized_norm[];   /**< the same with batch norm behind the first dense layer */
extern const char quantized_tables[]; /**< tanh and sigmoid between dense layers */
extern const char quantized_graph[];  /**< add, concat, leaky_relu, dropout */

#endif
