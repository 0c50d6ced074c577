// Matrix products in TF32.
#include "gemm.cuh"

GEMMS(tf32, Tf32)
GEMM(tf32, Tf32, 256, 128)
