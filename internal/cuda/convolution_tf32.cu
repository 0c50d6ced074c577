// Convolutions in TF32.
#include "convolution.cuh"

CONVOLUTIONS(tf32, Tf32)
LARGE_CONVOLUTIONS(tf32, Tf32)
