// Matrix products in TF32.
#include "gemm.cuh"

GEMMS(tf32, Tf32)
