/** What hardware or its simulation answered, against the integer engine. */
#ifndef NIB_TOOLS_COMPARE_HARDWARE_H
#define NIB_TOOLS_COMPARE_HARDWARE_H

#include <stdio.h>

#include "core/team.h"
#include "datasets/dataset.h"
#include "quant/fixnet.h"

/** The first number that differs. */
typedef struct nib_hardware_difference {
    int64_t row, column; /**< of the file; row -1: nothing differs */
    const char *target;  /**< the output that the column belongs to, and */
    int64_t element;     /**< which of its elements */
    double wanted, found;
    int64_t wanted_code, found_code;
    bool on_grid;          /**< the found number is a code of the type; else found_code means nothing */
    int low_bit, high_bit; /**< lowest and highest bit of the codes that differ */
} nib_hardware_difference;

typedef struct nib_hardware_comparison {
    int64_t rows, columns, differing, differing_rows;
    int64_t largest; /**< difference in steps, of those on the grid */
    nib_hardware_difference first;
    char type[64]; /**< of the first differing element */
} nib_hardware_comparison;

/** Compare a file (.npy, text: tools/numbers.h; columns are the outputs side by side) with what the network
 * gives for the first rows of `data`. Numbers stand for the outputs' values; an .npy of integers holds codes.
 * Text may be rounded in its last digits: a number within a quarter of a step of a code is that code.
 *  Errors: NIB_ERR_INPUT: another width, more rows than there are data. */
NIB_MUST_USE nib_status nib_hardware_compare(const nib_fixnet *net, const nib_dataset *data, const char *path,
                                             nib_team *team, nib_hardware_comparison *comparison,
                                             nib_error *err);

/** One line when all are equal, else what differs first. */
void nib_hardware_print(const nib_hardware_comparison *comparison, FILE *out);

#endif
