// Matrix products in bfloat16.
#include "gemm.cuh"

GEMMS(bfloat16, Bfloat16)
GEMM(bfloat16, Bfloat16, 256, 128)
