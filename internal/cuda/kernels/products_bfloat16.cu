// Matrix products in bfloat16.
#include "gemm.cuh"

GEMMS(bfloat16, Bfloat16)
