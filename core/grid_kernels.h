/** Grid steps on matrices, compiled once per instruction set (core/isa.h): entries of nib_kernels, which says
 * what they do. Private to core. */
#ifndef NIB_CORE_GRID_KERNELS_H
#define NIB_CORE_GRID_KERNELS_H

#include "core/grid_step.h"
#include "core/isa.h"
#include "core/tensor.h"

/** nib_kernels.grid */
void NIB_ISA_NAME(nib_grid_rows)(const nib_grid_step *step, bool relu, nib_tensor y, nib_tensor x,
                                 int64_t rows, unsigned char *pass);
/** nib_kernels.grid_flat */
void NIB_ISA_NAME(nib_grid_flat)(const nib_grid_step *step, bool relu, float *y, const float *x, int64_t n,
                                 unsigned char *pass);
/** nib_kernels.grid_gradient */
void NIB_ISA_NAME(nib_grid_gradient_rows)(const nib_grid_step *step, bool relu, bool accumulate,
                                          nib_tensor dx, nib_tensor dy, nib_tensor x, int64_t rows);
/** nib_kernels.pass_gradient */
void NIB_ISA_NAME(nib_grid_pass_rows_of_bits)(nib_tensor dx, const unsigned char *pass, int64_t rows);

#endif
