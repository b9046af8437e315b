#include "core/tensor.h"

int64_t nib_padded(int64_t floats)
{
    return (floats + NIB_LANE_FLOATS - 1) / NIB_LANE_FLOATS * NIB_LANE_FLOATS;
}

nib_tensor nib_tensor_matrix(float *data, int64_t rows, int64_t cols, int64_t stride)
{
    return (nib_tensor){
        .data = data, .rank = 2, .dim = {rows, cols, 1, 1}, .row_size = cols, .stride = stride};
}
