// Matrix products in bfloat16; products.go launches them.
#include "gemm.cuh"

GEMMS(bfloat16, Bfloat16)
GEMM(bfloat16, Bfloat16, 256, 128)
