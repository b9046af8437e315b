/** Tables of numbers from .npy files and from text, for commands that take what other programs wrote. */
#ifndef NIB_TOOLS_NUMBERS_H
#define NIB_TOOLS_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"

typedef struct nib_numbers {
    int64_t rows, columns;
    const double *value; /**< [rows, columns] */
    bool integers;       /**< an .npy of integers: codes, where codes make sense */
} nib_numbers;

/** Read `path`: an .npy file, whose first dimension are the rows; else text with a row in each line, numbers
 * separated by blanks, commas or semicolons (one line of names at the top and empty lines are left out). In
 * the arena. Errors: NIB_ERR_INPUT naming file and line. */
NIB_MUST_USE nib_status nib_numbers_read(const char *path, nib_arena *arena, nib_numbers *numbers,
                                         nib_error *err);

#endif
