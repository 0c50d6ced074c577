#include "common.cuh"

// y = value, for anything of 32 bits.
extern "C" __global__ void fill(i64 n, u32 value, u32 *y) {
    GRID_STRIDE(i, n) y[i] = value;
}
