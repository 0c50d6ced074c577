// Matrix products in TF32; products.go launches them.
#include "gemm.cuh"

GEMMS(tf32, Tf32)
GEMM(tf32, Tf32, 256, 128)
